//! The errors of tasks and of runs.

use std::{any::Any, error::Error, fmt, io};

use crate::{domain::Tree, sync::Mutex};

/// What is said of a forked child.
const FORKED: &str = "the process has forked: the run goes on in the parent, and not in this child";

/// Why a task has no result.
///
/// ```
/// use vigie::{TaskError, TaskSet, spawn};
///
/// vigie::run(async {
///     let mut tasks = TaskSet::new();
///     tasks.spawn(async { "done" });
///     tasks.spawn(async { panic!("leak") });
///     while let Some(ended) = tasks.next().await {
///         match ended {
///             Ok(done) => assert_eq!(done, "done"),
///             Err(TaskError::Panicked(panic)) => assert_eq!(panic.message().as_deref(), Some("leak")),
///             Err(error) => unreachable!("{error}"),
///         }
///     }
///     let none: [vigie::Promise<()>; 0] = [];
///     assert!(matches!(vigie::await_first(none).await, Err(TaskError::Empty)));
/// }).unwrap();
///
/// let outside = futures_lite::future::block_on(spawn(async {}));
/// assert!(matches!(outside, Err(TaskError::OutsideRuntime)));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum TaskError {
    /// The task was cancelled before it was finished: by its parent, by the end of its parent, or
    /// by the failure of the run.
    Cancelled,
    /// The task panicked; the payload is inside.
    Panicked(Panic),
    /// `call` found no domain other than 0 and the caller's own, or `call_on` was given one of those
    /// or one of another run.
    NoDomainAvailable,
    /// The promise was awaited by a task that is not its parent.
    NotAChild,
    /// A task was to be started, or named, outside of any task: on a thread without a runtime, after the end
    /// of the run, or from within an event's own code.
    OutsideRuntime,
    /// The task was to be started, or awaited, by a task that is ending: from a destructor that its end
    /// or its cancellation runs; or started in a [scope](crate::scope) that had ended.
    Ending,
    /// Nothing was given to wait for.
    Empty,
    /// The task was to be started on another domain, and this process is a forked child of the one in which
    /// the run began: there is no other domain here.
    Forked,
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled => f.write_str("the task was cancelled"),
            Self::Panicked(panic) => write!(f, "the task panicked: {panic}"),
            Self::NoDomainAvailable => f.write_str("no domain is available for the call"),
            Self::NotAChild => f.write_str("the promise belongs to another task"),
            Self::OutsideRuntime => f.write_str("not inside a task of a running runtime"),
            Self::Ending => f.write_str("the task or the scope that asks for this is ending"),
            Self::Empty => f.write_str("nothing to wait for"),
            Self::Forked => f.write_str(FORKED),
        }
    }
}

impl Error for TaskError {}

impl From<TaskError> for io::Error {
    fn from(error: TaskError) -> Self {
        Self::other(error)
    }
}

/// The payload of a panic that ended a task.
///
/// ```
/// use vigie::{TaskError, spawn};
///
/// vigie::run(async {
///     let ended = spawn(async { panic!("mast {} broke", 2) }).await;
///     let Err(TaskError::Panicked(panic)) = ended else { unreachable!() };
///     assert_eq!(panic.message().unwrap(), "mast 2 broke");
///     assert_eq!(panic.to_string(), "mast 2 broke");
/// }).unwrap();
/// ```
pub struct Panic(
    // Boxed once more: every result has room for one, and hardly any is one.
    Box<Mutex<Box<dyn Any + Send>>>,
);

impl Panic {
    pub(crate) fn new(payload: Box<dyn Any + Send>) -> Self {
        Self(Box::new(Mutex::new(payload)))
    }

    /// The payload, as `std::panic::resume_unwind` takes it.
    ///
    /// ```
    /// use std::panic::{catch_unwind, panic_any, resume_unwind};
    /// use vigie::{TaskError, spawn};
    ///
    /// let caught = catch_unwind(|| vigie::run(async {
    ///     // What fails there is to fail here.
    ///     if let Err(TaskError::Panicked(panic)) = spawn(async { panic_any(7) }).await {
    ///         resume_unwind(panic.into_payload());
    ///     }
    /// }));
    /// assert_eq!(*caught.unwrap_err().downcast::<i32>().unwrap(), 7);
    /// ```
    pub fn into_payload(self) -> Box<dyn Any + Send> {
        self.0.into_inner()
    }

    /// The message, if the payload is one: what `panic!` makes of a literal or of a format string.
    ///
    /// ```
    /// use std::panic::panic_any;
    /// use vigie::{TaskError, spawn};
    ///
    /// vigie::run(async {
    ///     let ended = spawn(async { panic_any(7) }).await;
    ///     let Err(TaskError::Panicked(panic)) = ended else { unreachable!() };
    ///     assert_eq!(panic.message(), None);
    /// }).unwrap();
    /// ```
    pub fn message(&self) -> Option<String> {
        let payload = self.0.lock();
        let literal = payload.downcast_ref::<&'static str>().map(|text| (*text).to_owned());
        literal.or_else(|| payload.downcast_ref::<String>().cloned())
    }
}

impl fmt::Debug for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Panic").field(&self.message()).finish()
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message().as_deref().unwrap_or("(a payload that is no text)"))
    }
}

/// Why a run did not start, or did not reach its end, where the system is not to blame. It is found
/// inside the `io::Error` of [`Builder::run`](crate::Builder::run).
///
/// ```
/// use vigie::RunError;
///
/// vigie::run(async {
///     let error = vigie::run(async {}).unwrap_err();
///     let reason = error.get_ref().and_then(|reason| reason.downcast_ref());
///     assert_eq!(reason, Some(&RunError::AlreadyRunning));
/// }).unwrap();
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunError {
    /// A runtime already runs on this thread.
    AlreadyRunning,
    /// The builder asks for more domains than can be numbered.
    TooManyDomains,
    /// This process is a child that was forked while a run was under way. Neither the other domains nor
    /// whoever polls is here, so nothing that its tasks wait for would come: they were cancelled. The run of
    /// the parent goes on. Nor can another run be started here: start a new program, if need be.
    Forked,
    /// Every task waited, and nothing could wake any (see [`Deadlocks`](crate::Deadlocks)); these were
    /// they. All were cancelled, and have finished. The `io::Error` is of the kind
    /// [`Deadlock`](io::ErrorKind::Deadlock).
    Deadlock(Box<Tree>),
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyRunning => f.write_str("a runtime already runs on this thread"),
            Self::TooManyDomains => f.write_str("too many domains"),
            Self::Forked => f.write_str(FORKED),
            Self::Deadlock(tree) => write!(f, "every task waits, and nothing can wake any:\n{tree}"),
        }
    }
}

impl Error for RunError {}

impl From<RunError> for io::Error {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Deadlock(_) => Self::new(io::ErrorKind::Deadlock, error),
            _ => Self::other(error),
        }
    }
}
