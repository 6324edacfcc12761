//! What a runtime has to offer to be measured.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Instant,
};

use crate::micro::{cases::Case, loops::Woken};

/// A runtime as it takes part. Whatever it cannot do is an error that says why.
pub trait Contender: Sync {
    /// As the report calls it.
    fn name(&self) -> &'static str;

    /// Does it take part in this case, if only to say that it cannot? Not so where it is the same runtime as
    /// another contender, and that one takes part.
    fn takes_part(&self, _case: &Case) -> bool {
        true
    }

    /// Measures `count` operations, starting the runtime and ending it: a value for each part of the case.
    ///
    /// # Errors
    ///
    /// The runtime cannot do this, or not on this machine.
    fn measure(&self, case: &Case, count: u32) -> io::Result<Vec<f64>>;
}

/// One thread of a runtime, and the tasks it runs: what `run` hands to its main task. The bodies of the
/// tasks are the runtime's own, spawned as it recommends where they stay on their thread.
pub(super) trait Near: Sized + 'static {
    /// How it is started.
    type How: Send + 'static;
    type Task: 'static;

    /// Runs `main` on this thread, from the start of the runtime to its end; as a task where that is
    /// cheaper than what the runtime blocks on.
    fn run<F>(how: Self::How, main: impl FnOnce(Self) -> F + Send + 'static) -> io::Result<F::Output>
    where
        F: Future + 'static,
        F::Output: Send + 'static;

    /// A task that is ready at once.
    fn ready(&self) -> Self::Task;

    /// One that gives way so often.
    fn yields(&self, count: u32) -> Self::Task;

    /// One that connects, tells so, and reads to the end.
    fn reads(&self, from: SocketAddr, connected: Tally) -> Self::Task;

    /// One that tells that it has begun, and sleeps.
    fn sleeps(&self, until: Instant, begun: Tally) -> Self::Task;

    /// One that another thread wakes again and again.
    fn waits(&self, woken: Woken) -> Self::Task;

    async fn join(&self, task: Self::Task) -> io::Result<()>;

    /// Cancels the task, and sees it gone.
    async fn cancel(&self, task: Self::Task) -> io::Result<()>;
}

/// Two threads of a runtime, seen from the first: it starts tasks on the other.
pub(super) trait Far: Sized + 'static {
    type How: Send + 'static;
    type Sleeper: 'static;

    /// As [`Near::run`].
    fn run<F>(how: Self::How, main: impl FnOnce(Self) -> F + Send + 'static) -> io::Result<F::Output>
    where
        F: Future + 'static,
        F::Output: Send + 'static;

    /// Starts a task there that is ready at once, and awaits it.
    async fn call(&self) -> io::Result<()>;

    /// Starts one there that tells that it has begun, and sleeps for ever.
    fn sleeper(&self, begun: Tally) -> io::Result<Self::Sleeper>;

    /// Cancels it, and sees it gone.
    async fn cancel(&self, sleeper: Self::Sleeper) -> io::Result<()>;
}

/// Counts what tasks have done.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally(Arc<AtomicU32>);

impl Tally {
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Release);
    }

    pub(super) fn count(&self) -> u32 {
        self.0.load(Ordering::Acquire)
    }
}

/// A runtime cannot do this.
pub(super) fn unable<T>(why: &str) -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::Unsupported, why))
}
