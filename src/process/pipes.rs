//! The pipes to and from a child: those of [`io`](crate::io), each under the name that the standard library has.

use std::{
    io::{self, IoSlice, IoSliceMut},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    pin::Pin,
    process::{self, Stdio},
    task::{Context, Poll},
};

use futures_io::{AsyncRead, AsyncWrite};

use crate::io::{PipeReader, PipeWriter};

/// The way to a child's stdin.
///
/// Written to through [`AsyncWrite`]; nothing is buffered here, and a write that has returned is the pipe's.
/// Closing it (`poll_close`), as dropping it, closes the pipe: the child reads the end. To write to a child that
/// reads no more is the error [`BrokenPipe`](io::ErrorKind::BrokenPipe), as it is once the pipe was closed.
///
/// Writing is cancellation-safe: a write that did not return has written nothing.
#[derive(Debug)]
pub struct ChildStdin(PipeWriter);

impl ChildStdin {
    /// Takes a pipe of the standard library, and makes it non-blocking. The child's end is not touched.
    ///
    /// # Errors
    ///
    /// The system's, if the pipe cannot be made so.
    pub fn from_std(pipe: process::ChildStdin) -> io::Result<Self> {
        PipeWriter::from_std(OwnedFd::from(pipe).into()).map(Self)
    }

    /// Gives the pipe to the standard library, blocking again.
    ///
    /// # Errors
    ///
    /// [`BrokenPipe`](io::ErrorKind::BrokenPipe) if it was closed; the system's, if it cannot be made blocking.
    pub fn into_std(self) -> io::Result<process::ChildStdin> {
        self.0.into_std().map(|pipe| OwnedFd::from(pipe).into())
    }
}

impl AsyncWrite for ChildStdin {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}

/// For the stdout of another program, blocking again.
impl TryFrom<ChildStdin> for Stdio {
    type Error = io::Error;

    fn try_from(pipe: ChildStdin) -> io::Result<Self> {
        pipe.into_std().map(Into::into)
    }
}

/// Both ways out of a child are alike.
macro_rules! reader {
    ($(#[$docs:meta])* $name:ident) => {
        $(#[$docs])*
        #[derive(Debug)]
        pub struct $name(PipeReader);

        impl $name {
            /// Takes a pipe of the standard library, and makes it non-blocking. The child's end is not touched.
            ///
            /// # Errors
            ///
            /// The system's, if the pipe cannot be made so.
            pub fn from_std(pipe: process::$name) -> io::Result<Self> {
                PipeReader::from_std(OwnedFd::from(pipe).into()).map(Self)
            }

            /// Gives the pipe to the standard library, blocking again.
            ///
            /// # Errors
            ///
            /// The system's, if it cannot be made so.
            pub fn into_std(self) -> io::Result<process::$name> {
                self.0.into_std().map(|pipe| OwnedFd::from(pipe).into())
            }
        }

        impl AsyncRead for $name {
            fn poll_read(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.0).poll_read(cx, buf)
            }

            fn poll_read_vectored(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.0).poll_read_vectored(cx, bufs)
            }
        }

        impl AsFd for $name {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.0.as_fd()
            }
        }

        /// For the stdin of another program, blocking again; that reads on where this one stopped.
        impl TryFrom<$name> for Stdio {
            type Error = io::Error;

            fn try_from(pipe: $name) -> io::Result<Self> {
                pipe.into_std().map(Into::into)
            }
        }
    };
}

reader! {
    /// The way from a child's stdout, read through [`AsyncRead`]. The end comes when all processes that write to
    /// it have closed it.
    ///
    /// Reading is cancellation-safe: a read that did not return has taken nothing. Dropping it closes the pipe.
    ///
    /// ```
    /// use vigie::process::{Command, Stdio};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// vigie::run(async {
    ///     let mut echo = Command::new("echo").arg("starboard").stdout(Stdio::piped()).spawn()?;
    ///     // Into the next program.
    ///     let stdout = Stdio::try_from(echo.stdout.take().unwrap())?;
    ///     let output = Command::new("tr").args(["a-z", "A-Z"]).stdin(stdout).output().await?;
    ///     assert_eq!(output.stdout, b"STARBOARD\n");
    ///     assert!(echo.wait().await?.success());
    ///     Ok(())
    /// })?
    /// # }
    /// ```
    ChildStdout
}

reader! {
    /// The way from a child's stderr; as [`ChildStdout`].
    ChildStderr
}
