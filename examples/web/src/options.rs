//! The command line: what all programs take, and how they read the rest.

use std::{env, error, process::ExitCode, str::FromStr};

use vigie::{
    Builder,
    system::{Backend, Variant},
};

use crate::Error;

/// Options that each program has.
const HELP: &str = "  --events NAME        observer, always or pipe              [observer]
  --poller NAME        mio or polling                        [mio]
  --domains N          domains, the first included           [one per processor]
  --help               this text";

/// Runs a program that has this name and these options, and reports its error.
pub fn main(name: &str, help: &str, program: impl FnOnce(Words) -> Result<(), Error>) -> ExitCode {
    let words = Words(env::args().skip(1).collect::<Vec<_>>().into_iter());
    if words.0.as_slice().iter().any(|word| word == "--help") {
        println!("{help}\n{HELP}");
        return ExitCode::SUCCESS;
    }
    match program(words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The words of the command line, one after the other.
pub struct Words(std::vec::IntoIter<String>);

impl Words {
    /// The value that follows an option.
    pub fn value<T>(&mut self, option: &str) -> Result<T, Error>
    where
        T: FromStr<Err: error::Error>,
    {
        let word = self.0.next().ok_or_else(|| format!("{option} needs a value"))?;
        word.parse().map_err(|error| format!("{option} {word}: {error}").into())
    }
}

impl Iterator for Words {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        self.0.next()
    }
}

/// Which events, and how many domains.
#[derive(Debug, Clone, Copy, Default)]
pub struct Run {
    pub events: Variant,
    pub poller: Backend,
    domains: Option<usize>,
}

impl Run {
    /// Takes an option that is one of these.
    pub fn take(&mut self, option: &str, words: &mut Words) -> Result<(), Error> {
        match option {
            "--events" => self.events = words.value(option)?,
            "--poller" => self.poller = words.value(option)?,
            "--domains" => match words.value(option)? {
                0 => return Err("--domains must be at least 1".into()),
                domains => self.domains = Some(domains),
            },
            _ => return Err(format!("unknown: {option}; try --help").into()),
        }
        Ok(())
    }

    /// A builder as the command line wants it.
    pub fn builder(&self) -> Builder {
        let builder = Builder::new().variant(self.events).backend(self.poller);
        match self.domains {
            Some(domains) => builder.extra_domains(domains - 1),
            None => builder,
        }
    }
}
