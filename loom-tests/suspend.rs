//! Suspensions: each is resumed by its own signal, once, however many are sent and whatever was given up.

use std::task::Poll;

use loom::thread;

use super::check;
use crate::{
    protocol::{Parker, Ready, Suspensions},
    slots::Key,
    sync::{Arc, AtomicU32, Ordering},
};

/// A domain, as others see it: where signals go, and what was published before each.
struct Desk<const N: usize> {
    parker: Arc<Parker>,
    signals: Ready<Key>,
    data: [AtomicU32; N],
}

impl<const N: usize> Desk<N> {
    fn new() -> std::sync::Arc<Self> {
        let parker = Arc::new(Parker::new());
        let data = std::array::from_fn(|_| AtomicU32::new(0));
        std::sync::Arc::new(Self { signals: Ready::new(parker.clone()), parker, data })
    }

    /// Another thread: publishes, then signals.
    fn signaller(self: &std::sync::Arc<Self>, who: usize, keys: &[Key]) {
        let (desk, keys) = (self.clone(), keys.to_vec());
        thread::spawn(move || {
            desk.data[who].store(1, Ordering::Relaxed);
            for key in keys {
                desk.signals.send(key);
            }
        });
    }

    fn is_published(&self, who: usize) -> bool {
        self.data[who].load(Ordering::Relaxed) == 1
    }
}

/// The domain's own: its suspensions, and the task that they resume, of which it is known only how often it
/// was resumed, and by which.
struct Domain<'a, const N: usize> {
    desk: &'a Desk<N>,
    suspensions: Suspensions<usize>,
    resumed: Vec<usize>,
}

impl<'a, const N: usize> Domain<'a, N> {
    fn new(desk: &'a Desk<N>) -> Self {
        Self { desk, suspensions: Suspensions::new(), resumed: Vec::new() }
    }

    /// As the tick does it: the token, the signals, whom they resume.
    fn look(&mut self) {
        self.desk.parker.take();
        while let Some(key) = self.desk.signals.pop() {
            // U3.
            self.resumed.extend(self.suspensions.signal(key));
        }
    }

    /// Waits under this name until the signal has come.
    fn receive(&mut self, key: Key, name: usize) {
        loop {
            // U2, by the task, in its slice.
            if self.suspensions.wait(key, name).is_ready() {
                return;
            }
            // Only its own signal gives it the next.
            self.resumed.clear();
            self.look();
            while !self.resumed.contains(&name) {
                self.desk.parker.park(None);
                self.look();
            }
        }
    }
}

/// I22 and I23: two signals of two threads for one suspension, before it waits or after.
#[test]
fn suspend_twice_signalled() {
    check("suspend_twice_signalled", 3, || {
        let desk = Desk::<2>::new();
        let mut domain = Domain::new(&desk);
        let key = domain.suspensions.name();
        desk.signaller(0, &[key]);
        desk.signaller(1, &[key]);
        // One may come before the task waits.
        domain.look();
        domain.receive(key, 0);
        assert!(desk.is_published(0) || desk.is_published(1));
        assert!(!domain.suspensions.cancel(key), "it was received");
        // The other one finds nobody.
        domain.look();
        assert!(domain.resumed.iter().all(|name| *name == 0) && domain.resumed.len() <= 1);
    });
}

/// I22 to I24: a suspension is given up while its signal is under way, and the next one takes its place.
#[test]
fn suspend_given_up() {
    check("suspend_given_up", 4, || {
        let desk = Desk::<2>::new();
        let mut domain = Domain::new(&desk);
        let late = domain.suspensions.name();
        desk.signaller(0, &[late]);
        let _waits: Poll<()> = domain.suspensions.wait(late, 0);
        domain.look();
        let was_resumed = domain.resumed.contains(&0);
        // U4: given up, unless the task had its signal already.
        if !was_resumed || domain.suspensions.wait(late, 0).is_pending() {
            assert!(domain.suspensions.cancel(late), "told to the events, once");
        }
        assert!(!domain.suspensions.cancel(late));
        let next = domain.suspensions.name();
        assert_eq!(late.index, next.index, "in the same place");
        desk.signaller(1, &[next]);
        domain.receive(next, 1);
        assert!(desk.is_published(1), "resumed by the other's signal");
    });
}

/// I22 for two tasks, whose signals come in one batch of each of two threads.
#[test]
fn suspend_two_tasks() {
    check("suspend_two_tasks", 3, || {
        let desk = Desk::<2>::new();
        let mut domain = Domain::new(&desk);
        let (one, two) = (domain.suspensions.name(), domain.suspensions.name());
        desk.signaller(0, &[one, two]);
        desk.signaller(1, &[two]);
        let _waits: Poll<()> = domain.suspensions.wait(two, 2);
        domain.receive(one, 1);
        assert!(desk.is_published(0), "only one thread signals it");
        domain.receive(two, 2);
    });
}

/// I22 for a task that is polled again before its signal, and then waits under another name: that one is
/// resumed.
#[test]
fn suspend_waits_again() {
    check("suspend_waits_again", None, || {
        let desk = Desk::<1>::new();
        let mut domain = Domain::new(&desk);
        let key = domain.suspensions.name();
        desk.signaller(0, &[key]);
        if domain.suspensions.wait(key, 0).is_pending() {
            domain.receive(key, 1);
        }
        assert!(desk.is_published(0) && !domain.resumed.contains(&0), "resumed under its former name");
    });
}
