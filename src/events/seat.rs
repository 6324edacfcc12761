//! What the events of a domain get to know of it.

use std::{io, sync::Arc, thread::JoinHandle};

use crate::{
    domain::{Domain, Shared},
    events::SignalSender,
    threads::SpawnThread,
    trace,
};

/// What events [count](Seat::count). The names are those of the system's events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Counted {
    /// Events that another thread has found, before it pushes them.
    Pushed,
    /// Of those, the events that the domain has read.
    Received,
    /// Events that the domain has found by itself.
    Harvested,
    /// Another thread has left the polling to the domain.
    StoodDown,
    /// The domain has handed the polling to the other thread.
    Recalled,
}

/// A domain's seat: what its events are told when they are made, on the domain's own thread.
///
/// ```
/// use std::{io, sync::mpsc::{self, Sender}, thread::JoinHandle};
/// use vigie::{Builder, events::{self, Events, Seat, Signals, Uid}};
///
/// /// Answers on a thread of its own.
/// struct Oracle {
///     seat: Seat,
///     questions: Option<Sender<Uid>>,
///     thread: Option<JoinHandle<()>>,
/// }
///
/// impl Oracle {
///     fn new(seat: Seat) -> io::Result<Self> {
///         let ((questions, asked), domain) = (mpsc::channel(), seat.signal_sender());
///         let body = move || asked.iter().for_each(|uid| domain.send(uid));
///         let thread = seat.spawn_thread(format!("oracle of {}", seat.domain()), body)?;
///         Ok(Self { seat, questions: Some(questions), thread: Some(thread) })
///     }
/// }
///
/// impl Events for Oracle {
///     fn select(&mut self, _block: bool, _cancelled: &[Uid], _signals: &mut Signals) -> io::Result<()> {
///         // It signals by itself.
///         Ok(())
///     }
///
///     fn finalise(&mut self) -> io::Result<()> {
///         self.questions = None;
///         // In a forked child there is no such thread to wait for.
///         let thread = self.thread.take().filter(|_| !self.seat.has_forked());
///         let joined = thread.map_or(Ok(()), JoinHandle::join);
///         joined.map_err(|_| io::Error::other("the oracle has panicked"))
///     }
/// }
///
/// Builder::new().events(Oracle::new).run(async {
///     let ask = |uid| {
///         let questions = events::with(|oracle: &mut Oracle| oracle.questions.clone())?;
///         questions.map_or(Ok(()), |questions| questions.send(uid).map_err(io::Error::other))
///     };
///     events::syscall()?.suspend(ask).await
/// }).unwrap().unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct Seat {
    shared: Arc<Shared>,
    spawn_thread: SpawnThread,
}

impl Seat {
    pub(crate) fn new(shared: Arc<Shared>, spawn_thread: SpawnThread) -> Self {
        Self { shared, spawn_thread }
    }

    /// The domain that the events are for.
    ///
    /// ```
    /// use std::{io, sync::mpsc};
    /// use vigie::{Builder, events::Seat};
    ///
    /// let (made, makes) = mpsc::channel();
    /// let make = move |seat: Seat| made.send(seat.domain().index()).map_err(io::Error::other);
    /// Builder::new().extra_domains(1).events(make).run(async {}).unwrap();
    /// assert_eq!(makes.iter().collect::<Vec<_>>(), [0, 1]);
    /// ```
    pub fn domain(&self) -> Domain {
        self.shared.domain()
    }

    /// The way to this domain from any thread, for its events: while others hold it, these have to say
    /// that they [expect news](crate::events::Events::expects_news).
    pub fn signal_sender(&self) -> SignalSender {
        SignalSender::new(self.shared.clone())
    }

    /// Counts what the events have done, for the domain's [`Metrics`](crate::Metrics); on any thread.
    ///
    /// ```
    /// use std::io;
    /// use vigie::{Builder, Domain, events::{Counted, Events, Seat, Signals, Uid}};
    ///
    /// /// Finds an event at every look.
    /// struct Lucky(Seat);
    ///
    /// impl Events for Lucky {
    ///     fn select(&mut self, _block: bool, _cancelled: &[Uid], _signals: &mut Signals) -> io::Result<()> {
    ///         self.0.count(Counted::Harvested, 1);
    ///         Ok(())
    ///     }
    /// }
    ///
    /// Builder::new().events(|seat| Ok(Lucky(seat))).run(async {
    ///     vigie::yield_now().await;
    ///     let metrics = Domain::current().unwrap().metrics().unwrap();
    ///     assert!(metrics.harvested >= 1);
    /// }).unwrap();
    /// ```
    pub fn count(&self, what: Counted, count: usize) {
        self.shared.events.count(what, count as u64);
        trace::counted(self.domain(), what, count);
    }

    /// Is it measured how long tasks wait for their turn? See [`Builder::timing`](crate::Builder::timing) and
    /// [`ready_since`](crate::events::ready_since).
    ///
    /// ```
    /// use vigie::{Builder, events::Seat};
    ///
    /// let make = |seat: Seat| Ok(assert!(seat.is_timed()));
    /// Builder::new().timing(true).events(make).run(async {}).unwrap();
    /// ```
    pub fn is_timed(&self) -> bool {
        self.shared.timing().is_some()
    }

    /// Is this a forked child of the process in which the run began? What the child shares with its parent, the
    /// descriptor of a poller say, is the parent's: leave it alone there, and do not wait for a thread, since
    /// none came along. The domain itself asks between slices and before it waits, and ends the run. Of a child that was
    /// forked past the C library, by a bare system call, nothing is known.
    pub fn has_forked(&self) -> bool {
        self.shared.has_forked()
    }

    /// Starts a thread the way the runtime's own are started (see
    /// [`Builder::spawn_thread`](crate::Builder::spawn_thread)).
    ///
    /// # Errors
    ///
    /// The system's error if the thread cannot be had.
    pub fn spawn_thread(
        &self,
        name: String,
        body: impl FnOnce() + Send + 'static,
    ) -> io::Result<JoinHandle<()>> {
        self.spawn_thread.spawn(name, Box::new(body))
    }
}
