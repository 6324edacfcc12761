//! The integration suite: one binary, one module a topic. What depends on the events runs once for
//! every variant and back end of this build (`support::each`).

#![allow(missing_docs, clippy::disallowed_types, reason = "tests")]

mod calls;
mod cancel;
#[cfg(feature = "sync")]
mod channel;
mod chat;
mod conformance;
mod domains;
mod events;
mod fairness;
mod faults;
mod fork;
mod hooks;
mod idle;
#[cfg(feature = "sync")]
mod lock;
mod metrics;
mod net;
mod programs;
mod scope;
mod set;
mod shield;
mod stall;
mod stress;
mod structure;
mod support;
mod task_local;
mod tasks;
mod tidy;
mod timers;
#[cfg(feature = "tracing")]
mod trace;
mod tree;
mod wait;
mod wakers;
