//! Row 14: to start a runtime, run nothing, and end it.

use std::io;

use super::Bench;
use crate::{
    child::started,
    figures::{Better::Lower, Outcome},
    gather::{Gather, Quantity, count},
    servers::{self, Runtime},
};

pub(super) fn run(bench: &Bench) -> io::Result<Outcome> {
    let extent = &bench.extent;
    let mut gather = Gather::default();
    let runtimes: Vec<&Runtime> = servers::ALL.iter().filter(|runtime| runtime.starts()).collect();
    let name = |domains: &usize| format!("start, {}", count(domains - 1, "extra domain"));
    bench.compare(&mut gather, 14, &runtimes, &[1, 2, 9], name, |&domains, runtime, gather| {
        // The peers have one thread here.
        if domains > 1 && !runtime.is_variant() {
            return Ok(());
        }
        let times = if runtime.starts_once() { 1 } else { extent.starts };
        let started = started(runtime.name, domains, times)?;
        let mut add = |what: &str, value| {
            gather.add(
                Quantity::new(14, format!("{}, {what}", name(&domains)), "µs", Lower),
                runtime.name,
                value,
            );
        };
        add("the first of a process", started.first);
        match started.again {
            Some(again) => add("again", again),
            None => gather.skip(14, runtime.name, "again: it starts once a process"),
        }
        Ok(())
    });
    Ok(gather.outcome())
}
