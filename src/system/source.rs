//! Sources: descriptors watched by a domain, what they are ready for, and who waits for that.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    fmt, io,
    task::{Context, Poll, Waker},
};

use super::{
    Home, News, System,
    poller::{AsFd, Fd, Readiness, Token},
};
use crate::{
    domain::{Domain, TaskId},
    events,
    protocol::Tokens,
    sync::Arc,
    task::shielded,
};

/// Which way data goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Read,
    Write,
}

impl Direction {
    /// The readiness that is used up when an operation comes short; a closed direction stays closed.
    fn ready(self) -> Readiness {
        match self {
            Self::Read => Readiness::READ,
            Self::Write => Readiness::WRITE,
        }
    }

    /// The readinesses with which an operation does not block; all of them are wrong if it would.
    fn usable(self) -> Readiness {
        match self {
            Self::Read => Readiness::READ.with(Readiness::READ_CLOSED, true),
            Self::Write => Readiness::WRITE.with(Readiness::WRITE_CLOSED, true),
        }
    }
}

/// A descriptor that any domain can watch, one at a time: it is registered with the poller of the
/// domain that first has to wait for it, and follows when it is used on another. `Send`, but not
/// `Sync`: so nobody waits for it where it no longer is.
pub(crate) struct Source<T: AsFd> {
    registration: RefCell<Option<Registration>>,
    /// There until `into_inner` takes it.
    io: Option<T>,
}

/// Where a source is registered.
struct Registration {
    domain: Domain,
    token: Token,
    home: Arc<Home>,
}

impl<T: AsFd> Source<T> {
    pub(crate) fn new(io: T) -> Self {
        Self { registration: RefCell::new(None), io: Some(io) }
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
    pub(crate) fn poll_io<R>(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        mut operate: impl FnMut(&T) -> io::Result<R>,
        is_short: impl FnOnce(&R) -> bool,
    ) -> Poll<io::Result<R>> {
        events::charged(cx, |cx| {
            let done = events::with(|system: &mut System| {
                self.try_io(system, cx, direction, &mut operate, is_short)
            });
            done.unwrap_or_else(|error| Poll::Ready(Err(error.into())))
        })
    }

    fn try_io<R>(
        &self,
        system: &mut System,
        cx: &mut Context<'_>,
        direction: Direction,
        operate: &mut impl FnMut(&T) -> io::Result<R>,
        is_short: impl FnOnce(&R) -> bool,
    ) -> Poll<io::Result<R>> {
        let here = self.registered(system);
        if let Some(token) = here
            && system.sources.poll_ready(token, direction, cx.waker()).is_pending()
        {
            return match events::can_suspend() {
                Ok(()) => Poll::Pending,
                Err(error) => Poll::Ready(Err(error.into())),
            };
        }
        loop {
            match operate(self.get()) {
                Ok(done) => {
                    if let Some(token) = here
                        && system.registrar.tells_closed()
                        && is_short(&done)
                    {
                        system.sources.came_short(token, direction.ready());
                    }
                    return Poll::Ready(Ok(done));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if let Err(error) = events::can_suspend() {
                        return Poll::Ready(Err(error.into()));
                    }
                    // The poller tells of every change after this: the registration comes with the
                    // readiness of its moment, and what the observer has already pushed is applied
                    // on this thread, later.
                    let token = match self.register(system) {
                        Ok(token) => token,
                        Err(error) => return Poll::Ready(Err(error)),
                    };
                    system.sources.clear(token, direction.usable());
                    let _pending = system.sources.poll_ready(token, direction, cx.waker());
                    if !system.registrar.is_edge() {
                        let interest = system.sources.interest(token);
                        if let Err(error) = system.registrar.rearm(self.fd(), token, interest) {
                            return Poll::Ready(Err(error));
                        }
                    }
                    return Poll::Pending;
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Its token, if it is registered with this domain.
    fn registered(&self, system: &System) -> Option<Token> {
        let registration = self.registration.borrow();
        registration.as_ref().filter(|there| there.domain == system.home.seat.domain()).map(|here| here.token)
    }

    /// Registers with this domain, and nowhere else.
    fn register(&self, system: &mut System) -> io::Result<Token> {
        if let Some(token) = self.registered(system) {
            return Ok(token);
        }
        self.leave();
        let token = system.register(self.fd())?;
        let domain = system.home.seat.domain();
        *self.registration.borrow_mut() = Some(Registration { domain, token, home: system.home.clone() });
        Ok(token)
    }

    /// Leaves the domain that watches it, if one does.
    fn leave(&self) {
        if let Some(registration) = self.registration.take() {
            registration.leave(self.fd());
        }
    }
}

#[cfg(test)]
impl Sources {
    /// A source that is ready for nothing, and that somebody waits to read.
    pub(super) fn awaited(&mut self) -> Token {
        let token = self.insert().unwrap();
        self.clear(token, Readiness::READ.with(Readiness::WRITE, true));
        assert!(self.poll_ready(token, Direction::Read, Waker::noop()).is_pending());
        token
    }

    /// Does somebody still wait to read it?
    pub(super) fn is_awaited(&mut self, token: Token) -> bool {
        !self.entry(token).unwrap().read.is_empty()
    }
}

#[cfg(test)]
impl<T: AsFd> Source<T> {
    /// How many sources this domain watches.
    pub(crate) fn watched_here() -> usize {
        events::with(|system: &mut System| system.sources.entries.len()).unwrap_or(0)
    }
}

impl Registration {
    /// Leaves a domain, from any thread.
    fn leave(self, fd: Fd<'_>) {
        // In a forked child the poller is the parent's, which goes on watching.
        let forked = self.home.seat.has_forked();
        // Gone with its run, or closed under us: then it watches nothing any more.
        if !forked && let Some(registrar) = self.home.registrar.upgrade() {
            let _ = registrar.remove(fd);
        }
        let here = events::with(|system: &mut System| {
            let here = system.home.seat.domain() == self.domain;
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

/// The sources that one domain watches.
#[derive(Debug)]
pub(super) struct Sources {
    entries: Tokens<Entry>,
    /// How often the domain has looked for news: between two looks at least one ready task has its turn.
    turn: u64,
}

#[derive(Debug)]
struct Entry {
    ready: Readiness,
    read: Waiters,
    write: Waiters,
}

impl Sources {
    pub(super) fn new() -> Self {
        Self { entries: Tokens::new(), turn: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.len() == 0
    }

    /// The domain looks for news.
    pub(super) fn begin_turn(&mut self) {
        self.turn += 1;
    }

    /// None if there are as many as tokens can tell apart.
    pub(super) fn insert(&mut self) -> Option<Token> {
        // What it is ready for is unknown, and the poller will tell: nothing is taken for granted.
        let ready = Readiness::READ.with(Readiness::WRITE, true);
        let entry = Entry { ready, read: Waiters::default(), write: Waiters::default() };
        self.entries.insert(entry).map(Token)
    }

    fn entry(&mut self, token: Token) -> Option<&mut Entry> {
        self.entries.get_mut(token.0)
    }

    pub(super) fn remove(&mut self, token: Token) {
        let removed = self.entries.remove(token.0);
        // Its wakers are anybody's code.
        shielded(|| drop(removed));
    }

    /// The poller has reported a source ready; whether somebody waited for that. One that is gone is
    /// ignored.
    pub(super) fn apply(&mut self, token: Token, readiness: Readiness) -> bool {
        let Some(entry) = self.entry(token) else { return false };
        entry.ready = entry.ready.with(readiness, true);
        let mut any = false;
        if readiness.has_any(Direction::Read.usable()) {
            any |= entry.read.wake();
        }
        if readiness.has_any(Direction::Write.usable()) {
            any |= entry.write.wake();
        }
        any
    }

    /// The same for all of them, which are taken out.
    pub(super) fn apply_all(&mut self, found: &mut Vec<(Token, Readiness)>) -> bool {
        let mut any = false;
        for (token, readiness) in found.drain(..) {
            any |= self.apply(token, readiness);
        }
        any
    }

    /// An operation came short, and so used the readiness up; but not where urgent data may have cut
    /// it short.
    fn came_short(&mut self, token: Token, used_up: Readiness) {
        if let Some(entry) = self.entry(token)
            && !entry.ready.has_any(Readiness::URGENT)
        {
            entry.ready = entry.ready.without(used_up);
        }
    }

    /// An operation would block.
    fn clear(&mut self, token: Token, used_up: Readiness) {
        if let Some(entry) = self.entry(token) {
            entry.ready = entry.ready.without(used_up);
        }
    }

    /// Is the source ready, as far as is known? If not, `waker` is woken when it is.
    fn poll_ready(&mut self, token: Token, direction: Direction, waker: &Waker) -> Poll<()> {
        let turn = self.turn;
        let Some(entry) = self.entry(token) else {
            return Poll::Ready(());
        };
        if entry.ready.has_any(direction.usable()) {
            return Poll::Ready(());
        }
        match direction {
            Direction::Read => entry.read.add(waker, turn),
            Direction::Write => entry.write.add(waker, turn),
        }
        Poll::Pending
    }

    /// What is waited for.
    fn interest(&mut self, token: Token) -> Readiness {
        let Some(entry) = self.entry(token) else {
            return Readiness::NONE;
        };
        Readiness::NONE
            .with(Readiness::READ, !entry.read.is_empty())
            .with(Readiness::WRITE, !entry.write.is_empty())
    }
}

/// Who waits for one direction of one source: usually one task, and any number may.
#[derive(Debug, Default)]
struct Waiters {
    list: Vec<Waiter>,
    /// When those that wait no more were last looked for.
    thinned: u64,
}

#[derive(Debug)]
struct Waiter {
    waker: Waker,
    task: Option<TaskId>,
    /// Was it woken to see whether it still waits?
    asked: bool,
}

/// Beyond so many waiters, those that wait no more are looked for.
const MANY: usize = 32;

impl Waiters {
    fn add(&mut self, waker: &Waker, turn: u64) {
        if let Some(waiter) = self.list.iter_mut().find(|waiter| waiter.waker.will_wake(waker)) {
            waiter.asked = false;
            return;
        }
        // With this they never pile up, and the search costs no more than the growth that it may save. Not
        // twice in a turn: those that were asked come back only after it, and a crowd that all waits would
        // be sent away and come back for ever.
        if self.list.len() >= MANY && self.list.len() == self.list.capacity() && self.thinned != turn {
            self.thinned = turn;
            self.thin_out();
        }
        self.list.push(Waiter { waker: waker.clone(), task: TaskId::current(), asked: false });
    }

    /// Drops the wakers that cancelled tasks have left. Of each task that still lives the newest is not
    /// touched; its older ones, made by an executor inside of it that may have dropped them since, are
    /// woken: what does wait comes back, and what has not by the next time is dropped. They keep their
    /// place meanwhile, or else a crowd that all waits would be sent away and come back for ever.
    fn thin_out(&mut self) {
        self.list.retain(|waiter| !waiter.asked && waiter.task.is_none_or(|task| task.is_live()));
        let mut tasks = BTreeSet::new();
        for waiter in self.list.iter_mut().rev() {
            if waiter.task.is_some_and(|task| !tasks.insert(task)) {
                waiter.asked = true;
                shielded(|| waiter.waker.wake_by_ref());
            }
        }
    }

    /// Wakes all; whether there was any. One that panics has only itself to blame, and stops nobody.
    fn wake(&mut self) -> bool {
        let any = !self.is_empty();
        for waiter in self.list.drain(..) {
            shielded(|| waiter.waker.wake());
        }
        any
    }

    fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}
