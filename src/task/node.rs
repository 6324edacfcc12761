//! A task's place in the tree.

use std::{
    cell::{Cell, OnceCell, RefCell},
    collections::BTreeSet,
    fmt,
    panic::Location,
    rc::{Rc, Weak},
    task::{Context, Poll, Waker},
};

use crate::{
    domain::Shared,
    protocol::{Finished, Pending},
    slots::Key,
    sync::Arc,
    task::{shield::Finalisers, shielded},
    trace::{SpanId, TaskSpan},
};

/// A task, or the near end of a call whose task lives on another domain.
pub(crate) trait Task {
    fn node(&self) -> &Node;

    /// Polls the future; ready with how it ended once it is gone.
    fn poll(&self, cx: &mut Context<'_>) -> Poll<Ending>;

    /// Drops the future, or asks the other domain to; how it ended, if it has.
    fn cancel(&self) -> Option<Ending>;

    /// The task has finished: hands its result to a caller on another domain.
    fn publish(&self) {}

    /// A wake of this task was found in the inbox.
    fn take_wake(&self) {}

    /// Is it the near end of a call?
    fn is_far(&self) -> bool {
        false
    }

    /// Does anybody but the scheduler keep a waker of it?
    fn has_waker_outside(&self) -> bool {
        false
    }
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
    /// It lives until this task has finished, since it waits for that. No longer: a promise that is
    /// kept does not keep all ancestors, nor have them dropped one inside the other.
    Task(Weak<dyn Task>),
    /// A task of another domain, through its end of the call; none is the main task's. One variant, since a
    /// third would cost each task a word.
    Elsewhere(Option<Box<Caller>>),
}

/// The caller's end of a call.
pub(crate) struct Caller {
    pub(crate) domain: Arc<Shared>,
    pub(crate) link: Key,
    pub(crate) span: SpanId,
}

impl Parent {
    pub(crate) fn is(&self, task: &Rc<dyn Task>) -> bool {
        matches!(self, Self::Task(parent) if std::ptr::addr_eq(parent.as_ptr(), Rc::as_ptr(task)))
    }
}

/// Who is told that a task has finished.
pub(crate) enum Waiter {
    /// Its parent, which awaits it and nothing in between.
    Parent,
    /// Some part of its parent.
    Waker(Waker),
    /// The set that it is a member of, under this number.
    Set(Weak<Finished<Waiter>>, usize),
}

impl Waiter {
    /// `parent` waits, by `waker`.
    pub(crate) fn new(parent: &Rc<dyn Task>, waker: &Waker) -> Self {
        if parent.node().is_woken_by(waker) { Self::Parent } else { Self::Waker(waker.clone()) }
    }

    /// Tells it; `true` if it is the parent that is to be scheduled.
    #[must_use]
    pub(crate) fn tell(self) -> bool {
        match self {
            Self::Parent => return true,
            Self::Waker(waker) => shielded(|| waker.wake()),
            Self::Set(set, member) => {
                let waiter = set.upgrade().and_then(|set| set.push(member));
                return waiter.is_some_and(Self::tell);
            }
        }
        false
    }
}

/// What few tasks have.
#[derive(Default)]
struct Extra {
    /// Those of its children that nobody holds.
    unheld_children: RefCell<BTreeSet<Key>>,
    /// How many sections of its future are not to be cancelled just now.
    shields: Cell<u32>,
    /// What its child that finalises it still has to run, if there is one.
    finalisers: RefCell<Weak<Finalisers>>,
}

/// In this order, so that what each slice looks at lies together, at the beginning of a task's memory.
#[repr(C)]
pub(crate) struct Node {
    /// What wakes it; nothing does the near end of a call.
    pub(crate) waker: Option<Waker>,
    pub(crate) key: Key,
    /// Is it in a run queue?
    pub(crate) queued: Cell<bool>,
    /// Set as soon as its future begins to go.
    ending: Cell<Option<Ending>>,
    cancelled: Cell<bool>,
    finished: Cell<bool>,
    /// Does its domain keep a name of it?
    pub(crate) named: Cell<bool>,
    /// Does nobody hold its promise, by which its result could be asked for?
    unheld: Cell<bool>,
    /// Does a cancellation wait for the end of its shields?
    deferred: Cell<bool>,
    /// Is none to wait for them any more?
    exposed: Cell<bool>,
    /// Those of its children that were not cancelled.
    pub(crate) uncancelled: Cell<u32>,
    /// Its own future, and its children that have not finished.
    pub(crate) pending: Pending,
    pub(crate) parent: Parent,
    /// Where the task was spawned or called.
    pub(crate) location: &'static Location<'static>,
    pub(crate) span: TaskSpan,
    waiter: Cell<Option<Waiter>>,
    extra: OnceCell<Box<Extra>>,
}

impl Node {
    pub(crate) fn new(
        key: Key,
        waker: Option<Waker>,
        parent: Parent,
        location: &'static Location<'static>,
    ) -> Self {
        Self {
            key,
            waker,
            parent,
            location,
            span: TaskSpan::new(),
            queued: Cell::new(false),
            named: Cell::new(false),
            ending: Cell::new(None),
            cancelled: Cell::new(false),
            finished: Cell::new(false),
            unheld: Cell::new(false),
            pending: Pending::new(),
            uncancelled: Cell::new(0),
            waiter: Cell::default(),
            deferred: Cell::new(false),
            exposed: Cell::new(false),
            extra: OnceCell::new(),
        }
    }

    fn extra(&self) -> &Extra {
        self.extra.get_or_init(Box::default)
    }

    /// The parent, if it is a task of this domain, and this one has not finished.
    pub(crate) fn parent(&self) -> Option<Rc<dyn Task>> {
        match &self.parent {
            Parent::Task(parent) => parent.upgrade(),
            _ => None,
        }
    }

    /// Would `waker` wake this task, and no part of it first?
    #[inline]
    pub(crate) fn is_woken_by(&self, waker: &Waker) -> bool {
        self.waker.as_ref().is_some_and(|own| own.will_wake(waker))
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

    /// Nobody holds its promise: its parent, that of a task of this domain, remembers it instead.
    #[cfg(feature = "hyper")]
    pub(crate) fn let_go(&self) {
        self.unheld.set(true);
        self.tell_parent(|siblings| siblings.insert(self.key));
    }

    pub(crate) fn is_unheld(&self) -> bool {
        self.unheld.get()
    }

    /// Those of its children that nobody holds: when it fails, it need not look for them among all tasks.
    pub(crate) fn unheld_children(&self) -> Vec<Key> {
        let children = self.extra.get().map(|extra| extra.unheld_children.borrow());
        children.iter().flat_map(|children| children.iter()).copied().collect()
    }

    /// Changes what its parent remembers of its children that nobody holds.
    fn tell_parent(&self, change: impl FnOnce(&mut BTreeSet<Key>) -> bool) {
        if let Some(parent) = self.parent() {
            change(&mut parent.node().extra().unheld_children.borrow_mut());
        }
    }

    /// Begins a section that is not to be cancelled.
    pub(crate) fn shield(&self) {
        self.extra().shields.update(|count| count + 1);
    }

    /// Ends such a section; `true` if a cancellation has waited for it.
    pub(crate) fn unshield(&self) -> bool {
        self.extra().shields.update(|count| count - 1);
        !self.is_shielded() && self.deferred.replace(false)
    }

    fn is_shielded(&self) -> bool {
        self.extra.get().is_some_and(|extra| extra.shields.get() > 0)
    }

    /// A cancellation is due: `true` if it has to wait.
    pub(crate) fn defer(&self) -> bool {
        self.deferred.set(self.is_shielded() && !self.exposed.get());
        self.deferred.get()
    }

    /// No cancellation has to wait any more.
    pub(crate) fn expose(&self) {
        self.exposed.set(true);
    }

    /// What its child that finalises it still has to run, if there is one.
    pub(crate) fn finalisers(&self) -> Option<Rc<Finalisers>> {
        self.extra.get().and_then(|extra| extra.finalisers.borrow().upgrade())
    }

    /// From now on a child finalises it, which has these to run.
    pub(crate) fn set_finalisers(&self, finalisers: &Rc<Finalisers>) {
        *self.extra().finalisers.borrow_mut() = Rc::downgrade(finalisers);
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

    /// The task has finished: tells whoever waits for that; `true` if it is the parent.
    #[must_use = "the parent is to be scheduled"]
    pub(crate) fn finish(&self) -> bool {
        if !self.cancelled.get() {
            self.leave_uncancelled();
        }
        if self.unheld.get() {
            self.tell_parent(|siblings| siblings.remove(&self.key));
        }
        self.finished.set(true);
        self.span.close();
        let waiter = self.waiter.take();
        waiter.is_some_and(Waiter::tell)
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.finished.get()
    }

    /// `parent` awaits the end, by `waker`.
    pub(crate) fn wait(&self, parent: &Rc<dyn Task>, waker: &Waker) {
        let before = self.waiter.take();
        let stays = matches!(&before, Some(Waiter::Waker(before)) if before.will_wake(waker));
        // Back before anything else: a waker is anybody's code, and may panic.
        self.waiter.set(before);
        if !stays {
            self.set_waiter(Some(Waiter::new(parent, waker)));
        }
    }

    /// Who is to be told when the task has finished, in place of whoever was before.
    pub(crate) fn set_waiter(&self, waiter: Option<Waiter>) {
        let before = self.waiter.replace(waiter);
        // After the exchange, for the same reason.
        drop(before);
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("serial", &{ self.key.serial })
            .field("location", &format_args!("{}", self.location))
            .field("pending", &self.pending.count())
            .field("ending", &self.ending.get())
            .field("cancelled", &self.cancelled.get())
            .finish_non_exhaustive()
    }
}
