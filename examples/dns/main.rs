//! A DNS forwarder over UDP: it asks upstream servers, one after the other until one answers, and keeps
//! answers for as long as they are good.
//!
//! Each query is a task, with a socket of its own: its port and the query's new id are what somebody would
//! have to guess who wants to answer in an upstream server's place. An answer counts if it comes from the
//! server that was asked, with that id and for the same question.
//!
//! Every domain receives from the same socket, and has a cache of its own.

mod cache;
mod message;
#[path = "../shared/mod.rs"]
mod shared;

use std::{
    cell::{Cell, RefCell},
    collections::hash_map::RandomState,
    hash::BuildHasher,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    process::ExitCode,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use vigie::{
    Domain, TaskSet, TryNext, call_on, name_task,
    net::UdpSocket,
    spawn,
    time::{sleep, timeout},
};

use cache::Cache;
use message::{Answer, Query, SERVER_FAILURE};
use shared::{Args, Program, Stop, announce, ctrl_c, raise_descriptor_limit, seconds, value};

const PROGRAM: Program = Program {
    name: "dns",
    help: "\
A DNS forwarder over UDP, with a small cache.

Usage: dns --upstream ADDR... [OPTIONS]    serve until Ctrl-C

Options:
  --upstream ADDR      whom to ask; where given several times, one after the other
  --limit SECONDS      how long each of them may take        [2]
  --cache ANSWERS      kept on each domain, 0 for none       [1000]
  --listen ADDR        where to serve                        [127.0.0.1:5353; port 0: any]
  --events NAME        observer, always or pipe              [observer]
  --poller NAME        mio or polling, as far as built in    [mio]
  --domains N          domains, the first included           [one per processor]
  --grace SECONDS      how long Ctrl-C waits for answers     [1]
  --help               this text",
};

/// Queries that a domain has under way at a time, each with a descriptor. Those beyond are not answered;
/// their clients ask again.
const MAX_QUERIES: usize = 256;

/// The largest message that is received, in bytes.
const MAX_MESSAGE: usize = 4096;

/// What the command line says.
#[derive(Debug)]
struct Settings {
    upstreams: Vec<SocketAddr>,
    limit: Duration,
    cache: usize,
    grace: Duration,
}

/// What a domain has answered: in all, of that from its cache, and without success.
#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    queries: u64,
    cached: u64,
    failed: u64,
}

fn main() -> ExitCode {
    let (mut upstreams, mut limit, mut cache) = (Vec::new(), Duration::from_secs(2), 1000);
    let args = PROGRAM.args(5353, |flag, words| {
        match flag {
            "--upstream" => upstreams.push(value(flag, words)?),
            "--limit" => limit = seconds(flag, words)?,
            "--cache" => cache = value(flag, words)?,
            _ => return Ok(false),
        }
        Ok(true)
    });
    match args {
        Err(status) => status,
        Ok(_) if upstreams.is_empty() => PROGRAM.refuse("--upstream ADDR is needed"),
        Ok(args) => {
            let settings = Settings { upstreams, limit, cache, grace: args.grace };
            PROGRAM.end(forward(&args, settings))
        }
    }
}

fn forward(args: &Args, settings: Settings) -> io::Result<()> {
    raise_descriptor_limit();
    let listen = args.listen;
    args.builder().run(async move {
        let socket = UdpSocket::bind(listen)?;
        let stop = ctrl_c()?;
        announce(socket.local_addr()?)?;
        let settings = Arc::new(settings);
        let mut forwarders = Vec::new();
        for domain in Domain::available() {
            let (socket, stop, settings) = (socket.try_clone()?, stop.clone(), settings.clone());
            forwarders.push(call_on(domain, move || forward_here(socket, stop, settings)));
        }
        forwarders.push(spawn(forward_here(socket, stop, settings)));
        let mut total = Counts::default();
        for forwarder in forwarders {
            let counts = forwarder.await??;
            total.queries += counts.queries;
            total.cached += counts.cached;
            total.failed += counts.failed;
        }
        println!("{} queries, {} from the cache, {} failed", total.queries, total.cached, total.failed);
        Ok(())
    })?
}

/// Answers on this domain until told to stop, and then those queries that are under way.
async fn forward_here(socket: UdpSocket, stop: Stop, settings: Arc<Settings>) -> io::Result<Counts> {
    name_task("receive")?;
    let grace = settings.grace;
    let here = Rc::new(Forwarder::new(socket, settings));
    let mut queries = TaskSet::new();
    let mut buffer = [0; MAX_MESSAGE];
    while let Some(received) = stop.unless(here.socket.recv_from(&mut buffer)).await {
        match received {
            Ok((count, client)) => {
                if let Some((query, key)) = here.hear(&buffer[..count], client).await
                    && queries.len() < MAX_QUERIES
                {
                    queries.spawn(here.clone().serve(query, key, client));
                }
            }
            Err(error) => {
                eprintln!("dns: {error}");
                let _ = sleep(Duration::from_millis(10)).await;
            }
        }
        // Those that have been answered meanwhile go.
        while let TryNext::Ready(_) = queries.try_next() {}
    }
    // What is left after the grace is cancelled, as the set is dropped.
    let _ = timeout(grace, async { while queries.next().await.is_some() {} }).await;
    Ok(here.counts.get())
}

/// A domain's forwarder.
struct Forwarder {
    socket: UdpSocket,
    settings: Arc<Settings>,
    cache: RefCell<Cache>,
    /// The upstream server that answered last: it is asked first.
    preferred: Cell<usize>,
    /// Makes ids that nobody can foresee: hashes, by a key that is drawn, of their number.
    ids: (RandomState, Cell<u64>),
    counts: Cell<Counts>,
}

impl Forwarder {
    fn new(socket: UdpSocket, settings: Arc<Settings>) -> Self {
        let cache = RefCell::new(Cache::new(settings.cache));
        let ids = (RandomState::new(), Cell::new(0));
        Self { socket, settings, cache, preferred: Cell::new(0), ids, counts: Cell::default() }
    }

    /// Answers at once what can be; else the query, and its key in the cache.
    async fn hear(&self, message: &[u8], client: SocketAddr) -> Option<(Query, Vec<u8>)> {
        let query = match Query::parse(message) {
            Ok(query) => query,
            Err(reply) => {
                if let Some(reply) = reply {
                    self.count(|counts| counts.failed += 1);
                    self.send(&reply, client).await;
                }
                return None;
            }
        };
        let key = query.key();
        let cached = self.cache.borrow().get(&key, Instant::now());
        let Some((answer, age)) = cached else { return Some((query, key)) };
        self.count(|counts| counts.cached += 1);
        self.send(&answer.reply(&query, age), client).await;
        None
    }

    /// Asks for an answer, and passes it on.
    async fn serve(self: Rc<Self>, query: Query, key: Vec<u8>, client: SocketAddr) {
        let reply = match self.ask(&query).await {
            Some(answer) => {
                let answer = Rc::new(answer);
                self.cache.borrow_mut().put(key, answer.clone(), Instant::now());
                self.count(|_| {});
                answer.reply(&query, 0)
            }
            None => {
                self.count(|counts| counts.failed += 1);
                query.failed(SERVER_FAILURE)
            }
        };
        self.send(&reply, client).await;
    }

    /// Asks one server after the other; an answer that is none is better than nothing.
    async fn ask(&self, query: &Query) -> Option<Answer> {
        let (servers, limit) = (&self.settings.upstreams, self.settings.limit);
        let first = self.preferred.get();
        let mut last = None;
        for nth in 0..servers.len() {
            let server = (first + nth) % servers.len();
            match timeout(limit, self.ask_one(servers[server], query)).await {
                Ok(Ok(answer)) if answer.is_final() => {
                    self.preferred.set(server);
                    return Some(answer);
                }
                Ok(Ok(answer)) => last = Some(answer),
                // Nobody there, or no answer in time: the next one.
                Ok(Err(_)) | Err(_) => {}
            }
        }
        last
    }

    async fn ask_one(&self, server: SocketAddr, query: &Query) -> io::Result<Answer> {
        let any: IpAddr =
            if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
        // Nobody else's messages are received.
        socket.connect(server).await?;
        let (key, number) = &self.ids;
        let id = key.hash_one(number.replace(number.get() + 1)) as u16;
        socket.send(&query.forwarded(id)).await?;
        let mut buffer = [0; MAX_MESSAGE];
        loop {
            let count = socket.recv(&mut buffer).await?;
            // Anything else is a late answer, or somebody's guess.
            if let Some(answer) = Answer::parse(&buffer[..count], query, id) {
                return Ok(answer);
            }
        }
    }

    async fn send(&self, reply: &[u8], client: SocketAddr) {
        // One that is lost the client asks for again, as it does if the network loses it.
        let _ = self.socket.send_to(reply, client).await;
    }

    /// Counts a query, and how it was answered.
    fn count(&self, how: impl FnOnce(&mut Counts)) {
        let mut counts = self.counts.get();
        counts.queries += 1;
        how(&mut counts);
        self.counts.set(counts);
    }
}
