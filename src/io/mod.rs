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
//!
//! # Datagrams by `sendmsg` and `recvmsg`
//!
//! What a [`UdpSocket`](crate::net::UdpSocket) does not offer, as several datagrams by one call (GSO and GRO), marks
//! of congestion (ECN) or the address that one was sent to, is had by the system's own calls on a socket of the standard
//! library. The crate `quinn-udp` makes them, for one:
//!
//! ```
//! use std::{io::IoSliceMut, net::UdpSocket, slice};
//! # #[cfg(unix)]
//! use quinn_udp::{RecvMeta, Transmit, UdpSocketState};
//! # #[cfg(unix)]
//! use vigie::io::AsyncFd;
//!
//! # #[cfg(unix)] fn main() -> std::io::Result<()> {
//! vigie::run(async {
//!     let (one, other) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
//!     // These make the sockets non-blocking, too.
//!     let sends = UdpSocketState::new((&one).into())?;
//!     let receives = UdpSocketState::new((&other).into())?;
//!     let (one, other) = (AsyncFd::new(one)?, AsyncFd::new(other)?);
//!
//!     // Four bytes to a datagram: as many of them as the system sends by one call.
//!     let contents = &b"deckkeelmastprow"[..4 * sends.max_gso_segments().min(4)];
//!     let destination = other.get_ref().local_addr()?;
//!     let transmit = Transmit { destination, ecn: None, contents, segment_size: Some(4), src_ip: None };
//!     one.write_with(|socket| sends.try_send(socket.into(), &transmit)).await?;
//!
//!     let (mut buf, mut meta) = ([0; 2048], RecvMeta::default());
//!     let mut received = Vec::new();
//!     while received.len() < contents.len() {
//!         let receive = |socket: &UdpSocket| {
//!             receives.recv(socket.into(), &mut [IoSliceMut::new(&mut buf)], slice::from_mut(&mut meta))
//!         };
//!         assert_eq!(other.read_with(receive).await?, 1);
//!         // One datagram or several, each of them so long.
//!         assert_eq!(meta.stride, 4);
//!         received.extend_from_slice(&buf[..meta.len]);
//!     }
//!     assert_eq!(received, contents);
//!     Ok(())
//! })?
//! # }
//! # #[cfg(not(unix))] fn main() {}
//! ```
//!
//! Of QUIC itself, `quinn-proto` asks nothing of a runtime: a task passes it what was received, sends what it gives,
//! and sleeps until it wants to be called. `quinn` wants more than there is here: see
//! [what does not come along](crate::porting#what-does-not-come-along).

#[cfg(all(feature = "system", unix))]
mod async_fd;
#[cfg(all(feature = "system", unix))]
mod bytes;
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
