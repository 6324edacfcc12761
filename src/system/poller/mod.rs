//! The system's poller, in two halves: the one that blocks, and the one that registers meanwhile.

#[cfg(all(unix, feature = "mio"))]
mod mio;
#[cfg(any(windows, feature = "polling"))]
mod polling;

use std::{fmt, io, str::FromStr, time::Duration};

use crate::{sync::Arc, system::UnknownName};

#[cfg(unix)]
pub(crate) use std::os::fd::{AsFd, BorrowedFd as Fd};
#[cfg(windows)]
pub(crate) use std::os::windows::io::{AsSocket as AsFd, BorrowedSocket as Fd};

/// Which poller the system's events use. `mio` is the default where it is built in.
///
/// ```
/// use vigie::system::Backend;
///
/// assert_eq!(Backend::default().to_string().parse(), Ok(Backend::default()));
/// assert!("epoll".parse::<Backend>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Backend {
    /// The poller of the `mio` crate; with the feature `mio`, not on Windows.
    #[cfg(all(unix, feature = "mio"))]
    #[default]
    Mio,
    /// The poller of the `polling` crate; with the feature `polling`, and always on Windows.
    #[cfg(any(windows, feature = "polling"))]
    #[cfg_attr(not(all(unix, feature = "mio")), default)]
    Polling,
}

impl Backend {
    /// Those that this build has.
    ///
    /// ```
    /// use vigie::system::Backend;
    ///
    /// assert!(Backend::ALL.contains(&Backend::default()));
    /// ```
    pub const ALL: &[Self] = &[
        #[cfg(all(unix, feature = "mio"))]
        Self::Mio,
        #[cfg(any(windows, feature = "polling"))]
        Self::Polling,
    ];
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            #[cfg(all(unix, feature = "mio"))]
            Self::Mio => "mio",
            #[cfg(any(windows, feature = "polling"))]
            Self::Polling => "polling",
        })
    }
}

impl FromStr for Backend {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let known = Self::ALL.iter().copied().find(|backend| backend.to_string() == name);
        known.ok_or_else(|| UnknownName {
            name: name.to_owned(),
            expected: "a poller that is built in (mio, polling)",
        })
    }
}

/// Names a source to the poller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token(pub(crate) usize);

/// What a source is ready for: a set of the flags below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Readiness(u8);

impl Readiness {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const READ: Self = Self(1);
    pub(crate) const WRITE: Self = Self(2);
    /// There will be nothing more to read: reading never blocks again.
    pub(crate) const READ_CLOSED: Self = Self(4);
    /// Writing never blocks again.
    pub(crate) const WRITE_CLOSED: Self = Self(8);
    /// There is, or was, urgent data: a read stops at its place in the stream, and comes short though
    /// there is more behind it.
    pub(crate) const URGENT: Self = Self(16);

    pub(crate) fn with(self, other: Self, on: bool) -> Self {
        if on { Self(self.0 | other.0) } else { self }
    }

    pub(crate) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(crate) const fn has_any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// The half that waits, in one thread at a time.
pub(crate) trait Poller: Send {
    /// Waits for at most `timeout` (`None`: for ever) and appends what is ready. Returns early, with
    /// nothing, when it was woken or a signal handler ran.
    fn poll(&mut self, timeout: Option<Duration>, ready: &mut Vec<(Token, Readiness)>) -> io::Result<()>;
}

/// The half that registers, from any thread, also while another one polls.
pub(crate) trait Registrar: Send + Sync + fmt::Debug {
    /// Watches `fd`, from now on and for everything; what it is ready for already is reported too. What
    /// no poller can watch, as a file on a disk, is an error.
    fn add(&self, fd: Fd<'_>, token: Token) -> io::Result<()>;

    /// Watches again after an operation would have blocked. Needed only where there is no edge mode.
    fn rearm(&self, fd: Fd<'_>, token: Token, interest: Readiness) -> io::Result<()>;

    fn remove(&self, fd: Fd<'_>) -> io::Result<()>;

    /// Ends a poll that blocks, or the next one.
    fn wake(&self) -> io::Result<()>;

    /// Reports each change once and keeps watching, without `rearm`.
    fn is_edge(&self) -> bool;

    /// Tells a closed direction apart from a ready one. Then a read that comes short may be taken for
    /// a drained source: an end that follows is either told with it or changes the readiness again.
    fn tells_closed(&self) -> bool;
}

/// Opens a poller.
pub(crate) fn open(backend: Backend) -> io::Result<(Box<dyn Poller>, Arc<dyn Registrar>)> {
    match backend {
        #[cfg(all(unix, feature = "mio"))]
        Backend::Mio => mio::open(),
        #[cfg(any(windows, feature = "polling"))]
        Backend::Polling => polling::open(),
    }
}
