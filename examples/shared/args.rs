//! The command line.

use std::{io, net::SocketAddr, process::ExitCode, str::FromStr, time::Duration};

use vigie::{
    Builder,
    system::{Backend, Variant},
};

/// A program: what it calls itself, and its help.
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
}

/// What every server is told.
#[derive(Debug, Clone)]
pub(crate) struct Args {
    pub(crate) listen: SocketAddr,
    pub(crate) events: Variant,
    pub(crate) poller: Backend,
    pub(crate) domains: Option<usize>,
    /// How long what is under way may take to end, once the program is told to stop.
    pub(crate) grace: Duration,
}

/// The words of the command line that are still to be read.
pub(crate) type Words = std::iter::Skip<std::env::Args>;

impl Program {
    /// Reads the command line. `own` takes the options that only this program has, and says whether it
    /// knows the flag.
    ///
    /// # Errors
    ///
    /// The status to end with: the help was asked for, or what is wrong has been told.
    pub(crate) fn args(
        &self,
        port: u16,
        mut own: impl FnMut(&str, &mut Words) -> Result<bool, String>,
    ) -> Result<Args, ExitCode> {
        let mut args = Args {
            listen: SocketAddr::from(([127, 0, 0, 1], port)),
            events: Variant::default(),
            poller: Backend::default(),
            domains: None,
            grace: Duration::from_secs(1),
        };
        let mut words = std::env::args().skip(1);
        while let Some(flag) = words.next() {
            if flag == "--help" || flag == "-h" {
                println!("{}", self.help);
                return Err(ExitCode::SUCCESS);
            }
            let known = match args.take(&flag, &mut words) {
                Ok(false) => own(&flag, &mut words),
                taken => taken,
            };
            match known {
                Ok(true) => {}
                Ok(false) => return Err(self.refuse(&format!("unknown option {flag}"))),
                Err(why) => return Err(self.refuse(&why)),
            }
        }
        Ok(args)
    }

    /// Tells what is wrong with the command line; the status to end with.
    pub(crate) fn refuse(&self, why: &str) -> ExitCode {
        eprintln!("{}: {why}\nTry --help.", self.name);
        ExitCode::from(2)
    }

    /// Tells what went wrong, if anything did; the status to end with.
    pub(crate) fn end(&self, done: io::Result<()>) -> ExitCode {
        match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{}: {error}", self.name);
                ExitCode::FAILURE
            }
        }
    }
}

impl Args {
    fn take(&mut self, flag: &str, words: &mut Words) -> Result<bool, String> {
        match flag {
            "--listen" => self.listen = value(flag, words)?,
            "--events" => self.events = value(flag, words)?,
            "--poller" => self.poller = value(flag, words)?,
            "--domains" => self.domains = Some(at_least_one(flag, words)?),
            "--grace" => self.grace = seconds(flag, words)?,
            _ => return Ok(false),
        }
        Ok(true)
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

/// The value of an option.
pub(crate) fn value<T: FromStr<Err: ToString>>(flag: &str, words: &mut Words) -> Result<T, String> {
    let word = words.next().ok_or_else(|| format!("{flag} needs a value"))?;
    word.parse().map_err(|error: T::Err| format!("{flag} {word}: {}", error.to_string()))
}

pub(crate) fn at_least_one(flag: &str, words: &mut Words) -> Result<usize, String> {
    match value(flag, words)? {
        0 => Err(format!("{flag} must be at least 1")),
        number => Ok(number),
    }
}

pub(crate) fn seconds(flag: &str, words: &mut Words) -> Result<Duration, String> {
    let seconds: f64 = value(flag, words)?;
    Duration::try_from_secs_f64(seconds).map_err(|error| format!("{flag} {seconds}: {error}"))
}
