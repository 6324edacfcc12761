//! Is the table complete? Every invariant of the protocols has a model and a mutant, every model and every
//! mutant is named with an invariant, and every ordering that is not relaxed has a mutant.

use std::{collections::HashSet, ops::Range};

use crate::{
    Result,
    crate_copy::{CrateCopy, place},
    table::Mutant,
};

const PROTOCOLS: &str = "src/protocol";
const MODELS_README: &str = "loom-tests/README.md";
/// The orderings of the protocols' own tests have no mutants.
const TESTS: &str = "src/protocol/tests.rs";
/// What only shows what goes wrong without a protocol, and the stand-ins that would hide it.
const LITMUS: &str = "litmus";

/// A row of the README's tables.
struct Row {
    invariant: String,
    says: String,
    models: Vec<String>,
    mutants: Vec<String>,
}

/// The table, for `loom-tests/README.md`; fails with everything that is missing.
pub(crate) fn check(copy: &CrateCopy, mutants: &[Mutant]) -> Result<String> {
    let rows = rows(&copy.read("src/protocol/README.md")?);
    let models = models(copy)?;
    let mut missing = check_rows(&rows, &models, mutants);
    missing.extend(check_orderings(copy, mutants)?);
    if missing.is_empty() {
        return Ok(table(&rows, &models, mutants));
    }
    Err(format!("the table is not complete:\n{}", missing.join("\n")).into())
}

/// Is the table of the models' README this one?
pub(crate) fn compare(copy: &CrateCopy, table: &str) -> Result<()> {
    match copy.read(MODELS_README)?.contains(table) {
        true => Ok(()),
        false => Err(format!("the table of {MODELS_README} is not what --table prints").into()),
    }
}

/// The invariants in order, each with its models and mutants, and how many there are of all.
fn table(rows: &[Row], models: &[String], mutants: &[Mutant]) -> String {
    let mut rows: Vec<_> = rows.iter().collect();
    rows.sort_by_key(|row| row.invariant[1..].parse::<u32>().ok());
    let mut table = format!(
        "{} invariants, {} models, {} mutants:\n\n| invariant | models | mutants |\n|---|---|---|\n",
        rows.len(),
        models.len(),
        mutants.len()
    );
    for row in rows {
        let of_row = |model: &&String| row.models.iter().any(|named| matches(named, model));
        let models: Vec<_> = models.iter().filter(of_row).map(String::as_str).collect();
        let (models, mutants) = (models.join(", "), row.mutants.join(", "));
        table.push_str(&format!("| {}: {} | {models} | {mutants} |\n", row.invariant, row.says));
    }
    table
}

fn check_rows(rows: &[Row], models: &[String], mutants: &[Mutant]) -> Vec<String> {
    let mut missing = Vec::new();
    let known: HashSet<_> = mutants.iter().map(|mutant| mutant.name).collect();
    for number in 1..=rows.len() {
        if !rows.iter().any(|row| row.invariant == format!("I{number}")) {
            missing.push(format!("{} invariants, but no I{number}", rows.len()));
        }
    }
    for row in rows {
        let name = &row.invariant;
        if row.models.is_empty() || row.mutants.is_empty() {
            missing.push(format!("{name} has no model, or no mutant"));
        }
        for named in &row.models {
            if !models.iter().any(|model| matches(named, model)) {
                missing.push(format!("{name} names the model {named}, which is not there"));
            }
        }
        for named in row.mutants.iter().filter(|named| !known.contains(named.as_str())) {
            missing.push(format!("{name} names the mutant {named}, which is not there"));
        }
    }
    let named = |model: &String| rows.iter().flat_map(|row| &row.models).any(|named| matches(named, model));
    for model in models.iter().filter(|model| !model.starts_with(LITMUS) && !named(model)) {
        missing.push(format!("the model {model} checks no invariant"));
    }
    let named = |name: &str| rows.iter().flat_map(|row| &row.mutants).any(|named| named == name);
    for Mutant { name, models, .. } in mutants {
        let of_litmus = models.iter().all(|(model, _)| model.starts_with(LITMUS));
        if !of_litmus && !named(name) {
            missing.push(format!("the mutant {name} stands with no invariant"));
        }
    }
    missing
}

/// Each ordering, and each fence, lies in a text that some mutant replaces.
fn check_orderings(copy: &CrateCopy, mutants: &[Mutant]) -> Result<Vec<String>> {
    let mut missing = Vec::new();
    for file in copy.sources(PROTOCOLS)?.into_iter().filter(|file| file != TESTS) {
        let text = copy.read(&file)?;
        let edits = mutants.iter().flat_map(|mutant| &mutant.edits).filter(|edit| edit.file == file);
        let replaced: Vec<Range<usize>> = edits.map(|edit| place(&text, edit)).collect::<Result<_>>()?;
        for ordering in ["Ordering::Acq", "Ordering::Rel", "Ordering::SeqCst", "fence("] {
            for (at, _) in text.match_indices(ordering) {
                let relaxed = text[at..].starts_with("Ordering::Relaxed");
                if !relaxed && !replaced.iter().any(|place| place.contains(&at)) {
                    let line = text[..at].lines().count();
                    missing.push(format!("{file}:{line}: an ordering without a mutant"));
                }
            }
        }
    }
    Ok(missing)
}

/// The rows `| I1: ... | models | mutants |`.
fn rows(readme: &str) -> Vec<Row> {
    readme.lines().filter_map(row).collect()
}

fn row(line: &str) -> Option<Row> {
    let mut cells = line.strip_prefix("| I")?.split(" | ");
    let (number, says) = cells.next()?.split_once(':')?;
    let models = cells.next()?.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    let names = cells.next()?.trim_end_matches([' ', '|']).split(", ");
    let mutants = names.filter_map(|name| name.split_whitespace().next()).map(str::to_owned).collect();
    Some(Row { invariant: format!("I{number}"), says: says.trim().to_owned(), models, mutants })
}

/// Does a name of the README, or a pattern such as `watch_*`, mean this model?
fn matches(named: &str, model: &str) -> bool {
    match named.strip_suffix('*') {
        Some(prefix) => model.starts_with(prefix),
        None => model == named,
    }
}

/// The names of all models.
fn models(copy: &CrateCopy) -> Result<Vec<String>> {
    let mut models = Vec::new();
    for file in copy.sources("loom-tests")? {
        let text = copy.read(file)?;
        for (_, test) in text.match_indices("#[test]\nfn ").map(|(at, found)| (at, &text[at + found.len()..]))
        {
            models.extend(test.split('(').next().map(str::to_owned));
        }
    }
    Ok(models)
}
