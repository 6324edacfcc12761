//! The models of the protocols, for loom: `README.md` beside this file says what they prove,
//! and `src/protocol/README.md` which model checks which invariant.

#![allow(
    clippy::disallowed_types,
    reason = "what a model counts across its executions must be invisible to loom"
)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a model says what it explored")]

mod bell;
mod call;
mod domain;
mod finished;
mod inbox;
mod kernel;
mod litmus;
mod park;
mod ready;
mod rest;
mod run;
mod shutdown;
mod subtree;
mod suspend;
mod tokens;
mod watch;

use std::{
    cell::Cell,
    env, panic,
    sync::{
        Arc, Once as Install,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use loom::model::Builder;

/// Explores every execution of `model` with at most `bound` preemptions, or simply every execution.
/// `VIGIE_LOOM_BOUND` says otherwise: `4` sets the bound, `+1` raises it, `none` lifts it.
///
/// A lost wake-up is a thread that sleeps for ever, which loom reports as a deadlock: most models
/// need no other assertion than that they end.
fn check(name: &str, bound: impl Into<Option<usize>>, model: impl Fn() + Send + Sync + 'static) {
    let number = |text: &str| text.parse::<usize>().expect("VIGIE_LOOM_BOUND is 4, +1 or none");
    let bound = match env::var("VIGIE_LOOM_BOUND").as_deref() {
        Ok("none") => None,
        Ok(set) => match set.strip_prefix('+') {
            Some(more) => bound.into().map(|bound| bound + number(more)),
            None => Some(number(set)),
        },
        Err(_) => bound.into(),
    };
    tell_execution_on_panic();
    EXECUTION.set(0);
    let mut builder = Builder::new();
    builder.preemption_bound = bound;
    let start = Instant::now();
    builder.check(move || {
        EXECUTION.set(EXECUTION.get() + 1);
        model();
    });
    let bound = bound.map_or("none".into(), |bound| bound.to_string());
    println!(
        "{name:<32} bound {bound:<4} {:>9} executions {:>7.2} s",
        EXECUTION.get(),
        start.elapsed().as_secs_f64(),
    );
}

thread_local! {
    /// The execution of the model that runs on this thread: loom's own threads all live on it.
    static EXECUTION: Cell<usize> = const { Cell::new(0) };
}

/// Whatever loom finds, it panics, and then it may abort: so this is said first.
fn tell_execution_on_panic() {
    static INSTALL: Install = Install::new();
    INSTALL.call_once(|| {
        let hook = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            eprintln!("in execution {}", EXECUTION.get());
            hook(info);
        }));
    });
}

/// A number that loom does not see: it orders nothing and adds no step to a model.
#[derive(Debug, Clone, Default)]
struct Count(Arc<AtomicUsize>);

impl Count {
    fn add(&self) -> usize {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// The numbers 0 to `N - 1`, each to be delivered once.
#[derive(Debug)]
struct Once<const N: usize>([bool; N]);

impl<const N: usize> Once<N> {
    fn new() -> Self {
        Self([false; N])
    }

    fn deliver(&mut self, item: usize) {
        assert!(!self.0[item], "{item} was delivered twice");
        self.0[item] = true;
    }

    fn is_complete(&self) -> bool {
        self.0.iter().all(|&delivered| delivered)
    }
}
