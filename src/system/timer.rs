//! Timers of one domain, by deadline.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use crate::events::{Signals, Uid};

/// Starting, cancelling and firing are O(log n); a cancelled timer leaves nothing behind.
#[derive(Debug)]
pub(crate) struct Timers {
    /// By deadline, then in the order in which they were made. A deadline is in nanoseconds since `origin`,
    /// which is half of what an instant takes, and 584 years at most.
    keys: BTreeSet<(u64, Uid)>,
    origin: Instant,
}

impl Timers {
    pub(super) fn new() -> Self {
        Self { keys: BTreeSet::new(), origin: Instant::now() }
    }

    /// The same for the same deadline, and no later for an earlier one.
    fn nanoseconds(&self, deadline: Instant) -> u64 {
        deadline.saturating_duration_since(self.origin).as_nanos().try_into().unwrap_or(u64::MAX)
    }

    pub(crate) fn start(&mut self, deadline: Instant, uid: Uid) {
        self.keys.insert((self.nanoseconds(deadline), uid));
    }

    pub(crate) fn cancel(&mut self, deadline: Instant, uid: Uid) {
        self.keys.remove(&(self.nanoseconds(deadline), uid));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// None if there is no timer, or none that this clock comes to.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let (first, _) = self.keys.first()?;
        self.origin.checked_add(Duration::from_nanos(*first))
    }

    pub(super) fn is_due(&self) -> bool {
        self.deadline().is_some_and(|deadline| deadline <= Instant::now())
    }

    /// Signals all that are due, in the order of their deadlines; whether any was.
    #[inline]
    pub(super) fn fire(&mut self, signals: &mut Signals) -> bool {
        // No clock is read where there is no timer.
        !self.is_empty() && self.fire_due(signals)
    }

    fn fire_due(&mut self, signals: &mut Signals) -> bool {
        let now = self.nanoseconds(Instant::now());
        let mut any = false;
        while self.keys.first().is_some_and(|(deadline, _)| *deadline <= now) {
            if let Some((_, uid)) = self.keys.pop_first() {
                signals.push(uid);
                any = true;
            }
        }
        any
    }
}
