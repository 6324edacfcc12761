//! What the observer's thread does with the watch: blocks in the poller, pushes what is ready, and judges when
//! to stand down.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Instant,
};

use super::{News, found::Polled, pace::Pace, poller::Poller};
use crate::{
    events::{Counted, ReadySender, Seat},
    protocol::{Stopped, Watchman},
    sync::{Arc, AtomicBool, AtomicU32, Ordering},
};

/// What domain and observer tell each other without needing to be right. All relaxed: nothing depends
/// on them but speed.
#[derive(Debug, Default)]
pub(super) struct Hints {
    /// The domain computes, and is heard of too seldom to poll by itself.
    pub(super) needed: AtomicBool,
    /// How often the domain woke tasks by polling, until it recalled the observer.
    pub(super) harvests: AtomicU32,
}

/// The observer thread's side.
pub(super) struct Keeper {
    news: ReadySender<News>,
    hints: Arc<Hints>,
    seat: Seat,
    always: bool,
    polled: Polled,
    pace: Pace,
}

impl Keeper {
    pub(super) fn new(news: ReadySender<News>, hints: Arc<Hints>, seat: Seat, always: bool) -> Self {
        Self { news, hints, seat, always, polled: Vec::new(), pace: Pace::new(Instant::now()) }
    }
}

impl Watchman<Box<dyn Poller>> for Keeper {
    fn harvest(&mut self, poller: &mut Box<dyn Poller>) -> Result<bool, Stopped> {
        // A panic here would be heard of only at the end of a domain that may wait for ever.
        let polled = catch_unwind(AssertUnwindSafe(|| poller.poll(None, &mut self.polled)));
        if let Err(error) = polled.unwrap_or_else(|_| Err(io::Error::other("the poller panicked"))) {
            self.news.push_all([News::Failed(error)]);
            return Err(Stopped);
        }
        if !self.always {
            self.pace.batch(Instant::now(), self.polled.len());
        }
        if !self.polled.is_empty() {
            self.seat.count(Counted::Pushed, self.polled.len());
            if self.seat.is_timed() {
                self.news.push_all([News::At(Instant::now())]);
            }
        }
        let batch = self.polled.drain(..).map(|(token, readiness)| News::Ready(token, readiness));
        Ok(self.news.push_all(batch))
    }

    fn stands_down(&mut self) -> bool {
        if self.always {
            return false;
        }
        let needed = self.hints.needed.load(Ordering::Relaxed);
        let down = self.pace.stands_down(needed, self.hints.harvests.load(Ordering::Relaxed));
        if down {
            self.seat.count(Counted::StoodDown, 1);
        }
        down
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{events::ready_queue, protocol::Watch, system::test_seat};

    struct Panics;

    impl Poller for Panics {
        fn poll(&mut self, _: Option<Duration>, _: &mut Polled) -> io::Result<()> {
            panic!("a poller's panic")
        }
    }

    #[test]
    fn a_poller_that_panics_is_one_that_fails() {
        let seat = test_seat();
        let domain = seat.signal_sender().parker();
        let (news, told) = ready_queue(&seat.signal_sender());
        let watch = Watch::<Box<dyn Poller>>::new(Box::new(Panics), domain.clone());
        watch.recall();
        // The observer's whole life, on this thread.
        watch.observe(&mut Keeper::new(news, Arc::default(), seat, false));
        assert!(domain.take(), "a domain that waits is woken");
        assert!(matches!(told.try_recv(), Some(News::Failed(_))), "and learns why");
        assert!(watch.harvest(|_| ()).is_none(), "nobody polls again");
    }
}
