//! What all sockets have in common: their way to the standard library and from it, their address, their
//! descriptor, and how they print.

/// For a type whose `source` watches `$std`, and whose `new` takes one that does not block. In the examples,
/// `$made` makes a `socket`.
macro_rules! handle {
    ($socket:ident, $std:ty, $addr:ty, $noun:literal, $made:literal) => {
        impl $socket {
            #[doc = concat!("Takes a ", $noun, " of the standard library, and makes it non-blocking.")]
            ///
            /// # Errors
            ///
            /// The system's, if the socket cannot be made so.
            ///
            /// ```
            /// # use vigie::net::*;
            /// # fn main() -> std::io::Result<()> {
            /// # vigie::run(async {
            #[doc = $made]
            /// let plain = socket.into_std();
            /// plain.set_nonblocking(false)?;
            #[doc = concat!("let socket = ", stringify!($socket), "::from_std(plain)?;")]
            /// # #[cfg(unix)]
            /// assert!(socket2::SockRef::from(&socket).nonblocking()?);
            /// # Ok(())
            /// # })?
            /// # }
            /// ```
            pub fn from_std(socket: $std) -> ::std::io::Result<Self> {
                socket.set_nonblocking(true)?;
                Ok(Self::new(socket))
            }

            #[doc = concat!("Gives the ", $noun, " to the standard library.")]
            /// No domain watches it any more; it is still non-blocking.
            ///
            /// ```
            /// # use vigie::net::*;
            /// # fn main() -> std::io::Result<()> {
            /// # vigie::run(async {
            #[doc = $made]
            /// let plain = socket.into_std();
            /// # #[cfg(unix)]
            /// assert!(socket2::SockRef::from(&plain).nonblocking()?);
            /// # Ok(())
            /// # })?
            /// # }
            /// ```
            pub fn into_std(self) -> $std {
                self.source.into_inner()
            }

            /// A second handle of the same socket, for the use on another domain. What arrives goes to one
            /// of them only. The socket is closed when both are dropped.
            ///
            /// Whether they block is a setting that all handles share: making one of them blocking
            /// ([`into_std`](Self::into_std), then `set_nonblocking(false)`) has the others block their
            /// domains.
            ///
            /// # Errors
            ///
            /// The system's, if there is no descriptor left.
            ///
            /// ```
            /// # use vigie::net::*;
            /// # fn main() -> std::io::Result<()> {
            /// # vigie::run(async {
            #[doc = $made]
            /// let clone = socket.try_clone()?;
            /// let there = vigie::call(move || async move { clone.local_addr() });
            /// assert_eq!(format!("{:?}", there.await??), format!("{:?}", socket.local_addr()?));
            /// # Ok(())
            /// # })?
            /// # }
            /// ```
            pub fn try_clone(&self) -> ::std::io::Result<Self> {
                // What says that the socket does not block is shared by all its handles.
                self.source.get().try_clone().map(Self::new)
            }

            /// Its own address.
            ///
            /// # Errors
            ///
            /// The system's.
            pub fn local_addr(&self) -> ::std::io::Result<$addr> {
                self.source.get().local_addr()
            }

            /// Takes the error that the socket holds, if it holds one.
            ///
            /// # Errors
            ///
            /// The system's, if the socket cannot be asked.
            ///
            /// ```
            /// # use vigie::net::*;
            /// # fn main() -> std::io::Result<()> {
            /// # vigie::run(async {
            #[doc = $made]
            /// assert!(socket.take_error()?.is_none());
            /// # Ok(())
            /// # })?
            /// # }
            /// ```
            pub fn take_error(&self) -> ::std::io::Result<Option<::std::io::Error>> {
                self.source.get().take_error()
            }
        }

        impl ::std::fmt::Debug for $socket {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                self.source.fmt(f)
            }
        }

        $crate::net::handle::descriptor!($socket, source.get());
    };
}

/// Lends the descriptor of what `$inner` of the type is.
macro_rules! descriptor {
    ($socket:ident, $($inner:tt)*) => {
        #[cfg(unix)]
        impl ::std::os::fd::AsFd for $socket {
            fn as_fd(&self) -> ::std::os::fd::BorrowedFd<'_> {
                self.$($inner)*.as_fd()
            }
        }

        #[cfg(unix)]
        impl ::std::os::fd::AsRawFd for $socket {
            fn as_raw_fd(&self) -> ::std::os::fd::RawFd {
                self.$($inner)*.as_raw_fd()
            }
        }

        #[cfg(windows)]
        impl ::std::os::windows::io::AsSocket for $socket {
            fn as_socket(&self) -> ::std::os::windows::io::BorrowedSocket<'_> {
                self.$($inner)*.as_socket()
            }
        }

        #[cfg(windows)]
        impl ::std::os::windows::io::AsRawSocket for $socket {
            fn as_raw_socket(&self) -> ::std::os::windows::io::RawSocket {
                self.$($inner)*.as_raw_socket()
            }
        }
    };
}

pub(super) use {descriptor, handle};
