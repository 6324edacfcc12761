//! The call: what its two ends share while a task runs on one domain for a task of another.

use crate::sync::{Mutex, OnceLock};

/// The cell of one call. Nobody waits at it: the messages in the two inboxes say when there is something
/// to find here.
///
/// ```text
/// caller   C1 posts the start              C3 may post a wish to cancel     C6 takes the result
/// called   C2 makes the task and names it  C4 puts the result               C5 posts that it has finished
/// ```
#[derive(Debug)]
pub(crate) struct Call<K, R> {
    /// Written and read by the called domain only.
    task: OnceLock<K>,
    /// The called domain's until C5, then the caller's. The lock is there for the types' sake: nobody
    /// ever meets another in it.
    result: Mutex<Option<R>>,
}

impl<K: Copy, R> Call<K, R> {
    pub(crate) fn new() -> Self {
        Self { task: OnceLock::new(), result: Mutex::new(None) }
    }

    /// C2. The called domain: names the task that it has made, before it reads its next message.
    pub(crate) fn name(&self, task: K) {
        let first = self.task.set(task).is_ok();
        debug_assert!(first, "a call is started once");
    }

    /// The called domain, which has found C3: the task, though it may have finished by now.
    pub(crate) fn task(&self) -> Option<K> {
        self.task.get().copied()
    }

    /// C4. The called domain: the task has finished with this, and C5 is still to come.
    pub(crate) fn put(&self, result: R) {
        *self.result.lock() = Some(result);
    }

    /// C6. The caller's domain, which has found C5: the result, once; none from a cancelled task.
    pub(crate) fn take(&self) -> Option<R> {
        self.result.lock().take()
    }
}
