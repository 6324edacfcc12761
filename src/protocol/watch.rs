//! The watch: who may poll, the observer thread or the domain.

use std::fmt;

use crate::{
    protocol::Parker,
    sync::{Arc, AtomicU32, Ordering, UnsafeCell},
};

/// The observer polls, or is about to.
const OBSERVER: u32 = 0;
/// Nobody polls; the domain may.
const FREE: u32 = 1;
/// The domain polls.
const DOMAIN: u32 = 2;
/// Nobody polls ever again.
const STOP: u32 = 3;

/// What the observer does with the poller, and when it stands down.
pub(crate) trait Watchman<P> {
    /// Blocks until something is ready or the poller is woken, and pushes all of it to the domain
    /// without notifying. `Ok(false)` if there was nothing; an error ends the watch.
    fn harvest(&mut self, poller: &mut P) -> Result<bool, Stopped>;

    /// Should the watch be given up with the batch just pushed?
    fn stands_down(&mut self) -> bool;
}

/// The poller has failed, and the domain has been told.
#[derive(Debug)]
pub(crate) struct Stopped;

/// One poller, the word that says who may touch it, and the two parkers of those who may.
///
/// Every write to `word` is a read-modify-write: a plain store would break the chain in which each
/// owner hands the poller to the next.
pub(crate) struct Watch<P> {
    word: AtomicU32,
    poller: UnsafeCell<P>,
    observer: Parker,
    domain: Arc<Parker>,
}

// SAFETY: the poller is touched only by whoever holds the word as OBSERVER or DOMAIN, one thread at
// a time, and each hand-over is a release paired with an acquire.
unsafe impl<P: Send> Send for Watch<P> {}
// SAFETY: as above.
unsafe impl<P: Send> Sync for Watch<P> {}

impl<P> Watch<P> {
    /// A watch that nobody keeps yet: the domain may harvest, and `recall` hands it to the observer
    /// once there is one.
    pub(crate) fn new(poller: P, domain: Arc<Parker>) -> Self {
        Self { word: AtomicU32::new(FREE), poller: UnsafeCell::new(poller), observer: Parker::new(), domain }
    }

    /// The observer thread's whole life. Returns after `stop`, or when the poller failed.
    pub(crate) fn observe(&self, watchman: &mut impl Watchman<P>) {
        loop {
            // ORDERING: acquire pairs with the release in `harvest`, through `recall`'s
            // read-modify-write.
            match self.word.load(Ordering::Acquire) {
                OBSERVER => self.keep_watch(watchman),
                STOP => return,
                _ => self.observer.park(None),
            }
        }
    }

    /// Steps O1 to O4, until the watch is given up or stopped.
    fn keep_watch(&self, watchman: &mut impl Watchman<P>) {
        loop {
            // O1, O2.
            // SAFETY: the word is OBSERVER, set by `recall`: the poller is ours until O3.
            let harvested = self.poller.with_mut(|poller| watchman.harvest(unsafe { &mut *poller }));
            let Ok(ready) = harvested else {
                // Relaxed: nobody takes the poller after STOP.
                self.word.swap(STOP, Ordering::Relaxed);
                self.domain.notify();
                return;
            };
            // After every harvest, since the wake that comes with `stop` may have come together with
            // events. Relaxed: the wake itself puts STOP before this load.
            if self.word.load(Ordering::Relaxed) == STOP {
                return;
            }
            if !ready {
                continue;
            }
            // O3, before O4: the domain that takes O4's token finds the watch free, and so recalls
            // it before it parks.
            let down = watchman.stands_down() && self.give_up();
            // O4.
            self.domain.notify();
            if down {
                return;
            }
        }
    }

    /// O3: OBSERVER -> FREE, unless stopped.
    fn give_up(&self) -> bool {
        // ORDERING: release pairs with the acquire in `harvest`: the domain may poll next.
        self.word.compare_exchange(OBSERVER, FREE, Ordering::Release, Ordering::Relaxed).is_ok()
    }

    /// D2. The domain, dry or between two steps: polls by itself if nobody does. `None` if the observer has the watch.
    pub(crate) fn harvest<R>(&self, poll: impl FnOnce(&mut P) -> R) -> Option<R> {
        // ORDERING: acquire pairs with the release in `give_up`.
        self.word.compare_exchange(FREE, DOMAIN, Ordering::Acquire, Ordering::Relaxed).ok()?;
        // SAFETY: the word is DOMAIN, and only the domain's thread, here, takes it from that.
        let result = self.poller.with_mut(|poller| poll(unsafe { &mut *poller }));
        // ORDERING: release pairs with the acquire in `observe`, which finds what `recall` made of this.
        self.word.swap(FREE, Ordering::Release);
        Some(result)
    }

    /// D3, D5. The domain, before it parks, or when it does not do to poll by itself: hands the watch to the
    /// observer if nobody has it.
    pub(crate) fn recall(&self) {
        // Relaxed: the domain touches nothing here, and a read-modify-write leaves the release of its
        // last `harvest` in force for the acquire in `observe`.
        if self.word.compare_exchange(FREE, OBSERVER, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.observer.notify();
        }
    }

    /// Is the watch free? One relaxed load: a hint.
    pub(crate) fn is_free(&self) -> bool {
        self.word.load(Ordering::Relaxed) == FREE
    }

    /// D6. The domain, at its end: nobody polls again. The caller then wakes the poller, in case the
    /// observer blocks in it.
    pub(crate) fn stop(&self) {
        // Relaxed: the observer touches nothing of the domain's after STOP.
        self.word.swap(STOP, Ordering::Relaxed);
        self.observer.notify();
    }
}

impl<P> fmt::Debug for Watch<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.word.load(Ordering::Relaxed) {
            OBSERVER => "OBSERVER",
            FREE => "FREE",
            DOMAIN => "DOMAIN",
            _ => "STOP",
        };
        f.debug_struct("Watch").field("word", &word).finish_non_exhaustive()
    }
}
