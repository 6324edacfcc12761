//! Scopes: futures of one task that run side by side, and may borrow what lives around them.
//!
//! The scope's own future owns them, and polls them within the slices of the task that awaits it. So
//! nothing can run that the borrow checker does not see: a scope that is leaked leaks them unpolled.
//!
//! The set of futures is our own: that of `futures-util` takes none out by name, takes none in while
//! it is polled, and bounds no turn; what would have to stand around it is as long as this.

mod members;

use std::{
    cell::Cell,
    fmt,
    future::{Future, poll_fn},
    panic::resume_unwind,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use self::members::{BODY, Closing, Members, Settle};
use crate::{
    error::TaskError,
    task::cell::{discard, shielded},
};

/// Runs `body` and the futures that it spawns in the [`Scope`] side by side, within the current task,
/// and resolves to the output of `body` when all of them have ended.
///
/// They may borrow whatever outlives the scope, and nothing of theirs need be `Send` or `'static`.
/// What lives inside `body` cannot be borrowed, since a spawned future may outlast it. Where `body`
/// moves what it uses, as `|s| async move { … }` does, give it references.
///
/// Scoped tasks are no tasks of the tree: they run on this domain, within the slices, the budget and
/// the [`TaskId`](crate::TaskId) of the task that awaits the scope. [`spawn`](crate::spawn) inside of
/// one makes a child of that task, for which the scope does not wait. Each is polled only when it was
/// woken; the task gives way after 32 of them, or when the slice's budget is spent. Nothing here needs
/// a runtime: any executor can poll a scope.
///
/// Dropping this future drops the scoped tasks and `body`, the latest first. Nothing of a scope whose
/// future is leaked runs again.
///
/// # Panics
///
/// If `body` panics, the scoped tasks are dropped, and then the panic resumes here. If a scoped task
/// panicked and nobody took its panic from its [`ScopedTask`], the others run to their ends, and then
/// it resumes here; among several, that of the task spawned first.
///
/// A panic of a destructor counts as one of its task. Where this future is dropped before its end, the
/// first of them resumes in whoever drops it, after all else was dropped.
///
/// ```
/// let sum = vigie::run(async {
///     let numbers = [1, 2, 3, 4];
///     let (left, right) = numbers.split_at(2);
///     vigie::scope(async |s| {
///         let left = s.spawn(async { left.iter().sum::<i32>() });
///         let right = s.spawn(async { right.iter().sum::<i32>() });
///         left.await.unwrap() + right.await.unwrap()
///     }).await
/// });
/// assert_eq!(sum.unwrap(), 10);
/// ```
///
/// What is local to the body does not live long enough:
///
/// ```compile_fail,E0597
/// vigie::run(async {
///     vigie::scope(|s| async move {
///         let inside = String::from("inside");
///         let borrowed = &inside;
///         s.spawn(async move { println!("{borrowed}") });
///     }).await
/// }).unwrap();
/// ```
pub async fn scope<'env, C, B>(body: C) -> B::Output
where
    C: FnOnce(Scope<'env>) -> B,
    B: Future + 'env,
    B::Output: 'env,
{
    let scope = Scope(Rc::new(Members::new()));
    let members = &*scope.0;
    // Drops what is left, whichever way this ends.
    let _closing = Closing(members);
    let body = scope.start(BODY, body(scope.clone()));
    poll_fn(|cx| members.poll(cx)).await;
    let output = body.slot.value.take();
    if let Some(panic) = members.first_panic() {
        discard(output);
        resume_unwind(panic.into_payload());
    }
    output.expect("the body has ended, and nobody else can take its output")
}

/// The handle of a [`scope`], by which futures are spawned into it. Clones are cheap, and may go into
/// the scoped tasks, which can then spawn more.
///
/// Like what it holds, it stays on its domain.
///
/// ```
/// use std::cell::Cell;
/// use vigie::{Scope, scope};
///
/// /// Visits a tree that is nowhere built: each place but the deepest has two below it.
/// fn visit<'env>(s: &Scope<'env>, depth: u32, seen: &'env Cell<u32>) {
///     seen.set(seen.get() + 1);
///     if depth > 0 {
///         for _ in 0..2 {
///             let below = s.clone();
///             s.spawn(async move { visit(&below, depth - 1, seen) });
///         }
///     }
/// }
///
/// vigie::run(async {
///     let seen = &Cell::new(0);
///     scope(|s| async move { visit(&s, 3, seen) }).await;
///     assert_eq!(seen.get(), 15);
/// }).unwrap();
/// ```
#[derive(Clone)]
pub struct Scope<'env>(Rc<Members<'env>>);

impl<'env> Scope<'env> {
    /// Spawns a scoped task: its future first runs when `body`, or the scoped task that spawned it,
    /// gives way, in the order of spawning.
    ///
    /// On a handle that has outlived its scope, and in a destructor that the scope's end runs, the
    /// future is dropped and the handle resolves to [`TaskError::Ending`].
    ///
    /// ```
    /// vigie::run(async {
    ///     let seen = &std::cell::RefCell::new(Vec::new());
    ///     vigie::scope(|s| async move {
    ///         let inner = s.clone();
    ///         s.spawn(async move {
    ///             seen.borrow_mut().push("outer");
    ///             inner.spawn(async { seen.borrow_mut().push("inner") });
    ///         });
    ///     }).await;
    ///     assert_eq!(*seen.borrow(), ["outer", "inner"]);
    /// }).unwrap();
    /// ```
    pub fn spawn<F>(&self, future: F) -> ScopedTask<'env, F::Output>
    where
        F: Future + 'env,
        F::Output: 'env,
    {
        self.start(self.0.next_serial(), future)
    }

    fn start<F>(&self, serial: u64, future: F) -> ScopedTask<'env, F::Output>
    where
        F: Future + 'env,
        F::Output: 'env,
    {
        let slot = Rc::new(Slot::new());
        let theirs = slot.clone();
        // The future is not dropped while a panic of its poll unwinds: its destructor may panic too.
        let mut future = Box::pin(future);
        let step =
            move |cx: &mut Context<'_>| future.as_mut().poll(cx).map(|value| theirs.value.set(Some(value)));
        let refused = !self.0.insert(serial, Box::new(step), slot.clone());
        if refused {
            slot.ended.set(true);
        }
        ScopedTask { members: self.0.clone(), serial, slot, refused }
    }
}

impl fmt::Debug for Scope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("closed", &self.0.is_closed()).finish_non_exhaustive()
    }
}

/// The handle of one scoped task.
///
/// Awaiting it gives the result of the task, once its future has gone: its output, or a
/// [`TaskError`]. Unlike a [`Promise`](crate::Promise), anybody on this domain may await it, and
/// dropping it cancels nothing: the scope waits for the task. Awaiting `&mut handle` loses nothing;
/// after it gave its result, it says [`TaskError::Cancelled`].
///
/// ```
/// vigie::run(async {
///     vigie::scope(|s| async move {
///         let panics = s.spawn(async { panic!("overboard") });
///         // Who takes the panic keeps it from the others.
///         assert!(matches!(panics.await, Err(vigie::TaskError::Panicked(_))));
///         // Dropped, it still runs.
///         drop(s.spawn(async { vigie::yield_now().await }));
///     }).await
/// }).unwrap();
/// ```
pub struct ScopedTask<'env, T> {
    members: Rc<Members<'env>>,
    serial: u64,
    slot: Rc<Slot<T>>,
    /// The scope had ended.
    refused: bool,
}

impl<T> ScopedTask<'_, T> {
    /// Cancels the task: drops its future, now, or at the end of its poll if this is called from
    /// within it. Awaiting the handle then gives [`TaskError::Cancelled`], or the panic of a
    /// destructor. A task that has ended keeps its result.
    ///
    /// ```
    /// vigie::run(async {
    ///     vigie::scope(|s| async move {
    ///         let endless = s.spawn(std::future::pending::<()>());
    ///         endless.cancel();
    ///         assert!(matches!(endless.await, Err(vigie::TaskError::Cancelled)));
    ///     }).await
    /// }).unwrap();
    /// ```
    pub fn cancel(&self) {
        self.members.cancel(self.serial);
    }

    /// Has its future gone?
    ///
    /// ```
    /// vigie::run(async {
    ///     vigie::scope(async |s| {
    ///         let task = s.spawn(async { 1 });
    ///         assert!(!task.is_finished());
    ///         vigie::yield_now().await;
    ///         assert!(task.is_finished());
    ///         assert_eq!(task.await.unwrap(), 1);
    ///     }).await
    /// }).unwrap();
    /// ```
    pub fn is_finished(&self) -> bool {
        self.slot.ended.get()
    }
}

impl<T> Future for ScopedTask<'_, T> {
    type Output = Result<T, TaskError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if !self.slot.ended.get() {
            self.slot.waiter.set(Some(cx.waker().clone()));
            return Poll::Pending;
        }
        if self.refused {
            return Poll::Ready(Err(TaskError::Ending));
        }
        if let Some(panic) = self.members.take_panic(self.serial) {
            return Poll::Ready(Err(TaskError::Panicked(panic)));
        }
        Poll::Ready(self.slot.value.take().ok_or(TaskError::Cancelled))
    }
}

impl<T> fmt::Debug for ScopedTask<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedTask").field("finished", &self.is_finished()).finish_non_exhaustive()
    }
}

/// What a scoped task and its handle share.
struct Slot<T> {
    ended: Cell<bool>,
    value: Cell<Option<T>>,
    waiter: Cell<Option<Waker>>,
}

impl<T> Slot<T> {
    fn new() -> Self {
        Self { ended: Cell::new(false), value: Cell::new(None), waiter: Cell::new(None) }
    }
}

impl<T> Settle for Slot<T> {
    fn settle(&self, keep_value: bool) {
        if !keep_value {
            discard(self.value.take());
        }
        self.ended.set(true);
        if let Some(waiter) = self.waiter.take() {
            shielded(|| waiter.wake());
        }
    }
}
