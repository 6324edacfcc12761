//! What is measured: the rows of small operations, each case with its name, its unit and its amount.

use crate::amount::Amount;

/// One measurement, the same for every runtime.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// The number of its row among the marks.
    pub row: u8,
    /// What the command line calls it.
    pub word: &'static str,
    pub what: What,
    /// How many operations are measured in a full run.
    full: u32,
    smoke: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Two tasks that give way by turns, beside so many tasks that wait to read.
    Yield { idle: u32 },
    /// To spawn a task that is ready at once, and await it.
    Spawn,
    /// To start such a task on another domain, and await it.
    Call { parked: bool },
    /// To cancel a sleeper of another domain, and see it finished.
    Cancel,
    /// What another thread pays to wake a task.
    Wake { parked: bool },
    /// Tasks that sleep.
    Sleep(Sleepers),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sleepers {
    Ascending,
    Descending,
    Random,
    /// Random, and every second one is cancelled.
    HalfCancelled,
}

pub const CASES: [Case; 17] = {
    use Sleepers::{Ascending, Descending, HalfCancelled, Random};
    use What::{Call, Cancel, Sleep, Spawn, Wake, Yield};
    [
        case(1, "yield-0", Yield { idle: 0 }, 1_000_000, 20_000),
        case(1, "yield-1", Yield { idle: 1 }, 1_000_000, 20_000),
        case(1, "yield-1000", Yield { idle: 1000 }, 1_000_000, 10_000),
        case(2, "spawn", Spawn, 300_000, 10_000),
        case(3, "call-parked", Call { parked: true }, 400, 20),
        case(3, "call-hot", Call { parked: false }, 5_000, 200),
        case(4, "cancel", Cancel, 500, 20),
        case(5, "wake-awake", Wake { parked: false }, 100_000, 5_000),
        case(5, "wake-parked", Wake { parked: true }, 400, 20),
        case(9, "sleep-ascending", Sleep(Ascending), 100_000, 2_000),
        case(9, "sleep-descending", Sleep(Descending), 100_000, 2_000),
        case(9, "sleep-random", Sleep(Random), 100_000, 2_000),
        case(9, "sleep-cancelled", Sleep(HalfCancelled), 100_000, 2_000),
        case(9, "sleep-many-ascending", Sleep(Ascending), 1_000_000, 20_000),
        case(9, "sleep-many-descending", Sleep(Descending), 1_000_000, 20_000),
        case(9, "sleep-many-random", Sleep(Random), 1_000_000, 20_000),
        case(9, "sleep-many-cancelled", Sleep(HalfCancelled), 1_000_000, 20_000),
    ]
};

const fn case(row: u8, word: &'static str, what: What, full: u32, smoke: u32) -> Case {
    Case { row, word, what, full, smoke }
}

impl Case {
    pub fn find(word: &str) -> Option<Self> {
        CASES.into_iter().find(|case| case.word == word)
    }

    /// How many operations are measured.
    pub fn count(&self, amount: Amount) -> u32 {
        match amount {
            Amount::Full => self.full,
            Amount::Smoke => self.smoke,
        }
    }

    /// How often it is measured: what takes nanoseconds, or wakes a thread, needs more than what takes seconds,
    /// for a median that says something on a machine whose speed changes.
    pub fn repetitions(&self, amount: Amount) -> usize {
        match (amount, self.what) {
            (Amount::Smoke, _) => 1,
            (Amount::Full, What::Sleep(_)) => 5,
            (Amount::Full, _) => 9,
        }
    }

    /// In full, with so many operations.
    pub fn name(&self, count: u32) -> String {
        match self.what {
            What::Yield { idle: 0 } => "yield, no idle source".into(),
            What::Yield { idle: 1 } => "yield, 1 idle source".into(),
            What::Yield { idle } => format!("yield, {idle} idle sources"),
            What::Spawn => "spawn and await".into(),
            What::Call { parked: true } => "call and await, the other parked".into(),
            What::Call { parked: false } => "call and await, hot".into(),
            What::Cancel => "cancel a sleeper of another, parked".into(),
            What::Wake { parked: false } => "wake from another thread, awake".into(),
            What::Wake { parked: true } => "wake from another thread, parked".into(),
            What::Sleep(sleepers) => format!("sleeper, {count}, {}", sleepers.name()),
        }
    }

    pub fn unit(&self) -> &'static str {
        match self.what {
            What::Call { .. } | What::Cancel => "µs",
            What::Yield { .. } | What::Spawn | What::Wake { .. } | What::Sleep(_) => "ns",
        }
    }

    /// What the values of one measurement are.
    pub fn parts(&self) -> &'static [&'static str] {
        match self.what {
            What::Cancel => &[", p50", ", p99"],
            _ => &[""],
        }
    }
}

impl Sleepers {
    fn name(self) -> &'static str {
        match self {
            Self::Ascending => "ascending",
            Self::Descending => "descending",
            Self::Random => "random",
            Self::HalfCancelled => "random, half of them cancelled",
        }
    }
}
