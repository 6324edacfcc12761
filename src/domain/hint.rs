//! The hint that a task which computes should give way. It may be asked between pieces of work of 100 ns, so
//! the way to its answer is short: it lies beside the thread's domain, not in it.

use std::{cell::Cell, mem::ManuallyDrop};

use crate::{domain::Local, protocol::Parker, sync::Arc};

/// Questions from one closer look to the next, where nothing happens.
const SELDOM: u32 = 64;
/// The same where the events have nothing to look for: twice as many after each look, up to this. What a look costs
/// is not so much its own time as that the processor had taken it not to come.
const RARELY: u32 = 1024;
/// The same after there was news; twice as many after each look that found none.
const OFTEN: u32 = 8;

struct Hint {
    /// The parker of the domain that runs on this thread.
    parker: Cell<Option<Arc<Parker>>>,
    /// Questions until a closer look.
    left: Cell<u32>,
    /// From one to the next.
    interval: Cell<u32>,
}

thread_local! {
    /// Without a destructor, so that a question does not ask whether it has run; `leave` empties it.
    static HINT: ManuallyDrop<Hint> = const {
        ManuallyDrop::new(Hint {
            parker: Cell::new(None),
            left: Cell::new(SELDOM - 1),
            interval: Cell::new(SELDOM),
        })
    };
}

/// Should a task that computes give way? True when a signal, a due timer or a message from another
/// domain waits; false outside of a runtime, and when only other ready tasks of this domain wait.
///
/// It costs a relaxed load and the way to it, a few nanoseconds, and every 64th call asks the events whether
/// there is something that only this thread can find out; more often, down to every 8th, after news has
/// resumed tasks, and within one slice ever more seldom, down to every 1024th, where there can be nothing of
/// that kind. While much comes in it is there that the domain polls, at most each 10 µs, and so an event
/// may be heard of as many questions late, once: where they took longer than 200 µs it leaves that to the
/// observer again. What has been true stays so until the task has given way. A long computation calls it in
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
        // Out and in again: fewer instructions than a borrow.
        let parker = hint.parker.take();
        let news = parker.as_ref().is_some_and(|parker| parker.is_notified());
        hint.parker.set(parker);
        if news {
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
        self.restart();
        let news = Local::with(|local| {
            if !local.overdue.get() {
                let asked = local.ask_events(|events| (events.busy(), events.needs_looks()));
                // Without an answer they may be in use just now.
                let (news, looks) = asked.unwrap_or((false, true));
                let most = if looks { SELDOM } else { RARELY };
                self.interval.set(most.min(2 * self.interval.get()));
                self.restart();
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

    fn restart(&self) {
        self.left.set(self.interval.get() - 1);
    }
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
    drop(HINT.with(|hint| hint.parker.take()));
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
            hint.interval.set(SELDOM);
            hint.left.set(hint.left.get().min(SELDOM - 1));
        }
    });
}

/// News has resumed tasks, and more may come: for a while a closer look is taken more often.
pub(super) fn quicken() {
    HINT.with(|hint| {
        hint.interval.set(OFTEN);
        hint.left.set(hint.left.get().min(OFTEN - 1));
    });
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
