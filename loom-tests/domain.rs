//! A domain of a few lines, for the models of calls, of the tree and of the collection: mail,
//! cancellations, slices, the park. It does with the real `Call`, `Subtree`, `Finished` and `Slots` what
//! `src/domain` and `src/task` do with them, in the same order.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
    sync::{Arc, atomic::AtomicBool},
    task::{Poll, Wake, Waker},
};

use super::run::{CallCell, Message, Parent, Run, Value};
use crate::{
    protocol::{Finished, Pending, Subtree},
    slots::{Key, Slots},
    sync::Ordering,
};

/// A task's future: called for each slice, ready with the last.
pub(super) type Body = Box<dyn FnMut(&Slice<'_>) -> Poll<()>>;

/// A task that does this and returns.
pub(super) fn returns(mut work: impl FnMut(&Slice<'_>) + 'static) -> Body {
    Box::new(move |slice| {
        work(slice);
        Poll::Ready(())
    })
}

/// A task that does this and stays until it is cancelled.
pub(super) fn stays(work: impl FnOnce(&Slice<'_>) + 'static) -> Body {
    let mut work = Some(work);
    Box::new(move |slice| {
        if let Some(work) = work.take() {
            work(slice);
        }
        Poll::Pending
    })
}

/// A domain, seen by its own thread.
pub(super) struct Domain {
    run: Arc<Run>,
    index: usize,
    tasks: RefCell<Slots<Rc<Task>>>,
    queue: RefCell<VecDeque<Rc<Task>>>,
    doomed: RefCell<VecDeque<Rc<Task>>>,
    /// The collector, and the waker that it has shown last.
    waiter: RefCell<Option<(Arc<Flag>, Rc<Task>)>>,
    /// The members of its set, in the order in which they finished.
    told: RefCell<Vec<usize>>,
    over: Cell<bool>,
}

/// A task, or the near end of a call.
pub(super) struct Task {
    key: Key,
    parent: Option<Rc<Task>>,
    pending: Pending,
    cancelled: Cell<bool>,
    finished: Cell<bool>,
    kind: Kind,
}

impl Task {
    fn is_root(&self) -> bool {
        matches!(self.kind, Kind::Future { parent: Parent::Root, .. })
    }
}

enum Kind {
    Future {
        who: usize,
        /// Until it is gone.
        body: RefCell<Option<Body>>,
        result: RefCell<Option<Value>>,
        call: Option<Arc<CallCell>>,
        parent: Parent,
    },
    Link {
        target: usize,
        call: Arc<CallCell>,
        set: Option<(Rc<Finished<Waker>>, usize)>,
    },
}

impl Domain {
    pub(super) fn new(run: Arc<Run>, index: usize) -> Self {
        Self {
            run,
            index,
            tasks: RefCell::new(Slots::new()),
            queue: RefCell::default(),
            doomed: RefCell::default(),
            waiter: RefCell::default(),
            told: RefCell::default(),
            over: Cell::new(false),
        }
    }

    /// The domain's whole life.
    pub(super) fn own(&self) {
        let parker = &self.run.door(self.index).parker;
        while !self.over.get() {
            self.take_mail();
            self.reap();
            self.wake_waiter();
            let next = self.queue.borrow_mut().pop_front();
            match next {
                Some(task) => {
                    self.take_mail();
                    self.reap();
                    self.run_slice(&task);
                }
                None if self.is_dry() => {
                    parker.park(None);
                    self.read_mail();
                }
                None => {}
            }
        }
        // I18, seen from here: the root has finished.
        assert_eq!(self.tasks.borrow().iter().count(), 0, "a task outlives the run");
    }

    fn is_dry(&self) -> bool {
        self.queue.borrow().is_empty() && self.doomed.borrow().is_empty() && !self.over.get()
    }

    fn take_mail(&self) {
        if self.run.door(self.index).parker.take() {
            self.read_mail();
        }
    }

    fn read_mail(&self) {
        self.run.door(self.index).inbox.drain(8, |message| self.receive(message));
    }

    fn receive(&self, message: Message) {
        match message {
            Message::Start { who, call, caller, make } => {
                let key = self.start(who, Some(call.clone()), caller, make());
                // C2.
                call.name(key);
            }
            Message::Cancel(call) => {
                let task = call.task().and_then(|key| self.tasks.borrow().get(key).cloned());
                if let Some(task) = task {
                    self.doom(&task);
                }
            }
            Message::Finished(link) => {
                let link = self.tasks.borrow().get(link).cloned();
                // STEP a call's end is its link's.
                self.release(link.expect("a call finishes once"));
            }
            Message::Fatal => {
                // STEP the main task is cancelled, and with it all others.
                let root = self.tasks.borrow().iter().find(|task| task.is_root()).cloned();
                root.iter().for_each(|root| self.doom(root));
            }
            Message::Stop => self.over.set(true),
        }
    }

    pub(super) fn start(&self, who: usize, call: Option<Arc<CallCell>>, parent: Parent, body: Body) -> Key {
        self.start_under(None, who, call, parent, body)
    }

    fn start_under(
        &self,
        of: Option<Rc<Task>>,
        who: usize,
        call: Option<Arc<CallCell>>,
        parent: Parent,
        body: Body,
    ) -> Key {
        let (body, result) = (RefCell::new(Some(body)), RefCell::default());
        let task = self.insert(of, Kind::Future { who, body, result, call, parent });
        self.queue.borrow_mut().push_back(task.clone());
        task.key
    }

    fn insert(&self, parent: Option<Rc<Task>>, kind: Kind) -> Rc<Task> {
        if let Some(parent) = &parent {
            parent.pending.begin();
        }
        let (cancelled, finished) = (Cell::new(false), Cell::new(false));
        let mut tasks = self.tasks.borrow_mut();
        let key = tasks.insert_with(|key| {
            Rc::new(Task { key, parent, pending: Pending::new(), cancelled, finished, kind })
        });
        tasks.get(key).expect("inserted just now").clone()
    }

    fn doom(&self, task: &Rc<Task>) {
        if !task.finished.get() && !task.cancelled.replace(true) {
            self.doomed.borrow_mut().push_back(task.clone());
        }
    }

    fn reap(&self) {
        loop {
            let Some(task) = self.doomed.borrow_mut().pop_front() else { return };
            match &task.kind {
                // C3.
                Kind::Link { target, call, .. } => self.run.post(*target, Message::Cancel(call.clone())),
                Kind::Future { body, .. } => {
                    // STEP a cancellation reaches the children, also of a task whose future is gone.
                    self.doom_children(&task);
                    if body.take().is_some() {
                        self.ended(&task);
                    }
                }
            }
        }
    }

    fn doom_all(&self) {
        self.tasks.borrow().iter().for_each(|task| self.doom(task));
    }

    fn doom_children(&self, parent: &Rc<Task>) {
        let tasks = self.tasks.borrow();
        let is_child = |task: &&Rc<Task>| task.parent.as_ref().is_some_and(|of| Rc::ptr_eq(of, parent));
        tasks.iter().filter(is_child).for_each(|child| self.doom(child));
    }

    fn run_slice(&self, task: &Rc<Task>) {
        let Kind::Future { body: place, result, .. } = &task.kind else { return };
        let Some(mut body) = place.take() else { return };
        if body(&Slice { domain: self, task }).is_pending() {
            place.replace(Some(body));
            return;
        }
        result.replace(Some(self.run.make_result()));
        self.ended(task);
    }

    /// The future of `task` is gone.
    fn ended(&self, task: &Rc<Task>) {
        if let Kind::Future { who, .. } = task.kind {
            self.run.end(who);
        }
        self.release(task.clone());
    }

    /// Queues the collector if its waker was used.
    fn wake_waiter(&self) {
        let woken = self.waiter.borrow().as_ref().is_some_and(|(flag, _)| flag.0.load(Ordering::Relaxed));
        if woken && let Some((_, task)) = self.waiter.take() {
            self.queue.borrow_mut().push_back(task);
        }
    }
}

impl Subtree for Domain {
    type Task = Rc<Task>;

    fn pending<'a>(&self, task: &'a Rc<Task>) -> &'a Pending {
        &task.pending
    }

    fn publish(&self, task: &Rc<Task>) {
        self.tasks.borrow_mut().remove(task.key);
        match &task.kind {
            Kind::Future { result, call: Some(call), .. } if !task.cancelled.get() => {
                // C4.
                result.take().into_iter().for_each(|result| call.put(result));
            }
            Kind::Future { result, .. } => drop(result.take()),
            // STEP a result that nobody can ask for any more is dropped.
            Kind::Link { call, .. } if task.cancelled.get() => drop(call.take()),
            Kind::Link { .. } => {}
        }
    }

    fn finish(&self, task: &Rc<Task>) -> Option<Rc<Task>> {
        assert!(!task.finished.replace(true), "a task finished twice");
        match &task.kind {
            Kind::Link { set: Some((set, member)), .. } => {
                self.told.borrow_mut().push(*member);
                // F1.
                if let Some(waker) = set.push(*member) {
                    waker.wake();
                }
            }
            // Whoever awaits it.
            Kind::Link { .. } => self.queue.borrow_mut().extend(task.parent.clone()),
            Kind::Future { parent: Parent::Caller { domain, link }, .. } => {
                // C5.
                self.run.post(*domain, Message::Finished(*link));
            }
            Kind::Future { parent: Parent::Here, .. } => {}
            Kind::Future { parent: Parent::Root, .. } => {
                self.run.assert_all_have_ended();
                self.over.set(true);
            }
        }
        task.parent.clone()
    }
}

/// A task at work on its domain.
pub(super) struct Slice<'a> {
    domain: &'a Domain,
    task: &'a Rc<Task>,
}

impl Slice<'_> {
    /// Starts a child on this domain, which nobody awaits.
    pub(super) fn spawn(&self, body: Body) {
        let who = self.domain.run.next();
        self.domain.start_under(Some(self.task.clone()), who, None, Parent::Here, body);
    }

    pub(super) fn call(
        &self,
        target: usize,
        set: Option<(Rc<Finished<Waker>>, usize)>,
        make: impl FnOnce() -> Body + Send + 'static,
    ) -> Promise {
        let call = self.domain.run.make_call();
        let kind = Kind::Link { target, call: call.clone(), set };
        let link = self.domain.insert(Some(self.task.clone()), kind);
        let caller = Parent::Caller { domain: self.domain.index, link: link.key };
        // C1.
        let (run, make) = (&self.domain.run, Box::new(make));
        run.post(target, Message::Start { who: run.next(), call: call.clone(), caller, make });
        Promise { link, call }
    }

    /// Cancels the task of a promise, as dropping the promise does.
    pub(super) fn cancel(&self, promise: &Promise) {
        if promise.is_finished() {
            drop(promise.take());
        } else {
            self.domain.doom(&promise.link);
        }
    }

    /// The events of the domain fail: its tasks are cancelled, and the run is to end.
    pub(super) fn fail(&self) {
        self.domain.doom_all();
        self.domain.run.post(0, Message::Fatal);
    }

    /// A waker of this task, which ends the hold of the one before.
    pub(super) fn waker(&self) -> Waker {
        let flag = Arc::new(Flag(AtomicBool::new(false)));
        self.domain.waiter.replace(Some((flag.clone(), self.task.clone())));
        Waker::from(flag)
    }

    /// Who was the nth member of the task's set to finish.
    pub(super) fn told(&self, nth: usize) -> usize {
        self.domain.told.borrow()[nth]
    }
}

/// A call in its caller's hands. Dropped like this it is leaked: the task goes on.
pub(super) struct Promise {
    link: Rc<Task>,
    call: Arc<CallCell>,
}

impl Promise {
    pub(super) fn is_finished(&self) -> bool {
        self.link.finished.get()
    }

    /// C6.
    pub(super) fn take(&self) -> Option<Value> {
        self.call.take()
    }
}

/// Was a waker used? It stays on its domain, so loom need not see it.
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}
