//! The token parker: a notifier publishes by a relaxed store of its own, so that only the token can
//! order it before the owner's look.

use std::sync::Arc;

use loom::{sync::Condvar, thread};

use super::{Count, check};
use crate::{
    protocol::Parker,
    sync::{AtomicU32, Mutex, Ordering},
};

/// A parker and the news of its notifiers.
struct Desk<const N: usize> {
    parker: Parker,
    news: [AtomicU32; N],
}

impl<const N: usize> Desk<N> {
    fn new() -> Arc<Self> {
        Arc::new(Self { parker: Parker::new(), news: std::array::from_fn(|_| AtomicU32::new(0)) })
    }

    /// Starts the notifiers, one for each piece of news.
    fn notifiers(self: &Arc<Self>) {
        for who in 0..N {
            let desk = self.clone();
            thread::spawn(move || desk.publish(who));
        }
    }

    fn publish(&self, who: usize) -> bool {
        self.news[who].store(1, Ordering::Relaxed);
        self.parker.notify()
    }

    /// The owner's look: is all the news there?
    fn look(&self) -> bool {
        self.news.iter().all(|news| news.load(Ordering::Relaxed) == 1)
    }
}

/// What an owner sleeps in that does not sleep on the parker, and how often it did.
struct Pipe {
    written: Mutex<bool>,
    condvar: Condvar,
    blocked: Count,
    interrupted: Count,
}

impl Pipe {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            written: Mutex::new(false),
            condvar: Condvar::new(),
            blocked: Count::default(),
            interrupted: Count::default(),
        })
    }

    fn write(&self) {
        *self.written.lock() = true;
        self.condvar.notify_one();
    }

    /// The interrupt: a write, and never more of them than there were sleeps to end.
    fn interrupt(&self) {
        let interrupted = self.interrupted.add();
        assert!(interrupted <= self.blocked.get(), "interrupted twice for one sleep");
        self.write();
    }

    /// The blocking system call.
    fn read(&self) {
        let mut written = self.written.lock();
        while !*written {
            written = self.condvar.wait(written).unwrap();
        }
        *written = false;
    }

    fn interrupts<const N: usize>(self: &Arc<Self>, desk: &Desk<N>) {
        let pipe = self.clone();
        desk.parker.set_interrupt(Box::new(move || pipe.interrupt()));
    }

    /// The owner's quantum: a `select` that blocks unless there is news.
    fn select<const N: usize>(&self, desk: &Desk<N>) {
        if desk.parker.prepare() {
            self.blocked.add();
            self.read();
            desk.parker.finish();
        }
    }
}

/// I1: no wake-up is lost, however often the owner parks again.
#[test]
fn park_again() {
    check("park_again", 4, || {
        let desk = Desk::<2>::new();
        desk.notifiers();
        while !desk.look() {
            desk.parker.park(None);
        }
    });
}

/// I1 for an owner that looks only if it has taken the token, as the domain's tick does.
#[test]
fn park_tick() {
    check("park_tick", 4, || {
        let desk = Desk::<2>::new();
        desk.notifiers();
        loop {
            if desk.parker.take() && desk.look() {
                break;
            }
            desk.parker.park(None);
            if desk.look() {
                break;
            }
        }
    });
}

/// I2: with the token, taken in either way, comes the news; and it is taken once.
#[test]
fn park_token() {
    check("park_token", None, || {
        let desk = Desk::<1>::new();
        desk.notifiers();
        if !desk.parker.take() {
            desk.parker.park(None);
        }
        assert!(desk.look(), "the token without its news");
        assert!(!desk.parker.take(), "the token was left");
    });
}

/// I1 and I3 for an owner that blocks in a system call: it is interrupted, once for each sleep. The
/// notifiers are there before the interrupt is.
#[test]
fn park_interrupt() {
    check("park_interrupt", None, || {
        let desk = Desk::<2>::new();
        let pipe = Pipe::new();
        desk.notifiers();
        pipe.interrupts(&desk);
        while !desk.look() {
            pipe.select(&desk);
        }
    });
}

/// I1 for an owner that sleeps in a system call which an event of its own may end as well, as a
/// deadline would: news that comes at that moment is in the look that follows.
#[test]
fn park_interrupt_beside_event() {
    check("park_interrupt_beside_event", 3, || {
        let desk = Desk::<2>::new();
        let pipe = Pipe::new();
        pipe.interrupts(&desk);
        desk.notifiers();
        let kernel = pipe.clone();
        thread::spawn(move || kernel.write());
        while !desk.look() {
            pipe.select(&desk);
        }
    });
}

/// I1 for an owner whose events, with their interrupt, have ended: it sleeps on the parker again.
#[test]
fn park_after_interrupt() {
    check("park_after_interrupt", None, || {
        let desk = Desk::<2>::new();
        let pipe = Pipe::new();
        pipe.interrupts(&desk);
        desk.notifiers();
        pipe.select(&desk);
        while !desk.look() {
            desk.parker.park(None);
        }
    });
}

/// I4: a notifier learns whether it found the owner asleep: as many do as had to interrupt it.
#[test]
fn park_found_asleep() {
    check("park_found_asleep", 3, || {
        let desk = Desk::<2>::new();
        let pipe = Pipe::new();
        pipe.interrupts(&desk);
        let found = Count::default();
        let notifiers = [0, 1].map(|who| {
            let (desk, found) = (desk.clone(), found.clone());
            thread::spawn(move || {
                if desk.publish(who) {
                    found.add();
                }
            })
        });
        while !desk.look() {
            pipe.select(&desk);
        }
        for notifier in notifiers {
            notifier.join().unwrap();
        }
        assert_eq!(found.get(), pipe.interrupted.get());
    });
}
