//! Tasks that sleep: what each costs beyond the sleep that they have in common.

use std::{
    io,
    time::{Duration, Instant},
};

use fastrand::Rng;
use rustix::time::{ClockId, clock_gettime};

use crate::micro::{
    cases::Sleepers,
    loops::warm_up,
    runtime::{Near, Tally},
};

/// From one deadline to the next: so near that no runtime falls asleep in between.
const STEP: Duration = Duration::from_nanos(100);

/// In nanoseconds of CPU time a sleeper, its spawn and its end included.
pub(super) async fn measure<N: Near>(near: &N, sleepers: Sleepers, count: u32) -> io::Result<f64> {
    let nap = |count| Duration::from_millis(20) + to_fall_asleep(sleepers) * count;
    once(near, sleepers, warm_up(count), nap(warm_up(count))).await?;
    let mut nap = nap(count);
    loop {
        let measured = once(near, sleepers, count, nap).await?;
        if measured.prepared < nap {
            return Ok(measured.cost);
        }
        nap = measured.prepared * 2;
    }
}

/// More than the slowest runtime takes to bring one of a million to sleep, and to cancel every second one.
/// Whoever needs longer all the same is measured again, on a heap that is not as fresh as that of the others.
fn to_fall_asleep(sleepers: Sleepers) -> Duration {
    Duration::from_micros(match sleepers {
        Sleepers::Ascending | Sleepers::Descending => 2,
        Sleepers::Random => 3,
        Sleepers::HalfCancelled => 4,
    })
}

struct Measured {
    /// A sleeper, in nanoseconds.
    cost: f64,
    /// The time until all slept, and the cancelled had gone. The first deadline comes after this, or the sleep
    /// was too short.
    prepared: Duration,
}

/// So many sleep, the first of them so long.
async fn once<N: Near>(near: &N, sleepers: Sleepers, count: u32, nap: Duration) -> io::Result<Measured> {
    let order = order(sleepers, count);
    let mut tasks = Vec::with_capacity(order.len());
    let begun = Tally::default();
    let before = cpu_time();
    let start = Instant::now();
    for place in order {
        tasks.push(near.sleeps(start + nap + STEP * place, begun.clone()));
    }
    while begun.count() < count {
        near.join(near.ready()).await?;
    }
    if sleepers == Sleepers::HalfCancelled {
        let mut kept = Vec::with_capacity(tasks.len().div_ceil(2));
        for (at, task) in tasks.into_iter().enumerate() {
            if at % 2 == 0 {
                kept.push(task);
            } else {
                near.cancel(task).await?;
            }
        }
        tasks = kept;
    }
    let prepared = start.elapsed();
    for task in tasks {
        near.join(task).await?;
    }
    Ok(Measured { cost: (cpu_time() - before).as_nanos() as f64 / f64::from(count), prepared })
}

/// Which deadline each sleeper has, in the order of their spawns.
fn order(sleepers: Sleepers, count: u32) -> Vec<u32> {
    let mut order: Vec<_> = (0..count).collect();
    match sleepers {
        Sleepers::Ascending => {}
        Sleepers::Descending => order.reverse(),
        // The same for everyone.
        Sleepers::Random | Sleepers::HalfCancelled => Rng::with_seed(7).shuffle(&mut order),
    }
    order
}

/// Of all threads of this process.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).expect("CPU time counts up from zero")
}
