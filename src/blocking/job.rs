//! Jobs: closures on their way through the pool, and who waits for them.

use std::{
    future::poll_fn,
    io, mem,
    panic::{AssertUnwindSafe, Location, catch_unwind},
    task::{Context, Poll, Waker},
    thread,
};

use super::pool::{self, Place};
use crate::{
    events::{SignalSender, signal_sender},
    sync::{Arc, Mutex},
    task::{discard, finalise_current},
};

pub(crate) type Work<T> = Box<dyn FnOnce() -> io::Result<T> + Send>;

/// A closure that was given to the pool, and in time its result.
///
/// To drop it is to leave it behind: it runs when its turn comes, and its result is dropped on the pool.
pub(crate) struct Job<T> {
    state: Arc<Mutex<State<T>>>,
    place: Place,
}

struct State<T> {
    stage: Stage<T>,
    waiter: Option<Waiter>,
}

enum Stage<T> {
    Queued(Work<T>),
    UnderWay,
    /// With its result, or its panic; or with the error that no thread could run it.
    Ended(thread::Result<io::Result<T>>),
    /// Withdrawn, or its result was taken.
    Gone,
}

/// Who is woken when it has ended.
struct Waiter {
    waker: Waker,
    /// While this exists, the domain expects news: its run is not given up as stuck.
    _expected: Option<SignalSender>,
}

impl<T: Send + 'static> Job<T> {
    pub(crate) fn start(work: Work<T>) -> Self {
        let state = Arc::new(Mutex::new(State { stage: Stage::Queued(work), waiter: None }));
        let theirs = state.clone();
        // Whether it still is to run when its turn comes is up to the state.
        let place = pool::run(Box::new(move |granted| run(theirs, granted)));
        Self { state, place }
    }

    /// The result, once.
    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<thread::Result<io::Result<T>>> {
        // Out of the lock: a waker is anybody's code.
        let waiter = Waiter { waker: cx.waker().clone(), _expected: signal_sender().ok() };
        let mut state = self.state.lock();
        let unused = match mem::replace(&mut state.stage, Stage::Gone) {
            Stage::Ended(result) => {
                drop(state);
                drop(waiter);
                return Poll::Ready(result);
            }
            stage => {
                state.stage = stage;
                state.waiter.replace(waiter)
            }
        };
        drop(state);
        drop(unused);
        Poll::Pending
    }

    /// Nobody wants it any more. If it is under way, the current task has finished only when it has ended.
    pub(crate) fn cancel(self, location: &'static Location<'static>) {
        if !self.withdraw() {
            self.finish(location);
        }
    }

    /// Takes it back if it has not begun, and drops its result if it has ended; `false` if it is under way.
    pub(crate) fn withdraw(&self) -> bool {
        let mut state = self.state.lock();
        if let Stage::UnderWay = state.stage {
            return false;
        }
        let stage = mem::replace(&mut state.stage, Stage::Gone);
        drop(state);
        if let Stage::Queued(_) = stage {
            self.place.leave();
        }
        drop(stage);
        true
    }

    /// Nobody wants its result any more, but it is to run: the current task, if there is one, has finished
    /// only when it has ended.
    pub(crate) fn finish(self, location: &'static Location<'static>) {
        let is_over = matches!(self.state.lock().stage, Stage::Ended(_) | Stage::Gone);
        if !is_over {
            finalise_current(location, async move {
                // Of a panic, the panic hook has told.
                drop(poll_fn(|cx| self.poll(cx)).await);
            });
        }
    }
}

/// On a thread of the pool, if one was `granted`; else wherever it was found that there is none.
fn run<T>(job: Arc<Mutex<State<T>>>, granted: io::Result<()>) {
    let mut state = job.lock();
    let work = match mem::replace(&mut state.stage, Stage::UnderWay) {
        Stage::Queued(work) => work,
        gone => {
            state.stage = gone;
            return;
        }
    };
    drop(state);
    let result = match granted {
        Ok(()) => catch_unwind(AssertUnwindSafe(work)),
        Err(error) => {
            discard(work);
            Ok(Err(error))
        }
    };
    let mut state = job.lock();
    state.stage = Stage::Ended(result);
    let waiter = state.waiter.take();
    drop(state);
    if let Some(Waiter { waker, _expected }) = waiter {
        // Before it says that no more news will come.
        waker.wake();
    }
    // If it was left behind, this is the end of the result, whose destructor is the user's.
    discard(job);
}

impl<T> Drop for Job<T> {
    fn drop(&mut self) {
        let waiter = self.state.lock().waiter.take();
        drop(waiter);
    }
}
