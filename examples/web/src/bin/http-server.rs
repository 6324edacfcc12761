//! A server of HTTP/1 and HTTP/2, in the clear or under TLS, on every domain.

use std::{
    io::{self, Write},
    net::SocketAddr,
    path::PathBuf,
    pin::pin,
    process::ExitCode,
    time::Duration,
};

use axum::Router;
use futures_rustls::TlsAcceptor;
use hyper::rt::{Read, Write as HyperWrite};
use hyper_util::{server::conn::auto, service::TowerToHyperService};
use vigie::{
    Domain, TaskSet, TryNext, call_on,
    hyper::{Executor, Io, Timer},
    name_task,
    net::{TcpListener, TcpStream},
    spawn,
    time::{sleep, timeout},
};
use vigie_web_examples::{
    Error,
    options::{self, Run, Words},
    site::site,
    stop::{Stop, stop},
    tls,
};

const HELP: &str = "\
A server of HTTP/1 and HTTP/2, until Ctrl-C.

Usage: http-server [OPTIONS]

Options:
  --listen ADDR        where to serve                        [127.0.0.1:8080; port 0: any]
  --tls FILE           serve TLS, with a certificate made for it, written to FILE
  --grace SECONDS      how long Ctrl-C waits for what is under way [5]";

/// How long a client may take for a handshake, or for a request's head.
const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    options::main("http-server", HELP, serve)
}

fn serve(mut words: Words) -> Result<(), Error> {
    let mut run = Run::default();
    let mut address = SocketAddr::from(([127, 0, 0, 1], 8080));
    let mut certificate: Option<PathBuf> = None;
    let mut grace = Duration::from_secs(5);
    while let Some(option) = words.next() {
        match option.as_str() {
            "--listen" => address = words.value(&option)?,
            "--tls" => certificate = Some(words.value(&option)?),
            "--grace" => grace = Duration::try_from_secs_f64(words.value(&option)?)?,
            _ => run.take(&option, &mut words)?,
        }
    }
    raise_descriptor_limit();
    let acceptor = certificate.as_deref().map(tls::acceptor).transpose()?;
    run.builder().run(async move {
        let listener = TcpListener::bind(address)?;
        println!("listening on {}", listener.local_addr()?);
        println!("{} on {}, {} domains", run.events, run.poller, Domain::all().len());
        io::stdout().flush()?;

        let (stopper, stop) = stop();
        let mut servers = Vec::new();
        for domain in Domain::available() {
            let here = Server::new(listener.try_clone()?, &acceptor, &stop, grace);
            servers.push(call_on(domain, move || here.serve()));
        }
        servers.push(spawn(Server::new(listener, &acceptor, &stop, grace).serve()));
        stopper.at_signal().await?;
        println!("stopping");
        let mut served = 0;
        for server in servers {
            served += server.await??;
        }
        println!("served {served} connections");
        Ok(())
    })?
}

/// What one domain serves with.
struct Server {
    listener: TcpListener,
    connection: Connection,
    grace: Duration,
}

impl Server {
    fn new(listener: TcpListener, acceptor: &Option<TlsAcceptor>, stop: &Stop, grace: Duration) -> Self {
        let (acceptor, stop) = (acceptor.clone(), stop.clone());
        Self { listener, connection: Connection { site: site(stop.clone()), acceptor, stop }, grace }
    }

    /// Accepts until told to stop, then waits for the connections; how many there were.
    async fn serve(self) -> io::Result<u64> {
        name_task("accept")?;
        let Self { listener, connection, grace } = self;
        let mut connections = TaskSet::new();
        let mut served = 0;
        while let Some(accepted) = connection.stop.or(listener.accept()).await {
            match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection.clone().serve(stream));
                    served += 1;
                    // Those that have ended meanwhile go. How they ended is their clients' affair.
                    while let TryNext::Ready(_) = connections.try_next() {}
                }
                Err(error) => {
                    // Out of descriptors, most likely: some may be free in a moment.
                    eprintln!("accept: {error}");
                    let _ = sleep(Duration::from_millis(10)).await;
                }
            }
        }
        drop(listener);
        // What is left after the grace is cancelled, as the set is dropped.
        let _ = timeout(grace, async { while connections.next().await.is_some() {} }).await;
        Ok(served)
    }
}

/// How a connection is served.
#[derive(Clone)]
struct Connection {
    site: Router,
    acceptor: Option<TlsAcceptor>,
    stop: Stop,
}

impl Connection {
    async fn serve(self, stream: TcpStream) -> Result<(), Error> {
        stream.set_nodelay(true)?;
        match &self.acceptor {
            None => self.serve_http(stream, true).await,
            Some(acceptor) => {
                let accepted = self.stop.or(timeout(PATIENCE, acceptor.accept(stream))).await;
                match accepted {
                    Some(accepted) => self.serve_http(accepted??, false).await,
                    None => Ok(()),
                }
            }
        }
    }

    /// Either version: the client's first bytes tell which, with ALPN or without.
    async fn serve_http<T>(&self, stream: T, writes_vectored: bool) -> Result<(), Error>
    where
        Io<T>: Read + HyperWrite + Unpin + Send + 'static,
    {
        let mut builder = auto::Builder::new(Executor);
        builder.http1().timer(Timer).header_read_timeout(PATIENCE).writev(writes_vectored);
        builder.http2().timer(Timer).keep_alive_interval(PATIENCE);
        let service = TowerToHyperService::new(self.site.clone());
        let mut connection = pin!(builder.serve_connection_with_upgrades(Io::new(stream), service));
        match self.stop.or(connection.as_mut()).await {
            Some(ended) => ended,
            None => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    }
}

/// A connection is a descriptor: asks for as many as may be had.
fn raise_descriptor_limit() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        // Refused, the limit stays as it was, and accepting says so when it is reached.
        let _ = setrlimit(Resource::Nofile, limit);
    }
}
