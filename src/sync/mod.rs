//! The facade: the only place that names the standard library's atomics, threads that sleep, the
//! lock-free queue, or loom.
//!
//! Everything in `protocol` is written against it, so that the models of `loom-tests` drive the
//! very code that ships. Built with `--cfg vigie_loom`, each item is loom's or a stand-in that is
//! no stronger than the real one, or, as [`futex`] says of itself, where that makes no difference.

#[cfg(not(vigie_loom))]
mod std;
#[cfg(not(vigie_loom))]
pub(crate) use self::std::*;

#[cfg(all(miri, not(vigie_loom)))]
mod miri;

#[cfg(vigie_loom)]
mod loom;
#[cfg(vigie_loom)]
pub(crate) use self::loom::*;

mod futex;
pub(crate) use self::futex::Futex;
