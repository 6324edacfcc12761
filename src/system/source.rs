//! Sources: descriptors that a domain watches, and what is done with them once they are ready.

use std::{
    cell::RefCell,
    fmt, io,
    task::{Context, Poll},
};

#[cfg(unix)]
use super::Told;
use super::{
    Direction, Home, News, System,
    poller::{AsFd, Fd, Readiness, Token},
};
use crate::{
    domain::{Local, access::charged_here},
    events::{self, EventsError},
    sync::Arc,
};

/// A descriptor that any domain can watch, one at a time: it is registered with the poller of the
/// domain that first has to wait for it, and follows when it is used on another. `Send`, but not
/// `Sync`: so nobody waits for it where it no longer is.
pub(crate) struct Source<T: AsFd> {
    registration: RefCell<Option<Registration>>,
    /// What it is taken to be ready for until the poller tells.
    assumed: Readiness,
    /// There until `into_inner` takes it.
    io: Option<T>,
}

/// Where a source is registered.
struct Registration {
    token: Token,
    home: Arc<Home>,
}

/// Charges an operation that needs the system's events to the current slice.
#[inline]
fn charged<R>(
    cx: &mut Context<'_>,
    operate: impl FnOnce(&Local, &mut System, &mut Context<'_>) -> Poll<io::Result<R>>,
) -> Poll<io::Result<R>> {
    charged_here(cx, |local, cx| {
        let local = local.ok_or(EventsError::OutsideRuntime);
        let done = local.and_then(|local| local.with_events(|system| operate(local, system, cx)));
        done.unwrap_or_else(|error| Poll::Ready(Err(error.into())))
    })
}

impl<T: AsFd> Source<T> {
    pub(crate) fn new(io: T) -> Self {
        // What it is ready for is unknown, and trying is quicker than asking.
        let assumed = Readiness::READ.with(Readiness::WRITE, true);
        Self { registration: RefCell::new(None), assumed, io: Some(io) }
    }

    pub(crate) fn get(&self) -> &T {
        self.io.as_ref().expect("only `into_inner` takes it")
    }

    /// Hands the descriptor back, watched no more.
    pub(crate) fn into_inner(mut self) -> T {
        self.leave();
        self.io.take().expect("only `into_inner` takes it")
    }

    fn fd(&self) -> Fd<'_> {
        #[cfg(unix)]
        return self.get().as_fd();
        #[cfg(windows)]
        return self.get().as_socket();
    }

    /// Tries `operate` while the source is ready, and has the task woken when it may be again.
    /// `is_short` says of a success that it used the readiness up.
    #[inline(always)]
    pub(crate) fn poll_io<R>(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        mut operate: impl FnMut(&T) -> io::Result<R>,
        is_short: impl FnOnce(&R) -> bool,
    ) -> Poll<io::Result<R>> {
        charged(cx, |local, system, cx| self.try_io(local, system, cx, direction, &mut operate, is_short))
    }

    #[inline(always)]
    fn try_io<R>(
        &self,
        local: &Local,
        system: &mut System,
        cx: &mut Context<'_>,
        direction: Direction,
        operate: &mut impl FnMut(&T) -> io::Result<R>,
        is_short: impl FnOnce(&R) -> bool,
    ) -> Poll<io::Result<R>> {
        let here = self.registered(system);
        let who = || local.awaiter(cx.waker());
        if let Some(token) = here
            && system.sources.poll_ready(token, direction, who)?.is_pending()
        {
            return Poll::Pending;
        }
        loop {
            match operate(self.get()) {
                Ok(done) => {
                    if let Some(token) = here
                        && is_short(&done)
                        && system.registrar.tells_closed()
                    {
                        system.sources.came_short(token, direction.ready());
                    }
                    return Poll::Ready(Ok(done));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let awaiter = who()?;
                    // The poller tells of every change after this: the registration comes with the
                    // readiness of its moment, and what the observer has already pushed is applied
                    // on this thread, later.
                    let token = self.register(system)?;
                    system.sources.clear(token, direction);
                    let _pending = system.sources.poll_ready(token, direction, || Ok(awaiter))?;
                    self.rearm(system, token)?;
                    return Poll::Pending;
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Where the poller has no edge mode, it is told what is waited for now.
    fn rearm(&self, system: &mut System, token: Token) -> io::Result<()> {
        if system.registrar.is_edge() {
            return Ok(());
        }
        let interest = system.sources.interest(token);
        system.registrar.rearm(self.fd(), token, interest)
    }

    /// Its token, if it is registered with this domain.
    #[inline]
    fn registered(&self, system: &System) -> Option<Token> {
        let registration = self.registration.borrow();
        registration.as_ref().filter(|there| there.is_with(system)).map(|here| here.token)
    }

    /// Registers with this domain, and nowhere else.
    fn register(&self, system: &mut System) -> io::Result<Token> {
        if let Some(token) = self.registered(system) {
            return Ok(token);
        }
        self.leave();
        let token = system.register(self.fd(), self.assumed)?;
        *self.registration.borrow_mut() = Some(Registration { token, home: system.home.clone() });
        Ok(token)
    }

    /// Leaves the domain that watches it, if one does.
    fn leave(&self) {
        if let Some(registration) = self.registration.take() {
            registration.leave(self.fd());
        }
    }
}

/// For descriptors of any kind.
#[cfg(unix)]
impl<T: AsFd> Source<T> {
    /// Watched by this domain from now on, and ready for nothing until the poller says so. The error is that
    /// of a domain without the system's events, or tells that no poller can watch this.
    pub(crate) fn watched(io: T) -> Result<Self, (T, io::Error)> {
        let source = Self { registration: RefCell::new(None), assumed: Readiness::NONE, io: Some(io) };
        let registered = events::with(|system: &mut System| source.register(system).map(drop));
        match registered.unwrap_or_else(|error| Err(error.into())) {
            Ok(()) => Ok(source),
            Err(error) => Err((source.into_inner(), error)),
        }
    }

    /// Has the task woken when the source is ready for what `interest`, a set of `READ`, `WRITE` and
    /// `URGENT`, says. Ready, it stays so until [`clear`](Self::clear) says that an operation would block.
    pub(crate) fn poll_ready(&self, cx: &mut Context<'_>, interest: Readiness) -> Poll<io::Result<Told>> {
        charged(cx, |local, system, cx| self.try_ready(local, system, cx, interest))
    }

    fn try_ready(
        &self,
        local: &Local,
        system: &mut System,
        cx: &mut Context<'_>,
        interest: Readiness,
    ) -> Poll<io::Result<Told>> {
        let token = self.register(system)?;
        let told = system.sources.poll_told(token, interest, || local.awaiter(cx.waker()))?;
        if told.is_pending() {
            self.rearm(system, token)?;
        }
        told.map(Ok)
    }

    /// What the poller has told, if the source is ready for what `interest` says. Nobody is woken if not.
    pub(crate) fn told(&self, interest: Readiness) -> io::Result<Option<Told>> {
        let told = events::with(|system: &mut System| {
            let token = self.register(system)?;
            Ok(system.sources.told(token, interest))
        });
        told.unwrap_or_else(|error| Err(error.into()))
    }

    /// Operations would block. Nothing happens if the poller has told otherwise since `told`, or another
    /// domain watches the source.
    pub(crate) fn clear(&self, interest: Readiness, told: Told) {
        let cleared = events::with(|system: &mut System| {
            if let Some(token) = self.registered(system) {
                system.sources.clear_told(token, interest, told);
            }
        });
        // Where the events are out of reach, what they know will never be asked for.
        let _ = cleared;
    }
}

#[cfg(test)]
impl<T: AsFd> Source<T> {
    /// How many sources this domain watches.
    pub(crate) fn watched_here() -> usize {
        events::with(|system: &mut System| system.sources.len()).unwrap_or(0)
    }
}

impl Registration {
    #[inline]
    fn is_with(&self, system: &System) -> bool {
        Arc::ptr_eq(&self.home, &system.home)
    }

    /// Leaves a domain, from any thread.
    fn leave(self, fd: Fd<'_>) {
        // In a forked child the poller is the parent's, which goes on watching.
        let forked = self.home.seat.has_forked();
        // Gone with its run, or closed under us: then it watches nothing any more.
        if !forked && let Some(registrar) = self.home.registrar.upgrade() {
            let _ = registrar.remove(fd);
        }
        let here = events::with(|system: &mut System| {
            let here = self.is_with(system);
            if here {
                system.forget(self.token);
            }
            here
        });
        if here != Ok(true) && !forked {
            self.home.news.send(News::Gone(self.token));
        }
    }
}

impl<T: AsFd> Drop for Source<T> {
    fn drop(&mut self) {
        // Before the descriptor is closed, and its number used again.
        self.leave();
    }
}

impl<T: AsFd + fmt::Debug> fmt::Debug for Source<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}
