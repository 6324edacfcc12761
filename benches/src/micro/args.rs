//! The words after `vigie-bench micro`.

use super::{
    cases::{CASES, Case},
    contenders,
    runtime::Contender,
};
use crate::amount::Amount;

pub(super) const HELP: &str = "\
What the small operations cost, beside other runtimes.

Usage: vigie-bench micro [OPTIONS]               measure all of it, several times
       vigie-bench micro --one WHO CASE [N]      measure one case of one runtime, once, with N operations;
                                                 as under strace -f -c, or perf record

  --smoke          little of everything, once
  --rows 1,2,..    these rows only";

pub(super) enum Command {
    Help,
    All { amount: Amount, rows: Vec<u8> },
    One { who: &'static dyn Contender, case: Case, count: u32 },
}

impl Command {
    pub(super) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut amount = Amount::Full;
        let mut rows = Vec::new();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--help" | "-h" => return Ok(Self::Help),
                "--smoke" => amount = Amount::Smoke,
                "--rows" => {
                    let list = words.next().ok_or("--rows needs a list of numbers")?;
                    for row in list.split(',') {
                        rows.push(row.parse().map_err(|error| format!("--rows {list}: {error}"))?);
                    }
                }
                "--one" => return Self::one(words),
                _ => return Err(format!("unknown option {word}")),
            }
        }
        Ok(Self::All { amount, rows })
    }

    fn one(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let (Some(who), Some(case)) = (words.next(), words.next()) else {
            return Err(format!("--one needs one of {} and one of {}", all_names(), all_words()));
        };
        let who = contenders()
            .find(|contender| contender.name() == who)
            .ok_or_else(|| format!("{who} is none of {}", all_names()))?;
        let case = Case::find(&case).ok_or_else(|| format!("{case} is none of {}", all_words()))?;
        let count = match words.next() {
            None => case.count(Amount::Full),
            Some(count) => count.parse().map_err(|error| format!("{count}: {error}"))?,
        };
        Ok(Self::One { who, case, count })
    }
}

fn all_names() -> String {
    contenders().map(|contender| contender.name()).collect::<Vec<_>>().join(", ")
}

fn all_words() -> String {
    CASES.map(|case| case.word).join(", ")
}
