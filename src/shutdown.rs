//! The shutdown report: which tasks keep a run from ending.

use std::{
    fmt, io,
    sync::mpsc::{self, RecvTimeoutError},
    thread::JoinHandle,
    time::Duration,
};

use crate::{
    domain::{Inquiry, Shared, Tree},
    runtime::SpawnThread,
    sync::Arc,
    task::{catch, discard},
};

/// How long the domains have to tell of their tasks. Who has not by then computes, or is blocked.
const PATIENCE: Duration = Duration::from_secs(1);

/// When to report, and how.
#[derive(Clone)]
pub(crate) struct Report {
    pub(crate) after: Duration,
    pub(crate) tell: Arc<dyn Fn(&Tree) + Send + Sync>,
}

/// Prints the tree to the standard error output.
pub(crate) fn print(after: Duration, tree: &Tree) {
    eprintln!(
        "vigie: {after:?} after the end of the main task the run has not ended; what still lives:\n{tree}"
    );
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Report").field("after", &self.after).finish_non_exhaustive()
    }
}

/// The thread that waits for a run that does not end. Dropping it says that the run has ended.
#[derive(Debug)]
pub(crate) struct Reporter {
    run: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Reporter {
    /// Starts the thread. What it returns is to be told once the main task has ended.
    pub(crate) fn start(
        report: Report,
        peers: Arc<[Arc<Shared>]>,
        spawn_thread: &SpawnThread,
    ) -> io::Result<(Self, mpsc::Sender<()>)> {
        let (run, news) = mpsc::channel();
        let main = run.clone();
        let body = move || {
            let main_ended = news.recv().is_ok();
            if main_ended && news.recv_timeout(report.after) == Err(RecvTimeoutError::Timeout) {
                let tree = Inquiry::send(&peers).wait(PATIENCE);
                // What it says is the user's; if it panics, the panic hook has told.
                if let Err(panic) = catch(|| (report.tell)(&tree)) {
                    discard(panic);
                }
            }
        };
        let thread = spawn_thread.spawn("vigie-report".to_owned(), Box::new(body))?;
        Ok((Self { run: Some(run), thread: Some(thread) }, main))
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        self.run = None;
        if let Some(thread) = self.thread.take() {
            // It catches what could panic.
            let _ = thread.join();
        }
    }
}
