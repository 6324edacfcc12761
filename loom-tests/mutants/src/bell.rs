//! The mutants of the bell.

use crate::table::{Mutant, mutant};

const BELL: &str = "src/protocol/bell.rs";
const MODEL: &str = "loom-tests/bell.rs";

pub(crate) fn mutants() -> Vec<Mutant> {
    let two = "bell::bell_two_notifiers";
    let event = "bell::bell_beside_event";
    vec![
        // B1.
        mutant("ring-left-out", two, 1, BELL, "while !pipe.put() {}", "let _ = pipe;"),
        mutant("ring-twice", two, 1, BELL, "while !pipe.put() {}", "if !pipe.put() { pipe.put(); }"),
        mutant("ring-once", two, 1, BELL, "while !pipe.put() {}", "pipe.put();"),
        // B3.
        mutant("silence-left-out", two, 1, BELL, "while pipe.take()? {} Ok(())", "let _ = pipe; Ok(())"),
        mutant("silence-twice", two, 1, BELL, "while pipe.take()? {}", "if pipe.take()? { pipe.take()?; }"),
        mutant("silence-once", event, 2, BELL, "while pipe.take()? {}", "pipe.take()?;"),
        // The caller's part.
        mutant(
            "caller-silences-after-sleep-only",
            event,
            2,
            MODEL,
            "if self.poll(block) {",
            "if self.poll(block) && block {",
        ),
    ]
}
