//! One process: waiting for its end, and seeing to it that it is reaped.

use std::{
    io,
    process::{Child, ExitStatus},
    task::{Context, Poll, ready},
};

use rustix::process::{Pid, Signal, kill_process};

use super::orphans;
use crate::signal::{SIGCHLD, Signals};
#[cfg(any(target_os = "linux", target_os = "android"))]
use crate::system::{Direction, Source};

/// A child whose end is learned of here, or by the thread that reaps orphans.
#[derive(Debug)]
pub(super) struct Process {
    /// There until it is dropped.
    child: Option<Child>,
    /// How it ended, once it was reaped.
    ended: Option<ExitStatus>,
    /// There from the first wait to the end.
    pub(super) watch: Option<Watch>,
    pub(super) kill_on_drop: bool,
}

impl Process {
    pub(super) fn new(child: Child, kill_on_drop: bool) -> Self {
        Self { child: Some(child), ended: None, watch: None, kill_on_drop }
    }

    fn child(&mut self) -> &mut Child {
        self.child.as_mut().expect("only drop takes it")
    }

    pub(super) fn id(&self) -> Option<u32> {
        self.child.as_ref().filter(|_| self.ended.is_none()).map(Child::id)
    }

    pub(super) fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        if self.ended.is_none() {
            let ended = self.child().try_wait()?;
            self.note(ended);
        }
        Ok(self.ended)
    }

    pub(super) fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<ExitStatus>> {
        if let Some(ended) = self.ended {
            return Poll::Ready(Ok(ended));
        }
        let child = self.child.as_mut().expect("only drop takes it");
        if self.watch.is_none() {
            self.watch = Some(Watch::new(child)?);
        }
        let watch = self.watch.as_mut().expect("it was made above");
        let ended = ready!(watch.poll_end(cx, child))?;
        self.note(Some(ended));
        Poll::Ready(Ok(ended))
    }

    fn note(&mut self, ended: Option<ExitStatus>) {
        if ended.is_some() {
            self.ended = ended;
            self.watch = None;
        }
    }

    pub(super) fn kill(&mut self) -> io::Result<()> {
        // Does nothing to one that was reaped.
        self.child().kill()
    }

    pub(super) fn send_signal(&mut self, signal: i32) -> io::Result<()> {
        let Some(signal) = Signal::from_named_raw(signal) else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{signal} names no signal")));
        };
        if self.ended.is_none() {
            // Not reaped, it keeps its number.
            kill_process(Pid::from_child(self.child()), signal)?;
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take().filter(|_| self.ended.is_none()) else { return };
        if self.kill_on_drop {
            // Only while it is known to be this process's: reaped by another part of it, or left in the parent by
            // a fork, its number may be another's. One that cannot be killed, having become another user's, is
            // waited for all the same.
            if let Ok(None) = child.try_wait() {
                let _ = child.kill();
            }
        }
        orphans::adopt(child);
    }
}

/// What tells that a child may have ended.
#[derive(Debug)]
pub(super) enum Watch {
    /// Its descriptor, which can be read once it has ended.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    Pidfd(Source<std::os::fd::OwnedFd>),
    /// That any child of this process has.
    Sigchld(Signals),
}

impl Watch {
    fn new(child: &Child) -> io::Result<Self> {
        // An old kernel has none, and a sandbox may not allow it.
        Self::pidfd(child).map_or_else(Self::sigchld, Ok)
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn pidfd(child: &Child) -> Option<Self> {
        use rustix::process::{PidfdFlags, pidfd_open};
        let pidfd = pidfd_open(Pid::from_child(child), PidfdFlags::empty()).ok()?;
        Some(Self::Pidfd(Source::new(pidfd)))
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn pidfd(_child: &Child) -> Option<Self> {
        None
    }

    /// For any child, from now on.
    pub(super) fn sigchld() -> io::Result<Self> {
        Signals::new([SIGCHLD]).map(Self::Sigchld)
    }

    /// Reaps the child when it has ended.
    fn poll_end(&mut self, cx: &mut Context<'_>, child: &mut Child) -> Poll<io::Result<ExitStatus>> {
        match self {
            #[cfg(any(target_os = "linux", target_os = "android"))]
            Self::Pidfd(source) => {
                let reap = |_: &_| child.try_wait()?.ok_or_else(|| io::ErrorKind::WouldBlock.into());
                source.poll_io(cx, Direction::Read, reap, |_| false)
            }
            Self::Sigchld(signals) => loop {
                if let Some(ended) = child.try_wait()? {
                    return Poll::Ready(Ok(ended));
                }
                ready!(signals.poll_next(cx))?;
            },
        }
    }
}
