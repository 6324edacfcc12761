//! Datagrams.

use std::{
    future::poll_fn,
    io,
    net::Shutdown,
    os::unix::net::{self, SocketAddr},
    path::Path,
    task::{Context, Poll},
};

use super::until_the_peer_has_room;
use crate::{
    events,
    net::handle::handle,
    system::{Direction, Source, System},
};

/// A Unix socket that sends and receives datagrams.
///
/// Unlike those of a [`UdpSocket`](crate::net::UdpSocket), they arrive, once, and in order; whoever sends
/// waits while the receiver has no room. A receiver's buffer that is too short still loses the rest, one of no
/// bytes is as good as any other, and all is as cancellation-safe.
///
/// The file that it is bound to **stays** when it is dropped, as that of a
/// [`UnixListener`](super::UnixListener).
///
/// ```
/// use vigie::net::UnixDatagram;
///
/// # fn main() -> std::io::Result<()> {
/// # let path = std::env::temp_dir().join(format!("vigie-doc-datagram-{}", std::process::id()));
/// vigie::run(async move {
///     let log = UnixDatagram::bind(&path)?;
///     let writer = UnixDatagram::unbound()?;
///     writer.send_to(b"eight bells", &path).await?;
///
///     let mut buf = [0; 64];
///     let (count, from) = log.recv_from(&mut buf).await?;
///     assert_eq!(&buf[..count], b"eight bells");
///     assert!(from.is_unnamed());
///     std::fs::remove_file(&path)
/// })?
/// # }
/// ```
pub struct UnixDatagram {
    source: Source<net::UnixDatagram>,
}

impl UnixDatagram {
    /// Takes a path, which it makes a socket of.
    ///
    /// Nothing blocks, and no domain is needed: this works anywhere.
    ///
    /// # Errors
    ///
    /// The system's, as [`AddrInUse`](io::ErrorKind::AddrInUse) if there is such a file;
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for a path that is too long.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::from_std(net::UnixDatagram::bind(path)?)
    }

    /// As [`bind`](Self::bind), by an address, which may be an abstract name where there are such.
    ///
    /// # Errors
    ///
    /// Those of [`bind`](Self::bind).
    pub fn bind_addr(addr: &SocketAddr) -> io::Result<Self> {
        Self::from_std(net::UnixDatagram::bind_addr(addr)?)
    }

    /// One without a name: nobody can send to it, unless it is connected.
    ///
    /// # Errors
    ///
    /// The system's, if there is no descriptor left.
    pub fn unbound() -> io::Result<Self> {
        Self::from_std(net::UnixDatagram::unbound()?)
    }

    /// Two sockets that are connected to each other.
    ///
    /// # Errors
    ///
    /// The system's, if there is no descriptor left.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = net::UnixDatagram::pair()?;
        Ok((Self::from_std(one)?, Self::from_std(other)?))
    }

    /// The socket does not block.
    fn new(socket: net::UnixDatagram) -> Self {
        Self { source: Source::new(socket) }
    }

    /// Has [`send`](Self::send) send to the socket of that path, and nobody else's datagrams be received.
    /// Nothing is waited for. It may be connected again, to another one.
    ///
    /// # Errors
    ///
    /// The system's, as [`NotFound`](io::ErrorKind::NotFound).
    pub fn connect(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.source.get().connect(path)
    }

    /// As [`connect`](Self::connect), by an address, which may be an abstract name where there are such.
    ///
    /// # Errors
    ///
    /// Those of [`connect`](Self::connect).
    pub fn connect_addr(&self, addr: &SocketAddr) -> io::Result<()> {
        self.source.get().connect_addr(addr)
    }

    /// Its address.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.source.get().local_addr()
    }

    /// The address that it is connected to.
    ///
    /// # Errors
    ///
    /// The system's: [`NotConnected`](io::ErrorKind::NotConnected) if it is not.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.source.get().peer_addr()
    }

    /// Shuts down one direction or both: to send is an error then, for the peer as well where this one receives
    /// no more. Who waits to receive goes on waiting, on Linux at least.
    ///
    /// # Errors
    ///
    /// The system's: [`NotConnected`](io::ErrorKind::NotConnected) if it is not.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.source.get().shutdown(how)
    }

    /// Sends one datagram to the socket that this one is connected to, as soon as that has room; its length.
    /// (Where the system calls a lack of room an error, as macOS does by `ENOBUFS`, so does this.)
    ///
    /// # Errors
    ///
    /// The system's: that it is not connected, that the datagram is too long, or
    /// [`ConnectionRefused`](io::ErrorKind::ConnectionRefused) if the other socket has gone.
    pub async fn send(&self, buf: &[u8]) -> io::Result<usize> {
        poll_fn(|cx| self.poll_send(cx, buf)).await
    }

    /// The poll form of [`send`](Self::send).
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send).
    pub fn poll_send(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.source.poll_io(cx, Direction::Write, |socket| socket.send(buf), |_| false)
    }

    /// Sends one datagram to the socket of that path, as soon as that has room; its length.
    ///
    /// No system tells when a socket that this one is not connected to has room again: then this waits for a
    /// while and tries again, 1 ms at first, twice as long each time, and 64 ms at most. (So it has no poll
    /// form. Who sends much to one socket connects to it.)
    ///
    /// # Errors
    ///
    /// The system's: that the datagram is too long, as [`NotFound`](io::ErrorKind::NotFound), or
    /// [`ConnectionRefused`](io::ErrorKind::ConnectionRefused) if the other socket has gone; and that of a
    /// domain without the system's events.
    pub async fn send_to(&self, buf: &[u8], path: impl AsRef<Path>) -> io::Result<usize> {
        self.send_patiently(|socket| socket.send_to(buf, &path)).await
    }

    /// As [`send_to`](Self::send_to), by an address, which may be an abstract name where there are such.
    ///
    /// # Errors
    ///
    /// Those of [`send_to`](Self::send_to).
    pub async fn send_to_addr(&self, buf: &[u8], addr: &SocketAddr) -> io::Result<usize> {
        self.send_patiently(|socket| socket.send_to_addr(buf, addr)).await
    }

    async fn send_patiently(
        &self,
        send: impl Fn(&net::UnixDatagram) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let mut backoff = until_the_peer_has_room();
        loop {
            // What the source is ready for says something of the one that it is connected to, and nothing of
            // any other.
            let attempt = |_: &mut Context<'_>| {
                Poll::Ready(match events::with(|_: &mut System| ()) {
                    Ok(()) => send(self.source.get()),
                    Err(error) => Err(error.into()),
                })
            };
            match poll_fn(|cx| events::charged(cx, attempt)).await {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => backoff.wait().await?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                sent => return sent,
            }
        }
    }

    /// Receives one datagram: as much of it as fits into `buf`, and how much that is. The rest is lost.
    ///
    /// # Errors
    ///
    /// The system's.
    pub async fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        poll_fn(|cx| self.poll_recv(cx, buf)).await
    }

    /// The poll form of [`recv`](Self::recv).
    ///
    /// # Errors
    ///
    /// Those of [`recv`](Self::recv).
    pub fn poll_recv(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        // An empty buffer too: it takes a datagram.
        self.source.poll_io(cx, Direction::Read, |socket| socket.recv(buf), |_| false)
    }

    /// As [`recv`](Self::recv); the second of the pair is the sender's address, which is unnamed unless the
    /// sender was bound.
    ///
    /// # Errors
    ///
    /// Those of [`recv`](Self::recv).
    pub async fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        poll_fn(|cx| self.poll_recv_from(cx, buf)).await
    }

    /// The poll form of [`recv_from`](Self::recv_from).
    ///
    /// # Errors
    ///
    /// Those of [`recv`](Self::recv).
    pub fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        self.source.poll_io(cx, Direction::Read, |socket| socket.recv_from(buf), |_| false)
    }
}

handle!(UnixDatagram, net::UnixDatagram, "socket");
