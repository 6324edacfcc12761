//! The hint that a task which computes should give way. It may be asked between pieces of work of 100 ns, so
//! the way to its answer is short: it lies beside the thread's domain, not in it.

use std::{
    cell::Cell,
    mem::ManuallyDrop,
    time::{Duration, Instant},
};

use crate::{domain::Local, protocol::Parker, sync::Arc};

/// Questions until the first closer look of a slice, at most.
const SELDOM: u32 = 64;
/// From one closer look to the next, at most. What a look costs is not so much its own time as that the processor had
/// taken it not to come.
const RARELY: u32 = 1024;
/// The same where something may be found at any time.
const FEW: u32 = 256;
/// After there was news, and while it is not known how long questions take, at most.
const OFTEN: u32 = 8;
/// From one look to the next, where something may be found at any time: a little more than the events of the system
/// let pass from one poll to the next, or else each second look would be too early for that.
const NEAR: Duration = Duration::from_micros(12);

struct Hint {
    /// The parker of the domain that runs on this thread.
    parker: Cell<Option<Arc<Parker>>>,
    /// Questions until a closer look.
    left: Cell<u32>,
    /// From one to the next.
    interval: Cell<u32>,
    /// When the last one was, if all questions since are among them, and the clock was read.
    looked: Cell<Option<Instant>>,
}

thread_local! {
    /// Without a destructor, so that a question does not ask whether it has run; `leave` empties it.
    static HINT: ManuallyDrop<Hint> = const {
        ManuallyDrop::new(Hint {
            parker: Cell::new(None),
            left: Cell::new(SELDOM - 1),
            interval: Cell::new(SELDOM),
            looked: Cell::new(None),
        })
    };
}

/// Should a task that computes give way? True when a signal, a due timer or a message from another
/// domain waits; false outside of a runtime, and when only other ready tasks of this domain wait.
///
/// It costs a relaxed load and the way to it, a few nanoseconds. Now and then a call also asks the events whether
/// there is something that only this thread can find out: the 64th of a slice, or the 8th after news has resumed
/// tasks, and from then on about one in each 12 µs, by how long calls have taken; fewer where all that can come is
/// a timer that is far, or nothing, down to every 1024th. While much comes in it is there that the domain polls. So
/// what nobody tells, a timer or an event that the domain has to poll for, may be heard of as many calls late, once, if
/// calls come more slowly all at once; where they were 200 µs apart, polling is left to the observer
/// again. What has been true stays so until the task has given way. A long computation calls it in
/// its inner loop and, where it may, awaits [`yield_now`](crate::yield_now) when the answer is true; the
/// awaitable form of both is [`yield_if_needed`](crate::yield_if_needed).
///
/// ```
/// vigie::run(async {
///     let mut sum = 0u64;
///     for n in 0..1_000_000u64 {
///         sum = sum.wrapping_add(n * n);
///         if vigie::should_yield() {
///             vigie::yield_now().await;
///         }
///     }
///     assert_eq!(sum, 333_332_833_333_500_000);
/// }).unwrap();
/// ```
#[inline]
pub fn should_yield() -> bool {
    HINT.with(|hint| {
        // SAFETY: Only this thread comes here, and `is_notified`, which loads a word, does not come back here
        // to put another in its place. (Out and in again, without `unsafe`, is two more writes in the way of who asks.)
        let parker = unsafe { &*hint.parker.as_ptr() };
        if parker.as_ref().is_some_and(|parker| parker.is_notified()) {
            return true;
        }
        // As one instruction counts and tells.
        let (left, is_over) = hint.left.get().overflowing_sub(1);
        hint.left.set(left);
        is_over && hint.look_closer()
    })
}

impl Hint {
    #[cold]
    fn look_closer(&self) -> bool {
        let pace = Pace::now(self);
        // For who asks from within, and for what is no domain.
        self.count();
        let news = Local::with(|local| {
            if !local.overdue.get() {
                let asked = local.ask_events(|events| {
                    let news = events.busy();
                    (news, events.needs_looks(), events.deadline())
                });
                // Without an answer they are in use just now, or there are none any more.
                let news = asked.is_some_and(|(news, looks, deadline)| {
                    self.adapt(&pace, looks, deadline);
                    news
                });
                // Whoever asks before the `select` that finds it hears the same.
                local.unseen.set(local.unseen.get() || news);
                local.set_overdue(news);
            }
            local.overdue.get()
        });
        let news = news.unwrap_or(false);
        if news {
            self.left.set(0);
        }
        news
    }

    /// The next look comes as soon as its news may.
    fn adapt(&self, pace: &Pace, looks: bool, deadline: Option<Instant>) {
        if !looks && deadline.is_none() {
            // All news is told, and no clock is read.
            self.interval.set(RARELY.min(2 * pace.questions));
            return self.restart();
        }
        let now = Instant::now();
        let quiet = match deadline {
            Some(deadline) if !looks => Some(deadline.saturating_duration_since(now)),
            _ => None,
        };
        self.interval.set(pace.questions_until_the_next(now, quiet));
        self.looked.set(Some(now));
        self.count();
    }

    fn count(&self) {
        self.left.set(self.interval.get() - 1);
    }

    fn restart(&self) {
        self.count();
        self.looked.set(None);
    }

    /// The next look comes after so many questions, or even sooner.
    fn hasten(&self, most: u32) {
        self.interval.update(|interval| interval.min(most));
        self.left.update(|left| left.min(most - 1));
        self.looked.set(None);
    }
}

/// How quickly questions come, as a closer look finds it.
struct Pace {
    /// So many since the last one.
    questions: u32,
    /// From then on until this one began, if it is known when that was.
    span: Option<(Instant, Instant)>,
}

impl Pace {
    fn now(hint: &Hint) -> Self {
        let span = hint.looked.get().map(|looked| (looked, Instant::now()));
        Self { questions: hint.interval.get(), span }
    }

    /// Now that the look has ended, and there will be nothing to find for so long, if that is known.
    fn questions_until_the_next(&self, now: Instant, quiet: Option<Duration>) -> u32 {
        let Some((looked, began)) = self.span else {
            return OFTEN.min(self.questions);
        };
        paced(self.questions, began.duration_since(looked), now.duration_since(began), quiet)
    }
}

/// Questions until the next look, where so many took so long, and the look itself `look`: at most twice as many, and
/// at this pace a quarter of the time in which there is nothing to be found. At any pace no more than an eighth of
/// the time is for looks that take long.
fn paced(questions: u32, took: Duration, look: Duration, quiet: Option<Duration>) -> u32 {
    let time = NEAR.max(quiet.unwrap_or_default() / 4).max(7 * look);
    let goal = time.as_nanos() * u128::from(questions) / took.as_nanos().max(1);
    let most = if quiet.is_some() { RARELY } else { FEW };
    let most = most.min(2 * questions);
    u32::try_from(goal).unwrap_or(most).clamp(1, most)
}

/// This thread is a domain's, whose parker this is.
pub(super) fn enter(parker: Arc<Parker>) {
    HINT.with(|hint| {
        hint.parker.set(Some(parker));
        hint.interval.set(SELDOM);
        hint.restart();
    });
}

/// This thread is no domain's any more.
pub(super) fn leave() {
    drop(HINT.with(|hint| {
        hint.interval.set(SELDOM);
        hint.restart();
        hint.parker.take()
    }));
}

/// Counting begins anew.
pub(super) fn restart() {
    HINT.with(|hint| hint.restart());
}

/// The events may have something to look for from now on: another slice begins, or this one uses them.
#[inline]
pub(crate) fn look_soon() {
    HINT.with(|hint| {
        if hint.interval.get() > SELDOM {
            hint.hasten(SELDOM);
        }
    });
}

/// News has resumed tasks, and more may come: for a while a closer look is taken more often.
pub(super) fn quicken() {
    HINT.with(|hint| hint.hasten(OFTEN));
}

impl Local {
    /// Is news known already that the slice should give way to?
    #[inline]
    pub(super) fn set_overdue(&self, overdue: bool) {
        if self.overdue.replace(overdue) != overdue {
            HINT.with(|hint| match overdue {
                true => hint.left.set(0),
                // There was a `select` since.
                false => hint.restart(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many questions at this pace, a look that takes no time, and nothing known of what comes.
    fn alone(questions: u32, pace: Duration) -> u32 {
        paced(questions, pace * questions, Duration::ZERO, None)
    }

    #[test]
    fn a_look_comes_each_twelve_microseconds_where_something_may_come_at_any_time() {
        let pace = Duration::from_nanos(100);
        assert_eq!(alone(8, pace), 16, "at most twice as many");
        assert_eq!(alone(64, pace), 120);
        assert_eq!(alone(120, pace), 120);
        assert_eq!(alone(256, pace), 120);
        assert_eq!(alone(256, Duration::from_nanos(1)), 256, "the most");
    }

    #[test]
    fn who_asks_slowly_is_answered_each_time() {
        for pace in [NEAR, Duration::from_millis(1), Duration::from_secs(1 << 40)] {
            assert_eq!(alone(8, pace), 1);
            assert_eq!(alone(1, pace), 1);
        }
    }

    #[test]
    fn a_far_deadline_leaves_time_and_a_near_one_is_met() {
        let beside = |questions, quiet| {
            paced(questions, Duration::from_micros(1) * questions, Duration::ZERO, Some(quiet))
        };
        assert_eq!(beside(1024, Duration::MAX), 1024, "the most");
        assert_eq!(beside(500, Duration::from_micros(400)), 100, "a quarter of it");
        assert_eq!(beside(100, Duration::from_micros(4)), 12);
        assert_eq!(paced(1, Duration::ZERO, Duration::ZERO, None), 2, "the clock may stand still");
    }

    #[test]
    fn looks_that_take_long_leave_seven_eighths_of_the_time() {
        let (pace, look) = (Duration::from_nanos(500), Duration::from_micros(10));
        assert_eq!(paced(128, 128 * pace, look, None), 140);
    }

    #[cfg(feature = "system")]
    #[test]
    fn a_look_that_comes_by_the_clock_is_late_enough_for_a_poll() {
        assert!(NEAR > crate::system::LOOK_GAP);
    }
}
