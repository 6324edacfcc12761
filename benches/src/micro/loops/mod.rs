//! What is timed, the same for every runtime, one file an operation.

mod call;
mod cancel;
mod sleep;
mod spawn;
mod wake;
mod yields;

use std::io;

pub(super) use self::wake::Woken;

use super::{
    cases::{Case, What},
    runtime::{Far, Near, unable},
};

/// Measures what concerns one thread of a runtime.
pub(super) fn near<N: Near>(how: N::How, case: &Case, count: u32) -> io::Result<Vec<f64>> {
    let what = case.what;
    let measured = N::run(how, move |near| async move {
        match what {
            What::Yield { idle } => yields::measure(&near, idle, count).await,
            What::Spawn => spawn::measure(&near, count).await,
            What::Wake { parked: false } => wake::awake(&near, count).await,
            What::Wake { parked: true } => wake::parked(&near, count).await,
            What::Sleep(sleepers) => sleep::measure(&near, sleepers, count).await,
            What::Call { .. } | What::Cancel => unable("this is between two threads"),
        }
    })?;
    measured.map(|value| vec![value])
}

/// Measures what happens between two threads of a runtime.
pub(super) fn far<F: Far>(how: F::How, case: &Case, count: u32) -> io::Result<Vec<f64>> {
    let what = case.what;
    F::run(how, move |far| async move {
        match what {
            What::Call { parked: false } => call::hot(&far, count).await,
            What::Call { parked: true } => call::parked(&far, count).await,
            What::Cancel => cancel::measure(&far, count).await,
            What::Yield { .. } | What::Spawn | What::Wake { .. } | What::Sleep(_) => {
                unable("this is within one thread")
            }
        }
    })?
}

/// The value that so many percent of the samples do not exceed.
fn percentile(samples: &mut [f64], percent: usize) -> f64 {
    samples.sort_by(f64::total_cmp);
    let rank = (samples.len() * percent).div_ceil(100);
    samples.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// How many operations warm up for so many.
fn warm_up(count: u32) -> u32 {
    count.div_ceil(10)
}

#[cfg(test)]
mod tests {
    use super::percentile;

    #[test]
    fn percentiles_are_samples() {
        let mut samples: Vec<_> = (1..=200).rev().map(f64::from).collect();
        assert_eq!(percentile(&mut samples, 50), 100.0);
        assert_eq!(percentile(&mut samples, 99), 198.0);
        assert_eq!(percentile(&mut [7.0], 99), 7.0);
        assert!(percentile(&mut [], 50).is_nan());
    }
}
