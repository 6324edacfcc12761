//! What the domains of a model share: the ways in, the messages, and what is counted across them.

use std::sync::Arc;

use loom::thread;

use super::{
    Count,
    domain::{Body, Domain},
};
use crate::{
    protocol::{Call, Inbox, Parker},
    slots::Key,
    sync::{self, AtomicU32, Ordering},
};

/// How many tasks a model may start in one execution.
const TASKS: usize = 6;

pub(super) type CallCell = Call<Key, Value>;

/// A result: loom sees nothing of it, and it is counted.
pub(super) struct Value {
    gone: Count,
}

impl Drop for Value {
    fn drop(&mut self) {
        self.gone.add();
    }
}

/// What all domains of a run share.
pub(super) struct Run {
    doors: Vec<Door>,
    /// What each task writes when it ends, relaxed: only the messages order it before the root's finish.
    ends: [AtomicU32; TASKS],
    called: Count,
    made: Count,
    gone: Count,
    /// Kept until the end: so a result that lies in one is seen, whoever else lets go of it.
    calls: std::sync::Mutex<Vec<Arc<CallCell>>>,
    /// Results that were neither taken nor dropped when the root finished.
    left: Count,
}

/// A domain, seen by the others.
pub(super) struct Door {
    pub(super) parker: sync::Arc<Parker>,
    pub(super) inbox: Inbox<Message>,
}

pub(super) enum Message {
    Start { who: usize, call: Arc<CallCell>, caller: Parent, make: Box<dyn FnOnce() -> Body + Send> },
    Cancel(Arc<CallCell>),
    Finished(Key),
    Fatal,
    Stop,
}

/// Who hears that a task has finished.
pub(super) enum Parent {
    Root,
    /// A task of the same domain.
    Here,
    Caller {
        domain: usize,
        link: Key,
    },
}

impl Run {
    /// Runs `main` as the main task on domain 0, beside so many other domains, each on a thread.
    pub(super) fn play(others: usize, main: Body) -> Arc<Self> {
        let door = |_| {
            let parker = sync::Arc::new(Parker::new());
            Door { inbox: Inbox::new(parker.clone()), parker }
        };
        let run = Arc::new(Self {
            doors: (0..=others).map(door).collect(),
            ends: std::array::from_fn(|_| AtomicU32::new(0)),
            called: Count::default(),
            made: Count::default(),
            gone: Count::default(),
            calls: std::sync::Mutex::default(),
            left: Count::default(),
        });
        for index in 1..=others {
            let run = run.clone();
            thread::spawn(move || Domain::new(run, index).own());
        }
        let domain = Domain::new(run.clone(), 0);
        domain.start(run.next(), None, Parent::Root, main);
        domain.own();
        for other in 1..=others {
            run.post(other, Message::Stop);
        }
        run
    }

    pub(super) fn make_call(&self) -> Arc<CallCell> {
        let call = Arc::new(CallCell::new());
        self.calls.lock().unwrap().push(call.clone());
        call
    }

    /// The number of the next task.
    pub(super) fn next(&self) -> usize {
        self.called.add() - 1
    }

    pub(super) fn door(&self, domain: usize) -> &Door {
        &self.doors[domain]
    }

    pub(super) fn post(&self, domain: usize, message: Message) {
        self.doors[domain].inbox.post(message);
    }

    pub(super) fn make_result(&self) -> Value {
        self.made.add();
        Value { gone: self.gone.clone() }
    }

    /// The future of a task is gone.
    pub(super) fn end(&self, who: usize) {
        self.ends[who].store(1, Ordering::Relaxed);
    }

    /// I18, when the root has finished: all that was ever called has ended, and what it did is seen.
    pub(super) fn assert_all_have_ended(&self) {
        let called = &self.ends[..self.called.get()];
        assert!(called.iter().all(|end| end.load(Ordering::Relaxed) == 1), "the root goes first");
        (self.gone.get()..self.made.get()).for_each(|_| {
            self.left.add();
        });
    }

    /// I16, when no promise was leaked: not when the root finished, and not later.
    pub(super) fn assert_no_result_is_left(&self) {
        assert_eq!(self.left.get(), 0, "results outlive their calls");
        assert_eq!(self.gone.get(), self.made.get(), "results made, and gone");
    }
}
