//! The poller over `mio`: edge-triggered, on epoll and kqueue.

use std::{io, os::fd::AsRawFd, time::Duration};

use mio::{Events, Interest, Poll, Registry, Waker, unix::SourceFd};

use super::{Fd, Poller, Readiness, Registrar, Token};
use crate::sync::Arc;

/// Events taken by one poll.
const BATCH: usize = 1024;
/// Not a source's token: those count from 0 in their lower half.
const WAKE: mio::Token = mio::Token(usize::MAX);

#[derive(Debug)]
struct MioPoller {
    poll: Poll,
    events: Events,
}

#[derive(Debug)]
struct MioRegistrar {
    registry: Registry,
    waker: Waker,
}

pub(super) fn open() -> io::Result<(Box<dyn Poller>, Arc<dyn Registrar>)> {
    let poll = Poll::new()?;
    let registry = poll.registry().try_clone()?;
    let waker = Waker::new(&registry, WAKE)?;
    let poller = MioPoller { poll, events: Events::with_capacity(BATCH) };
    Ok((Box::new(poller), Arc::new(MioRegistrar { registry, waker })))
}

impl Poller for MioPoller {
    fn poll(&mut self, timeout: Option<Duration>, ready: &mut Vec<(Token, Readiness)>) -> io::Result<()> {
        match self.poll.poll(&mut self.events, timeout) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(error),
        }
        for event in self.events.iter().filter(|event| event.token() != WAKE) {
            let failed = event.is_error();
            let readiness = Readiness::NONE
                .with(Readiness::READ, event.is_readable() || failed)
                .with(Readiness::WRITE, event.is_writable() || failed)
                .with(Readiness::READ_CLOSED, event.is_read_closed())
                .with(Readiness::WRITE_CLOSED, event.is_write_closed())
                .with(Readiness::URGENT, event.is_priority());
            ready.push((Token(event.token().0), readiness));
        }
        Ok(())
    }
}

impl Registrar for MioRegistrar {
    fn add(&self, fd: Fd<'_>, token: Token) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let interest = interest | Interest::PRIORITY;
        self.registry.register(&mut SourceFd(&fd.as_raw_fd()), mio::Token(token.0), interest)
    }

    fn rearm(&self, _fd: Fd<'_>, _token: Token, _interest: Readiness) -> io::Result<()> {
        Ok(())
    }

    fn remove(&self, fd: Fd<'_>) -> io::Result<()> {
        self.registry.deregister(&mut SourceFd(&fd.as_raw_fd()))
    }

    fn wake(&self) -> io::Result<()> {
        self.waker.wake()
    }

    fn is_edge(&self) -> bool {
        true
    }

    /// Only where urgent data, which cuts a read short, is told as well.
    fn tells_closed(&self) -> bool {
        cfg!(any(target_os = "linux", target_os = "android"))
    }
}
