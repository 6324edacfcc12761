//! A list that is mostly empty, and that is asked all the time whether it is.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
};

/// First in, first out.
pub(crate) struct Rare<T> {
    any: Cell<bool>,
    list: RefCell<VecDeque<T>>,
}

impl<T> Rare<T> {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        !self.any.get()
    }

    pub(super) fn push(&self, item: T) {
        self.list.borrow_mut().push_back(item);
        self.any.set(true);
    }

    pub(super) fn pop(&self) -> Option<T> {
        let mut list = self.list.borrow_mut();
        let item = list.pop_front();
        self.any.set(!list.is_empty());
        item
    }

    /// All of them.
    pub(super) fn take(&self) -> VecDeque<T> {
        self.any.set(false);
        self.list.take()
    }
}

impl<T> Default for Rare<T> {
    fn default() -> Self {
        Self { any: Cell::new(false), list: RefCell::default() }
    }
}
