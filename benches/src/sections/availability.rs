//! Row 7: echo beside tasks that compute for 50 µs, yield, and again.

use std::io;

use super::Bench;
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

pub(super) const CONNECTIONS: usize = 8;

pub(super) fn name(burners: &usize) -> String {
    format!("echo, {CONNECTIONS} connections, K = {burners}")
}

pub(super) fn run(bench: &Bench) -> io::Result<Outcome> {
    let extent = &bench.extent;
    let mut gather = Gather::default();
    let runtimes: Vec<&Runtime> = servers::ALL.iter().collect();
    bench.compare(&mut gather, 7, &runtimes, extent.burners, name, |burners, runtime, gather| {
        let mut server = Server::start(&Serve { burners: *burners, ..Serve::of(runtime.name) })?;
        let loaded = server.load(&Load {
            connections: CONNECTIONS,
            duration: extent.load,
            warm_up: extent.warm_up,
            mode: Mode::Echo,
            pin: false,
        })?;
        let mut add = |what: &str, unit, better, value| {
            let quantity = Quantity::new(7, format!("{}, {what}", name(burners)), unit, better);
            gather.add(quantity, runtime.name, value);
        };
        add("p50", "µs", Lower, loaded.p50);
        add("p50 of the time", "µs", Lower, loaded.p50_of_time);
        add("p99", "µs", Lower, loaded.p99);
        add("requests/s", "/s", Higher, loaded.per_second());
        Ok(())
    });
    Ok(gather.outcome())
}
