//! What was measured, as tables, JSON and plots.

mod markdown;
mod plots;
mod table;

use std::{env, error::Error, fs, path::Path};

use crate::{
    args,
    figures::{Figure, Outcome},
    marks::{MARKS, Mark, Verdict},
    results::{Results, Stored},
    sections, servers,
};

/// Everything there is to report on.
pub struct Measured {
    pub sections: Vec<Stored>,
    pub outcome: Outcome,
}

pub fn report(options: &args::Report) -> Result<(), Box<dyn Error>> {
    let results = Results::at(options.out.as_deref(), options.smoke)?;
    let measured = Measured::load(&results)?;
    if measured.sections.is_empty() {
        return Err(format!("nothing was measured yet in {}: vigie-bench run", results.dir.display()).into());
    }
    if options.markdown {
        let benches = Path::new(env!("CARGO_MANIFEST_DIR"));
        let plots = write(&measured, &benches.join("results"))?;
        let file = benches.join("RESULTS.md");
        fs::write(&file, markdown::results(&measured, &plots))?;
        println!("{} and {} plots beside it, in results", file.display(), plots.len());
        return Ok(());
    }
    print!("{}", table::all(&measured));
    let plots = write(&measured, &results.dir)?;
    println!("\n{}: results.json and {} plots (SVG)", results.dir.display(), plots.len());
    Ok(())
}

/// The JSON and the plots. The plots' files and titles.
fn write(measured: &Measured, dir: &Path) -> Result<Vec<(String, String)>, Box<dyn Error>> {
    fs::create_dir_all(dir)?;
    fs::write(dir.join("results.json"), serde_json::to_vec_pretty(&measured.sections)?)?;
    plots::draw_all(&measured.outcome.figures, dir)
}

impl Measured {
    fn load(results: &Results) -> std::io::Result<Self> {
        let mut measured = Self { sections: Vec::new(), outcome: Outcome::default() };
        for section in &sections::ALL {
            if let Some(stored) = results.load(section.name)? {
                measured.outcome.extend(stored.outcome.clone());
                measured.sections.push(stored);
            }
        }
        Ok(measured)
    }

    /// The rows that there are figures or skips of.
    fn rows(&self) -> Vec<u8> {
        let figures = self.outcome.figures.iter().map(|figure| figure.row);
        let mut rows: Vec<u8> =
            figures.chain(self.outcome.skipped.iter().map(|skipped| skipped.row)).collect();
        rows.sort_unstable();
        rows.dedup();
        rows
    }

    fn of(&self, row: u8) -> Vec<&Figure> {
        self.outcome.figures.iter().filter(|figure| figure.row == row).collect()
    }

    /// What could be done wrong in reading this: remarks on how it was measured.
    fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if self.sections.iter().any(|stored| stored.smoke) {
            remarks.push("A smoke run: it shows that everything runs, not how fast.".to_owned());
        }
        if self.sections.windows(2).any(|pair| pair[0].program != pair[1].program) {
            remarks.push("The sections were measured by different builds.".to_owned());
        }
        let missing: Vec<&str> = sections::ALL
            .iter()
            .map(|section| section.name)
            .filter(|name| self.sections.iter().all(|stored| stored.section != *name))
            .collect();
        if !missing.is_empty() {
            remarks.push(format!("Not measured: {}.", missing.join(", ")));
        }
        remarks
    }
}

/// A row's own, in words.
fn title(row: u8) -> &'static str {
    match row {
        1 => "quantum",
        2 => "spawn",
        3 => "call",
        4 => "cancel",
        5 => "wake",
        6 => "echo",
        7 => "availability",
        8 => "hint",
        9 => "timers",
        10 => "idle",
        11 => "memory",
        12 => "churn",
        13 => "cost",
        14 => "start",
        _ => "",
    }
}

/// In the order of the first figure of each.
fn whats<'a>(figures: &[&'a Figure]) -> Vec<&'a str> {
    let mut whats: Vec<&str> = Vec::new();
    for figure in figures {
        if !whats.contains(&figure.what.as_str()) {
            whats.push(&figure.what);
        }
    }
    whats
}

/// Variants first, then the limit and the peers in the order of the servers, then who serves nothing.
fn whos<'a>(figures: &[&'a Figure]) -> Vec<&'a str> {
    let mut whos: Vec<&str> = Vec::new();
    for figure in figures {
        if !whos.contains(&figure.who.as_str()) {
            whos.push(&figure.who);
        }
    }
    let place = |who: &str| servers::ALL.iter().position(|runtime| runtime.name == who).unwrap_or(usize::MAX);
    whos.sort_by_key(|who| place(who));
    whos
}

/// With three digits that count.
fn short(value: f64) -> String {
    match value.abs() {
        _ if value.is_nan() => "-".to_owned(),
        size if size >= 1e7 => format!("{:.1}M", value / 1e6),
        size if size >= 1e6 => format!("{:.2}M", value / 1e6),
        size if size >= 1e5 => format!("{:.0}k", value / 1e3),
        size if size >= 1e4 => format!("{:.1}k", value / 1e3),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        0.0 => "0".to_owned(),
        _ => format!("{value:.2}"),
    }
}

/// A figure's median, its spread, and its ratio to the pipe's where there is one.
struct Cell {
    median: String,
    /// Of one repetition there is none.
    spread: Option<String>,
    ratio: Option<String>,
}

impl Cell {
    fn of(figure: &Figure, beside: &[&Figure]) -> Self {
        let pipe = beside.iter().find(|other| other.who == "pipe" && other.what == figure.what);
        // A percentage is a ratio already.
        let ratio = pipe.filter(|_| figure.unit != "%").map(|pipe| figure.median() / pipe.median());
        Self {
            median: short(figure.median()),
            spread: (figure.values.len() > 1)
                .then(|| format!("{}..{}", short(figure.min()), short(figure.max()))),
            ratio: ratio.filter(|ratio| ratio.is_finite()).map(|ratio| format!("×{ratio:.2}")),
        }
    }
}

/// All marks, and what came of them.
fn judged(figures: &[Figure]) -> impl Iterator<Item = (&'static Mark, Vec<Verdict>)> {
    MARKS.iter().map(|mark| (mark, mark.verdicts(figures)))
}

/// One verdict in words.
fn sentence(verdict: &Verdict) -> String {
    let Verdict { what, unit, by, .. } = verdict;
    let (value, bound) = (short(verdict.value), short(verdict.bound));
    if verdict.shown {
        return format!("{what}: {value} {unit} ({by}: {bound})");
    }
    let between = match verdict.reach_between() {
        Some((least, most)) if most.is_finite() => format!(", {least:.2}..{most:.2}"),
        _ => String::new(),
    };
    let reach = if verdict.reach().is_finite() {
        format!(" ({:.2} of the mark{between})", verdict.reach())
    } else {
        String::new()
    };
    format!("{what}: {value} {unit}, {by}: {bound}{reach}")
}

/// Reached, or how often not.
fn state(verdicts: &[Verdict]) -> String {
    let missed = verdicts.iter().filter(|verdict| !verdict.reached()).count();
    match missed {
        _ if verdicts.is_empty() => "not measured".to_owned(),
        _ if verdicts.iter().all(|verdict| verdict.shown) => "shown".to_owned(),
        0 => "reached".to_owned(),
        1 if verdicts.len() == 1 => "missed".to_owned(),
        missed => format!("missed {missed} of {}", verdicts.len()),
    }
}

/// Those worth a line: the misses, the worst first; where all is reached, the closest; all that is shown.
fn telling(verdicts: &[Verdict]) -> Vec<&Verdict> {
    let mut sorted: Vec<&Verdict> = verdicts.iter().collect();
    sorted.sort_by(|a, b| a.reach().total_cmp(&b.reach()));
    if verdicts.iter().all(|verdict| verdict.shown) {
        return verdicts.iter().collect();
    }
    let missed: Vec<&Verdict> = sorted.iter().copied().filter(|verdict| !verdict.reached()).collect();
    if missed.is_empty() { sorted.into_iter().take(1).collect() } else { missed }
}
