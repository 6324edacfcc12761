//! Vigie.

#[cfg(vigie_loom)]
#[allow(dead_code, reason = "the models use what the library uses")]
mod protocol;
#[cfg(vigie_loom)]
#[allow(dead_code, unused_imports, reason = "the models use what the library uses")]
mod sync;

#[cfg(not(vigie_loom))]
mod domain;
#[cfg(not(vigie_loom))]
mod error;
#[cfg(not(vigie_loom))]
pub mod events;
#[cfg(all(not(vigie_loom), feature = "system"))]
pub mod net;
#[cfg(not(vigie_loom))]
mod protocol;
#[cfg(not(vigie_loom))]
mod runtime;
#[cfg(not(vigie_loom))]
mod slots;
#[cfg(not(vigie_loom))]
mod sync;
#[cfg(all(not(vigie_loom), feature = "system"))]
pub mod system;
#[cfg(not(vigie_loom))]
mod task;
#[cfg(all(not(vigie_loom), feature = "system"))]
pub mod time;

#[cfg(not(vigie_loom))]
pub use crate::{
    domain::{Domain, TaskId, access::should_yield},
    error::{Panic, RunError, TaskError},
    runtime::{Builder, run},
    task::{
        Cancel, Promise, PromiseState, YieldNow, await_all, await_first, await_one, call, call_on, spawn,
        yield_if_needed, yield_now,
    },
};
