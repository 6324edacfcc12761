//! Who is at the other end.

use std::{io, os::fd::AsRawFd};

use super::UnixStream;

/// The process at the other end of a [`UnixStream`], as it was when it connected, listened or made the pair.
///
/// ```
/// use vigie::net::{UCred, UnixStream};
///
/// # fn main() -> std::io::Result<()> {
/// let (one, other) = UnixStream::pair()?;
/// let UCred { pid, uid, gid, .. } = one.peer_cred()?;
/// assert_eq!(pid, i32::try_from(std::process::id()).ok());
/// // Both ends are ours.
/// let ours = other.peer_cred()?;
/// assert_eq!((uid, gid), (ours.uid, ours.gid));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct UCred {
    /// Its number; none if it has none here, being in a container that this process does not see into.
    pub pid: Option<i32>,
    /// Its effective user.
    pub uid: u32,
    /// Its effective group.
    pub gid: u32,
}

impl UnixStream {
    /// Who is at the other end: the system's word, and not the peer's (`SO_PEERCRED`).
    ///
    /// # Errors
    ///
    /// The system's.
    ///
    /// ```
    /// use vigie::net::UnixStream;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let (one, _other) = UnixStream::pair()?;
    /// assert_eq!(one.peer_cred()?.pid, i32::try_from(std::process::id()).ok());
    /// # Ok(())
    /// # }
    /// ```
    pub fn peer_cred(&self) -> io::Result<UCred> {
        let mut cred = libc::ucred { pid: 0, uid: 0, gid: 0 };
        let mut len = libc::socklen_t::try_from(size_of_val(&cred)).map_err(io::Error::other)?;
        // Not by rustix, whose type has no place for the number 0.
        // SAFETY: the descriptor is open as long as `self`, and the system writes `len` bytes at most, of
        // integers, where there are as many.
        let done = unsafe {
            libc::getsockopt(
                self.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_PEERCRED,
                (&raw mut cred).cast(),
                &raw mut len,
            )
        };
        if done != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(UCred { pid: (cred.pid > 0).then_some(cred.pid), uid: cred.uid, gid: cred.gid })
    }
}
