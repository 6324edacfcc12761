//! Domains: a thread each, and the tasks that live on it.
//!
//! `shared` is what other threads see of a domain, `local` what only its own thread does, `tick` the
//! loop that it runs, `hooks` what it calls in it, `tree` what it tells of its tasks, `names` how these
//! are called, `hint` whether a task should give way, `deadlock` how a run notices that it is stuck, `fork`
//! that its process has forked, `metrics` what it counts and times, `abort` what is done where it cannot go
//! on, `access` how code inside a task reaches the domain it runs on, and `awaiter` who of it waits.

mod abort;
pub(crate) mod access;
#[cfg(feature = "system")]
mod awaiter;
mod deadlock;
mod fork;
pub(crate) mod hint;
mod histogram;
mod hooks;
mod inquiry;
mod local;
mod metrics;
mod names;
mod rare;
mod run_queue;
mod shared;
mod tick;
mod tree;

use std::fmt;

#[cfg(feature = "system")]
pub(crate) use self::awaiter::Awaiter;
pub(crate) use self::{
    abort::AbortOnUnwind,
    fork::UnderWay,
    inquiry::Inquiry,
    local::{Entered, Local, Setting},
    metrics::Running,
    names::Label,
    shared::{Ask, Fatal, Group, Message, Shared},
};
pub use self::{
    deadlock::Deadlocks,
    histogram::Histogram,
    hooks::{Hook, on_tick},
    inquiry::tree,
    metrics::{LongSlice, Metrics},
    names::name_task,
    tree::{TaskInfo, TaskState, Tree},
};
use crate::slots::Key;

/// Names a domain of a run: plain data, which says nothing of whether the run still lives.
///
/// ```
/// use vigie::{Builder, Domain, call};
///
/// Builder::new().extra_domains(1).run(async {
///     let here = Domain::current().unwrap();
///     let there = call(|| async { Domain::current().unwrap() }).await.unwrap();
///     assert_eq!((here.index(), there.index()), (0, 1));
///     assert_eq!(there.to_string(), "domain 1");
/// }).unwrap();
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Domain {
    run: u64,
    index: u32,
}

impl Domain {
    /// Its number: 0 is the domain of the main task, on the thread that called `run`.
    pub fn index(&self) -> usize {
        self.index as usize
    }

    /// The domain that this code runs on, `None` on a thread that runs none.
    ///
    /// ```
    /// vigie::run(async { assert_eq!(vigie::Domain::current().unwrap().index(), 0) }).unwrap();
    /// assert!(vigie::Domain::current().is_none());
    /// ```
    pub fn current() -> Option<Self> {
        Local::with(|local| local.shared.domain())
    }

    /// All domains of this run, in the order of their numbers; none outside of a run.
    ///
    /// ```
    /// use vigie::{Builder, Domain};
    ///
    /// let numbers = Builder::new().extra_domains(2).run(async {
    ///     Domain::all().iter().map(Domain::index).collect::<Vec<_>>()
    /// });
    /// assert_eq!(numbers.unwrap(), [0, 1, 2]);
    /// assert_eq!(Domain::all(), []);
    /// ```
    pub fn all() -> Vec<Self> {
        Local::with(|local| local.group.peers.iter().map(|peer| peer.domain()).collect()).unwrap_or_default()
    }

    /// The domains that a [`call`](crate::call) from here can go to: all but 0 and the current one.
    ///
    /// ```
    /// use vigie::{Builder, Domain, call};
    ///
    /// fn available() -> Vec<usize> {
    ///     Domain::available().iter().map(Domain::index).collect()
    /// }
    ///
    /// Builder::new().extra_domains(2).run(async {
    ///     assert_eq!(available(), [1, 2]);
    ///     let one = Domain::available()[0];
    ///     assert_eq!(vigie::call_on(one, || async { available() }).await.unwrap(), [2]);
    /// }).unwrap();
    /// ```
    pub fn available() -> Vec<Self> {
        Local::with(|local| local.available().map(|peer| peer.domain()).collect()).unwrap_or_default()
    }
}

impl fmt::Debug for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Domain({})", self.index)
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "domain {}", self.index)
    }
}

/// Identifies a task of a run: plain data, never used again in the same run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId {
    domain: Domain,
    key: Key,
}

impl TaskId {
    /// The task that this code runs in, `None` outside of any.
    ///
    /// ```
    /// vigie::run(async {
    ///     let main = vigie::TaskId::current();
    ///     let child = vigie::spawn(async { vigie::TaskId::current() }).await.unwrap();
    ///     assert_ne!(main, child);
    ///     assert!(main.unwrap().is_live() && !child.unwrap().is_live());
    /// }).unwrap();
    /// ```
    pub fn current() -> Option<Self> {
        Local::with(|local| local.current_id()).flatten()
    }

    pub(crate) fn new(domain: Domain, key: Key) -> Self {
        Self { domain, key }
    }

    pub(crate) fn key(&self) -> Key {
        self.key
    }

    /// The domain it runs on.
    ///
    /// ```
    /// use vigie::{Domain, TaskId};
    ///
    /// vigie::run(async {
    ///     let id = TaskId::current().unwrap();
    ///     assert_eq!(Some(id.domain()), Domain::current());
    /// }).unwrap();
    /// ```
    pub fn domain(&self) -> Domain {
        self.domain
    }

    /// Has it, or a descendant of it, not finished yet? Asked on its own domain; `false` elsewhere.
    pub fn is_live(&self) -> bool {
        Local::with(|local| local.shared.domain() == self.domain && local.is_live(self.key)).unwrap_or(false)
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", { self.key.serial })
    }
}
