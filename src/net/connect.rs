//! Connecting.

use std::{
    future::poll_fn,
    io,
    net::{self, SocketAddr},
};

use socket2::{Protocol, SockRef, Socket, Type};

use super::TcpStream;
use crate::system::Direction;

/// Connects to one address.
pub(super) async fn connect(addr: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(socket2::Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    let stream = TcpStream::new(socket.into());
    let mut begun = false;
    // The first try begins, the others look how it went. The source is registered when the first
    // would block: a socket that was watched before would be reported as hung up.
    let mut attempt = |socket: &net::TcpStream| {
        if !begun {
            begun = true;
            match SockRef::from(socket).connect(&addr.into()) {
                Ok(()) => return Ok(()),
                Err(error) if is_under_way(&error) => {}
                Err(error) => return Err(error),
            }
        }
        outcome(socket)
    };
    poll_fn(|cx| stream.source.poll_io(cx, Direction::Write, &mut attempt, |()| false)).await?;
    Ok(stream)
}

/// Did `connect` begin what it could not finish at once? An interrupted one did too.
fn is_under_way(error: &io::Error) -> bool {
    #[cfg(unix)]
    let in_progress = error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error());
    #[cfg(windows)]
    let in_progress = error.kind() == io::ErrorKind::WouldBlock;
    in_progress || error.kind() == io::ErrorKind::Interrupted
}

/// How the attempt went; `WouldBlock` if that is open.
fn outcome(socket: &net::TcpStream) -> io::Result<()> {
    if let Some(error) = socket.take_error()? {
        return Err(error);
    }
    match socket.peer_addr() {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Err(io::ErrorKind::WouldBlock.into()),
        Err(error) => Err(error),
    }
}
