//! The task cell: a future, then its result, in one place.

use std::{
    cell::RefCell,
    future::Future,
    mem,
    panic::{AssertUnwindSafe, Location, catch_unwind},
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
};

use crate::{
    domain::{Local, TaskId},
    error::{Panic, TaskError},
    slots::Key,
    task::{Ending, Node, Parent, Task, call::CallCell, promise::Promise, waker::TaskWaker},
    trace::SpanId,
};

/// Spawns a task on this domain, concurrent with its parent, the current task.
///
/// Its future need not be `Send`. It first runs when the parent gives way, in the order of spawning.
/// Dropping the promise cancels it. Where no task can be started, on a thread without a runtime or
/// in a destructor of a task that ends, the future is dropped and the promise resolves to
/// [`TaskError::OutsideRuntime`] or [`TaskError::Ending`].
///
/// ```
/// let sum = vigie::run(async {
///     let (one, two) = (vigie::spawn(async { 1 }), vigie::spawn(async { 2 }));
///     one.await.unwrap() + two.await.unwrap()
/// });
/// assert_eq!(sum.unwrap(), 3);
/// ```
#[track_caller]
pub fn spawn<F>(future: F) -> Promise<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    spawn_at(Location::caller(), future)
}

pub(crate) fn spawn_at<F>(location: &'static Location<'static>, future: F) -> Promise<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    match family() {
        Ok((local, parent)) => {
            let task = TaskCell::insert(&local, parent, location, None, future);
            local.schedule(task.clone());
            Promise::local(task)
        }
        Err(error) => Promise::failed(error),
    }
}

/// Starts a child that nobody holds: it ends by itself, or is cancelled with its parent, and its result is
/// dropped when it has finished. Where no task can be started, the future is dropped.
#[cfg(feature = "hyper")]
pub(crate) fn spawn_unheld<F>(location: &'static Location<'static>, future: F) -> Result<(), TaskError>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let (local, parent) = family()?;
    let task = TaskCell::insert(&local, parent, location, None, future);
    task.node().let_go();
    local.schedule(task);
    Ok(())
}

/// The domain that a task is to be started on, and its parent there.
fn family() -> Result<(Rc<Local>, Parent), TaskError> {
    let family = Local::with(|local| local.parent().map(|parent| (local.clone(), parent)));
    family.unwrap_or(Err(TaskError::OutsideRuntime))
}

/// In this order: what each slice looks at comes first.
#[repr(C)]
pub(crate) struct TaskCell<F: Future> {
    node: Node,
    task_waker: Arc<TaskWaker>,
    /// Where the result goes, if the parent is on another domain.
    call: Option<Arc<CallCell<F::Output>>>,
    stage: RefCell<Stage<F>>,
}

enum Stage<F: Future> {
    Future(F),
    Result(Result<F::Output, TaskError>),
    Gone,
}

impl<F> TaskCell<F>
where
    F: Future + 'static,
    F::Output: 'static,
{
    /// Makes a task of this domain. It is in no queue yet.
    pub(crate) fn insert(
        local: &Local,
        parent: Parent,
        location: &'static Location<'static>,
        call: Option<Arc<CallCell<F::Output>>>,
        future: F,
    ) -> Rc<Self> {
        let span = SpanId::of(&parent);
        let task = local.insert(|key: Key| {
            let task_waker = TaskWaker::new(local.shared.clone(), key);
            Rc::new(Self {
                node: Node::new(key, Some(task_waker.waker()), parent, location),
                task_waker,
                call,
                stage: RefCell::new(Stage::Future(future)),
            })
        });
        // Its subscriber is anybody's code, and may use the domain.
        task.node.span.open(span, TaskId::new(local.shared.domain(), task.node.key), location);
        task
    }

    /// Drops the future where it is, and notes how the task ended.
    fn close(&self, result: Result<F::Output, TaskError>) -> Ending {
        let ending = match &result {
            Ok(_) => Ending::Returned,
            Err(TaskError::Panicked(_)) => Ending::Panicked,
            Err(_) => Ending::Cancelled,
        };
        // From here on the task can spawn nothing: a destructor that tries gets an error.
        self.node.end(ending);
        let dropped = catch(|| *self.stage.borrow_mut() = Stage::Gone);
        let result = match dropped {
            Ok(()) => result,
            Err(panic) if ending == Ending::Panicked => {
                discard(panic);
                result
            }
            Err(panic) => {
                discard(result);
                Err(TaskError::Panicked(panic))
            }
        };
        let ending = match &result {
            Err(TaskError::Panicked(_)) => Ending::Panicked,
            _ => ending,
        };
        *self.stage.borrow_mut() = Stage::Result(result);
        ending
    }
}

impl<F> Task for TaskCell<F>
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn node(&self) -> &Node {
        &self.node
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<Ending> {
        let result = {
            let mut stage = self.stage.borrow_mut();
            let Stage::Future(future) = &mut *stage else {
                return Poll::Pending;
            };
            // SAFETY: the cell is made in an `Rc` and never leaves it, and the future is dropped in
            // place, by `close` or with the cell: it does not move between here and its drop.
            let future = unsafe { Pin::new_unchecked(future) };
            match catch(|| future.poll(cx)) {
                Ok(Poll::Pending) => return Poll::Pending,
                Ok(Poll::Ready(value)) => Ok(value),
                Err(panic) => Err(TaskError::Panicked(panic)),
            }
        };
        Poll::Ready(self.close(result))
    }

    fn cancel(&self) -> Option<Ending> {
        Some(self.close(Err(TaskError::Cancelled)))
    }

    fn publish(&self) {
        if self.node.is_cancelled() || self.node.is_unheld() {
            // Nobody can ask for it.
            discard(self.take());
        } else if let Some(call) = &self.call
            && let Some(result) = self.take()
        {
            call.put(result);
        }
    }

    fn take_wake(&self) {
        self.task_waker.take_wake();
    }

    fn has_waker_outside(&self) -> bool {
        // Two are its own.
        Arc::strong_count(&self.task_waker) > 2
    }
}

/// A task whose result is a `T`.
pub(crate) trait Joined<T>: Task {
    /// The result, once, after the future has gone.
    fn take(&self) -> Option<Result<T, TaskError>>;

    fn into_task(self: Rc<Self>) -> Rc<dyn Task>;
}

impl<F> Joined<F::Output> for TaskCell<F>
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn take(&self) -> Option<Result<F::Output, TaskError>> {
        let mut stage = self.stage.borrow_mut();
        match &*stage {
            Stage::Result(_) => match mem::replace(&mut *stage, Stage::Gone) {
                Stage::Result(result) => Some(result),
                _ => None,
            },
            _ => None,
        }
    }

    fn into_task(self: Rc<Self>) -> Rc<dyn Task> {
        self
    }
}

/// Runs what is the user's, and catches its panic.
pub(crate) fn catch<R>(run: impl FnOnce() -> R) -> Result<R, Panic> {
    catch_unwind(AssertUnwindSafe(run)).map_err(Panic::new)
}

/// Runs what is the user's, and whose panic is nobody's result: the panic hook has reported it.
pub(crate) fn shielded(run: impl FnOnce()) {
    if let Err(panic) = catch(run) {
        // The payload's own destructor may panic as well; its payload is not chased.
        mem::forget(catch(|| drop(panic)));
    }
}

/// Drops what nobody will see.
pub(crate) fn discard<T>(value: T) {
    shielded(|| drop(value));
}
