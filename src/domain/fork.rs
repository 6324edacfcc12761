//! Forks: noticing that this process is a child of the one in which the run began.
//!
//! Of all threads only the one that forked is there: no other domain runs, nobody polls, and what the
//! system keeps for the run is the parent's still. So the run ends there, as soon as it would wait. Each
//! question is a system call: nothing asks it that is done often.

use std::process;

use crate::{
    domain::{Fatal, Local, Shared},
    error::RunError,
};

/// After so many ticks a domain asks that has never run dry.
const TICKS: u64 = 1024;

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
