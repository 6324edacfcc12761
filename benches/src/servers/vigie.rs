//! Vigie: one domain, and the observer's thread with two of the variants. And what only Vigie has: a task that
//! gives way when it is asked to.

use std::{
    hint::black_box,
    io,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use vigie::{
    Builder, Promise, TaskSet, TryNext, call, net::TcpListener, should_yield, spawn, system::Variant,
    time::sleep, yield_now,
};

use super::{common, print_json};
use crate::args;

pub(super) fn serve(variant: Variant, job: &args::Serve) -> io::Result<()> {
    let job = job.clone();
    Builder::new().variant(variant).extra_domains(job.domains - 1).run(async move {
        let listener = TcpListener::from_std(common::listen()?)?;
        let mut others: Vec<Promise<()>> = Vec::new();
        for _ in 0..job.burners {
            others.push(spawn(async {
                loop {
                    common::burn();
                    yield_now().await;
                }
            }));
        }
        others.extend((0..job.idle_tasks).map(|_| spawn(common::idle())));
        if job.hint {
            let work = Work::of_100_nanos();
            others.push(spawn(async move {
                for piece in 1_u32.. {
                    work.once();
                    // The hint tells of news from outside, and the task of a new connection is none: those have
                    // their turn every ten milliseconds, which is too seldom to help any request.
                    if should_yield() || piece.is_multiple_of(100_000) {
                        yield_now().await;
                    }
                }
            }));
        }
        common::ready(listener.local_addr()?)?;
        let mut connections = TaskSet::new();
        loop {
            let (stream, _) = listener.accept().await?;
            connections.spawn(async move {
                stream.set_nodelay(true)?;
                common::echo(&stream).await
            });
            // Those that have ended meanwhile go.
            while let TryNext::Ready(_) = connections.try_next() {}
        }
    })?
}

pub(super) fn start(variant: Variant, domains: usize) -> io::Result<()> {
    Builder::new().variant(variant).extra_domains(domains - 1).run(async {})
}

/// A main task that awaits a call, which does not end while anybody looks.
pub fn wait(options: &args::Wait) -> io::Result<()> {
    Builder::new().variant(variant(&options.who)?).extra_domains(1).run(async {
        let called = call(|| async { sleep(Duration::from_secs(3600)).await });
        print_json(&"waiting")?;
        Ok(called.await??)
    })?
}

/// Nanoseconds that a piece of work takes.
#[derive(Debug, Serialize, Deserialize)]
pub struct Computed {
    pub with_hint: f64,
    pub without: f64,
}

/// Computes for so long, in turns with the hint and without, beside a listener that nobody connects to.
pub fn compute(options: &args::Compute) -> io::Result<()> {
    let duration = options.duration;
    Builder::new().variant(variant(&options.who)?).extra_domains(0).run(async move {
        let listener = TcpListener::from_std(common::listen()?)?;
        let _accepting = spawn(async move { listener.accept().await.map(drop) });
        yield_now().await;
        let work = Work::of_100_nanos();
        let (mut with_hint, mut without) = (Vec::new(), Vec::new());
        let end = Instant::now() + duration;
        while Instant::now() < end {
            let start = Instant::now();
            for _ in 0..TURN {
                work.once();
                if should_yield() {
                    yield_now().await;
                }
            }
            with_hint.push(start.elapsed());
            let start = Instant::now();
            for _ in 0..TURN {
                work.once();
            }
            without.push(start.elapsed());
        }
        // The median turn, so that what else the machine did meanwhile does not count.
        let each = |mut turns: Vec<Duration>| {
            turns.sort_unstable();
            turns[turns.len() / 2].as_secs_f64() * 1e9 / f64::from(TURN)
        };
        print_json(&Computed { with_hint: each(with_hint), without: each(without) })
    })?
}

/// Pieces of work between two looks at the clock: a tenth of a millisecond or so.
const TURN: u32 = 1000;

fn variant(name: &str) -> io::Result<Variant> {
    name.parse().map_err(io::Error::other)
}

/// A piece of work that the compiler cannot take away.
#[derive(Clone, Copy)]
struct Work {
    rounds: u32,
}

impl Work {
    /// As many rounds as take about 100 ns here.
    fn of_100_nanos() -> Self {
        let probe = Self { rounds: 100_000 };
        let probes = (0..10).map(|_| {
            let start = Instant::now();
            probe.once();
            start.elapsed()
        });
        let each = probes.min().unwrap_or_default().as_secs_f64() * 1e9 / f64::from(probe.rounds);
        Self { rounds: (100.0 / each).ceil() as u32 }
    }

    #[inline]
    fn once(self) {
        let mut state = black_box(1_u64);
        for _ in 0..self.rounds {
            // Each round needs the one before it.
            state = state.wrapping_mul(6_364_136_223_846_793_005).rotate_left(17) ^ 1;
        }
        black_box(state);
    }
}
