//! Connections, between the traits of `futures-io` and hyper's.

use std::{
    cell::Cell,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use ::hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use futures_io::{AsyncRead, AsyncWrite};

/// A connection, in the terms of the other side: what reads and writes by `futures-io`, for hyper; and what
/// does so by hyper's traits, as its [`Upgraded`](::hyper::upgrade::Upgraded) does, for the rest.
///
/// Several buffers are written at once where the inner writer can; hyper takes for granted that it does. Of
/// one that takes them one by one, as TLS streams do, HTTP/1 is told by `writev(false)` on hyper's builder:
/// then head and body go as one buffer.
///
/// Cancellation safety, errors and domains are those of what is inside.
///
/// ```
/// use hyper::rt::{Read, Write};
/// use vigie::{hyper::Io, net::TcpStream};
///
/// fn serves<T: Read + Write + Unpin + Send>() {}
/// serves::<Io<TcpStream>>();
/// ```
#[derive(Debug)]
pub struct Io<T> {
    inner: T,
}

impl<T> Io<T> {
    /// Wraps a connection.
    ///
    /// ```
    /// use futures_lite::{AsyncReadExt, io::Cursor};
    /// use vigie::hyper::Io;
    ///
    /// vigie::run(async {
    ///     // To hyper's traits and back.
    ///     let mut io = Io::new(Io::new(Cursor::new("all hands")));
    ///     let mut text = String::new();
    ///     io.read_to_string(&mut text).await.unwrap();
    ///     assert_eq!(text, "all hands");
    /// }).unwrap();
    /// ```
    pub fn new(inner: T) -> Self {
        Self { inner }
    }

    /// The connection inside.
    ///
    /// ```
    /// use vigie::{hyper::Io, net::{TcpListener, TcpStream}};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// vigie::run(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0")?;
    ///     let io = Io::new(TcpStream::connect(listener.local_addr()?).await?);
    ///     assert_eq!(io.get_ref().peer_addr()?, listener.local_addr()?);
    ///     Ok(())
    /// })?
    /// # }
    /// ```
    pub fn get_ref(&self) -> &T {
        &self.inner
    }

    /// The connection inside.
    ///
    /// ```
    /// use futures_lite::io::Cursor;
    /// use vigie::hyper::Io;
    ///
    /// let mut io = Io::new(Cursor::new("all hands"));
    /// io.get_mut().set_position(4);
    /// assert_eq!(io.get_ref().position(), 4);
    /// ```
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.inner
    }

    /// Gives the connection back. Nothing is buffered here.
    ///
    /// ```
    /// use futures_lite::io::Cursor;
    /// use vigie::hyper::Io;
    ///
    /// let io = Io::new(Cursor::new("all hands"));
    /// assert_eq!(io.into_inner().into_inner(), "all hands");
    /// ```
    pub fn into_inner(self) -> T {
        self.inner
    }
}

/// What is read at once at most.
const CHUNK: usize = 64 * 1024;

thread_local! {
    /// Where bytes wait on their way to hyper, whose own memory holds nothing yet, and may not be shown to a
    /// reader. To copy what came costs less than to clear all that could have come, and one buffer does for
    /// all connections of a thread.
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl<T: AsyncRead + Unpin> Read for Io<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        // A reader that is made of another such finds none, and makes one. So does a thread that ends.
        let mut buffer = BUFFER.try_with(Cell::take).unwrap_or_default();
        if buffer.is_empty() {
            buffer = vec![0; CHUNK];
        }
        let room = cursor.remaining().min(CHUNK);
        let polled = Pin::new(&mut self.inner).poll_read(cx, &mut buffer[..room]);
        let polled = polled.map(|read| match read? {
            count if count <= room => {
                cursor.put_slice(&buffer[..count]);
                Ok(())
            }
            _ => Err(io::Error::other("a reader that claims more bytes than it was asked for")),
        });
        // A thread that ends needs none.
        let _ = BUFFER.try_with(|kept| kept.set(buffer));
        polled
    }
}

impl<T: AsyncWrite + Unpin> Write for Io<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }
}

impl<T: Read + Unpin> AsyncRead for Io<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(bytes);
        ready!(Pin::new(&mut self.inner).poll_read(cx, buffer.unfilled()))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }
}

impl<T: Write + Unpin> AsyncWrite for Io<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, buffers)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
