//! Datagrams: what all sockets for them have in common.

/// For a type whose `source` is that of a socket for datagrams. In the examples, `$made` makes `one` and `other`,
/// which are connected to each other.
macro_rules! datagrams {
    ($socket:ident, $addr:ty, $made:literal) => {
        impl $socket {
            /// The address that it is connected to.
            ///
            /// # Errors
            ///
            /// The system's: [`NotConnected`](::std::io::ErrorKind::NotConnected) if it is not.
            ///
            /// ```
            /// # use vigie::net::*;
            /// # fn main() -> std::io::Result<()> {
            /// # vigie::run(async {
            #[doc = $made]
            /// assert_eq!(format!("{:?}", one.peer_addr()?), format!("{:?}", other.local_addr()?));
            /// # Ok(())
            /// # })?
            /// # }
            /// ```
            pub fn peer_addr(&self) -> ::std::io::Result<$addr> {
                self.source.get().peer_addr()
            }

            /// Sends one datagram to the socket that this one is connected to, as soon as the system takes it;
            /// its length.
            ///
            /// # Errors
            ///
            /// The system's: that it is not connected, that the datagram is too long, or
            /// [`ConnectionRefused`](::std::io::ErrorKind::ConnectionRefused) if the other socket is known to
            /// have gone: from an earlier datagram, on a network.
            ///
            /// ```
            /// # use vigie::net::*;
            /// # fn main() -> std::io::Result<()> {
            /// # vigie::run(async {
            #[doc = $made]
            /// assert_eq!(one.send(b"ahoy").await?, 4);
            /// // One of no bytes is as good as any other.
            /// assert_eq!(one.send(b"").await?, 0);
            /// let mut buf = [0; 1500];
            /// assert_eq!(other.recv(&mut buf).await?, 4);
            /// assert_eq!(other.recv(&mut buf).await?, 0);
            /// # Ok(())
            /// # })?
            /// # }
            /// ```
            pub async fn send(&self, buf: &[u8]) -> ::std::io::Result<usize> {
                ::std::future::poll_fn(|cx| self.poll_send(cx, buf)).await
            }

            /// The poll form of [`send`](Self::send).
            ///
            /// # Errors
            ///
            /// Those of [`send`](Self::send).
            ///
            /// ```
            /// use std::future::poll_fn;
            /// # use vigie::net::*;
            ///
            /// # fn main() -> std::io::Result<()> {
            /// # vigie::run(async {
            #[doc = $made]
            /// assert_eq!(poll_fn(|cx| one.poll_send(cx, b"ahoy")).await?, 4);
            /// # drop(other);
            /// # Ok(())
            /// # })?
            /// # }
            /// ```
            pub fn poll_send(
                &self,
                cx: &mut ::std::task::Context<'_>,
                buf: &[u8],
            ) -> ::std::task::Poll<::std::io::Result<usize>> {
                self.source.poll_io(
                    cx,
                    $crate::system::Direction::Write,
                    |socket| socket.send(buf),
                    |_| false,
                )
            }

            /// Receives one datagram: as much of it as fits into `buf`, and how much that is. The rest is lost,
            /// which on Windows is an error.
            ///
            /// # Errors
            ///
            /// The system's: on a network, [`ConnectionRefused`](::std::io::ErrorKind::ConnectionRefused) if the
            /// socket is connected, and what it sent is known to have found nobody.
            ///
            /// ```
            /// # use vigie::net::*;
            /// # fn main() -> std::io::Result<()> {
            /// # vigie::run(async {
            #[doc = $made]
            /// let mut buf = [0; 5];
            /// # #[cfg(unix)] {
            /// one.send(b"too long").await?;
            /// assert_eq!(other.recv(&mut buf[..3]).await?, 3);
            /// # }
            /// one.send(b"short").await?;
            /// assert_eq!(other.recv(&mut buf).await?, 5);
            /// assert_eq!(&buf, b"short");
            /// # Ok(())
            /// # })?
            /// # }
            /// ```
            pub async fn recv(&self, buf: &mut [u8]) -> ::std::io::Result<usize> {
                ::std::future::poll_fn(|cx| self.poll_recv(cx, buf)).await
            }

            /// The poll form of [`recv`](Self::recv).
            ///
            /// # Errors
            ///
            /// Those of [`recv`](Self::recv).
            ///
            /// ```
            /// use std::future::poll_fn;
            /// # use vigie::net::*;
            ///
            /// # fn main() -> std::io::Result<()> {
            /// # vigie::run(async {
            #[doc = $made]
            /// one.send(b"ahoy").await?;
            /// let mut buf = [0; 8];
            /// assert_eq!(poll_fn(|cx| other.poll_recv(cx, &mut buf)).await?, 4);
            /// # Ok(())
            /// # })?
            /// # }
            /// ```
            pub fn poll_recv(
                &self,
                cx: &mut ::std::task::Context<'_>,
                buf: &mut [u8],
            ) -> ::std::task::Poll<::std::io::Result<usize>> {
                // An empty buffer too: it takes a datagram.
                self.source.poll_io(cx, $crate::system::Direction::Read, |socket| socket.recv(buf), |_| false)
            }

            /// As [`recv`](Self::recv); the second of the pair is the sender's address.
            ///
            /// # Errors
            ///
            /// Those of [`recv`](Self::recv).
            ///
            /// ```
            /// # use vigie::net::*;
            /// # fn main() -> std::io::Result<()> {
            /// # vigie::run(async {
            #[doc = $made]
            /// one.send(b"ahoy").await?;
            /// let (count, from) = other.recv_from(&mut [0; 8]).await?;
            /// assert_eq!((count, format!("{from:?}")), (4, format!("{:?}", one.local_addr()?)));
            /// # Ok(())
            /// # })?
            /// # }
            /// ```
            pub async fn recv_from(&self, buf: &mut [u8]) -> ::std::io::Result<(usize, $addr)> {
                ::std::future::poll_fn(|cx| self.poll_recv_from(cx, buf)).await
            }

            /// The poll form of [`recv_from`](Self::recv_from).
            ///
            /// # Errors
            ///
            /// Those of [`recv`](Self::recv).
            ///
            /// ```
            /// use std::future::poll_fn;
            /// # use vigie::net::*;
            ///
            /// # fn main() -> std::io::Result<()> {
            /// # vigie::run(async {
            #[doc = $made]
            /// one.send(b"ahoy").await?;
            /// let mut buf = [0; 8];
            /// let (count, _from) = poll_fn(|cx| other.poll_recv_from(cx, &mut buf)).await?;
            /// assert_eq!(&buf[..count], b"ahoy");
            /// # Ok(())
            /// # })?
            /// # }
            /// ```
            pub fn poll_recv_from(
                &self,
                cx: &mut ::std::task::Context<'_>,
                buf: &mut [u8],
            ) -> ::std::task::Poll<::std::io::Result<(usize, $addr)>> {
                let direction = $crate::system::Direction::Read;
                self.source.poll_io(cx, direction, |socket| socket.recv_from(buf), |_| false)
            }
        }
    };
}

pub(super) use datagrams;
