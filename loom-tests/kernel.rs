//! The kernel and the poller of the models: a script over loom's own mutex and condition variable.

use std::sync::Arc;

use loom::{
    sync::{Condvar, MutexGuard},
    thread,
};

use crate::sync::Mutex;

/// What a poller is a window to. It wakes whoever waits in a poller, and orders no more than a real
/// one does: what was before an event, before the poll that finds it.
pub(super) struct Kernel {
    pub(super) state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
pub(super) struct State {
    events: Vec<usize>,
    /// Somebody wants whoever polls to return; the next poll does, and takes this with it.
    woken: bool,
    pub(super) broken: bool,
}

impl Kernel {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State::default()), changed: Condvar::new() })
    }

    /// The thread in which events happen, one after the other.
    pub(super) fn make_events(self: &Arc<Self>, events: usize) {
        let kernel = self.clone();
        thread::spawn(move || (0..events).for_each(|event| kernel.post(event)));
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock());
        self.changed.notify_all();
    }

    pub(super) fn post(&self, event: usize) {
        self.change(|state| state.events.push(event));
    }

    pub(super) fn wake(&self) {
        self.change(|state| state.woken = true);
    }

    pub(super) fn wait_until(&self, holds: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let mut state = self.state.lock();
        while !holds(&state) {
            state = self.changed.wait(state).unwrap();
        }
        state
    }
}

/// The poller is broken.
#[derive(Debug)]
pub(super) struct Broken;

/// The poller. That no two threads are in it at once is checked by the cell that the watch keeps it
/// in.
pub(super) struct Poller(pub(super) Arc<Kernel>);

impl Poller {
    pub(super) fn poll(&mut self) -> Result<Vec<usize>, Broken> {
        Self::take(&mut self.0.state.lock())
    }

    pub(super) fn wait(&mut self) -> Result<Vec<usize>, Broken> {
        let ready = |state: &State| !state.events.is_empty() || state.woken || state.broken;
        Self::take(&mut self.0.wait_until(ready))
    }

    fn take(state: &mut State) -> Result<Vec<usize>, Broken> {
        state.woken = false;
        if state.broken {
            return Err(Broken);
        }
        Ok(std::mem::take(&mut state.events))
    }
}
