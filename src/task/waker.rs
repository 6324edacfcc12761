//! Wakers: what the rest of the world holds of a task. They own no future.

use std::{
    sync::Arc,
    task::{Wake, Waker},
};

use crate::{
    domain::{Local, Message, Shared},
    protocol::WakeWord,
    slots::Key,
};

/// Wakes one task, from any thread. It may outlive the task and the run, and is then inert.
#[derive(Debug)]
pub(crate) struct TaskWaker {
    domain: Arc<Shared>,
    key: Key,
    word: WakeWord,
}

impl TaskWaker {
    pub(crate) fn new(domain: Arc<Shared>, key: Key) -> Arc<Self> {
        Arc::new(Self { domain, key, word: WakeWord::new() })
    }

    pub(crate) fn waker(self: &Arc<Self>) -> Waker {
        Waker::from(self.clone())
    }

    /// The domain has found this waker's wake in its inbox.
    pub(crate) fn take_wake(&self) {
        self.word.take();
    }
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let here = Local::with(|local| {
            let here = Arc::ptr_eq(&local.shared, &self.domain);
            if here {
                local.wake(self.key);
            }
            here
        });
        if here != Some(true) {
            self.domain.inbox.wake(&self.word, Message::Wake(self.key));
        }
    }
}
