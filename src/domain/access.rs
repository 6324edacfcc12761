//! How code inside a task reaches the domain that it runs on.

use std::{
    any::{Any, type_name},
    task::{Context, Poll},
    time::Instant,
};

use crate::{
    domain::{Local, hint},
    events::{Events, EventsError, SignalSender, Syscall},
};

/// Names a new suspension of the current task.
///
/// # Errors
///
/// Those of [`can_suspend`].
///
/// ```
/// use vigie::events::{self, EventsError};
///
/// vigie::run(async {
///     let (syscall, sender) = (events::syscall().unwrap(), events::signal_sender().unwrap());
///     // Whoever has the uid, and a way to this domain, resumes the task.
///     syscall.suspend(|uid| Ok(sender.send(uid))).await.unwrap();
/// }).unwrap();
/// assert_eq!(events::syscall().unwrap_err(), EventsError::OutsideRuntime);
/// ```
pub fn syscall() -> Result<Syscall, EventsError> {
    can_suspend()?;
    Local::with(|local| Syscall::new(local.clone())).ok_or(EventsError::OutsideRuntime)
}

/// Could code that runs here wait for the domain's events?
///
/// # Errors
///
/// [`EventsError::OutsideRuntime`] on a thread that runs no domain, [`EventsError::NoEvents`] where
/// nothing could ever end the suspension, [`EventsError::Ending`] in a destructor that runs as its
/// task ends: that takes no further step, and blocking the thread would block the domain.
///
/// ```
/// use vigie::{Builder, events::{EventsError, can_suspend}};
///
/// vigie::run(async { assert_eq!(can_suspend(), Ok(())) }).unwrap();
/// let without = Builder::new().without_events().run(async { can_suspend() });
/// assert_eq!(without.unwrap(), Err(EventsError::NoEvents));
/// assert_eq!(can_suspend(), Err(EventsError::OutsideRuntime));
/// ```
pub fn can_suspend() -> Result<(), EventsError> {
    Local::with(|local| match local.events.try_borrow() {
        // In use means that they are there.
        Ok(events) if events.is_none() => Err(EventsError::NoEvents),
        _ => local.may_suspend(),
    })
    .unwrap_or(Err(EventsError::OutsideRuntime))
}

/// Calls `f` with the current domain's events, if they are of type `E`.
///
/// # Errors
///
/// There is no domain on this thread, it has no events or others, or they are in use further up the
/// stack: from within their own code, or within another `with`.
///
/// ```
/// # use std::io;
/// use vigie::events::{self, Events, EventsError, Signals, Uid};
///
/// struct Bell(u32);
///
/// impl Events for Bell {
/// #     fn select(&mut self, _: bool, _: &[Uid], _: &mut Signals) -> io::Result<()> {
/// #         Ok(())
/// #     }
///     // …
/// }
///
/// vigie::Builder::new().events(|_seat| Ok(Bell(8))).run(async {
///     assert_eq!(events::with(|bell: &mut Bell| bell.0), Ok(8));
///     // Events of another type, as for a library that was written for those.
///     let other = events::with(|_: &mut ()| ());
///     assert!(matches!(other, Err(EventsError::OtherEvents(_))));
///     let within = events::with(|_: &mut Bell| events::with(|_: &mut Bell| ()));
///     assert_eq!(within, Ok(Err(EventsError::InUse)));
/// }).unwrap();
/// ```
pub fn with<E: Events, R>(f: impl FnOnce(&mut E) -> R) -> Result<R, EventsError> {
    hint::look_soon();
    Local::with(|local| local.with_events(f)).unwrap_or(Err(EventsError::OutsideRuntime))
}

/// The way to the current domain from any thread.
///
/// # Errors
///
/// [`EventsError::OutsideRuntime`] on a thread that runs no domain.
///
/// ```
/// use vigie::{Domain, events::{self, EventsError}};
///
/// vigie::run(async {
///     let sender = events::signal_sender().unwrap();
///     assert_eq!(Some(sender.domain()), Domain::current());
/// }).unwrap();
/// assert_eq!(events::signal_sender().unwrap_err(), EventsError::OutsideRuntime);
/// ```
pub fn signal_sender() -> Result<SignalSender, EventsError> {
    Local::with(|local| SignalSender::counted(local.shared.clone())).ok_or(EventsError::OutsideRuntime)
}

/// Calls `f`, a part of a [`select`](Events::select), whose news has been known since `at`, as when another
/// thread found it: the tasks that `f` wakes are taken to wait since then, in
/// [`Metrics::latencies`](crate::Metrics). Without effect in a run that is not
/// [timed](crate::Builder::timing), and outside of a run.
///
/// ```
/// use std::{future::poll_fn, io, task::{Poll, Waker}, time::{Duration, Instant}};
/// use vigie::{Builder, Domain, events::{self, Events, Signals, Uid}};
///
/// /// What was found, and when.
/// #[derive(Default)]
/// struct Found(Option<(Instant, Waker)>);
///
/// impl Events for Found {
///     fn select(&mut self, _block: bool, _cancelled: &[Uid], _signals: &mut Signals) -> io::Result<()> {
///         if let Some((at, waker)) = self.0.take() {
///             events::ready_since(at, || waker.wake());
///         }
///         Ok(())
///     }
/// }
///
/// Builder::new().timing(true).events(|_seat| Ok(Found::default())).run(async {
///     let mut found = Instant::now().checked_sub(Duration::from_secs(1));
///     poll_fn(|cx| {
///         let Some(at) = found.take() else { return Poll::Ready(()) };
///         let put = |events: &mut Found| events.0 = Some((at, cx.waker().clone()));
///         events::with(put).unwrap();
///         Poll::Pending
///     }).await;
///     let latencies = Domain::current().unwrap().metrics().unwrap().latencies.unwrap();
///     assert!(latencies.quantile(1.0).unwrap() >= Duration::from_secs(1));
/// }).unwrap();
/// ```
pub fn ready_since<R>(at: Instant, f: impl FnOnce() -> R) -> R {
    /// Also if `f` panics, which may be caught.
    struct Restore(Option<Instant>);

    impl Drop for Restore {
        fn drop(&mut self) {
            Local::with(|local| local.ready_since.set(self.0));
        }
    }

    let _restore = Restore(Local::with(|local| local.ready_since.replace(Some(at))).flatten());
    f()
}

/// Polls an operation that may succeed at once, again and again, and charges its success to the
/// current slice.
///
/// A slice has room for 32 such successes. After that the task is sent to the back of the queue
/// before `poll` is called, so that a connection that is always ready does not starve the others. An
/// executor within a task, as `block_on` is, that goes on polling in the same slice waits for ever then.
/// Outside of a domain nothing is charged.
///
/// ```
/// use std::{cell::Cell, future::poll_fn, rc::Rc, task::Poll};
/// use vigie::{events::charged, spawn};
///
/// vigie::run(async {
///     let had_turn = Rc::new(Cell::new(false));
///     let theirs = had_turn.clone();
///     let other = spawn(async move { theirs.set(true) });
///     for n in 0..33 {
///         assert_eq!(had_turn.get(), false, "{n}");
///         // Always ready, and yet the 33rd lets the other task run first.
///         poll_fn(|cx| charged(cx, |_cx| Poll::Ready(()))).await;
///     }
///     assert!(had_turn.get());
///     other.await.unwrap();
/// }).unwrap();
/// ```
pub fn charged<T>(cx: &mut Context<'_>, poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
    charged_here(cx, |_, cx| poll(cx))
}

/// [`charged`] for who needs the domain as well: one look at where this runs is enough for all.
#[inline]
pub(crate) fn charged_here<T>(
    cx: &mut Context<'_>,
    poll: impl FnOnce(Option<&Local>, &mut Context<'_>) -> Poll<T>,
) -> Poll<T> {
    let local = Local::here();
    let local = local.as_deref();
    if local.is_some_and(|local| local.budget() == 0) {
        cx.waker().wake_by_ref();
        return Poll::Pending;
    }
    let polled = poll(local, cx);
    if polled.is_ready()
        && let Some(local) = local
    {
        local.spend();
    }
    polled
}

impl Local {
    /// Could the code that runs wait for the domain's events, which are there?
    fn may_suspend(&self) -> Result<(), EventsError> {
        if self.is_ending() { Err(EventsError::Ending) } else { Ok(()) }
    }

    #[inline]
    pub(crate) fn with_events<E: Events, R>(&self, f: impl FnOnce(&mut E) -> R) -> Result<R, EventsError> {
        let mut events = self.events.try_borrow_mut().map_err(|_| EventsError::InUse)?;
        let events: &mut dyn Any = events.as_deref_mut().ok_or(EventsError::NoEvents)?;
        let events = events.downcast_mut().ok_or(EventsError::OtherEvents(type_name::<E>()))?;
        Ok(f(events))
    }

    fn budget(&self) -> u32 {
        self.budget.get()
    }

    fn spend(&self) {
        self.budget.update(|left| left.saturating_sub(1));
    }
}
