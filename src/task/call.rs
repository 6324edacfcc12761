//! Calls: tasks started on another domain.

use std::{
    future::Future,
    panic::Location,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
};

use crate::{
    domain::{Domain, Local, Message, Shared},
    error::TaskError,
    protocol,
    slots::Key,
    task::{Caller, Ending, Node, Parent, Promise, Task, TaskCell, cell::discard},
    trace::SpanId,
};

/// Starts a task on another domain, in parallel with its parent, the current task.
///
/// Only the closure and the result travel, and are `Send`; the future is made and dropped on the
/// domain it runs on. Each call goes to the next domain in turn, never to domain 0 and never to the
/// caller's own; those made of one domain to another start in the order they were made.
///
/// The promise resolves to [`TaskError::NoDomainAvailable`] where there is no such domain, and fails
/// as that of [`spawn`](crate::spawn) does where no task can be started.
///
/// ```
/// let elsewhere = vigie::Builder::new().extra_domains(1).run(async {
///     vigie::call(|| async { vigie::Domain::current().unwrap().index() }).await.unwrap()
/// });
/// assert_eq!(elsewhere.unwrap(), 1);
/// ```
#[track_caller]
pub fn call<C, F>(closure: C) -> Promise<F::Output>
where
    C: FnOnce() -> F + Send + 'static,
    F: Future + 'static,
    F::Output: Send + 'static,
{
    call_at(Location::caller(), closure, |local| local.next_available())
}

/// As [`call`], to a domain of the caller's choice: one of [`Domain::available`].
///
/// ```
/// vigie::Builder::new().extra_domains(2).run(async {
///     for domain in vigie::Domain::available() {
///         let there = vigie::call_on(domain, || async { vigie::Domain::current() });
///         assert_eq!(there.await.unwrap(), Some(domain));
///     }
/// }).unwrap();
/// ```
#[track_caller]
pub fn call_on<C, F>(domain: Domain, closure: C) -> Promise<F::Output>
where
    C: FnOnce() -> F + Send + 'static,
    F: Future + 'static,
    F::Output: Send + 'static,
{
    call_on_at(Location::caller(), domain, closure)
}

pub(crate) fn call_on_at<C, F>(
    location: &'static Location<'static>,
    domain: Domain,
    closure: C,
) -> Promise<F::Output>
where
    C: FnOnce() -> F + Send + 'static,
    F: Future + 'static,
    F::Output: Send + 'static,
{
    call_at(location, closure, |local| local.available().find(|peer| peer.domain() == domain).cloned())
}

pub(crate) fn call_at<C, F>(
    location: &'static Location<'static>,
    closure: C,
    choose: impl FnOnce(&Local) -> Option<Arc<Shared>>,
) -> Promise<F::Output>
where
    C: FnOnce() -> F + Send + 'static,
    F: Future + 'static,
    F::Output: Send + 'static,
{
    let started = Local::with(|local| {
        let parent = local.parent()?;
        if local.shared.has_forked() {
            return Err(TaskError::Forked);
        }
        let target = choose(local).ok_or(TaskError::NoDomainAvailable)?;
        let (span, call) = (SpanId::of(&parent), Arc::new(CallCell::new()));
        let link = local.insert(|key| {
            let node = Node::new(key, None, parent, location);
            Rc::new(Link { node, target: target.clone(), call: call.clone() })
        });
        let (caller, link_key, far_end) = (local.shared.clone(), link.node.key, call.clone());
        // C1.
        target.inbox.post(Message::Start(Box::new(move || {
            let caller = Caller { domain: caller, link: link_key, span };
            far_end.start(Parent::Elsewhere(Some(Box::new(caller))), location, closure);
        })));
        Ok(Promise::remote(link, call))
    });
    started.unwrap_or(Err(TaskError::OutsideRuntime)).unwrap_or_else(Promise::failed)
}

/// What the two ends of a call share.
pub(crate) type CallCell<T> = protocol::Call<Key, Result<T, TaskError>>;

impl<T: Send + 'static> CallCell<T> {
    /// On the called domain: makes the task. The closure runs in its first slice.
    fn start<C, F>(self: Arc<Self>, caller: Parent, location: &'static Location<'static>, closure: C)
    where
        C: FnOnce() -> F + Send + 'static,
        F: Future<Output = T> + 'static,
    {
        Local::with(|local| {
            let future = Begun::new(closure);
            let task = TaskCell::insert(local, caller, location, Some(self.clone()), future);
            self.name(task.node().key);
            local.schedule(task);
        });
    }
}

/// The future of a call: its closure, and from its first slice on the future that this has made.
///
/// No async block: that would drop the future by itself, before the cell has its output or its panic, and
/// where the destructor panics too, leak the one and abort with the other.
pub(super) struct Begun<C, F> {
    closure: Option<C>,
    future: Option<Pin<Box<F>>>,
}

impl<C, F> Begun<C, F> {
    pub(super) fn new(closure: C) -> Self {
        Self { closure: Some(closure), future: None }
    }
}

// Nothing is pinned but what lies in the box.
impl<C, F> Unpin for Begun<C, F> {}

impl<C, F> Future for Begun<C, F>
where
    C: FnOnce() -> F,
    F: Future,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        if let Some(closure) = self.closure.take() {
            self.future = Some(Box::pin(closure()));
        }
        match &mut self.future {
            Some(future) => future.as_mut().poll(cx),
            // The closure has panicked, and nobody polls it again.
            None => Poll::Pending,
        }
    }
}

/// A call, seen by the domain that runs its task.
pub(crate) trait Called: Send + Sync {
    fn key(&self) -> Option<Key>;

    /// Drops the result, if there is one: nobody can ask for it any more.
    fn discard(&self);
}

impl<T: Send> Called for CallCell<T> {
    fn key(&self) -> Option<Key> {
        self.task()
    }

    fn discard(&self) {
        discard(self.take());
    }
}

/// The near end of a call: it stands among the caller's children for the task on the other domain.
pub(crate) struct Link {
    node: Node,
    target: Arc<Shared>,
    call: Arc<dyn Called>,
}

impl Task for Link {
    fn node(&self) -> &Node {
        &self.node
    }

    fn is_far(&self) -> bool {
        true
    }

    fn poll(&self, _cx: &mut Context<'_>) -> Poll<Ending> {
        Poll::Pending
    }

    /// C3. The message follows the one that starts the task, from the same thread: it finds the task.
    fn cancel(&self) -> Option<Ending> {
        if self.target.has_forked() {
            // The task is in the other process, and not this one's.
            return Some(Ending::Cancelled);
        }
        self.target.inbox.post(Message::Cancel(self.call.clone()));
        None
    }

    fn publish(&self) {
        if self.node.is_cancelled() {
            self.call.discard();
        }
    }
}
