//! When it pays to look around before a park, and when to stand down: judgements that cost time where
//! they are wrong, and nothing else.

use std::time::{Duration, Instant};

/// Spins that may be in vain, in a row, before the domain parks without one for a while.
const VAIN_SPINS: u32 = 8;
/// Parks without a spin until the next one is tried.
const PARKS_BETWEEN_SPINS: u32 = 16;
/// Events that come quicker than one in this time find a domain that does better to poll by itself. The
/// way over the observer is part of what it measures.
const QUICK: Duration = Duration::from_micros(100);
/// Batches of quick events, in a row, before the observer stands down.
const PATIENCE: u32 = 4;
/// The same after it has been recalled again and again before long.
const MAX_PATIENCE: u32 = 32;
/// Harvests by the domain that make it worthwhile to have stood down.
const WORTHWHILE: u32 = 8;

/// Whether it pays to look around before a park: as long as it brings news now and then.
#[derive(Debug, Default)]
pub(super) struct Spinner {
    vain: u32,
    parks: u32,
}

impl Spinner {
    pub(super) fn spins(&mut self) -> bool {
        if self.vain < VAIN_SPINS {
            return true;
        }
        self.parks = self.parks.wrapping_add(1);
        self.parks.is_multiple_of(PARKS_BETWEEN_SPINS)
    }

    /// Something says that it may pay again: the next spin is made, and if that brings news, more.
    pub(super) fn hope(&mut self) {
        self.vain = self.vain.min(VAIN_SPINS - 1);
    }

    pub(super) fn learn(&mut self, lucky: bool) {
        self.vain = if lucky { 0 } else { self.vain.saturating_add(1) };
    }
}

/// Whether the observer is in the way: events come so quickly that the domain hardly gets to sleep.
#[derive(Debug)]
pub(super) struct Pace {
    /// When the last batch came.
    last: Instant,
    /// Batches of quick events in a row.
    quick: u32,
    /// How many of them it takes to stand down.
    patience: u32,
    /// Has the watch been given up since `patience` was last judged?
    stood_down: bool,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self { last: now, quick: 0, patience: PATIENCE, stood_down: false }
    }

    /// The observer has harvested so many events.
    pub(super) fn batch(&mut self, now: Instant, events: usize) {
        let events = u32::try_from(events).unwrap_or(u32::MAX);
        let quick = now.duration_since(self.last) < QUICK.saturating_mul(events);
        self.quick = if quick { self.quick.saturating_add(1) } else { 0 };
        self.last = now;
    }

    /// Is it time to stand down? Not while the domain needs the observer. `harvests` is how often the domain
    /// found something by itself the last time that it had the watch.
    pub(super) fn stands_down(&mut self, needed: bool, harvests: u32) -> bool {
        if std::mem::take(&mut self.stood_down) {
            let worthwhile = harvests >= WORTHWHILE;
            self.patience = if worthwhile { PATIENCE } else { (self.patience * 2).min(MAX_PATIENCE) };
        }
        let down = self.quick >= self.patience && !needed;
        if down {
            self.quick = 0;
            self.stood_down = true;
        }
        down
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many batches it takes until the observer stands down.
    fn patience(
        pace: &mut Pace,
        now: &mut Instant,
        gap: Duration,
        events: usize,
        harvests: u32,
    ) -> Option<u32> {
        (1..=200).find(|_| {
            *now += gap;
            pace.batch(*now, events);
            pace.stands_down(false, harvests)
        })
    }

    #[test]
    fn stands_down_where_events_are_quick() {
        let mut now = Instant::now();
        let mut wait = |gap, events| patience(&mut Pace::new(now), &mut now, gap, events, 0);
        assert_eq!(wait(QUICK / 2, 1), Some(PATIENCE));
        assert_eq!(wait(QUICK * 2, 1), None, "a domain that has time to sleep keeps its observer");
        assert_eq!(wait(QUICK * 2, 3), Some(PATIENCE), "it is the events that count, not their batches");
    }

    #[test]
    fn a_slow_batch_begins_anew() {
        let mut now = Instant::now();
        let mut pace = Pace::new(now);
        for _ in 1..PATIENCE {
            now += QUICK / 2;
            pace.batch(now, 1);
            assert!(!pace.stands_down(false, 0));
        }
        now += QUICK * 2;
        pace.batch(now, 1);
        assert_eq!(patience(&mut pace, &mut now, QUICK / 2, 1, 0), Some(PATIENCE));
    }

    #[test]
    fn a_domain_that_computes_keeps_its_observer() {
        let mut pace = Pace::new(Instant::now());
        for _ in 0..2 * MAX_PATIENCE {
            pace.batch(pace.last, 1);
            assert!(!pace.stands_down(true, 0));
        }
        assert!(pace.stands_down(false, 0));
    }

    #[test]
    fn learns_whether_it_was_worthwhile() {
        let mut now = Instant::now();
        let mut pace = Pace::new(now);
        let mut wait = |harvests| patience(&mut pace, &mut now, QUICK / 2, 1, harvests).unwrap();
        assert_eq!(wait(0), PATIENCE);
        assert_eq!(wait(WORTHWHILE - 1), 2 * PATIENCE);
        let slowest = (0..10).map(|_| wait(0)).max();
        assert_eq!(slowest, Some(MAX_PATIENCE), "but it never stops to try");
        assert_eq!(wait(WORTHWHILE), PATIENCE);
    }

    #[test]
    fn spins_as_long_as_it_helps() {
        let mut spinner = Spinner::default();
        for vain in 0..VAIN_SPINS {
            assert!(spinner.spins(), "after {vain} in vain");
            spinner.learn(false);
        }
        let tried = (1..=PARKS_BETWEEN_SPINS).filter(|_| spinner.spins()).count();
        assert_eq!(tried, 1, "now and then");
        spinner.hope();
        assert!(spinner.spins());
        spinner.learn(false);
        assert!(!spinner.spins(), "it was in vain as well");
        spinner.learn(true);
        assert!(spinner.spins() && spinner.spins());
    }
}
