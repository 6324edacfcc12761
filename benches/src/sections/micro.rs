//! Rows 1 to 5 and 9: the small operations.

use std::{io, time::Duration};

use super::Bench;
use crate::{
    child::{Result, this_program},
    figures::{Better::Lower, Outcome},
    gather::{Gather, Quantity},
    micro::{self, CASES, Case, Contender, contenders},
    servers::Runtime,
    syscalls::Counter,
};

/// Those of which also the system calls are counted, and how many operations that takes.
const COUNTED: [(&str, u32); 2] = [("wake-awake", 100_000), ("wake-parked", 500)];

pub(super) fn run(bench: &Bench) -> io::Result<Outcome> {
    let steps = CASES.iter().map(|case| taking_part(case).count() * case.repetitions(bench.amount));
    bench.begin(steps.sum());
    let (figures, skipped) = micro::run(bench.amount, &mut |next| bench.step(next.to_owned()));
    let mut outcome = Outcome { figures, skipped };
    outcome.extend(system_calls(bench));
    Ok(outcome)
}

fn taking_part(case: &Case) -> impl Iterator<Item = &'static dyn Contender> {
    contenders().filter(|contender| contender.takes_part(case))
}

/// Vigie's own only: some peers make system calls all the time while they are awake, whoever wakes a task. Apart
/// from the times, so that nothing looks on while these are measured.
fn system_calls(bench: &Bench) -> Outcome {
    let mut gather = Gather::default();
    let counter = match Counter::find() {
        Ok(counter) => counter,
        Err(why) => {
            gather.skip(5, "all", format!("system calls: {why}"));
            return gather.outcome();
        }
    };
    for _ in 0..bench.extent.repetitions {
        for (case, count) in COUNTED.into_iter().filter_map(|(word, count)| Some((Case::find(word)?, count)))
        {
            let what = format!("{}, system calls", case.name(count));
            let variant = |name| Runtime::by_name(name).is_some_and(Runtime::is_variant);
            for contender in taking_part(&case).filter(|contender| variant(contender.name())) {
                bench.progress.set_message(format!("{what}: {}", contender.name()));
                match each(counter, contender, &case, count) {
                    Ok(calls) => {
                        gather.add(
                            Quantity::new(case.row, what.clone(), "each", Lower),
                            contender.name(),
                            calls,
                        );
                    }
                    Err(why) => gather.skip(case.row, contender.name(), why),
                }
            }
        }
    }
    gather.outcome()
}

/// Of all threads, for each operation: twice as many of them take so many more.
fn each(counter: Counter, contender: &dyn Contender, case: &Case, count: u32) -> Result<f64> {
    let calls = |count: u32| {
        let mut command = this_program()?;
        command.args(["micro", "--one", contender.name(), case.word, &count.to_string()]);
        counter.count_of(&command, Duration::from_secs(60)).map(|calls| calls as f64)
    };
    Ok((calls(2 * count)? - calls(count)?) / f64::from(count))
}
