//! The integration suite: one binary, one module a topic. What depends on the events runs once for
//! every variant and back end of this build (`support::each`).

#![allow(missing_docs, reason = "tests")]

mod calls;
mod support;
mod tasks;
