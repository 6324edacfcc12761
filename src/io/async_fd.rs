//! A descriptor of any kind, and the guards of its readiness.

use std::{
    fmt,
    future::poll_fn,
    io::{self, Read, Write},
    os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_io::{AsyncRead, AsyncWrite};

use super::{Interest, Ready};
use crate::system::{Source, Told};

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
/// # Datagrams by `sendmsg` and `recvmsg`
///
/// What a [`UdpSocket`](crate::net::UdpSocket) does not offer, as several datagrams by one call (GSO and GRO), marks
/// of congestion (ECN) or the address that one was sent to, is had by the system's own calls on a socket of the standard
/// library. The crate `quinn-udp` makes them, for one:
///
/// ```
/// use std::{io::IoSliceMut, net::UdpSocket, slice};
/// use quinn_udp::{RecvMeta, Transmit, UdpSocketState};
/// use vigie::io::AsyncFd;
///
/// # fn main() -> std::io::Result<()> {
/// vigie::run(async {
///     let (one, other) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
///     // These make the sockets non-blocking, too.
///     let sends = UdpSocketState::new((&one).into())?;
///     let receives = UdpSocketState::new((&other).into())?;
///     let (one, other) = (AsyncFd::new(one)?, AsyncFd::new(other)?);
///
///     // Four bytes to a datagram: as many of them as the system sends by one call.
///     let contents = &b"deckkeelmastprow"[..4 * sends.max_gso_segments().min(4)];
///     let destination = other.get_ref().local_addr()?;
///     let transmit = Transmit { destination, ecn: None, contents, segment_size: Some(4), src_ip: None };
///     one.write_with(|socket| sends.try_send(socket.into(), &transmit)).await?;
///
///     let (mut buf, mut meta) = ([0; 2048], RecvMeta::default());
///     let mut received = Vec::new();
///     while received.len() < contents.len() {
///         let receive = |socket: &UdpSocket| {
///             receives.recv(socket.into(), &mut [IoSliceMut::new(&mut buf)], slice::from_mut(&mut meta))
///         };
///         assert_eq!(other.read_with(receive).await?, 1);
///         // One datagram or several, each of them so long.
///         assert_eq!(meta.stride, 4);
///         received.extend_from_slice(&buf[..meta.len]);
///     }
///     assert_eq!(received, contents);
///     Ok(())
/// })?
/// # }
/// ```
///
/// Of QUIC itself, `quinn-proto` asks nothing of a runtime: a task passes it what was received, sends what it gives,
/// and sleeps until it wants to be called. `quinn` wants more than there is here: see
/// [what does not come along](crate::porting#what-does-not-come-along).
pub struct AsyncFd<T: AsFd> {
    source: Source<T>,
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
    ///     let error = AsyncFd::new(file).unwrap_err();
    ///     assert_eq!(error.kind(), io::ErrorKind::Unsupported);
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
    pub fn try_new(io: T) -> Result<Self, (T, io::Error)> {
        match Source::watched(io) {
            Ok(source) => Ok(Self { source }),
            Err((io, error)) => Err((io, told_clearly(error))),
        }
    }

    /// The descriptor. There is no way to a mutable one: it could be put another in its place, which
    /// nobody would watch.
    pub fn get_ref(&self) -> &T {
        self.source.get()
    }

    /// Gives the descriptor back, watched no more.
    pub fn into_inner(self) -> T {
        self.source.into_inner()
    }

    /// Waits until it is ready to be read. [`ready`](Self::ready) says more.
    ///
    /// # Errors
    ///
    /// Those of [`ready`](Self::ready).
    pub async fn readable(&self) -> io::Result<ReadyGuard<'_, T>> {
        self.ready(Interest::READABLE).await
    }

    /// Waits until it is ready to be written to. [`ready`](Self::ready) says more.
    ///
    /// # Errors
    ///
    /// Those of [`ready`](Self::ready).
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
    pub async fn ready(&self, interest: Interest) -> io::Result<ReadyGuard<'_, T>> {
        poll_fn(|cx| self.poll_ready(cx, interest)).await
    }

    /// The poll form of [`ready`](Self::ready). Every task that polled it is woken.
    ///
    /// # Errors
    ///
    /// Those of [`ready`](Self::ready).
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
    pub async fn read_with<R>(&self, mut operate: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        poll_fn(|cx| self.poll_read_with(cx, &mut operate)).await
    }

    /// As [`read_with`](Self::read_with), whenever it is ready to be written to.
    ///
    /// # Errors
    ///
    /// Those of [`read_with`](Self::read_with).
    pub async fn write_with<R>(&self, mut operate: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        poll_fn(|cx| self.poll_write_with(cx, &mut operate)).await
    }

    /// The poll form of [`read_with`](Self::read_with).
    ///
    /// # Errors
    ///
    /// Those of [`read_with`](Self::read_with).
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
    /// As [`ReadyGuard::try_io`], which says what is cleared, it tries an interrupted operation again. Nothing
    /// is charged to the task's slice.
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
fn is_passing(error: &io::Error) -> bool {
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

/// A descriptor is ready: as long as nobody clears that.
///
/// ```
/// use std::{io::Read, os::unix::net::UnixStream};
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
/// ```
#[must_use = "what would block has to be cleared, or the next wait returns at once"]
pub struct ReadyGuard<'a, T: AsFd> {
    fd: &'a AsyncFd<T>,
    interest: Interest,
    told: Told,
}

impl<'a, T: AsFd> ReadyGuard<'a, T> {
    /// What it was ready for when the guard was given.
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
    pub fn clear_ready(&mut self) {
        self.clear(self.interest);
    }

    /// As [`clear_ready`](Self::clear_ready), for a part of what was waited for.
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

/// As many bytes as there are: a read that comes short says nothing of what follows.
impl<T: AsFd> AsyncRead for &AsyncFd<T>
where
    for<'a> &'a T: Read,
{
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.poll_read_with(cx, |mut io| io.read(buf))
    }
}

/// Closing flushes, and does not shut anything down: the descriptor is closed when it is dropped.
impl<T: AsFd> AsyncWrite for &AsyncFd<T>
where
    for<'a> &'a T: Write,
{
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.poll_write_with(cx, |mut io| io.write(buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut io = self.get_ref();
        match io.flush() {
            Err(error) if is_passing(&error) => self.poll_write_with(cx, |mut io| io.flush()),
            flushed => Poll::Ready(flushed),
        }
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

impl<T: AsFd> AsyncRead for AsyncFd<T>
where
    for<'a> &'a T: Read,
{
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self).poll_read(cx, buf)
    }
}

impl<T: AsFd> AsyncWrite for AsyncFd<T>
where
    for<'a> &'a T: Write,
{
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self).poll_close(cx)
    }
}
