//! The ready queue: what any thread pushes, and one owner, woken by it, drains.

use crate::{
    protocol::Parker,
    sync::{Arc, Queue},
};

/// A lock-free queue bound to its owner's parker: the push comes first, the token second. Once the owner
/// has gone, what is sent is dropped.
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
        self.send_all([item]);
    }

    /// Any thread: pushes a batch, and wakes the owner once.
    pub(crate) fn send_all(&self, items: impl IntoIterator<Item = T>) {
        // R1, then R2: `notify` releases, and the owner's taking of the token acquires, what the pushes
        // wrote. R2 also if `items` panics halfway.
        let mut batch = Batch { parker: &self.parker, any: false };
        for item in items {
            batch.any |= self.push(item);
        }
    }

    /// Any thread: pushes without a word to the owner; whether there was anything. Whoever pushes the last
    /// of a batch calls `notify` on the owner's parker, or the owner may never look.
    pub(crate) fn push_all(&self, items: impl IntoIterator<Item = T>) -> bool {
        let mut any = false;
        for item in items {
            any |= self.push(item);
        }
        any
    }

    /// R1, unless nobody would read it.
    fn push(&self, item: T) -> bool {
        let open = !self.parker.is_closed();
        if open {
            self.queue.push(item);
        }
        open
    }

    /// Owner: takes the oldest item. Empty means that whatever is still to come has its token still
    /// to come.
    pub(crate) fn pop(&self) -> Option<T> {
        self.queue.pop()
    }

    /// Owner: would `pop` find nothing? It says as much as that would.
    #[cfg(feature = "system")]
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Any thread: how many items there are, about now.
    #[cfg(not(vigie_loom))]
    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Owner: takes the oldest items, at most `limit` of them.
    pub(crate) fn drain(&self, limit: usize, mut each: impl FnMut(T)) {
        for _ in 0..limit {
            match self.pop() {
                Some(item) => each(item),
                None => return,
            }
        }
        // R3. There may be more, and the token that says so was taken.
        self.parker.notify();
    }
}

/// What was pushed since it was begun, to be notified of at its end.
struct Batch<'a> {
    parker: &'a Parker,
    any: bool,
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        if self.any {
            // R2.
            self.parker.notify();
        }
    }
}
