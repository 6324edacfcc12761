//! Starting a run, and taking it down again.

use std::{
    fmt,
    future::Future,
    io, mem,
    panic::{Location, resume_unwind},
    rc::Rc,
    sync::mpsc,
    thread::{self, JoinHandle},
};

use crate::{
    domain::{AbortOnUnwind, Deadlocks, Entered, Fatal, Group, Local, Message, Setting, UnderWay},
    error::{RunError, TaskError},
    events::{Events, Seat},
    forks,
    shutdown::{Report, Reporter},
    stall::{StallReport, StallWatch},
    sync::{Arc, AtomicU64, Ordering},
    task::{Joined, Parent, TaskCell, discard},
    threads::SpawnThread,
};

#[cfg(feature = "system")]
use crate::system::{Backend, System, Variant};

/// Runs `main` as the main task of a runtime with default settings, and returns its output once every
/// task has finished.
///
/// # Errors
///
/// Those of [`Builder::run`].
///
/// # Panics
///
/// With the main task's own panic, once everything has been taken down.
///
/// ```
/// assert_eq!(vigie::run(async { 6 * 7 }).unwrap(), 42);
/// ```
#[track_caller]
pub fn run<F>(main: F) -> io::Result<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    Builder::new().run(main)
}

type MakeEvents = Arc<dyn Fn(Seat) -> io::Result<Box<dyn Events>> + Send + Sync>;

/// Settings of a run.
///
/// ```
/// let builder = vigie::Builder::new().extra_domains(2).quanta(4);
/// assert_eq!(builder.run(async { vigie::Domain::all().len() }).unwrap(), 3);
/// ```
#[derive(Clone)]
pub struct Builder {
    extra_domains: Option<usize>,
    pub(crate) setting: Setting,
    events: Choice,
    #[cfg(feature = "system")]
    pub(crate) variant: Variant,
    #[cfg(feature = "system")]
    pub(crate) backend: Backend,
    pub(crate) spawn_thread: SpawnThread,
    pub(crate) report: Option<Report>,
    pub(crate) stall: Option<StallReport>,
}

/// Which events the domains get.
#[derive(Clone)]
enum Choice {
    #[cfg(feature = "system")]
    System,
    None,
    Own(MakeEvents),
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl Builder {
    /// The default settings: as many domains as the machine runs threads at once, and at least two;
    /// a quantum of one task; no seed; the system's events, with the adaptive observer.
    ///
    /// ```
    /// assert!(vigie::Builder::new().run(async { vigie::Domain::all().len() }).unwrap() >= 2);
    /// ```
    pub fn new() -> Self {
        Self {
            extra_domains: None,
            setting: Setting { quanta: 1, ..Setting::default() },
            report: None,
            stall: None,
            #[cfg(feature = "system")]
            events: Choice::System,
            #[cfg(not(feature = "system"))]
            events: Choice::None,
            #[cfg(feature = "system")]
            variant: Variant::default(),
            #[cfg(feature = "system")]
            backend: Backend::default(),
            spawn_thread: SpawnThread::default(),
        }
    }

    /// Domains besides domain 0, which runs the main task: a thread each. The default is one less
    /// than the available parallelism, and at least one.
    ///
    /// ```
    /// use vigie::{Builder, TaskError, call};
    ///
    /// Builder::new().extra_domains(0).run(async {
    ///     // There is no other domain to call.
    ///     assert!(matches!(call(|| async {}).await, Err(TaskError::NoDomainAvailable)));
    /// }).unwrap();
    /// ```
    pub fn extra_domains(mut self, count: usize) -> Self {
        self.extra_domains = Some(count);
        self
    }

    /// How many ordinary tasks run between two calls of `select`; 0 counts as 1. The default is 1: an
    /// event then waits for one slice at the most.
    ///
    /// ```
    /// use std::{cell::Cell, rc::Rc};
    /// use vigie::{Builder, await_all, on_tick, spawn};
    ///
    /// /// How many ticks it takes to run a hundred tasks.
    /// fn ticks(quanta: u32) -> u32 {
    ///     let run = Builder::new().quanta(quanta).run(async {
    ///         let ticks = Rc::new(Cell::new(0));
    ///         let counted = ticks.clone();
    ///         let _hook = on_tick(move || counted.set(counted.get() + 1)).unwrap();
    ///         await_all((0..100).map(|_| spawn(async {}))).await.unwrap();
    ///         ticks.get()
    ///     });
    ///     run.unwrap()
    /// }
    ///
    /// assert!(ticks(1) >= 100 && ticks(50) < 100);
    /// ```
    pub fn quanta(mut self, tasks: u32) -> Self {
        self.setting.quanta = tasks.max(1);
        self
    }

    /// Has `seed` decide what is else decided by order: which of the ready tasks runs next, to which
    /// domain a call goes, and which of several that have ended wins an [`await_first`](crate::await_first).
    /// Without a seed tasks run first in, first out, calls go round, and the first wins.
    ///
    /// Each domain draws from the seed by itself. The same seed gives the same choices where the same tasks
    /// are ready: on one domain always, but for what clocks, sockets and other threads bring.
    ///
    /// ```
    /// use std::{cell::RefCell, rc::Rc};
    ///
    /// let order = |seed| {
    ///     let builder = vigie::Builder::new().extra_domains(0).seed(seed);
    ///     builder.run(async {
    ///         let seen = Rc::new(RefCell::new(Vec::new()));
    ///         let note = |n: u32| {
    ///             let seen = seen.clone();
    ///             vigie::spawn(async move { seen.borrow_mut().push(n) })
    ///         };
    ///         vigie::await_all((0..20).map(note)).await.unwrap();
    ///         seen.take()
    ///     }).unwrap()
    /// };
    /// assert_eq!(order(1), order(1));
    /// assert_ne!(order(1), order(2));
    /// ```
    pub fn seed(mut self, seed: u64) -> Self {
        self.setting.seed = Some(seed);
        self
    }

    /// When a run in which every task waits is given up; see [`Deadlocks`].
    ///
    /// ```
    /// use vigie::{Builder, RunError};
    ///
    /// let error = Builder::new().run(std::future::pending::<()>()).unwrap_err();
    /// let reason = error.get_ref().and_then(|reason| reason.downcast_ref());
    /// let Some(RunError::Deadlock(tree)) = reason else { panic!("{error}") };
    /// assert_eq!(tree.tasks().len(), 1);
    /// ```
    pub fn deadlocks(mut self, deadlocks: Deadlocks) -> Self {
        self.setting.deadlocks = deadlocks;
        self
    }

    /// Has each domain measure how long slices take, and how long tasks wait for their turn that news has
    /// resumed; off by default, for each takes two looks at a clock. See [`Metrics`](crate::Metrics), whose
    /// counts cost nothing and are always there.
    ///
    /// ```
    /// let builder = vigie::Builder::new().timing(true);
    /// builder.run(async {
    ///     vigie::yield_now().await;
    ///     let metrics = vigie::Domain::current().unwrap().metrics().unwrap();
    ///     let slice = metrics.longest_slice.unwrap();
    ///     println!("{}, started at {}, ran for {:?}", slice.task, slice.location, slice.duration);
    ///     assert_eq!(slice.task, vigie::TaskId::current().unwrap());
    /// }).unwrap();
    /// ```
    pub fn timing(mut self, on: bool) -> Self {
        self.setting.timing = on;
        self
    }

    /// Events of your own, in place of the system's: `make` is called once on each domain's thread,
    /// domain 0's first.
    ///
    /// ```
    /// // Events that wait for nothing by themselves: here signals from other threads are all there is.
    /// vigie::Builder::new().events(|_seat| Ok(())).run(async {
    ///     let sender = vigie::events::signal_sender().unwrap();
    ///     let syscall = vigie::events::syscall().unwrap();
    ///     let start = |uid| Ok(drop(std::thread::spawn(move || sender.send(uid))));
    ///     syscall.suspend(start).await.unwrap();
    /// }).unwrap();
    /// ```
    pub fn events<E: Events>(mut self, make: impl Fn(Seat) -> io::Result<E> + Send + Sync + 'static) -> Self {
        self.events = Choice::Own(Arc::new(move |seat| Ok(Box::new(make(seat)?))));
        self
    }

    /// No events at all: a task that suspends gets
    /// [`EventsError::NoEvents`](crate::events::EventsError::NoEvents).
    ///
    /// ```
    /// use vigie::{Builder, events};
    ///
    /// Builder::new().without_events().run(async {
    ///     assert_eq!(events::syscall().unwrap_err(), events::EventsError::NoEvents);
    ///     // Tasks still run, and wait for each other.
    ///     assert_eq!(vigie::spawn(async { 1 }).await.unwrap(), 1);
    /// }).unwrap();
    /// ```
    pub fn without_events(mut self) -> Self {
        self.events = Choice::None;
        self
    }

    /// Runs `main` as the main task, on this thread, which becomes domain 0; returns its output once
    /// every task has finished and every thread has been joined.
    ///
    /// # Errors
    ///
    /// A thread that cannot be started or events that cannot be made: then nothing has run, and all
    /// that was started has been taken down. A `select` or a `finalise` that failed: then all tasks
    /// were cancelled and have finished. [`RunError`] (inside the `io::Error`) if a runtime already
    /// runs on this thread, or if every task waits for ever.
    ///
    /// # Panics
    ///
    /// With the main task's own panic, or that of the events, once everything has been taken down.
    ///
    /// ```
    /// let result = vigie::Builder::new().run(async { "12".parse::<u32>() });
    /// // The run's result, and in it the main task's.
    /// assert_eq!(result.unwrap(), Ok(12));
    /// ```
    #[track_caller]
    pub fn run<F>(self, main: F) -> io::Result<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let location = Location::caller();
        if let Some(forked) = Local::with(|local| local.shared.has_forked()) {
            let error = if forked { RunError::Forked } else { RunError::AlreadyRunning };
            return Err(error.into());
        }
        let run = Run::start(&self)?;
        let local = run.local.clone();
        let root = TaskCell::insert(&local, Parent::Elsewhere(None), location, None, main);
        local.set_root(root.clone());
        local.run();
        let ended = run.stop();
        // The cell outlives the run by this one hold; its future is gone.
        let output = root.take();
        match (output, ended) {
            // What is not returned goes first: a destructor's panic must not meet the one that resumes.
            (Some(Err(TaskError::Panicked(panic))), ended) => {
                discard(ended);
                resume_unwind(panic.into_payload())
            }
            (output, Some(fatal)) => {
                discard(output);
                match fatal {
                    Fatal::Panic(payload) => resume_unwind(payload),
                    Fatal::Error(error) => Err(error),
                }
            }
            (Some(result), None) => result.map_err(io::Error::from),
            (None, None) => Err(TaskError::Cancelled.into()),
        }
    }

    /// Makes a domain, on its own thread.
    fn make_domain(&self, group: &Group, index: u32) -> io::Result<Rc<Local>> {
        let shared = group.peers[index as usize].clone();
        let events = self.make_events(Seat::new(shared.clone(), self.spawn_thread.clone()))?;
        Ok(Rc::new(Local::new(shared, group.clone(), events, self.setting)))
    }

    fn make_events(&self, seat: Seat) -> io::Result<Option<Box<dyn Events>>> {
        match &self.events {
            #[cfg(feature = "system")]
            Choice::System => Ok(Some(Box::new(System::new(seat, self.variant, self.backend)?))),
            Choice::None => Ok(None),
            Choice::Own(make) => make(seat).map(Some),
        }
    }

    fn domains(&self) -> io::Result<u32> {
        let extra = self.extra_domains.unwrap_or_else(|| {
            let parallel = thread::available_parallelism().map_or(1, usize::from);
            (parallel - 1).max(1)
        });
        u32::try_from(extra)
            .ok()
            .and_then(|extra| extra.checked_add(1))
            .ok_or(RunError::TooManyDomains.into())
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Builder");
        debug.field("extra_domains", &self.extra_domains).field("setting", &self.setting);
        debug.field("report", &self.report).field("stall", &self.stall);
        #[cfg(feature = "system")]
        debug.field("variant", &self.variant).field("backend", &self.backend);
        debug.finish_non_exhaustive()
    }
}

/// A run under way: domain 0 on this thread, the others on theirs. Dropping it takes all of it down.
struct Run {
    local: Rc<Local>,
    _entered: Entered,
    threads: Vec<JoinHandle<()>>,
    /// Until the very end.
    reporter: Option<Reporter>,
    stall_watch: Option<StallWatch>,
    /// Until all of that has gone.
    _under_way: UnderWay,
}

impl Run {
    fn start(builder: &Builder) -> io::Result<Self> {
        static RUNS: AtomicU64 = AtomicU64::new(1);
        // Relaxed: only uniqueness counts.
        let serial = RUNS.fetch_add(1, Ordering::Relaxed);
        let domains = builder.domains()?;
        let under_way = UnderWay::begin()?;
        let group = Group::new(serial, domains, builder.setting);
        let local = builder.make_domain(&group, 0)?;
        let mut run = Self {
            _entered: local.enter(),
            local,
            threads: Vec::new(),
            reporter: None,
            stall_watch: None,
            _under_way: under_way,
        };
        if let Some(report) = builder.report.clone() {
            let (reporter, main) = Reporter::start(report, group.peers.clone(), &builder.spawn_thread)?;
            run.local.tell_end_of_main(main);
            run.reporter = Some(reporter);
        }
        if let Some(report) = builder.stall.clone() {
            let watch = StallWatch::start(report, group.peers.clone(), &builder.spawn_thread)?;
            run.stall_watch = Some(watch);
        }
        let (report, reports) = mpsc::channel();
        for index in 1..domains {
            let (builder_there, group, report) = (builder.clone(), group.clone(), report.clone());
            let body = move || run_domain(&builder_there, &group, index, report);
            let thread = builder.spawn_thread.spawn(format!("vigie-{index}"), Box::new(body))?;
            run.threads.push(thread);
        }
        drop(report);
        for _ in 1..domains {
            // No report means a panic in the making of the events.
            let Ok(started) = reports.recv() else {
                match run.stop() {
                    Some(Fatal::Panic(payload)) => resume_unwind(payload),
                    _ => return Err(io::Error::other("a domain's thread ended before it began")),
                }
            };
            started?;
        }
        Ok(run)
    }

    /// Stops the other domains, then this one; what ended the run before its time, if anything did.
    fn stop(mut self) -> Option<Fatal> {
        self.take_down();
        self.local.take_fatal()
    }

    fn take_down(&mut self) {
        if self.local.ends_by_fork() {
            // They are in the parent: there is nobody to stop, and nobody to wait for.
            mem::forget(mem::take(&mut self.threads));
            mem::forget(self.reporter.take());
            mem::forget(self.stall_watch.take());
        } else {
            for peer in &self.local.group.peers[1..] {
                peer.inbox.post(Message::Stop);
            }
            for thread in self.threads.drain(..) {
                if let Err(payload) = thread.join() {
                    self.local.shared.inbox.post(Message::Fatal(Fatal::Panic(payload)));
                }
            }
        }
        self.local.finalise();
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.take_down();
    }
}

/// The life of a domain other than 0, on its own thread.
fn run_domain(builder: &Builder, group: &Group, index: u32, report: mpsc::Sender<io::Result<()>>) {
    let local = match builder.make_domain(group, index) {
        Ok(local) => local,
        Err(error) => {
            // Nobody listens only if another domain failed first.
            let _ = report.send(Err(error));
            return;
        }
    };
    let _ = report.send(Ok(()));
    // Else a domain that fails to begin could not be told from one that has not begun yet.
    drop(report);
    let _entered = local.enter();
    // Nobody could end its tasks, or tell those who wait for them, so that the run would hang.
    let fatal = AbortOnUnwind(local.shared.domain(), "the runtime has panicked: its tasks cannot be ended");
    local.run();
    local.finalise();
    mem::forget(fatal);
    if local.shared.has_forked() {
        // Whoever called `run` is in the parent, and a thread that ends would end the child as a success.
        forks::end_child(format_args!("vigie: {}: {}", local.shared.domain(), RunError::Forked));
    }
}
