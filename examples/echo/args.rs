//! The command line.

use std::{net::SocketAddr, str::FromStr, time::Duration};

use vigie::{
    Builder,
    system::{Backend, Variant},
};

pub(crate) const HELP: &str = "\
An echo server on every domain, and a load to measure it with.

Usage: echo [OPTIONS]                serve until Ctrl-C
       echo --load ADDR [OPTIONS]    load the server at ADDR, and check every byte
       echo --demo [OPTIONS]         both, with the observer and with the pipe, side by side

Options:
  --listen ADDR        where to serve                        [127.0.0.1:7007; port 0: any]
  --events NAME        observer, always or pipe              [observer]
  --poller NAME        mio or polling, as far as built in    [mio]
  --domains N          domains, the first included           [one per processor]
  --grace SECONDS      how long Ctrl-C waits for open connections [1]
  --connections N      the load's connections                [16]
  --seconds N          how long the load runs                [3]
  --size BYTES         of each message                       [64]
  --help               this text";

#[derive(Debug, Clone)]
pub(crate) struct Args {
    pub(crate) mode: Mode,
    pub(crate) events: Variant,
    pub(crate) poller: Backend,
    pub(crate) domains: Option<usize>,
    pub(crate) grace: Duration,
    pub(crate) connections: usize,
    pub(crate) duration: Duration,
    pub(crate) size: usize,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Mode {
    Serve(SocketAddr),
    Load(SocketAddr),
    Demo,
}

pub(crate) enum Refused {
    Help,
    Bad(String),
}

impl Args {
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, Refused> {
        let mut args = Self {
            mode: Mode::Serve(SocketAddr::from(([127, 0, 0, 1], 7007))),
            events: Variant::default(),
            poller: Backend::default(),
            domains: None,
            grace: Duration::from_secs(1),
            connections: 16,
            duration: Duration::from_secs(3),
            size: 64,
        };
        while let Some(flag) = words.next() {
            if flag == "--help" || flag == "-h" {
                return Err(Refused::Help);
            }
            if flag == "--demo" {
                args.mode = Mode::Demo;
                continue;
            }
            let value = &mut words;
            match flag.as_str() {
                "--listen" => args.mode = Mode::Serve(parse(&flag, value)?),
                "--load" => args.mode = Mode::Load(parse(&flag, value)?),
                "--events" => args.events = parse(&flag, value)?,
                "--poller" => args.poller = parse(&flag, value)?,
                "--domains" => args.domains = Some(at_least_one(&flag, value)?),
                "--grace" => args.grace = seconds(&flag, value)?,
                "--connections" => args.connections = at_least_one(&flag, value)?,
                "--seconds" => args.duration = seconds(&flag, value)?,
                "--size" => args.size = at_least_one(&flag, value)?,
                _ => return Err(Refused::Bad(format!("unknown option {flag}"))),
            }
        }
        Ok(args)
    }

    /// A builder as the command line wants it.
    pub(crate) fn builder(&self) -> Builder {
        let builder = Builder::new().variant(self.events).backend(self.poller);
        match self.domains {
            Some(domains) => builder.extra_domains(domains - 1),
            None => builder,
        }
    }
}

fn parse<T: FromStr<Err: ToString>>(
    flag: &str,
    words: &mut impl Iterator<Item = String>,
) -> Result<T, Refused> {
    let word = words.next().ok_or_else(|| Refused::Bad(format!("{flag} needs a value")))?;
    word.parse().map_err(|error: T::Err| Refused::Bad(format!("{flag} {word}: {}", error.to_string())))
}

fn at_least_one(flag: &str, words: &mut impl Iterator<Item = String>) -> Result<usize, Refused> {
    match parse(flag, words)? {
        0 => Err(Refused::Bad(format!("{flag} must be at least 1"))),
        number => Ok(number),
    }
}

fn seconds(flag: &str, words: &mut impl Iterator<Item = String>) -> Result<Duration, Refused> {
    let seconds: f64 = parse(flag, words)?;
    Duration::try_from_secs_f64(seconds).map_err(|error| Refused::Bad(format!("{flag} {seconds}: {error}")))
}
