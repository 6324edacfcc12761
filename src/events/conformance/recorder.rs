//! The recorder: stands between a domain and its events, watches both, and interferes on demand.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    fmt,
    future::poll_fn,
    io,
    sync::Arc,
    task::{Poll, Waker},
    thread::{self, ThreadId},
    time::{Duration, Instant},
};

use super::Fault;
use crate::{
    events::{Events, Interrupt, Seat, SignalSender, Signals, Uid},
    sync::Mutex,
};

/// How many of the last signals, and of the last cancelled uids, are signalled again on demand.
const REPLAYED: usize = 64;
/// Time that passes between the two looks by which a blocked call is told from one that is slow.
const SECOND_LOOK: Duration = Duration::from_millis(100);

/// How the recorder interferes with a run.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Plan {
    /// Every `select` signals again what was signalled or cancelled before.
    pub(super) replay: bool,
    /// So many blocking `select`s of each domain find that news came just before they began.
    pub(super) early: u32,
}

/// Between `domain` and its events.
#[derive(Debug)]
pub(super) struct Recorder<E> {
    pub(super) inner: E,
    domain: usize,
    thread: ThreadId,
    log: Arc<Log>,
}

impl<E: Events> Recorder<E> {
    pub(super) fn new(
        seat: Seat,
        log: Arc<Log>,
        make: impl FnOnce(Seat) -> io::Result<E>,
    ) -> io::Result<Self> {
        let domain = seat.domain().index();
        log.made(&seat);
        Ok(Self { inner: make(seat)?, domain, thread: thread::current().id(), log })
    }

    fn at_home(&self) {
        if thread::current().id() != self.thread {
            self.log.blame("events were used on another thread than they were made on");
        }
    }
}

impl<E: Events> Events for Recorder<E> {
    fn select(&mut self, block: bool, cancelled: &[Uid], signals: &mut Signals) -> io::Result<()> {
        self.at_home();
        match self.log.enter(self.domain, block, cancelled) {
            Order::Go => {}
            Order::Fail => return Err(io::Error::other(Injected)),
            Order::WakeFirst(sender) => {
                // Joined, so that the news is there before `select` begins.
                let woken = thread::Builder::new().spawn(move || sender.wake());
                let _ = woken.map(thread::JoinHandle::join);
            }
        }
        let mut own = Signals::default();
        let result = self.inner.select(block, cancelled, &mut own);
        self.log.leave(self.domain, own, signals);
        result
    }

    fn interrupt(&self) -> Option<Interrupt> {
        let interrupt: Arc<dyn Fn() + Send + Sync> = self.inner.interrupt()?.into();
        self.log.see(self.domain, |seen| seen.interrupt = Some(interrupt.clone()));
        let (log, domain) = (self.log.clone(), self.domain);
        Some(Box::new(move || {
            log.see(domain, |seen| {
                seen.interrupts += 1;
                seen.interrupted = true;
            });
            log.while_interrupting(&*interrupt);
        }))
    }

    fn deadline(&self) -> Option<Instant> {
        self.at_home();
        self.inner.deadline()
    }

    fn busy(&mut self) -> bool {
        self.at_home();
        self.inner.busy()
    }

    fn needs_looks(&self) -> bool {
        self.at_home();
        self.inner.needs_looks()
    }

    fn finalise(&mut self) -> io::Result<()> {
        self.at_home();
        self.log.see(self.domain, |seen| seen.finalised += 1);
        self.inner.finalise()
    }
}

/// The error of a `select` that fails on demand.
#[derive(Debug)]
pub(super) struct Injected;

impl fmt::Display for Injected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a failure that the conformance suite asked for")
    }
}

impl Error for Injected {}

/// What a `select` is to do.
enum Order {
    Go,
    Fail,
    WakeFirst(SignalSender),
}

/// All that was seen of one run.
#[derive(Debug, Default)]
pub(super) struct Log(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    plan: Plan,
    domains: BTreeMap<usize, Seen>,
    threads: BTreeMap<usize, ThreadId>,
    told: BTreeSet<Uid>,
    /// The last of those signalled or told.
    replayed: Vec<Uid>,
    /// Signals for uids that had been told.
    forgotten: usize,
    /// Interrupts under way.
    interrupting: u32,
    fault: Option<Fault>,
    waiters: Vec<(usize, Waker)>,
}

/// What was seen of one domain.
#[derive(Default)]
pub(super) struct Seen {
    sender: Option<SignalSender>,
    /// Operations that have neither ended nor been told to be cancelled, and their times.
    waiting: BTreeMap<Uid, Instant>,
    /// Dropped by their tasks, not told yet.
    given_up: BTreeSet<Uid>,
    interrupt: Option<Arc<dyn Fn() + Send + Sync>>,
    pub(super) selects: u64,
    /// Blocking ones among them.
    blocks: u64,
    inside: bool,
    /// Did the last `select` begin because nothing could run?
    pub(super) dry: bool,
    interrupts: u64,
    /// Interrupted since a `select` last returned.
    interrupted: bool,
    early: u32,
    fail: bool,
    failed: bool,
    finalised: u32,
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seen").finish_non_exhaustive()
    }
}

impl Log {
    /// A new run begins.
    pub(super) fn begin(&self, plan: Plan) {
        *self.0.lock() = State { plan, ..State::default() };
    }

    fn blame(&self, what: &'static str) {
        self.0.lock().fault(Fault::Scheduler(what));
    }

    fn see<R>(&self, domain: usize, f: impl FnOnce(&mut Seen) -> R) -> R {
        f(self.0.lock().domains.entry(domain).or_default())
    }

    fn made(&self, seat: &Seat) {
        let domain = seat.domain().index();
        let mut state = self.0.lock();
        if domain != 0 && !state.domains.contains_key(&0) {
            state.fault(Fault::Scheduler("domain 0's events were not made first"));
        }
        if state.domains.contains_key(&domain) {
            state.fault(Fault::Scheduler("a domain's events were made twice"));
        }
        let here = thread::current().id();
        if state.threads.values().any(|thread| *thread == here) {
            state.fault(Fault::Scheduler("two domains' events were made on one thread"));
        }
        state.threads.insert(domain, here);
        let early = state.plan.early;
        let seen = state.domains.entry(domain).or_default();
        seen.sender = Some(seat.signal_sender());
        seen.early = early;
    }

    fn enter(&self, domain: usize, block: bool, cancelled: &[Uid]) -> Order {
        let mut state = self.0.lock();
        for &uid in cancelled {
            if !state.told.insert(uid) {
                state.fault(Fault::Scheduler("a uid was told to be cancelled twice"));
            }
            state.replayed.push(uid);
        }
        let seen = state.domains.entry(domain).or_default();
        for uid in cancelled {
            seen.given_up.remove(uid);
            seen.waiting.remove(uid);
        }
        // Also where one was told to another domain.
        if !seen.given_up.is_empty() {
            state.fault(Fault::Scheduler("a cancelled uid was not told to the next select"));
            return Order::Go;
        }
        if seen.finalised > 0 || seen.failed {
            state.fault(Fault::Scheduler("select was called after the end of the events"));
            return Order::Go;
        }
        seen.selects += 1;
        seen.blocks += u64::from(block);
        seen.dry = block;
        seen.inside = true;
        let order = if std::mem::take(&mut seen.fail) {
            seen.failed = true;
            seen.inside = false;
            Order::Fail
        } else if block && seen.early > 0 {
            seen.early -= 1;
            seen.sender.clone().map_or(Order::Go, Order::WakeFirst)
        } else {
            Order::Go
        };
        let waiters = state.waiters.extract_if(.., |(of, _)| *of == domain);
        let waiters: Vec<_> = waiters.map(|(_, waker)| waker).collect();
        // A waker is anybody's code.
        drop(state);
        waiters.into_iter().for_each(Waker::wake);
        order
    }

    fn leave(&self, domain: usize, mut own: Signals, signals: &mut Signals) {
        let mut state = self.0.lock();
        for uid in own.drain() {
            signals.push(uid);
            state.replayed.push(uid);
            if state.told.contains(&uid) {
                state.forgotten += 1;
            }
        }
        let excess = state.replayed.len().saturating_sub(REPLAYED);
        state.replayed.drain(..excess);
        if state.plan.replay {
            signals.extend(state.replayed.iter().copied());
        }
        let seen = state.domains.entry(domain).or_default();
        seen.inside = false;
        seen.interrupted = false;
    }

    /// An operation of `domain` is started, to end at `time`.
    pub(super) fn arranged(&self, domain: usize, uid: Uid, time: Instant) {
        self.see(domain, |seen| seen.waiting.insert(uid, time));
    }

    /// An operation of `domain` has ended, and its task has seen it.
    pub(super) fn ended(&self, domain: usize, uid: Uid) {
        self.see(domain, |seen| seen.waiting.remove(&uid));
    }

    /// A task of `domain` has dropped an operation that had not ended.
    pub(super) fn gave_up(&self, domain: usize, uid: Uid) {
        self.see(domain, |seen| seen.given_up.insert(uid));
    }

    /// How many signals came for uids that had been told to be cancelled.
    pub(super) fn forgotten(&self) -> usize {
        self.0.lock().forgotten
    }

    /// How often each domain has called `select`.
    pub(super) fn selects(&self) -> Vec<u64> {
        self.0.lock().domains.values().map(|seen| seen.selects).collect()
    }

    /// Waits until a `select` of `domain` begins that finds `condition` true, or has begun before.
    pub(super) async fn until(&self, domain: usize, condition: impl Fn(&Seen) -> bool) {
        poll_fn(|cx| {
            let mut state = self.0.lock();
            if condition(state.domains.entry(domain).or_default()) {
                return Poll::Ready(());
            }
            state.waiters.push((domain, cx.waker().clone()));
            Poll::Pending
        })
        .await;
    }

    /// Has the next `select` of `domain` fail.
    pub(super) fn fail(&self, domain: usize) {
        let sender = self.see(domain, |seen| {
            seen.fail = true;
            seen.sender.clone()
        });
        if let Some(sender) = sender {
            sender.wake();
        }
    }

    /// Calls the interrupt of `domain`, if its events have one, as nobody should.
    pub(super) fn interrupt(&self, domain: usize, times: u32) {
        let interrupt = self.0.lock().domains.get(&domain).and_then(|seen| seen.interrupt.clone());
        if let Some(interrupt) = interrupt {
            self.while_interrupting(|| (0..times).for_each(|_| interrupt()));
        }
    }

    fn while_interrupting(&self, interrupt: impl Fn()) {
        self.0.lock().interrupting += 1;
        interrupt();
        self.0.lock().interrupting -= 1;
    }

    /// What was found wrong while the run went on.
    pub(super) fn take_fault(&self) -> Option<Fault> {
        self.0.lock().fault.take()
    }

    /// What is wrong with a run that has ended.
    pub(super) fn verdict(&self) -> Result<(), Fault> {
        let mut state = self.0.lock();
        if let Some(fault) = state.fault.take() {
            return Err(fault);
        }
        for seen in state.domains.values() {
            let wrong = if seen.finalised != 1 {
                "events were not finalised once"
            } else if !seen.failed && !seen.given_up.is_empty() {
                "a cancelled uid was not told before the end of the run"
            } else if seen.interrupts > seen.blocks {
                "a select was interrupted twice"
            } else {
                continue;
            };
            return Err(Fault::Scheduler(wrong));
        }
        Ok(())
    }

    /// What is wrong with a run that does not end.
    pub(super) fn diagnose(&self) -> Fault {
        let before: Vec<_> = self.selects();
        let interrupting = self.0.lock().interrupting > 0;
        thread::sleep(SECOND_LOOK);
        let mut state = self.0.lock();
        if let Some(fault) = state.fault.take() {
            return fault;
        }
        if interrupting && state.interrupting > 0 {
            return Fault::InterruptBlocks;
        }
        for ((&domain, seen), before) in state.domains.iter().zip(before) {
            if seen.inside && seen.selects == before {
                if seen.interrupt.is_none() {
                    return Fault::Blocks(domain);
                }
                if seen.interrupted {
                    return Fault::Deaf(domain);
                }
            }
        }
        let now = Instant::now();
        if state.domains.values().flat_map(|seen| seen.waiting.values()).any(|time| *time < now) {
            return Fault::Overdue;
        }
        Fault::Stuck
    }
}

impl State {
    /// The first fault counts.
    fn fault(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
    }
}
