//! What is written down of each task of a run, and what must be true of it at every moment.
//!
//! Whoever finds a fault writes it down, and goes on: a panic would only be one more result.

use std::{
    panic::resume_unwind,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use vigie::{Domain, TaskError, TaskId};

use super::{
    model::{Ending, Place, started},
    program::{GATES, How, Task},
};
use crate::support::{Gate, Log, Shared};

/// What was not made yet, lives, or has gone.
const UNMADE: usize = 0;
const LIVES: usize = 1;
const GONE: usize = 2;

/// How a body ended by itself, if it did.
const RETURNED: usize = 1;
const PANICKED: usize = 2;
/// It returned, and its bomb went off.
const BOMBED: usize = 3;

/// All loads and stores are relaxed: only what the library itself orders is in order.
#[derive(Default)]
struct Record {
    /// Its future, from the closure of a call on.
    future: AtomicUsize,
    /// The value that it returned.
    value: AtomicUsize,
    ended: AtomicUsize,
    /// Its parent, plus one, if that lives on the same domain.
    spawned_by: AtomicUsize,
    /// The domain of its future, plus one.
    home: AtomicUsize,
    /// Was its promise leaked?
    leaked: AtomicBool,
    /// Was it cancelled? It takes no step from then on.
    doomed: AtomicBool,
    name: Shared<Option<TaskId>>,
}

/// A child, as its parent knows it.
pub(super) struct Child {
    pub(super) id: usize,
    pub(super) how: How,
    pub(super) task: Arc<Task>,
    /// What the model says.
    pub(super) ending: Ending,
}

impl Child {
    /// Is this what it gives if it ends, as far as that tells it from its siblings?
    pub(super) fn may_have_given(&self, result: &Result<Value, TaskError>) -> bool {
        match result {
            Ok(value) => value.guard.id == self.id,
            Err(TaskError::Panicked(panic)) => {
                let message = panic.message();
                message == Some(say(self.id)) || message == Some(bomb(self.id))
            }
            Err(TaskError::NoDomainAvailable) => self.ending == Ending::NoDomain,
            Err(_) => false,
        }
    }
}

/// A run, seen by its tasks.
pub(super) struct World {
    pub(super) extra_domains: usize,
    pub(super) gates: [Gate; GATES],
    records: Vec<Record>,
    faults: Log<String>,
}

impl World {
    pub(super) fn new(extra_domains: usize, tasks: usize) -> Arc<Self> {
        let records = (0..tasks).map(|_| Record::default()).collect();
        Arc::new(Self { extra_domains, gates: Default::default(), records, faults: Log::default() })
    }

    /// Where this code runs.
    pub(super) fn here(&self) -> Place {
        self.place(home())
    }

    fn place(&self, home: usize) -> Place {
        Place { extra_domains: self.extra_domains, on_main: home == 1 }
    }

    pub(super) fn check(&self, holds: bool, fault: impl FnOnce() -> String) {
        if !holds {
            self.faults.push(fault());
        }
    }

    /// How many tasks were started.
    pub(super) fn started(&self) -> usize {
        self.records.iter().filter(|record| record.future.load(Relaxed) != UNMADE).count()
    }

    /// Those whose futures live.
    pub(super) fn living(&self) -> Vec<usize> {
        let lives = |id: &usize| self.records[*id].future.load(Relaxed) == LIVES;
        (0..self.records.len()).filter(lives).collect()
    }

    pub(super) fn note_leaked(&self, child: &Child) {
        self.records[child.id].leaked.store(true, Relaxed);
    }

    /// A child's promise was dropped, or its cancellation asked for. Another domain hears of it later.
    pub(super) fn note_doomed(&self, child: &Child) {
        if matches!(child.how, How::Spawn) {
            self.records[child.id].doomed.store(true, Relaxed);
        }
    }

    /// A task has finished, as its parent sees: so has all that is below it, and all of it has gone.
    fn check_finished(&self, child: &Child) {
        let id = child.id;
        for (at, record) in self.records.iter().enumerate().skip(id).take(child.task.size) {
            self.check(record.future.load(Relaxed) != LIVES, || {
                format!("task {id} has finished, and the future of task {at} lives")
            });
            let name = *record.name.lock();
            self.check(name.is_none_or(|name| !name.is_live()), || {
                format!("task {id} has finished, and task {at} is live")
            });
            let keeps_value = at == id || record.leaked.load(Relaxed);
            self.check(keeps_value || record.value.load(Relaxed) != LIVES, || {
                format!("task {id} has finished, and the value of task {at} lives")
            });
        }
    }

    /// A task was cancelled and has finished.
    pub(super) fn check_cancelled(&self, child: &Child) {
        let id = child.id;
        self.check_finished(child);
        self.check(self.records[id].value.load(Relaxed) != LIVES, || {
            format!("task {id} is cancelled, and its value lives")
        });
    }

    /// A task returned, and has finished: so the children that it leaked have ended by themselves.
    fn check_leaked(&self, id: usize, task: &Task) {
        let here = self.place(self.records[id].home.load(Relaxed));
        for (child, start) in task.children(id) {
            let record = &self.records[child];
            let ended = record.ended.load(Relaxed);
            if !record.leaked.load(Relaxed) || started(start, here) == Ending::NoDomain {
                continue;
            }
            self.check(ended != 0, || format!("task {id} has finished, and did not wait for task {child}"));
            if ended == RETURNED {
                self.check_leaked(child, &start.task);
            }
        }
    }

    /// The result of a task that has finished is what the model says, and what the task says itself.
    pub(super) fn check_result(&self, child: &Child, result: &Result<Value, TaskError>) {
        let Child { id, task, ending: expected, .. } = child;
        let (id, ended) = (*id, self.records[*id].ended.load(Relaxed));
        self.check_finished(child);
        let good = match result {
            Ok(value) => *expected == Ending::Returns && value.guard.id == id && ended == RETURNED,
            Err(TaskError::Panicked(panic)) => {
                let message = match ended {
                    PANICKED => Some(say(id)),
                    BOMBED => Some(bomb(id)),
                    _ => None,
                };
                *expected == Ending::Panics && message.is_some() && message == panic.message()
            }
            Err(TaskError::NoDomainAvailable) => *expected == Ending::NoDomain && ended == 0,
            Err(_) => false,
        };
        self.check(good, || {
            let result = result.as_ref().map(|value| value.guard.id);
            format!("task {id} gave {result:?}, it ended as {ended}, expected {expected:?}")
        });
        if ended == RETURNED {
            self.check_leaked(id, task);
        }
    }

    /// The run is over: nothing is left but what was leaked, and nothing refers to it any more.
    pub(super) fn check_over(self: Arc<Self>) -> Vec<String> {
        let mut leaks = 0;
        for (id, record) in self.records.iter().enumerate() {
            self.check(record.future.load(Relaxed) != LIVES, || format!("the future of task {id} lives on"));
            if record.value.load(Relaxed) == LIVES {
                leaks += 1;
                self.check(record.leaked.load(Relaxed), || format!("the value of task {id} lives on"));
            }
        }
        let holds = Arc::strong_count(&self) - 1;
        self.check(holds == leaks, || format!("{holds} holds on the run, and {leaks} leaked values"));
        self.faults.take()
    }

    /// A future is about to be polled.
    fn check_step(&self, id: usize) {
        let record = &self.records[id];
        self.check(record.future.load(Relaxed) == LIVES, || format!("task {id} has gone, and takes a step"));
        self.check(home() == record.home.load(Relaxed), || format!("task {id} is polled on {:?}", domain()));
        let mut name = record.name.lock();
        let named = *name.get_or_insert_with(|| TaskId::current().expect("within a task"));
        self.check(TaskId::current() == Some(named), || format!("task {id} has a second name"));
        // Those above it on this domain: what ends one of them ends it as well, at once.
        let mut at = id;
        loop {
            let record = &self.records[at];
            let doomed = record.doomed.load(Relaxed);
            self.check(!doomed, || format!("task {at} is cancelled, and task {id} takes a step"));
            let Some(parent) = record.spawned_by.load(Relaxed).checked_sub(1) else {
                return;
            };
            let above = &self.records[parent];
            let gone = above.future.load(Relaxed) == GONE;
            let waited_for = record.leaked.load(Relaxed) && above.ended.load(Relaxed) == RETURNED;
            self.check(!gone || waited_for, || format!("task {parent} has gone, and task {id} takes a step"));
            at = parent;
        }
    }
}

/// What a task panics with, and what its bomb does.
fn say(id: usize) -> String {
    format!("task {id}")
}

fn bomb(id: usize) -> String {
    format!("the bomb of task {id}")
}

fn domain() -> Option<usize> {
    Domain::current().map(|domain| domain.index())
}

/// This domain as a record's `home`.
fn home() -> usize {
    domain().map_or(usize::MAX, |index| index + 1)
}

/// Unwinds with `message`, without a word from the panic hook.
fn panic_with(message: String) -> ! {
    resume_unwind(Box::new(message))
}

/// Made once and dropped once.
struct Guard {
    world: Arc<World>,
    id: usize,
    which: fn(&Record) -> &AtomicUsize,
}

impl Guard {
    fn new(world: &Arc<World>, id: usize, which: fn(&Record) -> &AtomicUsize) -> Self {
        let before = which(&world.records[id]).swap(LIVES, Relaxed);
        world.check(before == UNMADE, || format!("task {id} is made twice"));
        Self { world: world.clone(), id, which }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let before = (self.which)(&self.world.records[self.id]).swap(GONE, Relaxed);
        self.world.check(before == LIVES, || format!("something of task {} is dropped twice", self.id));
    }
}

/// What a task returns.
pub(super) struct Value {
    guard: Guard,
}

/// Stands for a task's future from before it is started, and travels in the closure of a call.
pub(super) struct Ticket {
    guard: Guard,
    /// The domain it came from, if it is that of a call.
    caller: Option<usize>,
}

impl Ticket {
    pub(super) fn new(world: &Arc<World>, id: usize, parent: Option<usize>, how: How) -> Self {
        let guard = Guard::new(world, id, |record| &record.future);
        let is_spawn = matches!(how, How::Spawn);
        let above = parent.filter(|_| is_spawn).map_or(0, |parent| parent + 1);
        world.records[id].spawned_by.store(above, Relaxed);
        Self { guard, caller: (!is_spawn).then(home) }
    }

    /// Makes the future, on the domain where it is to live.
    pub(super) fn future(self, bomb: bool, body: impl Future<Output = ()> + 'static) -> Watched {
        let (world, id) = (self.guard.world.clone(), self.guard.id);
        world.check(self.caller.is_none_or(|caller| home() > 1 && home() != caller), || {
            format!("task {id} is called on {:?}", domain())
        });
        world.records[id].home.store(home(), Relaxed);
        let bomb = bomb.then(|| Bomb { world, id });
        Watched { body: Box::pin(body), _bomb: bomb, ticket: self }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let Guard { world, id, .. } = &self.guard;
        let good = match (world.records[*id].home.load(Relaxed), self.caller) {
            // A call that went nowhere.
            (0, Some(caller)) if caller == home() => world.here().available() == 0,
            // A call that was cancelled before it began.
            (0, Some(_)) => domain().is_some_and(|index| index > 0),
            (made_on, _) => made_on == home(),
        };
        world.check(good, || format!("task {id} is dropped on {:?}", domain()));
    }
}

/// Goes off when it is dropped: by the library alone, never while another panic unwinds.
struct Bomb {
    world: Arc<World>,
    id: usize,
}

impl Drop for Bomb {
    fn drop(&mut self) {
        // Whoever was cancelled has not ended by itself, and whoever panicked keeps that panic.
        let ended = &self.world.records[self.id].ended;
        let _ = ended.compare_exchange(RETURNED, BOMBED, Relaxed, Relaxed);
        panic_with(bomb(self.id));
    }
}

/// A task's future, watched. What is declared first goes first.
pub(super) struct Watched {
    body: Pin<Box<dyn Future<Output = ()>>>,
    _bomb: Option<Bomb>,
    ticket: Ticket,
}

impl Future for Watched {
    type Output = Value;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Value> {
        let (world, id) = (self.ticket.guard.world.clone(), self.ticket.guard.id);
        world.check_step(id);
        self.body.as_mut().poll(cx).map(|()| {
            world.records[id].ended.store(RETURNED, Relaxed);
            Value { guard: Guard::new(&world, id, |record| &record.value) }
        })
    }
}

impl World {
    /// Ends the body of a task with a panic.
    pub(super) fn panic(&self, id: usize) -> ! {
        self.records[id].ended.store(PANICKED, Relaxed);
        panic_with(say(id))
    }
}
