//! To spawn a task that is ready at once, and await it.

use std::{io, time::Instant};

use crate::micro::{loops::warm_up, runtime::Near};

/// In nanoseconds each.
pub(super) async fn measure<N: Near>(near: &N, count: u32) -> io::Result<f64> {
    one_by_one(near, warm_up(count)).await?;
    one_by_one(near, count).await
}

async fn one_by_one<N: Near>(near: &N, count: u32) -> io::Result<f64> {
    let start = Instant::now();
    for _ in 0..count {
        near.join(near.ready()).await?;
    }
    Ok(start.elapsed().as_nanos() as f64 / f64::from(count))
}
