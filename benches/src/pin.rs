//! Server and load together on one processor.

use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Moves this thread, and those that it starts from now on, to the last processor that the process
/// may use: the first ones serve more interrupts.
pub fn to_one_processor() -> io::Result<()> {
    let allowed = sched_getaffinity(None)?;
    let last = (0..CpuSet::MAX_CPU).rev().find(|cpu| allowed.is_set(*cpu));
    let mut one = CpuSet::new();
    one.set(last.ok_or_else(|| io::Error::other("no processor is allowed"))?);
    Ok(sched_setaffinity(None, &one)?)
}
