//! The two queues of tasks that can run.

use std::{collections::VecDeque, rc::Rc, time::Instant};

use fastrand::Rng;

use crate::task::Task;

/// First in, first out; or, with a seed, in an order that the seed decides.
#[derive(Default)]
pub(crate) struct RunQueue {
    /// Tasks resumed by news from outside of the domain: they go first.
    signalled: VecDeque<Rc<dyn Task>>,
    /// Since when the news of each of these has been known, if that is asked for.
    since: Option<VecDeque<Instant>>,
    ordinary: VecDeque<Rc<dyn Task>>,
    rng: Option<Rng>,
}

impl RunQueue {
    pub(crate) fn new(rng: Option<Rng>, timing: bool) -> Self {
        Self { rng, since: timing.then(VecDeque::new), ..Self::default() }
    }

    #[inline]
    pub(crate) fn push_signalled(&mut self, task: Rc<dyn Task>, since: impl FnOnce() -> Instant) {
        self.signalled.push_back(task);
        if let Some(times) = &mut self.since {
            times.push_back(since());
        }
    }

    #[inline]
    pub(crate) fn push_ordinary(&mut self, task: Rc<dyn Task>) {
        self.ordinary.push_back(task);
    }

    #[inline]
    pub(crate) fn pop_signalled(&mut self) -> (Option<Rc<dyn Task>>, Option<Instant>) {
        let at = Self::choose(self.signalled.len(), &mut self.rng);
        let since = self.since.as_mut().and_then(|times| Self::take(times, at));
        (Self::take(&mut self.signalled, at), since)
    }

    #[inline]
    pub(crate) fn pop_ordinary(&mut self) -> Option<Rc<dyn Task>> {
        if self.rng.is_none() {
            return self.ordinary.pop_front();
        }
        let at = Self::choose(self.ordinary.len(), &mut self.rng);
        Self::take(&mut self.ordinary, at)
    }

    /// Which of so many is next, if it is not the first.
    #[inline]
    fn choose(count: usize, rng: &mut Option<Rng>) -> Option<usize> {
        rng.as_mut().filter(|_| count > 1).map(|rng| rng.usize(..count))
    }

    #[inline]
    fn take<T>(queue: &mut VecDeque<T>, at: Option<usize>) -> Option<T> {
        match at {
            Some(at) => queue.swap_remove_back(at),
            None => queue.pop_front(),
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

    /// How many were signalled, and how many others there are.
    #[inline]
    pub(crate) fn lengths(&self) -> (usize, usize) {
        (self.signalled.len(), self.ordinary.len())
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.signalled.is_empty() && self.ordinary.is_empty()
    }
}
