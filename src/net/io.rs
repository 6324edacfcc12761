//! Reading and writing of byte streams.

use std::{
    io::{self, IoSlice, IoSliceMut, Read, Write},
    net::Shutdown,
    task::{Context, Poll},
};

use crate::system::{AsFd, Direction, Source};

/// As many buffers every system takes at once; it may leave out those beyond.
const FEW_BUFFERS: usize = 16;

/// Did the system have less than was `wanted`? Then it has nothing more for the moment, where only that
/// makes an operation short. None at all is the end, which stays.
pub(super) fn if_short(count: usize, wanted: usize) -> bool {
    0 < count && count < wanted
}

/// Where an operation may be short for other reasons, and nothing would tell of the rest.
#[cfg(unix)]
pub(super) fn never(_count: usize, _wanted: usize) -> bool {
    false
}

/// How many bytes the buffers have together, if a count below that is short.
fn wanted(lengths: impl ExactSizeIterator<Item = usize>) -> usize {
    if lengths.len() > FEW_BUFFERS {
        return 0;
    }
    lengths.fold(0, usize::saturating_add)
}

pub(super) fn poll_read<T: AsFd>(
    source: &Source<T>,
    cx: &mut Context<'_>,
    buf: &mut [u8],
    is_drained: impl Fn(usize, usize) -> bool,
) -> Poll<io::Result<usize>>
where
    for<'a> &'a T: Read,
{
    // It has room for no byte: there is nothing to wait for.
    if buf.is_empty() {
        return Poll::Ready(Ok(0));
    }
    let wanted = buf.len();
    source.poll_io(cx, Direction::Read, |mut io: &T| io.read(buf), |count| is_drained(*count, wanted))
}

pub(super) fn poll_read_vectored<T: AsFd>(
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

pub(super) fn poll_write<T: AsFd>(
    source: &Source<T>,
    cx: &mut Context<'_>,
    buf: &[u8],
    is_drained: impl Fn(usize, usize) -> bool,
) -> Poll<io::Result<usize>>
where
    for<'a> &'a T: Write,
{
    if buf.is_empty() {
        return Poll::Ready(Ok(0));
    }
    source.poll_io(cx, Direction::Write, |mut io: &T| io.write(buf), |count| is_drained(*count, buf.len()))
}

pub(super) fn poll_write_vectored<T: AsFd>(
    source: &Source<T>,
    cx: &mut Context<'_>,
    bufs: &[IoSlice<'_>],
    is_drained: impl Fn(usize, usize) -> bool,
) -> Poll<io::Result<usize>>
where
    for<'a> &'a T: Write,
{
    if bufs.iter().all(|buf| buf.is_empty()) {
        return Poll::Ready(Ok(0));
    }
    let wanted = wanted(bufs.iter().map(|buf| buf.len()));
    source.poll_io(
        cx,
        Direction::Write,
        |mut io: &T| io.write_vectored(bufs),
        |count| is_drained(*count, wanted),
    )
}

/// Closes for writing, by the stream's own `shutdown`.
pub(super) fn close(shutdown: impl FnOnce(Shutdown) -> io::Result<()>) -> io::Result<()> {
    match shutdown(Shutdown::Write) {
        // The connection has gone, and the peer reads no more.
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
        closed => closed,
    }
}

/// `AsyncRead` and `AsyncWrite` for a stream and for references to it. It has a `source` and `shutdown`.
macro_rules! byte_stream {
    ($stream:ty, $is_drained:expr) => {
        $crate::net::io::byte_stream!(@ $stream, $is_drained);
        $crate::net::io::byte_stream!(@ &$stream, $is_drained);
    };
    (@ $stream:ty, $is_drained:expr) => {
        impl ::futures_io::AsyncRead for $stream {
            fn poll_read(
                self: ::std::pin::Pin<&mut Self>,
                cx: &mut ::std::task::Context<'_>,
                buf: &mut [u8],
            ) -> ::std::task::Poll<::std::io::Result<usize>> {
                $crate::net::io::poll_read(&self.source, cx, buf, $is_drained)
            }

            fn poll_read_vectored(
                self: ::std::pin::Pin<&mut Self>,
                cx: &mut ::std::task::Context<'_>,
                bufs: &mut [::std::io::IoSliceMut<'_>],
            ) -> ::std::task::Poll<::std::io::Result<usize>> {
                $crate::net::io::poll_read_vectored(&self.source, cx, bufs, $is_drained)
            }
        }

        impl ::futures_io::AsyncWrite for $stream {
            fn poll_write(
                self: ::std::pin::Pin<&mut Self>,
                cx: &mut ::std::task::Context<'_>,
                buf: &[u8],
            ) -> ::std::task::Poll<::std::io::Result<usize>> {
                $crate::net::io::poll_write(&self.source, cx, buf, $is_drained)
            }

            fn poll_write_vectored(
                self: ::std::pin::Pin<&mut Self>,
                cx: &mut ::std::task::Context<'_>,
                bufs: &[::std::io::IoSlice<'_>],
            ) -> ::std::task::Poll<::std::io::Result<usize>> {
                $crate::net::io::poll_write_vectored(&self.source, cx, bufs, $is_drained)
            }

            fn poll_flush(
                self: ::std::pin::Pin<&mut Self>,
                _cx: &mut ::std::task::Context<'_>,
            ) -> ::std::task::Poll<::std::io::Result<()>> {
                ::std::task::Poll::Ready(Ok(()))
            }

            fn poll_close(
                self: ::std::pin::Pin<&mut Self>,
                _cx: &mut ::std::task::Context<'_>,
            ) -> ::std::task::Poll<::std::io::Result<()>> {
                ::std::task::Poll::Ready($crate::net::io::close(|how| self.shutdown(how)))
            }
        }
    };
}

pub(super) use byte_stream;
