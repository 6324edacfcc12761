//! Deadlocks: noticing that every task of the run waits, and that nothing can wake any.

use crate::{
    domain::{
        Fatal, Group, Local, Message, Shared,
        tree::{Record, Tree},
    },
    error::RunError,
    protocol::{Answer, Census, Verdict},
    sync::{Arc, Ordering, fence},
};

/// When a run in which every task waits is given up, with
/// [`RunError::Deadlock`].
///
/// In either case nothing is given up while a timer runs, a source is watched, a task waits for a closure
/// (`unblock`), or a [`SignalSender`](crate::events::SignalSender) that came from
/// [`signal_sender`](crate::events::signal_sender) exists anywhere, and never with events of your own
/// whose [`expects_news`](crate::events::Events::expects_news) says yes.
///
/// ```
/// use std::io::ErrorKind;
/// use vigie::{Builder, Deadlocks};
///
/// let error = Builder::new().deadlocks(Deadlocks::ClosedWorld).run(async {
///     let (_sender, receiver) = async_channel::bounded::<()>(1);
///     // The channel keeps this task's waker, and `Certain` would wait for its use.
///     receiver.recv().await
/// });
/// assert_eq!(error.unwrap_err().kind(), ErrorKind::Deadlock);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Deadlocks {
    /// When nothing at all could wake a task. As long as a waker of any task is kept somewhere, in a
    /// channel say, or by a combinator within the task itself, another thread may still use it. (The last
    /// one may go unused while every task waits; that is noticed only when a domain wakes.)
    #[default]
    Certain,
    /// When only code outside of the run's tasks could wake one by its waker. With this the program
    /// vouches that there is no such code: that channels, locks and the like are used among the run's
    /// tasks only. Then tasks that wait for each other's locks are noticed, too.
    ClosedWorld,
    /// Never.
    Ignored,
}

impl Local {
    /// The domain is about to park. Notes that it is at rest, if nothing that it knows of could wake it
    /// from outside of the run; then [`stir`](Self::stir) has to follow the park.
    pub(super) fn rest(&self) -> bool {
        if !self.could_rest() {
            return false;
        }
        let Group { peers, rest } = &self.group;
        // One that has a token will come by here again.
        if rest.enter() && !peers.iter().any(|peer| peer.parker.is_notified()) {
            if self.has_waker_outside() {
                rest.leave();
                return false;
            }
            if rest.begin() {
                ask_all(peers, &Census::new(peers.len()));
            }
        }
        true
    }

    /// The domain is awake again.
    pub(super) fn stir(&self) {
        self.group.rest.leave();
    }

    /// The quick look: no source of news from outside is known.
    fn could_rest(&self) -> bool {
        self.deadlocks != Deadlocks::Ignored
            && !self.over.get()
            && !self.shared.senders.any()
            && !self.ask_events(|events| events.expects_news()).unwrap_or(false)
            && !self.waker_was_outside()
    }

    /// Is the waker that the last thorough look found still there?
    fn waker_was_outside(&self) -> bool {
        let tasks = self.tasks.borrow();
        let found = self.waker_outside.get().and_then(|key| tasks.get(key));
        self.deadlocks != Deadlocks::ClosedWorld && found.is_some_and(|task| task.has_waker_outside())
    }

    /// Answers a question of the census.
    fn answer(&self, census: &Census<Vec<Record>>) {
        let at_rest = self.is_dry() && self.could_rest() && !self.has_waker_outside();
        // Whoever let go of a waker has left its token before that: the look before the next answer finds
        // it. ORDERING: acquire pairs with the release in the drop of the `Arc` that was counted.
        fence(Ordering::Acquire);
        let mut report = Vec::new();
        if census.is_last() {
            report = self.records();
            self.stuck.set(self.tasks.borrow().next_serial());
        }
        let answer = Answer { at_rest, count: self.shared.counters.happenings(), report };
        match census.answer(self.index() as usize, answer) {
            None => {}
            Some(Verdict::Alive) => self.group.rest.give_up(),
            Some(Verdict::Again(second)) => ask_all(&self.group.peers, &second),
            Some(Verdict::Dead(told)) => {
                let tree = Tree::new(&self.group.peers, told.into_iter().map(Some).collect());
                let error = RunError::Deadlock(Box::new(tree)).into();
                self.group.peers[0].inbox.post(Message::Fatal(Fatal::Error(error)));
                // Sections that are not to be cancelled wait in vain as well. But not the finalisers that
                // begin as the first of the tasks end.
                for peer in self.group.peers.iter() {
                    peer.inbox.post(Message::Ask(Box::new(|local| local.doom_all(local.stuck.get()))));
                }
                // Those can get stuck, too.
                self.group.rest.give_up();
            }
        }
    }

    /// The thorough look: does anybody but the scheduler keep a waker of one of the tasks?
    fn has_waker_outside(&self) -> bool {
        if self.deadlocks == Deadlocks::ClosedWorld {
            return false;
        }
        let tasks = self.tasks.borrow();
        let found = tasks.iter().find(|task| task.has_waker_outside());
        // The next quick look finds it at once.
        self.waker_outside.set(found.map(|task| task.node().key));
        found.is_some()
    }
}

fn ask_all(peers: &Arc<[Arc<Shared>]>, census: &Arc<Census<Vec<Record>>>) {
    for peer in peers.iter() {
        let census = census.clone();
        peer.inbox.post(Message::Ask(Box::new(move |local| local.answer(&census))));
    }
}
