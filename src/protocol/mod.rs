//! The four lock-free protocols between threads. They know no operating system and no task, so that
//! loom drives this very code; `README.md` beside this file holds the states, the numbered steps
//! and the proof sketch.

mod inbox;
mod park;
mod ready;
#[cfg(not(vigie_loom))]
mod rest;
#[cfg(any(vigie_loom, feature = "system"))]
mod watch;

#[cfg(not(vigie_loom))]
pub(crate) use self::rest::{Answer, Census, Outsiders, Rest, Verdict};
#[cfg(any(vigie_loom, feature = "system"))]
pub(crate) use self::watch::{Stopped, Watch, Watchman};
pub(crate) use self::{
    inbox::{Inbox, WakeWord},
    park::Parker,
    ready::Ready,
};
