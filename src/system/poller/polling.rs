//! The poller over `polling`: edge-triggered where the system can, else re-armed.

use std::{io, time::Duration};

use polling::{Event, Events, PollMode};

use super::{Fd, Poller, Readiness, Registrar, Token};
use crate::sync::Arc;

struct PollingPoller {
    poller: Arc<polling::Poller>,
    events: Events,
    oneshot: bool,
}

#[derive(Debug)]
struct PollingRegistrar {
    poller: Arc<polling::Poller>,
    mode: PollMode,
}

pub(super) fn open() -> io::Result<(Box<dyn Poller>, Arc<dyn Registrar>)> {
    let poller = Arc::new(polling::Poller::new()?);
    let mode = if poller.supports_edge() { PollMode::Edge } else { PollMode::Oneshot };
    let registrar = PollingRegistrar { poller: poller.clone(), mode };
    let oneshot = mode == PollMode::Oneshot;
    Ok((Box::new(PollingPoller { poller, events: Events::new(), oneshot }), Arc::new(registrar)))
}

impl Poller for PollingPoller {
    fn poll(&mut self, timeout: Option<Duration>, ready: &mut Vec<(Token, Readiness)>) -> io::Result<()> {
        self.events.clear();
        match self.poller.wait(&mut self.events, timeout) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(error),
        }
        for event in self.events.iter() {
            let failed = event.is_err().unwrap_or(false);
            let closed = event.is_interrupt();
            let readiness = Readiness::NONE
                // One event disarms both directions: whoever waits for the other one must find out for
                // itself, and arm it again.
                .with(Readiness::READ, event.readable || failed || closed || self.oneshot)
                .with(Readiness::WRITE, event.writable || failed || closed || self.oneshot)
                .with(Readiness::READ_CLOSED, closed)
                .with(Readiness::WRITE_CLOSED, closed)
                .with(Readiness::URGENT, event.is_priority());
            ready.push((Token(event.key), readiness));
        }
        Ok(())
    }
}

impl Registrar for PollingRegistrar {
    fn add(&self, fd: Fd<'_>, token: Token) -> io::Result<()> {
        // SAFETY: a source removes itself from the poller before it closes its descriptor. One that is leaked, and
        // closed by whom it was borrowed from, leaves with its descriptor: the systems that this runs on forget
        // what is closed, and read no memory by its number.
        #[cfg(unix)]
        unsafe {
            use std::os::fd::AsRawFd as _;
            self.poller.add_with_mode(fd.as_raw_fd(), Event::all(token.0).with_priority(), self.mode)
        }
        // SAFETY: as above.
        #[cfg(windows)]
        unsafe {
            use std::os::windows::io::AsRawSocket as _;
            self.poller.add_with_mode(fd.as_raw_socket(), Event::all(token.0).with_priority(), self.mode)
        }
    }

    fn rearm(&self, fd: Fd<'_>, token: Token, interest: Readiness) -> io::Result<()> {
        let mut event = Event::none(token.0);
        event.readable = interest.has_any(Readiness::READ);
        event.writable = interest.has_any(Readiness::WRITE);
        event.set_priority(interest.has_any(Readiness::URGENT));
        self.poller.modify_with_mode(fd, event, self.mode)
    }

    fn remove(&self, fd: Fd<'_>) -> io::Result<()> {
        self.poller.delete(fd)
    }

    fn wake(&self) -> io::Result<()> {
        self.poller.notify()
    }

    fn is_edge(&self) -> bool {
        self.mode == PollMode::Edge
    }

    /// Hidden by `polling`: a half-closed peer looks like a readable one.
    fn tells_closed(&self) -> bool {
        false
    }
}
