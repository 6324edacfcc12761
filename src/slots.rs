//! A slab whose keys are never valid twice: tasks, suspensions and sources live in one each.

use slab::Slab;

use crate::sync::{AtomicU64, Ordering};

/// Serials are handed to each `Slots` so many at a time.
const SERIALS: u64 = 1 << 16;

/// Where a value lives, and which of the values that ever lived there it is.
///
/// Packed: each task, suspension and timer has several, and whatever stands beside one goes where else its
/// padding would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(Rust, packed(4))]
pub(crate) struct Key {
    /// Of this insertion alone, in the whole process: a key is never valid in two places either.
    pub(crate) serial: u64,
    pub(crate) index: u32,
}

#[derive(Debug)]
pub(crate) struct Slots<T> {
    slab: Slab<(u64, T)>,
    /// The next serial, and the first that is not ours to give.
    serial: u64,
    end: u64,
}

impl<T> Slots<T> {
    pub(crate) const fn new() -> Self {
        Self { slab: Slab::new(), serial: 0, end: 0 }
    }

    /// Inserts what `make` makes of its own key.
    pub(crate) fn insert_with(&mut self, make: impl FnOnce(Key) -> T) -> Key {
        let entry = self.slab.vacant_entry();
        let index = u32::try_from(entry.key()).expect("fewer than 2^32 live values");
        if self.serial == self.end {
            static NEXT: AtomicU64 = AtomicU64::new(0);
            // Relaxed: only uniqueness counts.
            self.serial = NEXT.fetch_add(SERIALS, Ordering::Relaxed);
            self.end = self.serial + SERIALS;
        }
        let key = Key { serial: self.serial, index };
        self.serial += 1;
        entry.insert((key.serial, make(key)));
        key
    }

    /// No serial from here on is below this, and all until now are.
    pub(crate) fn next_serial(&self) -> u64 {
        self.serial
    }

    #[inline]
    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        self.slab.get(key.index as usize).filter(|(serial, _)| *serial == key.serial).map(|(_, value)| value)
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let entry = self.slab.get_mut(key.index as usize)?;
        (entry.0 == key.serial).then_some(&mut entry.1)
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        self.get(key)?;
        Some(self.slab.remove(key.index as usize).1)
    }

    #[cfg(not(vigie_loom))]
    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.slab.iter().map(|(_, (_, value))| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_never_finds_the_next_value_in_its_place() {
        let mut slots = Slots::new();
        let old = slots.insert_with(|_| "old");
        assert_eq!(slots.remove(old), Some("old"));
        let new = slots.insert_with(|_| "new");
        assert_eq!(old.index, new.index, "the place is used again");
        assert_eq!(slots.get(old), None);
        assert_eq!(slots.get_mut(old), None);
        assert_eq!(slots.remove(old), None);
        assert_eq!(slots.get(new), Some(&"new"));
        assert_eq!(slots.iter().count(), 1);
    }

    #[test]
    #[cfg_attr(miri, ignore = "many serials, and slow")]
    fn serials_of_several_threads_differ() {
        // Each begins with serials of its own.
        let claim = || (0..20_000).map(|_| Slots::new().insert_with(|_| ()).serial).collect::<Vec<_>>();
        let threads = [(); 4].map(|()| std::thread::spawn(claim));
        let mut serials: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        serials.sort_unstable();
        assert!(serials.is_sorted_by(|one, next| one < next), "claimed twice");
    }

    #[test]
    #[cfg_attr(miri, ignore = "many serials, and slow")]
    fn serials_ascend_and_are_shared_with_nobody() {
        let mut slots = [Slots::new(), Slots::new()];
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..SERIALS + 2 {
            for slots in &mut slots {
                let key = slots.insert_with(|_| ());
                slots.remove(key);
                assert!(seen.insert(key.serial));
            }
        }
    }
}
