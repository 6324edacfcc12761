//! The same echo server on every runtime, one file each, and one thread each.
//!
//! Each reads up to [`common::BUFFER`] bytes and writes them back, with the same options of the sockets. Beside
//! the connections it may have burners and idle tasks. It is a process of its own: `vigie-bench serve`.

pub mod common;
mod compio;
mod glommio;
mod may;
mod monoio;
mod raw;
mod smol;
mod tokio;
pub mod vigie;

use std::{
    io::{self, Write},
    process,
    thread::Builder,
    time::{Duration, Instant},
};

use ::vigie::system::Variant;
use serde::{Deserialize, Serialize};

use crate::{args, pin};

/// Who serves.
#[derive(Debug)]
pub struct Runtime {
    pub name: &'static str,
    pub kind: Kind,
    serve: fn(&args::Serve) -> io::Result<()>,
    /// Starts the runtime, runs an empty main, ends it; with so many domains.
    start: Option<fn(usize) -> io::Result<()>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Vigie's own.
    Variant,
    /// A peer that asks what is ready, and then reads.
    Readiness,
    /// A peer that asks to read, and is told when that is done.
    Completion,
    /// No runtime: what the machine gives.
    Limit,
}

/// In the order in which they are measured and shown.
pub const ALL: [Runtime; 13] = [
    Runtime {
        name: "observer",
        kind: Kind::Variant,
        serve: |job| vigie::serve(Variant::Observer, job),
        start: Some(|domains| vigie::start(Variant::Observer, domains)),
    },
    Runtime {
        name: "always",
        kind: Kind::Variant,
        serve: |job| vigie::serve(Variant::Always, job),
        start: Some(|domains| vigie::start(Variant::Always, domains)),
    },
    Runtime {
        name: "pipe",
        kind: Kind::Variant,
        serve: |job| vigie::serve(Variant::Pipe, job),
        start: Some(|domains| vigie::start(Variant::Pipe, domains)),
    },
    Runtime { name: "raw epoll", kind: Kind::Limit, serve: raw::serve, start: None },
    Runtime {
        name: "tokio-current",
        kind: Kind::Readiness,
        serve: tokio::serve_current,
        start: Some(|_| tokio::start_current()),
    },
    Runtime {
        name: "tokio-localset",
        kind: Kind::Readiness,
        serve: tokio::serve_local_set,
        start: Some(|_| tokio::start_local_set()),
    },
    Runtime { name: "smol", kind: Kind::Readiness, serve: smol::serve, start: Some(|_| smol::start()) },
    Runtime {
        name: "monoio-epoll",
        kind: Kind::Readiness,
        serve: monoio::serve_epoll,
        start: Some(|_| monoio::start_epoll()),
    },
    Runtime {
        name: "monoio-uring",
        kind: Kind::Completion,
        serve: monoio::serve_uring,
        start: Some(|_| monoio::start_uring()),
    },
    Runtime {
        name: "compio-poll",
        kind: Kind::Readiness,
        serve: compio::serve_poll,
        start: Some(|_| compio::start_poll()),
    },
    Runtime {
        name: "compio-uring",
        kind: Kind::Completion,
        serve: compio::serve_uring,
        start: Some(|_| compio::start_uring()),
    },
    Runtime {
        name: "glommio",
        kind: Kind::Completion,
        serve: glommio::serve,
        start: Some(|_| glommio::start()),
    },
    Runtime { name: "may", kind: Kind::Readiness, serve: may::serve, start: Some(|_| may::start()) },
];

impl Runtime {
    pub fn by_name(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|runtime| runtime.name == name)
    }

    pub fn is_variant(&self) -> bool {
        self.kind == Kind::Variant
    }

    /// Whether there is anything to start.
    pub fn starts(&self) -> bool {
        self.start.is_some()
    }

    /// May's scheduler starts with the first coroutine of the process, and never ends.
    pub fn starts_once(&self) -> bool {
        self.name == "may"
    }
}

fn find(name: &str) -> io::Result<&'static Runtime> {
    Runtime::by_name(name).ok_or_else(|| {
        let names: Vec<&str> = ALL.iter().map(|runtime| runtime.name).collect();
        io::Error::other(format!("{name} is none of {}", names.join(", ")))
    })
}

/// Serves until the process is ended, or its input: whoever started it has gone then. Until then each line
/// asks what the computing tasks have done.
pub fn serve(options: &args::Serve) -> io::Result<()> {
    let runtime = find(&options.who)?;
    if options.pin {
        pin::to_one_processor()?;
    }
    common::raise_descriptor_limit()?;
    Builder::new().name("input".to_owned()).spawn(|| {
        common::tell_work();
        process::exit(0);
    })?;
    (runtime.serve)(options)
}

/// Microseconds to start a runtime, run nothing, and end it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Started {
    /// The first time in a process.
    pub first: f64,
    /// The median of the other times, if there were any.
    pub again: Option<f64>,
}

/// Starts and ends the runtime so many times, and prints what each took.
pub fn start(options: &args::Start) -> io::Result<()> {
    let runtime = find(&options.who)?;
    let Some(start) = runtime.start else {
        return Err(io::Error::other(format!("{}: there is nothing to start", runtime.name)));
    };
    let once = || {
        let began = Instant::now();
        start(options.domains).map(|()| micros(began.elapsed()))
    };
    let first = once()?;
    let mut again = (1..options.times).map(|_| once()).collect::<io::Result<Vec<_>>>()?;
    again.sort_by(f64::total_cmp);
    print_json(&Started { first, again: again.get(again.len() / 2).copied() })
}

/// One line for whoever started this process.
pub fn print_json(value: &impl Serialize) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{}", serde_json::to_string(value)?)?;
    stdout.flush()
}

pub fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}
