//! The shutdown report: which tasks keep a run from ending.

use std::{
    fmt, io,
    sync::mpsc::{self, RecvTimeoutError},
    task::{Wake, Waker},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crate::{
    domain::{Inquiry, Shared, Tree},
    runtime::Builder,
    sync::Arc,
    task::{catch, discard},
    threads::SpawnThread,
};

/// How long the domains have to tell of their tasks. Who has not by then computes, or is blocked.
const PATIENCE: Duration = Duration::from_secs(1);

/// When to report, and how.
#[derive(Clone)]
pub(crate) struct Report {
    after: Duration,
    tell: Arc<dyn Fn(&Tree) + Send + Sync>,
}

impl Builder {
    /// If the run has not ended so long after the future of the main task has gone, prints the tree of
    /// the tasks that still live to the standard error output, once. A thread of its own waits for that.
    ///
    /// What keeps a run can be a child whose promise was leaked, a section that is not to be cancelled,
    /// a finaliser, or a task that computes or blocks; the latter's domain is named as one that does not
    /// answer.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// // Silent, since nothing keeps this run.
    /// let builder = vigie::Builder::new().shutdown_report(Duration::from_secs(10));
    /// assert_eq!(builder.run(async { 1 }).unwrap(), 1);
    /// ```
    pub fn shutdown_report(self, after: Duration) -> Self {
        self.shutdown_report_with(after, move |tree| print(after, tree))
    }

    /// As [`shutdown_report`](Self::shutdown_report), with `report` called in place of printing, on the
    /// thread that waits.
    ///
    /// ```
    /// use std::{mem, sync::mpsc, time::Duration};
    /// use vigie::{Builder, Tree, spawn};
    ///
    /// let ((told, tell), (end, ends)) = (mpsc::channel(), async_channel::bounded::<()>(1));
    /// let report = move |tree: &Tree| {
    ///     drop(told.send(tree.clone()));
    ///     end.close();
    /// };
    /// Builder::new().shutdown_report_with(Duration::from_millis(1), report).run(async {
    ///     // Leaked, it keeps the run until the channel is closed.
    ///     mem::forget(spawn(async move { ends.recv().await }));
    /// }).unwrap();
    /// assert_eq!(tell.recv().unwrap().tasks().len(), 2);
    /// ```
    pub fn shutdown_report_with(
        mut self,
        after: Duration,
        report: impl Fn(&Tree) + Send + Sync + 'static,
    ) -> Self {
        self.report = Some(Report { after, tell: Arc::new(report) });
        self
    }
}

/// Prints the tree to the standard error output.
fn print(after: Duration, tree: &Tree) {
    eprintln!(
        "vigie: {after:?} after the end of the main task the run has not ended; what still lives:\n{tree}"
    );
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Report").field("after", &self.after).finish_non_exhaustive()
    }
}

/// What the reporter hears of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum News {
    /// The future of the main task has gone.
    MainEnded,
    /// A domain has told of its tasks.
    Answer,
    RunEnded,
}

/// The thread that waits for a run that does not end. Dropping it says that the run has ended.
#[derive(Debug)]
pub(crate) struct Reporter {
    news: mpsc::Sender<News>,
    thread: Option<JoinHandle<()>>,
}

impl Reporter {
    /// Starts the thread. What it returns is to be told once the main task has ended.
    pub(crate) fn start(
        report: Report,
        peers: Arc<[Arc<Shared>]>,
        spawn_thread: &SpawnThread,
    ) -> io::Result<(Self, mpsc::Sender<News>)> {
        let (sender, news) = mpsc::channel();
        let answers = sender.clone();
        let body = move || {
            if news.recv() == Ok(News::MainEnded)
                && news.recv_timeout(report.after) == Err(RecvTimeoutError::Timeout)
                && let Some(tree) = ask(&peers, &news, answers)
                // What it says is the user's; if it panics, the panic hook has told.
                && let Err(panic) = catch(|| (report.tell)(&tree))
            {
                discard(panic);
            }
        };
        let thread = spawn_thread.spawn("vigie-report".to_owned(), Box::new(body))?;
        Ok((Self { news: sender.clone(), thread: Some(thread) }, sender))
    }
}

/// What the domains tell before long; nothing if the run ends meanwhile, and with it whoever could tell.
fn ask(peers: &Arc<[Arc<Shared>]>, news: &mpsc::Receiver<News>, answers: mpsc::Sender<News>) -> Option<Tree> {
    let inquiry = Inquiry::send(peers);
    let waker = Waker::from(Arc::new(Answered(answers)));
    let patience = Instant::now() + PATIENCE;
    while inquiry.poll(&waker).is_pending() {
        match news.recv_timeout(patience.saturating_duration_since(Instant::now())) {
            Ok(News::RunEnded) => return None,
            Ok(_) => {}
            Err(_) => break,
        }
    }
    Some(inquiry.tree())
}

/// Says that a domain has told.
struct Answered(mpsc::Sender<News>);

impl Wake for Answered {
    fn wake(self: Arc<Self>) {
        // It may come too late.
        let _ = self.0.send(News::Answer);
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        // It has gone already if it has reported.
        let _ = self.news.send(News::RunEnded);
        if let Some(thread) = self.thread.take() {
            // It catches what could panic.
            let _ = thread.join();
        }
    }
}
