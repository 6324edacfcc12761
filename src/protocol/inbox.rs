//! The inbox: messages from other threads, among them the wakes of tasks, each at most once.

use crate::{
    protocol::{Parker, Ready},
    sync::{Arc, AtomicBool, Ordering},
};

/// A domain's inbox.
#[derive(Debug)]
pub(crate) struct Inbox<M>(Ready<M>);

impl<M> Inbox<M> {
    pub(crate) fn new(parker: Arc<Parker>) -> Self {
        Self(Ready::new(parker))
    }

    /// Any thread: leaves a message and wakes the domain if it is parked.
    pub(crate) fn post(&self, message: M) {
        self.0.send(message);
    }

    /// Any thread: leaves a wake for the task that `word` belongs to, unless one already lies there.
    pub(crate) fn wake(&self, word: &WakeWord, message: M) {
        if word.request() {
            // W2.
            self.0.send(message);
        }
    }

    /// The domain: takes the oldest message.
    pub(crate) fn next(&self) -> Option<M> {
        self.0.pop()
    }

    /// Any thread: how many messages there are, about now.
    #[cfg(not(vigie_loom))]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The domain: takes the oldest messages, at most `limit` of them.
    pub(crate) fn drain(&self, limit: usize, each: impl FnMut(M)) {
        self.0.drain(limit, each);
    }
}

/// A task's word: does a wake of it lie in the inbox?
///
/// The domain takes the word when it finds the wake, and runs the task after that. A wake that was
/// asked for before is seen by that run; one asked for later posts again.
#[derive(Debug)]
pub(crate) struct WakeWord(AtomicBool);

impl WakeWord {
    pub(crate) fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// Any thread: asks for a run; `true` if the caller must post the wake.
    fn request(&self) -> bool {
        // W1. ORDERING: release pairs with the acquire in `take`: what the waker did before is seen by
        // the run, also when the wake of another is the one that lies in the inbox. Hence a swap,
        // never a load that skips it.
        !self.0.swap(true, Ordering::Release)
    }

    /// The domain: has found the wake; the task runs after this.
    pub(crate) fn take(&self) {
        // W3. ORDERING: acquire pairs with the release of every `request` since the last `take`.
        self.0.swap(false, Ordering::Acquire);
    }
}
