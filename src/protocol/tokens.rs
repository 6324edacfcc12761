//! Tokens: what a poller calls a source by, and which source, of all that ever had its place, it means.

use slab::Slab;

/// Half of the bits of a token say where its value lies, the others which of the values that ever lay
/// there it is. The highest bit is left to tokens that are no value's.
const HALF: u32 = usize::BITS / 2;

/// The sources of one domain. Their readiness comes from other threads, through a ready queue, and may
/// come late.
#[derive(Debug)]
pub(crate) struct Tokens<T> {
    slab: Slab<Place<T>>,
    /// Its wrapping is harmless: readiness that is not there costs one operation that would block.
    generation: usize,
}

/// A token and what is kept of its source: in one line of the cache if they fit, since each event needs both.
#[derive(Debug)]
#[repr(align(64))]
struct Place<T> {
    token: usize,
    value: T,
}

impl<T> Tokens<T> {
    pub(crate) fn new() -> Self {
        Self { slab: Slab::new(), generation: 0 }
    }

    /// T1. A new source: the token by which the poller is to call it; none if there are as many as there are
    /// places in a token.
    pub(crate) fn insert(&mut self, value: T) -> Option<usize> {
        let vacant = self.slab.vacant_entry();
        if vacant.key() >> HALF != 0 {
            return None;
        }
        self.generation = self.generation.wrapping_add(1) & ((1 << (HALF - 1)) - 1);
        let token = vacant.key() | self.generation << HALF;
        vacant.insert(Place { token, value });
        Some(token)
    }

    /// T2. The source that the poller means, if it is still there.
    pub(crate) fn get_mut(&mut self, token: usize) -> Option<&mut T> {
        let index = token & ((1 << HALF) - 1);
        let place = self.slab.get_mut(index)?;
        (place.token == token).then_some(&mut place.value)
    }

    /// T3. The source goes: readiness that is still under way finds nothing.
    pub(crate) fn remove(&mut self, token: usize) -> Option<T> {
        self.get_mut(token)?;
        Some(self.slab.remove(token & ((1 << HALF) - 1)).value)
    }

    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }
}
