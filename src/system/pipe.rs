//! The pipe variant: the domain blocks in the poller, and a byte in a pipe interrupts it.

use std::{
    io,
    time::{Duration, Instant},
};

use super::{
    found::Found,
    observer::LOOK_GAP,
    poller::{Poller, Registrar},
    sources::Sources,
};
#[cfg(unix)]
use crate::protocol::bell;
use crate::{
    events::{Interrupt, Seat},
    sync::Arc,
};

#[cfg(unix)]
use super::poller::{AsFd, Token};
#[cfg(unix)]
use std::os::fd::OwnedFd;

/// Not a source's token, nor a poller's own.
#[cfg(unix)]
const PIPE: Token = Token(usize::MAX - 1);

pub(super) struct Pipe {
    poller: Box<dyn Poller>,
    seat: Seat,
    found: Found,
    /// When it was last polled where a task asked.
    looked: Instant,
    #[cfg(unix)]
    ends: Arc<Ends>,
    /// Without a pipe that can be polled, the poller's own wake-up takes its place.
    #[cfg(not(unix))]
    registrar: Arc<dyn Registrar>,
}

/// Both ends, in every hand that may interrupt: a late byte finds a pipe, read or not.
#[cfg(unix)]
#[derive(Debug)]
struct Ends {
    reader: OwnedFd,
    writer: OwnedFd,
}

impl Pipe {
    #[cfg(unix)]
    pub(super) fn new(
        poller: Box<dyn Poller>,
        registrar: &Arc<dyn Registrar>,
        seat: Seat,
    ) -> io::Result<Self> {
        use rustix::{
            io::{FdFlags, fcntl_setfd, ioctl_fionbio},
            pipe::pipe,
        };
        // Not `pipe2`, which macOS lacks.
        let (reader, writer) = pipe()?;
        for end in [&reader, &writer] {
            fcntl_setfd(end, FdFlags::CLOEXEC)?;
            ioctl_fionbio(end, true)?;
        }
        registrar.add(reader.as_fd(), PIPE)?;
        Ok(Self {
            poller,
            seat,
            found: Found::default(),
            looked: Instant::now(),
            ends: Arc::new(Ends { reader, writer }),
        })
    }

    #[cfg(not(unix))]
    pub(super) fn new(
        poller: Box<dyn Poller>,
        registrar: &Arc<dyn Registrar>,
        seat: Seat,
    ) -> io::Result<Self> {
        Ok(Self {
            poller,
            seat,
            found: Found::default(),
            looked: Instant::now(),
            registrar: registrar.clone(),
        })
    }

    #[cfg(unix)]
    pub(super) fn interrupt(&self) -> Interrupt {
        let ends = self.ends.clone();
        Box::new(move || bell::ring(&*ends))
    }

    #[cfg(not(unix))]
    pub(super) fn interrupt(&self) -> Interrupt {
        let registrar = self.registrar.clone();
        // A wake-up that fails has nobody to tell: the domain then sleeps until its next event.
        Box::new(move || drop(registrar.wake()))
    }

    /// Polls, blocking until `deadline` or not at all, and empties the pipe.
    pub(super) fn poll(&mut self, block: bool, deadline: Option<Instant>) -> io::Result<()> {
        let timeout = match deadline {
            _ if !block => Some(Duration::ZERO),
            deadline => deadline.map(|at| at.saturating_duration_since(Instant::now())),
        };
        self.poller.poll(timeout, &mut self.found.polled)?;
        #[cfg(unix)]
        if let Some(at) = self.found.polled.iter().position(|(token, _)| *token == PIPE) {
            self.found.polled.swap_remove(at);
            bell::silence(&*self.ends)?;
        }
        Ok(())
    }

    pub(super) fn has_found(&self) -> bool {
        !self.found.is_empty()
    }

    /// A task computes: is there news?
    pub(super) fn busy(&mut self) -> bool {
        let now = Instant::now();
        if self.has_found() || now.duration_since(self.looked) < LOOK_GAP {
            return self.has_found();
        }
        self.looked = now;
        let polled = self.poll(false, None);
        self.found.keep(polled, &self.seat);
        self.has_found()
    }

    /// Tells the sources what was found; whether it was anything.
    pub(super) fn apply(&mut self, sources: &mut Sources) -> io::Result<bool> {
        let any = self.has_found();
        self.found.apply(sources, &self.seat)?;
        Ok(any)
    }
}

#[cfg(unix)]
impl bell::Pipe for Ends {
    type Error = io::Error;

    fn put(&self) -> bool {
        rustix::io::write(&self.writer, &[1]) != Err(rustix::io::Errno::INTR)
    }

    fn take(&self) -> io::Result<bool> {
        let mut bytes = [0; 64];
        match rustix::io::read(&self.reader, &mut bytes) {
            // Fewer than asked for: it is empty, and the next byte is a new edge.
            Ok(count) => Ok(count == bytes.len()),
            Err(rustix::io::Errno::INTR) => Ok(true),
            Err(rustix::io::Errno::AGAIN) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::thread;

    use super::{
        super::poller::{self, Readiness},
        *,
    };
    use crate::{
        protocol::{Parker, Ready, tests::rounds},
        sync::{AtomicU64, Ordering},
        system::{Backend, test_seat},
    };

    /// Counts how often it is asked, and finds something, until it fails.
    struct Fake(Arc<AtomicU64>);

    impl Poller for Fake {
        fn poll(&mut self, _: Option<Duration>, ready: &mut Vec<(Token, Readiness)>) -> io::Result<()> {
            if self.0.fetch_add(1, Ordering::Relaxed) > 0 {
                return Err(io::Error::other("broken"));
            }
            ready.push((Token(0), Readiness::READ));
            Ok(())
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "it polls")]
    fn where_a_task_asks_it_polls_when_it_is_time_and_tells_of_it_until_it_is_applied() {
        let polls = Arc::new(AtomicU64::new(0));
        let (_, registrar) = poller::open(Backend::default()).unwrap();
        let mut pipe = Pipe::new(Box::new(Fake(polls.clone())), &registrar, test_seat()).unwrap();
        let mut sources = Sources::new();
        let asked = || polls.load(Ordering::Relaxed);

        pipe.looked = Instant::now() + Duration::from_secs(3600);
        assert!(!pipe.busy() && asked() == 0, "it is too soon");
        pipe.looked = Instant::now() - LOOK_GAP;
        assert!(pipe.busy() && pipe.busy() && asked() == 1);
        assert!(pipe.apply(&mut sources).unwrap(), "it was found");
        pipe.looked = Instant::now() - LOOK_GAP;
        assert!(pipe.busy() && asked() == 2, "a failure is to be told");
        assert_eq!(pipe.apply(&mut sources).unwrap_err().to_string(), "broken");
        assert!(!pipe.has_found());
    }

    /// The real pipe and poller: each ring ends a sleep, now one by one, now in bursts.
    #[test]
    #[cfg_attr(miri, ignore = "it polls")]
    fn each_ring_ends_a_sleep() {
        let rounds = rounds();
        for backend in Backend::ALL {
            let (poller, registrar) = poller::open(*backend).unwrap();
            let mut pipe = Pipe::new(poller, &registrar, test_seat()).unwrap();
            let parker = Arc::new(Parker::new());
            parker.set_interrupt(pipe.interrupt());
            let (mail, read) = (Ready::new(parker.clone()), AtomicU64::new(0));
            thread::scope(|scope| {
                for sender in 0..2 {
                    let (mail, read) = (&mail, &read);
                    scope.spawn(move || {
                        for round in 0..rounds {
                            mail.send(());
                            while sender == 0 && round % 128 < 64 && read.load(Ordering::Relaxed) <= round {
                                thread::yield_now();
                            }
                        }
                    });
                }
                loop {
                    parker.take();
                    mail.drain(usize::MAX, |()| {
                        read.fetch_add(1, Ordering::Relaxed);
                    });
                    if read.load(Ordering::Relaxed) == 2 * rounds {
                        break;
                    }
                    if parker.prepare() {
                        let patience = Instant::now() + Duration::from_secs(60);
                        pipe.poll(true, Some(patience)).unwrap();
                        parker.finish();
                        assert!(Instant::now() < patience, "a ring was lost");
                    }
                }
            });
            assert!(!pipe.has_found(), "the pipe is no source");
        }
    }
}
