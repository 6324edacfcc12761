//! The finished: which members of a set have finished, in that order, and who waits for the next.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
};

/// The members of a set that have finished and were not collected yet. Of one domain: a member that
/// runs on another finishes here when the news of it has been read.
pub(crate) struct Finished<W> {
    order: RefCell<VecDeque<usize>>,
    waiter: Cell<Option<W>>,
}

impl<W> Finished<W> {
    pub(crate) fn new() -> Self {
        Self { order: RefCell::default(), waiter: Cell::new(None) }
    }

    /// F1. A member has finished. The caller wakes whom this returns.
    #[must_use = "it waits for this"]
    pub(crate) fn push(&self, member: usize) -> Option<W> {
        self.order.borrow_mut().push_back(member);
        self.waiter.take()
    }

    /// F2. The member that finished first, of those that were not collected yet.
    pub(crate) fn pop(&self) -> Option<usize> {
        self.order.borrow_mut().pop_front()
    }

    /// F3. Nothing was there: the next `push` returns this waiter, and none from before it.
    pub(crate) fn wait(&self, waiter: W) {
        let before = self.waiter.replace(Some(waiter));
        // After the exchange: a waker is anybody's code.
        drop(before);
    }
}
