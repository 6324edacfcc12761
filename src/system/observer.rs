//! The observer: the thread that blocks in the poller beside a domain, and when which of the two
//! polls. The hand-over itself is `protocol::Watch`, the judgement is in `pace`.

use std::{
    fmt, io, mem,
    panic::{AssertUnwindSafe, catch_unwind},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{
    News,
    pace::{Pace, Spinner},
    poller::{Poller, Readiness, Registrar, Token},
    sources::Sources,
};
use crate::{
    events::{Counted, ReadySender, Seat, SignalSender},
    protocol::{Stopped, Watch, Watchman},
    sync::{Arc, AtomicBool, AtomicU32, Ordering},
};

/// How long a domain that runs dry looks for news before it parks, while the observer polls.
const SPIN: Duration = Duration::from_micros(4);
/// The same while nobody does: about what it takes to park and be woken over the observer.
const UNWATCHED_SPIN: Duration = Duration::from_micros(50);
/// From one look around to the next, at first.
const FIRST_GAP: Duration = Duration::from_micros(1);
/// Before a gap as long as this, others run.
const LONG_GAP: Duration = Duration::from_micros(4);
/// From one look between tasks to the next, at least: a poll is a system call, and tasks can be short.
const LOOK_GAP: Duration = Duration::from_micros(10);
/// Looks between tasks that may be in vain, in a row, before the watch goes to the observer.
const VAIN_LOOKS: u32 = 16;

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
    /// What the domain finds by polling, until it is applied.
    found: Polled,
    /// Whether it pays to look around while nobody polls, and while the observer does.
    unwatched: Spinner,
    watched: Spinner,
    /// How often that woke tasks since the watch was last free.
    harvests: u32,
    /// When the domain last looked between tasks, and how often in vain since it found something or ran dry.
    looked: Instant,
    vain_looks: u32,
}

/// What domain and observer tell each other without needing to be right. All relaxed: nothing depends
/// on them but speed.
#[derive(Debug, Default)]
struct Hints {
    /// The domain computes, and would not come to poll.
    busy: AtomicBool,
    /// How often the domain woke tasks by polling, until it recalled the observer.
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
            found: Polled::new(),
            unwatched: Spinner::default(),
            watched: Spinner::default(),
            harvests: 0,
            looked: Instant::now(),
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
        self.hints.busy.store(false, Ordering::Relaxed);
        self.vain_looks = 0;
        if self.harvest(sources)? {
            return Ok(());
        }
        let unwatched = self.watch.is_free();
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
            gap *= 2;
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
    pub(super) fn before_park(&mut self) {
        if self.thread.is_some() {
            self.recall();
        }
    }

    /// Has the domain no need to poll: does the observer, or is there nothing to poll for?
    #[inline]
    pub(super) fn is_polled_for(&self) -> bool {
        self.thread.is_none() || !self.watch.is_free()
    }

    /// The domain has tasks to run: polls now and then if nobody does, and leaves the watch to the
    /// observer where that finds nothing. After that, this costs one load.
    pub(super) fn look(&mut self, sources: &mut Sources) -> io::Result<()> {
        if self.is_polled_for() || !self.is_time_to_look() {
            return Ok(());
        }
        if self.harvest(sources)? {
            self.vain_looks = 0;
        } else if self.vain_looks < VAIN_LOOKS {
            self.vain_looks += 1;
        } else {
            self.recall();
        }
        Ok(())
    }

    /// Is the last look between tasks long enough ago for another?
    fn is_time_to_look(&mut self) -> bool {
        let now = Instant::now();
        let due = now.duration_since(self.looked) >= LOOK_GAP;
        if due {
            self.looked = now;
        }
        due
    }

    /// The domain polls without blocking, if nobody else does, and there is a source. Has it woken a task?
    /// Some events are no news: that a new connection can be written to, say.
    fn harvest(&mut self, sources: &mut Sources) -> io::Result<bool> {
        if self.thread.is_none() {
            return Ok(false);
        }
        let found = &mut self.found;
        if let Some(polled) = self.watch.harvest(|poller| poller.poll(Some(Duration::ZERO), found)) {
            polled?;
        }
        if !found.is_empty() {
            self.seat.count(Counted::Harvested, found.len());
        }
        let woken = sources.apply_all(found);
        if woken {
            self.harvests = self.harvests.saturating_add(1);
        }
        Ok(woken)
    }

    fn recall(&mut self) {
        if self.watch.is_free() {
            self.seat.count(Counted::Recalled, 1);
            // Before the recall, so that the observer judges by it; late, it only misjudges.
            self.hints.harvests.store(mem::take(&mut self.harvests), Ordering::Relaxed);
        }
        self.vain_looks = 0;
        self.watch.recall();
    }

    /// A task computes for long: leaves the watch to the observer if nobody has it. Is there news?
    pub(super) fn busy(&mut self) -> bool {
        if self.thread.is_some() && !self.always {
            self.hints.busy.store(true, Ordering::Relaxed);
            // Asked in short tasks, it may have polled a moment ago. One that asks on comes by again.
            if self.watch.is_free() && self.is_time_to_look() {
                self.recall();
            }
        }
        self.domain.is_notified()
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

/// The observer thread's side.
struct Keeper {
    news: ReadySender<News>,
    hints: Arc<Hints>,
    seat: Seat,
    always: bool,
    polled: Polled,
    pace: Pace,
}

impl Keeper {
    fn new(news: ReadySender<News>, hints: Arc<Hints>, seat: Seat, always: bool) -> Self {
        Self { news, hints, seat, always, polled: Vec::new(), pace: Pace::new(Instant::now()) }
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
        if !self.always {
            self.pace.batch(Instant::now(), self.polled.len());
        }
        if !self.polled.is_empty() {
            self.seat.count(Counted::Pushed, self.polled.len());
            if self.seat.is_timed() {
                self.news.push_all([News::At(Instant::now())]);
            }
        }
        let batch = self.polled.drain(..).map(|(token, readiness)| News::Ready(token, readiness));
        Ok(self.news.push_all(batch))
    }

    fn stands_down(&mut self) -> bool {
        if self.always {
            return false;
        }
        let busy = self.hints.busy.load(Ordering::Relaxed);
        let down = self.pace.stands_down(busy, self.hints.harvests.load(Ordering::Relaxed));
        if down {
            self.seat.count(Counted::StoodDown, 1);
        }
        down
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{events::ready_queue, system::test_seat};

    struct Panics;

    impl Poller for Panics {
        fn poll(&mut self, _: Option<Duration>, _: &mut Polled) -> io::Result<()> {
            panic!("a poller's panic")
        }
    }

    /// Reports what it was given, a batch for each poll.
    struct Scripted(std::vec::IntoIter<Polled>);

    impl Poller for Scripted {
        fn poll(&mut self, _: Option<Duration>, polled: &mut Polled) -> io::Result<()> {
            polled.extend(self.0.next().into_iter().flatten());
            Ok(())
        }
    }

    /// An observer that has stood down, or has not yet begun; its poller finds these.
    fn stood_down(script: Vec<Polled>) -> Observer {
        let seat = test_seat();
        let (news, _) = ready_queue(&seat.signal_sender());
        let mut observer = Observer::new(Box::new(Scripted(script.into_iter())), seat, news, false);
        observer.start().unwrap();
        observer
    }

    /// Looks so many times, as if time had passed.
    fn look_often(observer: &mut Observer, sources: &mut Sources, times: u32) {
        for _ in 0..times {
            observer.looked -= LOOK_GAP;
            observer.look(sources).unwrap();
        }
    }

    fn end(mut observer: Observer) {
        observer.watch.stop();
        observer.thread.take().unwrap().join().unwrap();
    }

    #[test]
    fn an_event_that_nobody_waits_for_ends_no_look_around() {
        let mut sources = Sources::new();
        let token = sources.awaited();
        let mut observer = stood_down(vec![vec![(token, Readiness::WRITE)], vec![(token, Readiness::READ)]]);
        // It polls twice at least, however late it is.
        observer.look_around(None, &mut sources).unwrap();
        assert!(!sources.is_awaited(token), "the second event was seen");
        assert_eq!(observer.harvests, 1, "the first was none");
        end(observer);
    }

    #[test]
    fn looks_between_tasks_that_find_nothing_bring_the_observer_back() {
        let mut sources = Sources::new();
        let token = sources.awaited();
        let mut script = vec![vec![]; VAIN_LOOKS as usize];
        script.push(vec![(token, Readiness::READ)]);
        let mut observer = stood_down(script);
        look_often(&mut observer, &mut sources, VAIN_LOOKS + 1);
        assert_eq!((observer.harvests, observer.vain_looks), (1, 0), "it was about to, but for this");
        look_often(&mut observer, &mut sources, VAIN_LOOKS);
        assert!(observer.watch.is_free());
        look_often(&mut observer, &mut sources, 1);
        assert!(!observer.watch.is_free());
        assert_eq!(observer.vain_looks, 0, "after which it may be in vain as often again");
        end(observer);
    }

    #[test]
    fn looks_between_short_tasks_are_rare() {
        let mut observer = stood_down(vec![]);
        let mut sources = Sources::new();
        observer.looked = Instant::now() + Duration::from_secs(3600);
        for _ in 0..1000 {
            observer.look(&mut sources).unwrap();
        }
        assert_eq!(observer.vain_looks, 0, "no system call is made before it is time");
        let before = Instant::now();
        observer.looked = before - LOOK_GAP;
        observer.look(&mut sources).unwrap();
        assert_eq!(observer.vain_looks, 1);
        assert!(observer.looked >= before, "the next has to wait as long");
        end(observer);
    }

    #[test]
    fn a_poller_that_panics_is_one_that_fails() {
        let seat = test_seat();
        let domain = seat.signal_sender().parker();
        let (news, told) = ready_queue(&seat.signal_sender());
        let watch = Watch::<Box<dyn Poller>>::new(Box::new(Panics), domain.clone());
        watch.recall();
        // The observer's whole life, on this thread.
        watch.observe(&mut Keeper::new(news, Arc::default(), seat, false));
        assert!(domain.take(), "a domain that waits is woken");
        assert!(matches!(told.try_recv(), Some(News::Failed(_))), "and learns why");
        assert!(watch.harvest(|_| ()).is_none(), "nobody polls again");
    }
}
