//! Timers of one domain, by deadline.

use std::{collections::BTreeSet, time::Instant};

use crate::events::{Signals, Uid};

/// A timer's place: its deadline, then the order in which timers were made.
pub(crate) type TimerKey = (Instant, Uid);

/// Starting, cancelling and firing are O(log n); a cancelled timer leaves nothing behind.
#[derive(Debug, Default)]
pub(crate) struct Timers(BTreeSet<TimerKey>);

impl Timers {
    pub(crate) fn start(&mut self, key: TimerKey) {
        self.0.insert(key);
    }

    pub(crate) fn cancel(&mut self, key: &TimerKey) {
        self.0.remove(key);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.0.first().map(|(deadline, _)| *deadline)
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
        let now = Instant::now();
        let mut any = false;
        while self.0.first().is_some_and(|(deadline, _)| *deadline <= now) {
            if let Some((_, uid)) = self.0.pop_first() {
                signals.push(uid);
                any = true;
            }
        }
        any
    }
}
