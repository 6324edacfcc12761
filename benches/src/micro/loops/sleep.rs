//! Tasks that sleep: what each costs beyond the sleep that they have in common.

use std::{
    io,
    time::{Duration, Instant},
};

use fastrand::Rng;
use rustix::time::{ClockId, clock_gettime};

use crate::micro::{
    cases::Sleepers,
    runtime::{Near, Tally},
};

/// From one deadline to the next: so near that no runtime falls asleep in between.
const STEP: Duration = Duration::from_nanos(100);

/// In nanoseconds of CPU time a sleeper, its spawn and its end included.
pub(super) async fn measure<N: Near>(near: &N, sleepers: Sleepers, count: u32) -> io::Result<f64> {
    once(near, sleepers, warm_up_of(count), Duration::from_millis(1)).await?;
    let mut nap = Duration::from_millis(50) + Duration::from_micros(1) * count;
    loop {
        if let Some(cost) = once(near, sleepers, count, nap).await? {
            return Ok(cost);
        }
        nap *= 2;
    }
}

/// A hundredth: what a larger one leaves in the allocator is most of what it warms.
fn warm_up_of(count: u32) -> u32 {
    count.div_ceil(100)
}

/// `None` if the first deadline came before all had fallen asleep, and the cancelled been cancelled.
async fn once<N: Near>(near: &N, sleepers: Sleepers, count: u32, nap: Duration) -> io::Result<Option<f64>> {
    let order = order(sleepers, count);
    let mut tasks = Vec::with_capacity(order.len());
    let begun = Tally::default();
    let before = cpu_time();
    let first = Instant::now() + nap;
    for place in order {
        tasks.push(near.sleeps(first + STEP * place, begun.clone()));
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
    let in_time = Instant::now() < first;
    for task in tasks {
        near.join(task).await?;
    }
    let cost = (cpu_time() - before).as_nanos() as f64 / f64::from(count);
    Ok(in_time.then_some(cost))
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
