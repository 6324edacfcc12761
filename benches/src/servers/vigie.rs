//! Vigie: one domain, and the observer's thread with two of the variants. And what only Vigie has: a task that
//! gives way when it is asked to.

use std::{
    hint::black_box,
    io,
    sync::atomic::{AtomicBool, Ordering},
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
            let mut work = Work::<1>::of_100_nanos(false);
            others.push(spawn(async move {
                for piece in 1_u32.. {
                    work.piece();
                    common::worked(1);
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

/// Nanoseconds for a piece of work, by how much of the processor it takes.
#[derive(Serialize, Deserialize)]
pub struct Computed {
    /// Arithmetic each step of which needs the one before it: that leaves room for more.
    pub one_chain: Pieces,
    /// Eight such chains at once, which leave little.
    pub eight_chains: Pieces,
    /// One chain, begun anew for each piece: the processor begins the next piece before this one is done, and
    /// what is asked between them is in its way.
    pub apart: Pieces,
    /// The same while a timer runs, which a closer look now and then is for.
    pub beside_timer: Pieces,
}

#[derive(Serialize, Deserialize)]
pub struct Pieces {
    pub with_hint: f64,
    pub with_flag: f64,
    pub without: f64,
}

/// Computes for so long, in turns with the hint and without, beside a listener that nobody connects to.
pub fn compute(options: &args::Compute) -> io::Result<()> {
    let duration = options.duration / 4;
    Builder::new().variant(variant(&options.who)?).extra_domains(0).run(async move {
        let listener = TcpListener::from_std(common::listen()?)?;
        let _accepting = spawn(async move { listener.accept().await.map(drop) });
        yield_now().await;
        let one_chain = pieces::<1>(duration, false).await;
        let eight_chains = pieces::<8>(duration, false).await;
        let apart = pieces::<1>(duration, true).await;
        let _sleeping = spawn(sleep(Duration::from_secs(3600)));
        yield_now().await;
        let beside_timer = pieces::<1>(duration, true).await;
        print_json(&Computed { one_chain, eight_chains, apart, beside_timer })
    })?
}

async fn pieces<const CHAINS: usize>(duration: Duration, apart: bool) -> Pieces {
    let mut work = Work::<CHAINS>::of_100_nanos(apart);
    let (mut with_hint, mut with_flag, mut without) = (Vec::new(), Vec::new(), Vec::new());
    // Somebody might set it, for all the compiler knows.
    black_box(&FLAG);
    let end = Instant::now() + duration;
    while Instant::now() < end {
        let start = Instant::now();
        asking(&mut work, should_yield).await;
        with_hint.push(start.elapsed());
        let start = Instant::now();
        // Relaxed: nobody does.
        asking(&mut work, || FLAG.load(Ordering::Relaxed)).await;
        with_flag.push(start.elapsed());
        let start = Instant::now();
        for _ in 0..TURN {
            work.piece();
        }
        without.push(start.elapsed());
    }
    // The median turn, so that what else the machine did meanwhile does not count.
    let each = |mut turns: Vec<Duration>| {
        turns.sort_unstable();
        turns[turns.len() / 2].as_secs_f64() * 1e9 / f64::from(TURN)
    };
    Pieces { with_hint: each(with_hint), with_flag: each(with_flag), without: each(without) }
}

async fn asking<const CHAINS: usize>(work: &mut Work<CHAINS>, ask: impl Fn() -> bool) {
    for _ in 0..TURN {
        work.piece();
        if ask() {
            yield_now().await;
        }
    }
}

/// The least that can be asked: one word of the program.
static FLAG: AtomicBool = AtomicBool::new(false);

/// Pieces of work between two looks at the clock: a tenth of a millisecond or so.
const TURN: u32 = 1000;

fn variant(name: &str) -> io::Result<Variant> {
    name.parse().map_err(io::Error::other)
}

/// Pieces of work that the compiler cannot take away. Unless they are apart, each needs the one before it.
#[derive(Clone, Copy)]
struct Work<const CHAINS: usize> {
    rounds: u32,
    chains: [u64; CHAINS],
    apart: bool,
}

impl<const CHAINS: usize> Work<CHAINS> {
    /// Pieces of about 100 ns each, one after the other.
    fn of_100_nanos(apart: bool) -> Self {
        let mut probe = Self { rounds: 50, chains: black_box([1; CHAINS]), apart };
        // Pieces that are apart overlap, the less the longer they are.
        for _ in 0..3 {
            let turns = (0..10).map(|_| {
                let start = Instant::now();
                for _ in 0..TURN {
                    probe.piece();
                }
                start.elapsed()
            });
            let each = turns.min().unwrap_or_default().as_secs_f64() * 1e9 / f64::from(TURN);
            probe.rounds = (100.0 / each * f64::from(probe.rounds)).ceil() as u32;
        }
        probe
    }

    /// A function of its own, so that the same code does the work whatever is asked after it.
    #[inline(never)]
    fn piece(&mut self) {
        if self.apart {
            self.chains = black_box([1; CHAINS]);
        }
        for _ in 0..self.rounds {
            for chain in &mut self.chains {
                *chain = chain.wrapping_mul(6_364_136_223_846_793_005).rotate_left(17) ^ 1;
            }
        }
        black_box(self.chains);
    }
}
