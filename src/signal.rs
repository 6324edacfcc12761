//! Signals that the system sends to the process, as streams. Unix only, with the feature `signal`.
//!
//! A [`Signals`] listens to some signal numbers; [`ctrl_c`] waits for one Ctrl-C. Any number of listeners,
//! on any domains, may listen to the same signal, and each of them gets it. Handlers that the program had
//! installed before, by itself or through the crate `signal-hook`, which is what does it here, go on being
//! called; one that is installed later without that crate takes the signal away from all listeners.
//!
//! # What is no longer the default
//!
//! From the first listener to a signal on, the process handles it: a SIGTERM does not end it any more. **This
//! stays so when the listeners are dropped**: the signal is ignored then. A program that listens to what
//! is to end it has to end by itself.
//!
//! # What is lost
//!
//! Nothing, but signals are not counted: those of one number that come before the listener takes the
//! first of them are one, as everywhere in Unix.
//!
//! ```
//! use rustix::process::{Signal, getpid, kill_process};
//! use vigie::signal::{SIGVTALRM, Signals};
//!
//! vigie::run(async {
//!     let mut signals = Signals::new([SIGVTALRM])?;
//!     let server = vigie::spawn(std::future::pending::<()>());
//!     kill_process(getpid(), Signal::VTALARM)?;
//!     // As a server waits for SIGTERM.
//!     assert_eq!(signals.next().await?, SIGVTALRM);
//!     server.cancel().await?;
//!     std::io::Result::Ok(())
//! }).unwrap().unwrap();
//! ```

use std::{
    borrow::Borrow,
    collections::BTreeSet,
    fmt,
    future::{Future, poll_fn},
    io::{self, Read},
    os::unix::net::UnixStream,
    task::{Context, Poll, ready},
};

use signal_hook::{
    consts::FORBIDDEN,
    iterator::{backend::SignalDelivery, exfiltrator::SignalOnly},
};

#[doc(no_inline)]
pub use signal_hook::consts::{
    SIGABRT, SIGALRM, SIGBUS, SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGKILL, SIGPIPE, SIGPROF, SIGQUIT, SIGSTOP,
    SIGSYS, SIGTERM, SIGTRAP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGUSR1, SIGUSR2, SIGVTALRM, SIGWINCH,
    SIGXCPU, SIGXFSZ,
};

use crate::{
    events,
    sync::Arc,
    system::{Direction, Source},
};

/// The numbers that may be listened to, as far as the crate knows that does it.
const NUMBERS: std::ops::Range<i32> = 1..128;

/// A listener: a stream of the signals that come from its making on.
///
/// It takes two descriptors. Dropping it ends the listening; the signals are then ignored, if nobody else
/// handles them (see the [module](self)).
///
/// It belongs to no domain: `Send`, but not `Sync`, and whichever domain waits for it watches it, as a
/// [`TcpStream`](crate::net::TcpStream).
///
/// ```
/// use rustix::process::{Signal, getpid, kill_process};
/// use vigie::signal::{SIGHUP, SIGUSR1, Signals};
///
/// # fn main() -> std::io::Result<()> {
/// vigie::run(async {
///     let mut signals = Signals::new([SIGHUP, SIGUSR1])?;
///     kill_process(getpid(), Signal::USR1)?;
///     assert_eq!(signals.next().await?, SIGUSR1);
///     Ok(())
/// })?
/// # }
/// ```
pub struct Signals {
    /// The reading end, into which each signal puts a byte. Before what else holds it: no domain watches
    /// what is closed.
    source: Source<Arc<UnixStream>>,
    delivery: SignalDelivery<Arc<UnixStream>, SignalOnly>,
    /// Those that had come when the bytes were last read.
    come: BTreeSet<i32>,
}

impl Signals {
    /// Listens to these signals, from now on. No domain is needed: this works anywhere.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for what is no signal, and for those that cannot be
    /// listened to: SIGKILL, SIGSTOP, SIGILL, SIGFPE and SIGSEGV; the system's, if there is no descriptor
    /// left. Nothing is listened to then, but the signals before the one at fault have lost their default
    /// action.
    ///
    /// ```
    /// use vigie::signal::{SIGKILL, Signals};
    ///
    /// let error = Signals::new([SIGKILL]).unwrap_err();
    /// assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    /// ```
    pub fn new(signals: impl IntoIterator<Item = impl Borrow<i32>>) -> io::Result<Self> {
        let (reader, writer) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        let reader = Arc::new(reader);
        let none: [i32; 0] = [];
        let delivery = SignalDelivery::with_pipe(reader.clone(), writer, SignalOnly, none)?;
        let handle = delivery.handle();
        for signal in signals {
            let signal = *signal.borrow();
            if !NUMBERS.contains(&signal) || FORBIDDEN.contains(&signal) {
                let why = format!("signal {signal} cannot be listened to");
                return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
            }
            handle.add_signal(signal)?;
        }
        Ok(Self { source: Source::new(reader), delivery, come: BTreeSet::new() })
    }

    /// Waits for the next signal; its number. Of several that have come, the lowest is first.
    ///
    /// Cancellation-safe: a signal that was not returned is there for the next call.
    ///
    /// # Errors
    ///
    /// That of a domain without the system's events, or of its poller.
    ///
    /// ```
    /// use rustix::process::{Signal, getpid, kill_process};
    /// use vigie::signal::{SIGURG, Signals};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// vigie::run(async {
    ///     // Each listener gets it.
    ///     let (mut one, mut other) = (Signals::new([SIGURG])?, Signals::new([SIGURG])?);
    ///     kill_process(getpid(), Signal::URG)?;
    ///     assert_eq!((one.next().await?, other.next().await?), (SIGURG, SIGURG));
    ///     Ok(())
    /// })?
    /// # }
    /// ```
    pub async fn next(&mut self) -> io::Result<i32> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// The poll form of [`next`](Self::next).
    ///
    /// # Errors
    ///
    /// Those of [`next`](Self::next).
    ///
    /// ```
    /// use std::future::poll_fn;
    /// use rustix::process::{Signal, getpid, kill_process};
    /// use vigie::signal::{SIGUSR2, Signals};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// vigie::run(async {
    ///     let mut signals = Signals::new([SIGUSR2])?;
    ///     assert!(poll_fn(|cx| std::task::Poll::Ready(signals.poll_next(cx))).await.is_pending());
    ///     kill_process(getpid(), Signal::USR2)?;
    ///     assert_eq!(poll_fn(|cx| signals.poll_next(cx)).await?, SIGUSR2);
    ///     Ok(())
    /// })?
    /// # }
    /// ```
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<i32>> {
        // Charged here too: of one that is sent in a loop there is always another.
        events::charged(cx, |cx| {
            loop {
                if let Some(signal) = self.come.pop_first() {
                    return Poll::Ready(Ok(signal));
                }
                let read = |reader: &Arc<UnixStream>| (&**reader).read(&mut [0]);
                ready!(self.source.poll_io(cx, Direction::Read, read, |_| false))?;
                // Reads the other bytes first, and then looks which signals have come: a byte is put
                // after its signal was noted.
                self.come.extend(self.delivery.pending());
            }
        })
    }
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signals").finish_non_exhaustive()
    }
}

/// Waits for a Ctrl-C (SIGINT) that comes after this call, whenever the future is first polled.
///
/// From then on Ctrl-C does not end the process any more: see the [module](self). To wait for several, or
/// for SIGTERM as well, use [`Signals`].
///
/// Cancellation-safe in that nothing else is lost; the Ctrl-C that comes after the future was dropped is
/// ignored.
///
/// # Errors
///
/// Those of [`Signals::new`] and [`Signals::next`].
///
/// ```
/// use rustix::process::{Signal, getpid, kill_process};
///
/// # fn main() -> std::io::Result<()> {
/// vigie::run(async {
///     let interrupted = vigie::signal::ctrl_c();
///     // As the terminal does.
///     kill_process(getpid(), Signal::INT)?;
///     interrupted.await
/// })?
/// # }
/// ```
pub fn ctrl_c() -> impl Future<Output = io::Result<()>> {
    let signals = Signals::new([SIGINT]);
    async move { signals?.next().await.map(drop) }
}
