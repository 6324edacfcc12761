//! Datagrams for many: broadcast and multicast.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr},
};

use socket2::SockRef;

use super::UdpSocket;

/// Datagrams for many. These neither wait nor need a domain; their errors are the system's.
///
/// ```
/// use std::{net::Ipv4Addr, time::Duration};
/// use vigie::{net::UdpSocket, time::timeout};
///
/// # fn main() -> std::io::Result<()> {
/// vigie::run(async {
///     let (group, here) = (Ipv4Addr::new(224, 0, 0, 199), Ipv4Addr::LOCALHOST);
///     let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
///     socket.join_multicast_v4(&group, &here)?;
///     // By this machine alone, and back to it.
///     socket.set_multicast_if_v4(&here)?;
///     socket.set_multicast_loop_v4(true)?;
///     socket.set_multicast_ttl_v4(1)?;
///     assert_eq!(socket.multicast_if_v4()?, here);
///     assert!(socket.multicast_loop_v4()?);
///     assert_eq!(socket.multicast_ttl_v4()?, 1);
///
///     socket.send_to(b"all hands", (group, socket.local_addr()?.port()).into()).await?;
///     let mut buf = [0; 16];
///     // A machine may keep such from itself.
///     if let Ok(count) = timeout(Duration::from_secs(1), socket.recv(&mut buf)).await {
///         assert_eq!(&buf[..count?], b"all hands");
///     }
///     socket.leave_multicast_v4(&group, &here)?;
///
///     // To every machine of the network.
///     socket.set_broadcast(true)?;
///     assert!(socket.broadcast()?);
///     Ok(())
/// })?
/// # }
/// ```
///
/// On version 6, an interface goes by its number, and 0 has the system choose:
///
/// ```
/// use std::net::Ipv6Addr;
/// use vigie::net::UdpSocket;
///
/// # fn main() -> std::io::Result<()> {
/// // A machine may have no such version, or no interface to join by.
/// let Ok(socket) = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)) else { return Ok(()) };
/// let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x1999);
/// if socket.join_multicast_v6(&group, 0).is_ok() {
///     socket.leave_multicast_v6(&group, 0)?;
/// }
/// socket.set_multicast_if_v6(0)?;
/// assert_eq!(socket.multicast_if_v6()?, 0);
/// socket.set_multicast_loop_v6(false)?;
/// assert!(!socket.multicast_loop_v6()?);
/// socket.set_multicast_hops_v6(2)?;
/// assert_eq!(socket.multicast_hops_v6()?, 2);
/// # Ok(())
/// # }
/// ```
impl UdpSocket {
    /// May it send to a broadcast address (`SO_BROADCAST`)?
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn broadcast(&self) -> io::Result<bool> {
        SockRef::from(self).broadcast()
    }

    /// Lets it, or does not let it, send to a broadcast address.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_broadcast(&self, broadcast: bool) -> io::Result<()> {
        SockRef::from(self).set_broadcast(broadcast)
    }

    /// Joins a group of version 4: its datagrams are received from now on, as far as they come to the port of
    /// this socket. `interface` is the address of the one that they come by; with
    /// [`UNSPECIFIED`](Ipv4Addr::UNSPECIFIED) the system chooses.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn join_multicast_v4(&self, group: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        SockRef::from(self).join_multicast_v4(group, interface)
    }

    /// Leaves a group of version 4.
    ///
    /// # Errors
    ///
    /// The system's, also if it was not joined by that interface.
    pub fn leave_multicast_v4(&self, group: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        SockRef::from(self).leave_multicast_v4(group, interface)
    }

    /// Joins a group of version 6. `interface` is the number of the one that its datagrams come by; with 0 the
    /// system chooses.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn join_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        SockRef::from(self).join_multicast_v6(group, interface)
    }

    /// Leaves a group of version 6.
    ///
    /// # Errors
    ///
    /// The system's, also if it was not joined by that interface.
    pub fn leave_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        SockRef::from(self).leave_multicast_v6(group, interface)
    }

    /// Are datagrams to a group of version 4 received by this machine as well, if it is in it?
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn multicast_loop_v4(&self) -> io::Result<bool> {
        SockRef::from(self).multicast_loop_v4()
    }

    /// Has datagrams to a group of version 4 be received by this machine as well, or not. On Windows this is
    /// set where they are received, elsewhere where they are sent.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_multicast_loop_v4(&self, receive: bool) -> io::Result<()> {
        SockRef::from(self).set_multicast_loop_v4(receive)
    }

    /// As [`multicast_loop_v4`](Self::multicast_loop_v4), for version 6.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn multicast_loop_v6(&self) -> io::Result<bool> {
        SockRef::from(self).multicast_loop_v6()
    }

    /// As [`set_multicast_loop_v4`](Self::set_multicast_loop_v4), for version 6.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_multicast_loop_v6(&self, receive: bool) -> io::Result<()> {
        SockRef::from(self).set_multicast_loop_v6(receive)
    }

    /// How many networks a datagram to a group of version 4 may cross.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn multicast_ttl_v4(&self) -> io::Result<u32> {
        SockRef::from(self).multicast_ttl_v4()
    }

    /// Sets how many networks a datagram to a group of version 4 may cross. 1, the default, keeps it in this
    /// network.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_multicast_ttl_v4(&self, ttl: u32) -> io::Result<()> {
        SockRef::from(self).set_multicast_ttl_v4(ttl)
    }

    /// As [`multicast_ttl_v4`](Self::multicast_ttl_v4), for version 6, which calls them hops.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn multicast_hops_v6(&self) -> io::Result<u32> {
        SockRef::from(self).multicast_hops_v6()
    }

    /// As [`set_multicast_ttl_v4`](Self::set_multicast_ttl_v4), for version 6.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_multicast_hops_v6(&self, hops: u32) -> io::Result<()> {
        SockRef::from(self).set_multicast_hops_v6(hops)
    }

    /// The address of the interface by which datagrams to a group of version 4 leave.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn multicast_if_v4(&self) -> io::Result<Ipv4Addr> {
        SockRef::from(self).multicast_if_v4()
    }

    /// Sets the interface by which datagrams to a group of version 4 leave, by its address. With
    /// [`UNSPECIFIED`](Ipv4Addr::UNSPECIFIED), the default, the system chooses.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_multicast_if_v4(&self, interface: &Ipv4Addr) -> io::Result<()> {
        SockRef::from(self).set_multicast_if_v4(interface)
    }

    /// The number of the interface by which datagrams to a group of version 6 leave.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn multicast_if_v6(&self) -> io::Result<u32> {
        SockRef::from(self).multicast_if_v6()
    }

    /// Sets the interface by which datagrams to a group of version 6 leave, by its number. With 0, the
    /// default, the system chooses.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_multicast_if_v6(&self, interface: u32) -> io::Result<()> {
        SockRef::from(self).set_multicast_if_v6(interface)
    }
}
