//! Processes: starting programs, talking to them through pipes, and waiting for them. Unix only, with the
//! feature `process`.
//!
//! [`Command`] and [`Child`] are those of the standard library, but that what waits is awaited: the end of a
//! child, and the pipes to and from it, which implement [`AsyncRead`](futures_io::AsyncRead) and
//! [`AsyncWrite`](futures_io::AsyncWrite).
//!
//! ```
//! use futures_lite::{AsyncReadExt, AsyncWriteExt};
//! use vigie::process::{Command, Stdio};
//!
//! # fn main() -> std::io::Result<()> {
//! vigie::run(async {
//!     let output = Command::new("echo").arg("ahoy").output().await?;
//!     assert!(output.status.success());
//!     assert_eq!(output.stdout, b"ahoy\n");
//!
//!     let mut cat = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
//!     let (mut to, mut from) = (cat.stdin.take().unwrap(), cat.stdout.take().unwrap());
//!     to.write_all(b"all hands").await?;
//!     to.close().await?;
//!     let mut back = String::new();
//!     from.read_to_string(&mut back).await?;
//!     assert_eq!(back, "all hands");
//!     assert!(cat.wait().await?.success());
//!     Ok(())
//! })?
//! # }
//! ```
//!
//! # Domains
//!
//! Children and pipes belong to no domain, as sockets: see [`net`](crate::net). Starting a program holds up the
//! domain until the system has loaded it, which is short; nothing else here does.
//!
//! # Children whose end nobody awaits
//!
//! A child is no task, and no part of the structure of tasks: dropping a [`Child`], be it because the task that
//! waits for it is cancelled, lets it go on running, unless it was started with
//! [`kill_on_drop`](Command::kill_on_drop). Either way it leaves no zombie: a thread, one for all of the process
//! and there only while it has something to wait for, reaps it when it ends. Where the system refuses that thread,
//! or SIGCHLD does not reach it, the child is reaped when the next one is started or dropped.
//!
//! # How their end is noticed
//!
//! On Linux by a descriptor of the child (`pidfd`), one for each that is waited for. On other systems, and where
//! Linux refuses that, by SIGCHLD and two descriptors, as with [`signal`](crate::signal). So there a program must
//! not block SIGCHLD in all its threads, nor take it away by a handler of its own that is installed later.

mod child;
mod command;
mod orphans;
mod pipes;
mod watch;

#[cfg(test)]
mod tests;

#[doc(no_inline)]
pub use std::process::{ExitStatus, Output, Stdio};

pub use self::{
    child::Child,
    command::Command,
    pipes::{ChildStderr, ChildStdin, ChildStdout},
};
