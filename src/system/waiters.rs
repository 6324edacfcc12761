//! Who waits for a source.

use std::{collections::BTreeSet, task::Waker};

use crate::{domain::TaskId, task::shielded};

/// Who waits for one direction of one source: usually one task, and any number may.
#[derive(Debug)]
pub(super) struct Waiters {
    list: Vec<Waiter>,
    /// When those that wait no more were last looked for.
    thinned: u64,
}

#[derive(Debug)]
struct Waiter {
    waker: Waker,
    task: Option<TaskId>,
    /// Was it woken to see whether it still waits?
    asked: bool,
}

/// Beyond so many waiters, those that wait no more are looked for.
const MANY: usize = 32;

impl Waiters {
    pub(super) const fn new() -> Self {
        Self { list: Vec::new(), thinned: 0 }
    }

    /// Notes that `task` waits, or somebody outside of any.
    pub(super) fn add(&mut self, waker: &Waker, task: Option<TaskId>, turn: u64) {
        if let Some(waiter) = self.list.iter_mut().find(|waiter| waiter.waker.will_wake(waker)) {
            waiter.asked = false;
            waiter.task = task;
            return;
        }
        // With this they never pile up, and the search costs no more than the growth that it may save. Not
        // twice in a turn: those that were asked come back only after it, and a crowd that all waits would
        // be sent away and come back for ever.
        if self.list.len() >= MANY && self.list.len() == self.list.capacity() && self.thinned != turn {
            self.thinned = turn;
            self.thin_out();
        }
        self.list.push(Waiter { waker: waker.clone(), task, asked: false });
    }

    /// Drops the wakers that cancelled tasks have left, which are woken first: one may be somebody else's who
    /// had a hand in that task, and comes back. Of each task that still lives the newest is not
    /// touched; its older ones, made by an executor inside of it that may have dropped them since, are
    /// woken: what does wait comes back, and what has not by the next time is dropped. They keep their
    /// place meanwhile, or else a crowd that all waits would be sent away and come back for ever.
    fn thin_out(&mut self) {
        let left = |waiter: &mut Waiter| waiter.asked || waiter.task.is_some_and(|task| !task.is_live());
        for waiter in self.list.extract_if(.., left) {
            shielded(|| waiter.waker.wake());
        }
        let mut tasks = BTreeSet::new();
        for waiter in self.list.iter_mut().rev() {
            if waiter.task.is_some_and(|task| !tasks.insert(task)) {
                waiter.asked = true;
                shielded(|| waiter.waker.wake_by_ref());
            }
        }
    }

    /// Wakes all; whether there was any. One that panics has only itself to blame, and stops nobody.
    pub(super) fn wake(&mut self) -> bool {
        // Most often it is one, for which a drain is a long way.
        if self.list.len() == 1
            && let Some(waiter) = self.list.pop()
        {
            shielded(|| waiter.waker.wake());
            return true;
        }
        let any = !self.is_empty();
        for waiter in self.list.drain(..) {
            shielded(|| waiter.waker.wake());
        }
        any
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}
