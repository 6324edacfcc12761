//! What all servers share, so that only the runtime differs.

use std::{
    cell::RefCell,
    future::poll_fn,
    hint::spin_loop,
    io::{self, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::atomic::{AtomicU64, Ordering},
    task::{Poll, Waker},
    time::{Duration, Instant},
};

use futures_lite::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Socket, Type};

/// What a connection reads into, on its own.
pub const BUFFER: usize = 4096;

/// How long a burner computes before it yields.
const SLICE: Duration = Duration::from_micros(50);

/// Connections that wait to be accepted: what may and glommio ask for by themselves.
const BACKLOG: i32 = 1024;

/// Where those listen that have no way to take a listener.
pub const ANY_PORT: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// A listener that does not block, for a runtime to take.
pub fn listen() -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from(ANY_PORT).into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Tells whoever started this process that it serves.
pub fn ready(address: SocketAddr) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "listening on {address}")?;
    stdout.flush()
}

/// What computing tasks have done so far: slices, or pieces of work.
static WORK: AtomicU64 = AtomicU64::new(0);

/// A computing task has done so much more.
pub fn worked(amount: u64) {
    // Relaxed: a count.
    WORK.fetch_add(amount, Ordering::Relaxed);
}

/// Answers each line of the input by what was done so far, until the input ends.
pub fn tell_work() {
    for line in io::stdin().lines() {
        // An error is an end as well.
        if line.is_err() || super::print_json(&WORK.load(Ordering::Relaxed)).is_err() {
            return;
        }
    }
}

/// One slice of a burner.
pub fn burn() {
    let start = Instant::now();
    while start.elapsed() < SLICE {
        spin_loop();
    }
    worked(1);
}

thread_local! {
    /// Keeps idle tasks in existence: some runtimes drop a task that nobody can wake.
    static IDLE: RefCell<Vec<Waker>> = const { RefCell::new(Vec::new()) };
}

/// An idle task: waits for ever, and leaves its waker as every task does that waits for something.
pub async fn idle() {
    poll_fn(|cx| {
        IDLE.with_borrow_mut(|wakers| wakers.push(cx.waker().clone()));
        Poll::Pending
    })
    .await
}

/// A connection, where the runtime's streams have the traits of `futures`.
pub async fn echo(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..count]).await?;
    }
}

/// A connection is a descriptor: asks for as many as may be had. How many that is.
pub fn raise_descriptor_limit() -> io::Result<u64> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    Ok(maximum.unwrap_or(u64::MAX))
}
