//! Descriptors of any kind on the system's events, on Unix; and pipes.
//!
//! [`AsyncFd`] watches whatever the system's poller can watch: sockets of a kind that [`net`](crate::net)
//! does not have, pipes, terminals, the descriptors of other libraries, a `pidfd`, an `eventfd`. Bytes and
//! messages stay the business of the descriptor's own type: this module only tells when to try.
//!
//! As sockets, they belong to no domain: `Send`, not `Sync`, watched by the domain that waits for them.

mod async_fd;
mod pipe;
mod ready;

pub use self::{
    async_fd::{AsyncFd, ReadyGuard},
    pipe::{PipeReader, PipeWriter, pipe},
    ready::{Interest, Ready},
};
