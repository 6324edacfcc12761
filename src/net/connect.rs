//! Connecting.

use std::{future::poll_fn, io, net::SocketAddr};

use socket2::{SockAddr, SockRef, Socket};

use super::{TcpSocket, TcpStream};
use crate::system::{AsFd, Direction, Source};

/// Connects to one address.
pub(super) async fn connect(addr: SocketAddr) -> io::Result<TcpStream> {
    TcpSocket::for_addr(addr)?.connect(addr).await
}

/// Connects a socket that does not block. A `WouldBlock` is the system's, and nothing would tell of its end.
pub(super) async fn established<T: AsFd + From<Socket>>(
    socket: Socket,
    addr: &SockAddr,
) -> io::Result<Source<T>> {
    let source = Source::new(T::from(socket));
    let mut begun = false;
    // The first try begins, the others look how it went. The source is registered when the first
    // would block: a socket that was watched before would be reported as hung up.
    let mut attempt = |io: &T| {
        let socket = SockRef::from(io);
        if !begun {
            begun = true;
            match socket.connect(addr) {
                Ok(()) => return Ok(Ok(())),
                Err(error) if is_under_way(&error) => {}
                Err(error) => return Ok(Err(error)),
            }
        }
        outcome(&socket).map(Ok)
    };
    poll_fn(|cx| source.poll_io(cx, Direction::Write, &mut attempt, |_| false)).await??;
    Ok(source)
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
fn outcome(socket: &Socket) -> io::Result<()> {
    if let Some(error) = socket.take_error()? {
        return Err(error);
    }
    match socket.peer_addr() {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Err(io::ErrorKind::WouldBlock.into()),
        Err(error) => Err(error),
    }
}
