//! Row 11: bytes of each idle task, and of each idle connection: what the process has more of with many of them.

use std::{
    io, thread,
    time::{Duration, Instant},
};

use rustix::process::Pid;

use super::{Bench, possible};
use crate::{
    args::Serve,
    child::{Load, Result, Server},
    figures::{Better::Lower, Outcome},
    gather::{Gather, Quantity},
    proc::resident,
    servers::{self, Kind, Runtime},
};

enum Case {
    Task,
    Connection(usize),
}

pub(super) fn run(bench: &Bench) -> io::Result<Outcome> {
    let tasks = bench.extent.idle_tasks;
    let mut gather = Gather::default();
    let mut cases = vec![Case::Task];
    cases.extend(
        possible(&mut gather, 11, &[bench.extent.idle_connections])?.into_iter().map(Case::Connection),
    );
    let name = |case: &Case| match case {
        Case::Task => format!("memory, each of {tasks} idle tasks"),
        Case::Connection(count) => format!("memory, each of {count} idle connections"),
    };
    let runtimes: Vec<&Runtime> = servers::ALL.iter().collect();
    bench.compare(&mut gather, 11, &runtimes, &cases, name, |case, runtime, gather| {
        let bytes = match case {
            // It has no tasks.
            Case::Task if runtime.kind == Kind::Limit => return Ok(()),
            Case::Task => {
                let with = |idle_tasks| {
                    let server = Server::start(&Serve { idle_tasks, ..Serve::of(runtime.name) })?;
                    settled(server.pid())
                };
                with(tasks)?.saturating_sub(with(0)?) as f64 / tasks as f64
            }
            Case::Connection(count) => {
                let mut server = Server::start(&Serve::of(runtime.name))?;
                // What it sets up for its first connections belongs to none of them.
                server.load(&Load {
                    connections: 16,
                    duration: Duration::from_millis(50),
                    ..Load::default()
                })?;
                let before = settled(server.pid())?;
                let held = server.hold(*count)?;
                let after = settled(server.pid())?;
                drop(held);
                after.saturating_sub(before) as f64 / *count as f64
            }
        };
        gather.add(Quantity::new(11, name(case), "bytes", Lower), runtime.name, bytes);
        Ok(())
    });
    Ok(gather.outcome())
}

/// The memory of a process once it stays the same.
fn settled(pid: Pid) -> Result<u64> {
    let patience = Instant::now() + Duration::from_secs(5);
    let mut last = resident(pid)?;
    loop {
        thread::sleep(Duration::from_millis(60));
        let now = resident(pid)?;
        if now == last || Instant::now() > patience {
            return Ok(now);
        }
        last = now;
    }
}
