//! The first of several addresses that will do.

use std::{io, net::SocketAddr};

use super::{ToAddrs, addrs};

/// What `attempt` makes of the first address where it succeeds, or its error for the last of them.
pub(super) fn first<T>(
    addrs: &impl ToAddrs,
    attempt: impl FnMut(SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    let mut last = None;
    for tried in addrs::list(addrs)?.into_iter().map(attempt) {
        match tried {
            Ok(done) => return Ok(done),
            Err(error) => last = Some(error),
        }
    }
    Err(last.expect("there is at least one address"))
}
