//! One listener, accepted from by every domain.

use std::{
    future::Future,
    io::{self, Write},
    net::{Shutdown, SocketAddr},
    time::Duration,
};

use futures_lite::AsyncReadExt;
use vigie::{
    Domain, TaskSet, TryNext, call_on, name_task,
    net::{TcpListener, TcpStream},
    spawn,
    time::timeout,
};

use super::{Args, Stop};

/// Says where the program listens, to whoever started it.
pub(crate) fn announce(address: SocketAddr) -> io::Result<()> {
    println!("listening on {address}");
    io::stdout().flush()
}

/// Accepts on every domain until told to stop, and returns once the connections have ended, how many there
/// were. `make` is called once on each domain, and makes what each connection there is handed to, with the word
/// to stop.
pub(crate) async fn serve<M, S, F>(args: &Args, listener: TcpListener, stop: Stop, make: M) -> io::Result<u64>
where
    M: Fn() -> S + Clone + Send + 'static,
    S: Fn(TcpStream, Stop) -> F + 'static,
    F: Future<Output = ()> + 'static,
{
    let grace = args.grace;
    let mut servers = Vec::new();
    for domain in Domain::available() {
        let (listener, stop, make) = (listener.try_clone()?, stop.clone(), make.clone());
        servers.push(call_on(domain, move || serve_here(listener, stop, grace, make())));
    }
    servers.push(spawn(async move {
        let service = make();
        drop(make);
        serve_here(listener, stop, grace, service).await
    }));
    let mut served = 0;
    for server in servers {
        served += server.await??;
    }
    Ok(served)
}

/// Accepts on this domain until told to stop, then waits for the connections, so long at the most; how many
/// there were. Each is a task of its own.
pub(crate) async fn serve_here<S, F>(
    listener: TcpListener,
    stop: Stop,
    grace: Duration,
    service: S,
) -> io::Result<u64>
where
    S: Fn(TcpStream, Stop) -> F,
    F: Future<Output = ()> + 'static,
{
    name_task("accept")?;
    let mut connections = TaskSet::new();
    let mut served = 0;
    while let Some(accepted) = stop.unless(listener.accept()).await {
        let (stream, _) = accepted?;
        connections.spawn(service(stream, stop.clone()));
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

/// Parts with a peer that may still be sending. To close at once what it has sent and nobody has read would
/// reset the connection, and could cost the peer the last words to it.
pub(crate) async fn part(mut stream: &TcpStream) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    let mut buffer = [0; 4096];
    let drained = timeout(Duration::from_secs(1), async {
        while stream.read(&mut buffer).await? > 0 {}
        Ok(())
    });
    drained.await?
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
