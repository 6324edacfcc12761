//! A TCP socket before it listens or connects.

use std::{fmt, io, net::SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};

use super::{TcpListener, TcpStream, connect::established, handle::descriptor};

/// A TCP socket that does neither listen nor connect yet: for what has to be set before.
///
/// [`TcpListener::bind`] and [`TcpStream::connect`] do without it. Nothing that it does blocks, and only
/// [`connect`](Self::connect) needs a domain. Options that are not found here are in `socket2`:
/// `SockRef::from(&socket)`.
///
/// ```
/// use vigie::net::TcpSocket;
///
/// # fn main() -> std::io::Result<()> {
/// vigie::run(async {
///     let socket = TcpSocket::new_v4()?;
///     socket.set_recv_buffer_size(256 * 1024)?;
///     socket.bind("127.0.0.1:0".parse().unwrap())?;
///     let listener = socket.listen(16)?;
///
///     // From an address of its own choice.
///     let socket = TcpSocket::new_v4()?;
///     socket.bind("127.0.0.1:0".parse().unwrap())?;
///     let from = socket.local_addr()?;
///     let stream = socket.connect(listener.local_addr()?).await?;
///     assert_eq!(stream.local_addr()?, from);
///     assert_eq!(listener.accept().await?.1, from);
///     Ok(())
/// })?
/// # }
/// ```
pub struct TcpSocket {
    socket: Socket,
}

impl TcpSocket {
    /// A socket for addresses of version 4.
    ///
    /// # Errors
    ///
    /// The system's, if there is no descriptor left.
    ///
    /// ```
    /// # use vigie::net::*;
    /// # fn main() -> std::io::Result<()> {
    /// let socket = TcpSocket::new_v4()?;
    /// socket.bind("127.0.0.1:0".parse().unwrap())?;
    /// assert!(socket.local_addr()?.is_ipv4());
    /// # Ok(())
    /// # }
    /// ```
    pub fn new_v4() -> io::Result<Self> {
        Self::new(Domain::IPV4)
    }

    /// A socket for addresses of version 6.
    ///
    /// # Errors
    ///
    /// The system's, if there is no descriptor left, or no such version.
    ///
    /// ```
    /// # use vigie::net::*;
    /// # fn main() -> std::io::Result<()> {
    /// # // A machine may have no such version.
    /// # if std::net::TcpListener::bind("[::1]:0").is_ok() {
    /// let socket = TcpSocket::new_v6()?;
    /// socket.bind("[::1]:0".parse().unwrap())?;
    /// assert!(socket.local_addr()?.is_ipv6());
    /// # }
    /// # Ok(())
    /// # }
    /// ```
    pub fn new_v6() -> io::Result<Self> {
        Self::new(Domain::IPV6)
    }

    /// A socket for addresses of the version of this one, which it does not use.
    ///
    /// # Errors
    ///
    /// Those of [`new_v4`](Self::new_v4) and [`new_v6`](Self::new_v6).
    ///
    /// ```
    /// # use vigie::net::*;
    /// # fn main() -> std::io::Result<()> {
    /// let addr = "127.0.0.1:0".parse().unwrap();
    /// let socket = TcpSocket::for_addr(addr)?;
    /// socket.bind(addr)?;
    /// assert_eq!(socket.local_addr()?.ip(), addr.ip());
    /// # Ok(())
    /// # }
    /// ```
    pub fn for_addr(addr: SocketAddr) -> io::Result<Self> {
        Self::new(Domain::for_address(addr))
    }

    fn new(domain: Domain) -> io::Result<Self> {
        let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket })
    }

    /// May it have an address that was in use until lately (`SO_REUSEADDR`)? See
    /// [`set_reuse_address`](Self::set_reuse_address).
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn reuse_address(&self) -> io::Result<bool> {
        self.socket.reuse_address()
    }

    /// Has it take, or not take, an address that was in use until lately. On Windows it would take one that
    /// **is** in use, too.
    ///
    /// # Errors
    ///
    /// The system's.
    ///
    /// ```
    /// # use vigie::net::*;
    /// # fn main() -> std::io::Result<()> {
    /// let socket = TcpSocket::new_v4()?;
    /// socket.set_reuse_address(true)?;
    /// assert!(socket.reuse_address()?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_reuse_address(&self, reuse: bool) -> io::Result<()> {
        self.socket.set_reuse_address(reuse)
    }

    /// May others have the same address (`SO_REUSEPORT`)? See [`set_reuse_port`](Self::set_reuse_port).
    ///
    /// # Errors
    ///
    /// The system's.
    #[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos", target_os = "cygwin"))))]
    pub fn reuse_port(&self) -> io::Result<bool> {
        self.socket.reuse_port()
    }

    /// Has it share its address with all sockets that allow it too. Linux shares the connections out among
    /// the listeners of one address, each with a backlog of its own. (What is in the backlog of one that is
    /// closed is lost: [`TcpListener::try_clone`] shares one backlog.)
    ///
    /// # Errors
    ///
    /// The system's.
    ///
    /// ```
    /// # use vigie::net::*;
    /// # fn main() -> std::io::Result<()> {
    /// let (one, other) = (TcpSocket::new_v4()?, TcpSocket::new_v4()?);
    /// one.set_reuse_port(true)?;
    /// other.set_reuse_port(true)?;
    /// assert!(one.reuse_port()? && other.reuse_port()?);
    /// one.bind("127.0.0.1:0".parse().unwrap())?;
    /// other.bind(one.local_addr()?)?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos", target_os = "cygwin"))))]
    pub fn set_reuse_port(&self, reuse: bool) -> io::Result<()> {
        self.socket.set_reuse_port(reuse)
    }

    /// Does it serve version 6 alone (`IPV6_V6ONLY`)? See [`set_only_v6`](Self::set_only_v6).
    ///
    /// # Errors
    ///
    /// The system's, also for a socket of version 4.
    pub fn only_v6(&self) -> io::Result<bool> {
        self.socket.only_v6()
    }

    /// Has a socket of version 6 serve that one alone, or version 4 as well, whose addresses are then written
    /// as `::ffff:127.0.0.1`. Which of them is the default is the system's choice.
    ///
    /// # Errors
    ///
    /// The system's, also for a socket of version 4.
    ///
    /// ```
    /// # use vigie::net::*;
    /// # fn main() -> std::io::Result<()> {
    /// # // A machine may have no such version.
    /// # if std::net::TcpListener::bind("[::1]:0").is_ok() {
    /// let socket = TcpSocket::new_v6()?;
    /// socket.set_only_v6(true)?;
    /// assert!(socket.only_v6()?);
    /// # }
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_only_v6(&self, only_v6: bool) -> io::Result<()> {
        self.socket.set_only_v6(only_v6)
    }

    /// Gives it an address. Port 0 has the system choose a port, found out by
    /// [`local_addr`](Self::local_addr).
    ///
    /// # Errors
    ///
    /// The system's, as [`AddrInUse`](io::ErrorKind::AddrInUse).
    ///
    /// ```
    /// # use vigie::net::*;
    /// # fn main() -> std::io::Result<()> {
    /// let socket = TcpSocket::new_v4()?;
    /// socket.bind("127.0.0.1:0".parse().unwrap())?;
    /// assert_ne!(socket.local_addr()?.port(), 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn bind(&self, addr: SocketAddr) -> io::Result<()> {
        self.socket.bind(&addr.into())
    }

    /// Its address.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        let addr = self.socket.local_addr()?;
        addr.as_socket().ok_or_else(|| io::Error::other("the socket has no internet address"))
    }

    /// Listens. The system holds up to `backlog` connections until they are accepted, if it has no lower limit
    /// of its own.
    ///
    /// # Errors
    ///
    /// The system's.
    ///
    /// ```
    /// # use vigie::net::*;
    /// # fn main() -> std::io::Result<()> {
    /// # vigie::run(async {
    /// let socket = TcpSocket::new_v4()?;
    /// socket.bind("127.0.0.1:0".parse().unwrap())?;
    /// let listener = socket.listen(16)?;
    /// let client = TcpStream::connect(listener.local_addr()?).await?;
    /// assert_eq!(listener.accept().await?.1, client.local_addr()?);
    /// # Ok(())
    /// # })?
    /// # }
    /// ```
    pub fn listen(self, backlog: u32) -> io::Result<TcpListener> {
        self.socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
        Ok(TcpListener::new(self.socket.into()))
    }

    /// Connects. Cancellation-safe: dropping this future closes the socket.
    ///
    /// # Errors
    ///
    /// The system's, as [`ConnectionRefused`](io::ErrorKind::ConnectionRefused), and that of a domain without
    /// the system's events.
    ///
    /// ```
    /// # use vigie::net::*;
    /// # fn main() -> std::io::Result<()> {
    /// # vigie::run(async {
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let socket = TcpSocket::new_v4()?;
    /// socket.set_nodelay(true)?;
    /// let stream = socket.connect(listener.local_addr()?).await?;
    /// assert!(stream.nodelay()?);
    /// # Ok(())
    /// # })?
    /// # }
    /// ```
    pub async fn connect(self, addr: SocketAddr) -> io::Result<TcpStream> {
        let source = established(self.socket, &addr.into()).await?;
        Ok(TcpStream { source })
    }
}

impl fmt::Debug for TcpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpSocket").field("addr", &self.local_addr().ok()).finish_non_exhaustive()
    }
}

descriptor!(TcpSocket, socket);
