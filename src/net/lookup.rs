//! Names of hosts.

use std::{
    fmt,
    future::Future,
    io, mem,
    net::{SocketAddr, ToSocketAddrs},
    panic::resume_unwind,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use super::{
    ToAddrs,
    addrs::{Host, some},
};
use crate::{
    blocking::Job,
    time::{Sleep, sleep},
};

/// How long a lookup may take, unless another time is set.
const LIMIT: Duration = Duration::from_secs(30);

/// Looks up the addresses of a host, as the system does it: by its files and its name servers.
///
/// That blocks a thread of the pool of [`blocking`](crate::blocking), and no domain. Literal addresses are
/// given back at once.
///
/// It takes 30 seconds at most, or as [`time_limit`](LookupHost::time_limit) says. When the time is up, or
/// the future is dropped, a lookup that has not begun never does. One that is under way cannot be stopped,
/// and is left behind, since it has no effect but to take a thread of the pool until the system gives it up:
/// neither its task nor [`run`](crate::run) waits for it.
///
/// # Errors
///
/// The system's, if it knows no such name or cannot ask; [`TimedOut`](io::ErrorKind::TimedOut);
/// [`InvalidInput`](io::ErrorKind::InvalidInput) if this is neither an address nor a name (see [`ToAddrs`]);
/// for a name that of a domain without the system's events.
///
/// ```
/// use vigie::net::{TcpListener, lookup_host};
///
/// # fn main() -> std::io::Result<()> {
/// vigie::run(async {
///     let addrs = lookup_host("127.0.0.1:80").await?;
///     assert_eq!(addrs, [([127, 0, 0, 1], 80).into()]);
///     # if let Ok(_) = lookup_host(("localhost", 0)).await {
///     // What cannot wait takes the addresses.
///     let listener = TcpListener::bind(lookup_host(("localhost", 0)).await?)?;
///     assert!(listener.local_addr()?.ip().is_loopback());
///     # }
///     Ok(())
/// })?
/// # }
/// ```
pub fn lookup_host(host: impl ToAddrs) -> LookupHost {
    LookupHost::new(host.host())
}

/// The future of [`lookup_host`].
///
/// ```
/// use vigie::net::{LookupHost, lookup_host};
///
/// # fn main() -> std::io::Result<()> {
/// vigie::run(async {
///     let lookup: LookupHost = lookup_host(("::1", 80));
///     assert_eq!(lookup.await?, ["[::1]:80".parse().unwrap()]);
///     Ok(())
/// })?
/// # }
/// ```
#[must_use = "futures do nothing unless polled"]
pub struct LookupHost {
    stage: Stage,
    limit: Duration,
}

enum Stage {
    Idle(io::Result<Host>),
    UnderWay(Lookup),
    Over,
}

struct Lookup {
    job: Job<Vec<SocketAddr>>,
    sleep: Sleep,
    name: String,
}

impl LookupHost {
    pub(super) fn new(host: io::Result<Host>) -> Self {
        Self { stage: Stage::Idle(host), limit: LIMIT }
    }

    /// How long it may take, from when it is first polled.
    ///
    /// ```
    /// use std::time::Duration;
    /// use vigie::net::lookup_host;
    ///
    /// vigie::run(async {
    ///     match lookup_host("localhost:80").time_limit(Duration::from_millis(1)).await {
    ///         Ok(addrs) => assert!(addrs.iter().all(|addr| addr.port() == 80)),
    ///         Err(error) => println!("not so soon: {error}"),
    ///     }
    /// }).unwrap();
    /// ```
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }
}

impl Future for LookupHost {
    type Output = io::Result<Vec<SocketAddr>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut lookup = match mem::replace(&mut self.stage, Stage::Over) {
            Stage::Idle(Err(error)) => return Poll::Ready(Err(error)),
            Stage::Idle(Ok(Host::Addrs(addrs))) => return Poll::Ready(some(addrs)),
            Stage::Idle(Ok(Host::Named(name, port))) => {
                let mut sleep = sleep(self.limit);
                // Where there are no timers, it does not even begin.
                if let Poll::Ready(Err(error)) = Pin::new(&mut sleep).poll(cx) {
                    return Poll::Ready(Err(error.into()));
                }
                Lookup::begin(name, port, sleep)
            }
            Stage::UnderWay(lookup) => lookup,
            // Polled after its end.
            Stage::Over => return Poll::Pending,
        };
        let polled = lookup.poll(cx, self.limit);
        if polled.is_pending() {
            self.stage = Stage::UnderWay(lookup);
        }
        polled
    }
}

impl Lookup {
    fn begin(name: String, port: u16, sleep: Sleep) -> Self {
        let host = (name.clone(), port);
        let job =
            Job::start(Box::new(move || (host.0.as_str(), host.1).to_socket_addrs().map(Iterator::collect)));
        Self { job, sleep, name }
    }

    fn poll(&mut self, cx: &mut Context<'_>, limit: Duration) -> Poll<io::Result<Vec<SocketAddr>>> {
        if let Poll::Ready(found) = self.job.poll(cx) {
            return Poll::Ready(found.unwrap_or_else(|panic| resume_unwind(panic)).and_then(some));
        }
        Pin::new(&mut self.sleep).poll(cx).map(|slept| {
            slept?;
            let late = format!("no address of {} was found within {limit:?}", self.name);
            Err(io::Error::new(io::ErrorKind::TimedOut, late))
        })
    }
}

impl Drop for Lookup {
    fn drop(&mut self) {
        // One that has begun is left behind.
        self.job.withdraw();
    }
}

impl fmt::Debug for LookupHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LookupHost").field("limit", &self.limit).finish_non_exhaustive()
    }
}
