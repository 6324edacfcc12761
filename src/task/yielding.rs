//! Giving way.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use crate::domain::Local;

/// Gives way: the task goes to the back of its domain's queue of ordinary tasks.
///
/// ```
/// use vigie::{PromiseState, spawn, yield_now};
///
/// vigie::run(async {
///     let other = spawn(async {});
///     assert_eq!(other.state(), PromiseState::Running);
///     // It is ahead in the queue.
///     yield_now().await;
///     assert_eq!(other.state(), PromiseState::Returned);
/// }).unwrap();
/// ```
#[inline]
pub fn yield_now() -> YieldNow {
    YieldNow { given: false }
}

/// Gives way if [`should_yield`](crate::should_yield) says so.
///
/// ```
/// use std::time::Duration;
/// use vigie::{PromiseState, spawn, time::sleep, yield_if_needed, yield_now};
///
/// vigie::run(async {
///     let nap = spawn(sleep(Duration::from_millis(1)));
///     yield_now().await;
///     // Only news from outside is a reason to give way: here the timer.
///     while nap.state() == PromiseState::Running {
///         yield_if_needed().await;
///     }
///     nap.await.unwrap()
/// }).unwrap().unwrap();
/// ```
pub async fn yield_if_needed() {
    if crate::should_yield() {
        yield_now().await;
    }
}

/// The future of [`yield_now`].
///
/// ```
/// use vigie::YieldNow;
///
/// /// Gives way at every tenth step.
/// fn pause(step: u32) -> Option<YieldNow> {
///     (step % 10 == 0).then(vigie::yield_now)
/// }
///
/// vigie::run(async {
///     let before = vigie::Domain::current().unwrap().metrics().unwrap().slices;
///     for step in 1..=100 {
///         if let Some(pause) = pause(step) {
///             pause.await;
///         }
///     }
///     assert_eq!(vigie::Domain::current().unwrap().metrics().unwrap().slices, before + 10);
/// }).unwrap();
/// ```
#[must_use = "futures do nothing unless polled"]
#[derive(Debug)]
pub struct YieldNow {
    given: bool,
}

impl Future for YieldNow {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.given {
            return Poll::Ready(());
        }
        self.given = true;
        if Local::with(|local| local.give_way(cx.waker())) != Some(true) {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}
