//! The load: one thread, raw epoll, sockets that do not block; a closed loop of 64 bytes on each connection,
//! every byte checked.

mod churn;
mod connection;
mod echo;

use std::{
    io,
    os::fd::OwnedFd,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use rustix::{
    buffer::spare_capacity,
    event::{
        Timespec,
        epoll::{self, CreateFlags, Event},
    },
    io::Errno,
};
use serde::{Deserialize, Serialize};

use crate::{
    args::{self, Mode},
    pin,
    servers::{common::raise_descriptor_limit, print_json},
};

/// What a load found, in microseconds where it is a latency.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Loaded {
    pub requests: u64,
    pub seconds: f64,
    /// Connections that had not one answer, neither in the warm-up nor in the time that counts.
    pub unanswered: usize,
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub p999: f64,
    pub max: f64,
    /// At half of the moments, what a connection waits for takes no longer than this. Requests that take long
    /// count for long: a server that answers a thousand at once and then none for a while has a good median of
    /// requests, but not of this.
    pub p50_of_time: f64,
}

impl Loaded {
    pub fn per_second(&self) -> f64 {
        self.requests as f64 / self.seconds
    }
}

/// Runs the load and prints a [`Loaded`] as one line.
pub fn load(options: &args::Load) -> io::Result<()> {
    if options.pin {
        pin::to_one_processor()?;
    }
    raise_descriptor_limit()?;
    match options.mode {
        Mode::Echo => print_json(&echo::run(options)?),
        Mode::Churn => print_json(&churn::run(options)?),
        Mode::Hold => {
            let held = echo::open(options)?;
            print_json(&"holding")?;
            // Until whoever started this closes it.
            io::copy(&mut io::stdin(), &mut io::sink())?;
            drop(held);
            Ok(())
        }
    }
}

/// Nanoseconds of each request, to three digits, from one to a minute.
struct Latencies(Histogram<u64>);

impl Latencies {
    fn new() -> io::Result<Self> {
        Histogram::new_with_bounds(1, 60_000_000_000, 3).map(Self).map_err(io::Error::other)
    }

    fn record(&mut self, latency: Duration) {
        self.0.saturating_record(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
    }

    fn loaded(&self, elapsed: Duration, unanswered: usize) -> Loaded {
        let micros = |quantile| self.0.value_at_quantile(quantile) as f64 / 1000.0;
        Loaded {
            requests: self.0.len(),
            seconds: elapsed.as_secs_f64(),
            unanswered,
            p50: micros(0.5),
            p90: micros(0.9),
            p99: micros(0.99),
            p999: micros(0.999),
            max: self.0.max() as f64 / 1000.0,
            p50_of_time: self.median_of_time() / 1000.0,
        }
    }

    fn median_of_time(&self) -> f64 {
        let time = |count: u64, latency: u64| count as f64 * latency as f64;
        let steps = || self.0.iter_recorded().map(|step| (step.value_iterated_to(), step.count_at_value()));
        let half = steps().map(|(latency, count)| time(count, latency)).sum::<f64>() / 2.0;
        let mut passed = 0.0;
        for (latency, count) in steps() {
            passed += time(count, latency);
            if passed >= half {
                return latency as f64;
            }
        }
        0.0
    }
}

/// An epoll descriptor, and the events of the last look.
struct Poller {
    epoll: OwnedFd,
    events: Vec<Event>,
}

impl Poller {
    fn new() -> io::Result<Self> {
        Ok(Self { epoll: epoll::create(CreateFlags::CLOEXEC)?, events: Vec::with_capacity(128) })
    }

    /// Waits for events until `end` at most, and fills `ready` with the names of what has some.
    fn wait(&mut self, end: Instant, ready: &mut Vec<usize>) -> io::Result<()> {
        let left = end.saturating_duration_since(Instant::now());
        let timeout = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
        self.events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        ready.clear();
        ready.extend(self.events.iter().map(|event| event.data.u64() as usize));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bursts_are_seen_in_the_median_of_time() {
        let mut latencies = Latencies::new().unwrap();
        (0..99).for_each(|_| latencies.record(Duration::from_micros(10)));
        latencies.record(Duration::from_millis(10));
        let loaded = latencies.loaded(Duration::from_secs(1), 0);
        assert_eq!(loaded.requests, 100);
        assert!((loaded.p50 - 10.0).abs() < 0.1);
        assert!((loaded.p50_of_time - 10_000.0).abs() < 20.0, "{}", loaded.p50_of_time);
    }
}
