//! Accepting: what all listeners have in common; which errors pass, and how they are waited out.

use std::{
    cell::Cell,
    future::poll_fn,
    io,
    task::{Context, Poll},
    time::Duration,
};

use super::{TcpListener, backoff::Backoff};

/// The first wait when something is short. A descriptor is given back when a connection ends, which the
/// server cannot hasten by asking: so soon that a moment's shortage costs a client nothing it would notice.
const FIRST: Duration = Duration::from_millis(5);
/// The longest. So rarely, that a lasting shortage costs next to no time; so often, that a client which waits
/// for longer than this waits for the shortage, and not for us.
const LONGEST: Duration = Duration::from_secs(1);

/// Accepts, and tries again where the error passes.
pub(super) async fn patiently<T>(
    shortages: &Cell<u64>,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<io::Result<T>>,
) -> io::Result<T> {
    let mut backoff = Backoff::new(FIRST, LONGEST);
    loop {
        match poll_fn(&mut poll).await {
            // The system keeps the connection, and nothing tells of a descriptor that is free again.
            Err(error) if is_shortage(&error) => {
                shortages.update(|count| count + 1);
                backoff.wait().await?;
            }
            // The connection is gone from the backlog with its error: each is met once.
            Err(error) if is_lost_connection(&error) => {}
            accepted => return accepted,
        }
    }
}

/// Is there no descriptor, or no memory, for another socket?
#[cfg(unix)]
fn is_shortage(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let short = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    Errno::from_io_error(error).is_some_and(|errno| short.contains(&errno))
}

#[cfg(windows)]
fn is_shortage(error: &io::Error) -> bool {
    const WSAEMFILE: i32 = 10024;
    const WSAENOBUFS: i32 = 10055;
    matches!(error.raw_os_error(), Some(WSAEMFILE | WSAENOBUFS))
}

/// Did a connection come to grief before it was accepted? That is nobody's business here. Linux passes on
/// what the network had to say of it as well.
#[cfg(unix)]
fn is_lost_connection(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let lost = [
        Errno::CONNABORTED,
        Errno::PROTO,
        Errno::NOPROTOOPT,
        Errno::NETDOWN,
        Errno::NETUNREACH,
        Errno::HOSTDOWN,
        Errno::HOSTUNREACH,
        #[cfg(any(target_os = "linux", target_os = "android"))]
        Errno::NONET,
    ];
    Errno::from_io_error(error).is_some_and(|errno| lost.contains(&errno))
}

#[cfg(windows)]
fn is_lost_connection(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted)
}

/// The connections of a listener; see [`TcpListener::incoming`].
///
/// ```
/// # use vigie::net::*;
/// # fn main() -> std::io::Result<()> {
/// # vigie::run(async {
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let addr = listener.local_addr()?;
/// let mut incoming = listener.incoming();
/// for _ in 0..2 {
///     let client = TcpStream::connect(addr).await?;
///     assert_eq!(incoming.next().await?.peer_addr()?, client.local_addr()?);
/// }
/// # Ok(())
/// # })?
/// # }
/// ```
#[derive(Debug)]
pub struct Incoming<'a, L = TcpListener> {
    pub(super) listener: &'a L,
}

/// For a listener with a `source` and `shortages`, where an `accept` takes one connection from the system. In the
/// examples, `$made` makes a `listener`, and a `client` that has connected to it.
macro_rules! accepts {
    ($listener:ident, $stream:ident, $addr:ty, $made:literal) => {
        impl $listener {
            /// Accepts the next connection; the second of the pair is the peer's address.
            ///
            /// Cancellation-safe: a connection that was not returned stays with the listener. Several tasks
            /// may accept at a time.
            ///
            /// Out of descriptors or memory (`EMFILE`, `ENFILE`, `ENOBUFS`, `ENOMEM`), it waits for a while
            /// and tries again: 5 ms at first, twice as long each time, and 1 s at most. The system keeps the
            /// connections meanwhile, as many as it has room for, and tells nobody when there is a descriptor
            /// again. [`shortages`](Self::shortages) counts them. A connection that came to grief before it
            /// was accepted (`ECONNABORTED`, `EPROTO`, and what the network has to say of it, as
            /// `EHOSTUNREACH`) is passed over. Who wants to see all that has
            /// [`poll_accept`](Self::poll_accept).
            ///
            /// # Errors
            ///
            /// The system's, of any other kind: they are the listener's, and likely to come again; or that of
            /// a domain without the system's events. The listener can be used after any of them.
            ///
            /// ```
            /// use futures_lite::{AsyncReadExt, AsyncWriteExt};
            /// # use vigie::net::*;
            ///
            /// # fn main() -> std::io::Result<()> {
            /// # vigie::run(async {
            #[doc = $made]
            /// let (mut stream, _peer) = listener.accept().await?;
            /// stream.write_all(b"ahoy").await?;
            /// assert_eq!((&client).read(&mut [0; 8]).await?, 4);
            /// # Ok(())
            /// # })?
            /// # }
            /// ```
            pub async fn accept(&self) -> ::std::io::Result<($stream, $addr)> {
                $crate::net::accept::patiently(&self.shortages, |cx| self.poll_accept(cx)).await
            }

            /// Accepts, or has the task woken when there may be a connection, as all that polled this.
            ///
            /// # Errors
            ///
            /// The system's, all of them. The listener can be used after any: out of descriptors, it keeps the
            /// connection, and fails at once until there is one. A loop that goes on should wait for a moment.
            ///
            /// ```
            /// use std::future::poll_fn;
            /// # use vigie::net::*;
            ///
            /// # fn main() -> std::io::Result<()> {
            /// # vigie::run(async {
            #[doc = $made]
            /// let (_stream, _peer) = poll_fn(|cx| listener.poll_accept(cx)).await?;
            /// # drop(client);
            /// # Ok(())
            /// # })?
            /// # }
            /// ```
            pub fn poll_accept(
                &self,
                cx: &mut ::std::task::Context<'_>,
            ) -> ::std::task::Poll<::std::io::Result<($stream, $addr)>> {
                self.source
                    .poll_io(cx, $crate::system::Direction::Read, accept, |_| false)
                    .map_ok(|(stream, addr)| ($stream::new(stream), addr))
            }

            /// How often an [`accept`](Self::accept) of this handle had to wait because the system was short of
            /// descriptors or memory. Where this grows, the limit of descriptors is too low for the load.
            ///
            /// ```
            /// # use vigie::net::*;
            /// # fn main() -> std::io::Result<()> {
            /// # vigie::run(async {
            #[doc = $made]
            /// listener.accept().await?;
            /// assert_eq!(listener.shortages(), 0);
            /// # drop(client);
            /// # Ok(())
            /// # })?
            /// # }
            /// ```
            pub fn shortages(&self) -> u64 {
                self.shortages.get()
            }

            /// The connections, one after the other.
            ///
            /// ```
            /// # use vigie::net::*;
            /// # fn main() -> std::io::Result<()> {
            /// # vigie::run(async {
            #[doc = $made]
            /// let mut incoming = listener.incoming();
            /// let _stream = incoming.next().await?;
            /// // Nobody else has connected.
            /// assert!(futures_lite::future::poll_once(incoming.next()).await.is_none());
            /// # drop(client);
            /// # Ok(())
            /// # })?
            /// # }
            /// ```
            pub fn incoming(&self) -> $crate::net::Incoming<'_, Self> {
                $crate::net::Incoming { listener: self }
            }
        }

        impl $crate::net::Incoming<'_, $listener> {
            /// The next connection. There is no end. [`incoming`](
            #[doc = concat!(stringify!($listener), "::incoming)")]
            /// has an example.
            ///
            /// Cancellation-safe, as accepting is.
            ///
            /// # Errors
            ///
            /// Those of accepting.
            pub async fn next(&mut self) -> ::std::io::Result<$stream> {
                self.listener.accept().await.map(|(stream, _)| stream)
            }
        }
    };
}

pub(super) use accepts;

#[cfg(all(test, unix))]
mod tests {
    use std::{pin::pin, task::Waker, time::Instant};

    use rustix::io::Errno;

    use super::*;

    /// Accepts where the system gives these errors, one after the other, and then a connection.
    fn accept(errors: &[Errno]) -> Poll<io::Result<&'static str>> {
        let mut errors = errors.iter();
        let shortages = Cell::new(0);
        let accept = patiently(&shortages, |_| {
            Poll::Ready(errors.next().map_or(Ok("accepted"), |errno| Err(io::Error::from(*errno))))
        });
        pin!(accept).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn connections_that_came_to_grief_are_passed_over() {
        let accepted = accept(&[Errno::CONNABORTED, Errno::PROTO, Errno::NETDOWN, Errno::HOSTUNREACH]);
        assert!(matches!(accepted, Poll::Ready(Ok("accepted"))), "{accepted:?}");
    }

    #[test]
    fn what_may_last_is_the_callers() {
        for errno in [Errno::PERM, Errno::ACCESS, Errno::INVAL, Errno::BADF, Errno::OPNOTSUPP] {
            let Poll::Ready(Err(error)) = accept(&[Errno::CONNABORTED, errno]) else {
                panic!("{errno} is passed over");
            };
            assert_eq!(Errno::from_io_error(&error), Some(errno));
        }
    }

    #[test]
    fn a_shortage_is_waited_out_and_counted() {
        for errno in [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM] {
            let ran = crate::run(async move {
                let (shortages, mut polls) = (Cell::new(0), 0);
                let accepted = patiently(&shortages, |_| {
                    polls += 1;
                    Poll::Ready(if polls < 4 { Err(io::Error::from(errno)) } else { Ok(()) })
                });
                let begun = Instant::now();
                accepted.await.unwrap();
                assert!(begun.elapsed() >= FIRST + FIRST * 2 + FIRST * 4, "{:?}", begun.elapsed());
                assert_eq!(shortages.get(), 3);
            });
            ran.unwrap();
        }
    }

    #[test]
    fn where_nothing_can_be_waited_for_the_shortage_is_no_endless_loop() {
        assert!(matches!(accept(&[Errno::MFILE]), Poll::Ready(Err(_))));
    }
}
