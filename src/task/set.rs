//! Task sets: any number of children with one type of result, collected as they finish.

use std::{
    fmt,
    future::{Future, poll_fn},
    panic::Location,
    rc::Rc,
    task::{Context, Poll},
};

use slab::Slab;

use crate::{
    domain::{Domain, Local, TaskId, access::charged},
    error::TaskError,
    protocol::Finished,
    task::{
        Promise, Waiter,
        call::{call_at, call_on_at},
        cell::spawn_at,
    },
};

/// Child tasks with one type of result, collected in the order in which they finish.
///
/// A set is its owner's: the task that spawned its first member since it was last empty. Another task
/// that spawns into it, or collects from it, gets [`TaskError::NotAChild`]. Dropping the set cancels
/// all its members. The memory that it holds is proportional to the most members that it has had at a
/// time, however many it has had in all. Not `Send`: it stays on its owner's domain, while its members
/// run there or elsewhere.
///
/// An error does not say whose it is. Where that matters, have each member spawn what may fail, and
/// return its name with the result:
///
/// ```
/// use vigie::{TaskSet, spawn};
///
/// vigie::run(async {
///     let mut workers = TaskSet::new();
///     for name in ["steady", "weary"] {
///         workers.spawn(async move {
///             let work = spawn(async move { assert_eq!(name, "steady", "out of breath") });
///             (name, work.await)
///         });
///     }
///     while let Some(ended) = workers.next().await {
///         let (name, result) = ended.unwrap();
///         assert_eq!(result.is_ok(), name == "steady");
///     }
/// }).unwrap();
/// ```
///
/// In the order of their ends:
///
/// ```
/// use vigie::TaskSet;
///
/// vigie::run(async {
///     let mut squares = TaskSet::new();
///     for n in 0..10u64 {
///         squares.spawn(async move { n * n });
///     }
///     let mut sum = 0;
///     while let Some(square) = squares.next().await {
///         sum += square.unwrap();
///     }
///     assert_eq!(sum, 285);
/// }).unwrap();
/// ```
#[must_use = "a set that is dropped cancels its tasks"]
pub struct TaskSet<T> {
    members: Slab<Promise<T>>,
    finished: Rc<Finished<Waiter>>,
    /// Whose children the members are, while there are any; no task, if none of them was started.
    owner: Option<TaskId>,
    /// Where `take` goes on looking.
    cursor: usize,
}

/// What a set has to give right now; see [`TaskSet::try_next`].
///
/// ```
/// use vigie::{TaskSet, TryNext};
///
/// /// Takes what has finished, and waits for nothing.
/// fn reap(set: &mut TaskSet<u32>) -> Vec<u32> {
///     let mut results = Vec::new();
///     while let TryNext::Ready(result) = set.try_next() {
///         results.push(result.unwrap());
///     }
///     results
/// }
///
/// vigie::run(async {
///     let mut set = TaskSet::new();
///     set.spawn(async { 1 });
///     assert_eq!(reap(&mut set), []);
///     vigie::yield_now().await;
///     assert_eq!(reap(&mut set), [1]);
/// }).unwrap();
/// ```
#[derive(Debug)]
pub enum TryNext<T> {
    /// A member that has finished, taken out of the set.
    Ready(Result<T, TaskError>),
    /// There are members, and none of them has finished.
    Pending,
    /// There are no members.
    Empty,
}

impl<T: 'static> TaskSet<T> {
    /// An empty set.
    pub fn new() -> Self {
        Self { members: Slab::new(), finished: Rc::new(Finished::new()), owner: None, cursor: 0 }
    }

    /// Spawns a member, as [`spawn`](crate::spawn()) does. Where no task can be started, the member is
    /// one that has failed, with the error that the promise would give.
    #[track_caller]
    pub fn spawn(&mut self, future: impl Future<Output = T> + 'static) {
        let location = Location::caller();
        self.insert(|| spawn_at(location, future));
    }

    /// Calls a member, as [`call`](crate::call()) does.
    ///
    /// ```
    /// use vigie::{Domain, TaskSet};
    ///
    /// vigie::Builder::new().extra_domains(2).run(async {
    ///     let mut set = TaskSet::new();
    ///     for _ in 0..2 {
    ///         set.call(|| async { Domain::current().unwrap().index() });
    ///     }
    ///     let mut domains = [set.next().await.unwrap().unwrap(), set.next().await.unwrap().unwrap()];
    ///     domains.sort();
    ///     assert_eq!(domains, [1, 2]);
    /// }).unwrap();
    /// ```
    #[track_caller]
    pub fn call<C, F>(&mut self, closure: C)
    where
        C: FnOnce() -> F + Send + 'static,
        F: Future<Output = T> + 'static,
        T: Send,
    {
        let location = Location::caller();
        self.insert(|| call_at(location, closure, |local| local.next_available()));
    }

    /// Calls a member on a domain of the caller's choice, as [`call_on`](crate::call_on()) does.
    ///
    /// ```
    /// use vigie::{Domain, TaskSet};
    ///
    /// vigie::run(async {
    ///     let mut set = TaskSet::new();
    ///     for domain in Domain::available() {
    ///         set.call_on(domain, move || async move { Domain::current() == Some(domain) });
    ///     }
    ///     while let Some(is_there) = set.next().await {
    ///         assert!(is_there.unwrap());
    ///     }
    /// }).unwrap();
    /// ```
    #[track_caller]
    pub fn call_on<C, F>(&mut self, domain: Domain, closure: C)
    where
        C: FnOnce() -> F + Send + 'static,
        F: Future<Output = T> + 'static,
        T: Send,
    {
        let location = Location::caller();
        self.insert(|| call_on_at(location, domain, closure));
    }

    fn insert(&mut self, start: impl FnOnce() -> Promise<T>) {
        let current = TaskId::current();
        if self.members.is_empty() {
            self.owner = current;
        }
        let promise = if self.owner == current { start() } else { Promise::failed(TaskError::NotAChild) };
        let place = self.members.vacant_entry();
        let member = place.key();
        if !place.insert(promise).join_set(&self.finished, member) {
            // Whoever polled `next` and let go of it waits all the same.
            let is_owner = self.finished.push(member).is_some_and(Waiter::tell);
            if let Some(owner) = self.owner.filter(|_| is_owner) {
                Local::with(|local| local.wake(owner.key()));
            }
        }
    }
}

impl<T> TaskSet<T> {
    /// How many members have not been collected: those that run, and those that have finished.
    ///
    /// ```
    /// vigie::run(async {
    ///     let mut set = vigie::TaskSet::new();
    ///     set.spawn(async {});
    ///     vigie::yield_now().await;
    ///     // It has finished, and was not collected.
    ///     assert!(set.len() == 1 && !set.is_empty());
    ///     set.next().await.unwrap().unwrap();
    ///     assert!(set.len() == 0 && set.is_empty());
    /// }).unwrap();
    /// ```
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Are there no members?
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The member that has finished, if one has: without waiting, the one that finished first. To a
    /// task that is not the owner every set with members gives [`TaskError::NotAChild`], and keeps
    /// them.
    ///
    /// ```
    /// use vigie::{TaskSet, TryNext};
    ///
    /// vigie::run(async {
    ///     let mut set = TaskSet::new();
    ///     assert!(matches!(set.try_next(), TryNext::Empty));
    ///     set.spawn(async { 1 });
    ///     assert!(matches!(set.try_next(), TryNext::Pending));
    ///     vigie::yield_now().await;
    ///     assert!(matches!(set.try_next(), TryNext::Ready(Ok(1))));
    /// }).unwrap();
    /// ```
    pub fn try_next(&mut self) -> TryNext<T> {
        if self.members.is_empty() {
            return TryNext::Empty;
        }
        if !self.is_ours() {
            return TryNext::Ready(Err(TaskError::NotAChild));
        }
        match self.finished.pop() {
            Some(member) => TryNext::Ready(self.members.remove(member).take()),
            None => TryNext::Pending,
        }
    }

    /// Waits for the next member to finish, and takes it out; `None` if there are no members. To a task
    /// that is not the owner, as [`try_next`](Self::try_next); in a destructor that runs as the owner ends,
    /// where nobody can wait, [`TaskError::Ending`].
    ///
    /// Cancellation-safe: dropping this future loses nothing. A success is charged to the slice
    /// ([`events::charged`](crate::events::charged)), so that collecting many that have finished starves
    /// nobody.
    ///
    /// ```
    /// use vigie::{TaskSet, yield_now};
    ///
    /// vigie::run(async {
    ///     let mut set = TaskSet::new();
    ///     set.spawn(async { yield_now().await; "slow" });
    ///     set.spawn(async { "fast" });
    ///     assert_eq!(set.next().await.unwrap().unwrap(), "fast");
    ///     assert_eq!(set.next().await.unwrap().unwrap(), "slow");
    ///     assert!(set.next().await.is_none());
    /// }).unwrap();
    /// ```
    pub async fn next(&mut self) -> Option<Result<T, TaskError>> {
        poll_fn(|cx| charged(cx, |cx| self.poll_next(cx))).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, TaskError>>> {
        match self.try_next() {
            TryNext::Ready(result) => Poll::Ready(Some(result)),
            TryNext::Empty => Poll::Ready(None),
            TryNext::Pending => {
                if let Some(owner) = Local::with(|local| local.current()).flatten() {
                    if owner.node().is_ending() {
                        return Poll::Ready(Some(Err(TaskError::Ending)));
                    }
                    self.finished.wait(Waiter::new(&owner, cx.waker()));
                }
                Poll::Pending
            }
        }
    }

    /// Takes any member out, as a promise: one that has finished if there is one. `None` if there are
    /// no members.
    ///
    /// ```
    /// vigie::run(async {
    ///     let mut set = vigie::TaskSet::new();
    ///     set.spawn(std::future::pending());
    ///     set.spawn(async { 1 });
    ///     vigie::yield_now().await;
    ///     // One that has finished goes first.
    ///     assert_eq!(set.take().unwrap().await.unwrap(), 1);
    ///     set.take().unwrap().cancel().await.unwrap();
    ///     assert!(set.take().is_none());
    /// }).unwrap();
    /// ```
    pub fn take(&mut self) -> Option<Promise<T>> {
        let member = self.finished.pop().or_else(|| self.any_member())?;
        let promise = self.members.remove(member);
        promise.leave_set();
        Some(promise)
    }

    /// Each search goes on where the last one ended, so that taking all costs no more than the places.
    fn any_member(&mut self) -> Option<usize> {
        let places = self.members.capacity();
        let found = (0..places).map(|n| (self.cursor + n) % places).find(|at| self.members.contains(*at))?;
        self.cursor = found;
        Some(found)
    }

    /// Cancels all members, now, and takes them out; the future that this returns resolves when all of
    /// them, and all their descendants, have finished. There is no need to await it for the
    /// cancellation to happen.
    ///
    /// # Errors
    ///
    /// [`TaskError::NotAChild`] to a task that is not the owner, which cannot wait for this.
    ///
    /// ```
    /// vigie::run(async {
    ///     let mut set = vigie::TaskSet::new();
    ///     for _ in 0..3 {
    ///         set.spawn(std::future::pending::<()>());
    ///     }
    ///     set.cancel_all().await.unwrap();
    ///     assert!(set.is_empty());
    /// }).unwrap();
    /// ```
    pub fn cancel_all(&mut self) -> impl Future<Output = Result<(), TaskError>> + use<T> {
        let cancelled: Vec<_> = self.drain().map(Promise::cancel).collect();
        async move {
            for member in cancelled {
                member.await?;
            }
            Ok(())
        }
    }

    fn drain(&mut self) -> impl Iterator<Item = Promise<T>> {
        // Those that finish later must not be found among the members to come.
        self.finished = Rc::new(Finished::new());
        self.members.drain()
    }

    fn is_ours(&self) -> bool {
        self.owner == TaskId::current()
    }
}

impl<T: 'static> Default for TaskSet<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for TaskSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskSet").field("len", &self.len()).finish_non_exhaustive()
    }
}
