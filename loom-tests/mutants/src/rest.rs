//! The mutants of rest, and of what its callers owe it.

use crate::table::{Mutant, mutant};

const REST: &str = "src/protocol/rest.rs";
const MODEL: &str = "loom-tests/rest.rs";

pub(crate) fn mutants() -> Vec<Mutant> {
    let nothing = "rest::rest_nothing_to_do";
    let work = "rest::rest_to_and_fro";
    let outsider = "rest::rest_outsider";
    vec![
        // E1 to E4.
        mutant("enter-left-out", nothing, 1, REST, "state.resting += 1;", ""),
        mutant("enter-never-all", nothing, 1, REST, "resting == self.domains", "resting > self.domains"),
        mutant("leave-left-out", work, 1, REST, "self.state.lock().resting -= 1;", ""),
        mutant("give-up-left-out", work, 2, REST, "self.state.lock().asking = false;", ""),
        // The rounds.
        mutant(
            "census-one-round",
            work,
            2,
            REST,
            "None => Verdict::Again(",
            "None => return Some(Verdict::Dead(Vec::new())), #[allow(unreachable_patterns)] None => Verdict::Again(",
        ),
        mutant(
            "census-counts-nothing",
            work,
            2,
            REST,
            "if *before == counts",
            "if before.len() == counts.len()",
        ),
        mutant("census-believes-one", outsider, 2, REST, "!answers.iter().all(", "!answers.iter().any("),
        mutant(
            "census-answers-early",
            work,
            1,
            REST,
            "if answers.iter().any(Option::is_none)",
            "if answers.iter().all(Option::is_none)",
        ),
        // The outsiders.
        mutant("outsider-not-the-last", outsider, 1, REST, "*count == 0", "*count == 1"),
        mutant(
            "caller-outsider-no-notify",
            outsider,
            1,
            MODEL,
            "if run.domains[index].outsiders.leave() { run.domains[index].parker.notify(); }",
            "let _ = run.domains[index].outsiders.leave();",
        ),
        mutant(
            "caller-ignores-outsiders",
            outsider,
            2,
            MODEL,
            "let at_rest = !own.outsiders.any() && !own.has_lent();",
            "let at_rest = !own.has_lent();",
        ),
        mutant(
            "caller-ignores-wakers",
            "rest::rest_waker",
            2,
            MODEL,
            "let at_rest = !own.outsiders.any() && !own.has_lent();",
            "let at_rest = !own.outsiders.any();",
        ),
        // The domain's part.
        mutant("caller-counts-nothing", work, 2, MODEL, "count += 1;", "let _ = &mut count;"),
        mutant(
            "caller-begins-before-look",
            work,
            1,
            MODEL,
            "&& !self.domains.iter().any(|domain| domain.parker.is_notified()) {",
            "&& self.rest.begin() && (!self.domains.iter().any(|domain| domain.parker.is_notified()) || { self.rest.give_up(); false }) {",
        )
        .and("} else if self.rest.begin() {", "} else {"),
        mutant(
            "caller-gives-up-nothing",
            work,
            2,
            MODEL,
            "Some(Verdict::Alive) => self.rest.give_up(),",
            "Some(Verdict::Alive) => {}",
        ),
    ]
}
