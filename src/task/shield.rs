//! Shields: sections that a cancellation waits for, and finalisers that run because of one.

use std::{
    cell::RefCell,
    collections::VecDeque,
    future::{Future, pending, poll_fn},
    panic::Location,
    pin::Pin,
    rc::Rc,
    task::Poll,
};

use crate::{
    domain::Local,
    task::{
        Parent, Task, TaskCell,
        cell::{catch, discard},
    },
};

/// Runs `future` to its end even if the current task is cancelled meanwhile: the cancellation is
/// delivered at the end of the section, and the task takes no step after it.
///
/// The section begins when a task first polls it, and stays the section of that task, whoever polls it
/// later. It may await, spawn and call; the children of the task are not cancelled before it is. Sections
/// nest: the end of the outermost one counts. If the section is dropped, by a timeout around it say, it
/// is over. Whoever cancels the task waits for the section, so it should end before long.
///
/// There are two exceptions: if the events of its domain fail, or the run is given up because every task
/// waits for ever ([`Deadlocks`](crate::Deadlocks)), nothing that the section waits for could come any
/// more, and the task is dropped with the section. Outside of a task this only awaits `future`.
///
/// ```
/// use std::{cell::Cell, rc::Rc};
/// use vigie::{spawn, uncancellable, yield_now};
///
/// vigie::run(async {
///     let steps = Rc::new(Cell::new(0));
///     let counted = steps.clone();
///     let task = spawn(async move {
///         uncancellable(async {
///             counted.set(1);
///             yield_now().await;
///             counted.set(2);
///         })
///         .await;
///         counted.set(3);
///     });
///     yield_now().await;
///     task.cancel().await.unwrap();
///     assert_eq!(steps.get(), 2);
/// }).unwrap();
/// ```
pub async fn uncancellable<F: Future>(future: F) -> F::Output {
    let mut shield = Shield::raise();
    let output = future.await;
    if shield.lower() {
        // The task is dropped here, as soon as its slice ends.
        pending::<()>().await;
    }
    output
}

/// One section of one task.
struct Shield(Option<Rc<dyn Task>>);

impl Shield {
    /// For the current task, if there is one.
    fn raise() -> Self {
        let task = Local::with(|local| local.current()).flatten();
        if let Some(task) = &task {
            task.node().shield();
        }
        Self(task)
    }

    /// Ends the section; `true` if a cancellation of the current task has waited for it and is now
    /// delivered. Where the section was carried into another task, that one goes on.
    fn lower(&mut self) -> bool {
        let Some(task) = self.0.take() else { return false };
        if !task.node().unshield() {
            return false;
        }
        let delivered = Local::with(|local| {
            let is_current = local.current_key() == Some(task.node().key);
            local.deliver(task);
            is_current
        });
        delivered.unwrap_or(false)
    }
}

impl Drop for Shield {
    fn drop(&mut self) {
        self.lower();
    }
}

/// Awaits `future`; if that does not come to its end, because the task was cancelled, or the future
/// dropped for another reason, or because it panicked, then `on_cancel` runs, to its own end.
///
/// Unlike a destructor `on_cancel` may await, spawn and call. It runs after `future` was dropped, as a
/// child of the current task that cannot itself be cancelled, on the same domain: the task has
/// finished, and its cancellation resolves, once it is done. Those of one task run one after the
/// other, in the order in which their futures were dropped: of nested ones the innermost first. A panic
/// in one is reported by the panic hook, and stops none of the others. A `future` that was never polled
/// needs no finaliser, and gets none.
///
/// As with [`uncancellable`], the failure of the domain's events, or a deadlock, ends a finaliser under
/// way. Those of the tasks that a deadlock ends run all the same; after a failure of the events none does.
/// One that is dropped outside of any task cannot run.
///
/// ```
/// use std::{cell::Cell, future::pending, rc::Rc};
/// use vigie::{protect, spawn, yield_now};
///
/// vigie::run(async {
///     let said = Rc::new(Cell::new("nothing"));
///     let says = said.clone();
///     let task = spawn(protect(pending::<()>(), async move {
///         yield_now().await;
///         says.set("goodbye");
///     }));
///     yield_now().await;
///     task.cancel().await.unwrap();
///     assert_eq!(said.get(), "goodbye");
/// }).unwrap();
/// ```
#[track_caller]
pub fn protect<F, C>(future: F, on_cancel: C) -> impl Future<Output = F::Output>
where
    F: Future,
    C: Future<Output = ()> + 'static,
{
    let location = Location::caller();
    async move {
        // Dropped after the future.
        let mut guard = Guard { on_cancel: Some(on_cancel), location };
        let output = future.await;
        guard.on_cancel = None;
        output
    }
}

/// Starts the finaliser, unless it was taken out.
struct Guard<C: Future<Output = ()> + 'static> {
    on_cancel: Option<C>,
    location: &'static Location<'static>,
}

impl<C: Future<Output = ()> + 'static> Drop for Guard<C> {
    fn drop(&mut self) {
        if let Some(on_cancel) = self.on_cancel.take() {
            finalise_current(self.location, on_cancel);
        }
    }
}

/// Has the current task, if there is one, finalised by a future.
pub(crate) fn finalise_current(
    location: &'static Location<'static>,
    finaliser: impl Future<Output = ()> + 'static,
) {
    Local::with(|local| finalise(local, location, Box::pin(finaliser)));
}

type Finaliser = Pin<Box<dyn Future<Output = ()>>>;

/// The finalisers of one task that are still to run.
pub(crate) type Finalisers = RefCell<VecDeque<Finaliser>>;

/// Has the current task, which may be ending, finalised by one child after all others.
fn finalise(local: &Rc<Local>, location: &'static Location<'static>, finaliser: Finaliser) {
    let Some(task) = local.current() else { return };
    let node = task.node();
    if let Some(queue) = node.finalisers() {
        return queue.borrow_mut().push_back(finaliser);
    }
    let queue = Rc::new(Finalisers::new(VecDeque::from([finaliser])));
    node.set_finalisers(&queue);
    let parent = Parent::Task(Rc::downgrade(&task));
    let child = TaskCell::insert(local, parent, location, None, run_all(queue));
    child.node().shield();
    // Cancelled from the start, in vain: a parent that fails need not look for it among all tasks.
    child.node().cancel();
    if local.is_hopeless() {
        local.deliver(child);
    } else {
        local.schedule(child);
    }
}

async fn run_all(queue: Rc<Finalisers>) {
    loop {
        let Some(mut finaliser) = queue.borrow_mut().pop_front() else { return };
        poll_fn(|cx| {
            catch(|| finaliser.as_mut().poll(cx)).unwrap_or_else(|panic| {
                discard(panic);
                Poll::Ready(())
            })
        })
        .await;
        discard(finaliser);
    }
}
