//! Row 6: requests a second, and latencies, over the number of connections.

use std::io;

use super::{Bench, possible};
use crate::{
    args::{Mode, Serve},
    child::{Load, Server},
    figures::{
        Better::{Higher, Lower},
        Outcome,
    },
    gather::{Gather, Quantity, count},
    servers::{self, Runtime},
};

struct Case {
    connections: usize,
    pin: bool,
}

impl Case {
    fn name(&self) -> String {
        format!("echo, {}, {}", count(self.connections, "connection"), place(self.pin))
    }
}

/// Where server and load run.
pub(super) fn place(pin: bool) -> &'static str {
    if pin { "pinned" } else { "free" }
}

pub(super) fn run(bench: &Bench) -> io::Result<Outcome> {
    let extent = &bench.extent;
    let mut gather = Gather::default();
    let counts = possible(&mut gather, 6, extent.echo_connections)?;
    let cases: Vec<Case> = [false, true]
        .iter()
        .flat_map(|&pin| counts.iter().map(move |&connections| Case { connections, pin }))
        .collect();
    let runtimes: Vec<&Runtime> = servers::ALL.iter().collect();
    bench.compare(&mut gather, 6, &runtimes, &cases, Case::name, |case, runtime, gather| {
        let mut server = Server::start(&Serve { pin: case.pin, ..Serve::of(runtime.name) })?;
        let many = case.connections >= extent.many;
        let watched = server.load_watched(&Load {
            connections: case.connections,
            duration: if many { extent.echo * 2 } else { extent.echo },
            warm_up: if many { extent.warm_up * 2 } else { extent.warm_up },
            mode: Mode::Echo,
            pin: case.pin,
        })?;
        let loaded = &watched.loaded;
        let mut add = |what: &str, unit, better, value| {
            let quantity = Quantity::new(6, format!("{}, {what}", case.name()), unit, better);
            gather.add(quantity, runtime.name, value);
        };
        add("requests/s", "/s", Higher, loaded.per_second());
        add("p50", "µs", Lower, loaded.p50);
        add("p90", "µs", Lower, loaded.p90);
        add("p99", "µs", Lower, loaded.p99);
        add("p99.9", "µs", Lower, loaded.p999);
        add("max", "µs", Lower, loaded.max);
        add("CPU a request", "µs", Lower, watched.cpu_per_request());
        Ok(())
    });
    Ok(gather.outcome())
}
