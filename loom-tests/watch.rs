//! The watch: the whole hand-over between a domain and its observer. The poller is scripted, and a
//! thread of its own is the kernel that makes events.

use std::sync::Arc;

use loom::thread::{self, JoinHandle};

use super::{
    Once, check,
    kernel::{Broken, Kernel, Poller},
};
use crate::{
    protocol::{Parker, Ready, Stopped, Watch, Watchman},
    sync,
};

enum News {
    Event(usize),
    Failed,
}

/// A domain and what its observer shares with it.
struct Desk {
    kernel: Arc<Kernel>,
    parker: sync::Arc<Parker>,
    ready: Ready<News>,
    watch: Watch<Poller>,
}

/// The observer's side. It stands down after so many batches, and again after as many.
struct Keeper {
    desk: Arc<Desk>,
    patience: usize,
    batches: usize,
    failed: bool,
}

const NEVER: usize = usize::MAX;

impl Watchman<Poller> for Keeper {
    fn harvest(&mut self, poller: &mut Poller) -> Result<bool, Stopped> {
        assert!(!self.failed, "polled after the poller failed");
        let Ok(events) = poller.wait() else {
            self.failed = true;
            self.desk.ready.push_all([News::Failed]);
            return Err(Stopped);
        };
        Ok(self.desk.ready.push_all(events.into_iter().map(News::Event)))
    }

    fn stands_down(&mut self) -> bool {
        self.batches += 1;
        self.batches.is_multiple_of(self.patience)
    }
}

impl Desk {
    fn new() -> Arc<Self> {
        let kernel = Kernel::new();
        let parker = sync::Arc::new(Parker::new());
        Arc::new(Self {
            ready: Ready::new(parker.clone()),
            watch: Watch::new(Poller(kernel.clone()), parker.clone()),
            kernel,
            parker,
        })
    }

    fn keeper(self: &Arc<Self>, patience: usize) -> Keeper {
        Keeper { desk: self.clone(), patience, batches: 0, failed: false }
    }

    fn observer(self: &Arc<Self>, mut keeper: Keeper) -> JoinHandle<()> {
        let desk = self.clone();
        thread::spawn(move || desk.watch.observe(&mut keeper))
    }

    /// The domain, until it has all `N` events.
    fn own<const N: usize>(&self, busy: bool) {
        let mut delivered = Once::<N>::new();
        loop {
            // D1.
            if self.parker.take() {
                self.read_news(&mut delivered);
            }
            if busy {
                // D5, with ever so little patience.
                self.watch.recall();
            }
            if delivered.is_complete() {
                return;
            }
            // D2.
            let polled = self.watch.harvest(Poller::poll);
            let found = polled.and_then(Result::ok).unwrap_or_default();
            if !found.is_empty() {
                found.into_iter().for_each(|event| delivered.deliver(event));
                continue;
            }
            // D3.
            self.watch.recall();
            // D4.
            self.parker.park(None);
            self.read_news(&mut delivered);
        }
    }

    fn read_news<const N: usize>(&self, delivered: &mut Once<N>) {
        while let Some(News::Event(event)) = self.ready.pop() {
            delivered.deliver(event);
        }
    }

    /// The domain's end. That the observer's comes too is asserted by waiting for it.
    fn end(&self, observer: JoinHandle<()>) {
        // D6.
        self.watch.stop();
        self.kernel.wake();
        observer.join().unwrap();
    }

    /// The usual model: `N` events, each delivered once.
    fn serve<const N: usize>(patience: usize, busy: bool) {
        let desk = Self::new();
        let observer = desk.observer(desk.keeper(patience));
        desk.kernel.make_events(N);
        desk.own::<N>(busy);
        desk.end(observer);
        assert!(desk.ready.pop().is_none(), "an event was delivered twice");
    }
}

/// I9 to I12 for an observer that never stands down.
#[test]
fn watch_always() {
    check("watch_always", 3, || Desk::serve::<2>(NEVER, false));
}

/// I9 to I12 for an observer that stands down with every batch.
#[test]
fn watch_stands_down() {
    check("watch_stands_down", 3, || Desk::serve::<2>(1, false));
}

/// I9 to I12 for an observer that stands down with every other batch.
#[test]
fn watch_adaptive() {
    check("watch_adaptive", 3, || Desk::serve::<3>(2, false));
}

/// I9 to I12 for a domain that recalls the observer without parking.
#[test]
fn watch_busy() {
    check("watch_busy", 3, || Desk::serve::<2>(1, true));
}

/// I9 to I12 for a domain that others wake too.
#[test]
fn watch_mail() {
    check("watch_mail", 2, || {
        let desk = Desk::new();
        let observer = desk.observer(desk.keeper(1));
        desk.kernel.make_events(1);
        let sender = desk.clone();
        thread::spawn(move || sender.ready.send(News::Event(1)));
        desk.own::<2>(false);
        desk.end(observer);
        assert!(desk.ready.pop().is_none(), "an event was delivered twice");
    });
}

/// I11 for a poll that ends for nothing, beside an observer that would stand down.
#[test]
fn watch_vain() {
    check("watch_vain", 3, || {
        let desk = Desk::new();
        let observer = desk.observer(desk.keeper(1));
        let kernel = desk.kernel.clone();
        thread::spawn(move || {
            kernel.wake();
            kernel.post(0);
        });
        desk.own::<1>(false);
        desk.end(observer);
    });
}

/// I12: the observer ends, in whatever state the end of the domain finds it, and though an event
/// comes together with the wake.
#[test]
fn watch_stop() {
    check("watch_stop", 4, || {
        let desk = Desk::new();
        let observer = desk.observer(desk.keeper(1));
        desk.kernel.make_events(1);
        desk.watch.recall();
        desk.end(observer);
    });
}

/// I13: a poller that fails ends the watch, and the domain hears of it.
#[test]
fn watch_fails() {
    check("watch_fails", 3, || {
        let desk = Desk::new();
        let observer = desk.observer(desk.keeper(1));
        let kernel = desk.kernel.clone();
        thread::spawn(move || kernel.change(|state| state.broken = true));
        let heard = loop {
            // D5.
            desk.watch.recall();
            if desk.parker.take() && desk.ready.pop().is_some() {
                break true;
            }
            if let Some(Err(Broken)) = desk.watch.harvest(Poller::poll) {
                break false;
            }
            desk.watch.recall();
            desk.parker.park(None);
            if desk.ready.pop().is_some() {
                break true;
            }
        };
        if heard {
            assert!(desk.watch.harvest(Poller::poll).is_none(), "polled after the poller failed");
        }
        desk.end(observer);
    });
}
