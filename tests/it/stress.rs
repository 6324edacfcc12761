//! Random task trees against a plain model, on every variant of the events and every back end.
//!
//! 100 000 tasks; `VIGIE_STRESS=10` is ten times as many. The programs are the same each time, as far as races
//! go; `VIGIE_STRESS_SEED=1`, or any other number, makes others. A program that fails is shrunk and printed.
//!
//! `program` makes the trees, `model` says how each of their tasks ends, `body` plays a task's part, and
//! `world` watches every future, every value and every result.

mod body;
mod model;
mod program;
mod world;

use std::{cell::Cell, env, sync::mpsc, thread, time::Duration};

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use vigie::Builder;

use self::{
    program::{Program, programs},
    world::World,
};
use crate::support::{each, rounds};

/// So long a run may take that sleeps for a few milliseconds at the most.
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn random_programs_do_as_the_model_says() {
    let goal = rounds(100_000) * number("VIGIE_STRESS").unwrap_or(1);
    let seed = number("VIGIE_STRESS_SEED").unwrap_or(0) as u64;
    let (nth, total) = (Cell::new(0), Cell::new(0));
    each(|builder| {
        // Each of the six does its sixth, with programs of its own.
        nth.set(nth.get() + 1);
        let goal = goal * nth.get() as usize / 6;
        let mut batch = 0;
        while total.get() < goal {
            let mut runner = TestRunner::new_with_rng(config(), rng(seed, nth.get(), batch));
            batch += 1;
            let failed = Cell::new(false);
            let tried = runner.run(&programs(), |program| {
                // Where a race decides, what failed once need not fail each time that it is shrunk.
                for _ in 0..if failed.get() { 10 } else { 1 } {
                    let tasks = play(builder.clone(), &program).map_err(|why| {
                        failed.set(true);
                        TestCaseError::fail(why)
                    })?;
                    total.set(total.get() + tasks);
                }
                Ok(())
            });
            match tried {
                Ok(()) => {}
                Err(TestError::Fail(why, program)) => {
                    panic!("{why}\nVIGIE_STRESS_SEED={seed}\n{program:?}")
                }
                Err(error) => panic!("{error}"),
            }
        }
    });
    eprintln!("{} tasks", total.get());
}

fn number(variable: &str) -> Option<usize> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|error| panic!("{variable}={text}: {error}")))
}

fn config() -> Config {
    Config {
        cases: 20,
        failure_persistence: None,
        max_shrink_time: 120_000,
        max_shrink_iters: 10_000,
        ..Config::default()
    }
}

/// Of the cheaper kind: programs take longer to make than to run otherwise.
fn rng(seed: u64, nth: u32, batch: u32) -> TestRng {
    let mut bytes = Vec::from(seed.to_le_bytes());
    bytes.extend_from_slice(&nth.to_le_bytes());
    bytes.extend_from_slice(&batch.to_le_bytes());
    TestRng::from_seed(RngAlgorithm::XorShift, &bytes)
}

/// Runs a program; how many tasks it started, or what went wrong.
fn play(builder: Builder, program: &Program) -> Result<usize, String> {
    let Program { extra_domains, quanta, seed, trees } = program.clone();
    let world = World::new(extra_domains, program.size());
    let mut builder = builder.extra_domains(extra_domains).quanta(quanta);
    if let Some(seed) = seed {
        builder = builder.seed(seed);
    }
    let (done, end) = mpsc::channel();
    let (there, gates) = (world.clone(), world.gates.clone());
    let runner = thread::spawn(move || {
        let opener = thread::spawn(move || {
            for gate in gates {
                thread::sleep(Duration::from_micros(200));
                gate.open();
            }
        });
        let ran = builder.run(body::main(there, trees));
        opener.join().expect("gates open");
        // Nobody listens any more if it took too long.
        let _ = done.send(());
        ran
    });
    if end.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
        return Err(format!("the run does not end; of these tasks the future lives: {:?}", world.living()));
    }
    match runner.join() {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Err(format!("the run failed: {error}")),
        Err(payload) => return Err(format!("the run panicked: {:?}", payload.downcast_ref::<String>())),
    }
    let started = world.started();
    let faults = world.check_over();
    if faults.is_empty() { Ok(started) } else { Err(faults.join("\n")) }
}
