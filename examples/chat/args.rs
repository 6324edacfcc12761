//! The command line.

use std::{fmt::Display, num::NonZeroUsize};

use vigie::system::{Backend, Variant};

pub(crate) const HELP: &str = "\
Sleepers: how to write events of your own, in four steps, each of which measures what it shows.

Usage: chat [OPTIONS]

Options:
  --step STEP          1, 2, 3, 4 or all                      [all]
  --domains N          domains, the first included            [3; steps 2 to 4 need 2]
  --events NAME        own: those that this program is about; or, to compare, the system's:
                       observer, always or pipe               [own]
  --poller NAME        mio or polling, as far as built in     [mio; own events have none]
  --help               this text";

pub(crate) struct Args {
    /// `None`: all.
    pub(crate) step: Option<u8>,
    pub(crate) domains: NonZeroUsize,
    /// `None`: our own.
    pub(crate) events: Option<Variant>,
    pub(crate) poller: Backend,
}

impl Args {
    /// `None` for `--help`.
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut args = Self {
            step: None,
            domains: NonZeroUsize::MIN.saturating_add(2),
            events: None,
            poller: Backend::default(),
        };
        while let Some(flag) = words.next() {
            if flag == "--help" {
                return Ok(None);
            }
            if !["--step", "--domains", "--events", "--poller"].contains(&flag.as_str()) {
                return Err(format!("unknown option {flag}"));
            }
            let word = words.next().ok_or_else(|| format!("{flag} needs a value"))?;
            let bad = |why: &dyn Display| format!("{flag} {word}: {why}");
            match (flag.as_str(), word.as_str()) {
                ("--step", "all") => args.step = None,
                ("--step", "1" | "2" | "3" | "4") => args.step = word.parse().ok(),
                ("--step", _) => return Err(bad(&"1, 2, 3, 4 or all expected")),
                ("--domains", _) => args.domains = word.parse().map_err(|error| bad(&error))?,
                ("--events", "own") => args.events = None,
                ("--events", _) => args.events = Some(word.parse().map_err(|error| bad(&error))?),
                _ => args.poller = word.parse().map_err(|error| bad(&error))?,
            }
        }
        Ok(Some(args))
    }
}
