//! The observer: the thread that blocks in the poller beside a domain, and when which of the two
//! polls. The hand-over itself is `protocol::Watch`; here are the thread and the judgement.

use std::{
    fmt, io,
    panic::{AssertUnwindSafe, catch_unwind},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{
    News,
    poller::{Poller, Readiness, Registrar, Token},
};
use crate::{
    events::{ReadySender, Seat, SignalSender},
    protocol::{Stopped, Watch, Watchman},
    sync::{Arc, AtomicBool, AtomicU32, Ordering},
};

/// How long a domain that runs dry looks for news before it parks.
const SPIN: Duration = Duration::from_micros(4);
/// Spins that may be in vain, in a row, before the domain parks without one for a while.
const VAIN_SPINS: u32 = 8;
/// Parks without a spin until the next one is tried.
const PARKS_BETWEEN_SPINS: u32 = 16;
/// Batches that find the domain awake, in a row, before the observer stands down.
const PATIENCE: u32 = 4;
/// The same after it has been recalled again and again before long.
const MAX_PATIENCE: u32 = 64;
/// Harvests by the domain that make it worthwhile to have stood down.
const WORTHWHILE: u32 = 8;

type Polled = Vec<(Token, Readiness)>;

/// The domain's side.
pub(super) struct Observer {
    watch: Arc<Watch<Box<dyn Poller>>>,
    hints: Arc<Hints>,
    thread: Option<JoinHandle<()>>,
    seat: Seat,
    domain: SignalSender,
    news: ReadySender<News>,
    always: bool,
    /// Whether it pays to look around while nobody polls, and while the observer does.
    unwatched: Spinner,
    watched: Spinner,
    /// Harvests by the domain since the watch was last free.
    harvests: u32,
}

/// What domain and observer tell each other without needing to be right. All relaxed: nothing depends
/// on them but speed.
#[derive(Debug, Default)]
struct Hints {
    /// The domain computes, and would not come to poll.
    busy: AtomicBool,
    /// How often the domain polled by itself until it recalled the observer.
    harvests: AtomicU32,
}

impl Observer {
    pub(super) fn new(poller: Box<dyn Poller>, seat: Seat, news: ReadySender<News>, always: bool) -> Self {
        let domain = seat.signal_sender();
        Self {
            watch: Arc::new(Watch::new(poller, domain.parker())),
            hints: Arc::default(),
            thread: None,
            seat,
            domain,
            news,
            always,
            unwatched: Spinner::new(),
            watched: Spinner::new(),
            harvests: 0,
        }
    }

    /// Starts the thread, with the domain's first source.
    pub(super) fn start(&mut self) -> io::Result<()> {
        if self.thread.is_some() {
            return Ok(());
        }
        let watch = self.watch.clone();
        let mut keeper = Keeper::new(self.news.clone(), self.hints.clone(), self.always);
        let name = format!("vigie-watch-{}", self.seat.domain().index());
        self.thread = Some(self.seat.spawn_thread(name, move || watch.observe(&mut keeper))?);
        if self.always {
            self.watch.recall();
        }
        Ok(())
    }

    /// The domain has run dry: polls by itself if nobody does, and looks around for a moment.
    pub(super) fn look_around(&mut self, found: &mut Polled) -> io::Result<()> {
        if self.thread.is_none() {
            return Ok(());
        }
        self.hints.busy.store(false, Ordering::Relaxed);
        if self.always {
            return Ok(());
        }
        self.harvest(found)?;
        if !found.is_empty() {
            return Ok(());
        }
        let unwatched = self.watch.is_free();
        if self.spinner(unwatched).spins() {
            let end = Instant::now() + SPIN;
            let mut lucky = false;
            while !lucky && Instant::now() < end {
                std::hint::spin_loop();
                self.harvest(found)?;
                lucky = !found.is_empty() || self.domain.is_notified();
            }
            self.spinner(unwatched).learn(lucky);
        }
        Ok(())
    }

    fn spinner(&mut self, unwatched: bool) -> &mut Spinner {
        if unwatched { &mut self.unwatched } else { &mut self.watched }
    }

    /// Leaves the watch to the observer. Always before a park: a parked domain has its observer in the
    /// poller.
    pub(super) fn before_park(&mut self) {
        if self.thread.is_some() {
            self.recall();
        }
    }

    /// The domain has tasks to run, and no time to lose: polls if nobody does. After a few ticks of
    /// that, `busy` leaves the watch to the observer, and this costs one load.
    pub(super) fn look(&mut self, found: &mut Polled) -> io::Result<()> {
        if self.thread.is_some() && self.watch.is_free() { self.harvest(found) } else { Ok(()) }
    }

    /// The domain polls without blocking, if nobody else does.
    fn harvest(&mut self, found: &mut Polled) -> io::Result<()> {
        let polled = self.watch.harvest(|poller| poller.poll(Some(Duration::ZERO), found));
        if polled.is_some() && !found.is_empty() {
            self.harvests = self.harvests.saturating_add(1);
        }
        polled.unwrap_or(Ok(()))
    }

    fn recall(&mut self) {
        if self.watch.is_free() {
            // Before the recall, so that the observer judges by it; late, it only misjudges.
            self.hints.harvests.store(std::mem::take(&mut self.harvests), Ordering::Relaxed);
        }
        self.watch.recall();
    }

    /// The domain computes: leaves the watch to the observer if nobody has it. Is there news?
    pub(super) fn busy(&mut self) -> bool {
        if self.thread.is_some() && !self.always {
            self.hints.busy.store(true, Ordering::Relaxed);
            if self.watch.is_free() {
                self.recall();
            }
        }
        self.domain.is_notified()
    }

    /// Ends the thread. Once.
    pub(super) fn stop(&mut self, registrar: &dyn Registrar) -> io::Result<()> {
        self.watch.stop();
        let Some(thread) = self.thread.take() else {
            return Ok(());
        };
        registrar.wake()?;
        thread.join().map_err(|_| io::Error::other("the observer thread panicked"))
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observer")
            .field("watch", &self.watch)
            .field("always", &self.always)
            .finish_non_exhaustive()
    }
}

/// The observer thread's side.
struct Keeper {
    news: ReadySender<News>,
    hints: Arc<Hints>,
    always: bool,
    polled: Polled,
    /// Batches in a row that found the domain awake.
    awake: u32,
    /// How many of them it takes to stand down.
    patience: u32,
    /// Has the watch been given up since `patience` was last judged?
    recalled: bool,
}

impl Keeper {
    fn new(news: ReadySender<News>, hints: Arc<Hints>, always: bool) -> Self {
        Self { news, hints, always, polled: Vec::new(), awake: 0, patience: PATIENCE, recalled: false }
    }
}

impl Watchman<Box<dyn Poller>> for Keeper {
    fn harvest(&mut self, poller: &mut Box<dyn Poller>) -> Result<bool, Stopped> {
        // A panic here would be heard of only at the end of a domain that may wait for ever.
        let polled = catch_unwind(AssertUnwindSafe(|| poller.poll(None, &mut self.polled)));
        if let Err(error) = polled.unwrap_or_else(|_| Err(io::Error::other("the poller panicked"))) {
            self.news.push_all([News::Failed(error)]);
            return Err(Stopped);
        }
        let batch = self.polled.drain(..).map(|(token, readiness)| News::Ready(token, readiness));
        Ok(self.news.push_all(batch))
    }

    fn stands_down(&mut self) -> bool {
        if self.always {
            return false;
        }
        if std::mem::take(&mut self.recalled) {
            let worthwhile = self.hints.harvests.load(Ordering::Relaxed) >= WORTHWHILE;
            self.patience = if worthwhile { PATIENCE } else { (self.patience * 2).min(MAX_PATIENCE) };
        }
        let down = self.awake >= self.patience && !self.hints.busy.load(Ordering::Relaxed);
        if down {
            self.awake = 0;
            self.recalled = true;
        }
        down
    }

    fn found(&mut self, parked: bool) {
        self.awake = if parked { 0 } else { self.awake.saturating_add(1) };
    }
}

/// Whether it pays to look around before a park: only where another processor can bring news
/// meanwhile, and as long as it does now and then.
#[derive(Debug)]
struct Spinner {
    alone: bool,
    vain: u32,
    parks: u32,
}

impl Spinner {
    fn new() -> Self {
        let alone = thread::available_parallelism().map_or(1, usize::from) == 1;
        Self { alone, vain: 0, parks: 0 }
    }

    fn spins(&mut self) -> bool {
        if self.alone {
            return false;
        }
        if self.vain < VAIN_SPINS {
            return true;
        }
        self.parks = self.parks.wrapping_add(1);
        self.parks.is_multiple_of(PARKS_BETWEEN_SPINS)
    }

    fn learn(&mut self, lucky: bool) {
        self.vain = if lucky { 0 } else { self.vain.saturating_add(1) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{domain::Shared, events::ready_queue};

    struct Panics;

    impl Poller for Panics {
        fn poll(&mut self, _: Option<Duration>, _: &mut Polled) -> io::Result<()> {
            panic!("a poller's panic")
        }
    }

    #[test]
    fn a_poller_that_panics_is_one_that_fails() {
        let domain = Arc::new(Shared::new(0, 0));
        let (news, told) = ready_queue(&SignalSender::new(domain.clone()));
        let watch = Watch::<Box<dyn Poller>>::new(Box::new(Panics), domain.parker.clone());
        watch.recall();
        // The observer's whole life, on this thread.
        watch.observe(&mut Keeper::new(news, Arc::default(), false));
        assert!(domain.parker.take(), "a domain that waits is woken");
        assert!(matches!(told.try_recv(), Some(News::Failed(_))), "and learns why");
        assert!(watch.harvest(|_| ()).is_none(), "nobody polls again");
    }
}
