//! benches/RESULTS.md.

use std::fmt::Write;

use super::{Cell, Measured, judged, sentence, state, telling, title, whats, whos};
use crate::{
    figures::Figure,
    machine::{Machine, versions},
};

/// The whole file. Writing to a string does not fail.
pub(super) fn results(measured: &Measured, plots: &[(String, String)]) -> String {
    let mut text = String::from("# Results\n\n");
    let _ = writeln!(
        text,
        "Written by `vigie-bench report --markdown`; [README.md](README.md) says what is measured, and how to read it.",
    );
    for remark in measured.remarks() {
        let _ = writeln!(text, "\n**{remark}**");
    }
    text.push_str("\n## The machine\n\n");
    machines(&mut text, measured);
    text.push_str("\n## The marks\n\nEach held against the observer's figures, repetition by repetition: the median of the ratios, and the least and the most of them. Where a mark was missed, all misses; where it was reached, what came closest.\n\n");
    text.push_str("| row | mark | | figure and mark |\n|---|---|---|---|\n");
    for (mark, verdicts) in judged(&measured.outcome.figures) {
        let lines: Vec<String> = telling(&verdicts).into_iter().map(sentence).collect();
        let state = state(&verdicts);
        let state = if state.starts_with("missed") { format!("**{state}**") } else { state };
        let _ = writeln!(
            text,
            "| {} {} | {} | {state} | {} |",
            mark.row,
            title(mark.row),
            mark.text,
            lines.join("<br>")
        );
    }
    text.push('\n');
    // Written by hand, of the run that is committed.
    text.push_str(include_str!("readings.md"));
    text.push_str("## Plots\n\n");
    for (file, title) in plots {
        let _ = writeln!(text, "![{title}](results/{file})\n");
    }
    text.push_str("## The figures\n\nMedians, with the ratio to the pipe's; below, the least and the most of the repetitions.\n");
    for row in measured.rows() {
        let figures = measured.of(row);
        if !figures.is_empty() {
            let _ = write!(text, "\n### {row} {}\n\n{}", title(row), figures_table(&figures));
        }
    }
    text.push_str("\n## Skipped\n\n");
    if measured.outcome.skipped.is_empty() {
        text.push_str("Nothing.\n");
    }
    for skipped in &measured.outcome.skipped {
        let _ = writeln!(text, "- {} {}, {}: {}", skipped.row, title(skipped.row), skipped.who, skipped.why);
    }
    text.push('\n');
    text.push_str(include_str!("miou.md"));
    text
}

fn machines(text: &mut String, measured: &Measured) {
    let mut seen: Vec<&Machine> = Vec::new();
    for stored in &measured.sections {
        let same = |other: &&Machine| {
            (&other.processor, other.processors, &other.kernel)
                == (&stored.machine.processor, stored.machine.processors, &stored.machine.kernel)
        };
        if !seen.iter().any(same) {
            seen.push(&stored.machine);
        }
    }
    for Machine { processor, processors, kernel, .. } in seen {
        let _ = writeln!(text, "- {processors} × {processor}, {kernel}");
    }
    let crates: Vec<String> = versions().iter().map(|(name, version)| format!("{name} {version}")).collect();
    let _ = writeln!(text, "- {}", crates.join(", "));
    let mut commits: Vec<&str> =
        measured.sections.iter().map(|stored| stored.machine.commit.as_str()).collect();
    commits.dedup();
    let _ = writeln!(text, "- Commit: {}", commits.join(", "));
    let sections: Vec<String> = measured
        .sections
        .iter()
        .map(|stored| {
            format!(
                "{} {:.0} s (load average before: {})",
                stored.section, stored.seconds, stored.machine.load
            )
        })
        .collect();
    let _ = writeln!(text, "- Measured: {}", sections.join("; "));
}

fn figures_table(figures: &[&Figure]) -> String {
    let whos = whos(figures);
    let mut text = format!("| what | {} |\n|---|{}\n", whos.join(" | "), "---|".repeat(whos.len()));
    for what in whats(figures) {
        let same: Vec<&Figure> = figures.iter().copied().filter(|figure| figure.what == what).collect();
        let _ = write!(text, "| {what}, {} |", same[0].unit);
        for who in &whos {
            let cell = same.iter().find(|figure| figure.who == *who).map(|figure| Cell::of(figure, &same));
            let _ = match cell {
                Some(Cell { median, spread, ratio }) => {
                    let spread = spread.map_or_else(String::new, |spread| format!("<br>{spread}"));
                    write!(text, " {median} {}{spread} |", ratio.unwrap_or_default())
                }
                None => write!(text, " |"),
            };
        }
        text.push('\n');
    }
    text
}
