//! Forks: noticing that this process is a child of the one in which the run began.
//!
//! Of all threads only the one that forked is there: no other domain runs, nobody polls, and what the
//! system keeps for the run is the parent's still. So the run ends there.

use std::io;

use crate::{
    domain::{Fatal, Local, Shared},
    error::RunError,
    forks::{generation, watch},
    sync::{AtomicU64, Ordering},
};

/// How many runs of this process are under way, and the generation of that in the upper half. A child
/// inherits both.
static UNDER_WAY: AtomicU64 = AtomicU64::new(0);

/// A run under way, from before its first thread starts until its last one has been joined.
#[derive(Debug)]
pub(crate) struct UnderWay {
    generation: u32,
}

impl UnderWay {
    /// An error in a child that was forked while a run was under way: no other can be started there, since
    /// what its threads would share by address, as the parking lot of their locks, still has threads in it that
    /// are not there. Or that of the system, if it has no room to note who is to be told of forks.
    pub(crate) fn begin() -> io::Result<Self> {
        watch()?;
        let generation = generation();
        // Relaxed: a child has the number of the moment in which it was forked.
        let counted = UNDER_WAY.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |before| {
            let (parent, count) = (before >> u32::BITS, before & u64::from(u32::MAX));
            (count == 0 || parent == u64::from(generation))
                .then(|| u64::from(generation) << u32::BITS | (count + 1))
        });
        counted.map(|_| Self { generation }).map_err(|_| RunError::Forked.into())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if self.generation == generation() {
            UNDER_WAY.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Shared {
    /// Is this a forked child of the process in which the run began?
    #[inline]
    pub(crate) fn has_forked(&self) -> bool {
        generation() != self.generation
    }
}

impl Local {
    /// Ends the run of a forked child: all of its tasks are cancelled, whatever they wait for. `false` in
    /// the process in which the run began.
    #[inline]
    pub(crate) fn ends_by_fork(&self) -> bool {
        let forked = self.shared.has_forked();
        if forked {
            self.end_by_fork();
        }
        forked
    }

    #[cold]
    fn end_by_fork(&self) {
        self.fail(Fatal::Error(RunError::Forked.into()));
        self.reap();
        // No other domain will say so.
        self.over.set(true);
    }
}
