//! The mutants of the end.

use crate::table::{Mutant, mutant};

const PARK: &str = "src/protocol/park.rs";
const READY: &str = "src/protocol/ready.rs";
const MODEL: &str = "loom-tests/shutdown.rs";
const DOMAIN: &str = "loom-tests/domain.rs";

pub(crate) fn mutants() -> Vec<Mutant> {
    let strangers = "shutdown::shutdown_beside_strangers";
    let failure = "shutdown::shutdown_after_failure";
    vec![
        mutant("close-left-out", strangers, 1, PARK, "self.closed.store(true, Ordering::Relaxed);", ""),
        mutant(
            "send-past-close",
            strangers,
            1,
            READY,
            "let open = !self.parker.is_closed();",
            "let open = true;",
        ),
        // The caller's part.
        mutant(
            "caller-closes-early",
            "shutdown::shutdown_pipe",
            1,
            MODEL,
            "let mut worked = false; desk.own(",
            "let mut worked = false; desk.parker.close(); desk.own(",
        ),
        mutant(
            "caller-fatal-ends-nothing",
            failure,
            1,
            DOMAIN,
            "root.iter().for_each(|root| self.doom(root));",
            "drop(root);",
        ),
        mutant("caller-fails-in-silence", failure, 1, DOMAIN, "self.domain.run.post(0, Message::Fatal);", ""),
    ]
}
