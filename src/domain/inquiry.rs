//! Asking all domains which tasks live there.

use std::{
    future::poll_fn,
    task::{Poll, Waker},
};

use crate::{
    domain::{
        Local, Message, Shared,
        tree::{Record, Tree},
    },
    error::TaskError,
    sync::{Arc, Mutex},
    task::shielded,
};

/// The tasks of the run that have not finished, as a tree; printed by `Display` as a person would draw
/// it.
///
/// Each domain tells of its own tasks between two slices, so this waits for a domain that computes. A
/// task that starts or finishes meanwhile may be missing, with its descendants.
///
/// # Errors
///
/// [`TaskError::OutsideRuntime`] on a thread that runs no domain.
///
/// ```
/// vigie::run(async {
///     let sleeper = vigie::spawn(std::future::pending::<()>());
///     vigie::yield_now().await;
///     let tree = vigie::tree().await.unwrap();
///     println!("{tree}");
///     let main = &tree.tasks()[0];
///     assert_eq!(main.id(), vigie::TaskId::current().unwrap());
///     assert_eq!(tree.children(main.id()).next().unwrap().location().file(), file!());
///     sleeper.cancel().await.unwrap();
/// }).unwrap();
/// ```
pub async fn tree() -> Result<Tree, TaskError> {
    let peers = Local::with(|local| local.group.peers.clone()).ok_or(TaskError::OutsideRuntime)?;
    let inquiry = Inquiry::send(&peers);
    poll_fn(|cx| inquiry.poll(cx.waker())).await;
    Ok(inquiry.tree())
}

/// A question to all domains.
pub(crate) struct Inquiry {
    peers: Arc<[Arc<Shared>]>,
    answers: Arc<Mutex<Answers>>,
}

struct Answers {
    told: Vec<Option<Vec<Record>>>,
    waker: Option<Waker>,
}

impl Inquiry {
    pub(crate) fn send(peers: &Arc<[Arc<Shared>]>) -> Self {
        let told = peers.iter().map(|_| None).collect();
        let answers = Arc::new(Mutex::new(Answers { told, waker: None }));
        for (at, peer) in peers.iter().enumerate() {
            let answers = answers.clone();
            peer.inbox.post(Message::Ask(Box::new(move |local| {
                let records = local.records();
                let mut answers = answers.lock();
                answers.told[at] = Some(records);
                let waker = answers.waker.take();
                drop(answers);
                if let Some(waker) = waker {
                    shielded(|| waker.wake());
                }
            })));
        }
        Self { peers: peers.clone(), answers }
    }

    /// Ready once all have answered.
    pub(crate) fn poll(&self, waker: &Waker) -> Poll<()> {
        // Cloned before the lock and dropped after it: a waker is anybody's code.
        let waker = waker.clone();
        let mut answers = self.answers.lock();
        if answers.told.iter().all(Option::is_some) {
            return Poll::Ready(());
        }
        let before = answers.waker.replace(waker);
        drop(answers);
        drop(before);
        Poll::Pending
    }

    /// What was told until now.
    pub(crate) fn tree(&self) -> Tree {
        let told = self.answers.lock().told.iter_mut().map(Option::take).collect();
        Tree::new(&self.peers, told)
    }
}
