//! Listeners.

use std::{
    cell::Cell,
    io,
    net::{self, SocketAddr},
    task::{Context, Poll},
};

use super::{Incoming, TcpSocket, TcpStream, ToAddrs, accept::patiently, first::first, handle::handle};
use crate::system::{Direction, Source};

/// Connections that the system may hold until they are accepted. The 128 of the standard library are
/// few for a burst; the system's own limit still applies.
const BACKLOG: u32 = 1024;

/// A TCP socket that accepts connections.
///
/// It belongs to no domain: `Send`, but not `Sync` (see the [module](super)). Dropping it closes it.
///
/// ```
/// use futures_lite::{AsyncReadExt, AsyncWriteExt};
/// use vigie::net::TcpListener;
///
/// # fn main() -> std::io::Result<()> {
/// vigie::run(async {
///     let listener = TcpListener::bind("127.0.0.1:0")?;
///     let addr = listener.local_addr()?;
///     let client = std::thread::spawn(move || std::net::TcpStream::connect(addr));
///
///     let (mut stream, peer) = listener.accept().await?;
///     assert_eq!(peer, client.join().unwrap()?.local_addr()?);
///     // The client has gone: there is nothing to read.
///     assert_eq!(stream.read(&mut [0; 16]).await?, 0);
///     Ok(())
/// })?
/// # }
/// ```
pub struct TcpListener {
    source: Source<net::TcpListener>,
    shortages: Cell<u64>,
}

impl TcpListener {
    /// Listens at the first of the addresses where that is possible. Port 0 has the system choose a
    /// port, found out by [`local_addr`](Self::local_addr).
    ///
    /// On Unix an address that was in use until lately is taken at once (`SO_REUSEADDR`). The system
    /// holds up to 1024 connections until they are accepted, if it has no lower limit of its own.
    ///
    /// Nothing blocks, and no domain is needed: this works anywhere. For another backlog, or other options,
    /// there is [`TcpSocket`].
    ///
    /// # Errors
    ///
    /// The system's error for the last of the addresses, or
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if there is none (see [`ToAddrs`]).
    pub fn bind(addrs: impl ToAddrs) -> io::Result<Self> {
        first(&addrs, |addr| {
            let socket = TcpSocket::for_addr(addr)?;
            // On Windows this would let others take the address away.
            #[cfg(unix)]
            socket.set_reuse_address(true)?;
            socket.bind(addr)?;
            socket.listen(BACKLOG)
        })
    }

    /// The socket does not block.
    pub(super) fn new(listener: net::TcpListener) -> Self {
        Self { source: Source::new(listener), shortages: Cell::new(0) }
    }

    /// The address that it listens at.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.source.get().local_addr()
    }

    /// Accepts the next connection; the second of the pair is the peer's address.
    ///
    /// Cancellation-safe: a connection that was not returned stays with the listener. Several tasks
    /// may accept at a time.
    ///
    /// Out of descriptors or memory (`EMFILE`, `ENFILE`, `ENOBUFS`, `ENOMEM`), it waits for a while and tries
    /// again: 5 ms at first, twice as long each time, and 1 s at most. The system keeps the connections
    /// meanwhile, as many as it has room for, and tells nobody when there is a descriptor again.
    /// [`shortages`](Self::shortages) counts them. A connection that came to grief before it was accepted
    /// (`ECONNABORTED`, `EPROTO`, and what the network has to say of it, as `EHOSTUNREACH`) is passed over.
    /// Who wants to see all that has [`poll_accept`](Self::poll_accept).
    ///
    /// # Errors
    ///
    /// The system's, of any other kind: they are the listener's, and likely to come again; or that of a domain
    /// without the system's events. The listener can be used after any of them.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        patiently(&self.shortages, |cx| self.poll_accept(cx)).await
    }

    /// Accepts, or has the task woken when there may be a connection, as all that polled this.
    ///
    /// # Errors
    ///
    /// The system's, all of them. The listener can be used after any: out of descriptors, it keeps the
    /// connection, and fails at once until there is one. A loop that goes on should wait for a moment.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        self.source
            .poll_io(cx, Direction::Read, accept, |_| false)
            .map_ok(|(stream, addr)| (TcpStream::new(stream), addr))
    }

    /// How often an [`accept`](Self::accept) of this handle had to wait because the system was short of
    /// descriptors or memory. Where this grows, the limit of descriptors is too low for the load.
    pub fn shortages(&self) -> u64 {
        self.shortages.get()
    }

    /// The connections, one after the other.
    ///
    /// ```
    /// use vigie::net::{TcpListener, TcpStream};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// vigie::run(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0")?;
    ///     let addr = listener.local_addr()?;
    ///     let clients = vigie::spawn(async move {
    ///         Ok::<_, std::io::Error>([TcpStream::connect(addr).await?, TcpStream::connect(addr).await?])
    ///     });
    ///     let mut incoming = listener.incoming();
    ///     for _ in 0..2 {
    ///         assert_eq!(incoming.next().await?.local_addr()?, addr);
    ///     }
    ///     clients.await?.map(drop)
    /// })?
    /// # }
    /// ```
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { listener: self }
    }
}

/// One call: the stream is non-blocking, and not inherited, from the start.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn accept(listener: &net::TcpListener) -> io::Result<(net::TcpStream, SocketAddr)> {
    use rustix::net::{SocketFlags, acceptfrom_with};
    let (stream, addr) = acceptfrom_with(listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)?;
    let stream = net::TcpStream::from(stream);
    let addr = match addr {
        Some(addr) => addr.try_into()?,
        None => stream.peer_addr()?,
    };
    Ok((stream, addr))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn accept(listener: &net::TcpListener) -> io::Result<(net::TcpStream, SocketAddr)> {
    let (stream, addr) = listener.accept()?;
    stream.set_nonblocking(true)?;
    Ok((stream, addr))
}

handle!(TcpListener, net::TcpListener, "listener");

impl Incoming<'_, TcpListener> {
    /// The next connection. There is no end.
    ///
    /// Cancellation-safe, as [`accept`](TcpListener::accept) is.
    ///
    /// # Errors
    ///
    /// Those of [`accept`](TcpListener::accept).
    pub async fn next(&mut self) -> io::Result<TcpStream> {
        self.listener.accept().await.map(|(stream, _)| stream)
    }
}
