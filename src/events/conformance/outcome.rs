//! How checks end.

use std::{error::Error, fmt, io, time::Duration};

use super::Check;
use crate::error::Panic;

/// What is wrong.
///
/// ```
/// use std::io;
/// use vigie::{Builder, events::conformance::{Check, Fault, Suite}};
///
/// let broken = async |_duration| Err(io::ErrorKind::NotConnected.into());
/// let failure = Suite::of_sleep(Builder::new(), broken).check(Check::Deadlines).unwrap_err();
/// match failure.fault() {
///     Fault::Run(error) => assert_eq!(error.kind(), io::ErrorKind::NotConnected),
///     fault => panic!("{fault}"),
/// }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Fault {
    /// The events of this domain have no interrupt, and yet `select` does not return.
    Blocks(usize),
    /// The events of this domain were interrupted, and yet `select` does not return.
    Deaf(usize),
    /// An interrupt does not return.
    InterruptBlocks,
    /// An operation is not signalled though its time has come.
    Overdue,
    /// The run does not end, and nothing that was seen says why.
    Stuck,
    /// An operation was signalled before its time, or its task resumed without a signal of its own.
    Early,
    /// An operation was signalled before another one that had ended earlier.
    Disorder,
    /// Operations on one domain wait for each other.
    Serial,
    /// So many operations were signalled after they had been told to be cancelled.
    Forgets(usize),
    /// A domain that waited called `select` so often: its deadline lies in the past.
    Spins(u64),
    /// The run failed.
    Run(io::Error),
    /// Something panicked.
    Panicked(Panic),
    /// The domain did not keep its own side of the contract. This is a defect of this crate, unless
    /// the subject has its tasks resumed otherwise than by signals.
    Scheduler(&'static str),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blocks(domain) => write!(f, "without an interrupt, select blocks on domain {domain}"),
            Self::Deaf(domain) => write!(f, "select on domain {domain} was interrupted and did not return"),
            Self::InterruptBlocks => f.write_str("an interrupt blocks"),
            Self::Overdue => f.write_str("an operation is not signalled when its time has come"),
            Self::Stuck => f.write_str("the run does not end"),
            Self::Early => f.write_str("an operation ended before its time"),
            Self::Disorder => f.write_str("operations do not end in the order of their times"),
            Self::Serial => f.write_str("operations wait for each other"),
            Self::Forgets(count) => write!(f, "{count} cancelled operations were signalled all the same"),
            Self::Spins(count) => write!(f, "a domain that waited called select {count} times"),
            Self::Run(error) => write!(f, "the run failed: {error}"),
            Self::Panicked(panic) => write!(f, "panicked: {panic}"),
            Self::Scheduler(what) => write!(f, "the scheduler broke the contract: {what}"),
        }
    }
}

/// A check that failed.
///
/// ```
/// use vigie::{Builder, events::conformance::{Check, Failure, Fault, Suite}};
///
/// let never = Suite::of_sleep(Builder::new(), async |_duration| Ok(()));
/// let failure: Failure = never.check(Check::Deadlines).unwrap_err();
/// assert_eq!(failure.check(), Check::Deadlines);
/// assert!(matches!(failure.fault(), Fault::Early));
/// assert_eq!(failure.to_string(), "Deadlines: an operation ended before its time");
/// ```
#[derive(Debug)]
pub struct Failure {
    pub(super) check: Check,
    pub(super) fault: Fault,
}

impl Failure {
    /// Which check it was.
    pub fn check(&self) -> Check {
        self.check
    }

    /// What was found.
    pub fn fault(&self) -> &Fault {
        &self.fault
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.check, self.fault)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.fault {
            Fault::Run(error) => Some(error),
            _ => None,
        }
    }
}

/// The checks that passed.
///
/// ```
/// use vigie::{Builder, events::conformance::{Check, Failure, Suite}, time::sleep};
///
/// # fn main() -> Result<(), Failure> {
/// let suite = Suite::of_sleep(Builder::new(), async |duration| Ok(sleep(duration).await?));
/// let report = suite.run()?;
/// assert_eq!(report.passed().len() + report.left_out().len(), Check::ALL.len());
/// assert!(report.left_out().contains(&Check::Forgotten));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Report {
    pub(super) passed: Vec<(Check, Duration)>,
    pub(super) left_out: Vec<Check>,
}

impl Report {
    /// Those that passed, and how long each took.
    pub fn passed(&self) -> &[(Check, Duration)] {
        &self.passed
    }

    /// Those that could not be run, for want of a [`Subject`](super::Subject).
    pub fn left_out(&self) -> &[Check] {
        &self.left_out
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (check, took) in &self.passed {
            writeln!(f, "{:<10} passed in {} ms", format!("{check:?}"), took.as_millis())?;
        }
        for check in &self.left_out {
            writeln!(f, "{:<10} left out", format!("{check:?}"))?;
        }
        write!(f, "{} checks passed", self.passed.len())
    }
}
