//! A quantum: two tasks give way by turns, beside others that wait to read.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::net::listen;

use crate::micro::{
    loops::warm_up,
    runtime::{Near, Tally},
};

/// In nanoseconds a yield.
pub(super) async fn measure<N: Near>(near: &N, idle: u32, count: u32) -> io::Result<f64> {
    let (quiet, addr) = Quiet::listen(idle)?;
    let connected = Tally::default();
    let readers: Vec<_> = (0..idle).map(|_| near.reads(addr, connected.clone())).collect();
    let patience = Instant::now() + Duration::from_secs(10);
    while connected.count() < idle {
        if Instant::now() > patience {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "a source could not connect"));
        }
        rest(near).await?;
    }
    // All of them have begun to wait after this.
    rest(near).await?;

    by_turns(near, warm_up(count)).await?;
    let each = by_turns(near, count).await?;

    quiet.hang_up()?;
    for reader in readers {
        near.join(reader).await?;
    }
    Ok(each)
}

/// Leaves the runtime to its sources for a while. (Some look for nothing else as long as a task is ready.)
async fn rest<N: Near>(near: &N) -> io::Result<()> {
    let a_while = Duration::from_millis(5);
    near.join(near.sleeps(Instant::now() + a_while, Tally::default())).await
}

async fn by_turns<N: Near>(near: &N, count: u32) -> io::Result<f64> {
    let start = Instant::now();
    let tasks = [near.yields(count), near.yields(count)];
    for task in tasks {
        near.join(task).await?;
    }
    Ok(start.elapsed().as_nanos() as f64 / (2.0 * f64::from(count)))
}

/// The other ends of the connections, which say nothing.
struct Quiet(JoinHandle<io::Result<Vec<TcpStream>>>);

impl Quiet {
    fn listen(connections: u32) -> io::Result<(Self, SocketAddr)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        // They come all at once.
        listen(&listener, 1024)?;
        let addr = listener.local_addr()?;
        let accepting = thread::spawn(move || listener.incoming().take(connections as usize).collect());
        Ok((Self(accepting), addr))
    }

    /// All have connected: their tasks read the end.
    fn hang_up(self) -> io::Result<()> {
        let streams = self.0.join().map_err(|_| io::Error::other("the quiet server panicked"))?;
        streams.map(drop)
    }
}
