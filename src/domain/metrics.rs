//! Metrics: what a domain counts of itself, always, and what it times, on demand.

use std::{
    panic::Location,
    time::{Duration, Instant},
};

use crate::{
    domain::{Domain, Histogram, Local, Setting, Shared, TaskId, histogram::Recorder},
    events::Counted,
    sync::{Arc, AtomicU64, Mutex, Ordering},
    task::Node,
};

/// What a domain has counted since its run began, and how much waits there now; plain data. See
/// [`Domain::metrics`].
///
/// ```
/// use vigie::{Domain, Metrics, spawn};
///
/// fn here() -> Metrics {
///     Domain::current().unwrap().metrics().unwrap()
/// }
///
/// vigie::run(async {
///     let child = spawn(std::future::pending::<()>());
///     assert_eq!(here().live, 2);
///     let before = here().cancellations;
///     child.cancel().await.unwrap();
///     assert_eq!((here().live, here().cancellations), (1, before + 1));
///     // Only in a run that is timed.
///     assert!(here().longest_slice.is_none() && here().latencies.is_none());
/// }).unwrap();
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Metrics {
    /// The domain that this is of.
    pub domain: Domain,
    /// Rounds: mail, events, the tasks that they resumed, a quantum of the others.
    pub ticks: u64,
    /// Slices: how often a task ran.
    pub slices: u64,
    /// Cancellations that were delivered, here or to where a call went.
    pub cancellations: u64,
    /// How often the domain slept, or its events blocked for it.
    pub parks: u64,
    /// Messages that were read: wakes by other threads, calls, their ends, cancellations.
    pub messages: u64,
    /// Signals that were delivered: by a [`select`](crate::events::Events::select), among them due timers,
    /// or through a [`SignalSender`](crate::events::SignalSender).
    pub signals: u64,
    /// Events that a thread beside the domain, the observer, has found and pushed.
    pub pushed: u64,
    /// Events that the domain has found by polling.
    pub harvested: u64,
    /// How often the observer has left the polling to the domain, or was about to as the domain ended.
    pub stand_downs: u64,
    /// How often the domain has handed the polling to the observer, the first time among them.
    pub recalls: u64,
    /// Tasks of this domain that have not finished, and calls of them whose task has not.
    pub live: usize,
    /// Tasks that news has resumed, waiting for their turn; when the domain last began a slice, as the next.
    pub signalled: usize,
    /// The other tasks that wait for their turn.
    pub ordinary: usize,
    /// Messages that the domain has not read.
    pub unread_messages: usize,
    /// Signals by other threads that the domain has not read.
    pub unread_signals: usize,
    /// Events that were pushed, and that the domain has not read.
    pub unread_events: usize,
    /// The longest slice that has ended, if the run is [timed](crate::Builder::timing), and there was any. The
    /// destructors that a cancellation runs count as one.
    pub longest_slice: Option<LongSlice>,
    /// If the run is [timed](crate::Builder::timing): how long tasks waited for their turn that news had
    /// resumed. For an event this begins when it was found, by the observer or by the domain (see
    /// [`events::ready_since`](crate::events::ready_since)), for other news when the domain read it.
    pub latencies: Option<Histogram>,
}

/// A slice that took long; part of [`Metrics`].
///
/// ```
/// use std::{thread, time::Duration};
/// use vigie::{Builder, Domain, LongSlice, spawn};
///
/// Builder::new().timing(true).run(async {
///     // It blocks its domain.
///     spawn(async { thread::sleep(Duration::from_millis(1)) }).await.unwrap();
///     let metrics = Domain::current().unwrap().metrics().unwrap();
///     let LongSlice { task, location, duration, .. } = metrics.longest_slice.unwrap();
///     assert!(duration >= Duration::from_millis(1));
///     println!("{task}, {location}: {duration:?}");
/// }).unwrap();
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LongSlice {
    /// The task.
    pub task: TaskId,
    /// Its name when the slice ended, if it had one; see [`name_task`](crate::name_task).
    pub name: Option<Arc<str>>,
    /// Where it was spawned or called.
    pub location: &'static Location<'static>,
    /// How long it kept its domain.
    pub duration: Duration,
}

impl Domain {
    /// What this domain has counted so far, asked from any domain of its run; `None` elsewhere.
    ///
    /// This asks nobody and waits for nobody, also not for a task that computes. What is counted on another
    /// thread may be a moment old, and no two figures need be of the same moment.
    ///
    /// ```
    /// use vigie::Domain;
    ///
    /// vigie::run(async {
    ///     let here = Domain::current().unwrap();
    ///     let before = here.metrics().unwrap();
    ///     vigie::yield_now().await;
    ///     let after = here.metrics().unwrap();
    ///     assert_eq!(after.slices, before.slices + 1);
    ///     assert_eq!(after.live, 1);
    ///     for domain in Domain::all() {
    ///         println!("{domain}: {} messages", domain.metrics().unwrap().messages);
    ///     }
    /// }).unwrap();
    /// ```
    pub fn metrics(&self) -> Option<Metrics> {
        Local::with(|local| {
            let shared = local.group.peers.get(self.index())?;
            (shared.domain() == *self).then(|| shared.metrics())
        })?
    }
}

impl Shared {
    fn metrics(&self) -> Metrics {
        let (own, events) = (&self.counters, &self.events);
        Metrics {
            domain: self.domain(),
            ticks: own.ticks.get(),
            slices: own.slices.get(),
            cancellations: own.cancellations.get(),
            parks: own.parks.get(),
            messages: own.messages.get(),
            signals: own.signals.get(),
            pushed: events.observer.pushed.get(),
            harvested: events.domain.harvested.get(),
            stand_downs: events.observer.stand_downs.get(),
            recalls: events.domain.recalls.get(),
            live: own.live.get() as usize,
            signalled: own.signalled.get() as usize,
            ordinary: own.ordinary.get() as usize,
            unread_messages: self.inbox.len(),
            unread_signals: self.signals.len(),
            unread_events: events.unread(),
            longest_slice: self.timing().and_then(Timing::longest_slice),
            latencies: self.timing().map(|timing| timing.latencies.snapshot()),
        }
    }

    /// What waits behind the slice under way: tasks that were ready when it began, and what has come since.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        let ready = self.counters.signalled.get() + self.counters.ordinary.get();
        (ready as usize, self.inbox.len() + self.signals.len() + self.events.unread())
    }

    /// The slice under way, if slices are watched.
    pub(crate) fn running(&self) -> Option<Running> {
        *self.observed.as_ref()?.running.as_ref()?.lock()
    }

    /// The name of the task whose slice that is, unless it has ended meanwhile.
    pub(crate) fn name_of(&self, slice: Running) -> Option<Arc<str>> {
        let running = self.observed.as_ref()?.running.as_ref()?.lock();
        // The slice does not end before the lock is free, nor does the task that has the name.
        running.filter(|running| *running == slice).and_then(|slice| self.name(slice.task.key()))
    }

    pub(crate) fn timing(&self) -> Option<&Timing> {
        self.observed.as_ref()?.timing.as_ref()
    }
}

impl Local {
    /// How many tasks wait for their turn that news has resumed; the others are noted, too.
    #[inline]
    pub(super) fn count_waiting(&self) -> usize {
        let (signalled, ordinary) = self.queue.borrow().lengths();
        let counters = &self.shared.counters;
        counters.signalled.set(signalled as u64);
        counters.ordinary.set(ordinary as u64);
        signalled
    }

    /// Runs a slice, or the end of a task, and measures it if that is asked for.
    #[inline]
    pub(super) fn observed<R>(&self, node: &Node, run: impl FnOnce() -> R) -> R {
        match &self.shared.observed {
            // In a forked child nobody looks, and the parent's watch may have held a lock as it was made.
            Some(observed) if !self.shared.has_forked() => {
                let (task, since) = (TaskId::new(self.shared.domain(), node.key), Instant::now());
                let slice = Running { task, location: node.location, since };
                observed.slice(slice, &self.shared, || node.span.within(run))
            }
            _ => node.span.within(run),
        }
    }

    /// A task has its turn that news has resumed, known since then.
    pub(super) fn time_turn(&self, since: Instant) {
        if let Some(timing) = self.shared.timing() {
            timing.latencies.record(since.elapsed());
        }
    }
}

/// A number that one thread writes at a time, and any may read.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

/// All relaxed: nothing depends on these numbers.
impl Counter {
    /// The one thread that counts; the number after that.
    #[inline]
    pub(super) fn count(&self) -> u64 {
        let count = self.get().wrapping_add(1);
        self.set(count);
        count
    }

    /// The one thread that writes.
    #[inline]
    pub(super) fn set(&self, number: u64) {
        self.0.store(number, Ordering::Relaxed);
    }

    /// Any thread counts.
    fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What the domain's own thread writes; on cache lines of their own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Counters {
    pub(super) ticks: Counter,
    pub(super) slices: Counter,
    pub(super) cancellations: Counter,
    pub(super) parks: Counter,
    pub(super) messages: Counter,
    pub(super) signals: Counter,
    pub(super) live: Counter,
    pub(super) signalled: Counter,
    pub(super) ordinary: Counter,
}

impl Counters {
    /// How much has happened so far.
    pub(super) fn happenings(&self) -> u64 {
        let all = [&self.slices, &self.cancellations, &self.messages, &self.signals];
        all.into_iter().map(Counter::get).fold(0, u64::wrapping_add)
    }
}

/// What the domain's events tell, on any thread.
#[derive(Debug, Default)]
pub(crate) struct EventCounters {
    observer: ByObserver,
    domain: ByDomain,
}

/// What the observer writes, while the domain writes the rest; on cache lines of their own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct ByObserver {
    pushed: Counter,
    stand_downs: Counter,
}

/// What the domain writes.
#[derive(Debug, Default)]
#[repr(align(128))]
struct ByDomain {
    received: Counter,
    harvested: Counter,
    recalls: Counter,
}

impl EventCounters {
    pub(crate) fn count(&self, what: Counted, count: u64) {
        let counter = match what {
            Counted::Pushed => &self.observer.pushed,
            Counted::StoodDown => &self.observer.stand_downs,
            Counted::Received => &self.domain.received,
            Counted::Harvested => &self.domain.harvested,
            Counted::Recalled => &self.domain.recalls,
        };
        counter.add(count);
    }

    fn unread(&self) -> usize {
        // Read before what was pushed, which is counted first: it is less only for lack of order.
        let received = self.domain.received.get();
        self.observer.pushed.get().saturating_sub(received) as usize
    }
}

/// What is measured of each slice, as far as that is asked for.
#[derive(Debug)]
pub(crate) struct Observed {
    timing: Option<Timing>,
    /// The slice under way, for the stall watch.
    running: Option<Mutex<Option<Running>>>,
}

/// A slice under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Running {
    pub(crate) task: TaskId,
    pub(crate) location: &'static Location<'static>,
    pub(crate) since: Instant,
}

impl Observed {
    /// Of a domain that is set so; `None` if nothing is asked for.
    pub(super) fn new(setting: Setting) -> Option<Box<Self>> {
        let timing = setting.timing.then(Timing::default);
        let running = setting.stall_watch.then(|| Mutex::new(None));
        (setting.timing || setting.stall_watch).then(|| Box::new(Self { timing, running }))
    }

    /// Runs a slice, which does not panic.
    #[inline(never)]
    fn slice<R>(&self, slice: Running, shared: &Shared, run: impl FnOnce() -> R) -> R {
        self.set_running(Some(slice));
        let result = run();
        // It may have forked.
        if !shared.has_forked() {
            self.set_running(None);
            if let Some(timing) = &self.timing {
                timing.slice(slice, shared);
            }
        }
        result
    }

    fn set_running(&self, slice: Option<Running>) {
        if let Some(running) = &self.running {
            *running.lock() = slice;
        }
    }
}

/// What takes a look at a clock, written by the domain's own thread.
#[derive(Debug, Default)]
pub(crate) struct Timing {
    /// How long the longest slice took, in nanoseconds.
    longest: Counter,
    slice: Mutex<Option<LongSlice>>,
    latencies: Recorder,
}

impl Timing {
    /// This slice has ended.
    fn slice(&self, slice: Running, shared: &Shared) {
        let Running { task, location, since } = slice;
        let duration = since.elapsed();
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        if nanos > self.longest.get() {
            self.longest.set(nanos);
            let name = shared.name(task.key());
            *self.slice.lock() = Some(LongSlice { task, name, location, duration });
        }
    }

    fn longest_slice(&self) -> Option<LongSlice> {
        self.slice.lock().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_observer_counts_shares_no_cache_line_with_what_the_domain_does() {
        let counters = EventCounters::default();
        let places = [&counters.observer.pushed, &counters.observer.stand_downs].map(line);
        for by_domain in [&counters.domain.received, &counters.domain.harvested, &counters.domain.recalls] {
            assert!(!places.contains(&line(by_domain)));
        }
    }

    /// The longest cache line of a processor that this runs on.
    fn line(counter: &Counter) -> usize {
        std::ptr::from_ref(counter).addr() / 128
    }
}
