//! A histogram of durations, with a bucket for each power of two.

use std::{array, time::Duration};

use crate::domain::metrics::Counter;

/// Up to some minutes; what takes longer is in the last one.
const BUCKETS: usize = 40;

/// How often something took how long: plain data, of buckets that are twice as wide each as the one before,
/// from a nanosecond on.
///
/// ```
/// # use std::time::Duration;
/// # vigie::Builder::new().timing(true).run(async {
/// vigie::call(async || ()).await.unwrap();
/// let latencies = vigie::Domain::current().unwrap().metrics().unwrap().latencies.unwrap();
/// assert!(latencies.count() > 0);
/// assert_eq!(latencies.buckets().map(|(_, count)| count).sum::<u64>(), latencies.count());
/// println!("half within {:?}", latencies.quantile(0.5).unwrap());
/// for (bound, count) in latencies.buckets() {
///     println!("below {bound:?}: {count}");
/// }
/// # }).unwrap();
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram([u64; BUCKETS]);

impl Histogram {
    /// How many durations were recorded.
    pub fn count(&self) -> u64 {
        self.0.iter().sum()
    }

    /// A bound below which this part of them lies, 0.5 for the median: at most twice what the true value is, or
    /// a nanosecond where that is 0. From 2³⁸ ns on, about four and a half minutes, it is [`Duration::MAX`].
    /// `None` if there are none. A part that is not between 0 and 1 counts as the nearer of the two.
    pub fn quantile(&self, part: f64) -> Option<Duration> {
        // As a float is: the count is exact below 2^53.
        let rank = (part.clamp(0.0, 1.0) * self.count() as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        let found = self.0.iter().position(|count| {
            seen += count;
            seen >= rank
        });
        found.map(bound)
    }

    /// The buckets, each with the bound below which its durations lie, and how many these are; the bound of the
    /// last one is [`Duration::MAX`].
    pub fn buckets(&self) -> impl Iterator<Item = (Duration, u64)> + '_ {
        self.0.iter().enumerate().map(|(at, count)| (bound(at), *count))
    }
}

/// Below which the durations of a bucket lie.
fn bound(bucket: usize) -> Duration {
    if bucket + 1 == BUCKETS { Duration::MAX } else { Duration::from_nanos(1 << bucket) }
}

/// A histogram that one thread writes, and any may look at.
#[derive(Debug)]
pub(super) struct Recorder([Counter; BUCKETS]);

impl Recorder {
    pub(super) fn record(&self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let bucket = (u64::BITS - nanos.leading_zeros()) as usize;
        self.0[bucket.min(BUCKETS - 1)].count();
    }

    pub(super) fn snapshot(&self) -> Histogram {
        Histogram(array::from_fn(|at| self.0[at].get()))
    }
}

impl Default for Recorder {
    fn default() -> Self {
        Self(array::from_fn(|_| Counter::default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_duration_is_below_the_bound_of_its_bucket_and_not_of_the_one_before() {
        for nanos in [0, 1, 2, 3, 4, 1000, 1023, 1024, 1 << 38, u64::MAX] {
            let recorder = Recorder::default();
            recorder.record(Duration::from_nanos(nanos));
            let histogram = recorder.snapshot();
            let at = histogram.buckets().position(|(_, count)| count == 1).unwrap();
            assert!(Duration::from_nanos(nanos) < bound(at), "{nanos}");
            assert!(at == 0 || Duration::from_nanos(nanos) >= bound(at - 1), "{nanos}");
        }
        let recorder = Recorder::default();
        recorder.record(Duration::MAX);
        assert_eq!(recorder.snapshot().quantile(1.0), Some(Duration::MAX));
    }

    #[test]
    fn quantiles_are_bounds() {
        let recorder = Recorder::default();
        assert_eq!(recorder.snapshot().quantile(0.5), None);
        for micros in 1..=100 {
            recorder.record(Duration::from_micros(micros));
        }
        let histogram = recorder.snapshot();
        assert_eq!(histogram.count(), 100);
        for part in [0.01, 0.5, 0.9, 0.99, 1.0] {
            let truth = Duration::from_micros((part * 100.0) as u64);
            let told = histogram.quantile(part).unwrap();
            assert!(told > truth && told <= 2 * truth, "{part}: {told:?} for {truth:?}");
        }
        for (nanos, bound) in [
            (0, Duration::from_nanos(1)),
            ((1 << 38) - 1, Duration::from_nanos(1 << 38)),
            (1 << 38, Duration::MAX),
        ] {
            let recorder = Recorder::default();
            recorder.record(Duration::from_nanos(nanos));
            assert_eq!(recorder.snapshot().quantile(0.5), Some(bound));
        }
        assert_eq!(histogram.quantile(-1.0), histogram.quantile(0.0));
        assert_eq!(histogram.quantile(7.0), histogram.quantile(1.0));
        assert_eq!(histogram.quantile(f64::NAN), histogram.quantile(0.0));
    }
}
