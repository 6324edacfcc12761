//! What only the domain's own thread sees: its tasks, its queues, its events.

use std::{
    cell::{Cell, RefCell},
    fmt,
    mem::{self, ManuallyDrop},
    ptr,
    rc::Rc,
    sync::mpsc,
    task::Waker,
    time::Instant,
};

use fastrand::Rng;

use crate::{
    domain::{
        AbortOnUnwind, Ask, Deadlocks, Domain, Fatal, Group, Message, Shared, TaskId, hint, hooks::Hooks,
        rare::Rare, run_queue::RunQueue,
    },
    domain_local::Values,
    error::TaskError,
    events::{Events, Interrupt, Suspended, Uid},
    protocol::{Pending, Subtree, Suspensions},
    shutdown::News,
    slots::{Key, Slots},
    sync::Arc,
    task::{Ending, Parent, Task},
};

/// How many operations of one slice may succeed at once before the task has to give way.
pub(super) const BUDGET: u32 = 32;

thread_local! {
    /// Without a destructor, so that each look costs no question whether it has run; `Entered` empties it.
    static CURRENT: ManuallyDrop<RefCell<Option<Rc<Local>>>> = const { ManuallyDrop::new(RefCell::new(None)) };
}

/// How a run is set, the same for each of its domains.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Setting {
    /// Ordinary tasks run between two calls of `select`.
    pub(crate) quanta: u32,
    pub(crate) seed: Option<u64>,
    pub(crate) deadlocks: Deadlocks,
    /// Is it measured how long slices take, and how long tasks wait for theirs?
    pub(crate) timing: bool,
    /// Are slices watched that do not end?
    pub(crate) stall_watch: bool,
}

/// A domain, seen by its own thread.
pub(crate) struct Local {
    pub(crate) shared: Arc<Shared>,
    pub(crate) group: Group,
    pub(super) quanta: u32,

    /// Every task that has not finished, and every call whose task has not.
    pub(crate) tasks: RefCell<Slots<Rc<dyn Task>>>,
    pub(super) queue: RefCell<RunQueue>,
    /// The task whose slice, or whose end, this is.
    pub(super) current: RefCell<Option<Rc<dyn Task>>>,
    /// Tasks to be cancelled as soon as no task is running.
    pub(super) doomed: Rare<Rc<dyn Task>>,
    /// The main task, on domain 0.
    pub(super) root: RefCell<Option<Rc<dyn Task>>>,

    /// Called at every tick.
    pub(super) hooks: Hooks,
    /// Of the domain locals.
    pub(crate) values: Values,

    pub(crate) suspensions: Suspensions<Suspended>,
    /// Uids to tell the next `select`.
    pub(crate) cancelled: RefCell<Vec<Uid>>,
    pub(crate) events: RefCell<Option<Box<dyn Events>>>,
    /// How others end a `select` that blocks; none if the events never do.
    pub(super) interrupt: RefCell<Option<Arc<Interrupt>>>,

    /// Is what wakes tasks now news from outside of the domain?
    pub(super) signalling: Cell<bool>,
    /// Is it known that the next `select` will find news: was its token taken, or have the events said so?
    pub(super) unseen: Cell<bool>,
    /// Where that lies which wakes the task whose slice it is, until that gives way: then it goes into the queue
    /// again after its slice.
    pub(super) waker: Cell<*const Waker>,
    /// Is it known that news waits for the current slice to give way?
    pub(super) overdue: Cell<bool>,
    /// Operations that the current slice may still have succeed at once.
    pub(crate) budget: Cell<u32>,
    /// How many calls went out: the next goes to the next domain.
    calls: Cell<usize>,
    rng: RefCell<Option<Rng>>,
    /// Have the events failed, so that nothing may wait any longer?
    hopeless: Cell<bool>,
    /// What other threads have asked this domain, since it last looked for news.
    pub(super) asked_here: Rare<Ask>,
    /// When a run that is stuck is given up.
    pub(super) deadlocks: Deadlocks,
    /// A task whose waker was last seen outside of the scheduler.
    pub(super) waker_outside: Cell<Option<Key>>,
    /// Since when what resumes tasks now has been known, if not only since now.
    pub(super) ready_since: Cell<Option<Instant>>,
    /// Those that were stuck in the last census have serials below this.
    pub(super) stuck: Cell<u64>,
    /// Has every task of the run finished?
    pub(super) over: Cell<bool>,
    /// Who is to be told that the future of the main task has gone.
    main_ended: RefCell<Option<mpsc::Sender<News>>>,
    /// What ended the run before its time, on domain 0.
    pub(super) fatal: RefCell<Option<Fatal>>,
}

impl Local {
    pub(crate) fn new(
        shared: Arc<Shared>,
        group: Group,
        events: Option<Box<dyn Events>>,
        setting: Setting,
    ) -> Self {
        let index = shared.domain().index() as u64;
        let rng = setting.seed.map(|seed| Rng::with_seed(seed ^ index.rotate_left(32)));
        let interrupt = events.as_ref().and_then(|events| events.interrupt()).map(Arc::new);
        if let Some(interrupt) = &interrupt {
            // Not owned there: whatever names the domain may outlive it, and must not keep a pipe open.
            let (domain, interrupt) = (shared.domain(), Arc::downgrade(interrupt));
            shared.parker.set_interrupt(Box::new(move || {
                if let Some(interrupt) = interrupt.upgrade() {
                    // Its domain would sleep on: within a slice, too, where a panic is the task's and the news lost.
                    let fatal =
                        AbortOnUnwind(domain, "the events' interrupt has panicked: it cannot be woken");
                    interrupt();
                    mem::forget(fatal);
                }
            }));
        }
        Self {
            shared,
            group,
            quanta: setting.quanta,
            tasks: RefCell::new(Slots::new()),
            queue: RefCell::new(RunQueue::new(rng.clone(), setting.timing)),
            current: RefCell::default(),
            doomed: Rare::default(),
            root: RefCell::default(),
            hooks: Hooks::default(),
            values: Values::new(),
            suspensions: Suspensions::new(),
            cancelled: RefCell::default(),
            events: RefCell::new(events),
            interrupt: RefCell::new(interrupt),
            signalling: Cell::new(false),
            unseen: Cell::new(false),
            waker: Cell::new(ptr::null()),
            overdue: Cell::new(false),
            budget: Cell::new(0),
            calls: Cell::new(0),
            rng: RefCell::new(rng),
            hopeless: Cell::new(false),
            asked_here: Rare::default(),
            deadlocks: setting.deadlocks,
            waker_outside: Cell::new(None),
            ready_since: Cell::new(None),
            stuck: Cell::new(0),
            over: Cell::new(false),
            main_ended: RefCell::default(),
            fatal: RefCell::default(),
        }
    }

    /// Has `listener` told that the future of the main task has gone, which has not begun yet.
    pub(crate) fn tell_end_of_main(&self, listener: mpsc::Sender<News>) {
        *self.main_ended.borrow_mut() = Some(listener);
    }

    /// Calls `f` with the domain that runs on this thread, if one does.
    #[inline]
    pub(crate) fn with<R>(f: impl FnOnce(&Rc<Self>) -> R) -> Option<R> {
        CURRENT.with(|current| current.borrow().as_ref().map(f))
    }

    /// The domain that runs on this thread. For much code [`with`](Self::with) is slower, since that is not in line.
    #[inline]
    pub(crate) fn here() -> Option<Rc<Self>> {
        CURRENT.with(|current| current.borrow().clone())
    }

    /// Makes this thread the domain's for as long as the guard lives.
    pub(crate) fn enter(self: &Rc<Self>) -> Entered {
        CURRENT.with(|current| *current.borrow_mut() = Some(self.clone()));
        hint::enter(self.shared.parker.clone());
        Entered
    }

    pub(crate) fn index(&self) -> u32 {
        self.shared.domain().index
    }

    /// The domains that a call from here may go to.
    pub(crate) fn available(&self) -> impl Iterator<Item = &Arc<Shared>> {
        let own = self.index() as usize;
        self.group
            .peers
            .iter()
            .enumerate()
            .filter(move |(at, _)| *at != 0 && *at != own)
            .map(|(_, peer)| peer)
    }

    /// The domain that the next call goes to: each in its turn, or as the seed decides.
    pub(crate) fn next_available(&self) -> Option<Arc<Shared>> {
        let turn = self.next_turn(self.available().count())?;
        self.available().nth(turn).cloned()
    }

    /// The domains that the items of a `parallel` go to, in turn: all but 0, this one among them.
    pub(crate) fn parallel_domains(&self) -> Vec<Domain> {
        let mut domains: Vec<_> = self.group.peers.iter().skip(1).map(|peer| peer.domain()).collect();
        if let Some(turn) = self.next_turn(domains.len()) {
            domains.rotate_left(turn);
        }
        domains
    }

    /// Which of `count` domains is next; none if there are none.
    fn next_turn(&self, count: usize) -> Option<usize> {
        let calls = self.calls.get();
        self.calls.set(calls.wrapping_add(1));
        match &mut *self.rng.borrow_mut() {
            _ if count == 0 => None,
            Some(rng) => Some(rng.usize(..count)),
            // Each domain begins at another, so that not all of them call the same one first.
            None => Some(calls.wrapping_add(self.index() as usize) % count),
        }
    }

    /// Is the current task ending?
    pub(super) fn is_ending(&self) -> bool {
        self.current.borrow().as_ref().is_some_and(|task| task.node().is_ending())
    }

    /// One of `count` equal choices: the first, or as the seed decides.
    pub(crate) fn draw(&self, count: usize) -> usize {
        match &mut *self.rng.borrow_mut() {
            Some(rng) if count > 1 => rng.usize(..count),
            _ => 0,
        }
    }

    /// The task that code on this thread runs in, as a parent, if it may have children.
    pub(crate) fn parent(&self) -> Result<Parent, TaskError> {
        let current = self.current.borrow();
        let task = current.as_ref().ok_or(TaskError::OutsideRuntime)?;
        if task.node().is_ending() { Err(TaskError::Ending) } else { Ok(Parent::Task(Rc::downgrade(task))) }
    }

    pub(crate) fn current_key(&self) -> Option<Key> {
        self.current.borrow().as_ref().map(|task| task.node().key)
    }

    pub(crate) fn current_id(&self) -> Option<TaskId> {
        self.current_key().map(|key| TaskId::new(self.shared.domain(), key))
    }

    /// The task whose slice, or whose end, this is.
    pub(crate) fn current(&self) -> Option<Rc<dyn Task>> {
        self.current.borrow().clone()
    }

    /// Gives a new task its place; `make` gets its key.
    pub(crate) fn insert<T: Task + 'static>(&self, make: impl FnOnce(Key) -> Rc<T>) -> Rc<T> {
        let mut made = None;
        let mut tasks = self.tasks.borrow_mut();
        tasks.insert_with(|key| {
            let task = make(key);
            made = Some(task.clone());
            task
        });
        self.shared.counters.live.set(tasks.len() as u64);
        drop(tasks);
        let task = made.expect("made just now");
        task.node().begin();
        task
    }

    /// Puts a task into the queue, unless it is in one.
    #[inline]
    pub(crate) fn schedule(&self, task: Rc<dyn Task>) {
        let node = task.node();
        if node.is_ending() || node.queued.replace(true) {
            return;
        }
        let mut queue = self.queue.borrow_mut();
        if self.signalling.get() {
            queue.push_signalled(task, || self.ready_since.get().unwrap_or_else(Instant::now));
        } else {
            queue.push_ordinary(task);
        }
    }

    /// Has the current task run again after this slice, if it is what `waker` wakes: then nothing has to be
    /// looked up. `false` if it is not.
    #[inline]
    pub(crate) fn give_way(&self, waker: &Waker) -> bool {
        let own = ptr::eq(self.waker.get(), waker);
        if own {
            self.waker.set(ptr::null());
        }
        own
    }

    /// Wakes a task of this domain, if it still lives.
    pub(crate) fn wake(&self, key: Key) {
        let task = self.tasks.borrow().get(key).cloned();
        if let Some(task) = task {
            self.schedule(task);
        }
    }

    /// Has this task, or a descendant of it, not finished yet?
    pub(crate) fn is_live(&self, key: Key) -> bool {
        self.tasks.borrow().get(key).is_some()
    }

    /// Cancels a task or a call: at once if no task is running, else after the current slice.
    pub(crate) fn doom(&self, task: Rc<dyn Task>) {
        if task.node().cancel() {
            self.doomed.push(task);
        }
    }

    /// A cancellation that had to wait is due at the end of the current slice.
    pub(crate) fn deliver(&self, task: Rc<dyn Task>) {
        self.doomed.push(task);
    }

    /// Cancels every task of this domain whose serial is below `end`, shielded or not: nothing that it
    /// waits for will come.
    pub(super) fn doom_all(&self, end: u64) {
        let tasks: Vec<_> = self.tasks.borrow().iter().cloned().collect();
        for task in tasks.into_iter().filter(|task| task.node().key.serial < end) {
            task.node().expose();
            task.node().cancel();
            self.deliver(task);
        }
    }

    /// From now on whatever begins waits in vain, too.
    pub(super) fn lose_hope(&self) {
        self.hopeless.set(true);
    }

    pub(crate) fn is_hopeless(&self) -> bool {
        self.hopeless.get()
    }

    /// Ends what was doomed. No task is running.
    #[inline]
    pub(super) fn reap(&self) {
        if !self.doomed.is_empty() {
            self.reap_all();
        }
    }

    #[cold]
    fn reap_all(&self) {
        loop {
            let Some(task) = self.doomed.pop() else { return };
            // A hook may have doomed it: nothing else says that something has happened.
            self.shared.counters.cancellations.count();
            if task.node().is_ending() {
                // Its future is gone, and with it every section, though one was leaked or given away. What
                // still keeps it are children whose promises were.
                self.doom_children(&task);
                continue;
            }
            if !self.is_hopeless() && task.node().defer() {
                continue;
            }
            let before = self.current.replace(Some(task.clone()));
            // Its destructors may still try to write a last word.
            self.budget.set(BUDGET);
            let ended = self.observed(task.node(), || task.cancel());
            self.current.replace(before);
            if let Some(ending) = ended {
                self.ended(&task, ending);
            }
        }
    }

    /// A task's future is gone, or a call's task has finished. The task itself has finished once its
    /// children have.
    pub(crate) fn ended(&self, task: &Rc<dyn Task>, ending: Ending) {
        let node = task.node();
        node.end(ending);
        if let Parent::Elsewhere(None) = node.parent
            && let Some(listener) = self.main_ended.take()
        {
            // It listens until the run has ended.
            let _ = listener.send(News::MainEnded);
        }
        if ending != Ending::Returned {
            self.doom_children(task);
        }
        self.release(task.clone());
    }

    /// The children of a task that failed are cancelled. Those whose promises went with its future
    /// are by now. It remembers those that never had one, so that all tasks are looked through only where a
    /// promise was leaked or given away.
    fn doom_children(&self, parent: &Rc<dyn Task>) {
        if parent.node().uncancelled.get() == 0 {
            return;
        }
        for key in parent.node().unheld_children() {
            let child = self.tasks.borrow().get(key).cloned();
            if let Some(child) = child {
                self.doom(child);
            }
        }
        if parent.node().uncancelled.get() == 0 {
            return;
        }
        let children: Vec<_> = self
            .tasks
            .borrow()
            .iter()
            .filter(|task| task.node().parent.is(parent) && !task.node().is_cancelled())
            .cloned()
            .collect();
        for child in children {
            self.doom(child);
        }
    }
}

impl Subtree for Local {
    type Task = Rc<dyn Task>;

    fn pending<'a>(&self, task: &'a Rc<dyn Task>) -> &'a Pending {
        &task.node().pending
    }

    fn publish(&self, task: &Rc<dyn Task>) {
        let mut tasks = self.tasks.borrow_mut();
        let removed = tasks.remove(task.node().key);
        self.shared.counters.live.set(tasks.len() as u64);
        drop(tasks);
        self.shared.forget_name(task.node());
        task.publish();
        drop(removed);
    }

    fn finish(&self, task: &Rc<dyn Task>) -> Option<Rc<dyn Task>> {
        let node = task.node();
        let is_awaited = node.finish();
        match &node.parent {
            Parent::Elsewhere(None) => {
                self.over.set(true);
                None
            }
            Parent::Task(parent) => {
                let parent = parent.upgrade()?;
                if is_awaited {
                    self.schedule(parent.clone());
                }
                Some(parent)
            }
            // A forked child that ends its tasks: nobody reads there.
            Parent::Elsewhere(Some(caller)) if self.is_hopeless() && caller.domain.has_forked() => None,
            Parent::Elsewhere(Some(caller)) => {
                // C5.
                caller.domain.inbox.post(Message::Finished(caller.link, node.ending()));
                None
            }
        }
    }
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local").field("domain", &self.shared.domain()).finish_non_exhaustive()
    }
}

/// This thread is a domain's until this is dropped.
#[derive(Debug)]
pub(crate) struct Entered;

impl Drop for Entered {
    fn drop(&mut self) {
        let left = CURRENT.with(|current| current.borrow_mut().take());
        hint::leave();
        drop(left);
    }
}
