//! Who waits for a source.

use std::{collections::BTreeSet, mem, task::Waker};

use super::{poller::Readiness, sources::Direction};
use crate::{
    domain::{Awaiter, Local},
    slots::Key,
    task::shielded,
};

/// Who waits for one source: usually one task, which needs no memory beside this, and any number may.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    /// Who has waited longest, unless that was woken and the others were not.
    first: Option<Waiter>,
    others: Option<Box<Others>>,
}

#[derive(Debug, Default)]
struct Others {
    list: Vec<Waiter>,
    /// When those that wait no more were last looked for.
    thinned: u64,
}

#[derive(Debug)]
struct Waiter {
    by: By,
    direction: Direction,
    /// Was it woken to see whether it still waits?
    asked: bool,
}

/// By what it is woken.
#[derive(Debug)]
enum By {
    /// A task of this domain, by its own waker: that is not cloned, which would take two atomic operations and
    /// memory that nothing else needs just then. So nobody sees that a waker is kept here; but as long as a source is
    /// watched, [no run is given up](crate::Deadlocks).
    Task(Key),
    /// A waker that somebody made in this task, or outside of any.
    Waker(Waker, Option<Key>),
}

/// Beyond so many waiters, those that wait no more are looked for.
const MANY: usize = 32;

impl Waiters {
    /// Notes who waits for what.
    pub(super) fn add(&mut self, awaiter: Awaiter<'_>, direction: Direction, turn: u64) {
        let others = self.others.iter_mut().flat_map(|others| &mut others.list);
        let mut all = self.first.iter_mut().chain(others);
        if let Some(waiter) = all.find(|waiter| waiter.direction == direction && waiter.by.is(awaiter)) {
            waiter.asked = false;
            waiter.by.set_task(awaiter);
            return;
        }
        let waiter = Waiter { by: By::new(awaiter), direction, asked: false };
        if self.is_empty() {
            self.first = Some(waiter);
        } else {
            self.make_room(turn);
            self.others.get_or_insert_default().list.push(waiter);
        }
    }

    /// Before a list grows: with this they never pile up, and the search costs no more than the growth that it may
    /// save. Not twice in a turn: those that were asked come back only after it, and a crowd that all waits would be
    /// sent away and come back for ever.
    fn make_room(&mut self, turn: u64) {
        if let Some(Others { list, thinned }) = self.others.as_deref_mut()
            && list.len() >= MANY
            && list.len() == list.capacity()
            && mem::replace(thinned, turn) != turn
        {
            self.thin_out();
        }
    }

    /// Drops the wakers that cancelled tasks have left, which are woken first: one may be somebody else's who
    /// had a hand in that task, and comes back. Of each task that still lives the newest for a direction is not
    /// touched; its older ones, made by an executor inside of it that may have dropped them since, are
    /// woken: what does wait comes back, and what has not by the next time is dropped. They keep their
    /// place meanwhile, or else a crowd that all waits would be sent away and come back for ever.
    fn thin_out(&mut self) {
        let Self { first, others: Some(others) } = self else { return };
        let left = |waiter: &mut Waiter| waiter.asked || waiter.by.task().is_some_and(|task| !is_live(task));
        if let Some(first) = first.take_if(left) {
            first.by.wake();
        }
        for waiter in others.list.extract_if(.., left) {
            waiter.by.wake();
        }
        let mut newest = BTreeSet::new();
        for waiter in others.list.iter_mut().rev().chain(first) {
            if let Some(task) = waiter.by.task()
                && !newest.insert((task, waiter.direction))
            {
                waiter.asked = true;
                waiter.by.wake_by_ref();
            }
        }
    }

    /// Wakes those who wait for this; whether there was any.
    pub(super) fn wake(&mut self, readiness: Readiness) -> bool {
        let waits = |waiter: &mut Waiter| readiness.has_any(waiter.direction.awaited());
        let first = self.first.take_if(waits);
        let mut any = first.is_some();
        if let Some(first) = first {
            first.by.wake();
        }
        if let Some(others) = &mut self.others {
            for waiter in others.list.extract_if(.., waits) {
                waiter.by.wake();
                any = true;
            }
        }
        any
    }

    fn all(&self) -> impl Iterator<Item = &Waiter> {
        self.first.iter().chain(self.others.iter().flat_map(|others| &others.list))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all().next().is_none()
    }

    /// What they wait for.
    pub(super) fn interest(&self) -> Readiness {
        self.all().fold(Readiness::NONE, |interest, waiter| interest.with(waiter.direction.ready(), true))
    }
}

impl By {
    fn new(awaiter: Awaiter<'_>) -> Self {
        match awaiter.task {
            Some(task) if awaiter.is_own => Self::Task(task),
            task => Self::Waker(awaiter.waker.clone(), task),
        }
    }

    fn is(&self, awaiter: Awaiter<'_>) -> bool {
        match self {
            Self::Task(task) => awaiter.is_own && awaiter.task == Some(*task),
            Self::Waker(waker, _) => waker.will_wake(awaiter.waker),
        }
    }

    fn task(&self) -> Option<Key> {
        match self {
            Self::Task(task) => Some(*task),
            Self::Waker(_, task) => *task,
        }
    }

    /// Whose waker it is may change hands.
    fn set_task(&mut self, awaiter: Awaiter<'_>) {
        if let Self::Waker(_, task) = self {
            *task = awaiter.task;
        }
    }

    /// A waker that panics has only itself to blame, and stops nobody.
    fn wake(self) {
        match self {
            Self::Task(task) => wake_task(task),
            Self::Waker(waker, _) => shielded(|| waker.wake()),
        }
    }

    fn wake_by_ref(&self) {
        match self {
            Self::Task(task) => wake_task(*task),
            Self::Waker(waker, _) => shielded(|| waker.wake_by_ref()),
        }
    }
}

fn wake_task(task: Key) {
    Local::with(|local| local.wake(task));
}

fn is_live(task: Key) -> bool {
    Local::with(|local| local.is_live(task)).unwrap_or(false)
}
