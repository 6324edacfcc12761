//! To cancel a task that sleeps on another thread, and see it finished.

use std::{io, thread, time::Instant};

use crate::micro::{
    loops::{call::PAUSE, percentile, warm_up},
    runtime::{Far, Tally},
};

/// The median and the 99th percentile, in microseconds.
pub(super) async fn measure<F: Far>(far: &F, count: u32) -> io::Result<Vec<f64>> {
    let mut samples = Vec::new();
    for at in 0..warm_up(count) + count {
        let begun = Tally::default();
        let sleeper = far.sleeper(begun.clone())?;
        while begun.count() == 0 {
            thread::yield_now();
        }
        thread::sleep(PAUSE);
        let start = Instant::now();
        far.cancel(sleeper).await?;
        if at >= warm_up(count) {
            samples.push(start.elapsed().as_secs_f64() * 1e6);
        }
    }
    Ok(vec![percentile(&mut samples, 50), percentile(&mut samples, 99)])
}
