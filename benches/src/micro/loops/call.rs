//! To start a task on another thread, and await it.

use std::{
    io, thread,
    time::{Duration, Instant},
};

use crate::micro::{
    loops::{percentile, warm_up},
    runtime::Far,
};

/// After which a thread that has nothing to do is asleep.
pub(super) const PAUSE: Duration = Duration::from_millis(1);

/// One call after the other: in microseconds each.
pub(super) async fn hot<F: Far>(far: &F, count: u32) -> io::Result<Vec<f64>> {
    for _ in 0..warm_up(count) {
        far.call().await?;
    }
    let start = Instant::now();
    for _ in 0..count {
        far.call().await?;
    }
    Ok(vec![start.elapsed().as_secs_f64() * 1e6 / f64::from(count)])
}

/// The other thread asleep before each call: the median, in microseconds.
pub(super) async fn parked<F: Far>(far: &F, count: u32) -> io::Result<Vec<f64>> {
    let mut samples = Vec::new();
    for at in 0..warm_up(count) + count {
        // This thread only waits, so that nothing of the runtime runs meanwhile.
        thread::sleep(PAUSE);
        let start = Instant::now();
        far.call().await?;
        if at >= warm_up(count) {
            samples.push(start.elapsed().as_secs_f64() * 1e6);
        }
    }
    Ok(vec![percentile(&mut samples, 50)])
}
