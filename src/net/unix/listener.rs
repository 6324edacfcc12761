//! Listeners.

use std::{
    cell::Cell,
    io,
    os::unix::net::{self, SocketAddr},
    path::Path,
};

use super::UnixStream;
use crate::{
    net::{accept::accepts, handle::handle},
    system::Source,
};

/// A Unix socket that accepts connections. In all that is not said here it is as a
/// [`TcpListener`](crate::net::TcpListener).
///
/// The file that it is bound to **stays** when it is dropped, and a path that there is cannot be bound to:
/// whoever wants to listen there again removes it before. A peer's address is unnamed, unless it was bound. (Where somebody may listen still, only a
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
///     assert_eq!(listener.local_addr()?.as_pathname(), Some(&*path));
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
    ///
    /// ```
    /// # use vigie::net::*;
    /// # fn main() -> std::io::Result<()> {
    /// # let path = std::env::temp_dir().join(format!("vigie-doc-listen-{}-{:?}", std::process::id(), std::thread::current().id()));
    /// use std::io::ErrorKind;
    ///
    /// let listener = UnixListener::bind(&path)?;
    /// assert_eq!(UnixListener::bind(&path).unwrap_err().kind(), ErrorKind::AddrInUse);
    /// # drop(listener);
    /// # std::fs::remove_file(&path)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::from_std(net::UnixListener::bind(path)?)
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
    /// # let path = std::env::temp_dir().join(format!("vigie-doc-listen-addr-{}-{:?}", std::process::id(), std::thread::current().id()));
    /// use std::os::unix::net::SocketAddr;
    ///
    /// let addr = SocketAddr::from_pathname(&path)?;
    /// let listener = UnixListener::bind_addr(&addr)?;
    /// assert_eq!(listener.local_addr()?.as_pathname(), Some(&*path));
    /// # std::fs::remove_file(&path)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn bind_addr(addr: &SocketAddr) -> io::Result<Self> {
        Self::from_std(net::UnixListener::bind_addr(addr)?)
    }

    /// The socket does not block.
    fn new(listener: net::UnixListener) -> Self {
        Self { source: Source::new(listener), shortages: Cell::new(0) }
    }
}

fn accept(listener: &net::UnixListener) -> io::Result<(net::UnixStream, SocketAddr)> {
    let (stream, addr) = listener.accept()?;
    stream.set_nonblocking(true)?;
    Ok((stream, addr))
}

handle!(
    UnixListener,
    net::UnixListener,
    SocketAddr,
    "listener",
    r#"# let path = std::env::temp_dir().join(format!("vigie-doc-handle-{}-{:?}", std::process::id(), std::thread::current().id()));
let socket = UnixListener::bind(&path)?;
# std::fs::remove_file(&path)?;"#
);
accepts!(
    UnixListener,
    UnixStream,
    SocketAddr,
    r#"# let path = std::env::temp_dir().join(format!("vigie-doc-accept-{}-{:?}", std::process::id(), std::thread::current().id()));
let listener = UnixListener::bind(&path)?;
let client = UnixStream::connect(&path).await?;
# std::fs::remove_file(&path)?;"#
);
