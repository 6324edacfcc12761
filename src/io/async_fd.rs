//! A descriptor of any kind.

use std::{
    fmt,
    future::poll_fn,
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
    task::{Context, Poll, ready},
};

use super::{Interest, ReadyGuard};
use crate::system::Source;

/// A descriptor of any kind that the system's poller can watch.
///
/// It tells when an operation may be tried, and knows none by itself. [`read_with`](Self::read_with) and
/// [`write_with`](Self::write_with) try an operation of the caller's whenever it may succeed, until it does.
/// [`readable`](Self::readable) and its like give a [`ReadyGuard`], for all that is not done in one operation;
/// [`try_io`](Self::try_io) tries one, and waits for nothing.
/// Where `&T` reads or writes by itself, so does this, through the traits of `futures-io`.
///
/// The descriptor has to be **non-blocking**, or an operation that has less to do than was told blocks its
/// domain. This is left to the caller, because the setting belongs to all who share the open file, perhaps
/// with other processes.
///
/// Several tasks of a domain may wait for it, in any direction: all are woken. It belongs to no domain,
/// as a socket: it is watched by the one that made it, then by whichever waits for it. Dropping it
/// ends that, before the descriptor is dropped.
///
/// ```
/// use std::io::{Read, Write};
/// use std::os::unix::net::UnixStream;
/// use vigie::io::AsyncFd;
///
/// # fn main() -> std::io::Result<()> {
/// vigie::run(async {
///     let (ours, mut theirs) = UnixStream::pair()?;
///     ours.set_nonblocking(true)?;
///     let ours = AsyncFd::new(ours)?;
///     let peer = std::thread::spawn(move || theirs.write_all(b"ahoy"));
///
///     let mut buf = [0; 8];
///     let count = ours.read_with(|mut stream| stream.read(&mut buf)).await?;
///     assert!(b"ahoy".starts_with(&buf[..count]));
///     peer.join().unwrap()
/// })?
/// # }
/// ```
///
/// For `sendmsg` and `recvmsg`, see [the module](crate::io#datagrams-by-sendmsg-and-recvmsg).
pub struct AsyncFd<T: AsFd> {
    pub(super) source: Source<T>,
}

impl<T: AsFd> AsyncFd<T> {
    /// Has the current domain watch a descriptor.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](io::ErrorKind::Unsupported) for what the system does not watch, because it is always
    /// ready: on Linux a regular file or a directory; [`AlreadyExists`](io::ErrorKind::AlreadyExists) if this
    /// domain already watches the same descriptor (macOS does not notice, and the first goes deaf); that of a domain without the system's events, as outside of a run; and
    /// the system's, if it has no room for one more. `io` is dropped with each of them:
    /// [`try_new`](Self::try_new) gives it back.
    ///
    /// ```
    /// use std::{fs::File, io};
    /// use vigie::io::AsyncFd;
    ///
    /// vigie::run(async {
    ///     let file = File::open("Cargo.toml").unwrap();
    ///     # #[cfg(any(target_os = "linux", target_os = "android"))] {
    ///     let error = AsyncFd::new(file).unwrap_err();
    ///     assert_eq!(error.kind(), io::ErrorKind::Unsupported);
    ///     # }
    /// }).unwrap();
    /// ```
    pub fn new(io: T) -> io::Result<Self> {
        Self::try_new(io).map_err(|(_, error)| error)
    }

    /// As [`new`](Self::new), and gives the descriptor back where that fails.
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new), with the descriptor.
    ///
    /// ```
    /// use std::fs::File;
    /// use vigie::io::AsyncFd;
    ///
    /// vigie::run(async {
    ///     let file = File::open("Cargo.toml").unwrap();
    ///     // Where no poller watches it, it is read where it may block.
    ///     if let Err((file, _error)) = AsyncFd::try_new(file) {
    ///         let text = vigie::unblock(move || std::io::read_to_string(file)).await.unwrap().unwrap();
    ///         assert!(text.contains("vigie"));
    ///     }
    /// }).unwrap();
    /// ```
    pub fn try_new(io: T) -> Result<Self, (T, io::Error)> {
        match Source::watched(io) {
            Ok(source) => Ok(Self { source }),
            Err((io, error)) => Err((io, told_clearly(error))),
        }
    }

    /// The descriptor. There is no way to a mutable one: it could be put another in its place, which
    /// nobody would watch.
    ///
    /// ```
    /// use std::os::unix::net::UnixDatagram;
    /// use vigie::io::AsyncFd;
    ///
    /// vigie::run(async {
    ///     let (ours, theirs) = UnixDatagram::pair()?;
    ///     ours.set_nonblocking(true)?;
    ///     let ours = AsyncFd::new(ours)?;
    ///     // A message that surely has room needs no waiting.
    ///     ours.get_ref().send(b"ahoy")?;
    ///     assert_eq!(theirs.recv(&mut [0; 8])?, 4);
    ///     std::io::Result::Ok(())
    /// }).unwrap().unwrap();
    /// ```
    pub fn get_ref(&self) -> &T {
        self.source.get()
    }

    /// Gives the descriptor back, watched no more.
    ///
    /// ```
    /// use std::os::unix::net::UnixDatagram;
    /// use vigie::io::AsyncFd;
    ///
    /// vigie::run(async {
    ///     let (ours, theirs) = UnixDatagram::pair()?;
    ///     ours.set_nonblocking(true)?;
    ///     let ours: UnixDatagram = AsyncFd::new(ours)?.into_inner();
    ///     theirs.send(b"ahoy")?;
    ///     assert_eq!(ours.recv(&mut [0; 8])?, 4);
    ///     std::io::Result::Ok(())
    /// }).unwrap().unwrap();
    /// ```
    pub fn into_inner(self) -> T {
        self.source.into_inner()
    }

    /// Waits until it is ready to be read. [`ready`](Self::ready) says more.
    ///
    /// # Errors
    ///
    /// Those of [`ready`](Self::ready).
    ///
    /// ```
    /// use std::os::unix::net::UnixDatagram;
    /// use vigie::io::AsyncFd;
    ///
    /// vigie::run(async {
    ///     let (ours, theirs) = UnixDatagram::pair()?;
    ///     ours.set_nonblocking(true)?;
    ///     let ours = AsyncFd::new(ours)?;
    ///     theirs.send(b"one")?;
    ///     theirs.send(b"two")?;
    ///     let mut guard = ours.readable().await?;
    ///     // As many as there are, in one go.
    ///     let mut count = 0;
    ///     while let Some(received) = guard.try_io(|socket| socket.recv(&mut [0; 8])) {
    ///         received?;
    ///         count += 1;
    ///     }
    ///     assert_eq!(count, 2);
    ///     std::io::Result::Ok(())
    /// }).unwrap().unwrap();
    /// ```
    pub async fn readable(&self) -> io::Result<ReadyGuard<'_, T>> {
        self.ready(Interest::READABLE).await
    }

    /// Waits until it is ready to be written to. [`ready`](Self::ready) says more.
    ///
    /// # Errors
    ///
    /// Those of [`ready`](Self::ready).
    ///
    /// ```
    /// use std::{io::{Read, Write}, os::unix::net::UnixStream};
    /// use vigie::io::AsyncFd;
    ///
    /// vigie::run(async {
    ///     let (ours, mut theirs) = UnixStream::pair()?;
    ///     ours.set_nonblocking(true)?;
    ///     let ours = AsyncFd::new(ours)?;
    ///     let mut sent = 0;
    ///     // Until there is no more room, for nobody reads.
    ///     let mut guard = ours.writable().await?;
    ///     while let Some(written) = guard.try_io(|mut stream| stream.write(&[1; 4096])) {
    ///         sent += written?;
    ///     }
    ///     theirs.read_exact(&mut vec![0; sent])?;
    ///     assert!(ours.writable().await?.ready().is_writable());
    ///     std::io::Result::Ok(())
    /// }).unwrap().unwrap();
    /// ```
    pub async fn writable(&self) -> io::Result<ReadyGuard<'_, T>> {
        self.ready(Interest::WRITABLE).await
    }

    /// Waits until it is ready for any of what `interest` says.
    ///
    /// What has become ready stays ready until somebody finds out that it is not: an operation that
    /// would have blocked has to be followed by [`ReadyGuard::clear_ready`], which
    /// [`ReadyGuard::try_io`] does, or the next wait returns at once. Waiting is cancellation-safe. Each
    /// success is charged to the task's slice, as an operation is.
    ///
    /// # Errors
    ///
    /// That of a domain without the system's events; where it is first waited for on another domain than
    /// before, those of [`new`](Self::new).
    ///
    /// ```
    /// use std::os::unix::net::UnixDatagram;
    /// use vigie::io::{AsyncFd, Interest};
    ///
    /// vigie::run(async {
    ///     let (ours, _theirs) = UnixDatagram::pair()?;
    ///     ours.set_nonblocking(true)?;
    ///     let ours = AsyncFd::new(ours)?;
    ///     let guard = ours.ready(Interest::READABLE | Interest::WRITABLE).await?;
    ///     // Nobody has written anything.
    ///     assert!(guard.ready().is_writable() && !guard.ready().is_readable());
    ///     std::io::Result::Ok(())
    /// }).unwrap().unwrap();
    /// ```
    pub async fn ready(&self, interest: Interest) -> io::Result<ReadyGuard<'_, T>> {
        poll_fn(|cx| self.poll_ready(cx, interest)).await
    }

    /// The poll form of [`ready`](Self::ready). Every task that polled it is woken.
    ///
    /// # Errors
    ///
    /// Those of [`ready`](Self::ready).
    ///
    /// ```
    /// use std::os::unix::net::UnixDatagram;
    /// use std::future::poll_fn;
    /// use vigie::io::{AsyncFd, Interest};
    ///
    /// vigie::run(async {
    ///     let (ours, _theirs) = UnixDatagram::pair()?;
    ///     ours.set_nonblocking(true)?;
    ///     let ours = AsyncFd::new(ours)?;
    ///     poll_fn(|cx| {
    ///         assert!(ours.poll_ready(cx, Interest::READABLE).is_pending());
    ///         ours.poll_ready(cx, Interest::WRITABLE).map_ok(|_guard| ())
    ///     }).await
    /// }).unwrap().unwrap();
    /// ```
    pub fn poll_ready(
        &self,
        cx: &mut Context<'_>,
        interest: Interest,
    ) -> Poll<io::Result<ReadyGuard<'_, T>>> {
        let told = ready!(self.source.poll_ready(cx, interest.0)).map_err(told_clearly)?;
        Poll::Ready(Ok(ReadyGuard { fd: self, interest, told }))
    }

    /// Calls `operate` whenever the descriptor is ready to be read, until it gives something else than
    /// [`WouldBlock`](io::ErrorKind::WouldBlock); an interrupted operation is tried again.
    ///
    /// Cancellation-safe if `operate` is: it is not called after the future was dropped.
    ///
    /// # Errors
    ///
    /// Those of `operate`, and those of [`ready`](Self::ready).
    ///
    /// ```
    /// use std::os::unix::net::UnixDatagram;
    /// use vigie::io::AsyncFd;
    ///
    /// vigie::run(async {
    ///     let (ours, theirs) = UnixDatagram::pair()?;
    ///     ours.set_nonblocking(true)?;
    ///     let ours = AsyncFd::new(ours)?;
    ///     let sender = std::thread::spawn(move || theirs.send(b"ahoy"));
    ///     let mut buf = [0; 8];
    ///     let count = ours.read_with(|socket| socket.recv(&mut buf)).await?;
    ///     assert_eq!(&buf[..count], b"ahoy");
    ///     sender.join().unwrap().map(drop)
    /// }).unwrap().unwrap();
    /// ```
    pub async fn read_with<R>(&self, mut operate: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        poll_fn(|cx| self.poll_read_with(cx, &mut operate)).await
    }

    /// As [`read_with`](Self::read_with), whenever it is ready to be written to.
    ///
    /// # Errors
    ///
    /// Those of [`read_with`](Self::read_with).
    ///
    /// ```
    /// use std::os::unix::net::UnixDatagram;
    /// use vigie::io::AsyncFd;
    ///
    /// vigie::run(async {
    ///     let (ours, theirs) = UnixDatagram::pair()?;
    ///     ours.set_nonblocking(true)?;
    ///     let ours = AsyncFd::new(ours)?;
    ///     assert_eq!(ours.write_with(|socket| socket.send(b"ahoy")).await?, 4);
    ///     assert_eq!(theirs.recv(&mut [0; 8])?, 4);
    ///     std::io::Result::Ok(())
    /// }).unwrap().unwrap();
    /// ```
    pub async fn write_with<R>(&self, mut operate: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        poll_fn(|cx| self.poll_write_with(cx, &mut operate)).await
    }

    /// The poll form of [`read_with`](Self::read_with).
    ///
    /// # Errors
    ///
    /// Those of [`read_with`](Self::read_with).
    ///
    /// ```
    /// use std::os::unix::net::UnixDatagram;
    /// use std::{future::poll_fn, io, pin::Pin, task::{Context, Poll}};
    /// use vigie::io::AsyncFd;
    ///
    /// /// Messages, in the poll form that a stream of them is made of.
    /// struct Messages(AsyncFd<UnixDatagram>);
    ///
    /// impl Messages {
    ///     fn poll_next(&self, cx: &mut Context<'_>) -> Poll<io::Result<Vec<u8>>> {
    ///         let mut buf = [0; 64];
    ///         self.0.poll_read_with(cx, |socket| socket.recv(&mut buf).map(|count| buf[..count].to_vec()))
    ///     }
    /// }
    ///
    /// vigie::run(async {
    ///     let (ours, theirs) = UnixDatagram::pair()?;
    ///     ours.set_nonblocking(true)?;
    ///     let messages = Messages(AsyncFd::new(ours)?);
    ///     theirs.send(b"ahoy")?;
    ///     assert_eq!(poll_fn(|cx| messages.poll_next(cx)).await?, b"ahoy");
    ///     io::Result::Ok(())
    /// }).unwrap().unwrap();
    /// ```
    pub fn poll_read_with<R>(
        &self,
        cx: &mut Context<'_>,
        operate: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.poll_with(cx, Interest::READABLE, operate)
    }

    /// The poll form of [`write_with`](Self::write_with).
    ///
    /// # Errors
    ///
    /// Those of [`write_with`](Self::write_with).
    ///
    /// ```
    /// use std::os::unix::net::UnixDatagram;
    /// use std::future::poll_fn;
    /// use vigie::io::AsyncFd;
    ///
    /// vigie::run(async {
    ///     let (ours, theirs) = UnixDatagram::pair()?;
    ///     ours.set_nonblocking(true)?;
    ///     let ours = AsyncFd::new(ours)?;
    ///     let sent = poll_fn(|cx| ours.poll_write_with(cx, |socket| socket.send(b"ahoy"))).await?;
    ///     assert_eq!((sent, theirs.recv(&mut [0; 8])?), (4, 4));
    ///     std::io::Result::Ok(())
    /// }).unwrap().unwrap();
    /// ```
    pub fn poll_write_with<R>(
        &self,
        cx: &mut Context<'_>,
        operate: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.poll_with(cx, Interest::WRITABLE, operate)
    }

    /// Tries an operation at once, if the descriptor is known to be ready for any of what `interest` says. If
    /// it is not, or the operation would have blocked, the error is [`WouldBlock`](io::ErrorKind::WouldBlock);
    /// this is to be waited for by [`ready`](Self::ready), as nobody is woken by this. For what has
    /// something better to do than to wait, and for the traits of others that try and wait apart.
    ///
    /// Name the direction that `operate` uses, and no other: where it would have blocked, all that `interest` says
    /// is taken to be over, and nobody tells again of a direction that was ready and was not tried. An interrupted
    /// operation is tried again. Nothing is charged to the task's slice.
    ///
    /// # Errors
    ///
    /// `WouldBlock`; those of `operate`, and those of [`ready`](Self::ready).
    ///
    /// ```
    /// use std::{io::{ErrorKind, Read, Write}, os::unix::net::UnixStream};
    /// use vigie::io::{AsyncFd, Interest};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// vigie::run(async {
    ///     let (ours, mut theirs) = UnixStream::pair()?;
    ///     ours.set_nonblocking(true)?;
    ///     let ours = AsyncFd::new(ours)?;
    ///     let read = || ours.try_io(Interest::READABLE, |mut stream| stream.read(&mut [0; 8]));
    ///     assert_eq!(read().unwrap_err().kind(), ErrorKind::WouldBlock);
    ///
    ///     theirs.write_all(b"ahoy")?;
    ///     let _guard = ours.readable().await?;
    ///     assert_eq!(read()?, 4);
    ///     assert_eq!(read().unwrap_err().kind(), ErrorKind::WouldBlock);
    ///     Ok(())
    /// })?
    /// # }
    /// ```
    pub fn try_io<R>(&self, interest: Interest, operate: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        let would_block = || Err(io::ErrorKind::WouldBlock.into());
        let Some(told) = self.source.told(interest.0).map_err(told_clearly)? else {
            return would_block();
        };
        ReadyGuard { fd: self, interest, told }.try_io(operate).unwrap_or_else(would_block)
    }

    /// For one direction: an operation that would block says nothing of the other.
    fn poll_with<R>(
        &self,
        cx: &mut Context<'_>,
        interest: Interest,
        mut operate: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        loop {
            let mut guard = ready!(self.poll_ready(cx, interest))?;
            if let Some(done) = guard.try_io(&mut operate) {
                return Poll::Ready(done);
            }
        }
    }
}

/// Has an operation only to be tried again?
pub(super) fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock)
}

/// Errors of the system that say little.
fn told_clearly(error: io::Error) -> io::Error {
    if error.raw_os_error() == Some(rustix::io::Errno::PERM.raw_os_error()) {
        let message = "no poller can watch this descriptor: a regular file or a directory is always ready";
        return io::Error::new(io::ErrorKind::Unsupported, message);
    }
    error
}

impl<T: AsFd + fmt::Debug> fmt::Debug for AsyncFd<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AsyncFd").field(self.get_ref()).finish()
    }
}

impl<T: AsFd> AsFd for AsyncFd<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.get_ref().as_fd()
    }
}

impl<T: AsFd> AsRawFd for AsyncFd<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}
