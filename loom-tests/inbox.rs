//! The inbox: wakes of one task from two threads, of which one message may stand for both.

use loom::thread;

use super::{Count, check};
use crate::{
    protocol::{Inbox, Parker, WakeWord},
    sync::{Arc, AtomicU32, Ordering},
};

/// The message; there is but one task.
#[derive(Debug)]
struct Wake;

/// A domain with one task, which wants data from two threads.
struct Desk {
    parker: Arc<Parker>,
    inbox: Inbox<Wake>,
    word: WakeWord,
    data: [AtomicU32; 2],
    requests: Count,
}

impl Desk {
    fn new() -> std::sync::Arc<Self> {
        let parker = Arc::new(Parker::new());
        std::sync::Arc::new(Self {
            inbox: Inbox::new(parker.clone()),
            parker,
            word: WakeWord::new(),
            data: std::array::from_fn(|_| AtomicU32::new(0)),
            requests: Count::default(),
        })
    }

    /// A remote waker.
    fn wake(&self, who: usize) {
        self.data[who].store(1, Ordering::Relaxed);
        self.requests.add();
        self.inbox.wake(&self.word, Wake);
    }

    fn wakers(self: &std::sync::Arc<Self>) -> [thread::JoinHandle<()>; 2] {
        std::array::from_fn(|who| {
            let desk = self.clone();
            thread::spawn(move || desk.wake(who))
        })
    }

    fn has(&self, who: usize) -> bool {
        self.data[who].load(Ordering::Relaxed) == 1
    }

    /// The domain: a run of the task for the messages that it found, until `task` says that the
    /// task has completed.
    fn own(&self, task: impl Fn() -> bool) {
        let mut messages = 0;
        loop {
            let mut woken = self.parker.take() && self.read_mail(&mut messages);
            if !woken {
                self.parker.park(None);
                woken = self.read_mail(&mut messages);
            }
            if woken && task() {
                return;
            }
        }
    }

    /// Whether the task was woken.
    fn read_mail(&self, messages: &mut usize) -> bool {
        let mut woken = false;
        while let Some(Wake) = self.inbox.next() {
            *messages += 1;
            assert!(*messages <= self.requests.get(), "a message that nobody asked for");
            // STEP take the word before the run.
            self.word.take();
            woken = true;
        }
        woken
    }

    fn messages(&self) -> usize {
        std::iter::from_fn(|| self.inbox.next()).count()
    }
}

/// I6: the task sees both wakes, in one run or in two.
#[test]
fn inbox_two_wakers() {
    check("inbox_two_wakers", 4, || {
        let desk = Desk::new();
        desk.wakers();
        desk.own(|| desk.has(0) && desk.has(1));
    });
}

/// I7: as long as a wake lies in the inbox, no second one is posted.
#[test]
fn inbox_coalesces() {
    check("inbox_coalesces", None, || {
        let desk = Desk::new();
        for waker in desk.wakers() {
            waker.join().unwrap();
        }
        assert_eq!(desk.messages(), 1, "one message stands for all wakes before the run");
        desk.word.take();
        desk.wake(0);
        desk.wake(0);
        assert_eq!(desk.messages(), 1, "a wake after the run posts again");
    });
}

/// I8: a wake of a completed task is inert: its word stays taken, so at most one message of it is
/// ever left.
#[test]
fn inbox_completed() {
    check("inbox_completed", 4, || {
        let desk = Desk::new();
        let wakers = desk.wakers();
        desk.own(|| desk.has(0));
        for waker in wakers {
            waker.join().unwrap();
        }
        desk.wake(0);
        desk.wake(1);
        assert!(desk.messages() <= 1, "wakes of a completed task piled up");
    });
}
