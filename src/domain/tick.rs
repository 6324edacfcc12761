//! The tick: mail, events, a slice for each signalled task, a quantum of ordinary ones, and the park
//! when nothing can run.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    ptr,
    rc::Rc,
    task::{Context, Poll},
};

use crate::{
    domain::{Fatal, Local, Message, hint, local::BUDGET},
    events::{Events, Signals},
    task::{Task, discard, shielded},
    trace,
};

/// How many signalled tasks run before ordinary ones do again.
const SIGNALLED: usize = 64;
/// How often news is looked for before they do. Beside tasks of 50 µs five looks in place of three take the median
/// echo of 8 connections from 97 to 82 µs, and a fifth of those tasks' slices.
const ROUNDS: usize = 5;
/// How many messages, and how many signals, are read before tasks run again.
const MAIL: usize = 1024;

impl Local {
    /// Runs until every task of the run has finished.
    pub(crate) fn run(&self) {
        while !self.over.get() {
            self.tick();
        }
    }

    /// Makes `task` the main task: the run is over once it has finished.
    pub(crate) fn set_root(&self, task: Rc<dyn Task>) {
        *self.root.borrow_mut() = Some(task.clone());
        self.schedule(task);
    }

    fn tick(&self) {
        if self.ends_by_fork() {
            return;
        }
        self.shared.counters.ticks.count();
        self.take_mail();
        self.hooks.call();
        self.reap();
        self.select();
        self.run_signalled();
        for _ in 0..self.quanta {
            let task = self.queue.borrow_mut().pop_ordinary();
            if task.is_none() {
                break;
            }
            self.run_slice(task);
        }
    }

    /// Runs signalled tasks, also those of news that comes meanwhile, which goes before ordinary tasks:
    /// but these have their turn at last.
    fn run_signalled(&self) {
        let mut left = SIGNALLED;
        for round in 1..=ROUNDS {
            let ran = self.run_batch(left);
            left -= ran;
            // Without ordinary tasks the next tick finds the news as soon.
            if ran == 0 || left == 0 || round == ROUNDS || !self.queue.borrow().has_ordinary() {
                return;
            }
            self.take_mail();
            self.select_once(false);
        }
    }

    /// A slice for each task that has been signalled so far, at most so many; how many it were.
    fn run_batch(&self, limit: usize) -> usize {
        let signalled = self.queue.borrow().signalled().min(limit);
        if signalled > 0 {
            hint::quicken();
        }
        for _ in 0..signalled {
            let (task, since) = self.queue.borrow_mut().pop_signalled();
            if let Some(since) = since {
                self.time_turn(since);
            }
            self.run_slice(task);
        }
        signalled
    }

    /// Reads what there is; one load where there is nothing.
    fn take_mail(&self) -> bool {
        let any = self.shared.parker.take();
        if any {
            self.read_mail();
        }
        any
    }

    /// What other threads have left, their token already taken. It wakes tasks as signals do.
    fn read_mail(&self) {
        self.signalling.set(true);
        self.shared.inbox.drain(MAIL, |message| self.receive(message));
        self.shared.signals.drain(MAIL, |uid| {
            self.shared.counters.signals.count();
            shielded(|| self.signal(uid));
        });
        self.signalling.set(false);
    }

    fn receive(&self, message: Message) {
        if !matches!(message, Message::Ask(_)) {
            self.shared.counters.messages.count();
        }
        match message {
            Message::Wake(key) => {
                let task = self.tasks.borrow().get(key).cloned();
                if let Some(task) = task {
                    task.take_wake();
                    self.schedule(task);
                }
            }
            // A call is work, not news: it queues behind the work that is already here.
            Message::Start(start) => {
                self.signalling.set(false);
                start();
                self.signalling.set(true);
            }
            Message::Cancel(call) => {
                let task = call.key().and_then(|key| self.tasks.borrow().get(key).cloned());
                if let Some(task) = task {
                    self.doom(task);
                }
            }
            Message::Finished(link, ending) => {
                let link = self.tasks.borrow().get(link).cloned();
                if let Some(link) = link {
                    self.ended(&link, ending);
                }
            }
            Message::Ask(ask) => self.asked_here.push(ask),
            Message::Fatal(fatal) => self.abandon(fatal),
            Message::Stop => self.over.set(true),
        }
    }

    /// One `select`, and the park where nothing can run.
    fn select(&self) {
        self.answer_asks();
        if !self.is_dry() {
            return self.select_once(false);
        }
        // A hook, or a destructor, may have forked since the tick began: nobody would end the sleep.
        if self.ends_by_fork() {
            return;
        }
        self.set_overdue(false);
        hint::restart();
        self.count_waiting();
        let parker = &self.shared.parker;
        if self.interrupt.borrow().is_some() {
            // Told before it is certain: who hears of it may have a task woken.
            trace::park(self.shared.domain());
            if self.is_dry() {
                let rests = self.rest();
                if parker.prepare() {
                    self.shared.counters.parks.count();
                    self.select_once(true);
                    parker.finish();
                }
                if rests {
                    self.stir();
                }
            }
        } else {
            self.select_once(true);
            if !self.is_dry() {
                return;
            }
            // Told before it is certain: who hears of it may have a task woken.
            trace::park(self.shared.domain());
            let deadline = self.ask_events(|events| {
                events.before_park();
                events.deadline()
            });
            // Not if these failed, and the run is to end.
            if self.is_dry() {
                let rests = self.rest();
                self.shared.counters.parks.count();
                parker.park(deadline.flatten());
                if rests {
                    self.stir();
                }
            }
        }
        trace::unpark(self.shared.domain());
        // `prepare`, `finish` and `park` took the token.
        self.read_mail();
    }

    /// Answers what was asked, after a look for news of every kind.
    fn answer_asks(&self) {
        if self.asked_here.is_empty() {
            return;
        }
        let asks = self.asked_here.take();
        self.select_once(false);
        for ask in asks {
            ask(self);
        }
    }

    /// Is there nothing to do before there is news?
    pub(super) fn is_dry(&self) -> bool {
        self.queue.borrow().is_empty() && self.doomed.is_empty() && !self.over.get()
    }

    fn select_once(&self, block: bool) {
        self.unseen.set(false);
        let cancelled = self.cancelled.take();
        let mut signals = Signals::default();
        self.signalling.set(true);
        let result = self.ask_events(|events| events.select(block, &cancelled, &mut signals));
        if !signals.is_empty() {
            self.signal_all(signals);
        }
        self.signalling.set(false);
        if let Some(Err(error)) = result {
            self.fail(Fatal::Error(error));
        }
    }

    #[inline(never)]
    fn signal_all(&self, mut signals: Signals) {
        for uid in signals.drain() {
            self.shared.counters.signals.count();
            shielded(|| self.signal(uid));
        }
    }

    /// Calls the events, unless there are none, or none any more, or they are in use up the stack.
    pub(super) fn ask_events<R>(&self, ask: impl FnOnce(&mut dyn Events) -> R) -> Option<R> {
        let mut events = self.events.try_borrow_mut().ok()?;
        let asked = catch_unwind(AssertUnwindSafe(|| events.as_deref_mut().map(ask)));
        drop(events);
        match asked {
            Ok(answer) => answer,
            Err(payload) => {
                self.fail(Fatal::Panic(payload));
                None
            }
        }
    }

    /// This domain's events have failed: it uses them no more, and the run ends.
    pub(super) fn fail(&self, fatal: Fatal) {
        self.lose_hope();
        self.doom_all(u64::MAX);
        self.finalise_into(Some(fatal));
    }

    /// Lets go of the events, telling them what was cancelled since the last `select`; reports
    /// `failure`, or else what went wrong here.
    fn finalise_into(&self, failure: Option<Fatal>) {
        let events = self.events.take();
        let finalised = catch_unwind(AssertUnwindSafe(|| {
            drop(self.interrupt.take());
            let Some(mut events) = events else { return Ok(()) };
            let mut result = Ok(());
            if failure.is_none() {
                let cancelled = self.cancelled.take();
                if !cancelled.is_empty() {
                    result = events.select(false, &cancelled, &mut Signals::default());
                }
            }
            result.and(events.finalise())
        }));
        let failure = failure.or(match finalised {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(Fatal::Error(error)),
            Err(payload) => Some(Fatal::Panic(payload)),
        });
        if let Some(fatal) = failure {
            self.report(fatal);
        }
    }

    /// The domain ends: lets go of what its tasks have left, and finalises its events.
    pub(crate) fn finalise(&self) {
        self.hooks.close();
        self.values.clear();
        self.finalise_into(None);
        self.shared.parker.close();
    }

    fn report(&self, fatal: Fatal) {
        match self.index() {
            0 => self.abandon(fatal),
            // There is no domain 0 in a forked child; `run_domain` tells.
            _ if self.shared.has_forked() => discard(fatal),
            _ => self.group.peers[0].inbox.post(Message::Fatal(fatal)),
        }
    }

    /// Domain 0: ends the run before its time by cancelling the main task. The first reason counts.
    fn abandon(&self, fatal: Fatal) {
        self.keep_first(fatal);
        let root = self.root.borrow().clone();
        if let Some(root) = root {
            self.doom(root);
        }
    }

    /// Takes what ended the run before its time, once the other domains have ended.
    pub(crate) fn take_fatal(&self) -> Option<Fatal> {
        while let Some(message) = self.shared.inbox.next() {
            if let Message::Fatal(fatal) = message {
                self.keep_first(fatal);
            }
        }
        self.fatal.take()
    }

    fn keep_first(&self, fatal: Fatal) {
        let first = self.fatal.borrow().is_none();
        if first {
            *self.fatal.borrow_mut() = Some(fatal);
        } else {
            // The payload of a panic is anybody's value, and may panic itself.
            discard(fatal);
        }
    }

    /// Runs one task until it gives way.
    fn run_slice(&self, task: Option<Rc<dyn Task>>) {
        let Some(task) = task else { return };
        // The slice before this one may have forked: what is left of the run is to end, and takes no step more.
        if self.shared.has_forked() {
            return;
        }
        // A cancellation from another domain waits for the slice before this one, and for no more.
        if self.take_mail() {
            // What the token stood for may be the events' affair.
            self.unseen.set(true);
        }
        let signalled = self.count_waiting();
        self.set_overdue(self.unseen.get() || signalled > 0);
        hint::look_soon();
        // Whoever was doomed takes no further step, though the news that doomed it also woke it.
        self.reap();
        let node = task.node();
        node.queued.set(false);
        if node.is_ending() {
            return;
        }
        // The near end of a call is in no queue.
        let Some(waker) = &node.waker else { return };
        self.shared.counters.slices.count();
        self.budget.set(BUDGET);
        *self.current.borrow_mut() = Some(task.clone());
        self.waker.set(waker);
        let polled = self.observed(node, || task.poll(&mut Context::from_waker(waker)));
        let yielded = self.waker.replace(ptr::null()).is_null();
        let left = self.current.take();
        match polled {
            Poll::Ready(ending) => self.ended(&task, ending),
            // Behind the others, unless it was woken meanwhile.
            Poll::Pending if yielded && !node.queued.replace(true) => {
                self.queue.borrow_mut().push_ordinary(task);
            }
            Poll::Pending => {}
        }
        drop(left);
    }
}
