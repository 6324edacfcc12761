//! Tasks: futures, their promises, and the tree that they form.
//!
//! A task has finished when its future is gone and all its descendants have finished, on every
//! domain. A domain's tasks are touched by its own thread only: other threads hold a waker, which
//! owns no future, or the result of a call, which is `Send`; everything else is a message.

mod call;
mod cell;
mod node;
mod parallel;
mod promise;
mod scope;
mod set;
mod shield;
mod wait;
mod waker;
mod yielding;

pub use self::{
    call::{call, call_on},
    cell::spawn,
    parallel::parallel,
    promise::{Cancel, Promise, PromiseState},
    scope::{Scope, ScopedTask, scope},
    set::{TaskSet, TryNext},
    shield::{protect, uncancellable},
    wait::{await_all, await_first, await_one, both},
    yielding::{YieldNow, yield_if_needed, yield_now},
};

#[cfg(feature = "hyper")]
pub(crate) use self::cell::spawn_unheld;
#[cfg(feature = "blocking")]
pub(crate) use self::shield::finalise_current;
pub(crate) use self::{
    call::Called,
    cell::{Joined, TaskCell, catch, discard, shielded},
    node::{Caller, Ending, Node, Parent, Task, Waiter},
};
