//! Options that several kinds of sockets have. They neither wait nor need a domain. More of them are found in
//! `socket2`: `SockRef::from(&socket)`.
//!
//! Each kind comes with the lines that make a `socket` of it in the examples.

use std::{io, time::Duration};

use socket2::{SockRef, TcpKeepalive};

use super::{TcpListener, TcpSocket, TcpStream, UdpSocket};
#[cfg(unix)]
use super::{UnixDatagram, UnixStream};

macro_rules! buffer_sizes {
    ($($socket:ident $made:literal),*) => {$(
        /// The system's buffers. These neither wait nor need a domain; their errors are the system's.
        ///
        /// ```
        /// # use vigie::net::*;
        /// # fn main() -> std::io::Result<()> {
        /// # vigie::run(async {
        #[doc = $made]
        /// // What the system makes of it may be more.
        /// socket.set_recv_buffer_size(20_000)?;
        /// assert!(socket.recv_buffer_size()? >= 20_000);
        /// socket.set_send_buffer_size(20_000)?;
        /// assert!(socket.send_buffer_size()? >= 20_000);
        /// # Ok(())
        /// # })?
        /// # }
        /// ```
        impl $socket {
            /// The size of the system's buffer for what has arrived (`SO_RCVBUF`).
            ///
            /// # Errors
            ///
            /// The system's.
            pub fn recv_buffer_size(&self) -> io::Result<usize> {
                SockRef::from(self).recv_buffer_size()
            }

            /// Sets the size of the system's buffer for what has arrived. The system takes it for a hint.
            ///
            /// # Errors
            ///
            /// The system's.
            pub fn set_recv_buffer_size(&self, size: usize) -> io::Result<()> {
                SockRef::from(self).set_recv_buffer_size(size)
            }

            /// The size of the system's buffer for what is to be sent (`SO_SNDBUF`).
            ///
            /// # Errors
            ///
            /// The system's.
            pub fn send_buffer_size(&self) -> io::Result<usize> {
                SockRef::from(self).send_buffer_size()
            }

            /// Sets the size of the system's buffer for what is to be sent. The system takes it for a hint.
            ///
            /// # Errors
            ///
            /// The system's.
            pub fn set_send_buffer_size(&self, size: usize) -> io::Result<()> {
                SockRef::from(self).set_send_buffer_size(size)
            }
        }
    )*};
}

buffer_sizes!(
    TcpSocket "let socket = TcpSocket::new_v4()?;",
    TcpStream r#"let listener = TcpListener::bind("127.0.0.1:0")?;
let socket = TcpStream::connect(listener.local_addr()?).await?;"#,
    UdpSocket r#"let socket = UdpSocket::bind("127.0.0.1:0")?;"#
);
#[cfg(unix)]
buffer_sizes!(
    UnixStream "let (socket, _other) = UnixStream::pair()?;",
    UnixDatagram "let socket = UnixDatagram::unbound()?;"
);

macro_rules! time_to_live {
    ($($socket:ident $made:literal),*) => {$(
        /// How far packets go. These neither wait nor need a domain; their errors are the system's.
        ///
        /// ```
        /// # use vigie::net::*;
        /// # fn main() -> std::io::Result<()> {
        /// # vigie::run(async {
        #[doc = $made]
        /// socket.set_ttl(42)?;
        /// assert_eq!(socket.ttl()?, 42);
        /// # Ok(())
        /// # })?
        /// # }
        /// ```
        impl $socket {
            /// The time to live of the packets of IPv4, as `IP_TTL` has it.
            ///
            /// # Errors
            ///
            /// The system's.
            pub fn ttl(&self) -> io::Result<u32> {
                SockRef::from(self).ttl_v4()
            }

            /// Sets the time to live of the packets of IPv4.
            ///
            /// # Errors
            ///
            /// The system's.
            pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
                SockRef::from(self).set_ttl_v4(ttl)
            }
        }
    )*};
}

time_to_live!(
    TcpListener r#"let socket = TcpListener::bind("127.0.0.1:0")?;"#,
    TcpSocket "let socket = TcpSocket::new_v4()?;",
    TcpStream r#"let listener = TcpListener::bind("127.0.0.1:0")?;
let socket = TcpStream::connect(listener.local_addr()?).await?;"#,
    UdpSocket r#"let socket = UdpSocket::bind("127.0.0.1:0")?;"#
);

macro_rules! connection {
    ($($socket:ident $made:literal),*) => {$(
        /// Options of a connection. These neither wait nor need a domain; their errors are the system's.
        ///
        /// ```
        /// use std::time::Duration;
        /// # use vigie::net::*;
        /// # fn main() -> std::io::Result<()> {
        /// # vigie::run(async {
        #[doc = $made]
        /// socket.set_nodelay(true)?;
        /// assert!(socket.nodelay()?);
        /// socket.set_linger(Some(Duration::ZERO))?;
        /// assert_eq!(socket.linger()?, Some(Duration::ZERO));
        /// // A silent peer is asked after two minutes; or after half a minute, and given up after three probes.
        /// socket.set_keepalive(Some(Duration::from_secs(120)))?;
        /// # #[cfg(any(target_os = "linux", target_os = "macos", target_os = "freebsd"))]
        /// socket.set_keepalive_probes(Duration::from_secs(30), Duration::from_secs(10), 3)?;
        /// assert!(socket.keepalive()?);
        /// # Ok(())
        /// # })?
        /// # }
        /// ```
        impl $socket {
            /// Does every write leave at once (`TCP_NODELAY`)?
            ///
            /// # Errors
            ///
            /// The system's.
            pub fn nodelay(&self) -> io::Result<bool> {
                SockRef::from(self).tcp_nodelay()
            }

            /// Has every write leave at once, or be held back to be sent together with later ones, which is
            /// the system's default.
            ///
            /// # Errors
            ///
            /// The system's.
            pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
                SockRef::from(self).set_tcp_nodelay(nodelay)
            }

            /// How long closing lingers (`SO_LINGER`); see [`set_linger`](Self::set_linger).
            ///
            /// # Errors
            ///
            /// The system's.
            pub fn linger(&self) -> io::Result<Option<Duration>> {
                SockRef::from(self).linger()
            }

            /// What becomes of data not yet sent when the socket is closed. `None`, the default: the system
            /// sends it, and nobody waits. Zero: it is thrown away, and the peer sees a reset. A longer time:
            /// the thread that drops the stream **blocks** for up to that long, its whole domain with it.
            ///
            /// # Errors
            ///
            /// The system's.
            pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
                SockRef::from(self).set_linger(linger)
            }

            /// Is a connection that is idle probed (`SO_KEEPALIVE`)?
            ///
            /// # Errors
            ///
            /// The system's.
            pub fn keepalive(&self) -> io::Result<bool> {
                SockRef::from(self).keepalive()
            }

            /// Has the connection probed after it was idle for so long, so that one whose peer has vanished
            /// fails; or never, with `None`, the default.
            ///
            /// # Errors
            ///
            /// The system's.
            pub fn set_keepalive(&self, idle: Option<Duration>) -> io::Result<()> {
                let socket = SockRef::from(self);
                match idle {
                    Some(idle) => socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(idle)),
                    None => socket.set_keepalive(false),
                }
            }

            /// Has the connection probed after it was idle for so long, then every `interval`, and fail after
            /// so many probes without an answer. Some systems count in seconds, and round down.
            ///
            /// # Errors
            ///
            /// The system's.
            #[cfg(any(
                target_os = "linux",
                target_os = "android",
                target_os = "macos",
                target_os = "ios",
                target_os = "freebsd",
                target_os = "netbsd"
            ))]
            pub fn set_keepalive_probes(
                &self,
                idle: Duration,
                interval: Duration,
                probes: u32,
            ) -> io::Result<()> {
                let keepalive =
                    TcpKeepalive::new().with_time(idle).with_interval(interval).with_retries(probes);
                SockRef::from(self).set_tcp_keepalive(&keepalive)
            }
        }
    )*};
}

connection!(
    TcpSocket "let socket = TcpSocket::new_v4()?;",
    TcpStream r#"let listener = TcpListener::bind("127.0.0.1:0")?;
let socket = TcpStream::connect(listener.local_addr()?).await?;"#
);
