//! Suspensions: a task waits for a signal that carries its uid.

use std::{
    fmt,
    future::Future,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use crate::{
    domain::Local,
    slots::{Key, Slots},
};

/// The name of one suspension: unique in the process, and never used again. Those that one domain
/// names in a row mostly ascend.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid {
    key: Key,
    domain: u32,
}

impl Uid {
    /// The number of the domain whose task is suspended.
    pub fn domain(&self) -> usize {
        self.domain as usize
    }
}

impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uid({}:{})", self.domain, self.key.serial)
    }
}

/// A suspension that has been named but has not begun: made by [`syscall`](super::syscall()), owned by
/// the task that made it. Dropping it, or the [`Suspend`] made of it, before its signal was received
/// cancels it: its uid is told to the next `select`.
#[must_use = "a syscall that is dropped is cancelled"]
pub struct Syscall {
    uid: Uid,
    local: Rc<Local>,
    received: bool,
}

impl Syscall {
    pub(crate) fn new(local: Rc<Local>) -> Self {
        let key = local.suspensions.borrow_mut().insert_with(|_| Suspension::Named);
        Self { uid: Uid { key, domain: local.index() }, local, received: false }
    }

    /// Its uid, to be handed to the events.
    pub fn uid(&self) -> Uid {
        self.uid
    }

    /// Does it belong to the domain that runs on this thread? One that was carried out of its run is
    /// never signalled.
    pub fn is_here(&self) -> bool {
        Local::with(|local| Rc::ptr_eq(local, &self.local)).unwrap_or(false)
    }

    /// Suspends the task until its uid is signalled. `register` runs once the suspension exists, on
    /// this domain, with nothing in between: a signal cannot come too early. Where the uid was
    /// signalled even before, nothing is suspended and `register` does not run.
    ///
    /// # Errors
    ///
    /// That of `register`; the next `select` is then told that the uid is cancelled.
    pub fn suspend<R>(self, register: R) -> Suspend<R>
    where
        R: FnOnce(Uid) -> io::Result<()>,
    {
        Suspend { syscall: self, register: Some(register) }
    }

    /// The poll form of [`suspend`](Self::suspend), for futures written by hand: ready once the uid
    /// has been signalled, and from then on. The first pending answer means that the suspension
    /// exists, and the caller registers the uid after it.
    pub fn poll_signalled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.received {
            return Poll::Ready(());
        }
        // Made before the borrow below, and what it replaces dropped after: a waker is anybody's code.
        let waiting = Suspension::waiting(cx.waker());
        let mut suspensions = self.local.suspensions.borrow_mut();
        let Some(suspension) = suspensions.get_mut(self.uid.key) else {
            drop(suspensions);
            return Poll::Ready(());
        };
        if matches!(suspension, Suspension::Signalled) {
            suspensions.remove(self.uid.key);
            drop(suspensions);
            self.received = true;
            return Poll::Ready(());
        }
        let before = std::mem::replace(suspension, waiting);
        drop(suspensions);
        drop(before);
        Poll::Pending
    }
}

impl Drop for Syscall {
    fn drop(&mut self) {
        if !self.received {
            self.local.cancel_suspension(self.uid);
        }
    }
}

impl fmt::Debug for Syscall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Syscall").field("uid", &self.uid).finish_non_exhaustive()
    }
}

/// A suspension under way: resolves when its uid is signalled, or with the error of the registration.
/// Dropping it cancels it.
#[must_use = "futures do nothing unless polled"]
pub struct Suspend<R> {
    syscall: Syscall,
    register: Option<R>,
}

// Nothing is pinned: `register` runs by value.
impl<R> Unpin for Suspend<R> {}

impl<R> Future for Suspend<R>
where
    R: FnOnce(Uid) -> io::Result<()>,
{
    type Output = io::Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if this.syscall.poll_signalled(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        match this.register.take() {
            None => Poll::Pending,
            Some(register) => match register(this.syscall.uid()) {
                Ok(()) => Poll::Pending,
                Err(error) => Poll::Ready(Err(error)),
            },
        }
    }
}

impl<R> fmt::Debug for Suspend<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Suspend").field("uid", &self.syscall.uid).finish_non_exhaustive()
    }
}

/// What a domain knows of one suspension.
#[derive(Debug)]
pub(crate) enum Suspension {
    /// Has a uid, and waits for nothing yet.
    Named,
    Waiting(Waker),
    /// This task waits, and nothing in between: it needs no waker.
    TaskWaiting(Key),
    /// The signal came; the task has not looked yet.
    Signalled,
}

impl Suspension {
    fn waiting(waker: &Waker) -> Self {
        let current = Local::with(|local| local.current()).flatten();
        match current.filter(|task| task.is_woken_by(waker)) {
            Some(task) => Self::TaskWaiting(task.node().key),
            None => Self::Waiting(waker.clone()),
        }
    }
}

pub(crate) type Suspensions = Slots<Suspension>;

impl Local {
    /// Delivers a signal: at most once, to the suspension that the uid names, or to none.
    pub(crate) fn signal(&self, uid: Uid) {
        let before = match self.suspensions.borrow_mut().get_mut(uid.key) {
            None => return,
            Some(suspension) => std::mem::replace(suspension, Suspension::Signalled),
        };
        // Outside of the borrow: a waker is anybody's code.
        match before {
            Suspension::Waiting(waker) => waker.wake(),
            Suspension::TaskWaiting(task) => self.wake(task),
            Suspension::Named | Suspension::Signalled => {}
        }
    }

    /// Forgets a suspension and has the next `select` told of it.
    fn cancel_suspension(&self, uid: Uid) {
        let suspension = self.suspensions.borrow_mut().remove(uid.key);
        if suspension.is_some() {
            self.cancelled.borrow_mut().push(uid);
        }
    }
}
