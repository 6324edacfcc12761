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
    pub fn new_v4() -> io::Result<Self> {
        Self::new(Domain::IPV4)
    }

    /// A socket for addresses of version 6.
    ///
    /// # Errors
    ///
    /// The system's, if there is no descriptor left, or no such version.
    pub fn new_v6() -> io::Result<Self> {
        Self::new(Domain::IPV6)
    }

    /// A socket for addresses of the version of this one, which it does not use.
    ///
    /// # Errors
    ///
    /// Those of [`new_v4`](Self::new_v4) and [`new_v6`](Self::new_v6).
    pub fn for_addr(addr: SocketAddr) -> io::Result<Self> {
        Self::new(Domain::for_address(addr))
    }

    fn new(domain: Domain) -> io::Result<Self> {
        let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket })
    }

    /// May it have an address that was in use until lately (`SO_REUSEADDR`)?
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
    #[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos", target_os = "cygwin"))))]
    pub fn set_reuse_port(&self, reuse: bool) -> io::Result<()> {
        self.socket.set_reuse_port(reuse)
    }

    /// Does it serve version 6 alone (`IPV6_V6ONLY`)?
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
    pub fn set_only_v6(&self, only_v6: bool) -> io::Result<()> {
        self.socket.set_only_v6(only_v6)
    }

    /// Gives it an address. Port 0 has the system choose a port, found out by
    /// [`local_addr`](Self::local_addr).
    ///
    /// # Errors
    ///
    /// The system's, as [`AddrInUse`](io::ErrorKind::AddrInUse).
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
