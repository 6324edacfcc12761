//! Forks: noticing that this process is a child of the one in which the run began.
//!
//! Of all threads only the one that forked is there: no other domain runs, nobody polls, and what the
//! system keeps for the run is the parent's still. So the run ends there, as soon as it would wait. Each
//! question is a system call: nothing asks it that is done often.

use std::process;

use crate::{
    domain::{Fatal, Local, Shared},
    error::RunError,
    sync::{AtomicU64, Ordering},
};

/// After so many ticks a domain asks that has never run dry.
const TICKS: u64 = 1024;

/// How many runs of this process are under way, and which process that is: its number in the upper half.
/// A child inherits both.
static UNDER_WAY: AtomicU64 = AtomicU64::new(0);

/// A run under way, from before its first thread starts until its last one has been joined.
#[derive(Debug)]
pub(crate) struct UnderWay {
    process: u32,
}

impl UnderWay {
    /// An error in a child that was forked while a run was under way: no other can be started there, since
    /// what its threads would share by address, as the parking lot of their locks, still has threads in it that
    /// are not there.
    pub(crate) fn begin() -> Result<Self, RunError> {
        let process = process::id();
        // Relaxed: a child has the number of the moment in which it was forked.
        let counted = UNDER_WAY.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |before| {
            let (parent, count) = (before >> u32::BITS, before & u64::from(u32::MAX));
            (count == 0 || parent == u64::from(process))
                .then(|| u64::from(process) << u32::BITS | (count + 1))
        });
        counted.map(|_| Self { process }).map_err(|_| RunError::Forked)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if self.process == process::id() {
            UNDER_WAY.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Shared {
    /// Is this a forked child of the process in which the run began?
    pub(crate) fn has_forked(&self) -> bool {
        process::id() != self.process
    }
}

impl Local {
    /// Another tick begins: tasks that are always ready must not keep the others waiting in vain.
    #[inline]
    pub(super) fn count_tick(&self) {
        if self.shared.counters.ticks.count().is_multiple_of(TICKS) {
            self.ends_by_fork();
        }
    }

    /// Ends the run of a forked child: all of its tasks are cancelled, whatever they wait for. `false` in
    /// the process in which the run began.
    pub(crate) fn ends_by_fork(&self) -> bool {
        let forked = self.shared.has_forked();
        if forked {
            self.fail(Fatal::Error(RunError::Forked.into()));
            self.reap();
            // No other domain will say so.
            self.over.set(true);
        }
        forked
    }
}
