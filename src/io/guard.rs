//! The guards of a descriptor's readiness.

use std::{fmt, io, os::fd::AsFd};

use super::{AsyncFd, Interest, Ready};
use crate::system::Told;

/// A descriptor is ready: as long as nobody clears that.
///
/// ```
/// use std::{io::{Read, Write}, os::unix::net::UnixStream};
/// use vigie::io::AsyncFd;
///
/// /// Reads what there is, and waits where there is nothing.
/// async fn read(stream: &AsyncFd<UnixStream>, buf: &mut [u8]) -> std::io::Result<usize> {
///     loop {
///         let mut guard = stream.readable().await?;
///         if let Some(count) = guard.try_io(|mut stream| stream.read(buf)) {
///             return count;
///         }
///     }
/// }
///
/// vigie::run(async {
///     let (ours, mut theirs) = UnixStream::pair()?;
///     ours.set_nonblocking(true)?;
///     let writer = std::thread::spawn(move || theirs.write_all(b"!"));
///     assert_eq!(read(&AsyncFd::new(ours)?, &mut [0; 8]).await?, 1);
///     writer.join().unwrap()
/// }).unwrap().unwrap();
/// ```
#[must_use = "what would block has to be cleared, or the next wait returns at once"]
pub struct ReadyGuard<'a, T: AsFd> {
    pub(super) fd: &'a AsyncFd<T>,
    pub(super) interest: Interest,
    pub(super) told: Told,
}

impl<'a, T: AsFd> ReadyGuard<'a, T> {
    /// What it was ready for when the guard was given.
    ///
    /// ```
    /// use std::os::unix::net::UnixDatagram;
    /// use vigie::io::{AsyncFd, Interest};
    ///
    /// vigie::run(async {
    ///     let (ours, theirs) = UnixDatagram::pair()?;
    ///     ours.set_nonblocking(true)?;
    ///     let ours = AsyncFd::new(ours)?;
    ///     theirs.send(b"ahoy")?;
    ///     let guard = ours.readable().await?;
    ///     assert!(guard.ready().is_readable() && !guard.ready().is_read_closed());
    ///     assert_eq!(guard.get_ref().recv(&mut [0; 8])?, 4);
    ///     std::io::Result::Ok(())
    /// }).unwrap().unwrap();
    /// ```
    pub fn ready(&self) -> Ready {
        Ready(self.told.ready)
    }

    /// The descriptor.
    pub fn get_ref(&self) -> &'a T {
        self.fd.get_ref()
    }

    /// Tries an operation; an interrupted one is tried again. `None` if it would have blocked, which
    /// [clears](Self::clear_ready) all that was waited for: then it is to be waited for again. So where more
    /// than one direction was, and only one of them is tried, [`clear`](Self::clear) that one by hand: nobody
    /// tells again of the other.
    ///
    /// ```
    /// use std::os::unix::net::UnixDatagram;
    /// use vigie::io::AsyncFd;
    ///
    /// vigie::run(async {
    ///     let (ours, theirs) = UnixDatagram::pair()?;
    ///     ours.set_nonblocking(true)?;
    ///     let ours = AsyncFd::new(ours)?;
    ///     theirs.send(b"ahoy")?;
    ///     let mut guard = ours.readable().await?;
    ///     assert_eq!(guard.try_io(|socket| socket.recv(&mut [0; 8])).unwrap()?, 4);
    ///     assert!(guard.try_io(|socket| socket.recv(&mut [0; 8])).is_none());
    ///     // Cleared by that: the next wait is one.
    ///     assert!(futures_lite::future::poll_once(ours.readable()).await.is_none());
    ///     std::io::Result::Ok(())
    /// }).unwrap().unwrap();
    /// ```
    pub fn try_io<R>(&mut self, mut operate: impl FnMut(&T) -> io::Result<R>) -> Option<io::Result<R>> {
        loop {
            match operate(self.get_ref()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.clear_ready();
                    return None;
                }
                done => return Some(done),
            }
        }
    }

    /// Says that an operation would have blocked: all that was waited for is not ready any more, unless the
    /// poller has told of something since the guard was given. To be called only after that: what the poller
    /// has told once it does not tell again.
    ///
    /// ```
    /// use std::os::unix::net::UnixDatagram;
    /// use std::io::ErrorKind;
    /// use vigie::io::AsyncFd;
    ///
    /// vigie::run(async {
    ///     let (ours, theirs) = UnixDatagram::pair()?;
    ///     ours.set_nonblocking(true)?;
    ///     let ours = AsyncFd::new(ours)?;
    ///     theirs.send(b"ahoy")?;
    ///     let mut guard = ours.readable().await?;
    ///     guard.get_ref().recv(&mut [0; 8])?;
    ///     // As long as nobody finds out that there is nothing more, it counts as ready.
    ///     assert!(futures_lite::future::poll_once(ours.readable()).await.is_some());
    ///     let error = guard.get_ref().recv(&mut [0; 8]).unwrap_err();
    ///     assert_eq!(error.kind(), ErrorKind::WouldBlock);
    ///     guard.clear_ready();
    ///     assert!(futures_lite::future::poll_once(ours.readable()).await.is_none());
    ///     std::io::Result::Ok(())
    /// }).unwrap().unwrap();
    /// ```
    pub fn clear_ready(&mut self) {
        self.clear(self.interest);
    }

    /// As [`clear_ready`](Self::clear_ready), for a part of what was waited for.
    ///
    /// ```
    /// use std::os::unix::net::UnixDatagram;
    /// use futures_lite::future::poll_once;
    /// use vigie::io::{AsyncFd, Interest};
    ///
    /// vigie::run(async {
    ///     let (ours, theirs) = UnixDatagram::pair()?;
    ///     ours.set_nonblocking(true)?;
    ///     let ours = AsyncFd::new(ours)?;
    ///     theirs.send(b"ahoy")?;
    ///     ours.readable().await?;
    ///     ours.writable().await?;
    ///     let mut guard = ours.ready(Interest::READABLE | Interest::WRITABLE).await?;
    ///     guard.get_ref().recv(&mut [0; 8])?;
    ///     guard.get_ref().recv(&mut [0; 8]).unwrap_err();
    ///     guard.clear(Interest::READABLE);
    ///     assert!(poll_once(ours.readable()).await.is_none());
    ///     assert!(poll_once(ours.writable()).await.is_some());
    ///     std::io::Result::Ok(())
    /// }).unwrap().unwrap();
    /// ```
    pub fn clear(&mut self, interest: Interest) {
        self.fd.source.clear(interest.0, self.told);
    }
}

impl<T: AsFd> fmt::Debug for ReadyGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadyGuard")
            .field("interest", &self.interest)
            .field("ready", &self.ready())
            .finish_non_exhaustive()
    }
}
