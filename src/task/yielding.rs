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
/// vigie::run(async { vigie::yield_now().await }).unwrap();
/// ```
#[inline]
pub fn yield_now() -> YieldNow {
    YieldNow { given: false }
}

/// Gives way if [`should_yield`](crate::should_yield) says so.
///
/// ```
/// vigie::run(async {
///     for _ in 0..1000 {
///         vigie::yield_if_needed().await;
///     }
/// }).unwrap();
/// ```
pub async fn yield_if_needed() {
    if crate::should_yield() {
        yield_now().await;
    }
}

/// The future of [`yield_now`].
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
