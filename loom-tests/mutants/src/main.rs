//! Breaks a copy of the crate, one mutant of `table.rs` at a time, and runs the loom model that has
//! to notice. Fails unless every mutant is caught.
//!
//! ```text
//! vigie-mutants [--bound N] [TEXT…]
//! vigie-mutants --table
//! ```
//!
//! `--table` only prints the table of `loom-tests/README.md`, which has to be there as it is printed. `--bound` runs all mutants at the given preemption bound instead of their own; `TEXT` chooses the
//! mutants whose name contains it.

mod bell;
mod calls;
mod complete;
mod crate_copy;
mod rest;
mod shutdown;
mod suspend;
mod table;
mod tokens;

use std::{
    env,
    error::Error,
    fs::File,
    path::Path,
    process::{Command, ExitCode, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate_copy::{Build, CrateCopy};
use table::{Mutant, mutants};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A model at the bounds of `table.rs` takes seconds at most.
const TIMEOUT: Duration = Duration::from_secs(120);

/// What became of a mutant.
enum Outcome {
    /// Loom reported it, in this way, in this execution.
    Caught(&'static str, String),
    /// The model passed.
    Survived,
    /// It proves nothing: the text was not there once, it does not compile, the model timed out or
    /// failed for reasons of its own.
    Error(String),
}

struct Options {
    table: bool,
    bound: Option<u32>,
    texts: Vec<String>,
}

impl Options {
    fn parse() -> Result<Self> {
        let mut options = Self { table: false, bound: None, texts: Vec::new() };
        let mut args = env::args().skip(1);
        while let Some(arg) = args.next() {
            if arg == "--table" {
                options.table = true;
            } else if arg == "--bound" {
                options.bound = Some(args.next().ok_or("--bound takes a number")?.parse()?);
            } else {
                options.texts.push(arg);
            }
        }
        Ok(options)
    }

    fn choose(&self, mutant: &Mutant) -> bool {
        self.texts.is_empty() || self.texts.iter().any(|text| mutant.name.contains(text.as_str()))
    }
}

fn main() -> Result<ExitCode> {
    let options = Options::parse()?;
    let copy = CrateCopy::make()?;
    let table = complete::check(&copy, &mutants())?;
    if options.table {
        print!("{table}");
        return Ok(ExitCode::SUCCESS);
    }
    complete::compare(&copy, &table)?;
    let mut mutants = mutants();
    for text in &options.texts {
        if !mutants.iter().any(|mutant| mutant.name.contains(text.as_str())) {
            return Err(format!("no mutant's name contains {text:?}").into());
        }
    }
    mutants.retain(|mutant| options.choose(mutant));
    let start = Instant::now();
    baseline(&copy, &mutants)?;
    println!("the models pass on the untouched copy, {:.1} s", start.elapsed().as_secs_f64());
    println!("{:<32} {:<36} {:>5}  {:<9} {:>9} {:>5}", "mutant", "model", "bound", "how", "execution", "s");
    let mut caught = 0;
    for mutant in &mutants {
        caught += usize::from(try_mutant(&copy, mutant, &options));
    }
    let all = mutants.len();
    println!("{caught} of {all} mutants caught, {:.0} s", start.elapsed().as_secs_f64());
    Ok(if caught == all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Without a mutant the models must pass, or being caught would mean nothing. The least bound does
/// here: `ci/loom.sh` is the real run.
fn baseline(copy: &CrateCopy, mutants: &[Mutant]) -> Result<()> {
    let test = match copy.build()? {
        Build::Done(test) => test,
        Build::Failed(error) => return Err(format!("the untouched copy does not compile:\n{error}").into()),
    };
    let mut models: Vec<_> = mutants.iter().flat_map(|mutant| &mutant.models).collect();
    models.sort_unstable();
    models.dedup_by_key(|(model, _)| *model);
    // Nothing of the copy changes meanwhile, so as many at once as there are processors.
    let (next, count) = (AtomicUsize::new(0), thread::available_parallelism().map_or(1, usize::from));
    let work = || -> std::result::Result<(), String> {
        while let Some(&&(model, bound)) = models.get(next.fetch_add(1, Ordering::Relaxed)) {
            let outcome = run_model(copy, &test, model, bound, "untouched");
            let failed = match outcome.unwrap_or_else(|error| Outcome::Error(error.to_string())) {
                Outcome::Survived => continue,
                Outcome::Caught(how, _) => format!("{model} fails on the untouched copy: {how}"),
                Outcome::Error(error) => format!("{model} on the untouched copy: {error}"),
            };
            // The others need not go on.
            next.store(models.len(), Ordering::Relaxed);
            return Err(failed);
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..count).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("a worker does not panic"))
    })?;
    Ok(())
}

/// Builds the mutant and runs its models; prints a line for each. Do all of them catch it?
fn try_mutant(copy: &CrateCopy, mutant: &Mutant, options: &Options) -> bool {
    let mut began = Instant::now();
    // The first line's time is the build's too.
    let built = copy.apply(&mutant.edits).and_then(|restored| Ok((copy.build()?, restored)));
    let mut all = true;
    for &(model, bound) in &mutant.models {
        let bound = options.bound.unwrap_or(bound);
        let outcome = match &built {
            Ok((Build::Done(test), _)) => run_model(copy, test, model, bound, mutant.name)
                .unwrap_or_else(|error| Outcome::Error(error.to_string())),
            Ok((Build::Failed(error), _)) => Outcome::Error(format!("does not compile:\n{error}")),
            Err(error) => Outcome::Error(error.to_string()),
        };
        let (how, execution) = match &outcome {
            Outcome::Caught(how, execution) => (*how, execution.as_str()),
            Outcome::Survived => ("SURVIVED", ""),
            Outcome::Error(_) => ("ERROR", ""),
        };
        let took = began.elapsed().as_secs_f64();
        println!("{:<32} {model:<36} {bound:>5}  {how:<9} {execution:>9} {took:>5.1}", mutant.name);
        if let Outcome::Error(error) = &outcome {
            println!("    {error}");
        }
        all &= matches!(outcome, Outcome::Caught(..));
        began = Instant::now();
    }
    all
}

/// Runs one model in a process of its own, since a deadlock under loom aborts.
fn run_model(copy: &CrateCopy, test: &Path, model: &str, bound: u32, log: &str) -> Result<Outcome> {
    let log = copy.log(&format!("{log}.{}", model.replace("::", ".")));
    let output = File::create(&log)?;
    let mut child = Command::new(test)
        .args([&format!("loom_tests::{model}"), "--exact", "--nocapture", "--test-threads=1"])
        .env("VIGIE_LOOM_BOUND", bound.to_string())
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .spawn()?;
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if start.elapsed() > TIMEOUT {
            child.kill()?;
            child.wait()?;
            return Ok(Outcome::Error(format!("no answer in {TIMEOUT:?}, see {}", log.display())));
        }
        thread::sleep(Duration::from_millis(5));
    };
    let output = String::from_utf8_lossy(&std::fs::read(&log)?).into_owned();
    Ok(match (status.success(), how_caught(&output)) {
        (true, _) if output.contains("test result: ok. 1 passed") => Outcome::Survived,
        (true, _) => Outcome::Error(format!("there is no model {model}")),
        (false, Some(how)) => Outcome::Caught(how, execution(&output)?),
        (false, None) => Outcome::Error(format!("failed, but not by loom's report, see {}", log.display())),
    })
}

/// In which execution of the model the first panic came.
fn execution(output: &str) -> Result<String> {
    let (_, rest) = output.split_once("in execution ").ok_or("a panic, but not of a model")?;
    Ok(rest.lines().next().unwrap_or_default().to_owned())
}

/// How loom reported a failure: by its first panic.
fn how_caught(output: &str) -> Option<&'static str> {
    let (_, panic) = output.split_once("panicked at ")?;
    let (place, message) = panic.split_once('\n')?;
    let ours = place.starts_with("src/") || place.contains("loom-tests/");
    if message.starts_with("deadlock; ") {
        Some("deadlock")
    } else if message.contains("Causality violation") || message.starts_with("currently ") {
        Some("race")
    } else if message.contains("exceeded maximum number of branches") {
        Some("endless")
    } else if ours {
        Some("assertion")
    } else {
        None
    }
}
