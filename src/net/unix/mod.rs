//! Unix sockets: between programs of one machine, under names in the file system.

mod datagram;
mod listener;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod peer;
mod stream;

#[cfg(any(target_os = "linux", target_os = "android"))]
pub use self::peer::UCred;
pub use self::{datagram::UnixDatagram, listener::UnixListener, stream::UnixStream};

use std::time::Duration;

use super::backoff::Backoff;

/// For a peer that has no room, where nothing tells of its having some again. It has as soon as it reads or
/// accepts once: mostly that is soon, and one that is busy for long is asked seldom.
fn until_the_peer_has_room() -> Backoff {
    Backoff::new(Duration::from_millis(1), Duration::from_millis(64))
}
