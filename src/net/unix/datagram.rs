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
    net::{datagrams::datagrams, handle::handle},
    system::{Source, System},
};

/// A Unix socket that sends and receives datagrams.
///
/// Unlike those of a [`UdpSocket`](crate::net::UdpSocket), they arrive, once, and in order; whoever sends
/// waits while the receiver has no room. (Where the system calls a lack of room an error, as macOS does by
/// `ENOBUFS`, so does this.) A receiver's buffer that is too short still loses the rest, one of no
/// bytes is as good as any other, and all is as cancellation-safe.
///
/// One that is not bound has no name: its address is unnamed, for itself and for who receives from it. The file
/// that it is bound to **stays** when it is dropped, as that of a
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
    ///
    /// ```
    /// # use vigie::net::*;
    /// # fn main() -> std::io::Result<()> {
    /// # let path = std::env::temp_dir().join(format!("vigie-doc-bind-{}-{:?}", std::process::id(), std::thread::current().id()));
    /// let socket = UnixDatagram::bind(&path)?;
    /// assert_eq!(socket.local_addr()?.as_pathname(), Some(&*path));
    /// # std::fs::remove_file(&path)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::from_std(net::UnixDatagram::bind(path)?)
    }

    /// As [`bind`](Self::bind), by an address, which may be an abstract name where there are such.
    ///
    /// # Errors
    ///
    /// Those of [`bind`](Self::bind).
    ///
    /// ```
    /// # use vigie::net::*;
    /// # fn main() -> std::io::Result<()> {
    /// # let path = std::env::temp_dir().join(format!("vigie-doc-bind-addr-{}-{:?}", std::process::id(), std::thread::current().id()));
    /// use std::os::unix::net::SocketAddr;
    ///
    /// let addr = SocketAddr::from_pathname(&path)?;
    /// let socket = UnixDatagram::bind_addr(&addr)?;
    /// assert_eq!(socket.local_addr()?.as_pathname(), Some(&*path));
    /// # std::fs::remove_file(&path)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn bind_addr(addr: &SocketAddr) -> io::Result<Self> {
        Self::from_std(net::UnixDatagram::bind_addr(addr)?)
    }

    /// One without a name: nobody can send to it, unless it is connected.
    ///
    /// # Errors
    ///
    /// The system's, if there is no descriptor left.
    ///
    /// ```
    /// # use vigie::net::*;
    /// # fn main() -> std::io::Result<()> {
    /// let socket = UnixDatagram::unbound()?;
    /// assert!(socket.local_addr()?.is_unnamed());
    /// # Ok(())
    /// # }
    /// ```
    pub fn unbound() -> io::Result<Self> {
        Self::from_std(net::UnixDatagram::unbound()?)
    }

    /// Two sockets that are connected to each other.
    ///
    /// # Errors
    ///
    /// The system's, if there is no descriptor left.
    ///
    /// ```
    /// # use vigie::net::*;
    /// # fn main() -> std::io::Result<()> {
    /// # vigie::run(async {
    /// let (one, other) = UnixDatagram::pair()?;
    /// one.send(b"ahoy").await?;
    /// assert_eq!(other.recv(&mut [0; 8]).await?, 4);
    /// # Ok(())
    /// # })?
    /// # }
    /// ```
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
    ///
    /// ```
    /// # use vigie::net::*;
    /// # fn main() -> std::io::Result<()> {
    /// # let path = std::env::temp_dir().join(format!("vigie-doc-connect-{}-{:?}", std::process::id(), std::thread::current().id()));
    /// # vigie::run(async move {
    /// let log = UnixDatagram::bind(&path)?;
    /// let writer = UnixDatagram::unbound()?;
    /// writer.connect(&path)?;
    /// assert_eq!(writer.peer_addr()?.as_pathname(), Some(&*path));
    /// writer.send(b"eight bells").await?;
    /// assert_eq!(log.recv(&mut [0; 64]).await?, 11);
    /// # std::fs::remove_file(&path)?;
    /// # Ok(())
    /// # })?
    /// # }
    /// ```
    pub fn connect(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.source.get().connect(path)
    }

    /// As [`connect`](Self::connect), by an address, which may be an abstract name where there are such.
    ///
    /// # Errors
    ///
    /// Those of [`connect`](Self::connect).
    ///
    /// ```
    /// # use vigie::net::*;
    /// # fn main() -> std::io::Result<()> {
    /// # let path = std::env::temp_dir().join(format!("vigie-doc-connect-addr-{}-{:?}", std::process::id(), std::thread::current().id()));
    /// # vigie::run(async move {
    /// let log = UnixDatagram::bind(&path)?;
    /// let writer = UnixDatagram::unbound()?;
    /// writer.connect_addr(&log.local_addr()?)?;
    /// writer.send(b"eight bells").await?;
    /// assert_eq!(log.recv(&mut [0; 64]).await?, 11);
    /// # std::fs::remove_file(&path)?;
    /// # Ok(())
    /// # })?
    /// # }
    /// ```
    pub fn connect_addr(&self, addr: &SocketAddr) -> io::Result<()> {
        self.source.get().connect_addr(addr)
    }

    /// Shuts down one direction or both: to send is an error then, for the peer as well where this one receives
    /// no more. Who waits to receive goes on waiting, on Linux at least.
    ///
    /// # Errors
    ///
    /// The system's: [`NotConnected`](io::ErrorKind::NotConnected) if it is not.
    ///
    /// ```
    /// # use vigie::net::*;
    /// # fn main() -> std::io::Result<()> {
    /// # vigie::run(async {
    /// use std::{io::ErrorKind, net::Shutdown};
    ///
    /// let (one, other) = UnixDatagram::pair()?;
    /// one.shutdown(Shutdown::Both)?;
    /// assert_eq!(other.send(b"ahoy").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    /// # Ok(())
    /// # })?
    /// # }
    /// ```
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.source.get().shutdown(how)
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
    ///
    /// ```
    /// # use vigie::net::*;
    /// # fn main() -> std::io::Result<()> {
    /// # let path = std::env::temp_dir().join(format!("vigie-doc-send-to-{}-{:?}", std::process::id(), std::thread::current().id()));
    /// # vigie::run(async move {
    /// let log = UnixDatagram::bind(&path)?;
    /// let writer = UnixDatagram::unbound()?;
    /// writer.send_to(b"eight bells", &path).await?;
    /// assert_eq!(log.recv(&mut [0; 64]).await?, 11);
    /// # std::fs::remove_file(&path)?;
    /// # Ok(())
    /// # })?
    /// # }
    /// ```
    pub async fn send_to(&self, buf: &[u8], path: impl AsRef<Path>) -> io::Result<usize> {
        self.send_patiently(|socket| socket.send_to(buf, &path)).await
    }

    /// As [`send_to`](Self::send_to), by an address, which may be an abstract name where there are such.
    ///
    /// # Errors
    ///
    /// Those of [`send_to`](Self::send_to).
    ///
    /// ```
    /// # use vigie::net::*;
    /// # fn main() -> std::io::Result<()> {
    /// # let path = std::env::temp_dir().join(format!("vigie-doc-send-to-addr-{}-{:?}", std::process::id(), std::thread::current().id()));
    /// # vigie::run(async move {
    /// let server = UnixDatagram::bind(&path)?;
    /// let (client, mut buf) = (UnixDatagram::unbound()?, [0; 64]);
    /// client.send_to_addr(b"land?", &server.local_addr()?).await?;
    /// assert_eq!(server.recv(&mut buf).await?, 5);
    /// # std::fs::remove_file(&path)?;
    /// # Ok(())
    /// # })?
    /// # }
    /// ```
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
}

handle!(UnixDatagram, net::UnixDatagram, SocketAddr, "socket", "let socket = UnixDatagram::unbound()?;");
datagrams!(UnixDatagram, SocketAddr, "let (one, other) = UnixDatagram::pair()?;");
