//! `parking_lot`'s part of the facade over the standard library's locks, for Miri, which does not know the
//! system calls of the former.

#![allow(clippy::disallowed_types, reason = "this file is where those types may be named")]

use std::{
    sync::{self, Condvar, MutexGuard, PoisonError},
    time::Instant,
};

#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn into_inner(self) -> T {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The same sleeper, step by step.
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
        let mut guard = self.lock.lock();
        while asleep() {
            guard = match deadline {
                None => self.condvar.wait(guard).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    let waited = self.condvar.wait_timeout(guard, left);
                    let (guard, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
                    if timeout.timed_out() {
                        return;
                    }
                    guard
                }
            }
        }
    }

    pub(crate) fn wake(&self) {
        drop(self.lock.lock());
        self.condvar.notify_one();
    }
}
