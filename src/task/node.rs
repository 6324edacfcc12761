//! A task's place in the tree.

use std::{
    cell::{Cell, RefCell},
    fmt,
    panic::Location,
    rc::{Rc, Weak},
    task::{Poll, Waker},
};

use crate::{domain::Shared, protocol::Pending, slots::Key, sync::Arc, task::shielded};

/// A task, or the near end of a call whose task lives on another domain.
pub(crate) trait Task {
    fn node(&self) -> &Node;

    /// Polls the future; ready with how it ended once it is gone.
    fn poll(&self) -> Poll<Ending>;

    /// Drops the future, or asks the other domain to; how it ended, if it has.
    fn cancel(&self) -> Option<Ending>;

    /// The task has finished: hands its result to a caller on another domain.
    fn publish(&self) {}

    /// A wake of this task was found in the inbox.
    fn take_wake(&self) {}
}

/// How a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Returned,
    Panicked,
    Cancelled,
}

/// Who loses a child when a task has finished.
pub(crate) enum Parent {
    /// Nobody: this is the main task.
    Root,
    /// It lives until this task has finished, since it waits for that. No longer: a promise that is
    /// kept does not keep all ancestors, nor have them dropped one inside the other.
    Task(Weak<dyn Task>),
    /// A task of another domain, through its end of the call.
    Caller { domain: Arc<Shared>, link: Key },
}

impl Parent {
    pub(crate) fn is(&self, task: &Rc<dyn Task>) -> bool {
        matches!(self, Self::Task(parent) if std::ptr::addr_eq(parent.as_ptr(), Rc::as_ptr(task)))
    }
}

pub(crate) struct Node {
    pub(crate) key: Key,
    pub(crate) parent: Parent,
    /// Where the task was spawned or called.
    pub(crate) location: &'static Location<'static>,
    /// Is it in a run queue?
    pub(crate) queued: Cell<bool>,
    /// Set as soon as its future begins to go.
    ending: Cell<Option<Ending>>,
    cancelled: Cell<bool>,
    finished: Cell<bool>,
    /// Its own future, and its children that have not finished.
    pub(crate) pending: Pending,
    /// Those of its children that were not cancelled.
    pub(crate) uncancelled: Cell<u32>,
    waiter: RefCell<Option<Waker>>,
}

impl Node {
    pub(crate) fn new(key: Key, parent: Parent, location: &'static Location<'static>) -> Self {
        Self {
            key,
            parent,
            location,
            queued: Cell::new(false),
            ending: Cell::new(None),
            cancelled: Cell::new(false),
            finished: Cell::new(false),
            pending: Pending::new(),
            uncancelled: Cell::new(0),
            waiter: RefCell::default(),
        }
    }

    /// The parent, if it is a task of this domain, and this one has not finished.
    pub(crate) fn parent(&self) -> Option<Rc<dyn Task>> {
        match &self.parent {
            Parent::Task(parent) => parent.upgrade(),
            _ => None,
        }
    }

    /// Takes its place among its parent's children.
    pub(crate) fn begin(&self) {
        if let Some(parent) = self.parent() {
            parent.node().pending.begin();
            parent.node().uncancelled.update(|count| count + 1);
        }
    }

    /// Notes that it is to be cancelled; `false` if it was already, or has finished.
    pub(crate) fn cancel(&self) -> bool {
        if self.finished.get() || self.cancelled.replace(true) {
            return false;
        }
        self.leave_uncancelled();
        true
    }

    fn leave_uncancelled(&self) {
        if let Some(parent) = self.parent() {
            parent.node().uncancelled.update(|count| count - 1);
        }
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.get()
    }

    /// Notes how its future ends. A later word, of a destructor that panics, replaces an earlier one.
    pub(crate) fn end(&self, ending: Ending) {
        self.ending.set(Some(ending));
    }

    pub(crate) fn is_ending(&self) -> bool {
        self.ending.get().is_some()
    }

    /// How the task ended, for its parent: a cancellation outdoes a return.
    pub(crate) fn ending(&self) -> Ending {
        match self.ending.get() {
            Some(Ending::Panicked) => Ending::Panicked,
            _ if self.cancelled.get() => Ending::Cancelled,
            Some(ending) => ending,
            None => Ending::Cancelled,
        }
    }

    /// The task has finished: wakes whoever awaits it.
    pub(crate) fn finish(&self) {
        if !self.cancelled.get() {
            self.leave_uncancelled();
        }
        self.finished.set(true);
        let waiter = self.waiter.take();
        if let Some(waiter) = waiter {
            shielded(|| waiter.wake());
        }
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.finished.get()
    }

    /// Who is to be woken when the task has finished.
    pub(crate) fn set_waiter(&self, waker: &Waker) {
        match &mut *self.waiter.borrow_mut() {
            Some(waiter) => waiter.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("serial", &self.key.serial)
            .field("location", &format_args!("{}", self.location))
            .field("pending", &self.pending.count())
            .field("ending", &self.ending.get())
            .field("cancelled", &self.cancelled.get())
            .finish_non_exhaustive()
    }
}
