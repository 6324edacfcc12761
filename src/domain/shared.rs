//! What other threads see of a domain: its parker, its inbox, and its signals.

use std::{any::Any, collections::BTreeMap, fmt, io};

use crate::{
    domain::{
        Domain, Local, Setting,
        metrics::{Counters, EventCounters, Observed},
        names::Names,
    },
    events::Uid,
    forks,
    protocol::{Inbox, Outsiders, Parker, Ready, Rest},
    slots::Key,
    sync::Arc,
    task::{Called, Ending},
};

/// A domain, seen from any thread. It may outlive the run, and is then inert: no message of the
/// kinds that can still arrive owns a future.
#[derive(Debug)]
pub(crate) struct Shared {
    domain: Domain,
    /// The process in which the run began, by its generation.
    pub(super) generation: u32,
    pub(crate) parker: Arc<Parker>,
    pub(crate) inbox: Inbox<Message>,
    pub(crate) signals: Ready<Uid>,
    /// The senders of signals that are not the events' own.
    pub(crate) senders: Outsiders,
    pub(super) counters: Counters,
    pub(crate) events: EventCounters,
    pub(super) names: Names,
    /// If anything of that is asked for.
    pub(super) observed: Option<Box<Observed>>,
}

/// The domains of one run.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    /// By their numbers.
    pub(crate) peers: Arc<[Arc<Shared>]>,
    /// How many of them have nothing to expect.
    pub(super) rest: Arc<Rest>,
}

impl Group {
    pub(crate) fn new(run: u64, domains: u32, setting: Setting) -> Self {
        let peers: Arc<[_]> = (0..domains).map(|index| Arc::new(Shared::new(run, index, setting))).collect();
        Self { rest: Arc::new(Rest::new(peers.len())), peers }
    }
}

/// A question of another thread, put on the domain's own.
pub(crate) type Ask = Box<dyn FnOnce(&Local) + Send>;

/// What one domain tells another.
pub(crate) enum Message {
    /// Run this task if it still lives.
    Wake(Key),
    /// Start a task that another domain called.
    Start(Box<dyn FnOnce() + Send>),
    /// Cancel a task that the sender called here.
    Cancel(Arc<dyn Called>),
    /// A task that the receiver called has finished; its result lies in the call.
    Finished(Key, Ending),
    /// Do this once the domain has looked for news.
    Ask(Ask),
    /// To domain 0: the run is to end before its time.
    Fatal(Fatal),
    /// From domain 0: every task of the run has finished.
    Stop,
}

/// What ends a run before its time.
pub(crate) enum Fatal {
    Error(io::Error),
    Panic(Box<dyn Any + Send>),
}

impl Shared {
    pub(crate) fn new(run: u64, index: u32, setting: Setting) -> Self {
        let parker = Arc::new(Parker::new());
        Self {
            domain: Domain { run, index },
            generation: forks::generation(),
            inbox: Inbox::new(parker.clone()),
            signals: Ready::new(parker.clone()),
            parker,
            senders: Outsiders::new(),
            counters: Counters::default(),
            events: EventCounters::default(),
            names: Names::new(BTreeMap::new()),
            observed: Observed::new(setting),
        }
    }

    pub(crate) fn domain(&self) -> Domain {
        self.domain
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wake(_) => "Wake",
            Self::Start(_) => "Start",
            Self::Cancel(_) => "Cancel",
            Self::Finished(..) => "Finished",
            Self::Ask(_) => "Ask",
            Self::Fatal(_) => "Fatal",
            Self::Stop => "Stop",
        })
    }
}
