//! What a domain has found by polling, until its sources are told: mostly at once, but a task that computes is
//! only asked to give way.

use std::time::Instant;

use super::{
    poller::{Readiness, Token},
    sources::Sources,
};
use crate::events::{Counted, Seat, ready_since};

pub(super) type Polled = Vec<(Token, Readiness)>;

#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) polled: Polled,
    /// When it was found, if that was a while ago, in a timed run.
    since: Option<Instant>,
}

impl Found {
    pub(super) fn is_empty(&self) -> bool {
        self.polled.is_empty()
    }

    /// The sources are told later: whoever waits for them waits from now on.
    pub(super) fn keep(&mut self, seat: &Seat) {
        if !self.is_empty() && self.since.is_none() && seat.is_timed() {
            self.since = Some(Instant::now());
        }
    }

    /// Tells the sources; whether that woke a task.
    pub(super) fn apply(&mut self, sources: &mut Sources, seat: &Seat) -> bool {
        if self.is_empty() {
            return false;
        }
        seat.count(Counted::Harvested, self.polled.len());
        match self.since.take() {
            None => sources.apply_all(&mut self.polled),
            Some(time) => ready_since(time, || sources.apply_all(&mut self.polled)),
        }
    }
}
