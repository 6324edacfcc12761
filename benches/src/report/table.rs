//! Tables on the terminal: a row's figures, one column a runtime; what was skipped; then the marks.

use std::fmt::Write;

use comfy_table::{ContentArrangement, Table, presets::UTF8_HORIZONTAL_ONLY};

use super::{Cell, Measured, judged, sentence, state, telling, title, whats, whos};
use crate::figures::{Better, Figure};

pub(super) fn all(measured: &Measured) -> String {
    let mut text = String::new();
    for row in measured.rows() {
        let figures = measured.of(row);
        let _ = writeln!(text, "\n{row} {}\n{}", title(row), figures_table(&figures));
    }
    if !measured.outcome.skipped.is_empty() {
        text.push_str("\nSkipped\n");
        for skipped in &measured.outcome.skipped {
            let _ = writeln!(text, "  {:>2} {:16} {}", skipped.row, skipped.who, skipped.why);
        }
    }
    let _ = writeln!(text, "\nThe marks, and the observer\n{}", marks_table(&measured.outcome.figures));
    for remark in measured.remarks() {
        let _ = writeln!(text, "{remark}");
    }
    text
}

/// In each cell the median and its ratio to the pipe's, and below it the spread.
fn figures_table(figures: &[&Figure]) -> Table {
    let whos = whos(figures);
    let mut table = new_table();
    table.set_header(["what"].iter().copied().chain(whos.iter().copied()));
    for what in whats(figures) {
        let same: Vec<&Figure> = figures.iter().copied().filter(|figure| figure.what == what).collect();
        let mut cells = vec![named(same[0])];
        for who in &whos {
            cells.push(same.iter().find(|figure| figure.who == *who).map_or_else(String::new, |figure| {
                let Cell { median, spread, ratio } = Cell::of(figure, &same);
                format!("{median} {}\n{spread}", ratio.unwrap_or_default())
            }));
        }
        table.add_row(cells);
    }
    table
}

/// What is measured, in which unit, and which way is better.
fn named(figure: &Figure) -> String {
    let better = match figure.better {
        Better::Lower => "less is better",
        Better::Higher => "more is better",
    };
    format!("{}\n{}, {better}", figure.what, figure.unit).replace("\n, ", "\n")
}

fn marks_table(figures: &[Figure]) -> Table {
    let mut table = new_table();
    table.set_header(["", "mark", "", "where"]);
    for (mark, verdicts) in judged(figures) {
        let lines: Vec<String> = telling(&verdicts).into_iter().map(sentence).collect();
        table.add_row([mark.row.to_string(), mark.text.to_owned(), state(&verdicts), lines.join("\n")]);
    }
    table
}

fn new_table() -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Disabled);
    table
}
