//! Byte streams: what the traits of `futures-io` need of them.

use std::{io, net::Shutdown};

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
                $crate::system::transfer::poll_read(&self.source, cx, buf, $is_drained)
            }

            fn poll_read_vectored(
                self: ::std::pin::Pin<&mut Self>,
                cx: &mut ::std::task::Context<'_>,
                bufs: &mut [::std::io::IoSliceMut<'_>],
            ) -> ::std::task::Poll<::std::io::Result<usize>> {
                $crate::system::transfer::poll_read_vectored(&self.source, cx, bufs, $is_drained)
            }
        }

        impl ::futures_io::AsyncWrite for $stream {
            fn poll_write(
                self: ::std::pin::Pin<&mut Self>,
                cx: &mut ::std::task::Context<'_>,
                buf: &[u8],
            ) -> ::std::task::Poll<::std::io::Result<usize>> {
                $crate::system::transfer::poll_write(&self.source, cx, buf, $is_drained)
            }

            fn poll_write_vectored(
                self: ::std::pin::Pin<&mut Self>,
                cx: &mut ::std::task::Context<'_>,
                bufs: &[::std::io::IoSlice<'_>],
            ) -> ::std::task::Poll<::std::io::Result<usize>> {
                $crate::system::transfer::poll_write_vectored(&self.source, cx, bufs, $is_drained)
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
