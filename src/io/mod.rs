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

#[cfg(all(feature = "system", unix))]
mod async_fd;
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
    async_fd::{AsyncFd, ReadyGuard},
    pipe::{PipeReader, PipeWriter, pipe},
    ready::{Interest, Ready},
};
