//! Streams.

use std::{
    future::poll_fn,
    io,
    net::{self, SocketAddr},
    task::{Context, Poll},
};

use super::{ToAddrs, addrs, connect::connect, handle::handle, io::byte_stream};
use crate::system::{Direction, Source, transfer::if_short};

/// A TCP connection.
///
/// Bytes go through [`AsyncRead`](futures_io::AsyncRead) and [`AsyncWrite`](futures_io::AsyncWrite),
/// which `TcpStream` and `&TcpStream` implement. Nothing is buffered: flushing does nothing, and a
/// write that has returned is the system's. Closing (`poll_close`) shuts down the writing direction
/// only: the peer reads the end, and can still be read from. Dropping the stream closes the socket.
///
/// Reading and writing are cancellation-safe: an operation that did not return has moved no bytes.
/// (What is built of several, as `read_exact`, is not.) Several tasks may read, or write, at a time:
/// each byte goes to one of them. A reader and a writer never disturb each other.
///
/// It belongs to no domain: `Send`, but not `Sync` (see the [module](super)). What has to be set before it
/// connects, a [`TcpSocket`](super::TcpSocket) sets.
///
/// ```
/// use futures_lite::{AsyncReadExt, AsyncWriteExt};
/// use vigie::net::{TcpListener, TcpStream};
///
/// # fn main() -> std::io::Result<()> {
/// vigie::run(async {
///     let listener = TcpListener::bind("127.0.0.1:0")?;
///     let mut client = TcpStream::connect(listener.local_addr()?).await?;
///     let (mut server, _) = listener.accept().await?;
///     assert_eq!(client.local_addr()?, server.peer_addr()?);
///
///     client.write_all(b"in the crow's nest").await?;
///     let mut buf = [0; 18];
///     server.read_exact(&mut buf).await?;
///     assert_eq!(&buf, b"in the crow's nest");
///
///     client.close().await?;
///     assert_eq!(server.read(&mut buf).await?, 0);
///     Ok(())
/// })?
/// # }
/// ```
///
/// It may go to the standard library, and come from there:
///
/// ```
/// use std::io::Read;
/// use vigie::net::{TcpListener, TcpStream};
///
/// # fn main() -> std::io::Result<()> {
/// let stream = vigie::run(async {
///     let listener = TcpListener::bind("127.0.0.1:0")?;
///     TcpStream::connect(listener.local_addr()?).await
/// })??;
/// let mut stream = stream.into_std();
/// stream.set_nonblocking(false)?;
/// // The listener went without having accepted it.
/// assert!(stream.read(&mut [0]).is_err());
/// # Ok(())
/// # }
/// ```
///
/// A stream is used on one domain at a time:
///
/// ```compile_fail,E0277
/// fn is_sync<T: Sync>() {}
/// is_sync::<vigie::net::TcpStream>();
/// ```
pub struct TcpStream {
    pub(super) source: Source<net::TcpStream>,
}

impl TcpStream {
    /// Connects to the first of the addresses where that is possible; each is tried until the system
    /// gives up ([`timeout`](crate::time::timeout) sets a limit to it all). A name is looked up first, with the
    /// feature `blocking`, as by `lookup_host`.
    ///
    /// Cancellation-safe: dropping this future closes the socket.
    ///
    /// # Errors
    ///
    /// The system's error for the last of the addresses, as
    /// [`ConnectionRefused`](io::ErrorKind::ConnectionRefused);
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if there is none (see [`ToAddrs`]); that of a lookup;
    /// and that of a domain without the system's events.
    ///
    /// ```
    /// # use vigie::net::*;
    /// # fn main() -> std::io::Result<()> {
    /// # vigie::run(async {
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// assert_eq!(stream.peer_addr()?, listener.local_addr()?);
    /// # Ok(())
    /// # })?
    /// # }
    /// ```
    pub async fn connect(addrs: impl ToAddrs) -> io::Result<Self> {
        let mut last = None;
        for addr in addrs::look_up(addrs.host()?).await? {
            match connect(addr).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = Some(error),
            }
        }
        Err(last.expect("there is at least one address"))
    }

    /// The socket does not block.
    pub(super) fn new(stream: net::TcpStream) -> Self {
        Self { source: Source::new(stream) }
    }

    /// Reads without taking: what is peeked at is there for the next read. 0 is the end, as for a
    /// read. A buffer of one byte serves to wait for data before a buffer for it is had.
    ///
    /// Cancellation-safe.
    ///
    /// # Errors
    ///
    /// Those of a read.
    ///
    /// ```
    /// use futures_lite::{AsyncReadExt, AsyncWriteExt};
    /// use vigie::net::{TcpListener, TcpStream};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// vigie::run(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0")?;
    ///     let mut client = TcpStream::connect(listener.local_addr()?).await?;
    ///     let (mut server, _) = listener.accept().await?;
    ///     client.write_all(b"x").await?;
    ///     let mut buf = [0; 8];
    ///     assert_eq!(server.peek(&mut buf).await?, 1);
    ///     assert_eq!(server.read(&mut buf).await?, 1);
    ///     Ok(())
    /// })?
    /// # }
    /// ```
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        poll_fn(|cx| self.poll_peek(cx, buf)).await
    }

    /// The poll form of [`peek`](Self::peek).
    ///
    /// # Errors
    ///
    /// Those of a read.
    ///
    /// ```
    /// # use vigie::net::*;
    /// # fn main() -> std::io::Result<()> {
    /// # vigie::run(async {
    /// use futures_lite::AsyncWriteExt;
    /// use std::future::poll_fn;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let client = TcpStream::connect(listener.local_addr()?).await?;
    /// let (mut server, _) = listener.accept().await?;
    /// server.write_all(b"x").await?;
    /// assert_eq!(poll_fn(|cx| client.poll_peek(cx, &mut [0; 8])).await?, 1);
    /// # Ok(())
    /// # })?
    /// # }
    /// ```
    pub fn poll_peek(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        // However little there is, it is not used up.
        self.source.poll_io(cx, Direction::Read, |stream| stream.peek(buf), |_| false)
    }
}

handle!(
    TcpStream,
    net::TcpStream,
    SocketAddr,
    "stream",
    r#"let listener = TcpListener::bind("127.0.0.1:0")?;
let socket = TcpStream::connect(listener.local_addr()?).await?;"#
);
// What else cuts a read short, urgent data, the source knows of.
byte_stream!(
    TcpStream,
    SocketAddr,
    if_short,
    r#"let listener = TcpListener::bind("127.0.0.1:0")?;
let client = TcpStream::connect(listener.local_addr()?).await?;
let (server, _) = listener.accept().await?;"#
);
