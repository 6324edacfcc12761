//! The default events: sources watched by the system's poller, and timers.
//!
//! They stand on the public contract of [`events`] alone. Three variants are built of
//! the same sources, timers and pollers, and chosen when a run is built:
//!
//! | variant | who polls | how a parked domain learns of news |
//! |---|---|---|
//! | [`Observer`](Variant::Observer) | the observer thread; the domain while events come quickly | its parker |
//! | [`Always`](Variant::Always) | the observer thread | its parker |
//! | [`Pipe`](Variant::Pipe) | the domain, blocking | a byte in a pipe |
//!
//! The observer thread starts with the domain's first source: a program that only sleeps has none.
//!
//! ```
//! use std::time::Duration;
//! use vigie::{Builder, system::{Backend, Variant}, time::sleep};
//!
//! for variant in Variant::ALL {
//!     for backend in Backend::ALL {
//!         let builder = Builder::new().variant(variant).backend(*backend);
//!         builder.run(sleep(Duration::from_millis(1))).unwrap().unwrap();
//!     }
//! }
//! ```

mod found;
mod keeper;
mod observer;
mod pace;
mod pipe;
mod poller;
mod source;
mod sources;
mod timer;
pub(crate) mod transfer;
mod waiters;

use std::{fmt, io, mem, str::FromStr, time::Instant};

#[cfg(test)]
pub(crate) use self::observer::LOOK_GAP;
pub use self::poller::Backend;
#[cfg(unix)]
pub(crate) use self::sources::Told;
pub(crate) use self::{
    poller::{AsFd, Readiness},
    source::Source,
    sources::Direction,
};

use self::{
    observer::Observer,
    pipe::Pipe,
    poller::{Fd, Registrar, Token},
    sources::Sources,
    timer::Timers,
};
use crate::{
    domain::hint,
    error::RunError,
    events::{self, Counted, Events, Interrupt, ReadyReceiver, ReadySender, Seat, Signals, Uid, ready_queue},
    runtime::Builder,
    sync::Arc,
};

/// Which of the system's events a run uses.
///
/// ```
/// use vigie::system::Variant;
///
/// // As an option of a command line.
/// assert_eq!("pipe".parse(), Ok(Variant::Pipe));
/// assert_eq!(Variant::default().to_string(), "observer");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Variant {
    /// The adaptive observer: a thread beside each domain that blocks in the poller, and stands down
    /// while events come quickly, more than one in 100 µs, and the domain polls by itself: between slices, and
    /// where a task that computes asks [`should_yield`](crate::should_yield), unless it asks too seldom for that.
    ///
    /// A domain that has run dry looks around for a moment before it parks, 4 µs while the observer polls
    /// and 200 µs while nobody does, as long as that finds something now and then. So one that has to wait,
    /// but not for long, takes processor time where the other variants sleep; an idle one takes none.
    #[default]
    Observer,
    /// The observer that never stands down.
    Always,
    /// No observer: the domain itself blocks in the poller, and is interrupted through a pipe.
    Pipe,
}

impl Variant {
    /// All of them.
    ///
    /// ```
    /// use vigie::system::Variant;
    ///
    /// for variant in Variant::ALL {
    ///     assert_eq!(variant.to_string().parse(), Ok(variant));
    /// }
    /// ```
    pub const ALL: [Self; 3] = [Self::Observer, Self::Always, Self::Pipe];
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Observer => "observer",
            Self::Always => "always",
            Self::Pipe => "pipe",
        })
    }
}

impl FromStr for Variant {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let known = Self::ALL.into_iter().find(|variant| variant.to_string() == name);
        known.ok_or_else(|| UnknownName { name: name.to_owned(), expected: "observer, always or pipe" })
    }
}

/// A name that stands for no [`Variant`] or no [`Backend`] of this build.
///
/// ```
/// use vigie::system::{UnknownName, Variant};
///
/// let error: UnknownName = "spyglass".parse::<Variant>().unwrap_err();
/// assert_eq!(error.to_string(), "\"spyglass\" is unknown here: observer, always or pipe expected");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownName {
    name: String,
    expected: &'static str,
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is unknown here: {} expected", self.name, self.expected)
    }
}

impl std::error::Error for UnknownName {}

impl Builder {
    /// Which of the system's events: the observer in one of its postures, or the pipe. Without
    /// effect on events of your own.
    ///
    /// ```
    /// use std::time::Duration;
    /// use vigie::{Builder, system::Variant, time::sleep};
    ///
    /// let builder = Builder::new().variant(Variant::Pipe);
    /// builder.run(sleep(Duration::from_millis(1))).unwrap().unwrap();
    /// ```
    pub fn variant(mut self, variant: Variant) -> Self {
        self.variant = variant;
        self
    }

    /// Which poller the system's events use.
    ///
    /// ```
    /// use std::time::Duration;
    /// use vigie::{Builder, system::Backend, time::sleep};
    ///
    /// for backend in Backend::ALL {
    ///     let builder = Builder::new().backend(*backend);
    ///     builder.run(sleep(Duration::from_millis(1))).unwrap().unwrap();
    /// }
    /// ```
    pub fn backend(mut self, backend: Backend) -> Self {
        self.backend = backend;
        self
    }
}

/// The system's events of one domain.
pub(crate) struct System {
    sources: Sources,
    pub(crate) timers: Timers,
    registrar: Arc<dyn Registrar>,
    news: ReadyReceiver<News>,
    /// When the observer found what the domain reads now, in a timed run.
    since: Option<Instant>,
    home: Arc<Home>,
    mode: Mode,
}

enum Mode {
    Observer(Observer),
    Pipe(Pipe),
}

/// What other threads tell this domain's events.
#[derive(Debug)]
enum News {
    /// From the observer, in a run that is timed: what follows was found then.
    At(Instant),
    /// From the observer: a source is ready.
    Ready(Token, Readiness),
    /// From wherever a source went: it is watched here no more.
    Gone(Token),
    /// From the observer: its poller has failed.
    Failed(io::Error),
}

/// What a source keeps of the events that watch it, wherever it goes.
#[derive(Debug)]
struct Home {
    seat: Seat,
    /// Not owned: a source that outlives the run keeps no descriptor of it.
    registrar: std::sync::Weak<dyn Registrar>,
    news: ReadySender<News>,
}

impl System {
    pub(crate) fn new(seat: Seat, variant: Variant, backend: Backend) -> io::Result<Self> {
        let (poller, registrar) = poller::open(backend)?;
        let (sender, news) = ready_queue(&seat.signal_sender());
        let home = Arc::new(Home { seat: seat.clone(), registrar: Arc::downgrade(&registrar), news: sender });
        let mode = match variant {
            Variant::Pipe => Mode::Pipe(Pipe::new(poller, &registrar, seat)?),
            Variant::Observer => Mode::Observer(Observer::new(poller, seat, home.news.clone(), false)),
            Variant::Always => Mode::Observer(Observer::new(poller, seat, home.news.clone(), true)),
        };
        Ok(Self { sources: Sources::new(), timers: Timers::new(), registrar, news, since: None, home, mode })
    }

    /// Has the poller watch a source, for all it can be ready for, from now on.
    fn register(&mut self, fd: Fd<'_>, assumed: Readiness) -> io::Result<Token> {
        if self.home.seat.has_forked() {
            return Err(RunError::Forked.into());
        }
        if let Mode::Observer(observer) = &mut self.mode {
            observer.start()?;
        }
        // Until the observer is called, a task that computes on has the domain poll.
        hint::look_soon();
        let token =
            self.sources.insert(assumed).ok_or_else(|| io::Error::other("too many sources of one domain"))?;
        match self.registrar.add(fd, token) {
            Ok(()) => Ok(token),
            Err(error) => {
                self.sources.remove(token);
                Err(error)
            }
        }
    }

    /// Forgets a source of this domain.
    fn forget(&mut self, token: Token) {
        self.sources.remove(token);
    }

    /// Is there nothing to look at: nothing left by others, no timer, and the observer polls?
    #[inline]
    fn is_quiet(&self) -> bool {
        let watched = match &self.mode {
            Mode::Observer(observer) => observer.is_polled_for(),
            Mode::Pipe(_) => false,
        };
        watched && self.news.is_empty() && self.timers.is_empty()
    }

    /// What `select` is for. Apart from it, so that a quiet one costs next to nothing.
    #[inline(never)]
    fn look(&mut self, block: bool, signals: &mut Signals) -> io::Result<()> {
        // What a forked child finds is lost to its parent, and nobody would wake it.
        if self.home.seat.has_forked() {
            return Err(RunError::Forked.into());
        }
        let mut any = self.read_news()?;
        match &mut self.mode {
            Mode::Observer(observer) => {
                any |= self.timers.fire(signals);
                if block && !any {
                    observer.look_around(self.timers.deadline(), &mut self.sources)?;
                } else {
                    // Also when timers keep a domain from ever running dry.
                    observer.look(&mut self.sources)?;
                }
            }
            Mode::Pipe(pipe) => {
                any |= pipe.apply(&mut self.sources)?;
                if block || !self.sources.is_empty() {
                    pipe.poll(block && !any, self.timers.deadline())?;
                    pipe.apply(&mut self.sources)?;
                }
                self.timers.fire(signals);
            }
        }
        Ok(())
    }

    /// Takes what others have left; whether there may be something to do now.
    fn read_news(&mut self) -> io::Result<bool> {
        let (mut any, mut ready) = (false, 0);
        while let Some(news) = self.news.try_recv() {
            match news {
                // A batch may be read in two goes.
                News::At(time) => self.since = Some(time),
                News::Ready(token, readiness) => {
                    ready += 1;
                    any |= match self.since {
                        None => self.sources.apply(token, readiness),
                        Some(time) => events::ready_since(time, || self.sources.apply(token, readiness)),
                    };
                }
                News::Gone(token) => {
                    self.forget(token);
                    // It may have been the last, and the domain be at rest now: to be found before it blocks.
                    any = true;
                }
                News::Failed(error) => return Err(error),
            }
        }
        if ready > 0 {
            self.home.seat.count(Counted::Received, ready);
        }
        Ok(any)
    }
}

impl Events for System {
    fn select(&mut self, block: bool, _cancelled: &[Uid], signals: &mut Signals) -> io::Result<()> {
        // A cancelled uid is a timer's, and its `Sleep` has taken it out already.
        self.sources.begin_turn();
        if block || !self.is_quiet() { self.look(block, signals) } else { Ok(()) }
    }

    fn interrupt(&self) -> Option<Interrupt> {
        match &self.mode {
            Mode::Observer(_) => None,
            Mode::Pipe(pipe) => Some(pipe.interrupt()),
        }
    }

    fn before_park(&mut self) {
        if let Mode::Observer(observer) = &mut self.mode {
            observer.before_park(&mut self.sources);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.timers.deadline()
    }

    fn expects_news(&self) -> bool {
        !self.sources.is_empty() || !self.timers.is_empty()
    }

    fn busy(&mut self) -> bool {
        // A forked child must not poll: what it found would be lost to its parent.
        if self.home.seat.has_forked() {
            return true;
        }
        let found = match &mut self.mode {
            Mode::Observer(observer) => observer.busy(),
            Mode::Pipe(pipe) if !self.sources.is_empty() => pipe.busy(),
            Mode::Pipe(_) => false,
        };
        found || self.timers.is_due()
    }

    fn needs_looks(&self) -> bool {
        match &self.mode {
            Mode::Observer(observer) => observer.needs_looks(),
            Mode::Pipe(_) => !self.sources.is_empty(),
        }
    }

    fn finalise(&mut self) -> io::Result<()> {
        if self.home.seat.has_forked() {
            // Never dropped there: `polling` would take its own descriptors out of the parent's poller.
            mem::forget(self.registrar.clone());
        }
        match &mut self.mode {
            Mode::Observer(observer) => observer.stop(&*self.registrar),
            Mode::Pipe(_) => Ok(()),
        }
    }
}

impl Drop for System {
    fn drop(&mut self) {
        // For a run that ends by a panic of the events: the thread must not outlive its domain.
        let _ = self.finalise();
    }
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("System").field("domain", &self.home.seat.domain()).finish_non_exhaustive()
    }
}

/// The seat of a domain that nobody runs.
#[cfg(test)]
fn test_seat() -> Seat {
    use crate::{
        domain::{Setting, Shared},
        threads::SpawnThread,
    };
    Seat::new(Arc::new(Shared::new(0, 0, Setting::default())), SpawnThread::default())
}

#[cfg(test)]
mod tests;
