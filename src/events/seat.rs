//! What the events of a domain get to know of it.

use std::{io, sync::Arc, thread::JoinHandle};

use crate::{
    domain::{Domain, Shared},
    events::SignalSender,
    runtime::SpawnThread,
};

/// A domain's seat: what its events are told when they are made, on the domain's own thread.
#[derive(Debug, Clone)]
pub struct Seat {
    shared: Arc<Shared>,
    spawn_thread: SpawnThread,
}

impl Seat {
    pub(crate) fn new(shared: Arc<Shared>, spawn_thread: SpawnThread) -> Self {
        Self { shared, spawn_thread }
    }

    /// The domain that the events are for.
    pub fn domain(&self) -> Domain {
        self.shared.domain()
    }

    /// The way to this domain from any thread, for its events: while others hold it, these have to say
    /// that they [expect news](crate::events::Events::expects_news).
    pub fn signal_sender(&self) -> SignalSender {
        SignalSender::new(self.shared.clone())
    }

    /// Is this a forked child of the process in which the run began? What the child shares with its parent, the
    /// descriptor of a poller say, is the parent's: leave it alone there, and do not wait for a thread, since
    /// none came along. The domain itself asks before it waits, and ends the run. A system call.
    pub fn has_forked(&self) -> bool {
        self.shared.has_forked()
    }

    /// Starts a thread the way the runtime's own are started (see
    /// [`Builder::spawn_thread`](crate::Builder::spawn_thread)).
    ///
    /// # Errors
    ///
    /// The system's error if the thread cannot be had.
    pub fn spawn_thread(
        &self,
        name: String,
        body: impl FnOnce() + Send + 'static,
    ) -> io::Result<JoinHandle<()>> {
        self.spawn_thread.spawn(name, Box::new(body))
    }
}
