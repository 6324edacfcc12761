//! How long, how often and how many: what the whole-server sections do.

use std::time::Duration;

use crate::amount::Amount;

/// Times are those that count, without warm-up.
#[derive(Clone, Debug)]
pub struct Extent {
    pub repetitions: usize,
    /// Of echoes, which have most of the marks.
    echo_repetitions: usize,
    pub warm_up: Duration,
    pub echo: Duration,
    pub echo_connections: &'static [usize],
    /// From so many on, an answer takes so long that all lasts twice as long.
    pub many: usize,
    /// For everything else under load: slow servers answer a few times in it.
    pub load: Duration,
    /// While requests are counted, but not timed.
    pub counting: Duration,
    pub burners: &'static [usize],
    pub compute: Duration,
    pub idle: Duration,
    pub idle_connections: usize,
    pub idle_tasks: usize,
    pub starts: usize,
}

impl Extent {
    pub fn of(amount: Amount) -> Self {
        match amount {
            Amount::Full => Self::FULL,
            Amount::Smoke => Self::SMOKE,
        }
    }

    /// How often all of a row is compared.
    pub fn repetitions_of(&self, row: u8) -> usize {
        if row == 6 { self.echo_repetitions } else { self.repetitions }
    }

    const FULL: Self = Self {
        repetitions: 5,
        echo_repetitions: 7,
        warm_up: Duration::from_millis(150),
        echo: Duration::from_millis(300),
        echo_connections: &[1, 4, 16, 128, 1000, 8000],
        many: 1000,
        load: Duration::from_millis(700),
        counting: Duration::from_millis(300),
        burners: &[0, 1, 8, 64, 512],
        compute: Duration::from_secs(1),
        idle: Duration::from_secs(10),
        idle_connections: 8000,
        idle_tasks: 100_000,
        starts: 100,
    };

    const SMOKE: Self = Self {
        repetitions: 1,
        echo_repetitions: 1,
        warm_up: Duration::from_millis(20),
        echo: Duration::from_millis(60),
        echo_connections: &[1, 16, 1000],
        many: 1000,
        load: Duration::from_millis(150),
        counting: Duration::from_millis(60),
        burners: &[0, 8, 64],
        compute: Duration::from_millis(100),
        idle: Duration::from_secs(1),
        idle_connections: 500,
        idle_tasks: 10_000,
        starts: 5,
    };
}
