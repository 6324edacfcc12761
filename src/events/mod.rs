//! The contract between the scheduler and whatever it waits for.
//!
//! The scheduler knows no file, socket or clock. A task that has to wait makes a [`Syscall`], hands
//! its [`Uid`] to the domain's [`Events`], and suspends; before each quantum and before every park the
//! domain calls [`Events::select`], which answers with the uids to resume. The default events of
//! this crate (`system`) stand on this contract alone, and yours can stand in their place, as these
//! do. The tutorial is `examples/chat.rs`; [`conformance`] puts any events to the test.
//!
//! ```
//! use std::{collections::BTreeSet, io, time::{Duration, Instant}};
//! use vigie::{Builder, events::{self, Events, Signals, Uid}};
//!
//! /// Sleepers, and nothing else.
//! #[derive(Default)]
//! struct Sleepers(BTreeSet<(Instant, Uid)>);
//!
//! impl Events for Sleepers {
//!     fn select(&mut self, _block: bool, cancelled: &[Uid], signals: &mut Signals) -> io::Result<()> {
//!         self.0.retain(|(_, uid)| !cancelled.contains(uid));
//!         let now = Instant::now();
//!         while let Some(&(at, uid)) = self.0.first().filter(|(at, _)| *at <= now) {
//!             self.0.remove(&(at, uid));
//!             signals.push(uid);
//!         }
//!         Ok(())
//!     }
//!
//!     fn deadline(&self) -> Option<Instant> {
//!         self.0.first().map(|(at, _)| *at)
//!     }
//! }
//!
//! async fn sleep(duration: Duration) -> io::Result<()> {
//!     let at = Instant::now() + duration;
//!     let syscall = events::syscall()?;
//!     syscall
//!         .suspend(|uid| {
//!             events::with(|sleepers: &mut Sleepers| sleepers.0.insert((at, uid)))?;
//!             Ok(())
//!         })
//!         .await
//! }
//!
//! # fn main() -> io::Result<()> {
//! Builder::new().events(|_seat| Ok(Sleepers::default())).run(async {
//!     let start = Instant::now();
//!     sleep(Duration::from_millis(20)).await.unwrap();
//!     assert!(start.elapsed() >= Duration::from_millis(20));
//! })
//! # }
//! ```

pub mod conformance;
mod error;
mod seat;
mod signal;
mod syscall;

use std::{any::Any, io, time::Instant};

pub use self::{
    error::EventsError,
    seat::{Counted, Seat},
    signal::{ReadyReceiver, ReadySender, SignalSender, Signals, ready_queue},
    syscall::{Suspend, Syscall, Uid},
};
pub use crate::domain::access::{can_suspend, charged, ready_since, signal_sender, syscall, with};

pub(crate) use self::syscall::Suspended;

/// How a domain blocked in [`Events::select`] is interrupted; see [`Events::interrupt`].
///
/// ```
/// use std::sync::{Arc, atomic::{AtomicBool, Ordering}};
/// use vigie::events::Interrupt;
///
/// let rung = Arc::new(AtomicBool::new(false));
/// let bell = rung.clone();
/// let interrupt: Interrupt = Box::new(move || bell.store(true, Ordering::Release));
/// interrupt();
/// assert!(rung.load(Ordering::Acquire));
/// ```
pub type Interrupt = Box<dyn Fn() + Send + Sync>;

/// What a domain waits for. One value per domain, made on that domain's own thread, called only from
/// it, and finalised there once.
///
/// There are two kinds. Events without an [`interrupt`](Self::interrupt) never block: the domain
/// parks on its own parker, and whatever has news, on any thread, uses the domain's [`SignalSender`]
/// or a [`ready_queue`]. Events with one may block in `select`, and are interrupted.
pub trait Events: Any {
    /// Answers which suspended tasks to resume, by pushing their uids to `signals`.
    ///
    /// Called before each quantum, up to four times more after tasks that news has resumed while others wait,
    /// and before every park. `block` says that nothing can run: events with an interrupt may then block,
    /// at the longest until their own next deadline; the others must return at once all the same, and the
    /// domain parks after that if there is nothing to do.
    /// `cancelled` holds the uids that were given up since the last call, each once, among them some
    /// that were signalled already; those that the events do not know are to be ignored. Signals
    /// resume their tasks in the order in which they are pushed, before all other tasks. Wakers that
    /// `select` wakes by itself count as signals.
    ///
    /// # Errors
    ///
    /// An error ends the run: every task is cancelled, and the run returns the error. Not called
    /// again after that.
    fn select(&mut self, block: bool, cancelled: &[Uid], signals: &mut Signals) -> io::Result<()>;

    /// Asked once, right after the events were made: how may any thread, at any time, end a blocking
    /// `select` of this domain, or the next one if none is under way? `None`, the default, promises
    /// that `select` never blocks.
    ///
    /// The closure is called only when the domain may be blocked, and never twice for the same
    /// `select`. It must not block, and must do no harm after the events were finalised. Nor may it panic: the
    /// domain would sleep on, so the process is aborted.
    ///
    /// ```
    /// use std::{io, sync::mpsc::{self, Receiver, Sender}, thread};
    /// use vigie::{Builder, events::{self, Events, Interrupt, Signals, Uid}};
    ///
    /// /// Blocks in a channel: uids to signal come through it, and interrupts.
    /// struct Mail {
    ///     from: Receiver<Option<Uid>>,
    ///     to: Sender<Option<Uid>>,
    /// }
    ///
    /// impl Events for Mail {
    ///     fn select(&mut self, block: bool, _cancelled: &[Uid], signals: &mut Signals) -> io::Result<()> {
    ///         let first = if block { self.from.recv().ok() } else { None };
    ///         signals.extend(first.into_iter().chain(self.from.try_iter()).flatten());
    ///         Ok(())
    ///     }
    ///
    ///     fn interrupt(&self) -> Option<Interrupt> {
    ///         let to = self.to.clone();
    ///         // After the end of the run nobody receives, and that does no harm.
    ///         Some(Box::new(move || drop(to.send(None))))
    ///     }
    /// }
    ///
    /// fn mail() -> Mail {
    ///     let (to, from) = mpsc::channel();
    ///     Mail { from, to }
    /// }
    ///
    /// Builder::new().events(|_seat| Ok(mail())).run(async {
    ///     let syscall = events::syscall()?;
    ///     let to = events::with(|mail: &mut Mail| mail.to.clone())?;
    ///     syscall.suspend(|uid| Ok(drop(thread::spawn(move || to.send(Some(uid)))))).await?;
    ///     // The call, on the other domain, is told by an interrupt.
    ///     assert_eq!(vigie::call(|| async { 1 }).await?, 1);
    ///     io::Result::Ok(())
    /// }).unwrap().unwrap();
    /// ```
    fn interrupt(&self) -> Option<Interrupt> {
        None
    }

    /// The domain is about to park: `select(block: true)` has left nothing to run. The last moment to
    /// see to it that news will reach the domain while it sleeps. Not called on events with an
    /// interrupt, which block in `select` instead.
    ///
    /// ```
    /// use std::io;
    /// use vigie::{Builder, events::{self, Events, SignalSender, Signals, Uid}};
    ///
    /// /// Hands over what was asked for in one batch, when there is nothing else to do.
    /// struct Batch {
    ///     asked: Vec<Uid>,
    ///     worker: SignalSender,
    /// }
    ///
    /// impl Events for Batch {
    ///     fn before_park(&mut self) {
    ///         // Here the worker's answer comes at once.
    ///         self.worker.send_all(self.asked.drain(..));
    ///     }
    ///     // …
    /// #     fn select(&mut self, _: bool, _: &[Uid], _: &mut Signals) -> io::Result<()> {
    /// #         Ok(())
    /// #     }
    /// }
    ///
    /// let make = |seat: events::Seat| Ok(Batch { asked: Vec::new(), worker: seat.signal_sender() });
    /// Builder::new().events(make).run(async {
    ///     let ask = |uid| Ok(events::with(|batch: &mut Batch| batch.asked.push(uid))?);
    ///     events::syscall()?.suspend(ask).await
    /// }).unwrap().unwrap();
    /// ```
    fn before_park(&mut self) {}

    /// The latest time at which `select` must be called again: how long the domain may park, and how long a task
    /// that computes need not look, where [`needs_looks`](Self::needs_looks) is false. `None` means for ever.
    fn deadline(&self) -> Option<Instant> {
        None
    }

    /// Could these events still bring news to a domain that parks now: does a timer run, is a source
    /// watched, a thread at work that has a [`SignalSender`] of this domain's [`Seat`]? Asked before the
    /// domain parks, to notice a run in which nothing can happen any more (see
    /// [`Deadlocks`](crate::Deadlocks)). `true`, the default, is always safe to say.
    ///
    /// ```
    /// use std::{future::pending, io};
    /// use vigie::{Builder, events::{Events, Signals, Uid}};
    ///
    /// struct Watched(Vec<Uid>);
    ///
    /// impl Events for Watched {
    ///     fn expects_news(&self) -> bool {
    ///         !self.0.is_empty()
    ///     }
    ///     // …
    /// #     fn select(&mut self, _: bool, _: &[Uid], _: &mut Signals) -> io::Result<()> {
    /// #         Ok(())
    /// #     }
    /// }
    ///
    /// let stuck = Builder::new().events(|_seat| Ok(Watched(Vec::new()))).run(pending::<()>());
    /// assert_eq!(stuck.unwrap_err().kind(), io::ErrorKind::Deadlock);
    /// ```
    fn expects_news(&self) -> bool {
        true
    }

    /// Called now and then in the middle of a task that computes and asks
    /// [`should_yield`](crate::should_yield): would `select` have signals now? Events that need the
    /// domain's own thread to learn of news look for it here, without blocking. Once they have said so, they are not
    /// asked again before the next `select`: until then every task that asks hears that it should give way.
    ///
    /// ```
    /// use std::{io, sync::mpsc::{self, Receiver, Sender}};
    /// use vigie::{Builder, events::{self, Events, Signals, Uid}};
    ///
    /// /// Nobody wakes the domain for what comes through this channel.
    /// struct Mail {
    ///     from: Receiver<Uid>,
    ///     to: Sender<Uid>,
    ///     come: Vec<Uid>,
    /// }
    ///
    /// impl Events for Mail {
    ///     fn busy(&mut self) -> bool {
    ///         self.come.extend(self.from.try_iter());
    ///         !self.come.is_empty()
    ///     }
    ///
    ///     fn select(&mut self, _block: bool, _cancelled: &[Uid], signals: &mut Signals) -> io::Result<()> {
    ///         signals.extend(self.come.drain(..).chain(self.from.try_iter()));
    ///         Ok(())
    ///     }
    /// }
    ///
    /// fn mail() -> Mail {
    ///     let (to, from) = mpsc::channel();
    ///     Mail { from, to, come: Vec::new() }
    /// }
    ///
    /// Builder::new().events(|_seat| Ok(mail())).run(async {
    ///     let syscall = events::syscall().unwrap();
    ///     let to = events::with(|mail: &mut Mail| mail.to.clone()).unwrap();
    ///     to.send(syscall.uid()).unwrap();
    ///     // A computation that ends when there is something else to do.
    ///     while !vigie::should_yield() {}
    ///     syscall.suspend(|_uid| Ok(())).await.unwrap();
    /// }).unwrap();
    /// ```
    fn busy(&mut self) -> bool {
        false
    }

    /// Could [`busy`](Self::busy) find anything before the [`deadline`](Self::deadline), as things are, or does all
    /// news of these events come through a [`SignalSender`]? Then they are asked less and less, as the deadline, if
    /// there is one, allows, down to every 1024th question, as long as that slice lasts and does nothing [`with`] them.
    /// Both are asked after each `busy`; `true`, the default, is always safe to say.
    ///
    /// ```
    /// use std::{collections::BTreeSet, io, time::{Duration, Instant}};
    /// use vigie::{Builder, events::{self, Events, Signals, Uid}};
    ///
    /// /// What a thread watches, and signals, and deadlines, which nobody tells.
    /// #[derive(Default)]
    /// struct Watched {
    ///     deadlines: BTreeSet<Instant>,
    ///     asked: u32,
    /// }
    ///
    /// impl Events for Watched {
    ///     fn busy(&mut self) -> bool {
    ///         self.asked += 1;
    ///         self.deadline().is_some_and(|deadline| deadline <= Instant::now())
    ///     }
    ///
    ///     fn deadline(&self) -> Option<Instant> {
    ///         self.deadlines.first().copied()
    ///     }
    ///
    ///     fn needs_looks(&self) -> bool {
    ///         false
    ///     }
    ///     // …
    /// #     fn select(&mut self, _: bool, _: &[Uid], _: &mut Signals) -> io::Result<()> {
    /// #         Ok(())
    /// #     }
    /// }
    ///
    /// Builder::new().events(|_seat| Ok(Watched::default())).run(async {
    ///     for _ in 0..100_000 {
    ///         assert!(!vigie::should_yield());
    ///     }
    ///     let asked = events::with(|watched: &mut Watched| watched.asked).unwrap();
    ///     assert!(asked < 200);
    ///
    ///     let soon = Instant::now() + Duration::from_millis(1);
    ///     events::with(|watched: &mut Watched| watched.deadlines.insert(soon)).unwrap();
    ///     while !vigie::should_yield() {}
    ///     assert!(soon <= Instant::now());
    /// }).unwrap();
    /// ```
    fn needs_looks(&self) -> bool {
        true
    }

    /// The domain ends; every task on it has ended. Called once, also after a failure.
    ///
    /// # Errors
    ///
    /// An error becomes the run's, if it has no earlier one.
    ///
    /// ```
    /// use std::io;
    /// use vigie::{Builder, events::{Events, Signals, Uid}};
    ///
    /// struct Log;
    ///
    /// impl Events for Log {
    ///     fn finalise(&mut self) -> io::Result<()> {
    ///         Err(io::ErrorKind::StorageFull.into())
    ///     }
    ///     // …
    /// #     fn select(&mut self, _: bool, _: &[Uid], _: &mut Signals) -> io::Result<()> {
    /// #         Ok(())
    /// #     }
    /// }
    ///
    /// let error = Builder::new().events(|_seat| Ok(Log)).run(async {}).unwrap_err();
    /// assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    /// ```
    fn finalise(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Events that wait for nothing by themselves: only [`SignalSender`]s resume tasks. Take these from
/// [`signal_sender`]: one that was taken from the [`Seat`] and given away does not keep a run in which
/// every task waits from being given up.
impl Events for () {
    fn expects_news(&self) -> bool {
        false
    }

    fn needs_looks(&self) -> bool {
        false
    }

    fn select(&mut self, _block: bool, _cancelled: &[Uid], _signals: &mut Signals) -> io::Result<()> {
        Ok(())
    }
}
