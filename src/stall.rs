//! The stall watch: which tasks keep their domain for too long, told while they still do.

use std::{
    fmt, io,
    panic::Location,
    sync::mpsc::{self, RecvTimeoutError},
    thread::JoinHandle,
    time::Duration,
};

use crate::{
    domain::{Domain, Label, Running, Shared, TaskId},
    runtime::Builder,
    sync::Arc,
    task::{catch, discard},
    threads::SpawnThread,
};

/// The shortest time after which a slice is one that stalls: the watch looks as often.
const SHORTEST: Duration = Duration::from_millis(1);

/// A slice that has not ended for long; see [`Builder::stall_watch`](crate::Builder::stall_watch).
///
/// ```
/// use std::{sync::mpsc, time::Duration};
/// use vigie::{Builder, Domain, Stall};
///
/// let (told, tell) = mpsc::channel();
/// let watch = move |stall: &Stall| drop(told.send(stall.clone()));
/// Builder::new().stall_watch_with(Duration::from_millis(1), watch).run(async move {
///     let stall = tell.recv().unwrap();
///     assert_eq!(Some(stall.domain), Domain::current());
///     println!("{stall}");
/// }).unwrap();
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Stall {
    /// The domain, on which nothing else happens meanwhile.
    pub domain: Domain,
    /// The task that keeps it.
    pub task: TaskId,
    /// Its name, if it has given itself one by [`name_task`](crate::name_task).
    pub name: Option<Arc<str>>,
    /// Where it was spawned or called.
    pub location: &'static Location<'static>,
    /// How long the slice has taken so far.
    pub elapsed: Duration,
    /// Tasks that were ready when the slice began, and wait for their turn.
    pub ready: usize,
    /// Messages, signals and events that have come for the domain, as far as that is known.
    pub unread: usize,
}

impl fmt::Display for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { domain, task, name, location, elapsed, ready, unread } = self;
        let label = Label(*task, name.as_deref());
        write!(f, "{label}, {location}, has kept {domain} for {elapsed:?}")?;
        write!(f, "; {ready} ready tasks and {unread} messages wait behind it")
    }
}

impl Builder {
    /// Reports a slice that lasts longer than this, while it still does, once: a task that computes for long
    /// without giving way, or blocks its thread, and so keeps all others of its domain from running. Prints
    /// the task, its [name](crate::name_task), where it was started, and how much waits behind it to the standard error output.
    ///
    /// One thread watches all domains, and looks each time that so long has passed; shorter than a
    /// millisecond counts as that. For its sake each slice takes a look at a clock and a lock that is mostly free. The
    /// destructors that a cancellation runs are watched as slices are. Off by default.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let builder = vigie::Builder::new().stall_watch(Duration::from_millis(100));
    /// // Silent, since no slice of it takes so long.
    /// assert_eq!(builder.run(async { 1 }).unwrap(), 1);
    /// ```
    pub fn stall_watch(self, after: Duration) -> Self {
        self.stall_watch_with(after, print)
    }

    /// As [`stall_watch`](Self::stall_watch), with `report` called in place of printing, on the thread that
    /// watches: it must not wait for the run.
    ///
    /// ```
    /// use std::{sync::mpsc, time::Duration};
    ///
    /// let (told, tell) = mpsc::channel();
    /// let builder = vigie::Builder::new().stall_watch_with(Duration::from_millis(5), move |stall| {
    ///     let _ = told.send(stall.clone());
    /// });
    /// builder.run(async move {
    ///     // This slice does not end before it is told of.
    ///     let stall = tell.recv().unwrap();
    ///     assert_eq!(stall.task, vigie::TaskId::current().unwrap());
    ///     assert!(stall.elapsed >= Duration::from_millis(5));
    /// }).unwrap();
    /// ```
    pub fn stall_watch_with(
        mut self,
        after: Duration,
        report: impl Fn(&Stall) + Send + Sync + 'static,
    ) -> Self {
        self.setting.stall_watch = true;
        self.stall = Some(StallReport { after, tell: Arc::new(report) });
        self
    }
}

/// When to report, and how.
#[derive(Clone)]
pub(crate) struct StallReport {
    after: Duration,
    tell: Arc<dyn Fn(&Stall) + Send + Sync>,
}

/// Prints the stall to the standard error output.
fn print(stall: &Stall) {
    eprintln!("vigie: {stall}");
}

impl fmt::Debug for StallReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StallReport").field("after", &self.after).finish_non_exhaustive()
    }
}

/// The thread that watches all domains of a run. Dropping it says that the run has ended.
#[derive(Debug)]
pub(crate) struct StallWatch {
    /// Nothing is sent: that it is dropped is the news.
    end: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl StallWatch {
    pub(crate) fn start(
        report: StallReport,
        peers: Arc<[Arc<Shared>]>,
        spawn_thread: &SpawnThread,
    ) -> io::Result<Self> {
        let (end, ended) = mpsc::channel();
        let body = move || {
            let mut rounds = Rounds::new(report, peers);
            let mut pause = Duration::ZERO;
            while ended.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                pause = rounds.look();
            }
        };
        let thread = spawn_thread.spawn("vigie-stall".to_owned(), Box::new(body))?;
        Ok(Self { end: Some(end), thread: Some(thread) })
    }
}

impl Drop for StallWatch {
    fn drop(&mut self) {
        self.end = None;
        if let Some(thread) = self.thread.take() {
            // It catches what could panic.
            let _ = thread.join();
        }
    }
}

/// What the watch does, again and again.
struct Rounds {
    report: StallReport,
    peers: Arc<[Arc<Shared>]>,
    /// The slice of each domain that was reported last.
    reported: Vec<Option<Running>>,
}

impl Rounds {
    fn new(report: StallReport, peers: Arc<[Arc<Shared>]>) -> Self {
        let reported = vec![None; peers.len()];
        Self { report, peers, reported }
    }

    /// Reports the slices that are due; how long it is until the next one can be.
    fn look(&mut self) -> Duration {
        let after = self.report.after.max(SHORTEST);
        let mut pause = after;
        for (peer, reported) in self.peers.iter().zip(&mut self.reported) {
            let Some(running) = peer.running() else { continue };
            if *reported == Some(running) {
                continue;
            }
            let elapsed = running.since.elapsed();
            if elapsed < after {
                pause = pause.min(after - elapsed);
                continue;
            }
            *reported = Some(running);
            let (name, (ready, unread)) = (peer.name_of(running), peer.waiting());
            let Running { task, location, .. } = running;
            let stall = Stall { domain: task.domain(), task, name, location, elapsed, ready, unread };
            // What it says is the user's; if it panics, the panic hook has told.
            if let Err(panic) = catch(|| (self.report.tell)(&stall)) {
                discard(panic);
            }
        }
        pause
    }
}
