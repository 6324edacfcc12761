//! The names of tasks, in a table beside these: few have one, and the others are to cost nothing but a bit.

use std::{collections::BTreeMap, fmt, ops::DerefMut};

use crate::{
    domain::{Local, Shared, TaskId},
    error::TaskError,
    slots::Key,
    sync::{Arc, Mutex},
    task::Node,
};

/// Names the current task, for people: the [tree](crate::tree()) shows the name and with it the reports of
/// deadlocks and of [shutdowns](crate::Builder::shutdown_report), and so do a
/// [`stall_watch`](crate::Builder::stall_watch), the [longest slice](crate::Metrics::longest_slice) and the
/// spans of the feature `tracing`.
///
/// A task names itself, however it was started: by `spawn`, by `call`, into a set, or as the main task. Until
/// it does so it has none: not its parent's. What runs within a task, as a [`scope`](crate::scope()) does,
/// names that task, and so does a destructor that its end runs. Another name replaces the one before, and an
/// empty one takes it away. Several tasks may have the same.
///
/// A name costs an allocation, unless it is an `Arc<str>` already, and a place in a table of the domain, until
/// the task has finished; slices cost no more for it. However long it is, it is kept and shown whole; what
/// would break a line is escaped. A task without a name costs nothing more than a look, at its end, whether it
/// had one.
///
/// # Errors
///
/// [`TaskError::OutsideRuntime`] where no task runs: on a thread without a runtime, in a hook, or in code of the
/// events that runs between slices. In a forked child nothing comes of it.
///
/// ```
/// use vigie::{TaskError, name_task, spawn, yield_now};
///
/// async fn clock() -> Result<(), TaskError> {
///     name_task("clock")?;
///     std::future::pending().await
/// }
///
/// vigie::run(async {
///     let clock = spawn(clock());
///     yield_now().await;
///     let tree = vigie::tree().await.unwrap();
///     assert_eq!(tree.tasks()[1].name(), Some("clock"));
///     println!("{tree}");
///     clock.cancel().await.unwrap();
/// }).unwrap();
/// ```
pub fn name_task(name: impl Into<Arc<str>>) -> Result<(), TaskError> {
    let name = name.into();
    let current = Local::with(|local| Some((local.shared.clone(), local.current()?))).flatten();
    let (shared, task) = current.ok_or(TaskError::OutsideRuntime)?;
    shared.set_name(task.node(), name.clone());
    // Its subscriber is anybody's code, and may name the task in turn.
    task.node().span.name(&name);
    Ok(())
}

/// Those of a domain's tasks. Its own thread writes them; the stall watch's reads one now and then.
pub(super) type Names = Mutex<BTreeMap<Key, Arc<str>>>;

impl Shared {
    /// None in a forked child: the parent's stall watch may have held the lock as it was made.
    fn names(&self) -> Option<impl DerefMut<Target = BTreeMap<Key, Arc<str>>>> {
        (!self.has_forked()).then(|| self.names.lock())
    }

    fn set_name(&self, task: &Node, name: Arc<str>) {
        task.named.set(!name.is_empty());
        let Some(mut names) = self.names() else { return };
        if name.is_empty() {
            names.remove(&task.key)
        } else {
            names.insert(task.key, name)
        };
    }

    pub(super) fn name(&self, task: Key) -> Option<Arc<str>> {
        self.names()?.get(&task).cloned()
    }

    /// The task has finished.
    pub(super) fn forget_name(&self, task: &Node) {
        if task.named.get()
            && let Some(mut names) = self.names()
        {
            names.remove(&task.key);
        }
    }
}

/// A task as reports speak of it: its number, and its name if it has one.
#[derive(Debug)]
pub(crate) struct Label<'a>(pub(crate) TaskId, pub(crate) Option<&'a str>);

impl fmt::Display for Label<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(task, name) = self;
        write!(f, "{task}")?;
        // As a literal, so that it stays in its line.
        name.map_or(Ok(()), |name| write!(f, " {name:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Builder, Domain, call_on, spawn, yield_now};

    /// How many names this domain keeps.
    fn kept() -> usize {
        Local::with(|local| local.shared.names.lock().len()).unwrap()
    }

    #[test]
    fn nothing_is_kept_of_a_task_that_has_finished() {
        let body = async || {
            let before = kept();
            let named = |name: &str| assert!(name_task(name).is_ok());
            let returns = async move { named("returns") };
            let renamed = async move { ["one", "another"].map(named) };
            let unnamed = async move { ["one", ""].map(named) };
            let waits = async move {
                named("waits");
                std::future::pending::<()>().await;
            };
            let (returns, renamed, unnamed) = (spawn(returns), spawn(renamed), spawn(unnamed));
            let waits = spawn(waits);
            yield_now().await;
            assert_eq!(kept(), before + 1, "that of the one which waits");
            assert!(returns.await.is_ok() && renamed.await.is_ok() && unnamed.await.is_ok());
            assert!(waits.cancel().await.is_ok());
            assert_eq!(kept(), before);
        };
        let ran = Builder::new().extra_domains(1).without_events().run(async move {
            assert!(name_task("main").is_ok());
            body().await;
            assert_eq!(kept(), 1, "its own");
            let there = Domain::available()[0];
            assert!(call_on(there, body).await.is_ok());
            assert!(call_on(there, async || assert_eq!(kept(), 0)).await.is_ok());
        });
        assert!(ran.is_ok());
    }
}
