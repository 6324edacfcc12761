//! Addresses to bind to and to connect to.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6},
};

use self::sealed::Addrs;
pub(super) use self::sealed::Host;

/// What stands for one address, or for several that are tried in turn.
///
/// Text holds one literal address with its port, as `"127.0.0.1:80"` or `"[::1]:80"`, or a name with a port,
/// as `"localhost:80"`; either can be given apart from its port, as `("localhost", 80)`. Names are looked up
/// where that can be awaited, and with the feature `blocking`: by `lookup_host` and
/// [`TcpStream::connect`](super::TcpStream::connect). Elsewhere a name is refused with
/// [`InvalidInput`](io::ErrorKind::InvalidInput), and so is an empty list everywhere. The trait is sealed.
///
/// ```
/// use std::{io, net::{Ipv4Addr, SocketAddr}};
/// use vigie::net::TcpListener;
///
/// # fn main() -> io::Result<()> {
/// TcpListener::bind("127.0.0.1:0")?;
/// TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
/// TcpListener::bind(("127.0.0.1", 0))?;
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
        fn host(&self) -> io::Result<Host>;
    }

    /// What is to be reached.
    #[derive(Debug)]
    pub enum Host {
        Addrs(Vec<SocketAddr>),
        /// A name, and the port there.
        Named(String, u16),
    }
}

/// The addresses, at least one, where nothing can be looked up.
pub(super) fn list(addrs: &impl ToAddrs) -> io::Result<Vec<SocketAddr>> {
    match addrs.host()? {
        Host::Addrs(addrs) => some(addrs),
        Host::Named(name, port) => Err(invalid(format!(
            "{name}:{port} is a name, and looking it up would block the domain: \
             await vigie::net::lookup_host (feature `blocking`), and take an address that it gives"
        ))),
    }
}

/// The addresses, at least one; a name is looked up.
pub(super) async fn look_up(host: Host) -> io::Result<Vec<SocketAddr>> {
    match host {
        Host::Addrs(addrs) => some(addrs),
        #[cfg(feature = "blocking")]
        named => super::LookupHost::new(Ok(named)).await,
        #[cfg(not(feature = "blocking"))]
        Host::Named(name, port) => Err(invalid(format!(
            "{name}:{port} is a name, and names are looked up with the feature `blocking` of vigie only"
        ))),
    }
}

/// At least one.
pub(super) fn some(addrs: Vec<SocketAddr>) -> io::Result<Vec<SocketAddr>> {
    if addrs.is_empty() { Err(invalid("no address was given".to_owned())) } else { Ok(addrs) }
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

impl ToAddrs for SocketAddr {}
impl Addrs for SocketAddr {
    fn host(&self) -> io::Result<Host> {
        Ok(Host::Addrs(vec![*self]))
    }
}

impl ToAddrs for SocketAddrV4 {}
impl Addrs for SocketAddrV4 {
    fn host(&self) -> io::Result<Host> {
        Ok(Host::Addrs(vec![SocketAddr::V4(*self)]))
    }
}

impl ToAddrs for SocketAddrV6 {}
impl Addrs for SocketAddrV6 {
    fn host(&self) -> io::Result<Host> {
        Ok(Host::Addrs(vec![SocketAddr::V6(*self)]))
    }
}

impl ToAddrs for (IpAddr, u16) {}
impl Addrs for (IpAddr, u16) {
    fn host(&self) -> io::Result<Host> {
        Ok(Host::Addrs(vec![SocketAddr::from(*self)]))
    }
}

impl ToAddrs for (Ipv4Addr, u16) {}
impl Addrs for (Ipv4Addr, u16) {
    fn host(&self) -> io::Result<Host> {
        Ok(Host::Addrs(vec![SocketAddr::from(*self)]))
    }
}

impl ToAddrs for (Ipv6Addr, u16) {}
impl Addrs for (Ipv6Addr, u16) {
    fn host(&self) -> io::Result<Host> {
        Ok(Host::Addrs(vec![SocketAddr::from(*self)]))
    }
}

impl ToAddrs for [SocketAddr] {}
impl Addrs for [SocketAddr] {
    fn host(&self) -> io::Result<Host> {
        Ok(Host::Addrs(self.to_vec()))
    }
}

impl<const N: usize> ToAddrs for [SocketAddr; N] {}
impl<const N: usize> Addrs for [SocketAddr; N] {
    fn host(&self) -> io::Result<Host> {
        Ok(Host::Addrs(self.to_vec()))
    }
}

impl ToAddrs for Vec<SocketAddr> {}
impl Addrs for Vec<SocketAddr> {
    fn host(&self) -> io::Result<Host> {
        Ok(Host::Addrs(self.clone()))
    }
}

impl ToAddrs for (&str, u16) {}
impl Addrs for (&str, u16) {
    fn host(&self) -> io::Result<Host> {
        let (name, port) = *self;
        match name.parse::<IpAddr>() {
            Ok(addr) => Ok(Host::Addrs(vec![SocketAddr::from((addr, port))])),
            Err(_) if name.is_empty() => Err(invalid("the name of the host is empty".to_owned())),
            Err(_) => Ok(Host::Named(name.to_owned(), port)),
        }
    }
}

impl ToAddrs for (String, u16) {}
impl Addrs for (String, u16) {
    fn host(&self) -> io::Result<Host> {
        (self.0.as_str(), self.1).host()
    }
}

impl ToAddrs for str {}
impl Addrs for str {
    fn host(&self) -> io::Result<Host> {
        if let Ok(addr) = self.parse() {
            return Ok(Host::Addrs(vec![addr]));
        }
        let named = self.rsplit_once(':').and_then(|(name, port)| Some((name, port.parse().ok()?)));
        match named {
            // No name holds a colon: this is an address that was misspelt.
            Some((name, port)) if !name.is_empty() && !name.contains([':', '[']) => {
                Ok(Host::Named(name.to_owned(), port))
            }
            _ => Err(invalid(format!(
                "{self:?} is neither an address nor a name with a port, \
                 such as 127.0.0.1:80, [::1]:80 or localhost:80"
            ))),
        }
    }
}

impl ToAddrs for String {}
impl Addrs for String {
    fn host(&self) -> io::Result<Host> {
        self.as_str().host()
    }
}

impl<T: ToAddrs + ?Sized> ToAddrs for &T {}
impl<T: Addrs + ?Sized> Addrs for &T {
    fn host(&self) -> io::Result<Host> {
        (**self).host()
    }
}
