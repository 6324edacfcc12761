//! Row 12: connect, echo once, close.

use std::io;

use super::{Bench, echo::place};
use crate::{
    args::{Mode, Serve},
    child::{Load, Server},
    figures::{
        Better::{Higher, Lower},
        Outcome,
    },
    gather::{Gather, Quantity},
    servers::{self, Runtime},
};

/// Connections at a time.
pub(super) const AT_ONCE: usize = 16;

pub(super) fn name(pin: &bool) -> String {
    format!("churn, {AT_ONCE} at a time, {}", place(*pin))
}

pub(super) fn run(bench: &Bench) -> io::Result<Outcome> {
    let extent = &bench.extent;
    let mut gather = Gather::default();
    let runtimes: Vec<&Runtime> = servers::ALL.iter().collect();
    bench.compare(&mut gather, 12, &runtimes, &[false, true], name, |&pin, runtime, gather| {
        let mut server = Server::start(&Serve { pin, ..Serve::of(runtime.name) })?;
        let watched = server.load_watched(&Load {
            connections: AT_ONCE,
            duration: extent.load,
            warm_up: extent.warm_up,
            mode: Mode::Churn,
            pin,
        })?;
        let loaded = &watched.loaded;
        let mut add = |what: &str, unit, better, value| {
            gather.add(
                Quantity::new(12, format!("{}, {what}", name(&pin)), unit, better),
                runtime.name,
                value,
            );
        };
        add("connections/s", "/s", Higher, loaded.per_second());
        add("p50", "µs", Lower, loaded.p50);
        add("p99", "µs", Lower, loaded.p99);
        add("CPU a connection", "µs", Lower, watched.cpu_per_request());
        Ok(())
    });
    Ok(gather.outcome())
}
