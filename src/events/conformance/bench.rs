//! What the checks are run on: a subject behind a recorder, or any runtime that can sleep.

use std::{
    future::{Future, poll_fn},
    io,
    pin::Pin,
    sync::Arc,
    task::{Poll, Waker},
    time::{Duration, Instant},
};

use super::{
    Fault, Subject,
    recorder::{Log, Plan, Recorder},
};
use crate::{
    Builder, Domain, Promise, TaskError, call_on,
    events::{self, Uid},
    spawn,
    sync::Mutex,
};

/// Domains besides domain 0: one that a call from the other can go to as well.
const EXTRA_DOMAINS: usize = 2;

type Sleeping = Pin<Box<dyn Future<Output = io::Result<()>>>>;

pub(super) type Outcome = Result<(), Fault>;

/// A way to have domains with events, and to wait on them.
pub(super) trait Bench: Send + Sync + 'static {
    fn builder(self: Arc<Self>, log: Arc<Log>) -> Builder;

    fn sleep(&self, log: Arc<Log>, after: Duration) -> Sleeping;

    /// Starts an operation for a uid that the caller holds.
    fn arrange(&self, uid: Uid, after: Duration) -> io::Result<()>;

    /// Is there a recorder?
    fn records(&self) -> bool;
}

pub(super) struct OfSubject<S>(Arc<S>);

impl<S: Subject> OfSubject<S> {
    pub(super) fn new(subject: S) -> Self {
        Self(Arc::new(subject))
    }
}

impl<S: Subject> Bench for OfSubject<S> {
    fn builder(self: Arc<Self>, log: Arc<Log>) -> Builder {
        let subject = self.0.clone();
        let make = move |seat| Recorder::new(seat, log.clone(), |seat| subject.make(seat));
        Builder::new().extra_domains(EXTRA_DOMAINS).events(make)
    }

    fn sleep(&self, log: Arc<Log>, after: Duration) -> Sleeping {
        Box::pin(async move {
            let syscall = events::syscall()?;
            let domain = Domain::current().map_or(0, |domain| domain.index());
            let mut operation = Operation::<S> {
                domain,
                uid: syscall.uid(),
                log: log.clone(),
                ended: false,
                withdraw: S::withdraw,
            };
            let arrange = |uid| {
                arrange::<S>(uid, after)?;
                log.arranged(domain, uid, Instant::now() + after);
                Ok(())
            };
            syscall.suspend(arrange).await?;
            log.ended(domain, operation.uid);
            operation.ended = true;
            Ok(())
        })
    }

    fn arrange(&self, uid: Uid, after: Duration) -> io::Result<()> {
        arrange::<S>(uid, after)
    }

    fn records(&self) -> bool {
        true
    }
}

fn arrange<S: Subject>(uid: Uid, after: Duration) -> io::Result<()> {
    events::with(|recorder: &mut Recorder<S::Events>| S::arrange(&mut recorder.inner, uid, after))?
}

/// An operation under way; it goes after its suspension.
struct Operation<S: Subject> {
    domain: usize,
    uid: Uid,
    log: Arc<Log>,
    ended: bool,
    withdraw: fn(&mut S::Events, Uid),
}

impl<S: Subject> Drop for Operation<S> {
    fn drop(&mut self) {
        if !self.ended {
            self.log.gave_up(self.domain, self.uid);
            // Where the events are gone, so is the operation.
            let _ = events::with(|recorder: &mut Recorder<S::Events>| {
                (self.withdraw)(&mut recorder.inner, self.uid);
            });
        }
    }
}

pub(super) struct OfSleep<S> {
    builder: Builder,
    sleep: S,
}

impl<S> OfSleep<S> {
    pub(super) fn new(builder: Builder, sleep: S) -> Self {
        Self { builder, sleep }
    }
}

impl<S, F> Bench for OfSleep<S>
where
    S: Fn(Duration) -> F + Send + Sync + 'static,
    F: Future<Output = io::Result<()>> + 'static,
{
    fn builder(self: Arc<Self>, _log: Arc<Log>) -> Builder {
        self.builder.clone().extra_domains(EXTRA_DOMAINS)
    }

    fn sleep(&self, _log: Arc<Log>, after: Duration) -> Sleeping {
        Box::pin((self.sleep)(after))
    }

    fn arrange(&self, _uid: Uid, _after: Duration) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn records(&self) -> bool {
        false
    }
}

/// What a check holds in its hands.
#[derive(Clone)]
pub(super) struct Rig {
    bench: Arc<dyn Bench>,
    pub(super) log: Arc<Log>,
}

impl Rig {
    pub(super) fn new(bench: Arc<dyn Bench>, log: Arc<Log>) -> Self {
        Self { bench, log }
    }

    pub(super) fn records(&self) -> bool {
        self.bench.records()
    }

    /// Runs `main`, and judges what was seen meanwhile.
    pub(super) fn run<F>(&self, plan: Plan, main: impl FnOnce(Self) -> F) -> Outcome
    where
        F: Future<Output = Outcome> + 'static,
    {
        let outcome = self.run_to_failure(plan, main);
        match self.log.take_fault() {
            Some(fault) => return Err(fault),
            None => outcome.map_err(Fault::Run)??,
        }
        self.log.verdict()
    }

    /// Runs `main`, and judges nothing.
    pub(super) fn run_to_failure<F>(&self, plan: Plan, main: impl FnOnce(Self) -> F) -> io::Result<Outcome>
    where
        F: Future<Output = Outcome> + 'static,
    {
        self.log.begin(plan);
        let builder = self.bench.clone().builder(self.log.clone());
        builder.run(main(self.clone()))
    }

    /// Sleeps, and sees to it that it is not too short.
    pub(super) async fn sleep(&self, after: Duration) -> Outcome {
        let start = Instant::now();
        self.bench.sleep(self.log.clone(), after).await.map_err(Fault::Run)?;
        if start.elapsed() < after {
            return Err(Fault::Early);
        }
        Ok(())
    }

    pub(super) fn arrange(&self, uid: Uid, after: Duration) -> Outcome {
        self.bench.arrange(uid, after).map_err(Fault::Run)
    }

    /// Waits until nothing can run on `domain`, if that can be seen.
    pub(super) async fn until_dry(&self, domain: Domain) {
        if self.records() {
            self.log.until(domain.index(), |seen| seen.dry).await;
        }
    }

    /// Runs `task` on each domain, at the same time.
    pub(super) async fn everywhere<F>(&self, task: impl Fn(Self) -> F + Clone + Send + 'static) -> Outcome
    where
        F: Future<Output = Outcome> + 'static,
    {
        let mut tasks = self.elsewhere(task.clone());
        tasks.push(spawn(task(self.clone())));
        join_all(tasks).await
    }

    /// Starts `task` on each domain but 0.
    pub(super) fn elsewhere<F>(
        &self,
        task: impl Fn(Self) -> F + Clone + Send + 'static,
    ) -> Vec<Promise<Outcome>>
    where
        F: Future<Output = Outcome> + 'static,
    {
        let start = |domain| {
            let (rig, task) = (self.clone(), task.clone());
            call_on(domain, move || task(rig))
        };
        Domain::available().into_iter().map(start).collect()
    }
}

/// What a task hands to one of another domain.
#[derive(Debug)]
pub(super) struct Handed<T>(Mutex<(Option<T>, Option<Waker>)>);

impl<T> Default for Handed<T> {
    fn default() -> Self {
        Self(Mutex::new((None, None)))
    }
}

impl<T> Handed<T> {
    pub(super) fn put(&self, value: T) {
        let waiting = {
            let mut slot = self.0.lock();
            slot.0 = Some(value);
            slot.1.take()
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    pub(super) async fn taken(&self) -> T {
        poll_fn(|cx| {
            let mut slot = self.0.lock();
            match slot.0.take() {
                Some(value) => Poll::Ready(value),
                None => {
                    slot.1 = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

/// The result of a task that nobody cancels.
pub(super) async fn join(task: Promise<Outcome>) -> Outcome {
    match task.await {
        Ok(outcome) => outcome,
        Err(TaskError::Panicked(panic)) => Err(Fault::Panicked(panic)),
        Err(error) => Err(Fault::Run(error.into())),
    }
}

pub(super) async fn join_all(tasks: Vec<Promise<Outcome>>) -> Outcome {
    for task in tasks {
        join(task).await?;
    }
    Ok(())
}

/// Cancels all, then waits for all.
pub(super) async fn cancel_all(tasks: Vec<Promise<Outcome>>) {
    let cancelled: Vec<_> = tasks.into_iter().map(Promise::cancel).collect();
    for task in cancelled {
        // Our own children: there is no other error.
        let _not_a_child = task.await;
    }
}
