//! Tables on the terminal: a row's figures, one column a runtime; what was skipped; then the marks.

use std::fmt::Write;

use comfy_table::{ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};

use super::{Cell, Measured, judged, sentence, state, telling, title, whats, whos};
use crate::figures::{Better, Figure};

/// What a column takes, as in "│ 100k..101k ".
const COLUMN: usize = 15;

/// Writing to a string does not fail.
pub(super) fn all(measured: &Measured) -> String {
    let mut text = String::new();
    for row in measured.rows() {
        let figures = measured.of(row);
        let _ = writeln!(text, "\n{row} {}\n{}", title(row), figures_tables(&figures, width()));
    }
    if !measured.outcome.skipped.is_empty() {
        text.push_str("\nSkipped\n");
        for skipped in &measured.outcome.skipped {
            let _ = writeln!(text, "  {:>2} {:16} {}", skipped.row, skipped.who, skipped.why);
        }
    }
    let _ =
        writeln!(text, "\nThe marks, and the observer\n{}", marks_table(&measured.outcome.figures, width()));
    for remark in measured.remarks() {
        let _ = writeln!(text, "{remark}");
    }
    text
}

/// As many runtimes side by side as there is room for, and the others below. The JSON has the quantiles that
/// are left out here.
fn figures_tables(figures: &[&Figure], width: usize) -> String {
    let shown: Vec<&Figure> = figures.iter().copied().filter(|figure| !is_detail(&figure.what)).collect();
    let widest = shown.iter().map(|figure| named(figure).lines().map(str::len).max()).max();
    let room = width.saturating_sub(widest.flatten().unwrap_or(0) + 4) / COLUMN;
    let whos = whos(&shown);
    whos.chunks(room.max(1)).map(|some| format!("{}\n", figures_table(&shown, some))).collect()
}

fn is_detail(what: &str) -> bool {
    what.ends_with(", p90") || what.ends_with(", max")
}

/// In each cell the median and its ratio to the pipe's, and below it the spread.
fn figures_table(figures: &[&Figure], whos: &[&str]) -> Table {
    let mut table = new_table();
    table.set_header(["what"].iter().chain(whos));
    for what in whats(figures) {
        let same: Vec<&Figure> = figures.iter().copied().filter(|figure| figure.what == what).collect();
        if same.iter().all(|figure| !whos.contains(&figure.who.as_str())) {
            continue;
        }
        let mut cells = vec![named(same[0])];
        for who in whos {
            cells.push(same.iter().find(|figure| figure.who == *who).map_or_else(String::new, |figure| {
                let Cell { median, spread, ratio } = Cell::of(figure, &same);
                let spread = spread.map_or_else(String::new, |spread| format!("\n{spread}"));
                format!("{median} {}{spread}", ratio.unwrap_or_default())
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
    format!("{}\n{}, {better}", figure.what, figure.unit)
}

fn marks_table(figures: &[Figure], width: usize) -> Table {
    let mut table = new_table();
    table.set_header(["", "mark", "", "where"]);
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width as u16);
    for (mark, verdicts) in judged(figures) {
        let lines: Vec<String> = telling(&verdicts).into_iter().map(sentence).collect();
        table.add_row([mark.row.to_string(), mark.text.to_owned(), state(&verdicts), lines.join("\n")]);
    }
    table
}

fn new_table() -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// The terminal's, or what is easily read.
fn width() -> usize {
    rustix::termios::tcgetwinsize(std::io::stdout()).map_or(160, |size| usize::from(size.ws_col).max(100))
}
