//! The tree of live tasks, as a value to look at.

use std::{collections::BTreeMap, fmt, panic::Location};

use crate::{
    domain::{Domain, Label, Local, Shared, TaskId},
    slots::Key,
    sync::Arc,
    task::{Parent, Task},
};

/// The live tasks of a run, at about one moment: plain data. See [`tree`](crate::tree()).
///
/// ```
/// use std::future::pending;
///
/// vigie::run(async {
///     let outer = vigie::spawn(async {
///         vigie::await_all((0..2).map(|_| vigie::spawn(pending::<()>()))).await
///     });
///     // All of them have begun to wait.
///     vigie::yield_now().await;
///     vigie::yield_now().await;
///
///     let tree = vigie::tree().await.unwrap();
///     let main = tree.tasks()[0].id();
///     let below: Vec<_> = tree.children(main).collect();
///     assert_eq!(below.len(), 1);
///     assert_eq!(tree.children(below[0].id()).count(), 2);
///     // All domains have answered.
///     assert!(tree.silent().is_empty());
///     // The two that look alike share a line.
///     assert_eq!(tree.to_string().lines().count(), 3);
///     drop(outer);
/// }).unwrap();
/// ```
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Tree {
    tasks: Vec<TaskInfo>,
    silent: Vec<Domain>,
}

/// A live task in a [`Tree`].
///
/// ```
/// vigie::run(async {
///     vigie::name_task("main").unwrap();
///     let line = line!() + 1;
///     let child = vigie::call(std::future::pending::<()>);
///     let tree = vigie::tree().await.unwrap();
///     let [main, called] = tree.tasks() else { panic!("{tree}") };
///
///     assert_eq!(main.id(), vigie::TaskId::current().unwrap());
///     assert_eq!((main.parent(), main.depth(), main.name()), (None, 0, Some("main")));
///     assert_eq!((called.parent(), called.depth()), (Some(main.id()), 1));
///     assert_eq!(called.location().line(), line);
///     assert!(called.domain() != main.domain() && !called.is_cancelled());
///     drop(child);
/// }).unwrap();
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskInfo {
    id: TaskId,
    parent: Option<TaskId>,
    depth: usize,
    name: Option<Arc<str>>,
    location: &'static Location<'static>,
    state: TaskState,
    is_cancelled: bool,
}

/// What a live task is doing.
///
/// ```
/// use std::{future::pending, mem};
/// use vigie::{TaskState, spawn, yield_now};
///
/// vigie::run(async {
///     // Its child goes on without it.
///     let parent = spawn(async { mem::forget(spawn(pending::<()>())) });
///     yield_now().await;
///     yield_now().await;
///     let tree = vigie::tree().await.unwrap();
///     let states: Vec<_> = tree.tasks().iter().map(|task| task.state()).collect();
///     assert_eq!(states[1..], [TaskState::Ended, TaskState::Waiting]);
///     parent.cancel().await.unwrap();
/// }).unwrap();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskState {
    /// It is in its domain's queue, or runs.
    Ready,
    /// It waits to be woken.
    Waiting,
    /// Its future is gone; it waits for its children.
    Ended,
    /// It was called, and its domain has not told of it.
    Called,
}

impl Tree {
    /// All tasks: each parent before its children, and these in the order in which they were started.
    /// The first is the main task.
    pub fn tasks(&self) -> &[TaskInfo] {
        &self.tasks
    }

    /// The children of a task.
    pub fn children(&self, id: TaskId) -> impl Iterator<Item = &TaskInfo> {
        self.tasks.iter().filter(move |task| task.parent == Some(id))
    }

    /// The domains that have not told of their tasks in time: a task there has not given way for long.
    pub fn silent(&self) -> &[Domain] {
        &self.silent
    }

    /// Puts together what each domain has told.
    pub(super) fn new(peers: &[Arc<Shared>], told: Vec<Option<Vec<Record>>>) -> Self {
        let silent = peers.iter().zip(&told).filter(|(_, told)| told.is_none());
        let silent = silent.map(|(peer, _)| peer.domain()).collect();
        let mut records: Vec<_> = told.into_iter().flatten().flatten().collect();
        // In the order in which they were started, on each domain.
        records.sort_by_key(|record| record.id.key().serial);
        // A called task stands in the place of its call.
        let calls = records.iter().filter_map(|record| Some((record.call?, record)));
        let called: BTreeMap<Key, &Record> = calls.collect();
        let mut children: BTreeMap<Option<Key>, Vec<&Record>> = BTreeMap::new();
        for record in records.iter().filter(|record| record.call.is_none()) {
            let there = called.get(&record.id.key()).unwrap_or(&record);
            children.entry(record.parent).or_default().push(there);
        }
        let mut tasks = Vec::with_capacity(records.len());
        let mut next: Vec<(Option<TaskId>, usize, &Record)> = Vec::new();
        let mut push = |parent: Option<TaskId>, depth, next: &mut Vec<_>| {
            let below = children.remove(&parent.map(|parent| parent.key())).unwrap_or_default();
            next.extend(below.into_iter().rev().map(|child| (parent, depth, child)));
        };
        push(None, 0, &mut next);
        while let Some((parent, depth, record)) = next.pop() {
            let Record { id, location, state, is_cancelled, .. } = *record;
            let name = record.name.clone();
            tasks.push(TaskInfo { id, parent, depth, name, location, state, is_cancelled });
            push(Some(id), depth + 1, &mut next);
        }
        Self { tasks, silent }
    }
}

impl TaskInfo {
    /// Which task it is.
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// Its parent; none is the main task's.
    pub fn parent(&self) -> Option<TaskId> {
        self.parent
    }

    /// How many ancestors it has.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// The domain it runs on.
    pub fn domain(&self) -> Domain {
        self.id.domain()
    }

    /// Its name, if it has given itself one by [`name_task`](crate::name_task).
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Where it was spawned or called.
    pub fn location(&self) -> &'static Location<'static> {
        self.location
    }

    /// What it is doing.
    ///
    /// ```
    /// use vigie::{TaskInfo, TaskState, tree};
    ///
    /// fn waits(task: &TaskInfo) -> bool {
    ///     task.state() == TaskState::Waiting
    /// }
    ///
    /// vigie::run(async {
    ///     // The one for ever, and the other for this.
    ///     let child = vigie::spawn(std::future::pending::<()>());
    ///     vigie::yield_now().await;
    ///     assert!(tree().await.unwrap().tasks().iter().all(waits));
    ///     drop(child);
    /// }).unwrap();
    /// ```
    pub fn state(&self) -> TaskState {
        self.state
    }

    /// Was it cancelled? Then it waits for the ends of its children, or of a section that is not to be
    /// cancelled, or it is a finaliser, which a cancellation does not stop.
    pub fn is_cancelled(&self) -> bool {
        self.is_cancelled
    }

    fn looks_like(&self, other: &Self) -> bool {
        let look = |task: &Self| (task.parent, task.location, task.domain(), task.state, task.is_cancelled);
        look(self) == look(other) && self.name == other.name
    }
}

impl fmt::Display for TaskInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let label = Label(self.id, self.name());
        write!(f, "{label}, {}, {}: {}", self.location, self.domain(), self.state)?;
        if self.is_cancelled { f.write_str(", cancelled") } else { Ok(()) }
    }
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ready => "ready",
            Self::Waiting => "waiting",
            Self::Ended => "ended, waiting for its children",
            Self::Called => "called",
        })
    }
}

/// How many levels are drawn; those below are numbered.
const DRAWN: usize = 32;

/// Siblings in a row that look alike, and have no children, share a line, unless it is asked for all
/// of them (`{:#}`). The last line is not ended.
impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.last_siblings();
        // For each level above: does a sibling still come?
        let mut rails: Vec<bool> = Vec::new();
        let mut at = 0;
        while let Some(task) = self.tasks.get(at) {
            if at > 0 {
                f.write_str("\n")?;
            }
            let alike = if f.alternate() { 1 } else { self.alike(at) };
            let is_last = last[at + alike - 1];
            rails.truncate(task.depth);
            for goes_on in rails.iter().skip(1).take(DRAWN) {
                f.write_str(if *goes_on { "│  " } else { "   " })?;
            }
            if task.depth > DRAWN {
                write!(f, "({} levels further down) ", task.depth - DRAWN)?;
            }
            if task.depth > 0 {
                f.write_str(if is_last { "└─ " } else { "├─ " })?;
            }
            match alike {
                1 => write!(f, "{task}")?,
                _ => write!(f, "{task} (and {} alike)", alike - 1)?,
            }
            rails.push(!is_last);
            at += alike;
        }
        for domain in &self.silent {
            if at > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{domain} does not answer: a task there has not given way")?;
            at += 1;
        }
        Ok(())
    }
}

/// As `Display`, between two ends of a line: this is what is seen of the error that `main` returns.
impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{self}\n")
    }
}

impl Tree {
    /// For each task: is it the last of its siblings?
    fn last_siblings(&self) -> Vec<bool> {
        // For each level: has a later sibling been seen?
        let mut later: Vec<bool> = Vec::new();
        let mut last: Vec<_> = self
            .tasks
            .iter()
            .rev()
            .map(|task| {
                later.resize(task.depth + 1, false);
                !std::mem::replace(&mut later[task.depth], true)
            })
            .collect();
        last.reverse();
        last
    }

    /// How many tasks from this one on share its line.
    fn alike(&self, at: usize) -> usize {
        let first = &self.tasks[at];
        let rest = self.tasks[at..].iter();
        let count = rest.take_while(|task| task.looks_like(first)).count();
        // The children of the last one follow it.
        let next = self.tasks.get(at + count);
        let has_children = next.is_some_and(|next| next.depth > first.depth);
        if has_children { (count - 1).max(1) } else { count }
    }
}

/// What a domain tells of one of its tasks, or of a call whose task has not finished.
#[derive(Debug)]
pub(crate) struct Record {
    id: TaskId,
    /// The parent, if that is a task of the same domain.
    parent: Option<Key>,
    /// The call by which it was started, if it was called.
    call: Option<Key>,
    name: Option<Arc<str>>,
    location: &'static Location<'static>,
    state: TaskState,
    is_cancelled: bool,
}

impl Local {
    /// All tasks of this domain.
    pub(super) fn records(&self) -> Vec<Record> {
        self.tasks.borrow().iter().map(|task| self.record(&**task)).collect()
    }

    fn record(&self, task: &dyn Task) -> Record {
        let node = task.node();
        let call = match &node.parent {
            Parent::Elsewhere(Some(caller)) => Some(caller.link),
            _ => None,
        };
        let state = if task.is_far() {
            TaskState::Called
        } else if node.is_ending() {
            TaskState::Ended
        } else if node.queued.get() || self.current_key() == Some(node.key) {
            TaskState::Ready
        } else {
            TaskState::Waiting
        };
        Record {
            id: TaskId::new(self.shared.domain(), node.key),
            parent: node.parent().map(|parent| parent.node().key),
            call,
            name: node.named.get().then(|| self.shared.name(node.key)).flatten(),
            location: node.location,
            state,
            is_cancelled: node.is_cancelled(),
        }
    }
}
