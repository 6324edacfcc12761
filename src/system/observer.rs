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
/// The same while nobody does: about what it takes to park and be woken over the observer.
const UNWATCHED_SPIN: Duration = Duration::from_micros(50);
/// From one look around to the next, at first.
const FIRST_GAP: Duration = Duration::from_micros(1);
/// Before a gap as long as this, others run.
const LONG_GAP: Duration = Duration::from_micros(4);
/// From one look to the next, at least, between tasks or where one asks: a poll is a system call, and tasks
/// can be short.
pub(super) const LOOK_GAP: Duration = Duration::from_micros(10);
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
mod tests {
    use super::{
        super::{found::Polled, poller::Readiness},
        *,
    };
    use crate::{
        events::{ReadyReceiver, ready_queue},
        system::test_seat,
    };

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
            observer.looked = observer.looked.map(|last| last - LOOK_GAP);
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
        observer.looked = Some(Instant::now() + Duration::from_secs(3600));
        for _ in 0..1000 {
            observer.look(&mut sources).unwrap();
            assert!(!observer.busy());
        }
        assert_eq!(observer.vain_looks, 0, "no system call is made before it is time");
        let before = Instant::now();
        observer.looked = Some(before - LOOK_GAP);
        observer.look(&mut sources).unwrap();
        assert_eq!(observer.vain_looks, 1);
        assert!(observer.looked.unwrap() >= before, "the next has to wait as long");
        end(observer);
    }

    /// A task that computes is heard of when it is time to look, however late this thread is.
    fn busy_soon(observer: &mut Observer) -> bool {
        observer.looked = None;
        observer.busy()
    }

    /// It is heard of when it had been time to look for long.
    fn busy_late(observer: &mut Observer) -> bool {
        observer.looked = Some(Instant::now() - 2 * SELDOM);
        observer.busy()
    }

    fn is_needed(observer: &Observer) -> bool {
        observer.hints.needed.load(Ordering::Relaxed)
    }

    #[test]
    fn a_task_that_asks_often_has_the_domain_poll_as_between_tasks() {
        let mut sources = Sources::new();
        let token = sources.awaited();
        let mut script = vec![vec![]; VAIN_LOOKS as usize];
        script.push(vec![(token, Readiness::READ)]);
        let mut observer = stood_down(script);
        for _ in 0..VAIN_LOOKS {
            assert!(!busy_soon(&mut observer), "nothing was found");
        }
        assert!(busy_soon(&mut observer) && observer.busy(), "it is told until it is applied");
        assert!(sources.is_awaited(token) && !observer.is_polled_for());
        observer.look(&mut sources).unwrap();
        assert!(!sources.is_awaited(token), "though it was not time for another look");
        assert_eq!((observer.harvests, observer.vain_looks), (1, 0));
        for _ in 0..VAIN_LOOKS {
            busy_soon(&mut observer);
            assert!(observer.watch.is_free());
        }
        busy_soon(&mut observer);
        assert!(!observer.watch.is_free(), "what finds nothing for so long is the observer's");
        end(observer);
    }

    #[test]
    fn a_task_that_asks_seldom_leaves_the_watch_to_the_observer() {
        let mut sources = Sources::new();
        let token = sources.awaited();
        let mut observer = stood_down(vec![vec![(token, Readiness::READ)]]);
        busy_soon(&mut observer);
        observer.look(&mut sources).unwrap();
        assert!(observer.watch.is_free() && !is_needed(&observer));
        // Once in a slice: from the look before it on.
        busy_late(&mut observer);
        assert!(!observer.watch.is_free() && is_needed(&observer), "and the observer keeps it");
        observer.look(&mut sources).unwrap();
        busy_late(&mut observer);
        assert!(is_needed(&observer), "whatever comes between");
        observer.looked = Some(Instant::now() + Duration::from_secs(3600));
        observer.busy();
        assert!(!is_needed(&observer), "until it asks more often");
        observer.busy();
        assert!(observer.looked.is_none(), "from when on the clock is not read");
        end(observer);
    }

    #[test]
    fn a_domain_that_has_run_dry_knows_nothing_of_the_next_task() {
        let mut observer = stood_down(vec![]);
        busy_late(&mut observer);
        observer.look_around(None, &mut Sources::new()).unwrap();
        assert!(!is_needed(&observer) && observer.looked.is_none());
        end(observer);
    }

    #[test]
    fn what_was_found_on_the_way_to_a_park_is_applied() {
        let mut sources = Sources::new();
        let token = sources.awaited();
        let mut observer = stood_down(vec![vec![(token, Readiness::READ)]]);
        assert!(busy_soon(&mut observer));
        observer.before_park(&mut sources);
        assert!(!sources.is_awaited(token) && observer.found.is_empty());
        end(observer);
    }

    /// Fails, whoever polls.
    struct Broken;

    impl Poller for Broken {
        fn poll(&mut self, _: Option<Duration>, _: &mut Polled) -> io::Result<()> {
            Err(io::Error::other("broken"))
        }
    }

    /// An observer whose poller fails where a task asks, and what the domain is told.
    fn broken() -> (Observer, ReadyReceiver<News>) {
        let seat = test_seat();
        let (news, told) = ready_queue(&seat.signal_sender());
        let mut observer = Observer::new(Box::new(Broken), seat, news, false);
        observer.start().unwrap();
        assert!(busy_soon(&mut observer) && !observer.is_polled_for(), "there is something to be told");
        (observer, told)
    }

    #[test]
    fn a_poller_that_fails_while_a_task_computes_fails_the_next_look() {
        let (mut observer, told) = broken();
        let error = observer.look(&mut Sources::new()).unwrap_err();
        assert_eq!(error.to_string(), "broken");
        assert!(told.try_recv().is_none() && observer.found.is_empty());
        end(observer);
    }

    #[test]
    fn a_poller_that_failed_on_the_way_to_a_park_is_told_of() {
        let (mut observer, told) = broken();
        observer.before_park(&mut Sources::new());
        assert!(observer.domain.is_notified(), "the domain does not sleep");
        assert!(matches!(told.try_recv(), Some(News::Failed(_))));
        end(observer);
    }
}
