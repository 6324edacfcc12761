//! The server: one listener, accepted from by every domain.

use std::{
    future::Future,
    io::{self, Write},
    net::SocketAddr,
    time::Duration,
};

use async_channel::Receiver;
use futures_lite::{AsyncReadExt, AsyncWriteExt, future::or};
use vigie::{
    Domain, TaskSet, TryNext, call_on, events, name_task,
    net::{TcpListener, TcpStream},
    spawn,
    time::timeout,
};

use crate::args::Args;

/// Serves until Ctrl-C, then lets the open connections end for a while.
pub(crate) fn serve(args: &Args, address: SocketAddr) -> io::Result<()> {
    raise_descriptor_limit();
    let (events, poller, grace) = (args.events, args.poller, args.grace);
    args.builder().run(async move {
        let listener = TcpListener::bind(address)?;
        let interrupted = ctrl_c()?;
        println!("listening on {}", listener.local_addr()?);
        println!("{events} on {poller}, {} domains", Domain::all().len());
        io::stdout().flush()?;

        // Nothing is ever sent: closing the channel is the word to stop, on every domain.
        let (running, stop) = async_channel::bounded(1);
        let mut servers = Vec::new();
        for domain in Domain::available() {
            let (listener, stop) = (listener.try_clone()?, stop.clone());
            servers.push(call_on(domain, move || serve_here(listener, stop, grace)));
        }
        servers.push(spawn(serve_here(listener, stop, grace)));

        interrupted.await?;
        println!("stopping");
        drop(running);
        let mut served = 0;
        for server in servers {
            served += server.await??;
        }
        println!("served {served} connections");
        Ok(())
    })?
}

/// Accepts on this domain until told to stop, then waits for the connections; how many there were.
async fn serve_here(listener: TcpListener, stop: Receiver<()>, grace: Duration) -> io::Result<u64> {
    name_task("accept")?;
    let mut connections = TaskSet::new();
    let mut served = 0;
    loop {
        let accepted = or(async { listener.accept().await.map(Some) }, async {
            let _closed = stop.recv().await;
            Ok(None)
        });
        let Some((stream, _)) = accepted.await? else { break };
        connections.spawn(echo(stream));
        served += 1;
        // Those that have ended meanwhile go.
        while let TryNext::Ready(_) = connections.try_next() {}
    }
    if listener.shortages() > 0 {
        eprintln!("out of descriptors {} times", listener.shortages());
    }
    drop(listener);
    // What is left after the grace is cancelled, as the set is dropped.
    let _ = timeout(grace, async { while connections.next().await.is_some() {} }).await;
    Ok(served)
}

async fn echo(stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = &stream;
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..count]).await?;
    }
}

/// Resolves at the first Ctrl-C; a second one ends the program as usual. Any blocking source of events
/// is a thread and a signal sender.
#[cfg(unix)]
fn ctrl_c() -> io::Result<impl Future<Output = io::Result<()>>> {
    use signal_hook::{
        consts::{SIGINT, SIGTERM},
        flag::register_conditional_default,
        iterator::Signals,
    };
    use std::sync::{Arc, atomic::AtomicBool};

    let syscall = events::syscall()?;
    let (uid, sender) = (syscall.uid(), events::signal_sender()?);
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        register_conditional_default(signal, interrupted.clone())?;
        signal_hook::flag::register(signal, interrupted.clone())?;
    }
    std::thread::Builder::new().name("ctrl-c".into()).spawn(move || {
        if signals.forever().next().is_some() {
            sender.send(uid);
        }
    })?;
    Ok(syscall.suspend(|_| Ok(())))
}

#[cfg(not(unix))]
fn ctrl_c() -> io::Result<impl Future<Output = io::Result<()>>> {
    Ok(std::future::pending())
}

/// A connection is a descriptor: asks for as many as may be had.
pub(crate) fn raise_descriptor_limit() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        // Refused, the limit stays as it was, and accepting waits when it is reached.
        let _ = setrlimit(Resource::Nofile, limit);
    }
}
