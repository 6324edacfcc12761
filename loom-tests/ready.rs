//! The ready queue: what is pushed is delivered, once, to an owner that would sleep for ever.

use loom::thread;

use super::{Once, check};
use crate::{
    protocol::{Parker, Ready},
    sync::Arc,
};

/// A queue, its owner's parker, and the owner.
struct Desk {
    parker: Arc<Parker>,
    ready: Ready<usize>,
}

impl Desk {
    fn new() -> std::sync::Arc<Self> {
        let parker = Arc::new(Parker::new());
        std::sync::Arc::new(Self { ready: Ready::new(parker.clone()), parker })
    }

    /// The owner, as the domain's tick is: it reads its mail if there is a token, at most `limit`
    /// letters at once, and parks when there is nothing else.
    fn own<const N: usize>(&self, limit: usize) {
        let mut delivered = Once::<N>::new();
        loop {
            // STEP take, then look.
            if self.parker.take() {
                self.read_mail(&mut delivered, limit);
            }
            if delivered.is_complete() {
                return;
            }
            self.parker.park(None);
            self.read_mail(&mut delivered, limit);
        }
    }

    fn read_mail<const N: usize>(&self, delivered: &mut Once<N>, limit: usize) {
        self.ready.drain(limit, |item| delivered.deliver(item));
    }
}

/// I5: every item is delivered once; the second push of a producer needs its token too.
#[test]
fn ready_two_producers() {
    check("ready_two_producers", 3, || {
        let desk = Desk::new();
        let (one, two) = (desk.clone(), desk.clone());
        thread::spawn(move || {
            one.ready.send(0);
            one.ready.send(1);
        });
        thread::spawn(move || two.ready.send(2));
        desk.own::<3>(8);
    });
}

/// I5 for a batch: one token after the last push stands for all.
#[test]
fn ready_batch() {
    check("ready_batch", 3, || {
        let desk = Desk::new();
        let (one, two) = (desk.clone(), desk.clone());
        thread::spawn(move || {
            one.ready.push_all([0, 1]);
            // STEP notify after the last of a batch.
            one.parker.notify();
        });
        thread::spawn(move || two.ready.send(2));
        desk.own::<3>(8);
    });
}

/// I5 for batches that are sent as such, of two threads.
#[test]
fn ready_send_all() {
    check("ready_send_all", 3, || {
        let desk = Desk::new();
        let (one, two) = (desk.clone(), desk.clone());
        thread::spawn(move || one.ready.send_all([0, 1]));
        thread::spawn(move || two.ready.send_all([2, 3]));
        desk.own::<4>(8);
    });
}

/// I5 for an owner that stops reading before the queue is empty.
#[test]
fn ready_limit() {
    check("ready_limit", None, || {
        let desk = Desk::new();
        let one = desk.clone();
        thread::spawn(move || {
            one.ready.send(0);
            one.ready.send(1);
        });
        desk.own::<2>(1);
    });
}
