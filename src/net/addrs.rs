//! Addresses to bind to and to connect to.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6},
};

use self::sealed::Addrs;

/// What stands for one address, or for several that are tried in turn.
///
/// Text holds one literal address with its port, as `"127.0.0.1:80"` or `"[::1]:80"`. A name is
/// refused with [`InvalidInput`](io::ErrorKind::InvalidInput): looking it up would block the domain,
/// and is not offered yet. So is an empty list. The trait is sealed.
///
/// ```
/// use std::{io, net::{Ipv4Addr, SocketAddr}};
/// use vigie::net::TcpListener;
///
/// # fn main() -> io::Result<()> {
/// TcpListener::bind("127.0.0.1:0")?;
/// TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
/// TcpListener::bind([SocketAddr::from(([127, 0, 0, 1], 0)), SocketAddr::from(([127, 0, 0, 2], 0))])?;
///
/// let error = TcpListener::bind("localhost:0").unwrap_err();
/// assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
/// # Ok(())
/// # }
/// ```
pub trait ToAddrs: Addrs {}

mod sealed {
    use std::{io, net::SocketAddr};

    pub trait Addrs {
        fn addrs(&self) -> io::Result<Vec<SocketAddr>>;
    }
}

/// The addresses: at least one.
pub(super) fn list(addrs: &impl ToAddrs) -> io::Result<Vec<SocketAddr>> {
    let addrs = addrs.addrs()?;
    if addrs.is_empty() {
        return Err(invalid("no address was given".to_owned()));
    }
    Ok(addrs)
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

impl ToAddrs for SocketAddr {}
impl Addrs for SocketAddr {
    fn addrs(&self) -> io::Result<Vec<SocketAddr>> {
        Ok(vec![*self])
    }
}

impl ToAddrs for SocketAddrV4 {}
impl Addrs for SocketAddrV4 {
    fn addrs(&self) -> io::Result<Vec<SocketAddr>> {
        Ok(vec![SocketAddr::V4(*self)])
    }
}

impl ToAddrs for SocketAddrV6 {}
impl Addrs for SocketAddrV6 {
    fn addrs(&self) -> io::Result<Vec<SocketAddr>> {
        Ok(vec![SocketAddr::V6(*self)])
    }
}

impl ToAddrs for (IpAddr, u16) {}
impl Addrs for (IpAddr, u16) {
    fn addrs(&self) -> io::Result<Vec<SocketAddr>> {
        Ok(vec![SocketAddr::from(*self)])
    }
}

impl ToAddrs for (Ipv4Addr, u16) {}
impl Addrs for (Ipv4Addr, u16) {
    fn addrs(&self) -> io::Result<Vec<SocketAddr>> {
        Ok(vec![SocketAddr::from(*self)])
    }
}

impl ToAddrs for (Ipv6Addr, u16) {}
impl Addrs for (Ipv6Addr, u16) {
    fn addrs(&self) -> io::Result<Vec<SocketAddr>> {
        Ok(vec![SocketAddr::from(*self)])
    }
}

impl ToAddrs for [SocketAddr] {}
impl Addrs for [SocketAddr] {
    fn addrs(&self) -> io::Result<Vec<SocketAddr>> {
        Ok(self.to_vec())
    }
}

impl<const N: usize> ToAddrs for [SocketAddr; N] {}
impl<const N: usize> Addrs for [SocketAddr; N] {
    fn addrs(&self) -> io::Result<Vec<SocketAddr>> {
        Ok(self.to_vec())
    }
}

impl ToAddrs for Vec<SocketAddr> {}
impl Addrs for Vec<SocketAddr> {
    fn addrs(&self) -> io::Result<Vec<SocketAddr>> {
        Ok(self.clone())
    }
}

impl ToAddrs for str {}
impl Addrs for str {
    fn addrs(&self) -> io::Result<Vec<SocketAddr>> {
        match self.parse() {
            Ok(addr) => Ok(vec![addr]),
            Err(_) => Err(invalid(format!(
                "{self:?} is no literal address with a port, such as 127.0.0.1:80 or [::1]:80; \
                 names are not looked up, since that would block the domain"
            ))),
        }
    }
}

impl ToAddrs for String {}
impl Addrs for String {
    fn addrs(&self) -> io::Result<Vec<SocketAddr>> {
        self.as_str().addrs()
    }
}

impl<T: ToAddrs + ?Sized> ToAddrs for &T {}
impl<T: Addrs + ?Sized> Addrs for &T {
    fn addrs(&self) -> io::Result<Vec<SocketAddr>> {
        (**self).addrs()
    }
}
