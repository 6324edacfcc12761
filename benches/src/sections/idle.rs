//! Row 10: what those who have nothing to do, do. All of them idle at the same time, so that ten seconds of
//! each last no longer than ten seconds; one that spins costs the others nothing that is counted here.

use std::{io, thread, time::Duration};

use rustix::process::Pid;

use super::{Bench, possible};
use crate::{
    args::Serve,
    child::{Held, Result, Server, Waiting},
    figures::{Better::Lower, Outcome},
    gather::{Gather, Quantity},
    proc::{context_switches, cpu_time},
    servers::{self, Runtime},
};

/// What the start has left to do is done by then.
const SETTLING: Duration = Duration::from_secs(1);

/// A process that idles, until it is dropped.
struct Idler {
    who: &'static str,
    what: String,
    process: Process,
}

enum Process {
    Server { server: Server, _held: Option<Held> },
    Waiting(Waiting),
}

impl Idler {
    fn pid(&self) -> Pid {
        match &self.process {
            Process::Server { server, .. } => server.pid(),
            Process::Waiting(waiting) => waiting.pid(),
        }
    }
}

pub(super) fn run(bench: &Bench) -> io::Result<Outcome> {
    let extent = &bench.extent;
    let mut gather = Gather::default();
    bench.begin(extent.repetitions);
    let connections = possible(&mut gather, 10, &[extent.idle_connections])?.first().copied();
    for repetition in 1..=extent.repetitions {
        bench.step(format!("repetition {repetition}"));
        let idlers = start_all(connections, &mut gather);
        thread::sleep(SETTLING);
        let before: Vec<_> = idlers.iter().map(spent).collect();
        thread::sleep(extent.idle);
        for (idler, before) in idlers.iter().zip(before) {
            let spent = before.and_then(|before| Ok((before, spent(idler)?)));
            let (before, after) = match spent {
                Ok(spent) => spent,
                Err(why) => {
                    gather.skip(10, idler.who, format!("{}: {why}", idler.what));
                    continue;
                }
            };
            // For ten seconds, however long it was.
            let scale = 10.0 / extent.idle.as_secs_f64();
            let mut add = |what: &str, unit, value: f64| {
                let quantity = Quantity::new(10, format!("{}, {what}", idler.what), unit, Lower);
                gather.add(quantity, idler.who, value * scale);
            };
            add("CPU in 10 s", "s", after.0.saturating_sub(before.0).as_secs_f64());
            add("context switches in 10 s", "times", after.1.saturating_sub(before.1) as f64);
        }
    }
    Ok(gather.outcome())
}

/// CPU time and context switches so far.
fn spent(idler: &Idler) -> Result<(Duration, u64)> {
    Ok((cpu_time(idler.pid())?, context_switches(idler.pid())?))
}

fn start_all(connections: Option<usize>, gather: &mut Gather) -> Vec<Idler> {
    let mut idlers = Vec::new();
    let mut start = |runtime: &Runtime, what: String, process: Result<Process>| match process {
        Ok(process) => idlers.push(Idler { who: runtime.name, what, process }),
        Err(why) => gather.skip(10, runtime.name, format!("{what}: {why}")),
    };
    for runtime in &servers::ALL {
        if let Some(count) = connections {
            let serve = Serve::of(runtime.name);
            let held = Server::start(&serve).and_then(|mut server| {
                let held = server.hold(count)?;
                Ok(Process::Server { server, _held: Some(held) })
            });
            start(runtime, format!("idle, {count} connections"), held);
        }
        if runtime.is_variant() {
            let serve = Serve { domains: 8, ..Serve::of(runtime.name) };
            let server = Server::start(&serve).map(|server| Process::Server { server, _held: None });
            start(runtime, "idle, 8 domains".to_owned(), server);
            let waiting = Waiting::start(runtime.name).map(Process::Waiting);
            start(runtime, "idle, the main task awaits a call".to_owned(), waiting);
        }
    }
    idlers
}
