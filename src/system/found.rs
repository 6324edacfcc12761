//! What a domain has found by polling, until its sources are told: mostly at once, but a task that computes is
//! only asked to give way.

use std::{io, time::Instant};

use super::{
    poller::{Readiness, Token},
    sources::Sources,
};
use crate::events::{Counted, Seat, ready_since};

pub(super) type Polled = Vec<(Token, Readiness)>;

#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) polled: Polled,
    /// The poll has failed.
    failed: Option<io::Error>,
    /// When it was found, if that was a while ago, in a timed run.
    since: Option<Instant>,
}

impl Found {
    pub(super) fn is_empty(&self) -> bool {
        self.polled.is_empty() && self.failed.is_none()
    }

    /// The poll for this went so, and the sources are told later: whoever waits for them waits from now on.
    pub(super) fn keep(&mut self, polled: io::Result<()>, seat: &Seat) {
        self.failed = polled.err();
        if !self.is_empty() && seat.is_timed() {
            self.since = Some(Instant::now());
        }
    }

    /// Tells the sources; whether that woke a task.
    pub(super) fn apply(&mut self, sources: &mut Sources, seat: &Seat) -> io::Result<bool> {
        if self.is_empty() {
            return Ok(false);
        }
        seat.count(Counted::Harvested, self.polled.len());
        let woken = match self.since.take() {
            None => sources.apply_all(&mut self.polled),
            Some(time) => ready_since(time, || sources.apply_all(&mut self.polled)),
        };
        self.failed.take().map_or(Ok(woken), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{Setting, Shared},
        sync::Arc,
        system::test_seat,
        threads::SpawnThread,
    };

    #[test]
    fn in_a_timed_run_those_who_wait_wait_since_it_was_found() {
        let timed = Setting { timing: true, ..Setting::default() };
        let timed = Seat::new(Arc::new(Shared::new(0, 0, timed)), SpawnThread::default());
        for (seat, is_timed) in [(test_seat(), false), (timed, true)] {
            let mut found = Found::default();
            found.keep(Ok(()), &seat);
            assert!(found.since.is_none(), "nothing was found");
            found.polled.push((Token(0), Readiness::READ));
            found.keep(Ok(()), &seat);
            assert_eq!(found.since.is_some(), is_timed);
            found.apply(&mut Sources::new(), &seat).unwrap();
            assert!(found.since.is_none() && found.is_empty());
        }
    }

    #[test]
    fn a_failure_is_told_once_and_hides_nothing() {
        let seat = test_seat();
        let mut sources = Sources::new();
        let token = sources.awaited();
        let mut found = Found::default();
        found.polled.push((token, Readiness::READ));
        found.keep(Err(io::Error::other("broken")), &seat);
        assert_eq!(found.apply(&mut sources, &seat).unwrap_err().to_string(), "broken");
        assert!(!sources.is_awaited(token) && found.is_empty());
        assert!(!found.apply(&mut sources, &seat).unwrap());
    }
}
