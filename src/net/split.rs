//! The two halves of a stream.

use std::{
    error::Error,
    fmt,
    io::{self, IoSlice, IoSliceMut},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use futures_io::{AsyncRead, AsyncWrite};

use super::TcpStream;

pub(super) fn split<S>(stream: S) -> (ReadHalf<S>, WriteHalf<S>) {
    let stream = Rc::new(stream);
    (ReadHalf(stream.clone()), WriteHalf(stream))
}

/// The half of a stream that reads; see [`TcpStream::split`].
///
/// Not `Send`: both halves stay on one domain. For two domains, use [`TcpStream::try_clone`].
/// Dropping it leaves the other half as it is; the socket is closed when both are dropped.
///
/// ```
/// use futures_lite::AsyncReadExt;
/// # use vigie::net::*;
/// # fn main() -> std::io::Result<()> {
/// # vigie::run(async {
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let (mut reader, _writer) = TcpStream::connect(listener.local_addr()?).await?.split();
/// assert_eq!(reader.as_ref().peer_addr()?, listener.local_addr()?);
///
/// // Accepted, and closed.
/// drop(listener.accept().await?);
/// assert_eq!(reader.read(&mut [0; 8]).await?, 0);
/// # Ok(())
/// # })?
/// # }
/// ```
#[derive(Debug)]
pub struct ReadHalf<S = TcpStream>(Rc<S>);

/// The half of a stream that writes; see [`TcpStream::split`].
///
/// Dropping it does not shut the writing direction down, and the peer does not read the end before
/// the other half is dropped too: closing it (`poll_close`) does. In all else as [`ReadHalf`].
///
/// ```
/// use futures_lite::{AsyncReadExt, AsyncWriteExt};
/// # use vigie::net::*;
/// # fn main() -> std::io::Result<()> {
/// # vigie::run(async {
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let (_reader, mut writer) = TcpStream::connect(listener.local_addr()?).await?.split();
/// assert_eq!(writer.as_ref().peer_addr()?, listener.local_addr()?);
///
/// writer.write_all(b"ahoy").await?;
/// writer.close().await?;
/// let mut words = String::new();
/// listener.accept().await?.0.read_to_string(&mut words).await?;
/// assert_eq!(words, "ahoy");
/// # Ok(())
/// # })?
/// # }
/// ```
#[derive(Debug)]
pub struct WriteHalf<S = TcpStream>(Rc<S>);

impl<S> ReadHalf<S> {
    /// Puts the stream together again.
    ///
    /// # Errors
    ///
    /// The two halves, if they are not of the same stream.
    ///
    /// ```
    /// use vigie::net::{TcpListener, TcpStream};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// vigie::run(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0")?;
    ///     let stream = TcpStream::connect(listener.local_addr()?).await?;
    ///     let (reader, writer) = stream.split();
    ///     let stream: TcpStream = reader.reunite(writer).unwrap();
    ///     assert_eq!(stream.peer_addr()?, listener.local_addr()?);
    ///     Ok(())
    /// })?
    /// # }
    /// ```
    pub fn reunite(self, writer: WriteHalf<S>) -> Result<S, ReuniteError<S>> {
        if !Rc::ptr_eq(&self.0, &writer.0) {
            return Err(ReuniteError { reader: self, writer });
        }
        drop(writer);
        Ok(Rc::into_inner(self.0).expect("only the two halves hold the stream"))
    }
}

/// For what both directions have in common: the addresses, [`peek`](TcpStream::peek), the options.
impl<S> AsRef<S> for ReadHalf<S> {
    fn as_ref(&self) -> &S {
        &self.0
    }
}

/// For what both directions have in common: the addresses, [`shutdown`](TcpStream::shutdown), the
/// options.
impl<S> AsRef<S> for WriteHalf<S> {
    fn as_ref(&self) -> &S {
        &self.0
    }
}

impl<S> AsyncRead for ReadHalf<S>
where
    for<'a> &'a S: AsyncRead,
{
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self.0).poll_read(cx, buf)
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self.0).poll_read_vectored(cx, bufs)
    }
}

impl<S> AsyncWrite for WriteHalf<S>
where
    for<'a> &'a S: AsyncWrite,
{
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self.0).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self.0).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self.0).poll_close(cx)
    }
}

/// Two halves that are not of the same stream, given back by [`ReadHalf::reunite`].
///
/// ```
/// # use vigie::net::*;
/// # fn main() -> std::io::Result<()> {
/// # vigie::run(async {
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let (reader, writer) = TcpStream::connect(listener.local_addr()?).await?.split();
/// let (_, stranger) = TcpStream::connect(listener.local_addr()?).await?.split();
/// let error = reader.reunite(stranger).unwrap_err();
/// assert_eq!(error.to_string(), "these halves are not of the same stream");
/// assert!(error.reader.reunite(writer).is_ok());
/// # Ok(())
/// # })?
/// # }
/// ```
#[derive(Debug)]
pub struct ReuniteError<S = TcpStream> {
    /// The half that reads.
    pub reader: ReadHalf<S>,
    /// The half that writes.
    pub writer: WriteHalf<S>,
}

impl<S> fmt::Display for ReuniteError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("these halves are not of the same stream")
    }
}

impl<S: fmt::Debug> Error for ReuniteError<S> {}
