//! Pipes. Writers have no descriptor once they are closed, so that only readers lend theirs.

use std::{
    fmt,
    io::{self, IoSlice, IoSliceMut, Read, Write},
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
///
/// ```
/// use futures_lite::{AsyncReadExt, AsyncWriteExt};
/// use vigie::io::PipeReader;
///
/// /// The next byte, if there is one.
/// async fn next(reader: &mut PipeReader) -> std::io::Result<Option<u8>> {
///     let mut byte = [0];
///     Ok(if reader.read(&mut byte).await? == 1 { Some(byte[0]) } else { None })
/// }
///
/// vigie::run(async {
///     let (mut reader, mut writer) = vigie::io::pipe()?;
///     writer.write_all(b"!").await?;
///     drop(writer);
///     assert_eq!((next(&mut reader).await?, next(&mut reader).await?), (Some(b'!'), None));
///     std::io::Result::Ok(())
/// }).unwrap().unwrap();
/// ```
pub struct PipeReader {
    source: Source<io::PipeReader>,
}

/// The end of a pipe that is written to, through [`AsyncWrite`].
///
/// A write that has returned is the pipe's, and flushing does nothing. Closing (`poll_close`) closes the
/// descriptor, as dropping does; a write after that fails with [`BrokenPipe`](io::ErrorKind::BrokenPipe). As
/// [`PipeReader`] in all else.
///
/// ```
/// use std::io::ErrorKind;
/// use futures_lite::AsyncWriteExt;
/// use vigie::io::{PipeWriter, pipe};
///
/// vigie::run(async {
///     let (reader, mut writer): (_, PipeWriter) = pipe()?;
///     drop(reader);
///     assert_eq!(writer.write(b"ahoy").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
///     std::io::Result::Ok(())
/// }).unwrap().unwrap();
/// ```
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
    ///
    /// ```
    /// use std::io::Write;
    /// use futures_lite::AsyncReadExt;
    /// use vigie::io::PipeReader;
    ///
    /// vigie::run(async {
    ///     let (reader, mut writer) = std::io::pipe()?;
    ///     let thread = std::thread::spawn(move || writer.write_all(b"ahoy"));
    ///     let mut text = String::new();
    ///     PipeReader::from_std(reader)?.read_to_string(&mut text).await?;
    ///     assert_eq!(text, "ahoy");
    ///     thread.join().unwrap()
    /// }).unwrap().unwrap();
    /// ```
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
    ///
    /// ```
    /// use std::io::Read;
    /// use futures_lite::AsyncWriteExt;
    ///
    /// vigie::run(async {
    ///     let (reader, mut writer) = vigie::io::pipe()?;
    ///     // For a thread, which may block.
    ///     let mut reader = reader.into_std()?;
    ///     let thread = std::thread::spawn(move || reader.read(&mut [0; 8]));
    ///     writer.write_all(b"ahoy").await?;
    ///     assert_eq!(thread.join().unwrap()?, 4);
    ///     std::io::Result::Ok(())
    /// }).unwrap().unwrap();
    /// ```
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
    ///
    /// ```
    /// use futures_lite::{AsyncReadExt, AsyncWriteExt};
    ///
    /// vigie::run(async {
    ///     let (mut reader, mut writer) = vigie::io::pipe()?;
    ///     let mut theirs = reader.try_clone()?;
    ///     let there = vigie::call(async move || theirs.read_exact(&mut [0; 4]).await);
    ///     writer.write_all(b"ahoy").await?;
    ///     there.await??;
    ///     // What the one has read the other does not.
    ///     writer.write_all(b"again").await?;
    ///     assert_eq!(reader.read(&mut [0; 8]).await?, 5);
    ///     std::io::Result::Ok(())
    /// }).unwrap().unwrap();
    /// ```
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
    ///
    /// ```
    /// use std::io::Read;
    /// use futures_lite::AsyncWriteExt;
    /// use vigie::io::PipeWriter;
    ///
    /// vigie::run(async {
    ///     let (mut reader, writer) = std::io::pipe()?;
    ///     PipeWriter::from_std(writer)?.write_all(b"ahoy").await?;
    ///     let mut text = String::new();
    ///     reader.read_to_string(&mut text)?;
    ///     assert_eq!(text, "ahoy");
    ///     std::io::Result::Ok(())
    /// }).unwrap().unwrap();
    /// ```
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
    ///
    /// ```
    /// use std::io::Write;
    /// use futures_lite::{AsyncReadExt, AsyncWriteExt};
    ///
    /// vigie::run(async {
    ///     let (mut reader, mut writer) = vigie::io::pipe()?;
    ///     writer.write_all(b"from here, ").await?;
    ///     let mut writer = writer.into_std()?;
    ///     let thread = std::thread::spawn(move || writer.write_all(b"and from there"));
    ///     let mut text = String::new();
    ///     reader.read_to_string(&mut text).await?;
    ///     assert_eq!(text, "from here, and from there");
    ///     thread.join().unwrap()
    /// }).unwrap().unwrap();
    /// ```
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
    ///
    /// ```
    /// use futures_lite::{AsyncReadExt, AsyncWriteExt};
    ///
    /// vigie::run(async {
    ///     let (mut reader, mut writer) = vigie::io::pipe()?;
    ///     let mut theirs = writer.try_clone()?;
    ///     let there = vigie::call(async move || theirs.write_all(b"there").await);
    ///     writer.write_all(b"here").await?;
    ///     writer.close().await?;
    ///     // The end comes once the other has gone as well.
    ///     let mut bytes = Vec::new();
    ///     assert_eq!(reader.read_to_end(&mut bytes).await?, 9);
    ///     there.await?
    /// }).unwrap().unwrap();
    /// ```
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
        poll_read(&self.source, cx, buf, |mut io, buf| io.read(buf), never)
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
        poll_write(self.source()?, cx, buf, |mut io, buf| io.write(buf), never)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        poll_write_vectored(self.source()?, cx, bufs, |mut io, bufs| io.write_vectored(bufs), never)
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
