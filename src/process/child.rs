//! Children.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    process::{self, ExitStatus, Output},
    task::{Context, Poll, ready},
};

use futures_io::AsyncRead;

use super::{ChildStderr, ChildStdin, ChildStdout, watch::Process};

/// A program that was started by [`Command::spawn`](super::Command::spawn).
///
/// Dropping it does not end the program, which is reaped when it ends by itself; but see
/// [`kill_on_drop`](super::Command::kill_on_drop). It belongs to no domain: `Send`, but not `Sync`.
///
/// ```
/// use vigie::process::Command;
/// use vigie::signal::SIGTERM;
/// use std::os::unix::process::ExitStatusExt;
///
/// # fn main() -> std::io::Result<()> {
/// vigie::run(async {
///     let mut child = Command::new("sleep").arg("1000").spawn()?;
///     assert!(child.try_wait()?.is_none());
///     child.send_signal(SIGTERM)?;
///     assert_eq!(child.wait().await?.signal(), Some(SIGTERM));
///     Ok(())
/// })?
/// # }
/// ```
#[derive(Debug)]
pub struct Child {
    /// The way to its stdin, if that is a pipe.
    pub stdin: Option<ChildStdin>,
    /// The way from its stdout, if that is a pipe.
    pub stdout: Option<ChildStdout>,
    /// The way from its stderr, if that is a pipe.
    pub stderr: Option<ChildStderr>,
    pub(super) process: Process,
}

impl Child {
    pub(super) fn new(mut child: process::Child, kill_on_drop: bool) -> io::Result<Self> {
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        // Where a pipe fails nobody will know of the child.
        let process = Process::new(child, true);
        let mut child = Self {
            stdin: stdin.map(ChildStdin::from_std).transpose()?,
            stdout: stdout.map(ChildStdout::from_std).transpose()?,
            stderr: stderr.map(ChildStderr::from_std).transpose()?,
            process,
        };
        child.process.kill_on_drop = kill_on_drop;
        Ok(child)
    }

    /// The system's number of the process, until its end was learned of: it may be another's then.
    ///
    /// ```
    /// use vigie::process::Command;
    ///
    /// vigie::run(async {
    ///     let mut child = Command::new("true").spawn().unwrap();
    ///     assert_ne!(child.id(), Some(std::process::id()));
    ///     child.wait().await.unwrap();
    ///     assert_eq!(child.id(), None);
    /// }).unwrap();
    /// ```
    pub fn id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Waits for the end of the program, and reaps it. Closes [`stdin`](Self::stdin) first, for a program
    /// that waits for the end of that would wait for ever. Called again, it gives the same answer.
    ///
    /// Cancellation-safe.
    ///
    /// # Errors
    ///
    /// The system's, as when another part of this process has reaped the child, or there is no descriptor
    /// left to wait with; and that of a domain without the system's events.
    ///
    /// ```
    /// use vigie::process::{Command, Stdio};
    ///
    /// vigie::run(async {
    ///     // It ends as soon as its stdin does.
    ///     let mut cat = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    ///     let status = cat.wait().await.unwrap();
    ///     assert!(status.success() && cat.stdin.is_none());
    ///     assert_eq!(cat.wait().await.unwrap(), status);
    /// }).unwrap();
    /// ```
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        drop(self.stdin.take());
        poll_fn(|cx| self.process.poll_wait(cx)).await
    }

    /// Reaps the program if it has ended. Never waits, and needs no domain; does not close
    /// [`stdin`](Self::stdin).
    ///
    /// # Errors
    ///
    /// The system's, as for [`wait`](Self::wait).
    ///
    /// ```
    /// use vigie::process::{Command, Stdio};
    ///
    /// vigie::run(async {
    ///     let mut cat = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    ///     // It waits for what it is to read.
    ///     assert_eq!(cat.try_wait().unwrap(), None);
    ///     let status = cat.wait().await.unwrap();
    ///     assert_eq!(cat.try_wait().unwrap(), Some(status));
    /// }).unwrap();
    /// ```
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.process.try_wait()
    }

    /// Reads what is left of [`stdout`](Self::stdout) and [`stderr`](Self::stderr), both at once, so that
    /// neither holds the program up, and waits for its end. Closes [`stdin`](Self::stdin) first.
    ///
    /// Of what is no pipe there is nothing. A pipe ends when all processes that write to it have closed it,
    /// which may be others than the child. Dropping the future loses what was read, and drops the child.
    ///
    /// # Errors
    ///
    /// Those of a read and of [`wait`](Self::wait).
    ///
    /// ```
    /// use futures_lite::AsyncWriteExt;
    /// use vigie::process::{Command, Stdio};
    ///
    /// vigie::run(async {
    ///     let mut sort = Command::new("sort").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    ///     sort.stdin.as_mut().unwrap().write_all(b"two\none\n").await?;
    ///     let output = sort.wait_with_output().await?;
    ///     assert_eq!(output.stdout, b"one\ntwo\n");
    ///     std::io::Result::Ok(())
    /// }).unwrap().unwrap();
    /// ```
    pub async fn wait_with_output(mut self) -> io::Result<Output> {
        drop(self.stdin.take());
        let (mut stdout, mut stderr) = (Rest::of(self.stdout.take()), Rest::of(self.stderr.take()));
        let both = poll_fn(|cx| {
            let read = (stdout.poll_end(cx)?, stderr.poll_end(cx)?);
            if read == (Poll::Ready(()), Poll::Ready(())) {
                Poll::Ready(io::Result::Ok(()))
            } else {
                Poll::Pending
            }
        });
        both.await?;
        let status = self.wait().await?;
        Ok(Output { status, stdout: stdout.bytes, stderr: stderr.bytes })
    }

    /// Kills the program (SIGKILL). That it has ended is learned by [`wait`](Self::wait), as ever. Where its
    /// end was learned of already, nothing happens.
    ///
    /// # Errors
    ///
    /// The system's, as when the program has become another user's.
    ///
    /// ```
    /// use std::os::unix::process::ExitStatusExt;
    /// use vigie::{process::Command, signal::SIGKILL};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// vigie::run(async {
    ///     let mut child = Command::new("sleep").arg("1000").spawn()?;
    ///     child.kill()?;
    ///     assert_eq!(child.wait().await?.signal(), Some(SIGKILL));
    ///     Ok(())
    /// })?
    /// # }
    /// ```
    pub fn kill(&mut self) -> io::Result<()> {
        self.process.kill()
    }

    /// Sends a signal to the program: one of the constants of [`signal`](crate::signal). Where its end was
    /// learned of already, nothing happens.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for a number that names no signal, and real-time
    /// signals are among these; the system's.
    ///
    /// ```
    /// use std::{io, os::unix::process::ExitStatusExt};
    /// use vigie::{process::Command, signal::SIGTERM};
    ///
    /// vigie::run(async {
    ///     let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
    ///     assert_eq!(child.send_signal(-1).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    ///     child.send_signal(SIGTERM).unwrap();
    ///     assert_eq!(child.wait().await.unwrap().signal(), Some(SIGTERM));
    /// }).unwrap();
    /// ```
    pub fn send_signal(&mut self, signal: i32) -> io::Result<()> {
        self.process.send_signal(signal)
    }
}

/// What is left of a pipe.
struct Rest<R> {
    /// Until it has ended.
    pipe: Option<R>,
    bytes: Vec<u8>,
}

/// So much is read as one operation, at most.
const PIECE: usize = 8 * 1024;

impl<R: AsyncRead + Unpin> Rest<R> {
    fn of(pipe: Option<R>) -> Self {
        Self { pipe, bytes: Vec::new() }
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut piece = [0; PIECE];
        while let Some(pipe) = &mut self.pipe {
            match ready!(Pin::new(pipe).poll_read(cx, &mut piece))? {
                0 => self.pipe = None,
                count => self.bytes.extend_from_slice(&piece[..count]),
            }
        }
        Poll::Ready(Ok(()))
    }
}
