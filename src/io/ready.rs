//! What a descriptor is waited for, and what it is ready for.

use std::{fmt, ops::BitOr};

use crate::system::Readiness;

/// What a descriptor is waited for: one of the constants, or several of them (`|`).
///
/// ```
/// use vigie::io::Interest;
/// let both = Interest::READABLE | Interest::WRITABLE;
/// assert!(both.is_readable() && both.is_writable() && !both.is_priority());
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Interest(pub(super) Readiness);

impl Interest {
    /// There is something to read, or there will never be: the end, a hang-up, an error.
    pub const READABLE: Self = Self(Readiness::READ);
    /// There is room to write, or writing fails at once.
    pub const WRITABLE: Self = Self(Readiness::WRITE);
    /// There is urgent data, or what else the system calls a priority event (`POLLPRI`), which is reported on
    /// Linux only; or there will never be: a direction is closed, as [`Ready`] tells.
    ///
    /// ```
    /// use vigie::io::Interest;
    ///
    /// let interest = Interest::READABLE | Interest::PRIORITY;
    /// assert!(interest.is_priority());
    /// assert_eq!(format!("{interest:?}"), "READABLE | PRIORITY");
    /// ```
    pub const PRIORITY: Self = Self(Readiness::URGENT);

    /// Does it contain [`READABLE`](Self::READABLE)?
    pub const fn is_readable(self) -> bool {
        self.0.has_any(Readiness::READ)
    }

    /// Does it contain [`WRITABLE`](Self::WRITABLE)?
    pub const fn is_writable(self) -> bool {
        self.0.has_any(Readiness::WRITE)
    }

    /// Does it contain [`PRIORITY`](Self::PRIORITY)?
    pub const fn is_priority(self) -> bool {
        self.0.has_any(Readiness::URGENT)
    }
}

impl BitOr for Interest {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0.with(other.0, true))
    }
}

impl fmt::Debug for Interest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [
            ("READABLE", self.is_readable()),
            ("WRITABLE", self.is_writable()),
            ("PRIORITY", self.is_priority()),
        ];
        write_names(f, &all)
    }
}

/// What a descriptor is ready for, as far as the poller has told.
///
/// ```
/// # use std::os::unix::net::UnixStream;
/// use vigie::io::AsyncFd;
///
/// vigie::run(async {
///     let (ours, theirs) = UnixStream::pair()?;
///     ours.set_nonblocking(true)?;
///     drop(theirs);
///     let ours = AsyncFd::new(ours)?;
///     let ready = ours.readable().await?.ready();
///     // The other end has gone: nothing will ever block again.
///     assert!(ready.is_read_closed() && ready.is_write_closed());
///     assert!(ready.is_readable() && ready.is_writable() && !ready.is_priority());
///     std::io::Result::Ok(())
/// }).unwrap().unwrap();
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Ready(pub(super) Readiness);

impl Ready {
    /// Reading does not block: there is something to read, or the end.
    pub const fn is_readable(self) -> bool {
        self.0.has_any(Readiness::READ) || self.is_read_closed()
    }

    /// Writing does not block.
    pub const fn is_writable(self) -> bool {
        self.0.has_any(Readiness::WRITE) || self.is_write_closed()
    }

    /// Nothing more will come: the other end has closed its writing direction, or has gone. The poller
    /// `mio` tells of both; [`polling`](crate::system::Backend) of the second only.
    pub const fn is_read_closed(self) -> bool {
        self.0.has_any(Readiness::READ_CLOSED)
    }

    /// Whatever is written is lost: the other end has gone.
    pub const fn is_write_closed(self) -> bool {
        self.0.has_any(Readiness::WRITE_CLOSED)
    }

    /// There is urgent data, or what else the system calls a priority event.
    pub const fn is_priority(self) -> bool {
        self.0.has_any(Readiness::URGENT)
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [
            ("READABLE", self.is_readable()),
            ("WRITABLE", self.is_writable()),
            ("READ_CLOSED", self.is_read_closed()),
            ("WRITE_CLOSED", self.is_write_closed()),
            ("PRIORITY", self.is_priority()),
        ];
        write_names(f, &all)
    }
}

/// Those that are there, or `EMPTY`.
fn write_names(f: &mut fmt::Formatter<'_>, all: &[(&str, bool)]) -> fmt::Result {
    let there: Vec<_> = all.iter().filter(|(_, there)| *there).map(|(name, _)| *name).collect();
    f.write_str(if there.is_empty() { "EMPTY" } else { "" })?;
    f.write_str(&there.join(" | "))
}
