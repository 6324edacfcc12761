//! Listeners.

use std::{
    cell::Cell,
    io,
    os::unix::net::{self, SocketAddr},
    path::Path,
    task::{Context, Poll},
};

use super::UnixStream;
use crate::{
    net::{Incoming, accept::patiently, handle::handle},
    system::{Direction, Source},
};

/// A Unix socket that accepts connections. In all that is not said here it is as a
/// [`TcpListener`](crate::net::TcpListener).
///
/// The file that it is bound to **stays** when it is dropped, and a path that there is cannot be bound to:
/// whoever wants to listen there again removes it before. (Where somebody may listen still, only a
/// refused connection tells that nobody does.)
///
/// ```
/// use futures_lite::{AsyncReadExt, AsyncWriteExt};
/// use vigie::net::{UnixListener, UnixStream};
///
/// # fn main() -> std::io::Result<()> {
/// # let path = std::env::temp_dir().join(format!("vigie-doc-{}", std::process::id()));
/// vigie::run(async move {
///     let listener = UnixListener::bind(&path)?;
///     let mut client = UnixStream::connect(&path).await?;
///     let (mut server, _) = listener.accept().await?;
///     client.write_all(b"ahoy").await?;
///     let mut buf = [0; 4];
///     server.read_exact(&mut buf).await?;
///     assert_eq!(&buf, b"ahoy");
///     std::fs::remove_file(&path)
/// })?
/// # }
/// ```
pub struct UnixListener {
    source: Source<net::UnixListener>,
    shortages: Cell<u64>,
}

impl UnixListener {
    /// Listens at a path, which it makes a socket of. As many connections as the system allows wait until
    /// they are accepted.
    ///
    /// Nothing blocks, and no domain is needed: this works anywhere.
    ///
    /// # Errors
    ///
    /// The system's, as [`AddrInUse`](io::ErrorKind::AddrInUse) if there is such a file;
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for a path that is too long.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::from_std(net::UnixListener::bind(path)?)
    }

    /// As [`bind`](Self::bind), by an address, which may be an abstract name where there are such.
    ///
    /// # Errors
    ///
    /// Those of [`bind`](Self::bind).
    pub fn bind_addr(addr: &SocketAddr) -> io::Result<Self> {
        Self::from_std(net::UnixListener::bind_addr(addr)?)
    }

    /// The socket does not block.
    fn new(listener: net::UnixListener) -> Self {
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

    /// Accepts the next connection; the second of the pair is the peer's address, which is unnamed unless the
    /// peer was bound.
    ///
    /// It is as cancellation-safe as [`TcpListener::accept`](crate::net::TcpListener::accept), and as patient:
    /// where the system is short of descriptors or memory it waits and tries again.
    ///
    /// # Errors
    ///
    /// Those of [`TcpListener::accept`](crate::net::TcpListener::accept).
    pub async fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        patiently(&self.shortages, |cx| self.poll_accept(cx)).await
    }

    /// Accepts, or has the task woken when there may be a connection, as all that polled this.
    ///
    /// # Errors
    ///
    /// The system's, all of them: see [`TcpListener::poll_accept`](crate::net::TcpListener::poll_accept).
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(UnixStream, SocketAddr)>> {
        self.source
            .poll_io(cx, Direction::Read, accept, |_| false)
            .map_ok(|(stream, addr)| (UnixStream::new(stream), addr))
    }

    /// How often an [`accept`](Self::accept) of this handle had to wait because the system was short of
    /// descriptors or memory. Where this grows, the limit of descriptors is too low for the load.
    pub fn shortages(&self) -> u64 {
        self.shortages.get()
    }

    /// The connections, one after the other.
    pub fn incoming(&self) -> Incoming<'_, Self> {
        Incoming { listener: self }
    }
}

fn accept(listener: &net::UnixListener) -> io::Result<(net::UnixStream, SocketAddr)> {
    let (stream, addr) = listener.accept()?;
    stream.set_nonblocking(true)?;
    Ok((stream, addr))
}

handle!(UnixListener, net::UnixListener, "listener");

impl Incoming<'_, UnixListener> {
    /// The next connection. There is no end.
    ///
    /// Cancellation-safe, as [`accept`](UnixListener::accept) is.
    ///
    /// # Errors
    ///
    /// Those of [`accept`](UnixListener::accept).
    pub async fn next(&mut self) -> io::Result<UnixStream> {
        self.listener.accept().await.map(|(stream, _)| stream)
    }
}
