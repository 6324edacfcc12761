//! The two queues of tasks that can run.

use std::{collections::VecDeque, rc::Rc};

use fastrand::Rng;

use crate::task::Task;

/// First in, first out; or, with a seed, in an order that the seed decides.
#[derive(Default)]
pub(crate) struct RunQueue {
    /// Tasks resumed by news from outside of the domain: they go first.
    signalled: VecDeque<Rc<dyn Task>>,
    ordinary: VecDeque<Rc<dyn Task>>,
    rng: Option<Rng>,
}

impl RunQueue {
    pub(crate) fn new(rng: Option<Rng>) -> Self {
        Self { rng, ..Self::default() }
    }

    #[inline]
    pub(crate) fn push_signalled(&mut self, task: Rc<dyn Task>) {
        self.signalled.push_back(task);
    }

    #[inline]
    pub(crate) fn push_ordinary(&mut self, task: Rc<dyn Task>) {
        self.ordinary.push_back(task);
    }

    #[inline]
    pub(crate) fn pop_signalled(&mut self) -> Option<Rc<dyn Task>> {
        Self::pop(&mut self.signalled, &mut self.rng)
    }

    #[inline]
    pub(crate) fn pop_ordinary(&mut self) -> Option<Rc<dyn Task>> {
        Self::pop(&mut self.ordinary, &mut self.rng)
    }

    #[inline]
    fn pop(queue: &mut VecDeque<Rc<dyn Task>>, rng: &mut Option<Rng>) -> Option<Rc<dyn Task>> {
        match rng {
            Some(rng) if queue.len() > 1 => queue.swap_remove_back(rng.usize(..queue.len())),
            _ => queue.pop_front(),
        }
    }

    #[inline]
    pub(crate) fn signalled(&self) -> usize {
        self.signalled.len()
    }

    #[inline]
    pub(crate) fn has_ordinary(&self) -> bool {
        !self.ordinary.is_empty()
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.signalled.is_empty() && self.ordinary.is_empty()
    }
}
