//! Bytes through a source, and when an operation has used its readiness up.

use std::{
    io::{self, IoSlice, IoSliceMut, Read},
    task::{Context, Poll},
};

use super::{AsFd, Direction, Source};

pub(crate) use self::socket::{recv, send, send_vectored};

/// As many buffers every system takes at once; it may leave out those beyond.
const FEW_BUFFERS: usize = 16;

/// Did the system have less than was `wanted`? Then it has nothing more for the moment, where only that
/// makes an operation short. None at all is the end, which stays.
pub(crate) fn if_short(count: usize, wanted: usize) -> bool {
    0 < count && count < wanted
}

/// Where an operation may be short for other reasons, and nothing would tell of the rest.
#[cfg(unix)]
pub(crate) fn never(_count: usize, _wanted: usize) -> bool {
    false
}

/// How many bytes the buffers have together, if a count below that is short.
fn wanted(lengths: impl ExactSizeIterator<Item = usize>) -> usize {
    if lengths.len() > FEW_BUFFERS {
        return 0;
    }
    lengths.fold(0, usize::saturating_add)
}

/// `read` is one system call.
#[inline(always)]
pub(crate) fn poll_read<T: AsFd>(
    source: &Source<T>,
    cx: &mut Context<'_>,
    buf: &mut [u8],
    read: impl Fn(&T, &mut [u8]) -> io::Result<usize>,
    is_drained: impl Fn(usize, usize) -> bool,
) -> Poll<io::Result<usize>> {
    // It has room for no byte: there is nothing to wait for.
    if buf.is_empty() {
        return Poll::Ready(Ok(0));
    }
    let wanted = buf.len();
    source.poll_io(cx, Direction::Read, |io| read(io, buf), |count| is_drained(*count, wanted))
}

pub(crate) fn poll_read_vectored<T: AsFd>(
    source: &Source<T>,
    cx: &mut Context<'_>,
    bufs: &mut [IoSliceMut<'_>],
    is_drained: impl Fn(usize, usize) -> bool,
) -> Poll<io::Result<usize>>
where
    for<'a> &'a T: Read,
{
    if bufs.iter().all(|buf| buf.is_empty()) {
        return Poll::Ready(Ok(0));
    }
    let wanted = wanted(bufs.iter().map(|buf| buf.len()));
    source.poll_io(
        cx,
        Direction::Read,
        |mut io: &T| io.read_vectored(bufs),
        |count| is_drained(*count, wanted),
    )
}

/// `write` is one system call.
#[inline(always)]
pub(crate) fn poll_write<T: AsFd>(
    source: &Source<T>,
    cx: &mut Context<'_>,
    buf: &[u8],
    write: impl Fn(&T, &[u8]) -> io::Result<usize>,
    is_drained: impl Fn(usize, usize) -> bool,
) -> Poll<io::Result<usize>> {
    if buf.is_empty() {
        return Poll::Ready(Ok(0));
    }
    source.poll_io(cx, Direction::Write, |io| write(io, buf), |count| is_drained(*count, buf.len()))
}

pub(crate) fn poll_write_vectored<T: AsFd>(
    source: &Source<T>,
    cx: &mut Context<'_>,
    bufs: &[IoSlice<'_>],
    write: impl Fn(&T, &[IoSlice<'_>]) -> io::Result<usize>,
    is_drained: impl Fn(usize, usize) -> bool,
) -> Poll<io::Result<usize>> {
    if bufs.iter().all(|buf| buf.is_empty()) {
        return Poll::Ready(Ok(0));
    }
    let wanted = wanted(bufs.iter().map(|buf| buf.len()));
    source.poll_io(cx, Direction::Write, |io| write(io, bufs), |count| is_drained(*count, wanted))
}

/// One system call on a stream socket, made directly, where rustix can do without the C library: there each is a point
/// at which its thread may be cancelled, and in a program of several threads that is a tenth of what a request costs
/// beside the kernel.
#[cfg(any(target_os = "linux", target_os = "android"))]
mod socket {
    use std::io::{self, IoSlice};

    use rustix::net::{self, RecvFlags, SendAncillaryBuffer, SendFlags};

    use crate::system::AsFd;

    #[inline]
    pub(crate) fn recv<T: AsFd>(socket: &T, buf: &mut [u8]) -> io::Result<usize> {
        let (count, _whole) = net::recv(socket, buf, RecvFlags::empty())?;
        Ok(count)
    }

    /// Where nobody reads any more, that is an error and no signal.
    #[inline]
    pub(crate) fn send<T: AsFd>(socket: &T, buf: &[u8]) -> io::Result<usize> {
        Ok(net::send(socket, buf, SendFlags::NOSIGNAL)?)
    }

    /// As [`send`], of as many buffers as the system takes at once.
    pub(crate) fn send_vectored<T: AsFd>(socket: &T, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        const MOST: usize = 1024;
        let bufs = &bufs[..bufs.len().min(MOST)];
        Ok(net::sendmsg(socket, bufs, &mut SendAncillaryBuffer::default(), SendFlags::NOSIGNAL)?)
    }
}

/// One system call on a stream socket, as its type makes it: on macOS a write to who has gone may raise a signal.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod socket {
    use std::io::{self, IoSlice, Read, Write};

    pub(crate) fn recv<T>(mut socket: &T, buf: &mut [u8]) -> io::Result<usize>
    where
        for<'a> &'a T: Read,
    {
        socket.read(buf)
    }

    pub(crate) fn send<T>(mut socket: &T, buf: &[u8]) -> io::Result<usize>
    where
        for<'a> &'a T: Write,
    {
        socket.write(buf)
    }

    pub(crate) fn send_vectored<T>(mut socket: &T, bufs: &[IoSlice<'_>]) -> io::Result<usize>
    where
        for<'a> &'a T: Write,
    {
        socket.write_vectored(bufs)
    }
}
