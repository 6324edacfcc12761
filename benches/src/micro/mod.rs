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

use fastrand::Rng;

use self::args::{Command, HELP};
use crate::{
    amount::Amount,
    figures::{Better, Figure, Skipped},
    order::shuffled,
    servers::Runtime,
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
    let mut rows: Vec<Row> = cases.iter().map(|case| Row::new(*case, case.count(amount))).collect();
    let repetitions = cases.iter().map(|case| case.repetitions(amount)).max().unwrap_or(0);
    let mut rng = Rng::with_seed(0);
    for repetition in 1..=repetitions {
        for row in rows.iter_mut().filter(|row| repetition <= row.case.repetitions(amount)) {
            row.measure(repetition, &mut rng, &mut |next| {
                progress(&format!("{repetition}/{repetitions}: {next}"))
            });
        }
    }
    let mut skipped = Vec::new();
    for skip in rows.iter().flat_map(Row::skipped) {
        // Most often it is the same for all cases of a row.
        if !skipped.contains(&skip) {
            skipped.push(skip);
        }
    }
    (rows.iter().flat_map(Row::figures).collect(), skipped)
}

/// One case, and what all came to in it.
struct Row {
    case: Case,
    count: u32,
    entries: Vec<Entry>,
}

struct Entry {
    contender: &'static dyn Contender,
    /// For each repetition, a value for each part; or why there is none.
    measured: Result<Vec<Vec<f64>>, String>,
}

impl Row {
    fn new(case: Case, count: u32) -> Self {
        let taking_part = contenders().filter(|contender| contender.takes_part(&case));
        let entries = taking_part.map(|contender| Entry { contender, measured: Ok(Vec::new()) }).collect();
        Self { case, count, entries }
    }

    /// One repetition: all, one after the other, in another [order](shuffled) each time. Who has failed once is not
    /// asked again.
    fn measure(&mut self, repetition: usize, rng: &mut Rng, progress: &mut dyn FnMut(&str)) {
        let is_variant =
            |entry: &&mut Entry| Runtime::by_name(entry.contender.name()).is_some_and(Runtime::is_variant);
        let order = shuffled(&mut self.entries, is_variant, repetition, rng);
        for Entry { contender, measured } in order {
            let Ok(repetitions) = measured else { continue };
            progress(&format!("{}: {}", self.case.name(self.count), contender.name()));
            match child::measure(*contender, &self.case, self.count) {
                Ok(values) => repetitions.push(values),
                Err(error) => *measured = Err(error.to_string()),
            }
        }
    }

    fn figures(&self) -> Vec<Figure> {
        let mut figures = Vec::new();
        for (at, part) in self.case.parts().iter().enumerate() {
            for Entry { contender, measured } in &self.entries {
                let Ok(repetitions) = measured else { continue };
                figures.push(Figure {
                    row: self.case.row,
                    what: format!("{}{part}", self.case.name(self.count)),
                    who: contender.name().into(),
                    unit: self.case.unit().into(),
                    values: repetitions.iter().map(|values| values[at]).collect(),
                    better: Better::Lower,
                });
            }
        }
        figures
    }

    fn skipped(&self) -> Vec<Skipped> {
        let skip = |Entry { contender, measured }: &Entry| {
            let why = measured.as_ref().err()?.clone();
            Some(Skipped { row: self.case.row, who: contender.name().into(), why })
        };
        self.entries.iter().filter_map(skip).collect()
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

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, thread};

    use super::*;

    #[test]
    fn names_and_words_are_not_used_twice() {
        let names: HashSet<_> = contenders().map(|contender| contender.name()).collect();
        assert_eq!(names.len(), contenders().count());
        let words: HashSet<_> = CASES.iter().map(|case| case.word).collect();
        assert_eq!(words.len(), CASES.len());
    }

    #[test]
    fn each_case_gives_a_value_for_each_part() {
        for contender in contenders().filter(|contender| ["observer", "pipe"].contains(&contender.name())) {
            for case in CASES {
                let measured = thread::spawn(move || contender.measure(&case, 100)).join().unwrap();
                let values = measured.unwrap_or_else(|error| panic!("{}: {error}", case.word));
                assert_eq!(values.len(), case.parts().len(), "{}", case.word);
                assert!(values.iter().all(|value| *value > 0.0), "{}: {values:?}", case.word);
            }
        }
    }

    #[test]
    fn a_row_says_why_it_has_no_figure() {
        let case = Case::find("cancel").unwrap();
        let mut row = Row::new(case, 20);
        for entry in &mut row.entries {
            entry.measured = match entry.contender.name() {
                "pipe" => Ok(vec![vec![1.0, 2.0], vec![3.0, 4.0]]),
                _ => Err("out of order".into()),
            };
        }
        let figures = row.figures();
        assert_eq!(figures.len(), 2);
        assert_eq!(figures[1].values, [2.0, 4.0]);
        let skipped = row.skipped();
        assert_eq!(skipped.len(), row.entries.len() - 1);
        assert!(skipped.iter().all(|skip| skip.row == 4 && skip.why == "out of order"));
    }
}
