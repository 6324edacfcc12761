//! Shutdown: a domain that is told to stop ends, with its observer or its pipe, whatever else is under way;
//! and what comes too late does no harm and is not kept. A domain that fails ends all of the run.

use std::sync::Arc;

use loom::thread;

use super::{
    bell, check,
    domain::stays,
    kernel::{Kernel, Poller},
    run::Run,
};
use crate::{
    protocol::{Inbox, Parker, Ready, Stopped, WakeWord, Watch, Watchman},
    sync,
};

/// What a domain is told.
#[derive(PartialEq, Eq)]
enum Letter {
    Work,
    Wake,
    Stop,
}

/// A domain with an observer, as others see it.
struct Shared {
    kernel: Arc<Kernel>,
    parker: sync::Arc<Parker>,
    inbox: Inbox<Letter>,
    signals: Ready<()>,
    news: Ready<usize>,
    watch: Watch<Poller>,
}

/// The observer's side. It stands down at once, or never.
struct Keeper(Arc<Shared>, bool);

impl Watchman<Poller> for Keeper {
    fn harvest(&mut self, poller: &mut Poller) -> Result<bool, Stopped> {
        let events = poller.wait().map_err(|_| Stopped)?;
        Ok(self.0.news.push_all(events))
    }

    fn stands_down(&mut self) -> bool {
        self.1
    }
}

impl Shared {
    fn new() -> Arc<Self> {
        let kernel = Kernel::new();
        let parker = sync::Arc::new(Parker::new());
        Arc::new(Self {
            inbox: Inbox::new(parker.clone()),
            signals: Ready::new(parker.clone()),
            news: Ready::new(parker.clone()),
            watch: Watch::new(Poller(kernel.clone()), parker.clone()),
            kernel,
            parker,
        })
    }

    /// The domain's whole life, which stands for the tick and for what follows it.
    fn live(self: &Arc<Self>, stands_down: bool) {
        let observer = {
            let (shared, mut keeper) = (self.clone(), Keeper(self.clone(), stands_down));
            thread::spawn(move || shared.watch.observe(&mut keeper))
        };
        let (mut over, mut worked) = (false, false);
        let mut read_mail = || {
            self.inbox.drain(8, |letter| {
                over |= letter == Letter::Stop;
                worked |= letter == Letter::Work;
            });
            self.signals.drain(8, |()| {});
            self.news.drain(8, |_| {});
            over
        };
        loop {
            if self.parker.take() && read_mail() {
                break;
            }
            if self
                .watch
                .harvest(Poller::poll)
                .is_some_and(|found| found.is_ok_and(|found| !found.is_empty()))
            {
                continue;
            }
            self.watch.recall();
            self.parker.park(None);
            if read_mail() {
                break;
            }
        }
        assert!(worked, "stopped before what it was told before");
        // D6.
        self.watch.stop();
        self.kernel.wake();
        observer.join().unwrap();
        // STEP nothing is read from here on.
        self.parker.close();
    }
}

/// I5, I12 and I28: the end, while an event is under way.
fn stop_beside_event(name: &str, stands_down: bool) {
    check(name, 2, move || {
        let shared = Shared::new();
        shared.kernel.make_events(1);
        let main = shared.clone();
        thread::spawn(move || {
            main.inbox.post(Letter::Work);
            main.inbox.post(Letter::Stop);
        });
        shared.live(stands_down);
    });
}

#[test]
fn shutdown_watched() {
    stop_beside_event("shutdown_watched", false);
}

#[test]
fn shutdown_stood_down() {
    stop_beside_event("shutdown_stood_down", true);
}

/// I5, I12 and I28: the end, while a signal and a wake are under way.
#[test]
fn shutdown_beside_strangers() {
    check("shutdown_beside_strangers", 1, || {
        let shared = Shared::new();
        let (main, stranger) = (shared.clone(), shared.clone());
        thread::spawn(move || {
            main.inbox.post(Letter::Work);
            main.inbox.post(Letter::Stop);
        });
        let stranger = thread::spawn(move || {
            stranger.signals.send(());
            stranger.inbox.wake(&WakeWord::new(), Letter::Wake);
        });
        shared.live(true);
        stranger.join().unwrap();
        // What came just before the end was read, or is kept; what comes now is not.
        while shared.inbox.next().is_some() {}
        while shared.signals.pop().is_some() {}
        shared.signals.send_all([(), ()]);
        shared.inbox.wake(&WakeWord::new(), Letter::Wake);
        assert!(shared.signals.pop().is_none() && shared.inbox.next().is_none(), "kept for nobody");
    });
}

/// I1, I27 and I28 for the pipe variant: the last interrupts may ring for a domain that has gone.
#[test]
fn shutdown_pipe() {
    check("shutdown_pipe", 2, || {
        let desk = bell::Desk::new(0);
        let (main, stranger, kernel) = (desk.clone(), desk.clone(), desk.kernel.clone());
        thread::spawn(move || {
            main.mail.send(Letter::Work);
            main.mail.send(Letter::Stop);
        });
        thread::spawn(move || stranger.mail.send(Letter::Wake));
        thread::spawn(move || kernel.make_event());
        let mut worked = false;
        desk.own(|letter| {
            worked |= letter == Letter::Work;
            letter == Letter::Stop
        });
        assert!(worked, "stopped before what it was told before");
        desk.parker.close();
    });
}

/// I15, I18 and I28: a domain fails while a task on it, and one of another domain, would stay for ever: all of
/// them end, and the root last.
#[test]
fn shutdown_after_failure() {
    check("shutdown_after_failure", 2, || {
        Run::play(
            2,
            stays(|slice| {
                drop(slice.call(1, None, || stays(|slice| slice.fail())));
                drop(slice.call(2, None, || stays(|_| {})));
            }),
        );
    });
}
