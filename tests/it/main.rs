//! The integration suite: one binary, one module a topic. What depends on the events runs once for
//! every variant and back end of this build (`support::each`).

#![allow(missing_docs, clippy::disallowed_types, reason = "tests")]

#[cfg(feature = "blocking")]
mod blocking;
mod calls;
mod cancel;
#[cfg(feature = "sync")]
mod channel;
mod chat;
mod conformance;
mod domains;
mod events;
mod examples;
mod fairness;
mod faults;
mod fork;
#[cfg(feature = "blocking")]
mod fs;
mod hooks;
#[cfg(feature = "hyper")]
mod hyper;
mod idle;
#[cfg(unix)]
mod io;
#[cfg(feature = "sync")]
mod lock;
#[cfg(feature = "blocking")]
mod lookup;
mod metrics;
mod names;
mod net;
#[cfg(all(unix, feature = "process"))]
mod process;
mod programs;
mod scope;
mod set;
mod shield;
#[cfg(all(unix, feature = "signal"))]
mod signal;
mod stall;
#[cfg(feature = "blocking")]
mod stdio;
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
