//! The integration suite: one binary, one module a topic. What depends on the events runs once for
//! every variant and back end of this build (`support::each`).

#![allow(missing_docs, clippy::disallowed_types, reason = "tests")]

mod calls;
mod cancel;
mod chat;
mod conformance;
mod domains;
mod events;
mod fairness;
mod faults;
mod idle;
mod net;
mod programs;
mod stress;
mod support;
mod tasks;
mod tidy;
mod timers;
mod wait;
mod wakers;
