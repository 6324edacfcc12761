//! Rows 1 to 5 and 9: the small operations.

use std::io;

use super::Bench;
use crate::{
    figures::Outcome,
    micro::{self, CASES, contenders},
};

pub(super) fn run(bench: &Bench) -> io::Result<Outcome> {
    let taking_part = |case| contenders().filter(|contender| contender.takes_part(case)).count();
    bench.begin(CASES.iter().map(taking_part).sum::<usize>() * bench.extent.repetitions);
    let (figures, skipped) = micro::run(bench.amount, &mut |next| bench.step(next.to_owned()));
    Ok(Outcome { figures, skipped })
}
