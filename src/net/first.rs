//! The first of several addresses that will do.

use std::{io, net::SocketAddr};

use super::{ToAddrs, addrs};

/// What `attempt` makes of the first address where it succeeds, or its error for the last of them. Names are
/// refused.
pub(super) fn first<T>(
    addrs: &impl ToAddrs,
    attempt: impl FnMut(SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    first_of(addrs::list(addrs)?, attempt)
}

/// The same of a list, which is not empty.
pub(super) fn first_of<T>(
    addrs: Vec<SocketAddr>,
    attempt: impl FnMut(SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    let mut last = None;
    for tried in addrs.into_iter().map(attempt) {
        match tried {
            Ok(done) => return Ok(done),
            Err(error) => last = Some(error),
        }
    }
    Err(last.expect("there is at least one address"))
}
