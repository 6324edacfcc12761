//! A program that starts and ends tasks by the million, to show that nothing is left of them: the memory that
//! it really has is the same before and after.
//!
//! `flat` does so with 10 million tasks in waves, as many one at a time, as many that go through one task set,
//! a tenth as many calls and sleepers that are cancelled an hour before their time; `flat 1000000` with a
//! tenth of all that. It fails if a phase has left more than 2 MiB: a fifth of a byte for each task, or two
//! bytes for each call or sleeper.

use std::{
    error::Error,
    fs,
    future::Future,
    pin::Pin,
    process::ExitCode,
    time::{Duration, Instant},
};

use vigie::{Builder, TaskError, TaskSet, await_all, call, spawn, time::sleep, yield_now};

/// How many tasks a wave has, so that the memory of a wave is there before it is measured.
const WAVE: usize = 1000;
const LIMIT_KIB: usize = 2048;

type Outcome = Result<(), Box<dyn Error>>;

struct Phase {
    name: &'static str,
    count: usize,
    run: fn(usize) -> Pin<Box<dyn Future<Output = Outcome>>>,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let tasks = match std::env::args().nth(1) {
        Some(word) => word.parse().map_err(|error| format!("usage: flat [TASKS]: {word}: {error}"))?,
        None => 10_000_000,
    };
    let phases = [
        Phase { name: "tasks in waves", count: tasks, run: |count| Box::pin(waves(count)) },
        Phase { name: "tasks one at a time", count: tasks, run: |count| Box::pin(one_at_a_time(count)) },
        Phase { name: "tasks in a set", count: tasks, run: |count| Box::pin(set(count)) },
        Phase { name: "calls in waves", count: tasks / 10, run: |count| Box::pin(calls(count)) },
        Phase { name: "sleepers cancelled", count: tasks / 10, run: |count| Box::pin(sleepers(count)) },
    ];
    let grew = Builder::new().extra_domains(2).run(measure(phases))??;
    Ok(if grew { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Runs the phases; has one of them left more than it may?
async fn measure(phases: [Phase; 5]) -> Result<bool, Box<dyn Error>> {
    for phase in &phases {
        // Every queue and table grows to the size that it needs.
        (phase.run)(10 * WAVE).await?;
    }
    println!("{:<20}  {:>10}  {:>20}  {:>8}", "", "count", "RSS before and after", "seconds");
    let mut grew = false;
    for Phase { name, count, run } in phases {
        let (before, began) = (memory_kib()?, Instant::now());
        run(count).await?;
        let seconds = began.elapsed().as_secs_f64();
        let after = memory_kib()?;
        println!("{name:<20}  {count:>10}  {before:>7} {after:>8} KiB  {seconds:>8.2}");
        if after > before + LIMIT_KIB {
            println!("FAILED: {} KiB more", after - before);
            grew = true;
        }
    }
    Ok(grew)
}

/// The memory that this process really has.
fn memory_kib() -> Result<usize, Box<dyn Error>> {
    let path = "/proc/self/status";
    let status = fs::read_to_string(path).map_err(|error| format!("measuring needs {path}: {error}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim_end_matches("kB").trim().parse()?)
}

async fn waves(count: usize) -> Outcome {
    for _ in 0..count / WAVE {
        let tasks = (0..WAVE).map(|n| {
            spawn(async move {
                yield_now().await;
                n
            })
        });
        check(await_all(tasks).await?)?;
    }
    Ok(())
}

async fn one_at_a_time(count: usize) -> Outcome {
    for n in 0..count {
        if spawn(async move { n }).await? != n {
            return Err("another task's result".into());
        }
    }
    Ok(())
}

/// One set through which all of them go, and that holds a wave at the most.
async fn set(count: usize) -> Outcome {
    let mut set = TaskSet::new();
    let (mut sum, mut collected) = (0, 0);
    for n in 0..count {
        set.spawn(async move { n });
        if set.len() >= WAVE {
            sum += set.next().await.ok_or("an empty set")??;
            collected += 1;
        }
    }
    while let Some(n) = set.next().await {
        sum += n?;
        collected += 1;
    }
    if (collected, sum) == (count, count * count.saturating_sub(1) / 2) {
        Ok(())
    } else {
        Err("a member is missing, or was collected twice".into())
    }
}

async fn calls(count: usize) -> Outcome {
    for _ in 0..count / WAVE {
        check(await_all((0..WAVE).map(|n| call(move || async move { n }))).await?)?;
    }
    Ok(())
}

async fn sleepers(count: usize) -> Outcome {
    for _ in 0..count / WAVE {
        let tasks: Vec<_> = (0..WAVE).map(|_| spawn(sleep(Duration::from_secs(3600)))).collect();
        // They go to sleep.
        yield_now().await;
        // All are cancelled before the first is awaited.
        let cancelled: Vec<_> = tasks.into_iter().map(|task| task.cancel()).collect();
        for cancel in cancelled {
            cancel.await?;
        }
    }
    Ok(())
}

/// Did each task of a wave return its number?
fn check(results: Vec<Result<usize, TaskError>>) -> Outcome {
    for (n, result) in results.into_iter().enumerate() {
        if result? != n {
            return Err("another task's result".into());
        }
    }
    Ok(())
}
