//! Streams.

use std::{
    io,
    os::unix::net::{self, SocketAddr},
    path::Path,
};

use socket2::{Domain, SockAddr, Socket, Type};

use super::until_the_peer_has_room;
use crate::{
    net::{connect::established, handle::handle, io::byte_stream},
    system::{Source, transfer::never},
};

/// A connection by a Unix socket. In all that is not said here it is as a [`TcpStream`](crate::net::TcpStream).
/// The address of an end is unnamed, unless that was bound.
///
/// ```
/// use futures_lite::{AsyncReadExt, AsyncWriteExt};
/// use vigie::net::UnixStream;
///
/// # fn main() -> std::io::Result<()> {
/// vigie::run(async {
///     let (mut one, mut other) = UnixStream::pair()?;
///     one.write_all(b"from deck to deck").await?;
///     one.close().await?;
///     let mut words = String::new();
///     other.read_to_string(&mut words).await?;
///     assert_eq!(words, "from deck to deck");
///     assert!(one.local_addr()?.is_unnamed() && one.peer_addr()?.is_unnamed());
///     Ok(())
/// })?
/// # }
/// ```
///
/// Descriptors and credentials travel beside the bytes; `rustix::net::sendmsg` and `recvmsg` take the stream.
pub struct UnixStream {
    source: Source<net::UnixStream>,
}

impl UnixStream {
    /// Connects to the listener of that path.
    ///
    /// As long as it has no room for another connection, Linux refuses this one, and does not tell of a
    /// change: then this waits for a while and tries again, 1 ms at first, twice as long each time, and 64 ms
    /// at most. Who came first is not served first.
    ///
    /// Cancellation-safe: dropping this future closes the socket.
    ///
    /// # Errors
    ///
    /// The system's, as [`NotFound`](io::ErrorKind::NotFound), or
    /// [`ConnectionRefused`](io::ErrorKind::ConnectionRefused) where nobody listens any more;
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for a path that is too long; and that of a domain without
    /// the system's events.
    ///
    /// ```
    /// # use vigie::net::*;
    /// # fn main() -> std::io::Result<()> {
    /// # let path = std::env::temp_dir().join(format!("vigie-doc-connect-stream-{}-{:?}", std::process::id(), std::thread::current().id()));
    /// # vigie::run(async move {
    /// let listener = UnixListener::bind(&path)?;
    /// let stream = UnixStream::connect(&path).await?;
    /// assert_eq!(stream.peer_addr()?.as_pathname(), Some(&*path));
    /// # drop(listener);
    /// # std::fs::remove_file(&path)?;
    /// # Ok(())
    /// # })?
    /// # }
    /// ```
    pub async fn connect(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::connect_addr(&SocketAddr::from_pathname(path)?).await
    }

    /// As [`connect`](Self::connect), by an address, which may be an abstract name where there are such.
    ///
    /// # Errors
    ///
    /// Those of [`connect`](Self::connect).
    ///
    /// ```
    /// # #[cfg(any(target_os = "linux", target_os = "android"))]
    /// # fn main() -> std::io::Result<()> {
    /// use std::os::{linux::net::SocketAddrExt, unix::net::SocketAddr};
    /// use vigie::net::{UnixListener, UnixStream};
    ///
    /// vigie::run(async {
    ///     let name = format!("vigie-{}", std::process::id());
    ///     let addr = SocketAddr::from_abstract_name(name)?;
    ///     let listener = UnixListener::bind_addr(&addr)?;
    ///     let stream = UnixStream::connect_addr(&addr).await?;
    ///     let (_served, _) = listener.accept().await?;
    ///     assert_eq!(stream.peer_addr()?.as_abstract_name(), addr.as_abstract_name());
    ///     Ok(())
    /// })?
    /// # }
    /// # #[cfg(not(any(target_os = "linux", target_os = "android")))]
    /// # fn main() {}
    /// ```
    pub async fn connect_addr(addr: &SocketAddr) -> io::Result<Self> {
        let addr = sock_addr(addr)?;
        let mut backoff = until_the_peer_has_room();
        loop {
            let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
            socket.set_nonblocking(true)?;
            match established(socket, &addr).await {
                Ok(source) => return Ok(Self { source }),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => backoff.wait().await?,
                Err(error) => return Err(error),
            }
        }
    }

    /// Two streams that are connected to each other.
    ///
    /// # Errors
    ///
    /// The system's, if there is no descriptor left.
    ///
    /// ```
    /// # use vigie::net::*;
    /// # fn main() -> std::io::Result<()> {
    /// # vigie::run(async {
    /// use futures_lite::{AsyncReadExt, AsyncWriteExt};
    ///
    /// let (mut one, mut other) = UnixStream::pair()?;
    /// one.write_all(b"ahoy").await?;
    /// assert_eq!(other.read(&mut [0; 8]).await?, 4);
    /// # Ok(())
    /// # })?
    /// # }
    /// ```
    pub fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = net::UnixStream::pair()?;
        Ok((Self::from_std(one)?, Self::from_std(other)?))
    }

    /// The socket does not block.
    pub(super) fn new(stream: net::UnixStream) -> Self {
        Self { source: Source::new(stream) }
    }
}

/// The address in the terms of `socket2`, which has a name that begins with a zero for an abstract one.
fn sock_addr(addr: &SocketAddr) -> io::Result<SockAddr> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        #[cfg(target_os = "android")]
        use std::os::android::net::SocketAddrExt;
        #[cfg(target_os = "linux")]
        use std::os::linux::net::SocketAddrExt;
        use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

        if let Some(name) = addr.as_abstract_name() {
            return SockAddr::unix(OsStr::from_bytes(&[b"\0", name].concat()));
        }
    }
    SockAddr::unix(addr.as_pathname().unwrap_or(Path::new("")))
}

handle!(UnixStream, net::UnixStream, SocketAddr, "stream", "let (socket, _other) = UnixStream::pair()?;");
// A read ends where descriptors or credentials were sent along, with bytes behind them, of which nothing would
// tell.
byte_stream!(UnixStream, SocketAddr, never, "let (client, server) = UnixStream::pair()?;");
