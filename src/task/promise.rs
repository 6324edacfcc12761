//! Promises: the parent's hold on a child.

use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
};

use crate::{
    domain::Local,
    error::TaskError,
    protocol::Finished,
    task::{
        Ending, Joined, Node, Task, Waiter,
        call::{CallCell, Link},
        cell::discard,
    },
};

/// A child task, in its parent's hands.
///
/// Awaiting it gives the task's result, once the task has finished: its future is gone and all its
/// descendants have finished, on every domain. A promise that is awaited and dropped before that
/// cancels the task, as dropping it does at any time; the parent does not wait for that there, but
/// will not itself finish before it. Only the parent awaits: another task gets
/// [`TaskError::NotAChild`], and a destructor that runs as the parent ends, which cannot wait for a task
/// that still runs, [`TaskError::Ending`]. Awaiting is cancellation-safe in that nothing is lost while
/// the promise itself lives: await `&mut promise`.
///
/// Not `Send`: it stays on its parent's domain. Awaited a second time after it gave its result, it
/// says [`TaskError::Cancelled`].
///
/// ```compile_fail,E0277
/// vigie::run(async {
///     let child = vigie::spawn(async {});
///     vigie::call(async move || child.await).await
/// }).unwrap();
/// ```
///
/// ```
/// vigie::run(async {
///     let mut child = vigie::spawn(async { 6 * 7 });
///     // What gives up on it loses nothing, as long as the promise is there.
///     let tried = futures_lite::future::poll_once(&mut child).await;
///     assert!(tried.is_none());
///     assert_eq!(child.await.unwrap(), 42);
/// }).unwrap();
/// ```
#[must_use = "a promise that is dropped cancels its task"]
pub struct Promise<T>(Inner<T>);

enum Inner<T> {
    Local(Rc<dyn Joined<T>>),
    Remote(Rc<Link>, Arc<CallCell<T>>),
    /// No task was started, for this reason, if it has not been told yet.
    Failed(Option<TaskError>, PhantomData<Rc<()>>),
}

/// What has become of a promise's task.
///
/// ```
/// use vigie::{PromiseState, spawn, yield_now};
///
/// vigie::run(async {
///     let (returns, panics) = (spawn(async {}), spawn(async { panic!("aground") }));
///     assert_eq!(returns.state(), PromiseState::Running);
///     yield_now().await;
///     assert_eq!(returns.state(), PromiseState::Returned);
///     assert_eq!(panics.state(), PromiseState::Panicked);
/// }).unwrap();
/// assert_eq!(spawn(async {}).state(), PromiseState::Failed);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PromiseState {
    /// It, or a descendant of it, has not finished.
    Running,
    /// It has finished, and returned a result.
    Returned,
    /// It has finished, and panicked.
    Panicked,
    /// It has finished, cancelled.
    Cancelled,
    /// It was never started.
    Failed,
}

impl<T> Promise<T> {
    pub(crate) fn local(task: Rc<dyn Joined<T>>) -> Self {
        Self(Inner::Local(task))
    }

    pub(crate) fn remote(link: Rc<Link>, call: Arc<CallCell<T>>) -> Self {
        Self(Inner::Remote(link, call))
    }

    pub(crate) fn failed(error: TaskError) -> Self {
        Self(Inner::Failed(Some(error), PhantomData))
    }

    fn node(&self) -> Option<&Node> {
        match &self.0 {
            Inner::Local(task) => Some(task.node()),
            Inner::Remote(link, _) => Some(link.node()),
            Inner::Failed(..) => None,
        }
    }

    /// What has become of the task, without waiting.
    ///
    /// ```
    /// use vigie::{PromiseState, spawn, yield_now};
    ///
    /// vigie::run(async {
    ///     let task = spawn(async { 1 });
    ///     while task.state() == PromiseState::Running {
    ///         yield_now().await;
    ///     }
    ///     // The result is still there.
    ///     assert_eq!(task.await.unwrap(), 1);
    /// }).unwrap();
    /// ```
    pub fn state(&self) -> PromiseState {
        match self.node() {
            None => PromiseState::Failed,
            Some(node) if !node.is_finished() => PromiseState::Running,
            Some(node) => match node.ending() {
                Ending::Returned => PromiseState::Returned,
                Ending::Panicked => PromiseState::Panicked,
                Ending::Cancelled => PromiseState::Cancelled,
            },
        }
    }

    /// Cancels the task, now. The future that this returns resolves when the whole subtree of the
    /// task has finished, on every domain; there is no need to await it for the cancellation to
    /// happen.
    ///
    /// A task that has not started never does, one that waits loses its future where it waits, and one
    /// that has finished loses its result. All of it happens at the end of the current slice; on another
    /// domain, at the end of the slice under way there, however many tasks are ready. In a section that
    /// is [`uncancellable`](crate::uncancellable) the task goes on to the end of that, and finalisers
    /// ([`protect`](crate::protect)) run before the subtree has finished.
    ///
    /// Destructors may cancel, too, here and by dropping promises. To cancel a task that is being
    /// cancelled already, as a part of its parent's subtree say, changes nothing: it ends once.
    ///
    /// ```
    /// vigie::run(async {
    ///     let endless = vigie::spawn(std::future::pending::<()>());
    ///     endless.cancel().await.unwrap();
    /// }).unwrap();
    /// ```
    pub fn cancel(self) -> Cancel<T> {
        self.doom();
        Cancel(self)
    }

    fn doom(&self) {
        let Some(node) = self.node() else { return };
        if node.is_finished() || node.is_cancelled() {
            return;
        }
        let task: Rc<dyn Task> = match &self.0 {
            Inner::Local(task) => task.clone().into_task(),
            Inner::Remote(link, _) => link.clone(),
            Inner::Failed(..) => return,
        };
        // On a thread without a domain the run is over, and the task with it.
        Local::with(|local| local.doom(task));
    }

    pub(crate) fn take(&mut self) -> Result<T, TaskError> {
        let taken = match &mut self.0 {
            Inner::Local(task) => task.take(),
            Inner::Remote(_, call) => call.take(),
            Inner::Failed(error, _) => error.take().map(Err),
        };
        taken.unwrap_or(Err(TaskError::Cancelled))
    }

    /// Ready once the task has finished, or with an error if the current task is not its parent.
    fn poll_finished(&self, cx: &mut Context<'_>) -> Poll<Result<(), TaskError>> {
        let Some(node) = self.node() else {
            return Poll::Ready(Ok(()));
        };
        match Local::with(|local| local.current()).flatten() {
            Some(parent) if node.parent.is(&parent) => {
                if node.is_finished() {
                    return Poll::Ready(Ok(()));
                }
                if parent.node().is_ending() {
                    return Poll::Ready(Err(TaskError::Ending));
                }
                node.wait(&parent, cx.waker());
                Poll::Pending
            }
            _ => Poll::Ready(Err(TaskError::NotAChild)),
        }
    }

    /// Has the set told of the end, as its member of this number; `false` if there is nothing to wait
    /// for.
    pub(crate) fn join_set(&self, set: &Rc<Finished<Waiter>>, member: usize) -> bool {
        let running = self.node().filter(|node| !node.is_finished());
        if let Some(node) = running {
            node.set_waiter(Some(Waiter::Set(Rc::downgrade(set), member)));
        }
        running.is_some()
    }

    /// Leaves its set.
    pub(crate) fn leave_set(&self) {
        if let Some(node) = self.node() {
            node.set_waiter(None);
        }
    }
}

// Nothing is pinned.
impl<T> Unpin for Promise<T> {}

impl<T> Future for Promise<T> {
    type Output = Result<T, TaskError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.poll_finished(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(())) => Poll::Ready(self.take()),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
        }
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        self.doom();
        if self.node().is_some_and(Node::is_finished) {
            // A result that nobody asked for is dropped here and now, in its parent: the other end
            // of a call may hold the cell for a moment longer.
            discard(self.take());
        }
    }
}

impl<T> fmt::Debug for Promise<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Promise").field("state", &self.state()).finish_non_exhaustive()
    }
}

/// A cancellation under way: resolves when the whole subtree of the task has finished. Dropping it
/// changes nothing.
///
/// Only the parent awaits the end: another task gets [`TaskError::NotAChild`], and a destructor that runs
/// as the parent ends [`TaskError::Ending`].
///
/// ```
/// use std::{cell::Cell, rc::Rc};
/// use vigie::{Cancel, protect, spawn, yield_now};
///
/// vigie::run(async {
///     let tidy = Rc::new(Cell::new(false));
///     let theirs = tidy.clone();
///     let finaliser = async move {
///         yield_now().await;
///         theirs.set(true);
///     };
///     let task = spawn(protect(std::future::pending::<()>(), finaliser));
///     yield_now().await;
///     let cancel: Cancel<_> = task.cancel();
///     assert!(!tidy.get());
///     cancel.await.unwrap();
///     assert!(tidy.get());
/// }).unwrap();
/// ```
#[must_use = "await it to know that the task has finished"]
#[derive(Debug)]
pub struct Cancel<T>(Promise<T>);

impl<T> Future for Cancel<T> {
    type Output = Result<(), TaskError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll_finished(cx)
    }
}
