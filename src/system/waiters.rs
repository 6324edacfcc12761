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
    /// Who has waited longest. None if nobody waits; and if that was woken and some of the others were not, until
    /// these have been, too: they are older than who comes next.
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
    /// watched, [no run is given up](crate::Deadlocks), and who waits for it is forgotten with it.
    Task(Key),
    /// A waker that somebody made in this task, or outside of any.
    Waker(Waker, Option<Key>),
}

/// Beyond so many waiters, those that wait no more are looked for.
const MANY: usize = 32;

impl Waiters {
    /// Notes who waits for what.
    #[inline]
    pub(super) fn add(&mut self, awaiter: Awaiter<'_>, direction: Direction, turn: u64) {
        if self.first.is_none() && self.others.is_none() {
            self.first = Some(Waiter { by: By::new(awaiter), direction, asked: false });
        } else {
            self.add_to_some(awaiter, direction, turn);
        }
    }

    #[inline(never)]
    fn add_to_some(&mut self, awaiter: Awaiter<'_>, direction: Direction, turn: u64) {
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
            return;
        }
        let others = self.others.get_or_insert_default();
        if others.has_become_many(turn) {
            thin_out(&mut self.first, &mut others.list);
        }
        others.list.push(waiter);
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

impl Others {
    /// Is it time to look for those that wait no more? Before a list grows: so they never pile up, and the search costs
    /// no more than the growth that it may save. Not twice in a turn: those that were asked come back only after it,
    /// and a crowd that all waits would be sent away and come back for ever.
    fn has_become_many(&mut self, turn: u64) -> bool {
        let is_full = self.list.len() >= MANY && self.list.len() == self.list.capacity();
        is_full && mem::replace(&mut self.thinned, turn) != turn
    }
}

/// Drops the wakers that cancelled tasks have left, which are woken first: one may be somebody else's who
/// had a hand in that task, and comes back. Of each task that still lives the newest for a direction is not
/// touched; its older ones, made by an executor inside of it that may have dropped them since, are
/// woken: what does wait comes back, and what has not by the next time is dropped. They keep their
/// place meanwhile, or else a crowd that all waits would be sent away and come back for ever.
fn thin_out(first: &mut Option<Waiter>, others: &mut Vec<Waiter>) {
    let left = |waiter: &mut Waiter| waiter.asked || waiter.by.task().is_some_and(|task| !is_live(task));
    for waiter in first.take_if(left).into_iter().chain(others.extract_if(.., left)) {
        waiter.by.wake();
    }
    let mut newest = BTreeSet::new();
    for waiter in others.iter_mut().rev().chain(first) {
        if let Some(task) = waiter.by.task()
            && !newest.insert((task, waiter.direction))
        {
            waiter.asked = true;
            waiter.by.wake_by_ref();
        }
    }
}

impl By {
    #[inline]
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

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, mpsc},
        task::Wake,
    };

    use super::*;

    /// Notes when it is woken.
    struct Noted(usize, mpsc::Sender<usize>);

    impl Wake for Noted {
        fn wake(self: Arc<Self>) {
            self.1.send(self.0).unwrap();
        }
    }

    /// Waiters with a number each, made by one task, or outside of any.
    struct Numbered {
        waiters: Waiters,
        task: Option<Key>,
        notes: mpsc::Sender<usize>,
        woken: mpsc::Receiver<usize>,
    }

    impl Numbered {
        fn of(task: Option<Key>) -> Self {
            let (notes, woken) = mpsc::channel();
            Self { waiters: Waiters::default(), task, notes, woken }
        }

        fn add(&mut self, number: usize, direction: Direction) {
            let waker = Waker::from(Arc::new(Noted(number, self.notes.clone())));
            let awaiter = Awaiter { waker: &waker, task: self.task, is_own: false };
            self.waiters.add(awaiter, direction, 1);
        }

        fn woken(&self) -> Vec<usize> {
            self.woken.try_iter().collect()
        }

        fn wake(&mut self, readiness: Readiness) -> Vec<usize> {
            let any = self.waiters.wake(readiness);
            let woken = self.woken();
            assert_eq!(any, !woken.is_empty());
            woken
        }
    }

    #[test]
    fn each_is_woken_for_its_own_direction_in_the_order_of_coming() {
        let mut waiters = Numbered::of(None);
        for (number, direction) in [Direction::Write, Direction::Read].repeat(2).into_iter().enumerate() {
            waiters.add(number, direction);
        }
        assert_eq!(waiters.waiters.interest(), Readiness::READ.with(Readiness::WRITE, true));
        assert_eq!(waiters.wake(Readiness::READ), [1, 3]);
        assert_eq!(waiters.wake(Readiness::READ), []);
        assert_eq!(waiters.waiters.interest(), Readiness::WRITE);

        waiters.add(4, Direction::Read);
        assert_eq!(waiters.wake(Readiness::WRITE_CLOSED), [0, 2]);
        waiters.add(5, Direction::Read);
        assert_eq!(waiters.wake(Readiness::READ_CLOSED), [4, 5], "who came before is woken before");
        assert!(waiters.waiters.is_empty());
    }

    #[test]
    fn who_comes_again_waits_once_for_each_direction() {
        let mut waiters = Waiters::default();
        let waker = Waker::from(Arc::new(Noted(0, mpsc::channel().0)));
        let task = Some(Key { serial: 0, index: 0 });
        for is_own in [true, false] {
            for direction in [Direction::Read, Direction::Write].repeat(3) {
                waiters.add(Awaiter { waker: &waker, task, is_own }, direction, 1);
            }
        }
        assert_eq!(waiters.all().count(), 4, "twice each by its key, and by a waker");
    }

    #[test]
    fn those_that_a_task_has_left_are_woken_before_the_list_grows() {
        let mut waiters = Numbered::of(Some(Key { serial: u64::MAX, index: 0 }));
        for number in 0..=MANY {
            waiters.add(number, Direction::Read);
        }
        assert_eq!(waiters.woken(), [], "there is room");
        waiters.add(MANY + 1, Direction::Read);
        assert_eq!(waiters.woken(), Vec::from_iter(0..=MANY));
        assert_eq!(waiters.waiters.all().count(), 1);
    }

    #[test]
    #[cfg_attr(miri, ignore = "it runs a domain")]
    fn the_newest_of_a_task_for_each_direction_is_left_in_peace() {
        let ran = crate::run(async {
            let task = Local::with(|local| local.current_key()).flatten();
            let mut waiters = Numbered::of(task);
            waiters.add(0, Direction::Read);
            waiters.add(1, Direction::Write);
            for number in 2..=MANY + 1 {
                waiters.add(number, Direction::Read);
            }
            let mut asked = waiters.woken();
            asked.sort_unstable();
            let older = (0..=MANY).filter(|number| ![1, MANY].contains(number));
            assert_eq!(asked, Vec::from_iter(older));
            assert_eq!(waiters.waiters.all().count(), MANY + 2, "they keep their places");
        });
        ran.unwrap();
    }
}
