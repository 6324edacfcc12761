//! A runtime of cooperative tasks on several **domains**, with structured concurrency by construction,
//! whose interaction with the system is injected.
//!
//! # First program
//!
//! ```
//! use std::time::Duration;
//! use vigie::{call, spawn, time::sleep};
//!
//! fn main() -> std::io::Result<()> {
//!     vigie::run(async {
//!         let here = spawn(async { sleep(Duration::from_millis(2)).await.map(|()| 1) });
//!         let there = call(|| async { 2 });
//!         assert_eq!(here.await?? + there.await?, 3);
//!         Ok(())
//!     })?
//! }
//! ```
//!
//! # Domains and tasks
//!
//! A run has several domains: a thread each, domain 0 being the thread that called [`run`]. A task
//! lives and dies on one domain, so its future need not be `Send`. [`spawn`] starts a task beside its
//! parent; [`call`] starts one on another domain, to which only a closure travels, and from which only
//! the result comes back.
//!
//! # Structure
//!
//! A task has finished when its future is gone **and** all its descendants have finished, on every
//! domain. [`run`] returns when the main task has finished, and with it everything else. What a task owns
//! is dropped once, on its domain and in the usual order, before its parent hears of its end, whichever
//! way it ends.
//!
//! A [`Promise`] is a child in its parent's hands: awaiting it gives the result of the finished task, or
//! a [`TaskError`]; dropping it cancels the task; [`Promise::cancel`] does so and can be awaited. Only
//! the parent awaits it: a promise cannot leave its domain, and another task there gets
//! [`TaskError::NotAChild`]. A panic is the result of the task that panicked; its children are cancelled.
//!
//! ## Several children
//!
//! [`both`], [`await_all`], [`await_first`] and [`await_one`] wait for several promises. A [`TaskSet`]
//! holds any number of children, and gives their results in the order in which they end. [`parallel`]
//! runs a closure on each item of an iterator, on all domains but 0.
//!
//! ## Cancellation
//!
//! A cancelled task takes no further step: its future is dropped where it waits, or at the end of its
//! slice, and its children are cancelled with it. On another domain that waits for the slice under way
//! there, and for no other task. To cancel again what was cancelled already changes nothing, and what has
//! finished loses its result. An [`uncancellable`] section is finished before its task is cancelled; with
//! [`protect`], a future runs because another was cancelled. The destructors that a task's end runs neither
//! start tasks nor wait for events: where they try, they get an error.
//!
//! ## Borrowing, and what is found everywhere
//!
//! Futures that are to borrow from the task that starts them run in a [`scope`]: side by side, within
//! that task. What a task is to find wherever it goes, such as the request that it serves, is a
//! [`TaskLocal`]; a child has those of its parent where it is told to [`inherit`] them. A [`DomainLocal`]
//! is one value for all tasks of a domain.
//!
//! ## When it gets stuck
//!
//! [`tree()`] lists the live tasks, each with the place that started it and with the name that it has given
//! itself ([`name_task`]), if any, and prints them as a tree. A run
//! in which nothing can wake any task ends with that tree as its error: see [`Deadlocks`]. One that goes on
//! after its main task has ended tells why, if [`Builder::shutdown_report`] asks for that.
//!
//! # Events
//!
//! The scheduler waits for nothing by itself. What a domain waits for is injected: a value that implements
//! [`Events`](events::Events), made on the domain's thread and called only there, which says at each tick
//! which tasks to resume. The default ones, in `system`, are timers (`time`), sockets (`net`) and other
//! descriptors (`io`); signals (`signal`) and processes (`process`) stand on those.
//!
//! ## Events of your own
//!
//! Yours stand where the default ones stand, with nothing that they have and yours lack. The module
//! [`events`] begins with a whole implementation, `examples/chat.rs` is the tutorial in four steps, and
//! [`events::conformance`] puts any implementation to the test.
//!
//! A source that is no descriptor needs no events of its own: a thread that blocks in it, and a
//! [`SignalSender`](events::SignalSender) or a channel, will do beside the default ones.
//!
//! ```
//! use std::sync::mpsc;
//! use vigie::events;
//!
//! /// Waits for what a device says, on whatever events the run has.
//! async fn next_from(device: mpsc::Receiver<u32>) -> u32 {
//!     let syscall = events::syscall().unwrap();
//!     let (uid, domain) = (syscall.uid(), events::signal_sender().unwrap());
//!     let reader = std::thread::spawn(move || {
//!         let said = device.recv();
//!         // Pushed to the domain's queue; the domain is woken if it sleeps.
//!         domain.send(uid);
//!         said
//!     });
//!     syscall.suspend(|_uid| Ok(())).await.unwrap();
//!     reader.join().unwrap().unwrap()
//! }
//!
//! let (speaker, device) = mpsc::channel();
//! speaker.send(7).unwrap();
//! assert_eq!(vigie::run(next_from(device)).unwrap(), 7);
//! ```
//!
//! # Observer and pipe
//!
//! A runtime's domain usually sleeps in the system's poller, and whoever has other news for it, a task on another
//! domain, has to interrupt that: by a byte in a pipe. Here an **observer thread** beside each domain with
//! descriptors sleeps in the poller. What it learns it pushes to a lock-free queue, which the domain drains
//! between tasks, and a domain that sleeps does so on its own parker, from which any thread wakes it alike. So
//! nothing ever has to interrupt a domain, and one that computes makes no system call to learn that there is
//! none.
//!
//! Where events come quickly the hop from thread to thread would only cost: then the observer stands down, and
//! the domain polls by itself, between slices and where a task asks [`should_yield`]; until it sleeps, or finds
//! nothing for a while, or would poll too seldom. `Builder::variant` chooses between that, an observer that never
//! stands down, and the classic pipe.
//!
//! # What tasks share
//!
//! Tasks of one domain run one at a time, and share by `Rc`. Those of several domains have, with the
//! feature `sync`, locks, conditions and values made once (`lock`), and channels (`channel`).
//!
//! # What blocks
//!
//! With the feature `blocking`, `unblock` runs a closure on a pool of threads, which is also how files
//! (`fs`), the standard streams (`io`) and names of hosts (`net::lookup_host`) are waited for.
//!
//! # Fairness
//!
//! At each tick a domain first runs tasks that news from outside has resumed, one slice each. While others
//! wait it looks for news four times more, and runs what that has resumed; at most 64 slices in all. Then comes
//! one quantum of the others ([`Builder::quanta`], one task by default). So an event waits for the events
//! before it and for one quantum of the others, plus one more for each 64 events before it, however many
//! others are ready; an event that is always ready has five slices to each quantum, and in a flood of
//! events one quantum runs after every 64 slices at the latest. A slice ends when the task is pending, or
//! when 32 operations in a row have succeeded at once ([`events::charged`]). A long computation asks
//! [`should_yield`].
//!
//! Among themselves tasks run first in, first out, and calls go round the domains; with a
//! [`Builder::seed`] both are as it decides, and the same each time. What is to happen at every tick is a
//! hook ([`on_tick`]).
//!
//! # Shutdown
//!
//! [`run`] returns when the main task has finished, and with it every other: nothing has to be shut down, and
//! nothing is left behind. To end early, cancel: drop what holds the tasks, or leave `main` with an error,
//! which drops it. What must be done even then is a section that is [`uncancellable`], or a finaliser
//! ([`protect`]); a limit to it is a `timeout` inside of it. If a run does not end,
//! [`Builder::shutdown_report`] tells which tasks keep it.
//!
//! # What it does
//!
//! Each domain counts its slices, parks, messages and events, and says how many tasks wait:
//! [`Domain::metrics`]. How long slices take, and how long tasks wait for theirs, is measured where
//! [`Builder::timing`] asks for it. A slice that does not end is told of by a [`Builder::stall_watch`], with
//! the [name](name_task) of its task.
//!
//! # Outside of a run
//!
//! Nothing here panics for being called in the wrong place: [`spawn`] and [`call`] give a promise that
//! fails, sockets and timers an error.
//!
//! # Fork
//!
//! A process that forks while a run is under way has none of its threads in the child but the one that forked.
//! Start a new program there, as `process` does: another run is an error. A child that goes on in a task of the
//! run is told: a [`call`](call()) fails, sockets that are not yet watched give an error, and once the slice
//! under way ends, its tasks are cancelled and the run ends with [`RunError::Forked`]; on a domain other than 0,
//! whose thread nobody waits for there, the child prints that and ends with 1, at once: nothing that is buffered is
//! written, and no handler of exits runs. What the parent watches stays as it is.
//!
//! # Platforms
//!
//! Linux is where it is tested and measured. It compiles for macOS with everything, and for Windows without
//! what is Unix's: `io` but for the standard streams, `signal`, `process`, Unix sockets. There `polling` is the
//! only back end, always built in. Neither has been run.
//!
//! # Features
//!
//! | feature | brings |
//! |---|---|
//! | `mio` (default), `polling` | a back end of the system's events, and with it `system`, `time`, `net` and `io`; without either a run has the events that it is given |
//! | `blocking` (default) | `unblock`, `fs`, the standard streams in `io`; with a back end names in `net` |
//! | `sync` | `lock` and `channel`, which need no events |
//! | `signal`, `process` | the modules of these names, with a back end, on Unix |
//! | `hyper` | the module of that name: HTTP/1 and HTTP/2, by hyper |
//! | `tracing` | a span of that crate's for each task, named `task`, within its parent's, entered for each slice, with the task's own name as the field `name`; events for parks and for the hand-overs between domain and observer; all with the target `vigie`. The subscriber has to be the program's (`set_global_default`): the other domains are other threads |
//!
//! Who comes from tokio or from Miou finds what becomes of what in the module `porting`.

#![cfg_attr(vigie_loom, allow(dead_code, unused_imports, reason = "the models use what the library uses"))]

// Always: what loom drives.
mod protocol;
mod slots;
mod sync;

#[cfg(all(test, vigie_loom))]
#[path = "../loom-tests/mod.rs"]
mod loom_tests;

// The rest of the library, which the model checker does not build.
#[cfg(not(vigie_loom))]
mod domain;
#[cfg(not(vigie_loom))]
mod domain_local;
#[cfg(not(vigie_loom))]
mod error;
#[cfg(not(vigie_loom))]
pub mod events;
#[cfg(not(vigie_loom))]
mod forks;
#[cfg(not(vigie_loom))]
mod runtime;
#[cfg(not(vigie_loom))]
mod shutdown;
#[cfg(not(vigie_loom))]
mod stall;
#[cfg(not(vigie_loom))]
mod task;
#[cfg(not(vigie_loom))]
mod task_local;
#[cfg(not(vigie_loom))]
mod threads;
#[cfg(not(vigie_loom))]
mod trace;

#[cfg(all(any(doc, doctest), unix, feature = "system", feature = "sync", feature = "blocking"))]
pub mod porting;

#[cfg(all(not(vigie_loom), feature = "sync"))]
pub mod channel;
#[cfg(all(not(vigie_loom), feature = "sync"))]
pub mod lock;

#[cfg(all(not(vigie_loom), feature = "blocking"))]
pub mod blocking;
#[cfg(all(not(vigie_loom), feature = "blocking"))]
pub mod fs;

#[cfg(all(not(vigie_loom), feature = "hyper"))]
pub mod hyper;
#[cfg(all(not(vigie_loom), any(all(feature = "system", unix), feature = "blocking")))]
pub mod io;

#[cfg(all(not(vigie_loom), feature = "system"))]
pub mod net;
#[cfg(all(not(vigie_loom), unix, feature = "system", feature = "process"))]
pub mod process;
#[cfg(all(not(vigie_loom), unix, feature = "system", feature = "signal"))]
pub mod signal;
#[cfg(all(not(vigie_loom), feature = "system"))]
pub mod system;
#[cfg(all(not(vigie_loom), feature = "system"))]
pub mod time;

#[cfg(all(not(vigie_loom), feature = "blocking"))]
pub use crate::blocking::unblock;
#[cfg(not(vigie_loom))]
pub use crate::{
    domain::{
        Deadlocks, Domain, Histogram, Hook, LongSlice, Metrics, TaskId, TaskInfo, TaskState, Tree,
        hint::should_yield, name_task, on_tick, tree,
    },
    domain_local::DomainLocal,
    error::{Panic, RunError, TaskError},
    runtime::{Builder, run},
    stall::Stall,
    task::{
        Cancel, Promise, PromiseState, Scope, ScopedTask, TaskSet, TryNext, YieldNow, await_all, await_first,
        await_one, both, call, call_on, parallel, protect, scope, spawn, uncancellable, yield_if_needed,
        yield_now,
    },
    task_local::{NotSet, TaskLocal, inherit},
};

/// The README's examples are compiled with the doctests.
#[cfg(all(doctest, feature = "system"))]
#[doc = include_str!("../README.md")]
struct Readme;
