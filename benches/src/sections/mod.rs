//! What is measured, section by section.

mod availability;
mod churn;
mod cost;
mod echo;
mod extent;
mod hint;
mod idle;
mod memory;
mod micro;
mod start;

use std::{collections::HashSet, io, time::Duration};

use fastrand::Rng;
use indicatif::ProgressBar;

use self::extent::Extent;
use crate::{
    amount::Amount,
    args::Serve,
    child::{Load, Result, Server},
    figures::Outcome,
    gather::Gather,
    order::shuffled,
    servers::{Kind, Runtime, common::raise_descriptor_limit},
};

pub struct Section {
    pub name: &'static str,
    pub run: fn(&Bench) -> io::Result<Outcome>,
}

/// In the order in which they run.
pub const ALL: [Section; 9] = [
    Section { name: "micro", run: micro::run },
    Section { name: "echo", run: echo::run },
    Section { name: "availability", run: availability::run },
    Section { name: "hint", run: hint::run },
    Section { name: "idle", run: idle::run },
    Section { name: "memory", run: memory::run },
    Section { name: "churn", run: churn::run },
    Section { name: "cost", run: cost::run },
    Section { name: "start", run: start::run },
];

/// How much to do, and where to show how far it is.
pub struct Bench {
    amount: Amount,
    extent: Extent,
    progress: ProgressBar,
}

impl Bench {
    pub fn new(amount: Amount, progress: ProgressBar) -> Self {
        Self { amount, extent: Extent::of(amount), progress }
    }

    /// How many steps there will be.
    fn begin(&self, steps: usize) {
        self.progress.set_position(0);
        self.progress.set_length(steps as u64);
    }

    /// The next one.
    fn step(&self, what: String) {
        self.progress.inc(1);
        self.progress.set_message(what);
    }

    /// Measures every runtime in every case, all runtimes by turns within each repetition, each time in
    /// another [order](shuffled). What fails in a case is skipped with the reason, and not tried again
    /// in that case; a server that does not serve at all is skipped once.
    fn compare<C>(
        &self,
        gather: &mut Gather,
        row: u8,
        runtimes: &[&Runtime],
        cases: &[C],
        name: impl Fn(&C) -> String,
        measure: impl Fn(&C, &Runtime, &mut Gather) -> Result<()>,
    ) {
        let repetitions = self.extent.repetitions_of(row);
        let rounds = repetitions * cases.len();
        self.begin(runtimes.len() * (1 + rounds));
        let mut serving = Vec::new();
        for runtime in runtimes {
            self.step(format!("warm-up, {}", runtime.name));
            match serves(runtime) {
                Ok(()) => serving.push(*runtime),
                Err(why) => gather.skip(row, runtime.name, why),
            }
        }
        self.progress.set_length((runtimes.len() + serving.len() * rounds) as u64);
        let is_neighbour = |runtime: &&Runtime| runtime.is_variant() || runtime.kind == Kind::Limit;
        let mut failed = HashSet::new();
        for repetition in 0..repetitions {
            for (number, case) in cases.iter().enumerate() {
                let mut rng = Rng::with_seed((repetition * cases.len() + number) as u64);
                for runtime in shuffled(serving.iter().copied(), is_neighbour, repetition, &mut rng) {
                    self.step(format!("{}, {}", name(case), runtime.name));
                    if failed.contains(&(number, runtime.name)) {
                        continue;
                    }
                    if let Err(why) = measure(case, runtime, gather) {
                        gather.skip(row, runtime.name, format!("{}: {why}", name(case)));
                        failed.insert((number, runtime.name));
                    }
                }
            }
        }
    }
}

/// Whether its server answers, here and now.
fn serves(runtime: &Runtime) -> Result<()> {
    let load = Load { connections: 8, duration: Duration::from_millis(50), ..Load::default() };
    Server::start(&Serve::of(runtime.name))?.load(&load).map(drop)
}

/// Those counts of connections that the limit of descriptors allows; the others are skipped for all.
fn possible(gather: &mut Gather, row: u8, counts: &[usize]) -> io::Result<Vec<usize>> {
    /// What a process has open beside its connections, at the most.
    const OTHERS: u64 = 100;
    let limit = raise_descriptor_limit()?;
    let (possible, too_many): (_, Vec<usize>) =
        counts.iter().copied().partition(|count| *count as u64 + OTHERS <= limit);
    for count in too_many {
        gather.skip(row, "all", format!("{count} connections: the limit of descriptors is {limit}"));
    }
    Ok(possible)
}
