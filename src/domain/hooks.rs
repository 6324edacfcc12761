//! Hooks: functions that a domain calls at every tick.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    fmt,
    ops::Bound::{Excluded, Unbounded},
    rc::{Rc, Weak},
};

use crate::{
    domain::Local,
    error::TaskError,
    task::{catch, discard},
};

/// Has the current domain call `hook` at every tick, on its own thread, until the handle is dropped.
///
/// A tick is one round of the domain: mail, events, the tasks that they resumed, a quantum of the
/// others. A domain that has nothing to do parks, and does not tick; a hook does not keep it from that.
/// Hooks run one after the other in the order in which they were added, outside of any task: what they
/// spawn gets [`TaskError::OutsideRuntime`]. They may add and remove hooks. A hook that panics is
/// removed; the panic hook has reported it.
///
/// # Errors
///
/// [`TaskError::OutsideRuntime`] on a thread that runs no domain, or whose domain has ended.
///
/// ```
/// use std::{cell::Cell, rc::Rc};
///
/// vigie::run(async {
///     let ticks = Rc::new(Cell::new(0));
///     let counted = ticks.clone();
///     let hook = vigie::on_tick(move || counted.set(counted.get() + 1)).unwrap();
///     for _ in 0..10 {
///         vigie::yield_now().await;
///     }
///     hook.remove();
///     let seen = ticks.get();
///     assert!(seen >= 10);
///     vigie::yield_now().await;
///     assert_eq!(ticks.get(), seen);
/// }).unwrap();
/// ```
pub fn on_tick(hook: impl FnMut() + 'static) -> Result<Hook, TaskError> {
    let added = Local::with(|local| Some(Hook { id: local.hooks.add(hook)?, local: Rc::downgrade(local) }));
    added.flatten().ok_or(TaskError::OutsideRuntime)
}

/// A function that a domain calls at every tick; see [`on_tick`]. Dropping it removes the function.
///
/// ```
/// use std::{cell::Cell, rc::Rc};
/// use vigie::Hook;
///
/// /// Counts the rounds of its domain for as long as it lives.
/// struct Rounds {
///     count: Rc<Cell<u32>>,
///     _hook: Hook,
/// }
///
/// vigie::run(async {
///     let count = Rc::new(Cell::new(0));
///     let counted = count.clone();
///     let hook = vigie::on_tick(move || counted.set(counted.get() + 1)).unwrap();
///     let rounds = Rounds { count: count.clone(), _hook: hook };
///     vigie::yield_now().await;
///     let seen = rounds.count.get();
///     assert!(seen >= 1);
///     drop(rounds);
///     vigie::yield_now().await;
///     assert_eq!(count.get(), seen);
/// }).unwrap();
/// ```
#[must_use = "a hook that is dropped is removed"]
pub struct Hook {
    local: Weak<Local>,
    id: u64,
}

impl Hook {
    /// Removes the hook: it is called no more. As dropping it.
    ///
    /// ```
    /// use std::{cell::Cell, rc::Rc};
    ///
    /// vigie::run(async {
    ///     let ticks = Rc::new(Cell::new(0));
    ///     let counted = ticks.clone();
    ///     vigie::on_tick(move || counted.set(counted.get() + 1)).unwrap().remove();
    ///     vigie::yield_now().await;
    ///     assert_eq!(ticks.get(), 0);
    /// }).unwrap();
    /// ```
    pub fn remove(self) {}

    /// Leaves the hook in place for as long as its domain lives.
    ///
    /// ```
    /// use std::{cell::Cell, rc::Rc};
    ///
    /// vigie::run(async {
    ///     let ticks = Rc::new(Cell::new(0));
    ///     let counted = ticks.clone();
    ///     vigie::on_tick(move || counted.set(counted.get() + 1)).unwrap().detach();
    ///     vigie::yield_now().await;
    ///     assert!(ticks.get() >= 1);
    /// }).unwrap();
    /// ```
    pub fn detach(mut self) {
        self.local = Weak::new();
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        if let Some(local) = self.local.upgrade() {
            discard(local.hooks.remove(self.id));
        }
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hook").finish_non_exhaustive()
    }
}

type Function = Rc<RefCell<dyn FnMut()>>;

/// The hooks of one domain, by the order in which they were added.
#[derive(Default)]
pub(super) struct Hooks {
    list: RefCell<BTreeMap<u64, Function>>,
    /// Below this are those that were ever added.
    next: Cell<u64>,
    /// Has the domain ended?
    closed: Cell<bool>,
}

impl Hooks {
    /// None once the domain has ended: a destructor that adds a hook then would add it for ever.
    fn add(&self, hook: impl FnMut() + 'static) -> Option<u64> {
        if self.closed.get() {
            return None;
        }
        let id = self.next.replace(self.next.get() + 1);
        self.list.borrow_mut().insert(id, Rc::new(RefCell::new(hook)));
        Some(id)
    }

    #[must_use]
    fn remove(&self, id: u64) -> Option<Function> {
        self.list.borrow_mut().remove(&id)
    }

    /// Calls each once; those that are added meanwhile wait for the next time.
    #[inline]
    pub(super) fn call(&self) {
        // Mostly none was ever added.
        if self.next.get() > 0 && !self.list.borrow().is_empty() {
            self.call_all();
        }
    }

    #[cold]
    fn call_all(&self) {
        let end = self.next.get();
        let mut done = None;
        while let Some((id, hook)) = self.after(done).filter(|(id, _)| *id < end) {
            // Nobody else borrows it: a tick does not happen within a hook.
            if let Err(panic) = catch(|| (hook.borrow_mut())()) {
                discard(panic);
                discard(self.remove(id));
            }
            discard(hook);
            done = Some(id);
        }
    }

    /// The first hook that was added after this one; the first of all after none.
    fn after(&self, done: Option<u64>) -> Option<(u64, Function)> {
        let list = self.list.borrow();
        let (id, hook) = list.range((done.map_or(Unbounded, Excluded), Unbounded)).next()?;
        Some((*id, hook.clone()))
    }

    /// The domain ends: lets go of all.
    pub(super) fn close(&self) {
        self.closed.set(true);
        let list = self.list.take();
        for hook in list.into_values() {
            discard(hook);
        }
    }
}
