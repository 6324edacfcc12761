//! Task locals: values that a future, and what it calls, sees in a `static`.
//!
//! What is set forms a list, the latest first, whose head lies in a thread's variable. A future that
//! sets a value puts its own head there for each of its polls, and while it is dropped. The scheduler
//! knows nothing of this.

use std::{
    any::{Any, type_name},
    cell::RefCell,
    error::Error,
    fmt,
    future::Future,
    io,
    marker::PhantomData,
    pin::Pin,
    ptr,
    rc::Rc,
    task::{Context, Poll},
};

use crate::sync::AtomicBool;

/// A key, for a `static`, under which a task finds a value of its own.
///
/// [`scope`](Self::scope) sets the value for one future. What that future awaits sees it, and so do
/// the destructors that its end or its cancellation runs; no other task does. A task spawned within
/// sees none of its parent's values, unless its future is wrapped in [`inherit`]; neither does a task
/// of a [`Scope`](crate::Scope), which sees what is set around the `vigie::scope` itself. The values
/// stay on their thread and need not be `Send`; for a [`call`](crate::call), clone what is to go along
/// and set it there.
///
/// This needs no runtime: any executor can poll such a future. A look-up takes as long as there are
/// values set around it, so a few keys are better than many.
///
/// ```
/// use vigie::TaskLocal;
///
/// static USER: TaskLocal<String> = TaskLocal::new();
///
/// fn greeting() -> String {
///     USER.with(|user| format!("hello, {user}")).unwrap_or_else(|_| "who is there?".into())
/// }
///
/// vigie::run(async {
///     let ada = vigie::spawn(USER.scope("Ada".into(), async { greeting() }));
///     let nobody = vigie::spawn(async { greeting() });
///     assert_eq!(ada.await.unwrap(), "hello, Ada");
///     assert_eq!(nobody.await.unwrap(), "who is there?");
/// }).unwrap();
/// ```
pub struct TaskLocal<T: 'static> {
    /// A key is known by its address. That of a value which could change is its own: it is not merged
    /// with another, and no `const` can stand for it.
    _place: AtomicBool,
    _value: PhantomData<fn() -> T>,
}

impl<T> TaskLocal<T> {
    /// Makes a key, with no value set.
    pub const fn new() -> Self {
        Self { _place: AtomicBool::new(false), _value: PhantomData }
    }

    /// Sets `value` for `future`: for each of its polls, and while it is dropped. Where a value is
    /// set already, this one hides it.
    ///
    /// The value is dropped after the future has gone, once nothing that inherited it is left; its own
    /// destructor no longer sees it. Dropping this before its end drops `future`.
    ///
    /// ```
    /// static DEPTH: vigie::TaskLocal<u32> = vigie::TaskLocal::new();
    ///
    /// vigie::run(DEPTH.scope(1, async {
    ///     assert_eq!(DEPTH.scope(2, async { DEPTH.get() }).await, Ok(2));
    ///     assert_eq!(DEPTH.get(), Ok(1));
    /// })).unwrap();
    /// ```
    pub fn scope<F: Future>(&'static self, value: T, future: F) -> impl Future<Output = F::Output> {
        let entry = Entry { key: self.key(), value: Rc::new(value), next: None };
        Within { sight: Sight::Own(Rc::new(entry)), future: Some(Box::pin(future)) }
    }

    /// Calls `f` with the current value.
    ///
    /// # Errors
    ///
    /// [`NotSet`] where no future around this code has set one.
    ///
    /// ```
    /// use std::cell::Cell;
    /// use vigie::TaskLocal;
    ///
    /// static COUNT: TaskLocal<Cell<u32>> = TaskLocal::new();
    ///
    /// vigie::run(COUNT.scope(Cell::new(0), async {
    ///     COUNT.with(|count| count.set(count.get() + 1)).unwrap();
    ///     assert_eq!(COUNT.with(Cell::get), Ok(1));
    /// })).unwrap();
    /// assert!(COUNT.with(Cell::get).is_err());
    /// ```
    pub fn with<R>(&'static self, f: impl FnOnce(&T) -> R) -> Result<R, NotSet> {
        // Held, and not borrowed: `f` may do as it likes.
        let list = current();
        let mut rest = &list;
        while let Some(entry) = rest {
            if ptr::eq(entry.key, self.key())
                && let Some(value) = entry.value.downcast_ref()
            {
                return Ok(f(value));
            }
            rest = &entry.next;
        }
        Err(NotSet { type_name: type_name::<T>() })
    }

    /// A clone of the current value.
    ///
    /// # Errors
    ///
    /// As [`with`](Self::with).
    ///
    /// ```
    /// static DEPTH: vigie::TaskLocal<u32> = vigie::TaskLocal::new();
    ///
    /// vigie::run(async {
    ///     assert_eq!(DEPTH.scope(3, async { DEPTH.get() }).await, Ok(3));
    ///     assert!(DEPTH.get().is_err());
    /// }).unwrap();
    /// ```
    pub fn get(&'static self) -> Result<T, NotSet>
    where
        T: Clone,
    {
        self.with(T::clone)
    }

    fn key(&'static self) -> *const () {
        ptr::from_ref(self).cast()
    }
}

impl<T> Default for TaskLocal<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for TaskLocal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskLocal").field("type", &type_name::<T>()).finish_non_exhaustive()
    }
}

/// Has `future` see the task locals that are set where this is called: for a child that is to have
/// those of its parent.
///
/// It costs the same however many there are. They stand in place of those that are set where the
/// future is polled, and live until it is dropped.
///
/// ```
/// static USER: vigie::TaskLocal<&str> = vigie::TaskLocal::new();
///
/// vigie::run(USER.scope("Ada", async {
///     let heir = vigie::spawn(vigie::inherit(async { USER.get() }));
///     let other = vigie::spawn(async { USER.get() });
///     assert_eq!(heir.await.unwrap(), Ok("Ada"));
///     assert!(other.await.unwrap().is_err());
/// })).unwrap();
/// ```
pub fn inherit<F: Future>(future: F) -> impl Future<Output = F::Output> {
    Within { sight: Sight::Inherited(current()), future: Some(Box::pin(future)) }
}

/// The current task has no value for a [`TaskLocal`].
///
/// ```
/// use vigie::{NotSet, TaskLocal};
///
/// static USER: TaskLocal<&str> = TaskLocal::new();
///
/// let error: NotSet = USER.get().unwrap_err();
/// assert_eq!(error.to_string(), "no value of the type &str is set for the current task");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotSet {
    type_name: &'static str,
}

impl fmt::Display for NotSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no value of the type {} is set for the current task", self.type_name)
    }
}

impl Error for NotSet {}

impl From<NotSet> for io::Error {
    fn from(error: NotSet) -> Self {
        Self::other(error)
    }
}

type List = Option<Rc<Entry>>;

struct Entry {
    key: *const (),
    value: Rc<dyn Any>,
    next: List,
}

impl Drop for Entry {
    /// One after the other: a list that each generation of tasks has made longer is deeper than the stack.
    fn drop(&mut self) {
        let mut rest = self.next.take();
        while let Some(mut entry) = rest.and_then(Rc::into_inner) {
            rest = entry.next.take();
        }
    }
}

thread_local! {
    static CURRENT: RefCell<List> = const { RefCell::new(None) };
}

/// What is set now; nothing on a thread that is going down.
fn current() -> List {
    CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()
}

/// Sets `list` in place of what is set now, until the guard is dropped.
fn enter(list: List) -> Entered {
    // On a thread that is going down nothing is set: there is nothing to restore either.
    let before = CURRENT.try_with(|current| current.replace(list)).ok().flatten();
    Entered { before }
}

struct Entered {
    before: List,
}

impl Drop for Entered {
    fn drop(&mut self) {
        let before = self.before.take();
        // What was set meanwhile is dropped outside of the borrow: it is anybody's value.
        drop(CURRENT.try_with(|current| current.replace(before)));
    }
}

/// A future that sees what it shall see, whoever polls or drops it.
struct Within<F> {
    sight: Sight,
    /// None once it has ended.
    future: Option<Pin<Box<F>>>,
}

enum Sight {
    /// Its own value, before whatever is set around it.
    Own(Rc<Entry>),
    Inherited(List),
}

impl Sight {
    fn enter(&mut self) -> Entered {
        match self {
            Self::Inherited(list) => enter(list.clone()),
            Self::Own(entry) => {
                let around = current();
                // Mostly it is what it was at the last poll.
                if around.as_ref().map(Rc::as_ptr) != entry.next.as_ref().map(Rc::as_ptr) {
                    let (key, value) = (entry.key, entry.value.clone());
                    *entry = Rc::new(Entry { key, value, next: around });
                }
                enter(Some(entry.clone()))
            }
        }
    }
}

impl<F: Future> Future for Within<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Self { sight, future } = &mut *self;
        let _entered = sight.enter();
        let Some(running) = future else { return Poll::Pending };
        let polled = running.as_mut().poll(cx);
        if polled.is_ready() {
            *future = None;
        }
        polled
    }
}

impl<F> Drop for Within<F> {
    fn drop(&mut self) {
        let _entered = self.sight.enter();
        self.future = None;
    }
}
