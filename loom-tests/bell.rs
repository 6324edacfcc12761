//! The bell: an owner that blocks in a poller is interrupted by a byte in a pipe. This is the pipe variant's
//! part of the comparison, as `watch` is the observer's.

use std::{convert::Infallible, sync::Arc};

use loom::{sync::Condvar, thread};

use super::check;
use crate::{
    protocol::{
        Parker, Ready,
        bell::{self, Pipe},
    },
    sync::{self, Mutex},
};

/// A pipe, and the poller that watches it and something else. The poller reports an end of the emptiness
/// once: an owner that leaves a byte behind is never told of another.
pub(super) struct Kernel {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    bytes: usize,
    /// The pipe is no longer empty, and nobody has been told.
    edge: bool,
    event: bool,
    /// So many writes are interrupted, and as many reads.
    hiccups: [usize; 2],
}

impl State {
    fn hiccup(&mut self, of: usize) -> bool {
        let any = self.hiccups[of] > 0;
        self.hiccups[of] = self.hiccups[of].saturating_sub(1);
        any
    }
}

/// The bytes that the pipe holds at most.
const CAPACITY: usize = 2;

impl Pipe for Kernel {
    type Error = Infallible;

    fn put(&self) -> bool {
        let mut state = self.state.lock();
        if state.hiccup(0) {
            return false;
        }
        if state.bytes == 0 {
            state.edge = true;
            self.changed.notify_one();
        }
        state.bytes = CAPACITY.min(state.bytes + 1);
        true
    }

    /// Reads one byte at once.
    fn take(&self) -> Result<bool, Infallible> {
        let mut state = self.state.lock();
        if state.hiccup(1) {
            return Ok(true);
        }
        let any = state.bytes > 0;
        state.bytes = state.bytes.saturating_sub(1);
        Ok(any)
    }
}

impl Kernel {
    pub(super) fn make_event(&self) {
        self.state.lock().event = true;
        self.changed.notify_one();
    }

    /// Polls; whether the pipe was reported.
    fn poll(&self, block: bool) -> bool {
        let mut state = self.state.lock();
        while block && !state.edge && !state.event {
            state = self.changed.wait(state).unwrap();
        }
        state.event = false;
        std::mem::take(&mut state.edge)
    }

    /// A `select`.
    fn select(&self, block: bool) {
        // B2.
        if self.poll(block) {
            let Ok(()) = bell::silence(self);
        }
    }
}

/// A domain with the pipe's events, and its mail.
pub(super) struct Desk<T> {
    pub(super) kernel: Arc<Kernel>,
    pub(super) parker: sync::Arc<Parker>,
    pub(super) mail: Ready<T>,
}

impl<T> Desk<T> {
    pub(super) fn new(hiccups: usize) -> Arc<Self> {
        let state = State { hiccups: [hiccups; 2], ..State::default() };
        let kernel = Arc::new(Kernel { state: Mutex::new(state), changed: Condvar::new() });
        let parker = sync::Arc::new(Parker::new());
        let ringing = kernel.clone();
        parker.set_interrupt(Box::new(move || bell::ring(&*ringing)));
        Arc::new(Self { mail: Ready::new(parker.clone()), kernel, parker })
    }

    /// The domain, which has something to do now and then: a tick that does not block, and one that does.
    /// It ends when `read` says so of a piece of mail.
    pub(super) fn own(&self, mut read: impl FnMut(T) -> bool) {
        let mut over = false;
        while !over {
            if self.parker.take() {
                self.mail.drain(8, |item| over |= read(item));
            }
            if over {
                return;
            }
            self.kernel.select(false);
            if self.parker.prepare() {
                self.kernel.select(true);
                self.parker.finish();
            }
            self.mail.drain(8, |item| over |= read(item));
        }
    }
}

/// The domain has so many pieces of mail to come.
fn own(desk: &Desk<()>, mail: usize) {
    let mut read = 0;
    desk.own(|()| {
        read += 1;
        read == mail
    });
}

/// I27: several rings for one sleep, beside signals that interrupt reads and writes.
#[test]
fn bell_two_notifiers() {
    check("bell_two_notifiers", 5, || {
        let desk = Desk::new(2);
        for _ in 0..2 {
            let desk = desk.clone();
            thread::spawn(move || desk.mail.send(()));
        }
        own(&desk, 2);
    });
}

/// I27 where the sleep may also end by an event, so that the byte is found by a later poll, or is one of
/// two.
#[test]
fn bell_beside_event() {
    check("bell_beside_event", 2, || {
        let desk = Desk::new(0);
        let (one, two, kernel) = (desk.clone(), desk.clone(), desk.kernel.clone());
        thread::spawn(move || {
            one.mail.send(());
            one.mail.send(());
        });
        thread::spawn(move || two.mail.send(()));
        thread::spawn(move || kernel.make_event());
        own(&desk, 3);
    });
}
