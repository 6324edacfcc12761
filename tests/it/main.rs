//! The integration suite: one binary, one module a topic. What depends on the events runs once for
//! every variant and back end of this build (`support::each`).

#![allow(missing_docs, reason = "tests")]

mod calls;
mod chat;
mod cancel;
mod conformance;
mod events;
mod net;
mod domains;
mod fairness;
mod faults;
mod support;
mod tasks;
mod wait;
mod wakers;
mod timers;
mod idle;
