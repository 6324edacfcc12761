//! A TCP proxy: each connection to it becomes one to a target, and bytes go both ways between the two.
//!
//! It reads from one side no more than the other takes: a buffer for each direction is all that it holds,
//! and a reader that is slow, or stops, stops the one that sends to it, by TCP's own means. The end of one
//! direction is passed on, and the other goes on. Whatever ends otherwise, by an error, by the limit on the
//! time for connecting or by Ctrl-C, ends with a reset on both sides: a part is not to be taken for the
//! whole.

use std::{
    io,
    net::SocketAddr,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_lite::{AsyncReadExt, AsyncWriteExt, future::try_zip};
use vigie::{
    net::{TcpListener, TcpStream},
    time::timeout,
};

#[path = "shared/mod.rs"]
mod shared;

use shared::{Args, Program, announce, at_least_one, ctrl_c, raise_descriptor_limit, seconds, serve, value};

const PROGRAM: Program = Program {
    name: "proxy",
    help: "\
A TCP proxy that holds back who sends faster than the other side reads.

Usage: proxy --to ADDR [OPTIONS]       pass connections on until Ctrl-C

Options:
  --to ADDR            where to
  --connect SECONDS    how long connecting may take          [5]
  --buffer BYTES       held for each direction               [16384]
  --listen ADDR        where to serve                        [127.0.0.1:7008; port 0: any]
  --events NAME        observer, always or pipe              [observer]
  --poller NAME        mio or polling, as far as built in    [mio]
  --domains N          domains, the first included           [one per processor]
  --grace SECONDS      how long Ctrl-C waits for open connections [1]
  --help               this text",
};

/// Where connections go, and how.
#[derive(Debug, Clone, Copy)]
struct Way {
    to: SocketAddr,
    connect: Duration,
    buffer: usize,
}

/// What all domains count.
#[derive(Debug, Default)]
struct Counts {
    unconnected: AtomicU64,
    broken: AtomicU64,
    /// Bytes to the target, and back.
    to: AtomicU64,
    back: AtomicU64,
}

fn main() -> ExitCode {
    let (mut to, mut connect, mut buffer) = (None, Duration::from_secs(5), 16384);
    let args = PROGRAM.args(7008, |flag, words| {
        match flag {
            "--to" => to = Some(value(flag, words)?),
            "--connect" => connect = seconds(flag, words)?,
            "--buffer" => buffer = at_least_one(flag, words)?,
            _ => return Ok(false),
        }
        Ok(true)
    });
    match (args, to) {
        (Err(status), _) => status,
        (Ok(_), None) => PROGRAM.refuse("--to ADDR is needed"),
        (Ok(args), Some(to)) => PROGRAM.end(proxy(args, Way { to, connect, buffer })),
    }
}

fn proxy(args: Args, way: Way) -> io::Result<()> {
    raise_descriptor_limit();
    args.builder().run(async move {
        let listener = TcpListener::bind(args.listen)?;
        let stop = ctrl_c()?;
        announce(listener.local_addr()?)?;
        let counts = Arc::new(Counts::default());
        let served = {
            let counts = counts.clone();
            serve(&args, listener, stop, move || {
                let counts = counts.clone();
                move |client, _stop| pass(client, way, counts.clone())
            })
            .await?
        };
        println!(
            "passed {} bytes on and {} back on {served} connections; {} not connected, {} broken",
            counts.to.load(Relaxed),
            counts.back.load(Relaxed),
            counts.unconnected.load(Relaxed),
            counts.broken.load(Relaxed),
        );
        Ok(())
    })?
}

/// One connection, to its end.
async fn pass(client: TcpStream, way: Way, counts: Arc<Counts>) {
    // Until it is known to be whole, the end is a reset; also if this task is cancelled.
    let reset = |stream: &TcpStream, yes: bool| stream.set_linger(yes.then_some(Duration::ZERO));
    let connected = async {
        reset(&client, true)?;
        let target = timeout(way.connect, TcpStream::connect(way.to)).await??;
        reset(&target, true)?;
        client.set_nodelay(true)?;
        target.set_nodelay(true)?;
        io::Result::Ok(target)
    };
    let target = match connected.await {
        Ok(target) => target,
        Err(error) => {
            eprintln!("proxy: {}: {error}", way.to);
            counts.unconnected.fetch_add(1, Relaxed);
            return;
        }
    };
    let forth = copy(&client, &target, way.buffer, &counts.to);
    let back = copy(&target, &client, way.buffer, &counts.back);
    let passed = try_zip(forth, back).await;
    if passed.is_err() || reset(&client, false).is_err() || reset(&target, false).is_err() {
        counts.broken.fetch_add(1, Relaxed);
    }
}

/// Copies one direction, its end included. Nothing is read before what was read last has been written.
async fn copy(mut from: &TcpStream, mut to: &TcpStream, room: usize, count: &AtomicU64) -> io::Result<()> {
    let mut buffer = vec![0; room];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return to.close().await;
        }
        to.write_all(&buffer[..read]).await?;
        count.fetch_add(read as u64, Relaxed);
    }
}
