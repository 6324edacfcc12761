//! Through all sections, in order.

use std::{error::Error, time::Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    amount::Amount,
    args,
    machine::Machine,
    report,
    results::{Results, Stored, this_program},
    sections::{self, Bench, Section},
};

pub fn run(options: &args::Run) -> Result<(), Box<dyn Error>> {
    let results = Results::at(options.out.as_deref(), options.smoke)?;
    let sections = chosen(options)?;
    let program = this_program()?;
    // The smoke run is there to run.
    if options.fresh || options.smoke {
        sections.iter().try_for_each(|section| results.forget(section.name))?;
    }
    for (number, section) in sections.iter().enumerate() {
        let title = format!("[{}/{}] {}", number + 1, sections.len(), section.name);
        if let Some(stored) = results.load(section.name)?
            && stored.program == program
            && stored.smoke == options.smoke
        {
            println!("{title}: measured before; --fresh measures anew");
            continue;
        }
        let stored = measure(section, title, program.clone(), options.smoke)?;
        results.store(&stored)?;
    }
    report::report(&args::Report { smoke: options.smoke, out: options.out.clone(), markdown: false })
}

fn chosen(options: &args::Run) -> Result<Vec<&'static Section>, String> {
    let all = &sections::ALL;
    let Some(names) = &options.sections else { return Ok(all.iter().collect()) };
    let known: Vec<&str> = all.iter().map(|section| section.name).collect();
    match names.iter().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(format!("no section {name}: there are {}", known.join(", "))),
        None => Ok(all.iter().filter(|section| names.iter().any(|name| name == section.name)).collect()),
    }
}

fn measure(section: &Section, title: String, program: String, smoke: bool) -> Result<Stored, Box<dyn Error>> {
    let style =
        ProgressStyle::with_template("{prefix} [{bar:30}] {pos}/{len}, {elapsed} of {duration}: {wide_msg}")?;
    let progress = ProgressBar::new(1).with_style(style).with_prefix(title.clone());
    let bench = Bench::new(if smoke { Amount::Smoke } else { Amount::Full }, progress.clone());
    let machine = Machine::here();
    let start = Instant::now();
    let outcome = (section.run)(&bench)?;
    progress.finish_and_clear();
    let seconds = start.elapsed().as_secs_f64();
    let (figures, skipped) = (outcome.figures.len(), outcome.skipped.len());
    println!("{title}: {figures} figures, {skipped} skipped, {seconds:.0} s");
    Ok(Stored { section: section.name.to_owned(), program, machine, smoke, seconds, outcome })
}
