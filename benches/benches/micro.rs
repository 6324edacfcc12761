//! The small operations under criterion: `cargo bench -p vigie-bench --bench micro -- yield/observer`. The same
//! functions as `vigie-bench micro`, whose figures are the ones to compare by: those are interleaved.

use std::{io, thread, time::Duration};

use criterion::{BenchmarkId, Criterion};
use vigie_bench::{
    amount::Amount,
    micro::{CASES, Case, Contender, What, contenders},
};

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    for case in CASES.iter().filter(|case| is_short(case)) {
        let mut group = criterion.benchmark_group(case.word);
        for contender in contenders().filter(|contender| contender.takes_part(case)) {
            if let Err(why) = measure(contender, case, 100) {
                eprintln!("{}/{} skipped: {why}", case.word, contender.name());
                continue;
            }
            group.bench_function(BenchmarkId::from_parameter(contender.name()), |bencher| {
                bencher.iter_custom(|iterations| {
                    // Each measurement starts and ends the runtime, so few operations tell little.
                    let count = u32::try_from(iterations).unwrap_or(u32::MAX).max(case.count(Amount::Smoke));
                    let each = measure(contender, case, count).expect("it could before");
                    each.mul_f64(iterations as f64)
                });
            });
        }
        group.finish();
    }
    criterion.final_summary();
}

/// The others pause before each operation, take long to set up, or have a distribution rather than a mean.
fn is_short(case: &Case) -> bool {
    matches!(case.what, What::Yield { idle: 0 | 1 } | What::Spawn | What::Call { parked: false })
}

/// The time of one operation. On a thread of its own, so that no runtime meets another's thread-locals.
fn measure(contender: &'static dyn Contender, case: &Case, count: u32) -> io::Result<Duration> {
    let case = *case;
    let measured = thread::spawn(move || contender.measure(&case, count)).join();
    let values = measured.unwrap_or_else(|_| Err(io::Error::other("panicked")))?;
    let nanos = match case.unit() {
        "µs" => values[0] * 1e3,
        _ => values[0],
    };
    Ok(Duration::from_secs_f64(nanos / 1e9))
}
