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

pub(super) fn name(burners: usize) -> String {
    format!("echo, {CONNECTIONS} connections, K = {burners}")
}

struct Case {
    burners: usize,
    pin: bool,
}

impl Case {
    fn name(&self) -> String {
        format!("{}{}", name(self.burners), if self.pin { ", pinned" } else { "" })
    }
}

pub(super) fn run(bench: &Bench) -> io::Result<Outcome> {
    let extent = &bench.extent;
    let mut gather = Gather::default();
    let runtimes: Vec<&Runtime> = servers::ALL.iter().collect();
    let free = extent.burners.iter().map(|&burners| Case { burners, pin: false });
    // Where the observer has no processor of its own.
    let cases: Vec<Case> = free.chain([Case { burners: 8, pin: true }]).collect();
    bench.compare(&mut gather, 7, &runtimes, &cases, Case::name, |case, runtime, gather| {
        let serve = Serve { burners: case.burners, pin: case.pin, ..Serve::of(runtime.name) };
        let mut server = Server::start(&serve)?;
        let watched = server.load_watched(&Load {
            connections: CONNECTIONS,
            duration: extent.load,
            warm_up: extent.warm_up,
            mode: Mode::Echo,
            pin: case.pin,
        })?;
        let loaded = &watched.loaded;
        let mut add = |what: &str, unit, better, value| {
            let quantity = Quantity::new(7, format!("{}, {what}", case.name()), unit, better);
            gather.add(quantity, runtime.name, value);
        };
        add("p50", "µs", Lower, loaded.p50);
        add("p50 of the time", "µs", Lower, loaded.p50_of_time);
        add("p99", "µs", Lower, loaded.p99);
        add("requests/s", "/s", Higher, loaded.per_second());
        if case.burners > 0 {
            add("slices/s", "/s", Higher, watched.work);
        }
        Ok(())
    });
    Ok(gather.outcome())
}
