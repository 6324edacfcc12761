//! The subtree: a task has finished when its future is gone and all its children have finished.

use std::cell::Cell;

/// What a task waits for before it has finished: its own future, and each child that has not. A call
/// counts as a child of the caller's domain, so no other thread ever touches this.
#[derive(Debug)]
pub(crate) struct Pending(Cell<u32>);

impl Pending {
    /// A new task's: its future is there.
    pub(crate) fn new() -> Self {
        Self(Cell::new(1))
    }

    /// S1. A child begins, while the task's own future is there.
    pub(crate) fn begin(&self) {
        self.0.update(|count| count + 1);
    }

    /// S2. One of these is done; `true` after the last.
    fn release(&self) -> bool {
        self.0.update(|count| count - 1);
        self.0.get() == 0
    }

    pub(crate) fn count(&self) -> u32 {
        self.0.get()
    }
}

/// A domain's part of the tree of tasks.
pub(crate) trait Subtree {
    type Task;

    fn pending<'a>(&self, task: &'a Self::Task) -> &'a Pending;

    /// S3. Puts the task's result where its parent will look, or drops it if nobody will.
    fn publish(&self, task: &Self::Task);

    /// S4. Tells whoever is to know that the task has finished. Its parent is the answer if it is of
    /// this domain; that of another gets a message.
    fn finish(&self, task: &Self::Task) -> Option<Self::Task>;

    /// One of the things that `task` waits for is done; finishes it after the last, and then its parent
    /// loses one.
    fn release(&self, mut task: Self::Task) {
        while self.pending(&task).release() {
            // S3 before S4: whoever hears of the end finds the result.
            self.publish(&task);
            match self.finish(&task) {
                Some(parent) => task = parent,
                None => return,
            }
        }
    }
}
