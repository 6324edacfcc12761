//! The token parker: one word says whether its one owner is awake, asleep, or has news.

use std::{fmt, time::Instant};

use crate::sync::{AtomicBool, AtomicU32, Futex, OnceLock, Ordering};

/// The owner runs and has seen all news.
const AWAKE: u32 = 0;
/// The owner sleeps on the parker, or is about to: whoever brings news must also wake it.
const PARKED: u32 = 1;
/// The owner sleeps in a system call, or is about to: whoever brings news must also interrupt it.
const BLOCKED: u32 = 2;
/// There is news, and the owner has not yet looked.
const NOTIFIED: u32 = 3;

/// How a notifier wakes an owner that does not sleep on the parker itself but in a system call.
pub(crate) type Interrupt = Box<dyn Fn() + Send + Sync>;

/// The token parker. One thread, the owner, parks; any thread notifies.
///
/// A notifier publishes its news first and then always swaps in the token, whatever it believes the
/// owner is doing. The owner takes the token before it looks for news. So news is either seen by
/// the look, or its token is still there when the owner tries to park.
pub(crate) struct Parker {
    word: AtomicU32,
    futex: Futex,
    interrupt: OnceLock<Interrupt>,
    closed: AtomicBool,
}

impl Parker {
    pub(crate) fn new() -> Self {
        Self {
            word: AtomicU32::new(AWAKE),
            futex: Futex::new(),
            interrupt: OnceLock::new(),
            closed: AtomicBool::new(false),
        }
    }

    /// Sets how the owner is woken in a system call. Called by the owner, once, before its first
    /// `prepare`; notifiers may be at work already.
    pub(crate) fn set_interrupt(&self, interrupt: Interrupt) {
        let first = self.interrupt.set(interrupt).is_ok();
        debug_assert!(first, "the interrupt is set once");
    }

    /// Any thread: says that there is news, which the caller has already published. Returns whether
    /// the owner was parked.
    pub(crate) fn notify(&self) -> bool {
        // N1. ORDERING: release pairs with the acquire in `take`, `announce` and `finish`: the owner
        // that has the token sees the news. Never skipped, not even when the token is already
        // there: only the swap puts this news before the owner's next look. Acquire pairs with the
        // release in `announce`: whoever finds BLOCKED finds the interrupt too.
        match self.word.swap(NOTIFIED, Ordering::AcqRel) {
            // N2.
            PARKED => self.futex.wake(&self.word),
            BLOCKED => {
                if let Some(interrupt) = self.interrupt.get() {
                    interrupt();
                }
            }
            _ => return false,
        }
        true
    }

    /// Any thread: is there news? One relaxed load. A `false` may be stale; nothing is lost by it,
    /// since the owner cannot park before it has taken the token.
    #[inline]
    pub(crate) fn is_notified(&self) -> bool {
        self.word.load(Ordering::Relaxed) == NOTIFIED
    }

    /// Owner: takes the token if there is one; then the news behind it is visible.
    pub(crate) fn take(&self) -> bool {
        if !self.is_notified() {
            return false;
        }
        // P1. ORDERING: acquire pairs with the release in `notify`.
        self.word.swap(AWAKE, Ordering::Acquire);
        true
    }

    /// Owner: sleeps until there is news or `deadline` has passed. Returns at once if there is news
    /// already. Either way the token is taken.
    pub(crate) fn park(&self, deadline: Option<Instant>) {
        if self.announce(PARKED) {
            // P3. Relaxed: `finish` acquires.
            self.futex.sleep_while(&self.word, PARKED, deadline);
            self.finish();
        }
    }

    /// Owner: announces that it is about to sleep in a system call that the interrupt ends. `false`,
    /// with the token taken, if there is news: then it must not sleep.
    pub(crate) fn prepare(&self) -> bool {
        debug_assert!(self.interrupt.get().is_some(), "nothing would end the sleep");
        self.announce(BLOCKED)
    }

    fn announce(&self, asleep: u32) -> bool {
        // P2. ORDERING: release pairs with the acquire in `notify`, for the interrupt's sake.
        if self.word.compare_exchange(AWAKE, asleep, Ordering::Release, Ordering::Relaxed).is_ok() {
            return true;
        }
        // P1. ORDERING: acquire pairs with the release in `notify`.
        self.word.swap(AWAKE, Ordering::Acquire);
        false
    }

    /// Owner: has slept. Takes the token if there is one.
    pub(crate) fn finish(&self) {
        // P4. ORDERING: acquire pairs with the release in `notify`.
        self.word.swap(AWAKE, Ordering::Acquire);
    }

    /// Owner: is about to go, and looks no more.
    pub(crate) fn close(&self) {
        // Relaxed: what is sent at this very moment is lost either way.
        self.closed.store(true, Ordering::Relaxed);
    }

    /// Any thread: would news pile up, never to be read? A `false` may be stale.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Parker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parker").field("notified", &self.is_notified()).finish_non_exhaustive()
    }
}
