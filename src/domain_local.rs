//! Domain locals: one value per domain.

use std::{any::Any, cell::RefCell, collections::BTreeMap, fmt, rc::Rc};

use crate::{
    domain::Local,
    error::TaskError,
    sync::{AtomicU64, OnceLock, Ordering},
    task::discard,
};

/// A key to one value per domain, made when the domain first asks for it, and dropped on its thread
/// when the domain ends, after its tasks. Neither `Send` nor `Sync` is asked of the value.
///
/// Unlike a `thread_local!`, it belongs to the run: the next run on the same thread has values of its
/// own.
///
/// ```
/// use std::cell::Cell;
/// use vigie::DomainLocal;
///
/// static SERVED: DomainLocal<Cell<u32>> = DomainLocal::new(|| Cell::new(0));
///
/// vigie::run(async {
///     SERVED.with(|served| served.set(served.get() + 1)).unwrap();
///     assert_eq!(SERVED.with(Cell::get).unwrap(), 1);
///     let there = vigie::call(|| async { SERVED.with(Cell::get).unwrap() });
///     assert_eq!(there.await.unwrap(), 0);
/// }).unwrap();
/// assert!(SERVED.with(Cell::get).is_err());
/// ```
pub struct DomainLocal<T: 'static> {
    init: fn() -> T,
    id: OnceLock<u64>,
}

impl<T: 'static> DomainLocal<T> {
    /// A key whose values are made by `init`.
    pub const fn new(init: fn() -> T) -> Self {
        Self { init, id: OnceLock::new() }
    }

    /// Calls `f` with the current domain's value, which is made if there is none yet.
    ///
    /// `f` and the making of the value may use other keys and this one; a value that is made within
    /// its own making is the one that stays.
    ///
    /// # Errors
    ///
    /// [`TaskError::OutsideRuntime`] on a thread that runs no domain, or whose domain has ended.
    ///
    /// # Panics
    ///
    /// If the making of the value, or `f`, does.
    pub fn with<R>(&self, f: impl FnOnce(&T) -> R) -> Result<R, TaskError> {
        let local = Local::with(Rc::clone).ok_or(TaskError::OutsideRuntime)?;
        let value = self.value(&local.values).ok_or(TaskError::OutsideRuntime)?;
        Ok(f(&value))
    }

    fn value(&self, values: &Values) -> Option<Rc<T>> {
        let id = *self.id.get_or_init(|| {
            static NEXT: AtomicU64 = AtomicU64::new(0);
            // Relaxed: only uniqueness counts.
            NEXT.fetch_add(1, Ordering::Relaxed)
        });
        if let Some(value) = values.get(id)? {
            return value.downcast().ok();
        }
        let made = Rc::new((self.init)());
        values.insert(id, made)?.downcast().ok()
    }
}

impl<T: 'static> fmt::Debug for DomainLocal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DomainLocal").finish_non_exhaustive()
    }
}

/// The values of one domain, by the keys' ids; none once it has ended.
pub(crate) struct Values(RefCell<Option<BTreeMap<u64, Rc<dyn Any>>>>);

impl Values {
    pub(crate) fn new() -> Self {
        Self(RefCell::new(Some(BTreeMap::new())))
    }

    #[expect(clippy::option_option, reason = "the domain has ended, or has no such value")]
    fn get(&self, id: u64) -> Option<Option<Rc<dyn Any>>> {
        Some(self.0.borrow().as_ref()?.get(&id).cloned())
    }

    /// The value that is there now, this one unless there was one before.
    fn insert(&self, id: u64, value: Rc<dyn Any>) -> Option<Rc<dyn Any>> {
        let mut values = self.0.borrow_mut();
        let kept = values.as_mut()?.entry(id).or_insert_with(|| value.clone()).clone();
        // One that comes too late goes after the borrow: its destructor is anybody's code.
        drop(values);
        Some(kept)
    }

    /// The domain ends. The values go in the order in which their keys were first used, and find none
    /// of the others any more.
    pub(crate) fn clear(&self) {
        let values = self.0.take();
        for (_, value) in values.into_iter().flatten() {
            discard(value);
        }
    }
}
