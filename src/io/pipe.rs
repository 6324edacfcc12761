//! Pipes. Writers have no descriptor once they are closed, so that only readers lend theirs.

use std::{
    fmt,
    io::{self, IoSlice, IoSliceMut},
    os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
    pin::Pin,
    task::{Context, Poll},
};

use futures_io::{AsyncRead, AsyncWrite};
use rustix::io::ioctl_fionbio;

use crate::system::{
    Source,
    transfer::{never, poll_read, poll_read_vectored, poll_write, poll_write_vectored},
};

/// Makes a pipe: what is written to its second end is read from its first.
///
/// The reader reads the end once every writer has been dropped; a write fails with
/// [`BrokenPipe`](io::ErrorKind::BrokenPipe) once every reader has. Works anywhere; no domain watches it
/// before somebody has to wait.
///
/// # Errors
///
/// The system's, if there is no descriptor left.
///
/// ```
/// use futures_lite::{AsyncReadExt, AsyncWriteExt};
///
/// # fn main() -> std::io::Result<()> {
/// vigie::run(async {
///     let (mut reader, mut writer) = vigie::io::pipe()?;
///     let write = vigie::spawn(async move { writer.write_all(&[1; 100_000]).await });
///     let mut bytes = Vec::new();
///     // The writer has been dropped: this is the end.
///     assert_eq!(reader.read_to_end(&mut bytes).await?, 100_000);
///     write.await?
/// })?
/// # }
/// ```
pub fn pipe() -> io::Result<(PipeReader, PipeWriter)> {
    let (reader, writer) = io::pipe()?;
    Ok((PipeReader::from_std(reader)?, PipeWriter::from_std(writer)?))
}

/// The end of a pipe that is read, through [`AsyncRead`].
///
/// Also for what is like a pipe: a named one (opened with `O_NONBLOCK`, or opening waits for the other end; and
/// for writing as well, or it reads the end before somebody writes to it), a terminal, a standard stream of a child process, by way of [`std::io::PipeReader`], which is made of any
/// descriptor. Reading is cancellation-safe. It belongs to no domain: `Send`, not `Sync`, as a socket.
pub struct PipeReader {
    source: Source<io::PipeReader>,
}

/// The end of a pipe that is written to, through [`AsyncWrite`].
///
/// A write that has returned is the pipe's, and flushing does nothing. Closing (`poll_close`) closes the
/// descriptor, as dropping does; a write after that fails with [`BrokenPipe`](io::ErrorKind::BrokenPipe). As
/// [`PipeReader`] in all else.
pub struct PipeWriter {
    /// None once it was closed.
    source: Option<Source<io::PipeWriter>>,
}

impl PipeReader {
    /// Takes a reader of the standard library, and makes it non-blocking, with all that share its open
    /// file.
    ///
    /// # Errors
    ///
    /// The system's, if it cannot be made so.
    pub fn from_std(reader: io::PipeReader) -> io::Result<Self> {
        ioctl_fionbio(&reader, true)?;
        Ok(Self { source: Source::new(reader) })
    }

    /// Gives the reader to the standard library, and makes it blocking, as that expects: with all its other
    /// handles, which would have their domains wait. No domain watches it any more.
    ///
    /// # Errors
    ///
    /// The system's, if it cannot be made so.
    pub fn into_std(self) -> io::Result<io::PipeReader> {
        let reader = self.source.into_inner();
        ioctl_fionbio(&reader, false)?;
        Ok(reader)
    }

    /// A second handle of the same end, for the use on another domain. Each byte goes to one of them.
    ///
    /// # Errors
    ///
    /// The system's, if there is no descriptor left.
    pub fn try_clone(&self) -> io::Result<Self> {
        // What says that the end does not block is shared by all its handles.
        Ok(Self { source: Source::new(self.source.get().try_clone()?) })
    }
}

impl PipeWriter {
    /// Takes a writer of the standard library, and makes it non-blocking, with all that share its open
    /// file.
    ///
    /// # Errors
    ///
    /// The system's, if it cannot be made so.
    pub fn from_std(writer: io::PipeWriter) -> io::Result<Self> {
        ioctl_fionbio(&writer, true)?;
        Ok(Self { source: Some(Source::new(writer)) })
    }

    /// Gives the writer to the standard library, and makes it blocking, as that expects: with all its other
    /// handles, which would have their domains wait. No domain watches it any more.
    ///
    /// # Errors
    ///
    /// The system's, if it cannot be made so; [`BrokenPipe`](io::ErrorKind::BrokenPipe) if it was closed.
    pub fn into_std(self) -> io::Result<io::PipeWriter> {
        let writer = self.source.ok_or(io::ErrorKind::BrokenPipe)?.into_inner();
        ioctl_fionbio(&writer, false)?;
        Ok(writer)
    }

    /// A second handle of the same end, for the use on another domain. The reader reads the end once all of
    /// them are closed.
    ///
    /// # Errors
    ///
    /// The system's, if there is no descriptor left; [`BrokenPipe`](io::ErrorKind::BrokenPipe) if it was
    /// closed.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { source: Some(Source::new(self.source()?.get().try_clone()?)) })
    }

    fn source(&self) -> io::Result<&Source<io::PipeWriter>> {
        self.source.as_ref().ok_or(io::ErrorKind::BrokenPipe.into())
    }
}

impl AsyncRead for PipeReader {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        // A read may come short at the border of a packet, with more behind it.
        poll_read(&self.source, cx, buf, never)
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        poll_read_vectored(&self.source, cx, bufs, never)
    }
}

impl AsyncWrite for PipeWriter {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        poll_write(self.source()?, cx, buf, never)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        poll_write_vectored(self.source()?, cx, bufs, never)
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.source = None;
        Poll::Ready(Ok(()))
    }
}

impl AsFd for PipeReader {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.get().as_fd()
    }
}

impl AsRawFd for PipeReader {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl fmt::Debug for PipeReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl fmt::Debug for PipeWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PipeWriter").field(&self.source).finish()
    }
}
