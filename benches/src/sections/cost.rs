//! Row 13: system calls and context switches of the server, for each request of rows 6, 7 and 12.
//!
//! Apart from the rows themselves, so that nothing looks on while they are measured.

use std::io;

use super::{Bench, availability, churn, echo::place};
use crate::{
    args::{Mode, Serve},
    child::{Load, Server},
    figures::{Better::Lower, Outcome},
    gather::{Gather, Quantity, count},
    proc::context_switches,
    servers::{self, Kind, Runtime},
    syscalls::Counter,
};

struct Case {
    name: String,
    connections: usize,
    burners: usize,
    mode: Mode,
    pin: bool,
}

fn cases() -> Vec<Case> {
    let echo = |connections, pin| Case {
        name: format!("cost, echo, {}, {}", count(connections, "connection"), place(pin)),
        connections,
        burners: 0,
        mode: Mode::Echo,
        pin,
    };
    let busy = |burners| Case {
        name: format!("cost, {}", availability::name(burners)),
        connections: availability::CONNECTIONS,
        burners,
        mode: Mode::Echo,
        pin: false,
    };
    let churn = |pin| Case {
        name: format!("cost, {}", churn::name(&pin)),
        connections: churn::AT_ONCE,
        burners: 0,
        mode: Mode::Churn,
        pin,
    };
    vec![
        echo(1, false),
        echo(16, false),
        echo(128, false),
        echo(1, true),
        echo(16, true),
        echo(128, true),
        busy(8),
        busy(64),
        churn(false),
        churn(true),
    ]
}

pub(super) fn run(bench: &Bench) -> io::Result<Outcome> {
    let extent = &bench.extent;
    let mut gather = Gather::default();
    let counter = Counter::find();
    let runtimes: Vec<&Runtime> =
        servers::ALL.iter().filter(|runtime| matches!(runtime.kind, Kind::Variant | Kind::Limit)).collect();
    if let Err(why) = &counter {
        gather.skip(13, "all", format!("system calls: {why}"));
    }
    let name = |case: &Case| case.name.clone();
    bench.compare(&mut gather, 13, &runtimes, &cases(), name, |case, runtime, gather| {
        let mut server =
            Server::start(&Serve { burners: case.burners, pin: case.pin, ..Serve::of(runtime.name) })?;
        let load = Load {
            connections: case.connections,
            duration: extent.counting,
            mode: case.mode,
            pin: case.pin,
            ..Load::default()
        };
        let mut add = |what: &str, value| {
            gather.add(
                Quantity::new(13, format!("{}, {what}", case.name), "a request", Lower),
                runtime.name,
                value,
            );
        };
        let before = context_switches(server.pid())?;
        let loaded = server.load(&load)?;
        let switches = context_switches(server.pid())?.saturating_sub(before);
        add("context switches", switches as f64 / loaded.requests as f64);
        if let Ok(counter) = counter {
            let (loaded, calls) = counter.count(&mut server, &load)?;
            add("system calls", calls as f64 / loaded.requests as f64);
        }
        Ok(())
    });
    Ok(gather.outcome())
}
