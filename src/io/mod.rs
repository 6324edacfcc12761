//! Descriptors of any kind on the system's events, on Unix; pipes; and, with the feature `blocking`, the
//! standard streams.
//!
//! [`AsyncFd`] watches whatever the system's poller can watch: sockets of a kind that [`net`](crate::net)
//! does not have, terminals, the descriptors of other libraries, a `pidfd`, an `eventfd`. Bytes and
//! messages stay the business of the descriptor's own type: it only tells when to try.
//!
//! As sockets, they belong to no domain: `Send`, not `Sync`, watched by the domain that waits for them. The
//! standard streams may be anything, files among it, and share their settings with other processes: so these
//! are read and written by a pool of threads.
//!
//! ```
//! # #[cfg(unix)] {
//! use std::os::unix::net::UnixDatagram;
//! use futures_lite::{AsyncReadExt, AsyncWriteExt};
//! use vigie::io::{AsyncFd, pipe};
//!
//! vigie::run(async {
//!     let mut bytes = [0; 4];
//!     let (mut reader, mut writer) = pipe()?;
//!     writer.write_all(b"pipe").await?;
//!     reader.read_exact(&mut bytes).await?;
//!     assert_eq!(&bytes, b"pipe");
//!
//!     // Anybody's descriptor, and its own operations.
//!     let (ours, theirs) = UnixDatagram::pair()?;
//!     ours.set_nonblocking(true)?;
//!     theirs.send(b"ahoy")?;
//!     AsyncFd::new(ours)?.read_with(|socket| socket.recv(&mut bytes)).await?;
//!     assert_eq!(&bytes, b"ahoy");
//!     std::io::Result::Ok(())
//! }).unwrap().unwrap();
//! # }
//! ```

#[cfg(all(feature = "system", unix))]
mod async_fd;
#[cfg(all(feature = "system", unix))]
mod guard;
#[cfg(all(feature = "system", unix))]
mod pipe;
#[cfg(all(feature = "system", unix))]
mod ready;
#[cfg(feature = "blocking")]
mod stdio;

#[cfg(feature = "blocking")]
pub use self::stdio::{Stderr, Stdin, Stdout, stderr, stdin, stdout};
#[cfg(all(feature = "system", unix))]
pub use self::{
    async_fd::AsyncFd,
    guard::ReadyGuard,
    pipe::{PipeReader, PipeWriter, pipe},
    ready::{Interest, Ready},
};
