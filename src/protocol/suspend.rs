//! Suspensions: one signal for each, however many are sent, and never one for another.

use std::{cell::RefCell, mem, task::Poll};

use crate::slots::{Key, Slots};

/// The suspensions of one domain: what it knows of each uid that it has named. Signals come from other
/// threads through the ready queue; all that is here is the domain's.
///
/// ```text
/// task    U1 names a uid, hands it to others   U2 waits, or finds the signal   U4 gives it up
/// domain  U3 has found a signal: whom it resumes
/// ```
#[derive(Debug)]
pub(crate) struct Suspensions<W>(RefCell<Slots<Suspension<W>>>);

#[derive(Debug)]
enum Suspension<W> {
    /// Nobody waits yet.
    Named,
    Waiting(W),
    /// The signal came; the task has not looked yet.
    Signalled,
}

impl<W> Suspensions<W> {
    pub(crate) fn new() -> Self {
        Self(RefCell::new(Slots::new()))
    }

    /// U1. Names a new one.
    pub(crate) fn name(&self) -> Key {
        self.0.borrow_mut().insert_with(|_| Suspension::Named)
    }

    /// U2. Ready if the signal has come, which is used up by this, or if there is no such suspension;
    /// else `waiter` is resumed by the signal, in place of an earlier one.
    pub(crate) fn wait(&self, key: Key, waiter: W) -> Poll<()> {
        let mut suspensions = self.0.borrow_mut();
        let Some(suspension) = suspensions.get_mut(key) else {
            return Poll::Ready(());
        };
        if matches!(suspension, Suspension::Signalled) {
            suspensions.remove(key);
            return Poll::Ready(());
        }
        let before = mem::replace(suspension, Suspension::Waiting(waiter));
        // In this order: a waker is anybody's code.
        drop(suspensions);
        drop(before);
        Poll::Pending
    }

    /// U3. The signal has come: whom it resumes, once. Nobody if it came before, or for one that was
    /// given up; if nobody waits yet it is remembered.
    pub(crate) fn signal(&self, key: Key) -> Option<W> {
        let mut suspensions = self.0.borrow_mut();
        match mem::replace(suspensions.get_mut(key)?, Suspension::Signalled) {
            Suspension::Waiting(waiter) => Some(waiter),
            Suspension::Named | Suspension::Signalled => None,
        }
    }

    /// U4. Gives it up; `false` if its signal was used up already.
    pub(crate) fn cancel(&self, key: Key) -> bool {
        let removed = self.0.borrow_mut().remove(key);
        removed.is_some()
    }
}
