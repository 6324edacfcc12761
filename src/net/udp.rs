//! UDP.

use std::{
    future::poll_fn,
    io,
    net::{self, SocketAddr},
    task::{Context, Poll},
};

use super::{
    ToAddrs, addrs,
    datagrams::datagrams,
    first::{first, first_of},
    handle::handle,
};
use crate::system::{Direction, Source};

/// A UDP socket.
///
/// It sends and receives datagrams, each of them whole: what does not fit into the buffer of whoever receives
/// it is **lost**, the first part is received, and no error tells (on Windows one does). No datagram is longer
/// than 65 507 bytes on version 4, and few networks carry more than some 1400 without trouble. One of no bytes
/// is as good as any other: 0 is no end here, and an empty buffer takes a datagram as well. That one arrives
/// nobody promises.
///
/// Sending and receiving are cancellation-safe: an operation that did not return has neither sent nor taken
/// a datagram. Several tasks may receive, or send, at a time: each datagram goes to one of them.
///
/// It belongs to no domain: `Send`, but not `Sync` (see the [module](super)).
///
/// ```
/// use vigie::net::UdpSocket;
///
/// # fn main() -> std::io::Result<()> {
/// vigie::run(async {
///     let server = UdpSocket::bind("127.0.0.1:0")?;
///     let client = UdpSocket::bind("127.0.0.1:0")?;
///     client.send_to(b"land?", server.local_addr()?).await?;
///
///     let mut buf = [0; 1500];
///     let (count, from) = server.recv_from(&mut buf).await?;
///     assert_eq!((&buf[..count], from), (&b"land?"[..], client.local_addr()?));
///     Ok(())
/// })?
/// # }
/// ```
///
/// What has to be set before it is bound, `socket2` sets, as that several programs listen to one group:
///
/// ```
/// use std::net::{Ipv4Addr, SocketAddr};
/// use socket2::{Domain, Socket, Type};
/// use vigie::net::UdpSocket;
///
/// # fn main() -> std::io::Result<()> {
/// let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
/// socket.set_reuse_address(true)?;
/// socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)).into())?;
/// let socket = UdpSocket::from_std(socket.into())?;
/// # let _ = socket;
/// # Ok(())
/// # }
/// ```
pub struct UdpSocket {
    source: Source<net::UdpSocket>,
}

impl UdpSocket {
    /// Takes the first of the addresses that it can have. Port 0 has the system choose a port, found out by
    /// [`local_addr`](Self::local_addr).
    ///
    /// Nothing blocks, and no domain is needed: this works anywhere.
    ///
    /// # Errors
    ///
    /// The system's error for the last of the addresses, or
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if there is none (see [`ToAddrs`]).
    ///
    /// ```
    /// use vigie::net::UdpSocket;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// assert_ne!(socket.local_addr()?.port(), 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn bind(addrs: impl ToAddrs) -> io::Result<Self> {
        Self::from_std(first(&addrs, net::UdpSocket::bind)?)
    }

    /// The socket does not block.
    fn new(socket: net::UdpSocket) -> Self {
        Self { source: Source::new(socket) }
    }

    /// Has [`send`](Self::send) send to the first of these addresses that the system agrees to, and nobody
    /// else's datagrams be received. Nothing is sent. It may be connected again, to another address. Only a name
    /// is waited for, with the feature `blocking`.
    ///
    /// # Errors
    ///
    /// The system's error for the last of the addresses;
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if there is none (see [`ToAddrs`]); that of a lookup.
    ///
    /// ```
    /// use vigie::net::UdpSocket;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// vigie::run(async {
    ///     let (one, other) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    ///     one.connect(other.local_addr()?).await?;
    ///     other.connect(one.local_addr()?).await?;
    ///     assert_eq!(one.peer_addr()?, other.local_addr()?);
    ///     one.send(b"ahoy").await?;
    ///     assert_eq!(other.recv(&mut [0; 16]).await?, 4);
    ///     Ok(())
    /// })?
    /// # }
    /// ```
    pub async fn connect(&self, addrs: impl ToAddrs) -> io::Result<()> {
        first_of(addrs::look_up(addrs.host()?).await?, |addr| self.source.get().connect(addr))
    }

    /// Sends one datagram to an address, as soon as the system takes it; its length.
    ///
    /// # Errors
    ///
    /// The system's: that the datagram is too long, that the address is of the other version, or cannot be
    /// reached, as far as that is known.
    ///
    /// ```
    /// # use vigie::net::UdpSocket;
    /// # fn main() -> std::io::Result<()> {
    /// # vigie::run(async {
    /// let (one, other) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    /// let to = other.local_addr()?;
    /// assert_eq!(one.send_to(b"ahoy", to).await?, 4);
    /// let (count, from) = other.recv_from(&mut [0; 8]).await?;
    /// assert_eq!((count, from), (4, one.local_addr()?));
    /// # Ok(())
    /// # })?
    /// # }
    /// ```
    pub async fn send_to(&self, buf: &[u8], addr: SocketAddr) -> io::Result<usize> {
        poll_fn(|cx| self.poll_send_to(cx, buf, addr)).await
    }

    /// The poll form of [`send_to`](Self::send_to).
    ///
    /// # Errors
    ///
    /// Those of [`send_to`](Self::send_to).
    ///
    /// ```
    /// use std::future::poll_fn;
    /// # use vigie::net::UdpSocket;
    /// # fn main() -> std::io::Result<()> {
    /// # vigie::run(async {
    /// let (one, other) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    /// let to = other.local_addr()?;
    /// assert_eq!(poll_fn(|cx| one.poll_send_to(cx, b"ahoy", to)).await?, 4);
    /// # Ok(())
    /// # })?
    /// # }
    /// ```
    pub fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
        addr: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        self.source.poll_io(cx, Direction::Write, |socket| socket.send_to(buf, addr), |_| false)
    }

    /// As [`recv`](Self::recv), but the datagram stays: the next operation receives it again, and whole.
    ///
    /// # Errors
    ///
    /// Those of [`recv`](Self::recv).
    ///
    /// ```
    /// # use vigie::net::UdpSocket;
    /// # fn main() -> std::io::Result<()> {
    /// # vigie::run(async {
    /// let (one, other) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    /// one.send_to(b"ahoy", other.local_addr()?).await?;
    /// let mut buf = [0; 8];
    /// assert_eq!(other.peek(&mut buf).await?, 4);
    /// assert_eq!(other.recv(&mut buf).await?, 4);
    /// # Ok(())
    /// # })?
    /// # }
    /// ```
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        poll_fn(|cx| self.poll_peek(cx, buf)).await
    }

    /// The poll form of [`peek`](Self::peek).
    ///
    /// # Errors
    ///
    /// Those of [`recv`](Self::recv).
    ///
    /// ```
    /// use std::future::poll_fn;
    /// # use vigie::net::UdpSocket;
    /// # fn main() -> std::io::Result<()> {
    /// # vigie::run(async {
    /// let (one, other) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    /// one.send_to(b"ahoy", other.local_addr()?).await?;
    /// let mut buf = [0; 8];
    /// assert_eq!(poll_fn(|cx| other.poll_peek(cx, &mut buf)).await?, 4);
    /// # Ok(())
    /// # })?
    /// # }
    /// ```
    pub fn poll_peek(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.source.poll_io(cx, Direction::Read, |socket| socket.peek(buf), |_| false)
    }

    /// As [`peek`](Self::peek); the second of the pair is the sender's address.
    ///
    /// # Errors
    ///
    /// Those of [`recv`](Self::recv).
    ///
    /// ```
    /// # use vigie::net::UdpSocket;
    /// # fn main() -> std::io::Result<()> {
    /// # vigie::run(async {
    /// let (one, other) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    /// one.send_to(b"ahoy", other.local_addr()?).await?;
    /// let (count, from) = other.peek_from(&mut [0; 8]).await?;
    /// assert_eq!((count, from), (4, one.local_addr()?));
    /// # Ok(())
    /// # })?
    /// # }
    /// ```
    pub async fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        poll_fn(|cx| self.poll_peek_from(cx, buf)).await
    }

    /// The poll form of [`peek_from`](Self::peek_from).
    ///
    /// # Errors
    ///
    /// Those of [`recv`](Self::recv).
    ///
    /// ```
    /// use std::future::poll_fn;
    /// # use vigie::net::UdpSocket;
    /// # fn main() -> std::io::Result<()> {
    /// # vigie::run(async {
    /// let (one, other) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    /// one.send_to(b"ahoy", other.local_addr()?).await?;
    /// let mut buf = [0; 8];
    /// let (count, _from) = poll_fn(|cx| other.poll_peek_from(cx, &mut buf)).await?;
    /// assert_eq!(&buf[..count], b"ahoy");
    /// # Ok(())
    /// # })?
    /// # }
    /// ```
    pub fn poll_peek_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        self.source.poll_io(cx, Direction::Read, |socket| socket.peek_from(buf), |_| false)
    }
}

handle!(UdpSocket, net::UdpSocket, SocketAddr, "socket", r#"let socket = UdpSocket::bind("127.0.0.1:0")?;"#);
datagrams!(
    UdpSocket,
    SocketAddr,
    r#"let (one, other) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
one.connect(other.local_addr()?).await?;
other.connect(one.local_addr()?).await?;"#
);
