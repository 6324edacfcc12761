//! Timers, as hyper has them: `Send` and `Sync`, and without an error.

use std::{
    cell::RefCell,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use slab::Slab;

use crate::{
    domain::Domain,
    domain_local::DomainLocal,
    sync::{Arc, Queue},
    time::{self, sleep_until},
};

/// Gives hyper its timeouts: that of a request's head, HTTP/2's keep-alive.
///
/// Each fires on the domain that its connection is driven on, as [`sleep`](crate::time::sleep) does. One that
/// is carried to another domain goes on there, until the same deadline. Where there are no timers, outside of
/// a run or with other events, it is over when it is polled after its deadline, and nothing wakes the task
/// for that.
///
/// ```
/// use std::time::Duration;
/// use hyper::rt::Timer as _;
///
/// vigie::run(async { vigie::hyper::Timer.sleep(Duration::from_millis(1)).await }).unwrap();
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Timer;

impl ::hyper::rt::Timer for Timer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn ::hyper::rt::Sleep>> {
        self.sleep_until(time::sleep(duration).deadline())
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn ::hyper::rt::Sleep>> {
        Box::pin(Sleep { deadline, place: None })
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn ::hyper::rt::Sleep>>, deadline: Instant) {
        match sleep.as_mut().downcast_mut_pin::<Sleep>() {
            Some(mut own) => *own = Sleep { deadline, place: None },
            None => *sleep = self.sleep_until(deadline),
        }
    }
}

/// A sleep that any thread may hold. The real one stays in its domain's table.
#[derive(Debug)]
struct Sleep {
    deadline: Instant,
    /// Where the real one is, once it was started.
    place: Option<Place>,
}

impl ::hyper::rt::Sleep for Sleep {}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.place.as_ref().is_some_and(|place| !place.is_here()) {
            // Carried here from another domain: it starts anew.
            self.place = None;
        }
        if self.place.is_none() {
            self.place = Place::take(self.deadline);
        }
        match self.place.as_ref().and_then(|place| place.poll(cx)) {
            Some(polled) => polled,
            // No timer can be had here.
            None if self.deadline <= Instant::now() => Poll::Ready(()),
            None => Poll::Pending,
        }
    }
}

/// The sleeps of each domain.
static SLEEPS: DomainLocal<Sleeps> = DomainLocal::new(Sleeps::new);

#[derive(Debug)]
struct Sleeps {
    /// None while it is polled.
    table: RefCell<Slab<Option<time::Sleep>>>,
    /// The places of those that were let go of elsewhere, until this domain looks.
    left: Arc<Queue<usize>>,
}

impl Sleeps {
    fn new() -> Self {
        Self { table: RefCell::default(), left: Arc::new(Queue::new()) }
    }

    fn insert(&self, deadline: Instant) -> usize {
        // Before each new one: so what others have left never piles up.
        while let Some(key) = self.left.pop() {
            self.remove(key);
        }
        self.table.borrow_mut().insert(Some(sleep_until(deadline)))
    }

    fn remove(&self, key: usize) {
        let removed = self.table.borrow_mut().try_remove(key);
        // Outside of the borrow: its waker is anybody's code.
        drop(removed);
    }

    /// None if there is no timer to be had.
    fn poll(&self, key: usize, cx: &mut Context<'_>) -> Option<Poll<()>> {
        // Out of the table meanwhile: wakers are anybody's code.
        let mut sleep = self.table.borrow_mut().get_mut(key)?.take()?;
        let polled = Pin::new(&mut sleep).poll(cx);
        if let Some(place) = self.table.borrow_mut().get_mut(key) {
            *place = Some(sleep);
        }
        match polled {
            Poll::Pending => Some(Poll::Pending),
            Poll::Ready(Ok(())) => Some(Poll::Ready(())),
            Poll::Ready(Err(_no_timer)) => None,
        }
    }
}

/// The place of a sleep in the table of its domain. Dropped anywhere, it is given up.
#[derive(Debug)]
struct Place {
    domain: Domain,
    key: usize,
    left: Arc<Queue<usize>>,
}

impl Place {
    /// On the current domain, if there is one.
    fn take(deadline: Instant) -> Option<Self> {
        let domain = Domain::current()?;
        let taken =
            SLEEPS.with(|sleeps| Self { domain, key: sleeps.insert(deadline), left: sleeps.left.clone() });
        taken.ok()
    }

    fn is_here(&self) -> bool {
        Domain::current() == Some(self.domain)
    }

    fn poll(&self, cx: &mut Context<'_>) -> Option<Poll<()>> {
        SLEEPS.with(|sleeps| sleeps.poll(self.key, cx)).ok().flatten()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.is_here() {
            // Gone with its domain, it needs no removing.
            let _ = SLEEPS.with(|sleeps| sleeps.remove(self.key));
        } else {
            self.left.push(self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use ::hyper::rt::Timer as _;
    use futures_lite::future::poll_once;

    use super::*;
    use crate::{Builder, call};

    const LONG: Duration = Duration::from_secs(3600);

    fn count() -> usize {
        SLEEPS.with(|sleeps| sleeps.table.borrow().len()).unwrap()
    }

    #[test]
    fn a_sleep_that_is_let_go_of_elsewhere_leaves_its_table() {
        let ran = Builder::new().extra_domains(1).run(async {
            for _ in 0..100 {
                let mut sleep = Timer.sleep(LONG);
                assert_eq!(poll_once(sleep.as_mut()).await, None);
                let there = call(move || async move {
                    assert_eq!(poll_once(sleep.as_mut()).await, None);
                    assert_eq!(count(), 1, "one here, in place of the one that it was carried from");
                    drop(sleep);
                    assert_eq!(count(), 0);
                });
                there.await.unwrap();
                assert_eq!(count(), 1, "until this domain looks");
            }
            let mut sleep = Timer.sleep(LONG);
            assert_eq!(poll_once(sleep.as_mut()).await, None);
            assert_eq!(count(), 1);
            drop(sleep);
            assert_eq!(count(), 0);
        });
        ran.unwrap();
    }
}
