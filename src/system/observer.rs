//! The domain's side of the observer, the thread that blocks in the poller beside it: when which of the two
//! polls. The thread's side is `keeper`, the hand-over itself `protocol::Watch`, the judgement in `pace`.

use std::{
    fmt, io, mem,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{
    News,
    found::Found,
    keeper::{Hints, Keeper},
    pace::Spinner,
    poller::{Poller, Registrar},
    sources::Sources,
};
use crate::{
    events::{Counted, ReadySender, Seat, SignalSender},
    protocol::Watch,
    sync::{Arc, Ordering},
};

/// How long a domain that runs dry looks for news before it parks, while the observer polls.
const SPIN: Duration = Duration::from_micros(4);
/// The same while nobody does: about what it takes to park and be woken over the observer where that is slow. On a
/// virtual machine each of its two wakes can take 100 µs; so can that of who is to send the next request, and with
/// 50 µs here the domain often parks just before it comes, and the observer is in the way for long: one connection
/// then has two thirds of the requests a second.
const UNWATCHED_SPIN: Duration = Duration::from_micros(200);
/// From one look around to the next, at first, and at most.
const FIRST_GAP: Duration = Duration::from_micros(1);
const LAST_GAP: Duration = Duration::from_micros(16);
/// Before a gap as long as this, others run.
const LONG_GAP: Duration = Duration::from_micros(4);
/// From one look to the next, at least, between tasks or where one asks: a poll is a system call, and tasks
/// can be short.
pub(crate) const LOOK_GAP: Duration = Duration::from_micros(10);
/// Such looks that may be in vain, in a row, before the watch goes to the observer.
const VAIN_LOOKS: u32 = 16;
/// Where a task that computes asks so seldom that a look would come later, it goes there as well.
const SELDOM: Duration = Duration::from_micros(200);

pub(super) struct Observer {
    watch: Arc<Watch<Box<dyn Poller>>>,
    hints: Arc<Hints>,
    thread: Option<JoinHandle<()>>,
    seat: Seat,
    domain: SignalSender,
    news: ReadySender<News>,
    always: bool,
    /// Only `busy` leaves something in it.
    found: Found,
    /// Whether it pays to look around while nobody polls, and while the observer does.
    unwatched: Spinner,
    watched: Spinner,
    /// Has the observer had the watch since the domain last looked around for itself?
    recalled: bool,
    /// How often that woke tasks since the watch was last free.
    harvests: u32,
    /// When the domain last looked, since it ran dry; or while it needs the observer, when a task was last heard of
    /// that computes.
    looked: Option<Instant>,
    /// How many looks were in vain since it found something or ran dry.
    vain_looks: u32,
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
            found: Found::default(),
            unwatched: Spinner::default(),
            watched: Spinner::default(),
            recalled: false,
            harvests: 0,
            looked: None,
            vain_looks: 0,
        }
    }

    /// Starts the thread, with the domain's first source.
    pub(super) fn start(&mut self) -> io::Result<()> {
        if self.thread.is_some() {
            return Ok(());
        }
        let watch = self.watch.clone();
        let mut keeper = Keeper::new(self.news.clone(), self.hints.clone(), self.seat.clone(), self.always);
        let name = format!("vigie-watch-{}", self.seat.domain().index());
        let thread = self.seat.spawn_thread(name, move || watch.observe(&mut keeper));
        // Not of the system's kind, which would be that of an operation that is only to be tried again.
        let refused = |error| io::Error::other(format!("no thread for the observer: {error}"));
        self.thread = Some(thread.map_err(refused)?);
        if self.always {
            self.recall();
        }
        Ok(())
    }

    /// The domain has run dry: polls by itself if nobody does, and looks around for a moment, though not
    /// beyond `deadline`. What it looks for may also be another domain's: without a source, too.
    pub(super) fn look_around(&mut self, deadline: Option<Instant>, sources: &mut Sources) -> io::Result<()> {
        if self.always {
            return Ok(());
        }
        self.hints.needed.store(false, Ordering::Relaxed);
        self.looked = None;
        self.vain_looks = 0;
        if self.harvest(sources)? {
            return Ok(());
        }
        let unwatched = self.watch.is_free();
        if unwatched && mem::take(&mut self.recalled) {
            // It has stood down: events come quickly.
            self.unwatched.hope();
        }
        if self.spinner(unwatched).spins() {
            let end = Instant::now() + if unwatched { UNWATCHED_SPIN } else { SPIN };
            let lucky = self.spin(deadline.map_or(end, |deadline| end.min(deadline)), sources)?;
            self.spinner(unwatched).learn(lucky);
        }
        Ok(())
    }

    /// Looks around again and again, ever more seldom, since a poll is a system call. Lets others run
    /// first, and again before it waits for longer: who will bring the news may have only this processor to
    /// do it.
    fn spin(&mut self, end: Instant, sources: &mut Sources) -> io::Result<bool> {
        let mut next = Instant::now() + FIRST_GAP;
        let mut gap = FIRST_GAP;
        thread::yield_now();
        loop {
            while Instant::now() < next && !self.domain.is_notified() {
                std::hint::spin_loop();
            }
            if self.harvest(sources)? || self.domain.is_notified() {
                return Ok(true);
            }
            let now = Instant::now();
            if now >= end {
                return Ok(false);
            }
            gap = (gap * 2).min(LAST_GAP);
            if gap >= LONG_GAP {
                thread::yield_now();
            }
            next = now + gap;
        }
    }

    fn spinner(&mut self, unwatched: bool) -> &mut Spinner {
        if unwatched { &mut self.unwatched } else { &mut self.watched }
    }

    /// Leaves the watch to the observer. Always before a park: a parked domain has its observer in the
    /// poller.
    pub(super) fn before_park(&mut self, sources: &mut Sources) {
        // Of a trace that computes and asks, on the way here: the domain does not park then.
        if let Err(error) = self.apply(sources) {
            self.news.send(News::Failed(error));
        }
        if self.thread.is_some() {
            self.recall();
        }
    }

    /// Has the domain no need to look: does the observer poll, or is there nothing to poll for, and is all
    /// applied that was found?
    #[inline]
    pub(super) fn is_polled_for(&self) -> bool {
        (self.thread.is_none() || !self.watch.is_free()) && self.found.is_empty()
    }

    /// The domain has tasks to run: polls now and then if nobody does, and leaves the watch to the
    /// observer where that finds nothing. After that, this costs one load.
    pub(super) fn look(&mut self, sources: &mut Sources) -> io::Result<()> {
        if self.is_polled_for() {
            return Ok(());
        }
        if self.found.is_empty() {
            let now = Instant::now();
            if self.gap(now).is_some_and(|gap| gap < LOOK_GAP) {
                return Ok(());
            }
            self.looked = Some(now);
        }
        let woken = self.harvest(sources)?;
        self.has_looked(woken);
        Ok(())
    }

    fn has_looked(&mut self, lucky: bool) {
        if lucky {
            self.vain_looks = 0;
        } else if self.vain_looks < VAIN_LOOKS {
            self.vain_looks += 1;
        } else {
            self.recall();
        }
    }

    fn gap(&self, now: Instant) -> Option<Duration> {
        self.looked.map(|looked| now.duration_since(looked))
    }

    /// The domain applies what it has found, or polls for it without blocking, if nobody else does, and
    /// there is a source. Has it woken a task? Some events are no news: that a new connection can be written
    /// to, say.
    fn harvest(&mut self, sources: &mut Sources) -> io::Result<bool> {
        if self.found.is_empty() && self.thread.is_some() {
            self.poll()?;
        }
        self.apply(sources)
    }

    fn poll(&mut self) -> io::Result<()> {
        let found = &mut self.found.polled;
        let polled = self.watch.harvest(|poller| poller.poll(Some(Duration::ZERO), found));
        polled.unwrap_or(Ok(()))
    }

    fn apply(&mut self, sources: &mut Sources) -> io::Result<bool> {
        let woken = self.found.apply(sources, &self.seat)?;
        if woken {
            self.harvests = self.harvests.saturating_add(1);
        }
        Ok(woken)
    }

    fn recall(&mut self) {
        if self.watch.is_free() {
            self.seat.count(Counted::Recalled, 1);
            self.recalled = true;
            // Before the recall, so that the observer judges by it; late, it only misjudges.
            self.hints.harvests.store(mem::take(&mut self.harvests), Ordering::Relaxed);
        }
        self.vain_looks = 0;
        self.watch.recall();
    }

    /// A task computes, and is heard of now and then: polls if nobody does, as between tasks. Is there news?
    pub(super) fn busy(&mut self) -> bool {
        if self.thread.is_some() && !self.always && self.found.is_empty() {
            self.look_for_busy();
        }
        !self.found.is_empty() || self.domain.is_notified()
    }

    /// May `busy` poll, or has it to learn how often it is asked?
    pub(super) fn needs_looks(&self) -> bool {
        let polls = self.watch.is_free() || self.hints.needed.load(Ordering::Relaxed);
        self.thread.is_some() && !self.always && polls
    }

    /// Leaves the watch to the observer where the domain would look too seldom, and tells it whether it is needed.
    fn look_for_busy(&mut self) {
        let free = self.watch.is_free();
        // Else the clock is not read.
        if !free && !self.hints.needed.load(Ordering::Relaxed) {
            return;
        }
        let now = Instant::now();
        let gap = self.gap(now);
        if free && gap.is_some_and(|gap| gap < LOOK_GAP) {
            return;
        }
        // While the observer polls, the slices of others count as well: then it stays, needed or not.
        let seldom = gap.is_some_and(|gap| gap > SELDOM);
        self.hints.needed.store(seldom, Ordering::Relaxed);
        if free && seldom {
            self.recall();
        }
        // A time that nobody keeps up to date says nothing later.
        self.looked = (free || seldom).then_some(now);
        if free && !seldom {
            let polled = self.poll();
            self.found.keep(polled, &self.seat);
            if self.found.is_empty() {
                self.has_looked(false);
            }
        }
    }

    /// Ends the thread. Once.
    pub(super) fn stop(&mut self, registrar: &dyn Registrar) -> io::Result<()> {
        if self.seat.has_forked() {
            // It goes on, in the parent.
            mem::forget(self.thread.take());
            return Ok(());
        }
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

#[cfg(test)]
mod tests;
