//! What the small operations cost, for each variant of the system's events.

use std::{
    io,
    process::ExitCode,
    time::{Duration, Instant},
};

use vigie::{Builder, await_all, call, spawn, system::Variant, time::sleep, yield_now};

/// How much of everything is done.
#[derive(Clone, Copy)]
struct Amount {
    repetitions: usize,
    yields: u32,
    spawns: u32,
    calls: u32,
    sleepers: u32,
}

const FULL: Amount =
    Amount { repetitions: 5, yields: 1_000_000, spawns: 500_000, calls: 10_000, sleepers: 100_000 };
const SMOKE: Amount = Amount { repetitions: 1, yields: 20_000, spawns: 10_000, calls: 200, sleepers: 2_000 };

const ROWS: [&str; 4] =
    ["a yield of 2 tasks", "a spawn and await", "a call and await", "a sleeper beside the others"];

fn main() -> ExitCode {
    let amount = match std::env::args().nth(1).as_deref() {
        None => FULL,
        Some("--smoke") => SMOKE,
        Some(_) => {
            eprintln!("usage: vigie-bench [--smoke]");
            return ExitCode::from(2);
        }
    };
    match bench(amount) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("vigie-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn bench(amount: Amount) -> io::Result<()> {
    // [variant][row][repetition], in nanoseconds.
    let mut figures = [const { [const { Vec::new() }; ROWS.len()] }; Variant::ALL.len()];
    for _ in 0..amount.repetitions {
        for (variant, figures) in Variant::ALL.into_iter().zip(&mut figures) {
            let measured = Builder::new().variant(variant).extra_domains(1).run(measure(amount))??;
            for (figure, figures) in measured.into_iter().zip(figures) {
                figures.push(figure);
            }
        }
    }
    println!("median of {}, ns each; in brackets the ratio to the pipe", amount.repetitions);
    for (row, name) in ROWS.iter().enumerate() {
        let medians = figures.each_mut().map(|figures| median(&mut figures[row]));
        let pipe = medians[Variant::ALL.iter().position(|variant| *variant == Variant::Pipe).unwrap_or(0)];
        print!("{name:28}");
        for (variant, median) in Variant::ALL.iter().zip(medians) {
            print!("  {variant:>8} {median:>9.1} ({:.2})", median / pipe);
        }
        println!();
    }
    Ok(())
}

/// One figure a row, in nanoseconds.
async fn measure(amount: Amount) -> io::Result<[f64; ROWS.len()]> {
    let start = Instant::now();
    let yielding = (0..2).map(|_| {
        spawn(async move {
            for _ in 0..amount.yields {
                yield_now().await;
            }
        })
    });
    finished(await_all(yielding).await?)?;
    let yields = each(start, 2 * amount.yields);

    let start = Instant::now();
    for _ in 0..amount.spawns {
        spawn(async {}).await?;
    }
    let spawns = each(start, amount.spawns);

    let start = Instant::now();
    for _ in 0..amount.calls {
        call(|| async {}).await?;
    }
    let calls = each(start, amount.calls);

    // What they cost beyond the sleep that they have in common.
    let nap = Duration::from_millis(200);
    let start = Instant::now();
    let sleepers = (0..amount.sleepers).map(|_| spawn(async move { sleep(nap).await }));
    for slept in await_all(sleepers).await? {
        slept??;
    }
    let sleepers = each(start + nap, amount.sleepers);
    Ok([yields, spawns, calls, sleepers])
}

fn finished<T, E: Into<io::Error>>(results: Vec<Result<T, E>>) -> io::Result<()> {
    results.into_iter().try_for_each(|result| result.map(drop).map_err(Into::into))
}

fn each(start: Instant, count: u32) -> f64 {
    start.elapsed().as_nanos() as f64 / f64::from(count)
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
