//! The facade over loom, and the stand-in for the lock-free queue.

use std::time::Instant;

use loom::sync::{Condvar, MutexGuard, atomic::AtomicUsize};

pub(crate) use loom::{
    cell::UnsafeCell,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering, fence},
    },
};
/// The standard library's: it counts serials, which only have to be unique, also across the executions
/// of a model. Loom need not see it.
pub(crate) use std::sync::atomic::AtomicU64;

/// How many items a model may push in one execution: each place is used once.
const CAPACITY: usize = 8;

/// A stand-in for `crossbeam_queue::SegQueue` that is weaker than it on purpose.
///
/// It may leave out synchronisation that the real queue has, and must never add any: then what
/// holds here holds there. A push takes its place with a relaxed increment, writes, and publishes
/// with one release store; a pop acquires that store and nothing else. There is no fence and no
/// order between the places. A `Mutex<VecDeque>` here would hide every lost wake-up, since its lock
/// orders what the protocol has to order by itself.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    tail: AtomicUsize,
    head: AtomicUsize,
    places: Vec<Place<T>>,
}

#[derive(Debug)]
struct Place<T> {
    full: AtomicBool,
    item: UnsafeCell<Option<T>>,
}

// SAFETY: an item moves from the pushing thread to the popping one, guarded by `full`.
unsafe impl<T: Send> Send for Queue<T> {}
// SAFETY: as above; each place is written by the one thread that took it and read after `full`.
unsafe impl<T: Send> Sync for Queue<T> {}

impl<T> Queue<T> {
    pub(crate) fn new() -> Self {
        let places = (0..CAPACITY)
            .map(|_| Place { full: AtomicBool::new(false), item: UnsafeCell::new(None) })
            .collect();
        Self { tail: AtomicUsize::new(0), head: AtomicUsize::new(0), places }
    }

    pub(crate) fn push(&self, item: T) {
        // Relaxed on purpose: the stand-in must not order one push with another.
        let place = &self.places[self.tail.fetch_add(1, Ordering::Relaxed)];
        // SAFETY: the place was taken by this push alone, and is read only once `full`.
        place.item.with_mut(|slot| unsafe { *slot = Some(item) });
        // ORDERING: pairs with the acquire load in `pop`.
        place.full.store(true, Ordering::Release);
    }

    pub(crate) fn pop(&self) -> Option<T> {
        // The one consumer owns `head`.
        let head = self.head.load(Ordering::Relaxed);
        let place = self.places.get(head)?;
        // ORDERING: pairs with the release store in `push`.
        if !place.full.load(Ordering::Acquire) {
            return None;
        }
        self.head.store(head + 1, Ordering::Relaxed);
        // SAFETY: `full` was published after the write, and this place is popped once.
        place.item.with_mut(|slot| unsafe { (*slot).take() })
    }

    /// The look that proves nothing: the litmus models show that it misses a finished push.
    pub(crate) fn is_empty(&self) -> bool {
        let head = self.head.load(Ordering::Relaxed);
        self.places.get(head).is_none_or(|place| !place.full.load(Ordering::Relaxed))
    }
}

/// Loom's mutex, in the shape of `parking_lot`'s: a model that panicked is over, poison or not.
#[derive(Debug)]
pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(loom::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap()
    }
}

/// A stand-in for the standard library's `OnceLock`, which loom cannot see: it would always show the
/// newest value, and so hide that a reader has no reason to find it.
#[derive(Debug)]
pub(crate) struct OnceLock<T> {
    full: AtomicBool,
    value: UnsafeCell<Option<T>>,
}

// SAFETY: the value moves in before `full` is published, and is only shared after.
unsafe impl<T: Send> Send for OnceLock<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for OnceLock<T> {}

impl<T> OnceLock<T> {
    pub(crate) fn new() -> Self {
        Self { full: AtomicBool::new(false), value: UnsafeCell::new(None) }
    }

    /// Called by one thread only, unlike the real one.
    pub(crate) fn set(&self, value: T) -> Result<(), T> {
        if self.full.load(Ordering::Relaxed) {
            return Err(value);
        }
        // SAFETY: only this thread writes, and nobody reads before `full`.
        self.value.with_mut(|slot| unsafe { *slot = Some(value) });
        // ORDERING: pairs with the acquire load in `get`.
        self.full.store(true, Ordering::Release);
        Ok(())
    }

    pub(crate) fn get(&self) -> Option<&T> {
        // ORDERING: pairs with the release store in `set`.
        if !self.full.load(Ordering::Acquire) {
            return None;
        }
        // SAFETY: `full` was published after the only write.
        self.value.with(|slot| unsafe { (*slot).as_ref() })
    }
}

/// The same sleeper over loom's mutex and condition variable, without time.
#[derive(Debug)]
pub(crate) struct Sleeper {
    lock: Mutex<()>,
    condvar: Condvar,
}

impl Sleeper {
    pub(crate) fn new() -> Self {
        Self { lock: Mutex::new(()), condvar: Condvar::new() }
    }

    pub(crate) fn sleep_while(&self, mut asleep: impl FnMut() -> bool, deadline: Option<Instant>) {
        assert!(deadline.is_none(), "loom has no clock");
        let mut guard = self.lock.lock();
        while asleep() {
            guard = self.condvar.wait(guard).unwrap();
        }
    }

    pub(crate) fn wake(&self) {
        drop(self.lock.lock());
        self.condvar.notify_one();
    }
}
