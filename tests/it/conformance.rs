//! The conformance suite of `events`, over events that keep the contract and over such that do not: each
//! of those must be caught, at the right check and for the right reason.

#![allow(clippy::disallowed_types, reason = "tests")]

use std::{
    collections::BTreeSet,
    io,
    sync::{
        Arc, Condvar, Mutex,
        mpsc::{self, SyncSender},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use vigie::events::{
    Events, Interrupt, Seat, Signals, Uid,
    conformance::{Check, Fault, Subject, Suite, check},
};

use crate::support::{alone, each};

/// What the events below do otherwise than they should.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Quirk {
    None,
    /// Signals what it has signalled once more, at once and at the next `select`.
    Twice,
    /// Blocks without an interrupt.
    NoInterrupt,
    /// Its interrupt does nothing.
    NoBell,
    /// Its interrupt ends a `select` that blocks already, and no other.
    NoMemory,
    /// Its interrupt waits until there is room for it.
    Bounded,
    /// Its interrupt must not be used after the end of the events.
    Fragile,
    /// Does not look at what was cancelled.
    Forgetful,
    /// Does not wait for the last 5 ms.
    Hasty,
    /// Ends operations in the order in which they were started.
    Queue,
    /// Begins an operation when the last one has ended.
    Serial,
    /// Never signals anything.
    Silent,
    /// Does not say until when the domain may park.
    NoDeadline,
    /// Asks to be called again at once.
    Spinner,
    /// Cannot be made on domain 2.
    Unmade,
    /// Fails at its 20th `select`.
    Failing,
    Panicking,
}

#[derive(Default)]
struct Bell {
    rings: Mutex<u64>,
    condvar: Condvar,
}

/// Sleepers that wait inside of `select` if they have a bell.
struct Sleepers {
    quirk: Quirk,
    sleepers: Vec<(Instant, Uid)>,
    again: Vec<Uid>,
    selects: u32,
    bell: Option<Arc<Bell>>,
    heard: u64,
    alive: Arc<()>,
    /// Keeps the channel of `Quirk::Bounded` open.
    full: Option<SyncSender<()>>,
}

impl Sleepers {
    fn new(quirk: Quirk, blocking: bool) -> Self {
        Self {
            quirk,
            sleepers: Vec::new(),
            again: Vec::new(),
            selects: 0,
            bell: blocking.then(Arc::default),
            heard: 0,
            alive: Arc::default(),
            full: None,
        }
    }

    fn is(&self, quirk: Quirk) -> bool {
        self.quirk == quirk
    }

    fn start(&mut self, uid: Uid, after: Duration) {
        let mut from = Instant::now();
        if let (true, Some((last, _))) = (self.is(Quirk::Serial), self.sleepers.last()) {
            from = from.max(*last);
        }
        self.sleepers.push((from + after, uid));
        if !self.is(Quirk::Queue) {
            self.sleepers.sort();
        }
    }

    fn first(&self) -> Option<Instant> {
        self.sleepers.first().map(|(at, _)| *at)
    }

    fn wake(&mut self, signals: &mut Signals) {
        let early = Duration::from_millis(if self.is(Quirk::Hasty) { 5 } else { 0 });
        let now = Instant::now() + early;
        while self.first().is_some_and(|at| at <= now) && !self.is(Quirk::Silent) {
            let (_, uid) = self.sleepers.remove(0);
            signals.push(uid);
            if self.is(Quirk::Twice) {
                signals.push(uid);
                self.again.push(uid);
            }
        }
    }

    fn wait(&mut self, bell: &Bell) {
        let mut rings = bell.rings.lock().unwrap();
        if self.is(Quirk::NoMemory) {
            self.heard = *rings;
        }
        let until = self.first();
        while *rings == self.heard && until.is_none_or(|at| at > Instant::now()) {
            let time = until.map_or(Duration::MAX, |at| at.saturating_duration_since(Instant::now()));
            rings = bell.condvar.wait_timeout(rings, time).unwrap().0;
        }
        self.heard = *rings;
    }
}

impl Events for Sleepers {
    fn select(&mut self, block: bool, cancelled: &[Uid], signals: &mut Signals) -> io::Result<()> {
        self.selects += 1;
        match self.quirk {
            Quirk::Failing if self.selects == 20 => return Err(io::ErrorKind::BrokenPipe.into()),
            Quirk::Panicking if self.selects == 20 => panic!("at the 20th select"),
            Quirk::Forgetful => {}
            _ if cancelled.is_empty() => {}
            _ => {
                let cancelled: BTreeSet<_> = cancelled.iter().collect();
                self.sleepers.retain(|(_, uid)| !cancelled.contains(uid));
            }
        }
        signals.extend(self.again.drain(..));
        self.wake(signals);
        if let (true, true, Some(bell)) = (block, signals.is_empty(), self.bell.clone()) {
            self.wait(&bell);
            self.wake(signals);
        }
        Ok(())
    }

    fn interrupt(&self) -> Option<Interrupt> {
        let bell = self.bell.clone()?;
        let alive = Arc::downgrade(&self.alive);
        let full = self.full.clone();
        match self.quirk {
            Quirk::NoInterrupt => None,
            Quirk::NoBell => Some(Box::new(|| {})),
            quirk => Some(Box::new(move || {
                assert!(quirk != Quirk::Fragile || alive.strong_count() > 0, "the events are gone");
                // Nobody empties it.
                full.iter().for_each(|full| full.send(()).unwrap());
                *bell.rings.lock().unwrap() += 1;
                bell.condvar.notify_one();
            })),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self.quirk {
            Quirk::NoDeadline => None,
            Quirk::Spinner => Some(Instant::now()),
            _ => self.first(),
        }
    }
}

struct Quirky {
    quirk: Quirk,
    blocking: bool,
}

impl Subject for Quirky {
    type Events = Sleepers;

    fn make(&self, seat: Seat) -> io::Result<Sleepers> {
        let mut sleepers = Sleepers::new(self.quirk, self.blocking);
        match self.quirk {
            Quirk::Unmade if seat.domain().index() == 2 => return Err(io::ErrorKind::OutOfMemory.into()),
            Quirk::Bounded => {
                let (sender, receiver) = mpsc::sync_channel(1000);
                sleepers.full = Some(sender);
                // Open, and read by nobody.
                std::mem::forget(receiver);
            }
            _ => {}
        }
        Ok(sleepers)
    }

    fn arrange(events: &mut Sleepers, uid: Uid, after: Duration) -> io::Result<()> {
        events.start(uid, after);
        Ok(())
    }
}

/// A blocking source made events by a thread of its own and a `SignalSender`.
struct Clock {
    orders: Option<mpsc::Sender<Order>>,
    thread: Option<JoinHandle<()>>,
}

enum Order {
    Start(Instant, Uid),
    Forget(Vec<Uid>),
}

impl Clock {
    fn new(seat: &Seat) -> io::Result<Self> {
        let (orders, receiver) = mpsc::channel();
        let sender = seat.signal_sender();
        let body = move || {
            let mut sleepers = BTreeSet::new();
            loop {
                let next = sleepers.first().map_or(Duration::from_secs(3600), |(at, _): &(Instant, Uid)| {
                    at.saturating_duration_since(Instant::now())
                });
                let mut order = receiver.recv_timeout(next);
                // First the time, then all that was ordered before it: or, on a slow machine, what is
                // due already would be signalled before what was due earlier and is still in the channel.
                let now = Instant::now();
                loop {
                    match order {
                        Ok(Order::Start(at, uid)) => drop(sleepers.insert((at, uid))),
                        Ok(Order::Forget(cancelled)) => sleepers.retain(|(_, uid)| !cancelled.contains(uid)),
                        Err(mpsc::RecvTimeoutError::Timeout) => break,
                        Err(mpsc::RecvTimeoutError::Disconnected) => return,
                    }
                    order = receiver.recv_timeout(Duration::ZERO);
                }
                while let Some(&(at, uid)) = sleepers.first().filter(|(at, _)| *at <= now) {
                    sleepers.remove(&(at, uid));
                    sender.send(uid);
                }
            }
        };
        let thread = seat.spawn_thread("clock".into(), body)?;
        Ok(Self { orders: Some(orders), thread: Some(thread) })
    }

    fn order(&self, order: Order) -> io::Result<()> {
        let orders = self.orders.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        orders.send(order).map_err(io::Error::other)
    }
}

impl Events for Clock {
    fn select(&mut self, _block: bool, cancelled: &[Uid], _signals: &mut Signals) -> io::Result<()> {
        if cancelled.is_empty() { Ok(()) } else { self.order(Order::Forget(cancelled.into())) }
    }

    fn finalise(&mut self) -> io::Result<()> {
        self.orders = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(())) => Ok(()),
            _ => Err(io::Error::other("the clock's thread was gone")),
        }
    }
}

struct Clocks;

impl Subject for Clocks {
    type Events = Clock;

    fn make(&self, seat: Seat) -> io::Result<Clock> {
        Clock::new(&seat)
    }

    fn arrange(clock: &mut Clock, uid: Uid, after: Duration) -> io::Result<()> {
        clock.order(Order::Start(Instant::now() + after, uid))
    }
}

fn conforms(quirk: Quirk, blocking: bool) {
    let report = check(Quirky { quirk, blocking }).unwrap();
    assert_eq!(report.passed().len(), Check::ALL.len());
}

#[test]
fn events_that_never_block_conform() {
    conforms(Quirk::None, false);
}

#[test]
fn events_that_block_and_can_be_interrupted_conform() {
    conforms(Quirk::None, true);
}

#[test]
fn events_that_signal_everything_twice_conform() {
    conforms(Quirk::Twice, false);
    conforms(Quirk::Twice, true);
}

#[test]
fn a_thread_and_a_signal_sender_conform() {
    let report = check(Clocks).unwrap();
    assert_eq!(report.left_out(), []);
}

#[test]
fn the_systems_events_conform() {
    each(|builder| {
        let sleep = |after| async move { Ok(vigie::time::sleep(after).await?) };
        let report = Suite::of_sleep(builder, sleep).run().unwrap();
        assert_eq!(report.passed().len() + report.left_out().len(), Check::ALL.len());
        assert!(report.left_out().iter().all(|check| check.records()));
    });
}

/// The fault that the suite finds in events with this quirk at `check`.
fn fault(quirk: Quirk, blocking: bool, check: Check, patience: Duration) -> String {
    let suite = Suite::new(Quirky { quirk, blocking }).patience(patience);
    let failure = suite.check(check).unwrap_err();
    assert_eq!(failure.check(), check);
    assert!(failure.to_string().starts_with(&format!("{check:?}: ")));
    let found = match failure.fault() {
        // Which domain is met first depends.
        Fault::Blocks(0..=2) => "Blocks",
        Fault::Deaf(0..=2) => "Deaf",
        Fault::InterruptBlocks => "InterruptBlocks",
        Fault::Overdue => "Overdue",
        Fault::Early => "Early",
        Fault::Disorder => "Disorder",
        Fault::Serial => "Serial",
        Fault::Forgets(900) => "Forgets all",
        Fault::Spins(_) => "Spins",
        Fault::Run(error) => return format!("{:?}", error.kind()),
        Fault::Panicked(panic) => return panic.message().unwrap(),
        other => return format!("{other:?}"),
    };
    found.to_owned()
}

#[test]
fn events_that_break_the_contract_are_caught() {
    let fault = |quirk, check| fault(quirk, quirk == Quirk::Fragile, check, Duration::from_secs(60));
    assert_eq!(fault(Quirk::Hasty, Check::Deadlines), "Early");
    assert_eq!(fault(Quirk::Queue, Check::Order), "Disorder");
    assert_eq!(fault(Quirk::Forgetful, Check::Forgotten), "Forgets all");
    assert_eq!(fault(Quirk::Spinner, Check::Idle), "Spins");
    assert_eq!(fault(Quirk::Fragile, Check::Afterwards), "the events are gone");
}

#[test]
fn events_that_cannot_be_made_or_fail_or_panic_are_caught() {
    let fault = |quirk, check| fault(quirk, false, check, Duration::from_secs(60));
    assert_eq!(fault(Quirk::Unmade, Check::Seats), "OutOfMemory");
    assert_eq!(fault(Quirk::Failing, Check::Reached), "BrokenPipe");
    assert_eq!(fault(Quirk::Panicking, Check::Reached), "at the 20th select");
}

#[test]
fn operations_one_after_the_other_are_caught() {
    assert_eq!(fault(Quirk::Serial, false, Check::Overlap, Duration::from_secs(60)), "Serial");
}

/// In a process of its own: what is stuck stays so, with its threads, until the process ends.
#[test]
fn events_that_get_stuck_are_caught() {
    alone("conformance::events_that_get_stuck_are_caught", || {
        let stuck = [
            (Quirk::NoInterrupt, true, Check::Reached, "Blocks"),
            (Quirk::NoBell, true, Check::Reached, "Deaf"),
            (Quirk::NoMemory, true, Check::EarlyNews, "Deaf"),
            (Quirk::Bounded, true, Check::Storm, "InterruptBlocks"),
            (Quirk::Silent, true, Check::Deadlines, "Overdue"),
            (Quirk::Silent, false, Check::Deadlines, "Overdue"),
            (Quirk::NoDeadline, false, Check::Deadlines, "Overdue"),
        ];
        // They only wait: all at the same time, and long enough that each gets there.
        let patience = Duration::from_secs(8);
        let found = stuck.map(|(quirk, blocking, check, expected)| {
            (quirk, expected, thread::spawn(move || fault(quirk, blocking, check, patience)))
        });
        for (quirk, expected, found) in found {
            assert_eq!(found.join().unwrap(), expected, "{quirk:?}");
        }
    });
}

/// A sleep that blocks its domain is one after the other for all tasks of that domain.
#[test]
fn a_sleep_that_blocks_is_caught_from_outside() {
    let sleep = |after| async move {
        thread::sleep(after);
        Ok(())
    };
    let suite = Suite::of_sleep(vigie::Builder::new().without_events(), sleep);
    let failure = suite.check(Check::Overlap).unwrap_err();
    assert!(matches!(failure.fault(), Fault::Serial), "{failure}");
    suite.check(Check::Idle).unwrap();
}
