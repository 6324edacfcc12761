//! Who waits for the domain's events.

use std::task::Waker;

use crate::{domain::Local, events::EventsError, slots::Key};

/// Code that runs on the domain and is to wait, by the waker that it was polled with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Awaiter<'a> {
    pub(crate) waker: &'a Waker,
    /// The task in which it runs, if it runs in one.
    pub(crate) task: Option<Key>,
    /// Is the waker that task's own, so that the task's key says as much?
    pub(crate) is_own: bool,
}

impl Local {
    /// Who runs now, unless it must not wait.
    #[inline]
    pub(crate) fn awaiter<'a>(&self, waker: &'a Waker) -> Result<Awaiter<'a>, EventsError> {
        let current = self.current.borrow();
        match current.as_ref().map(|task| task.node()) {
            None => Ok(Awaiter { waker, task: None, is_own: false }),
            Some(node) if node.is_ending() => Err(EventsError::Ending),
            Some(node) => Ok(Awaiter { waker, task: Some(node.key), is_own: node.is_woken_by(waker) }),
        }
    }
}
