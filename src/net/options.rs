//! Options of a stream's socket. They neither wait nor need a domain. More of them are found in
//! `socket2`: `SockRef::from(&stream)`.

use std::{io, time::Duration};

use socket2::{SockRef, TcpKeepalive};

use super::TcpStream;

/// Options of the socket. These neither wait nor need a domain; their errors are the system's.
impl TcpStream {
    /// Does every write leave at once (`TCP_NODELAY`)?
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.source.get().nodelay()
    }

    /// Has every write leave at once, or be held back to be sent together with later ones, which is
    /// the system's default.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.source.get().set_nodelay(nodelay)
    }

    /// The time to live of the packets, as `IP_TTL` has it.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn ttl(&self) -> io::Result<u32> {
        self.source.get().ttl()
    }

    /// Sets the time to live of the packets.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.source.get().set_ttl(ttl)
    }

    /// How long closing lingers (`SO_LINGER`); see [`set_linger`](Self::set_linger).
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        SockRef::from(self.source.get()).linger()
    }

    /// What becomes of data not yet sent when the socket is closed. `None`, the default: the system
    /// sends it, and nobody waits. Zero: it is thrown away, and the peer sees a reset. A longer time:
    /// the thread that drops the stream **blocks** for up to that long, its whole domain with it.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        SockRef::from(self.source.get()).set_linger(linger)
    }

    /// Is a connection that is idle probed (`SO_KEEPALIVE`)?
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn keepalive(&self) -> io::Result<bool> {
        SockRef::from(self.source.get()).keepalive()
    }

    /// Has the connection probed after it was idle for so long, so that one whose peer has vanished
    /// fails; or never, with `None`, the default.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_keepalive(&self, idle: Option<Duration>) -> io::Result<()> {
        let socket = SockRef::from(self.source.get());
        match idle {
            Some(idle) => socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(idle)),
            None => socket.set_keepalive(false),
        }
    }

    /// The size of the system's buffer for what has arrived (`SO_RCVBUF`).
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn recv_buffer_size(&self) -> io::Result<usize> {
        SockRef::from(self.source.get()).recv_buffer_size()
    }

    /// Sets the size of the system's buffer for what has arrived. The system takes it for a hint.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_recv_buffer_size(&self, size: usize) -> io::Result<()> {
        SockRef::from(self.source.get()).set_recv_buffer_size(size)
    }

    /// The size of the system's buffer for what is to be sent (`SO_SNDBUF`).
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn send_buffer_size(&self) -> io::Result<usize> {
        SockRef::from(self.source.get()).send_buffer_size()
    }

    /// Sets the size of the system's buffer for what is to be sent. The system takes it for a hint.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_send_buffer_size(&self, size: usize) -> io::Result<()> {
        SockRef::from(self.source.get()).set_send_buffer_size(size)
    }
}
