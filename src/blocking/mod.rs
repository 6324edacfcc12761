//! Work that blocks: closures that run on a pool of threads, never on a domain.
//!
//! [`unblock`] is for what has no other form than a call that blocks its thread: a library for databases, a
//! compression, a long computation. Files ([`fs`](crate::fs)), the standard streams
//! ([`io`](crate::io)) and the names of hosts go the same way.
//!
//! # Structure
//!
//! A closure belongs to the task that awaits it. One that has not begun when its future is dropped, by the
//! end of its task, by a timeout or otherwise, never runs, and is dropped there. One that is under way cannot
//! be stopped: the future is gone at once, but the task that dropped it has not finished, and
//! [`run`](crate::run) does not return, before the closure has ended. It waits as a child of that task, as a
//! finaliser of [`protect`](crate::protect) does, which [`tree()`](crate::tree()) and
//! [`Builder::shutdown_report`](crate::Builder::shutdown_report) name by the place that called [`unblock`]. So
//! a closure should end before long by itself, or look at a flag that the task's destructors set. What a task
//! waits for in this way, and its finalisers, it waits for one after the other: a closure that does not end
//! holds up those that were dropped after it.
//!
//! ```
//! use std::sync::mpsc::channel;
//! use vigie::{spawn, unblock};
//!
//! vigie::run(async {
//!     let ((begun, begins), (go, goes), (done, ends)) = (channel(), channel(), channel());
//!     let task = spawn(unblock(move || {
//!         begun.send(()).unwrap();
//!         goes.recv().unwrap();
//!         done.send(()).unwrap();
//!     }));
//!     unblock(move || begins.recv()).await.unwrap();
//!     // It is under way, and cannot be stopped: the task ends when it does.
//!     let cancel = task.cancel();
//!     go.send(()).unwrap();
//!     cancel.await.unwrap();
//!     ends.try_recv().unwrap();
//! }).unwrap();
//! ```
//!
//! There are the two exceptions of finalisers: if the domain's events fail, or if the future is dropped
//! outside of any task, a closure under way is left behind.
//!
//! # The pool
//!
//! There is one for the whole process. It has a thread for each closure under way, 500 at most, or as many as
//! the environment variable `BLOCKING_MAX_THREADS` says when the first closure comes (1 to 10000). Closures
//! beyond that wait for their turn, first in, first out: those that wait for each other may wait for ever. A
//! thread that has had nothing to do for ten seconds ends. It inherits what threads inherit, as the processors
//! that it may run on, from the domain that needed it first. Threads of the pool keep neither a run nor the
//! process from ending.
//!
//! Where no further thread can be started, closures wait for the threads that there are. Where there is none at
//! all, they fail: with an error that says so, which is that of [`unblock`], of the operation on a file, or of
//! the lookup of a name. They are dropped then, and have not begun: in the task
//! that has asked for the thread, which may be another, on another domain. Later ones try again.

mod handle;
mod job;
mod pool;

use std::{
    fmt,
    future::Future,
    io, mem,
    panic::{Location, resume_unwind},
    pin::Pin,
    task::{Context, Poll, ready},
};

pub(crate) use self::{
    handle::Handle,
    job::{Job, Work},
};

/// Runs a closure on the pool of threads, and gives its result.
///
/// It is put into the pool's queue when the future is first polled. To have several run at once, poll their
/// futures at once: each in a task of its own, or several in a [`scope`](crate::scope).
///
/// Not cancellation-safe: when the future is dropped, a closure that has not begun never runs, and the
/// result of one that has is lost. That one is waited for by the task: see the [module](self).
///
/// Outside of a run it can be awaited as well.
///
/// # Errors
///
/// The pool has no thread, and none can be started: the closure was dropped, and has not begun. Where there are
/// others, it waits for those.
///
/// # Panics
///
/// A panic of the closure goes on in the task that awaits it, and so becomes its
/// [`TaskError::Panicked`](crate::TaskError::Panicked).
///
/// ```
/// use vigie::unblock;
///
/// vigie::run(async {
///     let text = "ahoy".repeat(1000);
///     // Nothing else on this domain waits for that.
///     let count = unblock(move || text.bytes().filter(|byte| *byte == b'a').count()).await.unwrap();
///     assert_eq!(count, 1000);
/// }).unwrap();
/// ```
#[track_caller]
pub fn unblock<T, F>(closure: F) -> Unblocked<T>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    Unblocked::new(Location::caller(), || Ok(closure()))
}

/// The future of [`unblock`], and of the functions of [`fs`](crate::fs). It is `Send`: what is under way may be
/// awaited on another domain.
///
/// ```
/// use vigie::blocking::Unblocked;
///
/// vigie::run(async {
///     let work: Unblocked<u32> = vigie::unblock(|| 6 * 7);
///     assert_eq!(vigie::call(move || work).await.unwrap().unwrap(), 42);
/// }).unwrap();
/// ```
#[must_use = "futures do nothing unless polled"]
pub struct Unblocked<T: Send + 'static> {
    stage: Stage<T>,
    location: &'static Location<'static>,
}

enum Stage<T> {
    /// Never polled.
    Idle(Work<T>),
    Given(Job<T>),
    Over,
}

impl<T: Send + 'static> Unblocked<T> {
    /// Names the place to which the closure is put down.
    pub(crate) fn new(
        location: &'static Location<'static>,
        closure: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Self {
        Self { stage: Stage::Idle(Box::new(closure)), location }
    }
}

impl<T: Send + 'static> Future for Unblocked<T> {
    type Output = io::Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let job = match mem::replace(&mut self.stage, Stage::Over) {
            Stage::Idle(work) => Job::start(work),
            Stage::Given(job) => job,
            // Polled after its end.
            Stage::Over => return Poll::Pending,
        };
        let polled = job.poll(cx);
        if polled.is_pending() {
            self.stage = Stage::Given(job);
        }
        Poll::Ready(ready!(polled).unwrap_or_else(|panic| resume_unwind(panic)))
    }
}

impl<T: Send + 'static> Drop for Unblocked<T> {
    fn drop(&mut self) {
        if let Stage::Given(job) = mem::replace(&mut self.stage, Stage::Over) {
            job.cancel(self.location);
        }
    }
}

impl<T: Send + 'static> fmt::Debug for Unblocked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Unblocked").field(&format_args!("{}", self.location)).finish()
    }
}
