//! A program that only waits, to be looked at with strace, perf or top: it should not show up there.
//!
//! `idle` has its main task await a call to another domain that never returns. `idle --connect ADDR`
//! holds connections to a server open, silent, so that the server can be looked at.

use std::{future::pending, io, net::SocketAddr, process::ExitCode};

use vigie::{
    Builder, Deadlocks, await_all, call,
    net::TcpStream,
    spawn,
    system::{Backend, Variant},
};

const HELP: &str = "\
A program that only waits, to be looked at with strace, perf or top.

Usage: idle [OPTIONS]                   the main task awaits a call that never returns
       idle --connect ADDR [OPTIONS]    holds silent connections to ADDR

Options:
  --connections N      to hold                              [1000]
  --events NAME        observer, always or pipe             [observer]
  --poller NAME        mio or polling, as far as built in   [mio]
  --domains N          domains, the first included          [8]
  --help               this text";

struct Args {
    connect: Option<SocketAddr>,
    connections: usize,
    events: Variant,
    poller: Backend,
    domains: usize,
}

fn main() -> ExitCode {
    let args = match parse(std::env::args().skip(1)) {
        Ok(Some(args)) => args,
        Ok(None) => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(why) => {
            eprintln!("idle: {why}\nTry --help.");
            return ExitCode::from(2);
        }
    };
    // What it waits for never comes, on purpose.
    let builder = Builder::new().deadlocks(Deadlocks::Ignored).extra_domains(args.domains - 1);
    let builder = builder.variant(args.events).backend(args.poller);
    let done = builder.run(async move {
        match args.connect {
            Some(address) => hold(address, args.connections).await,
            None => {
                println!("waiting");
                Ok(call(pending).await?)
            }
        }
    });
    match done {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) | Err(error) => {
            eprintln!("idle: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn hold(address: SocketAddr, connections: usize) -> io::Result<()> {
    let mut streams = Vec::new();
    for _ in 0..connections.div_ceil(100) {
        let opening = (0..100.min(connections - streams.len())).map(|_| spawn(TcpStream::connect(address)));
        for stream in await_all(opening).await? {
            streams.push(stream??);
        }
    }
    println!("connected");
    pending().await
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Option<Args>, String> {
    let mut args = Args {
        connect: None,
        connections: 1000,
        events: Variant::default(),
        poller: Backend::default(),
        domains: 8,
    };
    while let Some(flag) = words.next() {
        if flag == "--help" {
            return Ok(None);
        }
        let word = words.next().ok_or_else(|| format!("{flag} needs a value"))?;
        let bad = |error: &dyn std::fmt::Display| format!("{flag} {word}: {error}");
        match flag.as_str() {
            "--connect" => args.connect = Some(word.parse().map_err(|error| bad(&error))?),
            "--connections" => args.connections = word.parse().map_err(|error| bad(&error))?,
            "--events" => args.events = word.parse().map_err(|error| bad(&error))?,
            "--poller" => args.poller = word.parse().map_err(|error| bad(&error))?,
            "--domains" => args.domains = word.parse().map_err(|error| bad(&error))?,
            _ => return Err(format!("unknown option {flag}")),
        }
    }
    if args.domains == 0 {
        return Err("--domains must be at least 1".into());
    }
    Ok(Some(args))
}
