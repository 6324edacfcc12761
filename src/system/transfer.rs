//! Bytes through a source, and when an operation has used its readiness up.

use std::{
    io::{self, IoSlice, IoSliceMut, Read, Write},
    task::{Context, Poll},
};

use super::{AsFd, Direction, Source};

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

pub(crate) fn poll_read<T: AsFd>(
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

pub(crate) fn poll_write<T: AsFd>(
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

pub(crate) fn poll_write_vectored<T: AsFd>(
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
