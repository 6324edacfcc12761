//! The load: connections in a closed loop, every byte checked.

use std::{
    cell::RefCell,
    fmt, io,
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant},
};

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use hdrhistogram::Histogram;
use vigie::{await_all, net::TcpStream, spawn};

use crate::{args::Args, shared::raise_descriptor_limit};

/// Connections that are being opened at the same time.
const OPENING: usize = 128;

pub(crate) struct Report {
    connections: usize,
    size: usize,
    elapsed: Duration,
    /// Nanoseconds a request.
    latencies: Histogram<u64>,
}

/// Runs the load on this thread alone.
pub(crate) fn load(args: &Args, address: SocketAddr) -> io::Result<Report> {
    raise_descriptor_limit();
    let (connections, duration, size) = (args.connections, args.duration, args.size);
    let builder = args.common.builder().extra_domains(args.common.domains.unwrap_or(1) - 1);
    builder.run(async move {
        let mut streams = Vec::with_capacity(connections);
        while streams.len() < connections {
            let batch = OPENING.min(connections - streams.len());
            let opening = (0..batch).map(|_| spawn(TcpStream::connect(address)));
            for stream in await_all(opening).await? {
                streams.push(stream??);
            }
        }
        let latencies = Rc::new(RefCell::new(new_histogram()?));
        let start = Instant::now();
        let clients = streams
            .into_iter()
            .enumerate()
            .map(|(number, stream)| spawn(client(stream, number, size, start + duration, latencies.clone())));
        for client in await_all(clients).await? {
            client??;
        }
        let elapsed = start.elapsed();
        let latencies = latencies.borrow().clone();
        Ok(Report { connections, size, elapsed, latencies })
    })?
}

/// From a nanosecond to a minute, to three digits.
fn new_histogram() -> io::Result<Histogram<u64>> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).map_err(io::Error::other)
}

/// One connection: sends a message, reads it back, and again, until the time is up, but once at least.
async fn client(
    stream: TcpStream,
    number: usize,
    size: usize,
    end: Instant,
    latencies: Rc<RefCell<Histogram<u64>>>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = &stream;
    let mut sent = vec![0; size];
    let mut received = vec![0; size];
    let mut round = number;
    loop {
        let start = Instant::now();
        // Different in every message and on every connection: what is returned can be no other's.
        for (at, byte) in sent.iter_mut().enumerate() {
            *byte = (round.wrapping_mul(31).wrapping_add(at)) as u8;
        }
        // Written and read at once, so that a message larger than the buffers between does not stick.
        let (mut reader, mut writer) = (stream, stream);
        futures_lite::future::try_zip(writer.write_all(&sent), reader.read_exact(&mut received)).await?;
        stream = reader;
        if sent != received {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "other bytes came back than were sent"));
        }
        let nanos = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        latencies.borrow_mut().saturating_record(nanos);
        round = round.wrapping_add(1);
        if Instant::now() >= end {
            return Ok(());
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let requests = self.latencies.len();
        let micros = |quantile: f64| self.latencies.value_at_quantile(quantile) as f64 / 1000.0;
        write!(
            f,
            "{} connections, {} bytes: {:.0} requests/s, p50 {:.1} µs, p99 {:.1} µs, p99.9 {:.1} µs; {requests} requests, every byte returned",
            self.connections,
            self.size,
            requests as f64 / self.elapsed.as_secs_f64(),
            micros(0.5),
            micros(0.99),
            micros(0.999),
        )
    }
}
