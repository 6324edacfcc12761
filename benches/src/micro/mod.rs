//! What the small operations cost: `cases` says which, `loops` how each is timed, `runtimes` how each runtime
//! does it. Repetition by repetition, and case by case, all runtimes are measured one after the other, each
//! time in a process of its own (`child`).

mod args;
mod cases;
mod child;
mod loops;
mod runtime;
mod runtimes;

use std::process::ExitCode;

pub use self::{
    cases::{CASES, Case, What},
    runtime::Contender,
};

use self::args::{Command, HELP};
use crate::{
    amount::Amount,
    figures::{Better, Figure, Skipped},
};

/// All that take part, in the order in which they are measured.
pub fn contenders() -> impl Iterator<Item = &'static dyn Contender> {
    runtimes::all()
}

/// Measures everything; tells `progress` what comes next. The program must hand the words after `micro` on its
/// command line to [`main`]: that is what the processes of the single measurements are started with.
pub fn run(amount: Amount, progress: &mut dyn FnMut(&str)) -> (Vec<Figure>, Vec<Skipped>) {
    run_cases(&CASES, amount, progress)
}

fn run_cases(cases: &[Case], amount: Amount, progress: &mut dyn FnMut(&str)) -> (Vec<Figure>, Vec<Skipped>) {
    let mut rows: Vec<_> = contenders().map(|_| vec![Entry::default(); cases.len()]).collect();
    let repetitions = repetitions(amount);
    for repetition in 1..=repetitions {
        for (at, case) in cases.iter().enumerate() {
            let count = case.count(amount);
            for (contender, entries) in contenders().zip(&mut rows) {
                let entry = &mut entries[at];
                if entry.failure.is_some() {
                    continue;
                }
                progress(&format!("{repetition}/{repetitions}: {}: {}", case.name(count), contender.name()));
                match child::measure(contender, case, count) {
                    Ok(values) => entry.repetitions.push(values),
                    Err(error) => entry.failure = Some(error.to_string()),
                }
            }
        }
    }
    let (mut figures, mut skipped) = (Vec::new(), Vec::new());
    for (at, case) in cases.iter().enumerate() {
        for (contender, entries) in contenders().zip(&rows) {
            entries[at].report(case, case.count(amount), contender.name(), &mut figures, &mut skipped);
        }
    }
    (figures, skipped)
}

fn repetitions(amount: Amount) -> usize {
    match amount {
        Amount::Full => 5,
        Amount::Smoke => 1,
    }
}

/// What one runtime came to in one case.
#[derive(Clone, Default)]
struct Entry {
    /// For each repetition, a value for each part.
    repetitions: Vec<Vec<f64>>,
    failure: Option<String>,
}

impl Entry {
    fn report(
        &self,
        case: &Case,
        count: u32,
        who: &str,
        figures: &mut Vec<Figure>,
        skipped: &mut Vec<Skipped>,
    ) {
        if let Some(why) = &self.failure {
            let skip = Skipped { row: case.row, who: who.into(), why: why.clone() };
            // Most often it is the same for all cases of a row.
            if !skipped.contains(&skip) {
                skipped.push(skip);
            }
            return;
        }
        for (at, part) in case.parts().iter().enumerate() {
            figures.push(Figure {
                row: case.row,
                what: format!("{}{part}", case.name(count)),
                who: who.into(),
                unit: case.unit().into(),
                values: self.repetitions.iter().map(|values| values[at]).collect(),
                better: Better::Lower,
            });
        }
    }
}

/// What `vigie-bench micro` does with the words after that.
pub fn main(words: impl Iterator<Item = String>) -> ExitCode {
    let done = match Command::parse(words) {
        Ok(Command::Help) => {
            println!("{HELP}");
            Ok(())
        }
        Ok(Command::All { amount, rows }) => {
            let cases: Vec<_> =
                CASES.into_iter().filter(|case| rows.is_empty() || rows.contains(&case.row)).collect();
            let (figures, skipped) = run_cases(&cases, amount, &mut |next| eprintln!("{next}"));
            print(&figures, &skipped);
            Ok(())
        }
        Ok(Command::One { who, case, count }) => child::run(who, &case, count),
        Err(why) => {
            eprintln!("vigie-bench micro: {why}\n{HELP}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn print(figures: &[Figure], skipped: &[Skipped]) {
    let mut what = "";
    for figure in figures {
        if what != figure.what {
            what = &figure.what;
            println!("{}: {what}, {}", figure.row, figure.unit);
        }
        println!(
            "    {:16} {:10.1}   {:.1} to {:.1}",
            figure.who,
            figure.median(),
            figure.min(),
            figure.max()
        );
    }
    for skip in skipped {
        println!("{}: {} skipped: {}", skip.row, skip.who, skip.why);
    }
}
