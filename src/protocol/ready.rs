//! The ready queue: what any thread pushes, and one owner, woken by it, drains.

use crate::{
    protocol::Parker,
    sync::{Arc, Queue},
};

/// A lock-free queue bound to its owner's parker: the push comes first, the token second.
#[derive(Debug)]
pub(crate) struct Ready<T> {
    queue: Queue<T>,
    parker: Arc<Parker>,
}

impl<T> Ready<T> {
    pub(crate) fn new(parker: Arc<Parker>) -> Self {
        Self { queue: Queue::new(), parker }
    }

    /// Any thread: pushes and wakes the owner if it is parked.
    pub(crate) fn send(&self, item: T) {
        // R1, then R2: `notify` releases, and the owner's taking of the token acquires, what the push wrote.
        self.queue.push(item);
        self.parker.notify();
    }

    /// Any thread: pushes without a word to the owner. Whoever pushes the last of a batch calls
    /// `notify` on the owner's parker, or the owner may never look.
    pub(crate) fn push(&self, item: T) {
        self.queue.push(item);
    }

    /// Owner: takes the oldest item. Empty means that whatever is still to come has its token still
    /// to come.
    pub(crate) fn pop(&self) -> Option<T> {
        self.queue.pop()
    }
}
