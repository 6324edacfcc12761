//! Suspensions: a task waits for a signal that carries its uid.

use std::{
    fmt,
    future::Future,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use crate::{domain::Local, slots::Key};

/// The name of one suspension: unique in the process, and never used again. Those that one domain
/// names in a row mostly ascend.
///
/// ```
/// use vigie::events::{self, Uid};
///
/// vigie::run(async {
///     let uids: [Uid; 2] = [events::syscall().unwrap().uid(), events::syscall().unwrap().uid()];
///     assert_ne!(uids[0], uids[1]);
///     assert_eq!(uids.map(|uid| uid.domain()), [0, 0]);
/// }).unwrap();
/// ```
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
        write!(f, "Uid({}:{})", self.domain, { self.key.serial })
    }
}

/// A suspension that has been named but has not begun: made by [`syscall`](super::syscall()), owned by
/// the task that made it. Dropping it, or the [`Suspend`] made of it, before its signal was received
/// cancels it: its uid is told to the next `select`.
///
/// ```
/// use vigie::events::{self, Syscall};
///
/// vigie::run(async {
///     let domain = events::signal_sender().unwrap();
///     let syscall: Syscall = events::syscall().unwrap();
///     let uid = syscall.uid();
///     let reader = std::thread::spawn(move || domain.send(uid));
///     syscall.suspend(|_uid| Ok(())).await.unwrap();
///     reader.join().unwrap();
/// }).unwrap();
/// ```
#[must_use = "a syscall that is dropped is cancelled"]
pub struct Syscall {
    uid: Uid,
    local: Rc<Local>,
    received: bool,
}

impl Syscall {
    pub(crate) fn new(local: Rc<Local>) -> Self {
        let key = local.suspensions.name();
        Self { uid: Uid { key, domain: local.index() }, local, received: false }
    }

    /// Its uid, to be handed to the events.
    pub fn uid(&self) -> Uid {
        self.uid
    }

    /// Does it belong to the domain that runs on this thread? One that was carried out of its run is
    /// never signalled.
    ///
    /// ```
    /// use vigie::events;
    ///
    /// let carried = vigie::run(async {
    ///     let syscall = events::syscall().unwrap();
    ///     assert!(syscall.is_here());
    ///     syscall
    /// });
    /// assert!(!carried.unwrap().is_here());
    /// ```
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
    ///
    /// ```
    /// use std::io;
    /// use vigie::events;
    ///
    /// vigie::run(async {
    ///     let syscall = events::syscall().unwrap();
    ///     let error = syscall.suspend(|_uid| Err(io::ErrorKind::AddrInUse.into())).await.unwrap_err();
    ///     assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    ///
    ///     let (syscall, sender) = (events::syscall().unwrap(), events::signal_sender().unwrap());
    ///     syscall.suspend(|uid| Ok(sender.send(uid))).await.unwrap();
    /// }).unwrap();
    /// ```
    pub fn suspend<R>(self, register: R) -> Suspend<R>
    where
        R: FnOnce(Uid) -> io::Result<()>,
    {
        Suspend { syscall: self, register: Some(register) }
    }

    /// The poll form of [`suspend`](Self::suspend), for futures written by hand: ready once the uid
    /// has been signalled, and from then on. The first pending answer means that the suspension
    /// exists, and the caller registers the uid after it.
    ///
    /// ```
    /// use std::{future::Future, pin::Pin, task::{Context, Poll}};
    /// use vigie::events::{self, SignalSender, Syscall};
    ///
    /// struct Echo {
    ///     syscall: Syscall,
    ///     /// Until the suspension exists.
    ///     sender: Option<SignalSender>,
    /// }
    ///
    /// impl Future for Echo {
    ///     type Output = ();
    ///
    ///     fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
    ///         let polled = self.syscall.poll_signalled(cx);
    ///         if let (Poll::Pending, Some(sender)) = (polled, self.sender.take()) {
    ///             sender.send(self.syscall.uid());
    ///         }
    ///         polled
    ///     }
    /// }
    ///
    /// vigie::run(async {
    ///     let (syscall, sender) = (events::syscall().unwrap(), events::signal_sender().unwrap());
    ///     Echo { syscall, sender: Some(sender) }.await;
    /// }).unwrap();
    /// ```
    pub fn poll_signalled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.received {
            return Poll::Ready(());
        }
        if self.local.suspensions.wait(self.uid.key, Suspended::new(cx.waker())).is_ready() {
            self.received = true;
            return Poll::Ready(());
        }
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
///
/// ```
/// use futures_lite::future::poll_once;
/// use vigie::events::{self, Suspend};
///
/// vigie::run(async {
///     let sender = events::signal_sender().unwrap();
///     let syscall = events::syscall().unwrap();
///     let uid = syscall.uid();
///     let mut suspend: Suspend<_> = syscall.suspend(|_uid| Ok(()));
///     // What only tries does not end the suspension, as long as it is there.
///     assert!(poll_once(&mut suspend).await.is_none());
///     sender.send(uid);
///     suspend.await.unwrap();
/// }).unwrap();
/// ```
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

/// Whom a signal resumes.
pub(crate) enum Suspended {
    /// This task, and nothing in between: it needs no waker.
    Task(Key),
    Waker(Waker),
}

impl Suspended {
    fn new(waker: &Waker) -> Self {
        let current = Local::with(|local| local.current()).flatten();
        match current.filter(|task| task.node().is_woken_by(waker)) {
            Some(task) => Self::Task(task.node().key),
            None => Self::Waker(waker.clone()),
        }
    }
}

impl Local {
    /// Delivers a signal: at most once, to the suspension that the uid names, or to none.
    pub(crate) fn signal(&self, uid: Uid) {
        match self.suspensions.signal(uid.key) {
            Some(Suspended::Task(task)) => self.wake(task),
            Some(Suspended::Waker(waker)) => waker.wake(),
            None => {}
        }
    }

    /// Forgets a suspension and has the next `select` told of it.
    fn cancel_suspension(&self, uid: Uid) {
        if self.suspensions.cancel(uid.key) {
            self.cancelled.borrow_mut().push(uid);
        }
    }
}
