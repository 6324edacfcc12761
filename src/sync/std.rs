//! The facade over the standard library, `parking_lot` and `crossbeam-queue`.

#![allow(clippy::disallowed_types, reason = "this file is where those types may be named")]

#[cfg(not(miri))]
use std::time::Instant;

#[cfg(miri)]
pub(crate) use super::miri::{Mutex, Sleeper};
#[cfg(not(miri))]
pub(crate) use parking_lot::Mutex;
pub(crate) use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence},
};

/// The lock-free queue: many producers, and here a single consumer.
///
/// `pop` may spin for the few instructions in which a producer has taken its place but not yet
/// written it.
#[derive(Debug)]
pub(crate) struct Queue<T>(crossbeam_queue::SegQueue<T>);

impl<T> Queue<T> {
    pub(crate) fn new() -> Self {
        Self(crossbeam_queue::SegQueue::new())
    }

    pub(crate) fn push(&self, item: T) {
        self.0.push(item);
    }

    pub(crate) fn pop(&self) -> Option<T> {
        // What came before this look is seen by it, and it spares an empty queue the fence in `pop`.
        if self.is_empty() { None } else { self.0.pop() }
    }

    /// How many there are, about now.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Is nothing there, as far as can be seen? By itself, this look proves nothing.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A place where one thread sleeps until a condition that another thread changes no longer holds.
#[cfg(not(miri))]
#[derive(Debug)]
#[allow(dead_code, reason = "where parkers sleep on futexes, only the pool of `blocking` needs it")]
pub(crate) struct Sleeper {
    lock: Mutex<()>,
    condvar: parking_lot::Condvar,
}

#[cfg(not(miri))]
#[allow(dead_code, reason = "as above")]
impl Sleeper {
    pub(crate) fn new() -> Self {
        Self { lock: Mutex::new(()), condvar: parking_lot::Condvar::new() }
    }

    /// Sleeps while `asleep` says so, at most until `deadline`.
    pub(crate) fn sleep_while(&self, mut asleep: impl FnMut() -> bool, deadline: Option<Instant>) {
        let mut guard = self.lock.lock();
        while asleep() {
            match deadline {
                None => self.condvar.wait(&mut guard),
                Some(deadline) => {
                    if self.condvar.wait_until(&mut guard, deadline).timed_out() {
                        return;
                    }
                }
            }
        }
    }

    /// Wakes the sleeper, whose condition the caller has already changed.
    pub(crate) fn wake(&self) {
        // Whoever saw the old condition holds the lock until it waits: once the lock is ours, the
        // sleeper either waits or will see the new condition.
        drop(self.lock.lock());
        self.condvar.notify_one();
    }
}

/// `UnsafeCell` with the closures by which loom tracks who touches it.
#[cfg(feature = "system")]
#[derive(Debug)]
pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

#[cfg(feature = "system")]
impl<T> UnsafeCell<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(std::cell::UnsafeCell::new(value))
    }

    pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }
}
