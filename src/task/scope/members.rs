//! The set of futures that a scope polls.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, VecDeque},
    mem,
    panic::resume_unwind,
    rc::Rc,
    task::{Context, Poll, Wake, Waker},
    thread,
};

use crate::{
    error::Panic,
    events::charged,
    sync::{Arc, AtomicBool, Mutex, Ordering},
    task::cell::{catch, discard},
};

/// How many of its futures a scope polls before the task gives way.
const TURN: usize = 32;
/// The serial of the body, which goes before all others.
pub(super) const BODY: u64 = 0;

/// A slot of any type.
pub(super) trait Settle {
    /// The future has gone: wakes whoever awaits the handle.
    fn settle(&self, keep_value: bool);
}

/// A future, and where its output goes.
pub(super) type Scoped<'env> = Box<dyn FnMut(&mut Context<'_>) -> Poll<()> + 'env>;

struct Member<'env> {
    stage: Stage<'env>,
    slot: Rc<dyn Settle + 'env>,
}

enum Stage<'env> {
    Waiting(Scoped<'env>),
    /// It is being polled or dropped.
    Running,
    /// The same, and was cancelled meanwhile.
    Doomed,
}

/// The body and the scoped tasks of one scope.
///
/// No borrow is held while a future, a destructor or a waker runs: any of them may come back here.
pub(super) struct Members<'env> {
    /// Those that have not ended, by their serials.
    members: RefCell<BTreeMap<u64, Member<'env>>>,
    /// Of those that have ended, and whose panics nobody took.
    panics: RefCell<BTreeMap<u64, Panic>>,
    /// The latest serial.
    spawned: Cell<u64>,
    /// None once the scope has ended.
    woken: Arc<Mutex<Option<Woken>>>,
}

impl<'env> Members<'env> {
    pub(super) fn new() -> Self {
        Self {
            members: RefCell::default(),
            panics: RefCell::default(),
            spawned: Cell::new(BODY),
            woken: Arc::new(Mutex::new(Some(Woken::default()))),
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.woken.lock().is_none()
    }

    pub(super) fn next_serial(&self) -> u64 {
        self.spawned.update(|serial| serial + 1);
        self.spawned.get()
    }

    /// Takes in a future, to be polled in its turn; `false` if the scope has ended and the future was
    /// dropped.
    pub(super) fn insert(&self, serial: u64, future: Scoped<'env>, slot: Rc<dyn Settle + 'env>) -> bool {
        if self.is_closed() {
            return false;
        }
        self.members.borrow_mut().insert(serial, Member { stage: Stage::Waiting(future), slot });
        MemberWaker::new(serial, self.woken.clone()).wake();
        true
    }

    /// Polls some of those that were woken; ready when all have ended, or the body has panicked.
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        let is_over = || self.members.borrow().is_empty() || self.panics.borrow().contains_key(&BODY);
        // Those woken from here on, themselves included, have their turn in the next poll.
        let mut turns = self.begin_turn(cx.waker()).min(TURN);
        while turns > 0 && !is_over() && charged(cx, |_| self.poll_next()).is_ready() {
            turns -= 1;
        }
        if is_over() {
            return Poll::Ready(());
        }
        if self.has_woken() {
            self.wake_owner();
        }
        Poll::Pending
    }

    /// From here on a wake of a member wakes `owner`; how many were woken before.
    fn begin_turn(&self, owner: &Waker) -> usize {
        // Dropped after the lock: a waker is anybody's code.
        let mut owner = Some(owner.clone());
        let mut woken = self.woken.lock();
        let Some(woken) = &mut *woken else { return 0 };
        mem::swap(&mut woken.owner, &mut owner);
        woken.queue.len()
    }

    fn wake_owner(&self) {
        let owner = self.woken.lock().as_mut().and_then(|woken| woken.owner.take());
        if let Some(owner) = owner {
            owner.wake();
        }
    }

    fn has_woken(&self) -> bool {
        self.woken.lock().as_ref().is_some_and(|woken| !woken.queue.is_empty())
    }

    fn poll_next(&self) -> Poll<()> {
        if let Some(waker) = self.next_woken()
            && let Some(mut future) = self.take(waker.serial, Stage::Running)
        {
            let serial = waker.serial;
            let waker = Waker::from(waker);
            match catch(|| future(&mut Context::from_waker(&waker))) {
                Ok(Poll::Pending) => self.put_back(serial, future),
                Ok(Poll::Ready(())) => self.end(serial, future, None),
                Err(panic) => self.end(serial, future, Some(panic)),
            }
        }
        Poll::Ready(())
    }

    fn next_woken(&self) -> Option<Arc<MemberWaker>> {
        let mut woken = self.woken.lock();
        let waker = woken.as_mut()?.queue.pop_front()?;
        waker.queued.store(false, Ordering::Relaxed);
        Some(waker)
    }

    /// Takes a future out, and leaves `stage` in its place; none if it has ended, or is out already.
    fn take(&self, serial: u64, stage: Stage<'env>) -> Option<Scoped<'env>> {
        let mut members = self.members.borrow_mut();
        match mem::replace(&mut members.get_mut(&serial)?.stage, stage) {
            Stage::Waiting(future) => Some(future),
            Stage::Running | Stage::Doomed => None,
        }
    }

    fn put_back(&self, serial: u64, future: Scoped<'env>) {
        if let Some(member) = self.members.borrow_mut().get_mut(&serial)
            && let Stage::Running = member.stage
        {
            member.stage = Stage::Waiting(future);
            return;
        }
        self.end(serial, future, None);
    }

    pub(super) fn cancel(&self, serial: u64) {
        let Some(future) = self.take(serial, Stage::Doomed) else { return };
        self.end(serial, future, None);
        if self.members.borrow().is_empty() {
            // This came from outside of the scope, which may have nothing else to wait for.
            self.wake_owner();
        }
    }

    /// A member has ended: its future goes, and then its handle hears of it.
    fn end(&self, serial: u64, future: Scoped<'env>, panic: Option<Panic>) {
        let dropped = catch(|| drop(future)).err();
        let ended = self.members.borrow_mut().remove(&serial);
        let panic = first_of(panic, dropped);
        let Some(member) = ended else { return discard(panic) };
        let keep_value = panic.is_none() && !matches!(member.stage, Stage::Doomed);
        if let Some(panic) = panic {
            self.panics.borrow_mut().insert(serial, panic);
        }
        member.slot.settle(keep_value);
        // If the handle has gone, the value goes here.
        discard(member);
    }

    /// Takes the panic of a member that has ended, if it panicked.
    pub(super) fn take_panic(&self, serial: u64) -> Option<Panic> {
        self.panics.borrow_mut().remove(&serial)
    }

    /// Takes the panic to be resumed, if there is one: the body's before all others.
    pub(super) fn first_panic(&self) -> Option<Panic> {
        self.panics.borrow_mut().pop_first().map(|(_, panic)| panic)
    }

    /// Ends the scope: whatever is left is dropped, one by one, and wakes are in vain. The first panic
    /// of their destructors.
    fn close(&self) -> Option<Panic> {
        let woken = self.woken.lock().take();
        drop(woken);
        let mut first = None;
        loop {
            let last = self.members.borrow_mut().pop_last();
            let Some((_, Member { stage, slot })) = last else { break };
            first = first_of(first, catch(|| drop(stage)).err());
            slot.settle(false);
            discard(slot);
        }
        for (_, panic) in self.panics.take() {
            discard(panic);
        }
        first
    }
}

/// Closes the scope when its future has ended or is dropped.
pub(super) struct Closing<'a, 'env>(pub(super) &'a Members<'env>);

impl Drop for Closing<'_, '_> {
    fn drop(&mut self) {
        match self.0.close() {
            Some(panic) if thread::panicking() => discard(panic),
            Some(panic) => resume_unwind(panic.into_payload()),
            None => {}
        }
    }
}

fn first_of(first: Option<Panic>, second: Option<Panic>) -> Option<Panic> {
    if first.is_none() {
        return second;
    }
    discard(second);
    first
}

/// What wakes leave behind, from any thread.
#[derive(Default)]
struct Woken {
    /// Members to be polled, each once.
    queue: VecDeque<Arc<MemberWaker>>,
    /// The task that awaits the scope; none when it was woken since its last poll.
    owner: Option<Waker>,
}

/// Wakes one member. It owns no future, may outlive the scope, and is then inert.
struct MemberWaker {
    serial: u64,
    woken: Arc<Mutex<Option<Woken>>>,
    /// Is it in the queue? Read and written under the lock only, hence relaxed.
    queued: AtomicBool,
}

impl MemberWaker {
    fn new(serial: u64, woken: Arc<Mutex<Option<Woken>>>) -> Arc<Self> {
        Arc::new(Self { serial, woken, queued: AtomicBool::new(false) })
    }
}

impl Wake for MemberWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let owner = match &mut *self.woken.lock() {
            Some(woken) if !self.queued.swap(true, Ordering::Relaxed) => {
                woken.queue.push_back(self.clone());
                woken.owner.take()
            }
            _ => None,
        };
        // Outside of the lock: a waker is anybody's code.
        if let Some(owner) = owner {
            owner.wake();
        }
    }
}
