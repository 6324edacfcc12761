//! Listeners.

use std::{
    future::poll_fn,
    io,
    net::{self, SocketAddr},
    task::{Context, Poll},
};

use super::{TcpSocket, TcpStream, ToAddrs, first::first, handle::handle};
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
        Self { source: Source::new(listener) }
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
    /// # Errors
    ///
    /// The system's, as it gives them, also those of a connection that came to grief before it was
    /// accepted (`ECONNABORTED`). The listener can be used after any of them: out of descriptors
    /// (`EMFILE`, `ENFILE`), it keeps the connection, and the same call succeeds once there is a
    /// descriptor. It fails at once until then: a loop that goes on should wait for a moment.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// The poll form of [`accept`](Self::accept). Every task that polled it is woken when there may
    /// be a connection.
    ///
    /// # Errors
    ///
    /// Those of [`accept`](Self::accept).
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        self.source
            .poll_io(cx, Direction::Read, accept, |_| false)
            .map_ok(|(stream, addr)| (TcpStream::new(stream), addr))
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

/// The connections of a listener; see [`TcpListener::incoming`].
#[derive(Debug)]
pub struct Incoming<'a> {
    listener: &'a TcpListener,
}

impl Incoming<'_> {
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
