//! A suite that any [`Events`] can be run through, to see whether they keep the contract.
//!
//! A [`Subject`] says how the events are made, and how an operation of theirs is started that ends
//! after a given time, as a sleep does. [`check`] then runs small programs on them, with a recorder
//! between each domain and its events. It watches both sides: what the events owe to the domain, and
//! what the domain owes to them.
//!
//! ```
//! use std::{collections::BTreeSet, io, time::{Duration, Instant}};
//! use vigie::events::{Events, Seat, Signals, Uid, conformance::{self, Subject}};
//!
//! #[derive(Default)]
//! struct Sleepers(BTreeSet<(Instant, Uid)>);
//!
//! impl Events for Sleepers {
//!     fn select(&mut self, _block: bool, cancelled: &[Uid], signals: &mut Signals) -> io::Result<()> {
//!         self.0.retain(|(_, uid)| !cancelled.contains(uid));
//!         while let Some(&(at, uid)) = self.0.first().filter(|(at, _)| *at <= Instant::now()) {
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
//! struct Mine;
//!
//! impl Subject for Mine {
//!     type Events = Sleepers;
//!
//!     fn make(&self, _seat: Seat) -> io::Result<Sleepers> {
//!         Ok(Sleepers::default())
//!     }
//!
//!     fn arrange(events: &mut Sleepers, uid: Uid, after: Duration) -> io::Result<()> {
//!         events.0.insert((Instant::now() + after, uid));
//!         Ok(())
//!     }
//! }
//!
//! # fn main() -> Result<(), conformance::Failure> {
//! let report = conformance::check(Mine)?;
//! println!("{report}");
//! # Ok(())
//! # }
//! ```

mod bench;
mod checks;
mod outcome;
mod recorder;
#[cfg(all(test, feature = "system"))]
mod tests;
mod uids;

use std::{
    fmt, io,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

pub use self::outcome::{Failure, Fault, Report};

use self::{
    bench::{Bench, OfSleep, OfSubject, Rig},
    recorder::Log,
};
use crate::{
    Builder,
    error::Panic,
    events::{Events, Seat, Uid},
};

/// Longer than any check takes on a machine that gets on at all.
const PATIENCE: Duration = Duration::from_secs(60);

/// Events to be checked.
///
/// ```
/// # use std::{collections::BTreeSet, io, time::{Duration, Instant}};
/// use vigie::events::{Events, Seat, Signals, Uid, conformance::{Check, Subject, Suite}};
///
/// /// Sleepers that take no notice of what `select` is told of cancellations.
/// #[derive(Default)]
/// struct Sleepers(BTreeSet<(Instant, Uid)>);
///
/// # impl Events for Sleepers {
/// #     fn select(&mut self, _: bool, _: &[Uid], signals: &mut Signals) -> io::Result<()> {
/// #         while let Some(&(at, uid)) = self.0.first().filter(|(at, _)| *at <= Instant::now()) {
/// #             self.0.remove(&(at, uid));
/// #             signals.push(uid);
/// #         }
/// #         Ok(())
/// #     }
/// #
/// #     fn deadline(&self) -> Option<Instant> {
/// #         self.0.first().map(|(at, _)| *at)
/// #     }
/// # }
/// struct Mine;
///
/// impl Subject for Mine {
///     type Events = Sleepers;
///
///     fn make(&self, _seat: Seat) -> io::Result<Sleepers> {
///         Ok(Sleepers::default())
///     }
///
///     fn arrange(events: &mut Sleepers, uid: Uid, after: Duration) -> io::Result<()> {
///         events.0.insert((Instant::now() + after, uid));
///         Ok(())
///     }
///
///     /// As the destructor of their operation does.
///     fn withdraw(events: &mut Sleepers, uid: Uid) {
///         events.0.retain(|(_, there)| *there != uid);
///     }
/// }
///
/// Suite::new(Mine).check(Check::Forgotten).unwrap();
/// ```
pub trait Subject: Send + Sync + 'static {
    /// Their type.
    type Events: Events;

    /// Makes those of one domain, as the function given to [`Builder::events`] does.
    ///
    /// # Errors
    ///
    /// Whatever keeps them from being made; it fails the check.
    fn make(&self, seat: Seat) -> io::Result<Self::Events>;

    /// Starts an operation that ends, by signalling `uid`, once `after` has passed: not before, and
    /// soon after. It is called on the domain, after the task has been suspended.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being started; it fails the check.
    fn arrange(events: &mut Self::Events, uid: Uid, after: Duration) -> io::Result<()>;

    /// The task has dropped the operation before its end. By default nothing: the next `select` is
    /// told of it. For events whose operations take themselves out as they are dropped.
    fn withdraw(events: &mut Self::Events, uid: Uid) {
        let _ = (events, uid);
    }
}

/// Runs all checks on `subject`, in order, up to the first that fails.
///
/// # Errors
///
/// The check that failed, and how.
///
/// ```
/// # use std::{io, time::Duration};
/// use vigie::events::{Seat, Uid, conformance::{self, Fault, Subject}};
///
/// /// Which can start nothing.
/// struct Broken;
///
/// impl Subject for Broken {
///     type Events = ();
///
///     fn make(&self, _seat: Seat) -> io::Result<()> {
///         Ok(())
///     }
///
///     fn arrange(_events: &mut (), _uid: Uid, _after: Duration) -> io::Result<()> {
///         Err(io::ErrorKind::Unsupported.into())
///     }
/// }
///
/// let failure = conformance::check(Broken).unwrap_err();
/// assert!(matches!(failure.fault(), Fault::Run(_)), "{failure}");
/// ```
pub fn check(subject: impl Subject) -> Result<Report, Failure> {
    Suite::new(subject).run()
}

/// The checks, and what they are run on.
///
/// ```
/// use std::time::Duration;
/// use vigie::{Builder, events::conformance::{Check, Failure, Suite}, time::sleep};
///
/// # fn main() -> Result<(), Failure> {
/// let suite = Suite::of_sleep(Builder::new(), async |duration| Ok(sleep(duration).await?));
/// let suite = suite.patience(Duration::from_secs(600));
/// for check in [Check::Seats, Check::Cancelled] {
///     suite.check(check)?;
/// }
/// # Ok(())
/// # }
/// ```
pub struct Suite {
    bench: Arc<dyn Bench>,
    patience: Duration,
}

impl Suite {
    /// Checks the events of `subject`.
    pub fn new(subject: impl Subject) -> Self {
        Self::on(OfSubject::new(subject))
    }

    /// Checks a runtime as a whole, from outside: `builder` brings the events, and `sleep` waits on
    /// them. Nothing stands between the domains and their events, so the checks that need to see what
    /// passes there are left out; see [`Check::records`]. The suite chooses the number of domains
    /// itself. The builder must have no seed, or tasks would not resume in the order of their signals.
    ///
    /// ```
    /// use std::time::Duration;
    /// use vigie::{Builder, events::conformance::{Check, Failure, Suite}};
    ///
    /// async fn sleep(duration: Duration) -> std::io::Result<()> {
    ///     Ok(vigie::time::sleep(duration).await?)
    /// }
    ///
    /// # fn main() -> Result<(), Failure> {
    /// Suite::of_sleep(Builder::new(), sleep).check(Check::Order)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn of_sleep<F>(builder: Builder, sleep: impl Fn(Duration) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = io::Result<()>> + 'static,
    {
        Self::on(OfSleep::new(builder, sleep))
    }

    fn on(bench: impl Bench) -> Self {
        Self { bench: Arc::new(bench), patience: PATIENCE }
    }

    /// How long a check may take before it counts as stuck: a minute by default. Each takes less than
    /// a second on a machine that is not overloaded.
    ///
    /// ```
    /// use std::time::Duration;
    /// use vigie::{Builder, Deadlocks, events::conformance::{Check, Fault, Suite}};
    ///
    /// // A sleep that does not end.
    /// let builder = Builder::new().deadlocks(Deadlocks::Ignored);
    /// let suite = Suite::of_sleep(builder, async |_duration| std::future::pending().await);
    /// let failure = suite.patience(Duration::from_millis(1)).check(Check::Overlap).unwrap_err();
    /// assert!(matches!(failure.fault(), Fault::Stuck), "{failure}");
    /// ```
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Runs all checks that can be run, in order, up to the first that fails.
    ///
    /// # Errors
    ///
    /// The check that failed, and how.
    ///
    /// ```
    /// use vigie::{Builder, events::conformance::{Failure, Suite}, time::sleep};
    ///
    /// # fn main() -> Result<(), Failure> {
    /// let suite = Suite::of_sleep(Builder::new(), async |duration| Ok(sleep(duration).await?));
    /// let report = suite.run()?;
    /// for (check, took) in report.passed() {
    ///     println!("{check:?} took {took:?}");
    /// }
    /// assert!(!report.passed().is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub fn run(&self) -> Result<Report, Failure> {
        let mut report = Report::default();
        for check in Check::ALL {
            if check.records() && !self.bench.records() {
                report.left_out.push(check);
            } else {
                report.passed.push((check, self.check(check)?));
            }
        }
        Ok(report)
    }

    /// Runs one check, and returns how long it took. One that cannot be run passes; see
    /// [`Check::records`].
    ///
    /// A check that fails by getting stuck leaves its threads behind.
    ///
    /// # Errors
    ///
    /// How it failed.
    ///
    /// ```
    /// use vigie::{Builder, events::conformance::{Check, Fault, Suite}};
    ///
    /// // A sleep that does not sleep.
    /// let suite = Suite::of_sleep(Builder::new(), async |_duration| Ok(()));
    /// let failure = suite.check(Check::Deadlines).unwrap_err();
    /// assert!(matches!(failure.fault(), Fault::Early), "{failure}");
    /// ```
    pub fn check(&self, check: Check) -> Result<Duration, Failure> {
        let start = Instant::now();
        self.perform(check).map(|()| start.elapsed()).map_err(|fault| Failure { check, fault })
    }

    fn perform(&self, check: Check) -> Result<(), Fault> {
        if check.records() && !self.bench.records() {
            return Ok(());
        }
        let log = Arc::new(Log::default());
        let rig = Rig::new(self.bench.clone(), log.clone());
        let (sender, receiver) = mpsc::channel();
        let body = move || {
            let outcome = checks::perform(check, &rig);
            // Nobody listens once patience is at its end.
            let _ = sender.send(outcome);
        };
        let thread = thread::Builder::new().spawn(body).map_err(Fault::Run)?;
        match receiver.recv_timeout(self.patience) {
            Ok(outcome) => {
                // It has nothing left to do that could go wrong.
                let _ = thread.join();
                outcome
            }
            Err(mpsc::RecvTimeoutError::Timeout) => Err(log.diagnose()),
            Err(mpsc::RecvTimeoutError::Disconnected) => Err(match thread.join() {
                Ok(()) => Fault::Stuck,
                Err(payload) => Fault::Panicked(Panic::new(payload)),
            }),
        }
    }
}

impl fmt::Debug for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Suite")
            .field("records", &self.bench.records())
            .field("patience", &self.patience)
            .finish()
    }
}

/// One of the things that are checked.
///
/// ```
/// use vigie::{Builder, events::conformance::{Check, Suite}, time::sleep};
///
/// let suite = Suite::of_sleep(Builder::new(), async |duration| Ok(sleep(duration).await?));
/// let took = suite.check(Check::Reached).unwrap();
/// println!("{:?} took {took:?}", Check::Reached);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Check {
    /// Each domain has events of its own, made on its own thread, domain 0's first, used there only,
    /// and finalised there once.
    Seats,
    /// An operation ends after its time, and not before; also one that takes no time.
    Deadlines,
    /// Operations that end at different times are signalled, and their tasks resume, in that order.
    Order,
    /// Operations of one domain, and of several, run at the same time.
    Overlap,
    /// A domain that has nothing to do, and whose next operation ends in an hour, learns at once of a
    /// call, of a signal from a foreign thread, and of a cancellation.
    Reached,
    /// News that comes after the domain has decided to block, and before its `select` begins, ends
    /// that `select`.
    EarlyNews,
    /// An interrupt does not block, however many come at once, to a domain that computes or to one
    /// that waits; nor does a wake.
    Storm,
    /// Each uid that is cancelled is told once, to the next `select`, and before the run ends:
    /// whether its task was cancelled here or from another domain, early or just in time.
    Cancelled,
    /// What was cancelled is not signalled when its time comes: the events have forgotten it.
    Forgotten,
    /// Signals that are late, that come twice, or that are for what was cancelled, resume nobody.
    Stale,
    /// A signal that comes before the task suspends is remembered.
    Remembered,
    /// A `select` that fails, here or elsewhere, ends the run with its error, at once; all tasks are
    /// dropped, and all events finalised.
    Failing,
    /// Signals and interrupts after the end of the run do no harm.
    Afterwards,
    /// A domain that waits sleeps.
    Idle,
    /// All of it at the same time.
    Mixed,
}

impl Check {
    /// All of them, in the order in which they are run.
    ///
    /// ```
    /// use vigie::events::conformance::Check;
    ///
    /// // A name of a check, as a command line may give it.
    /// let named = Check::ALL.into_iter().find(|check| format!("{check:?}") == "Storm");
    /// assert_eq!(named, Some(Check::Storm));
    /// ```
    pub const ALL: [Self; 15] = [
        Self::Seats,
        Self::Deadlines,
        Self::Order,
        Self::Overlap,
        Self::Reached,
        Self::EarlyNews,
        Self::Storm,
        Self::Cancelled,
        Self::Forgotten,
        Self::Stale,
        Self::Remembered,
        Self::Failing,
        Self::Afterwards,
        Self::Idle,
        Self::Mixed,
    ];

    /// Does it need to see, or to change, what passes between a domain and its events? Then it is
    /// left out where only a sleep is given.
    ///
    /// ```
    /// use vigie::events::conformance::Check;
    ///
    /// assert!(Check::Forgotten.records() && !Check::Order.records());
    /// ```
    pub fn records(self) -> bool {
        use Check::{EarlyNews, Failing, Forgotten, Idle, Remembered, Stale};
        matches!(self, EarlyNews | Failing | Forgotten | Idle | Remembered | Stale)
    }
}
