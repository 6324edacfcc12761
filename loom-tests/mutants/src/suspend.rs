//! The mutants of suspensions.

use crate::table::{Mutant, mutant};

const SUSPEND: &str = "src/protocol/suspend.rs";
const SLOTS: &str = "src/slots.rs";
const MODEL: &str = "loom-tests/suspend.rs";

pub(crate) fn mutants() -> Vec<Mutant> {
    let twice = "suspend::suspend_twice_signalled";
    let given_up = "suspend::suspend_given_up";
    let two = "suspend::suspend_two_tasks";
    vec![
        // U1.
        mutant(
            "uid-of-another-life",
            given_up,
            1,
            SLOTS,
            "(entry.0 == key.serial).then_some(&mut entry.1)",
            "Some(&mut entry.1)",
        ),
        // U2.
        mutant(
            "wait-misses-signal",
            twice,
            1,
            SUSPEND,
            "if matches!(suspension, Suspension::Signalled) {",
            "if false {",
        ),
        mutant(
            "wait-keeps-first-waiter",
            "suspend::suspend_waits_again",
            1,
            SUSPEND,
            "let before = mem::replace(suspension, Suspension::Waiting(waiter));",
            "let before = match suspension {
                Suspension::Waiting(_) => Suspension::Waiting(waiter),
                _ => mem::replace(suspension, Suspension::Waiting(waiter)),
            };",
        ),
        mutant("wait-keeps-signal", twice, 1, SUSPEND, "suspensions.remove(key);", ""),
        mutant(
            "wait-forgets-waiter",
            two,
            1,
            SUSPEND,
            "mem::replace(suspension, Suspension::Waiting(waiter))",
            "(mem::replace(suspension, Suspension::Named), waiter)",
        ),
        // U3.
        mutant(
            "signal-forgotten",
            twice,
            1,
            SUSPEND,
            "mem::replace(suspensions.get_mut(key)?, Suspension::Signalled)",
            "mem::replace(suspensions.get_mut(key)?, Suspension::Named)",
        ),
        mutant(
            "signal-resumes-nobody",
            twice,
            1,
            SUSPEND,
            "Suspension::Waiting(waiter) => Some(waiter),",
            "Suspension::Waiting(_) => None,",
        ),
        // U4.
        mutant(
            "cancel-left-out",
            given_up,
            1,
            SUSPEND,
            "self.0.borrow_mut().remove(key);\n        removed.is_some()",
            "self.0.borrow_mut().get_mut(key).is_some();\n        removed",
        ),
        mutant("cancel-untold", given_up, 1, SUSPEND, "removed.is_some()", "removed.is_none()"),
        // The caller's part.
        mutant(
            "caller-no-look-after-park",
            twice,
            1,
            MODEL,
            "self.desk.parker.park(None);\n                self.look();",
            "self.desk.parker.park(None);\n                if self.desk.parker.is_notified() { self.look(); }",
        ),
    ]
}
