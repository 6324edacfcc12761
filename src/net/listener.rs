//! Listeners.

use std::{
    cell::Cell,
    io,
    net::{self, SocketAddr},
};

use super::{TcpSocket, TcpStream, ToAddrs, accept::accepts, first::first, handle::handle};
use crate::system::Source;

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
    ///
    /// ```
    /// # use vigie::net::*;
    /// # fn main() -> std::io::Result<()> {
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// assert_ne!(listener.local_addr()?.port(), 0);
    /// # Ok(())
    /// # }
    /// ```
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

handle!(
    TcpListener,
    net::TcpListener,
    SocketAddr,
    "listener",
    r#"let socket = TcpListener::bind("127.0.0.1:0")?;"#
);
accepts!(
    TcpListener,
    TcpStream,
    SocketAddr,
    r#"let listener = TcpListener::bind("127.0.0.1:0")?;
let client = TcpStream::connect(listener.local_addr()?).await?;"#
);
