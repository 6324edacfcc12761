//! Domains: a thread each, and the tasks that live on it.
//!
//! `shared` is what other threads see of a domain, `local` what only its own thread does, `tick` the
//! loop that it runs, and `access` how code inside a task reaches the domain it runs on.

pub(crate) mod access;
mod local;
mod run_queue;
mod shared;
mod tick;

use std::fmt;

pub(crate) use self::{
    local::{Entered, Local, Setting},
    shared::{Fatal, Message, Shared},
};

/// Names a domain of a run: plain data, which says nothing of whether the run still lives.
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
    pub fn all() -> Vec<Self> {
        Local::with(|local| local.peers.iter().map(|peer| peer.domain()).collect()).unwrap_or_default()
    }

    /// The domains that a [`call`](crate::call) from here can go to: all but 0 and the current one.
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
