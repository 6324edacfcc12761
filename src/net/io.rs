//! Byte streams: what the traits of `futures-io` need of them, and what else all of them have.

use std::{io, net::Shutdown};

/// Closes for writing, by the stream's own `shutdown`.
pub(super) fn close(shutdown: impl FnOnce(Shutdown) -> io::Result<()>) -> io::Result<()> {
    match shutdown(Shutdown::Write) {
        // The connection has gone, and the peer reads no more.
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
        closed => closed,
    }
}

/// For a type whose `source` is that of a stream: its two ends, and `AsyncRead` and `AsyncWrite` for it and for
/// references to it. In the examples, `$made` makes a `client` that is connected to a `server`.
macro_rules! byte_stream {
    ($stream:ident, $addr:ty, $is_drained:expr, $made:literal) => {
        impl $stream {
            /// Splits the stream into a half that reads and one that writes, for two tasks of this domain.
            /// [`ReadHalf::reunite`](crate::net::ReadHalf::reunite) undoes it.
            ///
            /// ```
            /// use futures_lite::{AsyncReadExt, AsyncWriteExt};
            /// # use vigie::net::*;
            ///
            /// # fn main() -> std::io::Result<()> {
            /// # vigie::run(async {
            #[doc = $made]
            /// let echo = vigie::spawn(async move { futures_lite::io::copy(&server, &server).await });
            ///
            /// let (mut reader, mut writer) = client.split();
            /// let written = vigie::spawn(async move {
            ///     writer.write_all(&[1; 10_000]).await?;
            ///     writer.close().await
            /// });
            /// let mut bytes = Vec::new();
            /// reader.read_to_end(&mut bytes).await?;
            /// assert_eq!(bytes.len(), 10_000);
            /// written.await??;
            /// assert_eq!(echo.await??, 10_000);
            /// # Ok(())
            /// # })?
            /// # }
            /// ```
            pub fn split(self) -> ($crate::net::ReadHalf<Self>, $crate::net::WriteHalf<Self>) {
                $crate::net::split::split(self)
            }

            /// Shuts down one direction or both. The peer reads the end after a shutdown for writing, and so
            /// do tasks of any domain that wait to read after one for reading.
            ///
            /// # Errors
            ///
            /// The system's; with TCP, [`NotConnected`](::std::io::ErrorKind::NotConnected) if the connection has
            /// gone.
            ///
            /// ```
            /// use std::net::Shutdown;
            /// use futures_lite::AsyncReadExt;
            /// # use vigie::net::*;
            ///
            /// # fn main() -> std::io::Result<()> {
            /// # vigie::run(async {
            #[doc = $made]
            /// client.shutdown(Shutdown::Write)?;
            /// assert_eq!((&server).read(&mut [0; 8]).await?, 0);
            /// # Ok(())
            /// # })?
            /// # }
            /// ```
            pub fn shutdown(&self, how: ::std::net::Shutdown) -> ::std::io::Result<()> {
                self.source.get().shutdown(how)
            }

            /// The address of the other end.
            ///
            /// # Errors
            ///
            /// The system's; with TCP, [`NotConnected`](::std::io::ErrorKind::NotConnected) if the connection has
            /// gone.
            ///
            /// ```
            /// # use vigie::net::*;
            /// # fn main() -> std::io::Result<()> {
            /// # vigie::run(async {
            #[doc = $made]
            /// assert_eq!(format!("{:?}", client.peer_addr()?), format!("{:?}", server.local_addr()?));
            /// # Ok(())
            /// # })?
            /// # }
            /// ```
            pub fn peer_addr(&self) -> ::std::io::Result<$addr> {
                self.source.get().peer_addr()
            }
        }

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
                use $crate::system::transfer::{poll_read, recv};
                poll_read(&self.source, cx, buf, recv, $is_drained)
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
                use $crate::system::transfer::{poll_write, send};
                poll_write(&self.source, cx, buf, send, $is_drained)
            }

            fn poll_write_vectored(
                self: ::std::pin::Pin<&mut Self>,
                cx: &mut ::std::task::Context<'_>,
                bufs: &[::std::io::IoSlice<'_>],
            ) -> ::std::task::Poll<::std::io::Result<usize>> {
                use $crate::system::transfer::{poll_write_vectored, send_vectored};
                poll_write_vectored(&self.source, cx, bufs, send_vectored, $is_drained)
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
