//! A thread that sleeps on a word: with Linux's futex, which needs nothing beside the word itself, and elsewhere,
//! for Miri, and under loom, with a [`Sleeper`](super::Sleeper).
//!
//! Either looks at the word once more when a wake can no longer be missed. A futex orders nothing beyond that; the
//! lock of the `Sleeper` does, but nothing that the word of a [`Parker`](crate::protocol::Parker) does not order as well.

#[cfg(all(any(target_os = "linux", target_os = "android"), not(any(miri, vigie_loom))))]
pub(crate) use self::linux::Futex;
#[cfg(not(all(any(target_os = "linux", target_os = "android"), not(any(miri, vigie_loom)))))]
pub(crate) use self::portable::Futex;

#[cfg(all(any(target_os = "linux", target_os = "android"), not(any(miri, vigie_loom))))]
mod linux {
    use std::time::Instant;

    use rustix::thread::futex::{Flags, Timespec, wait, wake};

    use crate::sync::{AtomicU32, Ordering};

    /// Where one thread sleeps while a word has some value.
    #[derive(Debug)]
    pub(crate) struct Futex;

    impl Futex {
        pub(crate) fn new() -> Self {
            Self
        }

        /// Sleeps while `word` has this value, at most until `deadline`. The caller orders what it reads then.
        pub(crate) fn sleep_while(&self, word: &AtomicU32, value: u32, deadline: Option<Instant>) {
            // Relaxed: see there.
            while word.load(Ordering::Relaxed) == value {
                let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
                if left.is_some_and(|left| left.is_zero()) {
                    return;
                }
                // One that is too long for the kernel is for ever.
                let left = left.and_then(|left| Timespec::try_from(left).ok());
                // Whatever ended it, the word and the clock say what is to be done.
                let _ = wait(word, Flags::PRIVATE, value, left.as_ref());
            }
        }

        /// Wakes whoever sleeps while `word` has a value that the caller has already changed.
        pub(crate) fn wake(&self, word: &AtomicU32) {
            // It fails for no word of ours.
            let _ = wake(word, Flags::PRIVATE, 1);
        }
    }
}

#[cfg(not(all(any(target_os = "linux", target_os = "android"), not(any(miri, vigie_loom)))))]
mod portable {
    use std::time::Instant;

    use crate::sync::{AtomicU32, Ordering, Sleeper};

    /// Where one thread sleeps while a word has some value.
    #[derive(Debug)]
    pub(crate) struct Futex(Sleeper);

    impl Futex {
        pub(crate) fn new() -> Self {
            Self(Sleeper::new())
        }

        /// Sleeps while `word` has this value, at most until `deadline`. The caller orders what it reads then.
        pub(crate) fn sleep_while(&self, word: &AtomicU32, value: u32, deadline: Option<Instant>) {
            // Relaxed: see there.
            self.0.sleep_while(|| word.load(Ordering::Relaxed) == value, deadline);
        }

        /// Wakes whoever sleeps while `word` has a value that the caller has already changed.
        pub(crate) fn wake(&self, _word: &AtomicU32) {
            self.0.wake();
        }
    }
}

#[cfg(all(test, not(vigie_loom)))]
mod tests {
    use std::{
        thread,
        time::{Duration, Instant},
    };

    use super::Futex;
    use crate::sync::{AtomicU32, Ordering};

    #[test]
    fn nobody_sleeps_on_another_value_or_beyond_the_deadline() {
        let (futex, word) = (Futex::new(), AtomicU32::new(1));
        futex.sleep_while(&word, 2, None);
        futex.sleep_while(&word, 1, Some(Instant::now()));
        let deadline = Instant::now() + Duration::from_millis(2);
        futex.sleep_while(&word, 1, Some(deadline));
        assert!(deadline <= Instant::now());
    }

    #[test]
    fn whoever_sleeps_is_woken_when_the_value_has_changed() {
        let far = [None, Some(1 << 32), Some(i64::MAX as u64)];
        for seconds in far {
            let (futex, word) = (Futex::new(), AtomicU32::new(1));
            let deadline =
                seconds.and_then(|seconds| Instant::now().checked_add(Duration::from_secs(seconds)));
            thread::scope(|scope| {
                scope.spawn(|| futex.sleep_while(&word, 1, deadline));
                // Relaxed: the word is all there is. Most often it sleeps by then.
                thread::sleep(Duration::from_millis(2));
                word.store(2, Ordering::Relaxed);
                futex.wake(&word);
            });
        }
    }
}
