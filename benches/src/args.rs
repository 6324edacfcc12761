//! The command line.

use std::{ffi::OsString, net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

use lexopt::{Arg, Parser, ValueExt};

pub const HELP: &str = "\
vigie-bench: Vigie's three variants beside other runtimes and a raw epoll loop

  vigie-bench run [--smoke] [--sections LIST] [--out DIR] [--fresh]
      measures, section by section; what was interrupted goes on where it was
        --smoke            little of everything, once: that it runs, not how fast
        --sections LIST    only these, as in echo,availability
        --out DIR          where results go (target/vigie-bench, or with --smoke target/vigie-bench-smoke)
        --fresh            begins anew
  vigie-bench report [--smoke] [--out DIR] [--markdown]
      prints what was measured; with --markdown writes benches/RESULTS.md and its plots

The parts, each a process, by hand:
  vigie-bench serve WHO [--burners K] [--idle-tasks N] [--hint] [--domains D] [--pin]
      an echo server, until its input ends
  vigie-bench load ADDR [--connections N] [--seconds S] [--warm-up S] [--churn | --hold] [--pin]
      a closed loop, 64 bytes; --churn connects anew for each request; --hold only holds the connections
  vigie-bench start WHO [--domains D] [--times N]
      starts and ends the runtime
  vigie-bench wait WHO
      a main task that awaits a call
  vigie-bench compute WHO [--seconds S]
      computes with `should_yield` and without
  vigie-bench micro [--help]
      the small operations";

pub enum Command {
    Run(Run),
    Report(Report),
    Serve(Serve),
    Load(Load),
    Start(Start),
    Wait(Wait),
    Compute(Compute),
}

pub enum Refused {
    Help,
    Bad(String),
}

#[derive(Default)]
pub struct Run {
    pub smoke: bool,
    pub sections: Option<Vec<String>>,
    pub out: Option<PathBuf>,
    pub fresh: bool,
}

#[derive(Default)]
pub struct Report {
    pub smoke: bool,
    pub out: Option<PathBuf>,
    pub markdown: bool,
}

/// A server, whichever runtime it is on.
#[derive(Clone, Debug)]
pub struct Serve {
    pub who: String,
    /// Tasks beside the connections that compute for a slice, yield, and again.
    pub burners: usize,
    /// Tasks that wait for ever.
    pub idle_tasks: usize,
    /// One more task, which computes without end and gives way when it is asked to.
    pub hint: bool,
    /// Vigie's alone.
    pub domains: usize,
    pub pin: bool,
}

impl Serve {
    pub fn of(who: &str) -> Self {
        Self { who: who.to_owned(), burners: 0, idle_tasks: 0, hint: false, domains: 1, pin: false }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Echo,
    Churn,
    Hold,
}

#[derive(Clone, Debug)]
pub struct Load {
    pub address: SocketAddr,
    pub connections: usize,
    pub duration: Duration,
    pub warm_up: Duration,
    pub mode: Mode,
    pub pin: bool,
}

pub struct Start {
    pub who: String,
    pub domains: usize,
    pub times: usize,
}

pub struct Wait {
    pub who: String,
}

pub struct Compute {
    pub who: String,
    pub duration: Duration,
}

impl Command {
    pub fn parse() -> Result<Self, Refused> {
        Self::read(Parser::from_env())
    }

    fn read(mut words: Parser) -> Result<Self, Refused> {
        let Some(Arg::Value(command)) = words.next()? else { return Err(Refused::Help) };
        match command.string()?.as_str() {
            "run" => run(words).map(Self::Run),
            "report" => report(words).map(Self::Report),
            "serve" => serve(words).map(Self::Serve),
            "load" => load(words).map(Self::Load),
            "start" => start(words).map(Self::Start),
            "wait" => Ok(Self::Wait(Wait { who: only_name(words)? })),
            "compute" => compute(words).map(Self::Compute),
            "help" => Err(Refused::Help),
            other => Err(Refused::Bad(format!("unknown command {other}"))),
        }
    }
}

fn run(mut words: Parser) -> Result<Run, Refused> {
    let mut options = Run::default();
    while let Some(word) = words.next()? {
        match word {
            Arg::Long("smoke") => options.smoke = true,
            Arg::Long("fresh") => options.fresh = true,
            Arg::Long("out") => options.out = Some(words.value()?.into()),
            Arg::Long("sections") => {
                options.sections = Some(words.value()?.string()?.split(',').map(str::to_owned).collect());
            }
            other => return Err(unknown(other)),
        }
    }
    Ok(options)
}

fn report(mut words: Parser) -> Result<Report, Refused> {
    let mut options = Report::default();
    while let Some(word) = words.next()? {
        match word {
            Arg::Long("smoke") => options.smoke = true,
            Arg::Long("markdown") => options.markdown = true,
            Arg::Long("out") => options.out = Some(words.value()?.into()),
            other => return Err(unknown(other)),
        }
    }
    Ok(options)
}

fn serve(mut words: Parser) -> Result<Serve, Refused> {
    let mut options = Serve::of(&words.value()?.string()?);
    while let Some(word) = words.next()? {
        match word {
            Arg::Long("burners") => options.burners = parse(words.value()?)?,
            Arg::Long("idle-tasks") => options.idle_tasks = parse(words.value()?)?,
            Arg::Long("hint") => options.hint = true,
            Arg::Long("domains") => options.domains = at_least_one(words.value()?)?,
            Arg::Long("pin") => options.pin = true,
            other => return Err(unknown(other)),
        }
    }
    Ok(options)
}

fn load(mut words: Parser) -> Result<Load, Refused> {
    let mut options = Load {
        address: parse(words.value()?)?,
        connections: 16,
        duration: Duration::from_secs(2),
        warm_up: Duration::from_millis(200),
        mode: Mode::Echo,
        pin: false,
    };
    while let Some(word) = words.next()? {
        match word {
            Arg::Long("connections") => options.connections = at_least_one(words.value()?)?,
            Arg::Long("seconds") => options.duration = seconds(words.value()?)?,
            Arg::Long("warm-up") => options.warm_up = seconds(words.value()?)?,
            Arg::Long("churn") => options.mode = Mode::Churn,
            Arg::Long("hold") => options.mode = Mode::Hold,
            Arg::Long("pin") => options.pin = true,
            other => return Err(unknown(other)),
        }
    }
    Ok(options)
}

fn start(mut words: Parser) -> Result<Start, Refused> {
    let mut options = Start { who: words.value()?.string()?, domains: 1, times: 100 };
    while let Some(word) = words.next()? {
        match word {
            Arg::Long("domains") => options.domains = at_least_one(words.value()?)?,
            Arg::Long("times") => options.times = at_least_one(words.value()?)?,
            other => return Err(unknown(other)),
        }
    }
    Ok(options)
}

fn compute(mut words: Parser) -> Result<Compute, Refused> {
    let mut options = Compute { who: words.value()?.string()?, duration: Duration::from_secs(2) };
    while let Some(word) = words.next()? {
        match word {
            Arg::Long("seconds") => options.duration = seconds(words.value()?)?,
            other => return Err(unknown(other)),
        }
    }
    Ok(options)
}

fn only_name(mut words: Parser) -> Result<String, Refused> {
    let name = words.value()?.string()?;
    match words.next()? {
        None => Ok(name),
        Some(word) => Err(unknown(word)),
    }
}

fn unknown(word: Arg<'_>) -> Refused {
    match word {
        Arg::Long("help") | Arg::Short('h') => Refused::Help,
        word => word.unexpected().into(),
    }
}

fn parse<T: FromStr<Err: std::error::Error + Send + Sync + 'static>>(value: OsString) -> Result<T, Refused> {
    Ok(value.parse()?)
}

fn at_least_one(value: OsString) -> Result<usize, Refused> {
    match parse(value)? {
        0 => Err(Refused::Bad("0 is too few: at least 1".to_owned())),
        number => Ok(number),
    }
}

fn seconds(value: OsString) -> Result<Duration, Refused> {
    Duration::try_from_secs_f64(parse(value)?).map_err(|error| Refused::Bad(error.to_string()))
}

impl From<lexopt::Error> for Refused {
    fn from(error: lexopt::Error) -> Self {
        Self::Bad(error.to_string())
    }
}
