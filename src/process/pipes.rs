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
///
/// ```
/// use futures_lite::AsyncWriteExt;
/// use vigie::process::{ChildStdin, Command, Stdio};
///
/// async fn ask(mut question: ChildStdin) -> std::io::Result<()> {
///     question.write_all(b"6 * 7").await?;
///     // The program waits for the end.
///     question.close().await
/// }
///
/// vigie::run(async {
///     let mut cat = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
///     ask(cat.stdin.take().unwrap()).await?;
///     assert_eq!(cat.wait_with_output().await?.stdout, b"6 * 7");
///     std::io::Result::Ok(())
/// }).unwrap().unwrap();
/// ```
#[derive(Debug)]
pub struct ChildStdin(PipeWriter);

impl ChildStdin {
    /// Takes a pipe of the standard library, and makes it non-blocking. The child's end is not touched.
    ///
    /// # Errors
    ///
    /// The system's, if the pipe cannot be made so.
    ///
    /// ```
    /// use std::process::{Command, Stdio};
    /// use futures_lite::AsyncWriteExt;
    /// use vigie::process::ChildStdin;
    ///
    /// // Of a program that somebody else has started.
    /// let mut cat = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    /// let stdin = cat.stdin.take().unwrap();
    /// vigie::run(async {
    ///     ChildStdin::from_std(stdin)?.write_all(b"ahoy").await
    /// }).unwrap().unwrap();
    /// assert_eq!(cat.wait_with_output().unwrap().stdout, b"ahoy");
    /// ```
    pub fn from_std(pipe: process::ChildStdin) -> io::Result<Self> {
        PipeWriter::from_std(OwnedFd::from(pipe).into()).map(Self)
    }

    /// Gives the pipe to the standard library, blocking again.
    ///
    /// # Errors
    ///
    /// [`BrokenPipe`](io::ErrorKind::BrokenPipe) if it was closed; the system's, if it cannot be made blocking.
    ///
    /// ```
    /// use std::io::Write;
    /// use vigie::process::{Command, Stdio};
    ///
    /// vigie::run(async {
    ///     let mut cat = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    ///     let mut stdin: std::process::ChildStdin = cat.stdin.take().unwrap().into_std()?;
    ///     // On a thread, which may block.
    ///     vigie::unblock(move || stdin.write_all(b"ahoy")).await?;
    ///     assert_eq!(cat.wait_with_output().await?.stdout, b"ahoy");
    ///     std::io::Result::Ok(())
    /// }).unwrap().unwrap();
    /// ```
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
    ///
    /// To and from the standard library's:
    ///
    /// ```
    /// use std::process::{Command, Stdio};
    /// use vigie::process::ChildStdout;
    ///
    /// let mut sh = Command::new("sh").args(["-c", "echo leak"]).stdout(Stdio::piped()).spawn().unwrap();
    /// let ours = ChildStdout::from_std(sh.stdout.take().unwrap()).unwrap();
    /// let theirs: std::process::ChildStdout = ours.into_std().unwrap();
    /// assert_eq!(std::io::read_to_string(theirs).unwrap(), "leak\n");
    /// assert!(sh.wait().unwrap().success());
    /// ```
    ChildStdout
}

reader! {
    /// The way from a child's stderr; as [`ChildStdout`].
    ///
    /// ```
    /// use futures_lite::AsyncReadExt;
    /// use vigie::process::{ChildStderr, Command, Stdio};
    ///
    /// vigie::run(async {
    ///     let mut child = Command::new("sh").args(["-c", "echo leak >&2"]).stderr(Stdio::piped()).spawn()?;
    ///     let mut complaint = String::new();
    ///     let mut stderr: ChildStderr = child.stderr.take().unwrap();
    ///     stderr.read_to_string(&mut complaint).await?;
    ///     assert_eq!(complaint, "leak\n");
    ///     child.wait().await
    /// }).unwrap().unwrap();
    /// ```
    ///
    /// To and from the standard library's:
    ///
    /// ```
    /// use std::process::{Command, Stdio};
    /// use vigie::process::ChildStderr;
    ///
    /// let mut sh = Command::new("sh").args(["-c", "echo leak >&2"]).stderr(Stdio::piped()).spawn().unwrap();
    /// let ours = ChildStderr::from_std(sh.stderr.take().unwrap()).unwrap();
    /// let theirs: std::process::ChildStderr = ours.into_std().unwrap();
    /// assert_eq!(std::io::read_to_string(theirs).unwrap(), "leak\n");
    /// assert!(sh.wait().unwrap().success());
    /// ```
    ChildStderr
}
