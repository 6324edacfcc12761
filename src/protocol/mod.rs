//! The four lock-free protocols between threads. They know no operating system and no task, so that
//! loom drives this very code; `README.md` beside this file holds the states, the numbered steps
//! and the proof sketch.

mod inbox;
mod park;
mod ready;
mod watch;

pub(crate) use self::{
    inbox::{Inbox, WakeWord},
    park::Parker,
    ready::Ready,
    watch::{Stopped, Watch, Watchman},
};
