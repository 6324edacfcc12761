//! Row 8: a task that computes without end, and asks every 100 ns whether to give way. Only Vigie has this.

use std::io;

use super::{Bench, availability::CONNECTIONS};
use crate::{
    args::{Mode, Serve},
    child::{Load, Server, computed},
    figures::{Better::Lower, Outcome},
    gather::{Gather, Quantity},
    servers::{self, Runtime, vigie::Pieces},
};

enum Case {
    Loaded,
    Alone,
}

pub(super) fn run(bench: &Bench) -> io::Result<Outcome> {
    let extent = &bench.extent;
    let mut gather = Gather::default();
    let runtimes: Vec<&Runtime> = servers::ALL.iter().filter(|runtime| runtime.is_variant()).collect();
    let name = |case: &Case| match case {
        Case::Loaded => format!("hint, {CONNECTIONS} connections"),
        Case::Alone => "hint, without traffic".to_owned(),
    };
    let cases = [Case::Loaded, Case::Alone];
    bench.compare(&mut gather, 8, &runtimes, &cases, name, |case, runtime, gather| {
        let mut add = |what: &str, unit, value| {
            gather.add(Quantity::new(8, format!("{}, {what}", name(case)), unit, Lower), runtime.name, value);
        };
        match case {
            Case::Loaded => {
                let mut server = Server::start(&Serve { hint: true, ..Serve::of(runtime.name) })?;
                let watched = server.load_watched(&Load {
                    connections: CONNECTIONS,
                    duration: extent.load,
                    warm_up: extent.warm_up,
                    mode: Mode::Echo,
                    pin: false,
                })?;
                add("p50", "µs", watched.loaded.p50);
                add("p99", "µs", watched.loaded.p99);
                add("a piece of work takes", "ns", 1e9 / watched.work);
            }
            Case::Alone => {
                let computed = computed(runtime.name, extent.compute)?;
                let slower = |took: f64, pieces: &Pieces| (took / pieces.without - 1.0) * 100.0;
                let kinds = [
                    ("one chain of arithmetic", computed.one_chain),
                    ("pieces apart", computed.apart),
                    ("pieces apart beside a timer", computed.beside_timer),
                    ("eight chains at once", computed.eight_chains),
                ];
                for (kind, pieces) in kinds {
                    add(&format!("{kind}, slower than no hint"), "%", slower(pieces.with_hint, &pieces));
                    add(&format!("{kind}, a flag in its place"), "%", slower(pieces.with_flag, &pieces));
                }
            }
        }
        Ok(())
    });
    Ok(gather.outcome())
}
