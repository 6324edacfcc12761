//! The table of sources: what each is ready for, as far as the poller has told, and who waits for it.

use std::task::Poll;

use super::{
    poller::{Readiness, Token},
    waiters::Waiters,
};
use crate::{domain::Awaiter, events::EventsError, protocol::Tokens, task::shielded};

/// What is waited for: that data can come, or go, or that urgent data is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Direction {
    Read,
    Write,
    /// For descriptors of any kind alone.
    #[cfg(unix)]
    Urgent,
}

impl Direction {
    #[cfg(unix)]
    const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Urgent];

    /// The readiness that is used up when an operation comes short; a closed direction stays closed.
    pub(super) fn ready(self) -> Readiness {
        match self {
            Self::Read => Readiness::READ,
            Self::Write => Readiness::WRITE,
            #[cfg(unix)]
            Self::Urgent => Readiness::URGENT,
        }
    }

    /// The readinesses with which an operation does not block; all of them are wrong if it would.
    pub(super) fn usable(self) -> Readiness {
        match self {
            Self::Read => Readiness::READ.with(Readiness::READ_CLOSED, true),
            Self::Write => Readiness::WRITE.with(Readiness::WRITE_CLOSED, true),
            #[cfg(unix)]
            Self::Urgent => Readiness::URGENT,
        }
    }

    /// The readinesses that end a wait.
    pub(super) fn awaited(self) -> Readiness {
        match self {
            Self::Read | Self::Write => self.usable(),
            // Of who has gone nothing urgent will come.
            #[cfg(unix)]
            Self::Urgent => {
                Readiness::URGENT.with(Readiness::READ_CLOSED, true).with(Readiness::WRITE_CLOSED, true)
            }
        }
    }
}

/// The sources that one domain watches.
#[derive(Debug)]
pub(super) struct Sources {
    entries: Tokens<Entry>,
    /// How often the domain has looked for news: between two looks at least one ready task has its turn.
    turn: u64,
}

#[derive(Debug)]
struct Entry {
    ready: Readiness,
    /// How often the poller has told of it. Its wrapping is harmless: a readiness is cleared wrongly only
    /// by one who keeps its guard for exactly so much news.
    told: u32,
    waiters: Waiters,
}

impl Sources {
    pub(super) fn new() -> Self {
        Self { entries: Tokens::new(), turn: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The domain looks for news.
    pub(super) fn begin_turn(&mut self) {
        self.turn += 1;
    }

    /// A new source, and what it is taken to be ready for until the poller tells. None if there are as many
    /// as tokens can tell apart.
    pub(super) fn insert(&mut self, ready: Readiness) -> Option<Token> {
        self.entries.insert(Entry { ready, told: 0, waiters: Waiters::default() }).map(Token)
    }

    fn entry(&mut self, token: Token) -> Option<&mut Entry> {
        self.entries.get_mut(token.0)
    }

    pub(super) fn remove(&mut self, token: Token) {
        let removed = self.entries.remove(token.0);
        // Its wakers are anybody's code.
        shielded(|| drop(removed));
    }

    /// The poller has reported a source ready; whether somebody waited for that. One that is gone is
    /// ignored.
    pub(super) fn apply(&mut self, token: Token, readiness: Readiness) -> bool {
        let Some(entry) = self.entry(token) else { return false };
        entry.ready = entry.ready.with(readiness, true);
        entry.told = entry.told.wrapping_add(1);
        entry.waiters.wake(readiness)
    }

    /// The same for all of them, which are taken out.
    pub(super) fn apply_all(&mut self, found: &mut Vec<(Token, Readiness)>) -> bool {
        let mut any = false;
        for (token, readiness) in found.drain(..) {
            any |= self.apply(token, readiness);
        }
        any
    }

    /// An operation came short, and so used the readiness up; but not where urgent data may have cut
    /// it short.
    pub(super) fn came_short(&mut self, token: Token, used_up: Readiness) {
        if let Some(entry) = self.entry(token)
            && !entry.ready.has_any(Readiness::URGENT)
        {
            entry.ready = entry.ready.without(used_up);
        }
    }

    /// An operation would block.
    pub(super) fn clear(&mut self, token: Token, direction: Direction) {
        if let Some(entry) = self.entry(token) {
            entry.ready = entry.ready.without(direction.usable());
        }
    }

    /// Is the source ready, as far as is known? If not, who asks is woken when it is, unless it cannot wait.
    #[inline]
    pub(super) fn poll_ready<'a>(
        &mut self,
        token: Token,
        direction: Direction,
        who: impl FnOnce() -> Result<Awaiter<'a>, EventsError>,
    ) -> Poll<Result<(), EventsError>> {
        let turn = self.turn;
        let Some(entry) = self.entry(token) else {
            return Poll::Ready(Ok(()));
        };
        if entry.ready.has_any(direction.awaited()) {
            return Poll::Ready(Ok(()));
        }
        entry.waiters.add(who()?, direction, turn);
        Poll::Pending
    }

    /// What is waited for.
    pub(super) fn interest(&mut self, token: Token) -> Readiness {
        self.entry(token).map_or(Readiness::NONE, |entry| entry.waiters.interest())
    }
}

/// What the poller has told of a source so far.
#[cfg(unix)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    pub(crate) ready: Readiness,
    count: u32,
}

#[cfg(unix)]
impl Direction {
    /// The directions in a set of `READ`, `WRITE` and `URGENT`.
    fn of(interest: Readiness) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |direction| interest.has_any(direction.ready()))
    }
}

/// For descriptors of any kind.
#[cfg(unix)]
impl Sources {
    /// Operations of this interest would block, as somebody found out who had been `told` this much. What
    /// the poller has told since stays.
    pub(super) fn clear_told(&mut self, token: Token, interest: Readiness, told: Told) {
        if self.entry(token).is_some_and(|entry| entry.told == told.count) {
            Direction::of(interest).for_each(|direction| self.clear(token, direction));
        }
    }

    /// What has been told of a source that is ready in one of the directions of `interest`, if it is.
    pub(super) fn told(&mut self, token: Token, interest: Readiness) -> Option<Told> {
        let Some(entry) = self.entry(token) else {
            return Some(Told { ready: Readiness::NONE, count: 0 });
        };
        let told = Told { ready: entry.ready, count: entry.told };
        Direction::of(interest).any(|direction| told.ready.has_any(direction.awaited())).then_some(told)
    }

    /// The same; if it is ready in none, who asks is woken when it is, unless it cannot wait.
    pub(super) fn poll_told<'a>(
        &mut self,
        token: Token,
        interest: Readiness,
        who: impl Fn() -> Result<Awaiter<'a>, EventsError>,
    ) -> Poll<Result<Told, EventsError>> {
        if let Some(told) = self.told(token, interest) {
            return Poll::Ready(Ok(told));
        }
        for direction in Direction::of(interest) {
            let _pending = self.poll_ready(token, direction, &who)?;
        }
        Poll::Pending
    }
}

#[cfg(test)]
impl Sources {
    /// A source that is ready for nothing, and that somebody waits to read.
    pub(super) fn awaited(&mut self) -> Token {
        let token = self.insert(Readiness::NONE).unwrap();
        let nobody = Awaiter { waker: std::task::Waker::noop(), task: None, is_own: false };
        assert!(self.poll_ready(token, Direction::Read, || Ok(nobody)).is_pending());
        token
    }

    /// Does somebody still wait to read it?
    pub(super) fn is_awaited(&mut self, token: Token) -> bool {
        self.interest(token).has_any(Readiness::READ)
    }
}

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use super::*;

    #[test]
    fn a_source_lies_in_one_line_of_a_cache() {
        const LINE: usize = 64;
        let mut sources = Sources::new();
        let tokens = [(); 2].map(|()| sources.insert(Readiness::NONE).unwrap());
        let [one, two] = tokens.map(|token| std::ptr::from_mut(sources.entry(token).unwrap()).addr());
        assert_eq!(two - one, LINE, "one is beside the other");
        assert_eq!(one / LINE, (one + size_of::<Entry>() - 1) / LINE, "none lies across two lines");
    }
}
