//! Locks and conditions: what tasks of any domain share, and wait for.
//!
//! A task that waits here gives way; its domain runs the others. All of these work across domains: put
//! one into an `Arc` or a `static`, and hand it to a [`call`](crate::call). What is inside travels
//! between threads, so it must be `Send`, and what several may look at together, `Sync`.
//!
//! Tasks of one domain run one at a time, and need a lock only for what must stay as it is across an
//! `.await`; for the rest a `Cell` or a `RefCell` in an `Rc` will do.
//!
//! | | what for |
//! |---|---|
//! | [`Mutex`] | one task at a time; held across `.await` |
//! | [`Condition`] | waiting, with a mutex released, until another task has changed what it guards |
//! | [`RwLock`] | many that read, or one that writes |
//! | [`Semaphore`] | at most so many at a time |
//! | [`Barrier`] | so many go on together |
//! | [`OnceCell`] | a value that is made once, and can be waited for |
//! | [`Event`] | what the others are made of: listeners, and notifications that nobody remembers |
//!
//! All but `Condition` are those of the crates `async-lock` and `event-listener`.
//!
//! ```
//! use vigie::{call, lock::Mutex};
//!
//! static LOG: Mutex<Vec<&str>> = Mutex::new(Vec::new());
//!
//! vigie::run(async {
//!     let there = call(async || {
//!         let mut log = LOG.lock().await;
//!         log.push("anchor");
//!         // Nobody else writes in between.
//!         vigie::yield_now().await;
//!         log.push("aweigh");
//!     });
//!     there.await.unwrap();
//!     assert_eq!(*LOG.lock().await, ["anchor", "aweigh"]);
//! }).unwrap();
//! ```
//!
//! # Where Miou has another name
//!
//! | Miou | here |
//! |---|---|
//! | `Mutex`, `Condition` | [`Mutex`], [`Condition`] |
//! | `Lazy` | [`OnceCell::get_or_init`]: where the one that makes the value is cancelled, the next tries |
//! | a trigger | `OnceCell<()>`: [`try_set`](OnceCell::try_set) fires it, [`wait`](OnceCell::wait) waits; to fire again and again, a flag and an [`Event`] |
//! | a computation | `OnceCell<Result<T, E>>`, in the same way |
//!
//! # Fairness
//!
//! [`Mutex`] is fair in the end. Its release wakes the oldest waiter, so among tasks that do nothing but
//! wait the first in is the first out. It does not hand the mutex over: until the woken task has its turn,
//! whoever runs may lock it, by `lock` or by `try_lock`. The waiter that comes too late waits again,
//! behind the others. Once one has come too late more than half a millisecond after it began, nobody
//! overtakes any more: the mutex goes from waiter to waiter until none is left, and `try_lock` fails in
//! between as well.
//!
//! [`Semaphore`] wakes the oldest as well, and lets newcomers overtake without such a limit. [`RwLock`]
//! prefers those that write, and readers may wait for ever while there are some.
//!
//! To lock what is free takes no turn, and is not charged to the task's slice. A loop that locks and never
//! waits gives way by [`yield_if_needed`](crate::yield_if_needed), as a long computation does.
//!
//! # Cancellation
//!
//! A task that is cancelled while it waits, or a future that is dropped, leaves its place in the queue;
//! where it had been woken already, the next is woken in its stead. Guards unlock when they are dropped,
//! by a panic too: nothing is poisoned. The exception is [`Barrier`]: whoever has begun to wait there
//! counts as arrived, though it be cancelled.
//!
//! # From threads that run no domain
//!
//! Those may use the methods whose names end in `_blocking`, and [`Listener::wait`]. On a domain's thread
//! these would hold up all its tasks, and for ever if it is one of them that holds the lock.

use std::mem;

#[doc(inline)]
pub use async_lock::{
    Barrier, BarrierWaitResult, Mutex, MutexGuard, MutexGuardArc, OnceCell, RwLock, RwLockReadGuard,
    RwLockReadGuardArc, RwLockUpgradableReadGuard, RwLockUpgradableReadGuardArc, RwLockWriteGuard,
    RwLockWriteGuardArc, Semaphore, SemaphoreGuard, SemaphoreGuardArc,
};
#[doc(inline)]
pub use event_listener::{Event, EventListener, IntoNotification, Listener};

/// A condition variable: tasks wait on it until another has changed what a [`Mutex`] guards.
///
/// It remembers nothing: to notify when nobody waits does nothing. So whoever waits looks at what the
/// mutex guards first, as [`wait_while`](Self::wait_while) does, and whoever changes that does so with
/// the mutex locked. Whether it notifies before the release or after makes no difference.
///
/// Those that wait are notified in the order in which they began to, on whatever domain they are. The
/// waiters of one condition need not use the same mutex: each gets its own back.
///
/// ```
/// use std::sync::Arc;
/// use vigie::{call, lock::{Condition, Mutex}};
///
/// vigie::run(async {
///     let letters = Arc::new((Mutex::new(Vec::new()), Condition::new()));
///     let theirs = letters.clone();
///     let sender = call(async move || {
///         let (letters, arrived) = &*theirs;
///         letters.lock().await.push("news");
///         arrived.notify_one();
///     });
///     let (letters, arrived) = &*letters;
///     let mut letters = arrived.wait_while(letters.lock().await, |letters| letters.is_empty()).await;
///     assert_eq!(letters.pop(), Some("news"));
///     sender.await.unwrap();
/// }).unwrap();
/// ```
#[derive(Debug, Default)]
pub struct Condition {
    waiters: Event,
}

impl Condition {
    /// A condition on which nobody waits.
    pub const fn new() -> Self {
        Self { waiters: Event::new() }
    }

    /// Releases the mutex, waits to be notified, and locks the mutex again.
    ///
    /// A notification sent after the release is not missed. In between other tasks had the mutex, and one
    /// may have undone what this one was notified of: look again, or use [`wait_while`](Self::wait_while).
    ///
    /// Cancellation-safe: if this future is dropped before it has the mutex again, its notification, sent
    /// or yet to be, goes to the oldest waiter without one. (After a [`notify_all`](Self::notify_all)
    /// that can be one which began to wait later.) It does not wait, nor release the mutex, before it is
    /// first polled.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use vigie::{call, lock::{Condition, Mutex}};
    ///
    /// vigie::run(async {
    ///     let gate = Arc::new((Mutex::new("shut"), Condition::new()));
    ///     let theirs = gate.clone();
    ///     let (state, changed) = &*gate;
    ///     let mut state = state.lock().await;
    ///     let keeper = call(async move || {
    ///         // Not before the wait has released it.
    ///         *theirs.0.lock().await = "open";
    ///         theirs.1.notify_one();
    ///     });
    ///     while *state == "shut" {
    ///         state = changed.wait(state).await;
    ///     }
    ///     assert_eq!(*state, "open");
    ///     keeper.await.unwrap();
    /// }).unwrap();
    /// ```
    pub async fn wait<'a, T: ?Sized>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        let mutex = MutexGuard::source(&guard);
        // Before the release: whoever locks the mutex after this task finds it among the waiters.
        event_listener::listener!(self.waiters => listener);
        drop(guard);
        // Dropped while it listens, it passes its notification on by itself.
        listener.await;
        let notified = Notified(self);
        let guard = mutex.lock().await;
        mem::forget(notified);
        guard
    }

    /// Waits for as long as `condition` holds, which it may at once not do. The mutex is locked whenever
    /// `condition` is asked, and when this returns.
    ///
    /// Cancellation-safe, as [`wait`](Self::wait). A notification after which `condition` still holds is
    /// used up.
    pub async fn wait_while<'a, T: ?Sized>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> MutexGuard<'a, T> {
        while condition(&mut guard) {
            guard = self.wait(guard).await;
        }
        guard
    }

    /// Notifies the oldest of those that wait and have not been notified; if there is none, nobody.
    ///
    /// ```
    /// use vigie::{lock::{Condition, Mutex}, scope, yield_now};
    ///
    /// vigie::run(async {
    ///     let (mutex, condition) = (&Mutex::new(0), &Condition::new());
    ///     // Nobody waits, and nobody will hear of it.
    ///     condition.notify_one();
    ///     scope(async |s| {
    ///         let one = s.spawn(async { *condition.wait(mutex.lock().await).await += 1 });
    ///         let other = s.spawn(async { *condition.wait(mutex.lock().await).await += 1 });
    ///         yield_now().await;
    ///         condition.notify_one();
    ///         one.await.unwrap();
    ///         assert_eq!((*mutex.lock().await, other.is_finished()), (1, false));
    ///         condition.notify_one();
    ///     }).await
    /// }).unwrap();
    /// ```
    pub fn notify_one(&self) {
        self.waiters.notify_additional(1);
    }

    /// Notifies all that wait now, the oldest first. The mutex they get back one after the other.
    ///
    /// ```
    /// use vigie::{lock::{Condition, Mutex}, scope, yield_now};
    ///
    /// vigie::run(async {
    ///     let (started, start) = (&Mutex::new(false), &Condition::new());
    ///     scope(async |s| {
    ///         let racers = [(); 3].map(|()| {
    ///             s.spawn(async { *start.wait_while(started.lock().await, |started| !*started).await })
    ///         });
    ///         yield_now().await;
    ///         *started.lock().await = true;
    ///         start.notify_all();
    ///         for racer in racers {
    ///             assert!(racer.await.unwrap());
    ///         }
    ///     }).await
    /// }).unwrap();
    /// ```
    pub fn notify_all(&self) {
        self.waiters.notify_additional(usize::MAX);
    }
}

/// A notification that was received and not used yet: dropped, it goes to the next.
struct Notified<'a>(&'a Condition);

impl Drop for Notified<'_> {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}
