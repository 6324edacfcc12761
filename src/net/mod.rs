//! TCP, UDP and Unix sockets on the system's events.
//!
//! A [`TcpListener`] accepts, a [`TcpStream`] carries bytes both ways, through the traits of
//! `futures-io`: [`AsyncRead`](futures_io::AsyncRead) and [`AsyncWrite`](futures_io::AsyncWrite), on
//! the stream and on a reference to it. A `UnixListener` and a `UnixStream` do so within one machine, on Unix.
//! The methods that everybody uses with them (`read_exact`, `write_all`, …) come from the extension traits of
//! `futures-lite` or `futures`. A [`UdpSocket`] and a `UnixDatagram` send and receive datagrams.
//!
//! # Domains
//!
//! Sockets belong to no domain. They are `Send`: made on one domain, they may be moved into a
//! [`call`](crate::call), used there, and come back as its result. Whichever domain waits for one
//! watches it, and the former one forgets it. They are not `Sync`: for the use on two domains at once,
//! `try_clone` gives a second handle of the same socket. On one domain, a reference or an
//! [`Rc`](std::rc::Rc) will do, also for several readers and writers at a time.
//!
//! Where the system's events are not the domain's — outside of a run, or in a run with events of its
//! own — everything that may have to wait gives an error; the rest works anywhere.
//!
//! # Turns
//!
//! An operation that succeeds at once is charged to the task's slice, which has room for 32 of them:
//! a connection that is always ready does not starve the others.
//!
//! # Options
//!
//! Each type has the options that many programs set, and a [`TcpSocket`] those that have to be set before it
//! listens or connects. The rest is in `socket2`, whose `SockRef::from(&socket)` takes all of these types.
//!
//! # Names
//!
//! Looking up a name blocks the thread. With the feature `blocking`, `lookup_host`, [`TcpStream::connect`]
//! and [`UdpSocket::connect`] have that done by another one; whatever else takes addresses ([`ToAddrs`]), takes
//! literal ones only.
//!
//! ```
//! use futures_lite::{AsyncReadExt, AsyncWriteExt};
//! use vigie::net::{TcpListener, TcpStream};
//!
//! # fn main() -> std::io::Result<()> {
//! vigie::run(async {
//!     let listener = TcpListener::bind("127.0.0.1:0")?;
//!     let addr = listener.local_addr()?;
//!     // The server, on another domain: the listener moves there, and so does what it accepts.
//!     let server = vigie::call(move || async move {
//!         let (mut stream, _) = listener.accept().await?;
//!         let mut bytes = Vec::new();
//!         stream.read_to_end(&mut bytes).await?;
//!         stream.write_all(&bytes).await
//!     });
//!
//!     let mut stream = TcpStream::connect(addr).await?;
//!     stream.write_all(b"ahoy").await?;
//!     stream.close().await?;
//!     let mut answer = String::new();
//!     stream.read_to_string(&mut answer).await?;
//!     assert_eq!(answer, "ahoy");
//!     server.await?
//! })?
//! # }
//! ```

mod accept;
mod addrs;
mod backoff;
mod connect;
mod datagrams;
mod first;
mod handle;
mod io;
mod listener;
#[cfg(feature = "blocking")]
mod lookup;
mod multicast;
mod options;
mod socket;
mod split;
mod stream;
#[cfg(test)]
mod tests;
mod udp;
#[cfg(unix)]
mod unix;

#[cfg(feature = "blocking")]
pub use self::lookup::{LookupHost, lookup_host};
#[cfg(any(target_os = "linux", target_os = "android"))]
pub use self::unix::UCred;
#[cfg(unix)]
pub use self::unix::{UnixDatagram, UnixListener, UnixStream};
pub use self::{
    accept::Incoming,
    addrs::ToAddrs,
    listener::TcpListener,
    socket::TcpSocket,
    split::{ReadHalf, ReuniteError, WriteHalf},
    stream::TcpStream,
    udp::UdpSocket,
};
