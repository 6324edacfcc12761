//! The protocols between threads: five lock-free ones, and what is built on their messages. They know
//! no operating system and no future, so that loom drives this very code; `README.md` beside this file
//! holds the states, the numbered steps and the proof sketch.

#[cfg(any(vigie_loom, all(unix, feature = "system")))]
pub(crate) mod bell;
mod call;
mod finished;
mod inbox;
mod park;
mod ready;
mod rest;
mod subtree;
mod suspend;
#[cfg(all(test, not(vigie_loom)))]
pub(crate) mod tests;
#[cfg(any(vigie_loom, feature = "system"))]
mod tokens;
#[cfg(any(vigie_loom, feature = "system"))]
mod watch;

pub(crate) use self::{
    call::Call,
    finished::Finished,
    inbox::{Inbox, WakeWord},
    park::Parker,
    ready::Ready,
    rest::{Answer, Census, Outsiders, Rest, Verdict},
    subtree::{Pending, Subtree},
    suspend::Suspensions,
};
#[cfg(any(vigie_loom, feature = "system"))]
pub(crate) use self::{
    tokens::Tokens,
    watch::{Stopped, Watch, Watchman},
};
