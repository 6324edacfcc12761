//! What streams must not leave behind: memory, and their number for the next one.

use std::{
    io::{self, Write},
    os::fd::AsRawFd,
    pin::Pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Wake, Waker},
    thread,
};

use futures_lite::{AsyncRead, AsyncReadExt, AsyncWriteExt, future::zip};
use vigie::{
    net::{TcpListener, TcpStream},
    yield_now,
};

use super::{pair, reader, soon};
use crate::support::{MANY, alone, each, proc, turns, until};

/// Sends bytes to and fro: each read has to wait.
async fn ping_pong(here: &TcpStream, there: &TcpStream, rounds: usize) {
    async fn side(mut stream: &TcpStream, serves: bool, rounds: usize) -> io::Result<()> {
        let mut one = [0];
        for _ in 0..rounds {
            if serves {
                stream.write_all(&one).await?;
            }
            stream.read_exact(&mut one).await?;
            if !serves {
                stream.write_all(&one).await?;
            }
        }
        Ok(())
    }
    let (one, other) = zip(side(here, true, rounds), side(there, false, rounds)).await;
    one.and(other).unwrap();
}

/// Counts how often it was woken.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wakes {
    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// The memory, in KiB, that doing it `count` times leaves behind, when it was done a few times
/// before.
async fn growth(count: usize, work: impl AsyncFn(usize)) -> usize {
    work(count / 20).await;
    let before = proc::memory();
    work(count).await;
    proc::memory().saturating_sub(before)
}

/// Well below what 10⁵ forgotten wakers, tokens or messages take.
const LITTLE: usize = 1024;

#[test]
fn reads_that_wait_leave_nothing_behind() {
    alone("net::residue::reads_that_wait_leave_nothing_behind", || {
        each(|builder| {
            let ran = builder.run(async {
                let (here, there) = pair();
                let there = TcpStream::from_std(there).unwrap();
                let grown = growth(MANY / 2, async |rounds| ping_pong(&here, &there, rounds).await).await;
                assert!(grown < LITTLE, "{grown} KiB more");
            });
            ran.unwrap();
        });
    });
}

#[test]
fn readers_that_are_cancelled_do_not_pile_up() {
    alone("net::residue::readers_that_are_cancelled_do_not_pile_up", || {
        each(|builder| {
            let ran = builder.run(async {
                let (stream, mut peer) = pair();
                let stream = Rc::new(stream);
                let grown = growth(MANY / 5, async |rounds| {
                    for _ in 0..rounds {
                        let readers: Vec<_> = (0..5).map(|_| reader(&stream)).collect();
                        yield_now().await;
                        drop(readers);
                    }
                });
                let grown = grown.await;
                assert!(grown < LITTLE, "{grown} KiB more");
                // The stream was never ready in between, and is as good as ever.
                peer.write_all(b"still").unwrap();
                assert_eq!(soon(reader(&stream)).await.unwrap().unwrap(), b"still");
            });
            ran.unwrap();
        });
    });
}

#[test]
fn streams_that_come_and_go_leave_nothing_behind() {
    alone("net::residue::streams_that_come_and_go_leave_nothing_behind", || {
        each(|builder| {
            let ran = builder.run(async {
                let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                let addr = listener.local_addr().unwrap();
                let grown = growth(2000, async |rounds| {
                    for _ in 0..rounds {
                        let connect = TcpStream::connect(addr);
                        let (client, server) = soon(zip(connect, listener.accept())).await;
                        ping_pong(&client.unwrap(), &server.unwrap().0, 2).await;
                    }
                });
                let grown = grown.await;
                assert!(grown < LITTLE, "{grown} KiB more");
            });
            ran.unwrap();
        });
    });
}

#[test]
fn a_number_used_again_is_another_stream() {
    alone("net::residue::a_number_used_again_is_another_stream", || {
        each(|builder| {
            let ran = builder.run(async {
                for _ in 0..100 {
                    let (old, mut old_peer) = pair();
                    let (next, mut next_peer) = pair();
                    let number = old.as_raw_fd();
                    let wakes = Arc::new(Wakes::default());
                    let waker = Waker::from(wakes.clone());
                    let mut cx = Context::from_waker(&waker);
                    let mut buf = [0; 8];
                    assert!(Pin::new(&mut &old).poll_read(&mut cx, &mut buf).is_pending());
                    turns(3).await;
                    // Its event is on the way, as far as it comes by itself, when the stream goes,
                    // and the next one takes its number and its place without giving way.
                    old_peer.write_all(b"stale").unwrap();
                    (0..50).for_each(|_| thread::yield_now());
                    drop(old);
                    let same = rustix::io::fcntl_dupfd_cloexec(&next, number).unwrap();
                    assert_eq!(same.as_raw_fd(), number);
                    let new = TcpStream::from_std(same.into()).unwrap();
                    drop(next);
                    assert!(Pin::new(&mut &new).poll_read(&mut cx, &mut buf).is_pending());
                    turns(20).await;
                    assert_eq!(wakes.count(), 0, "it was woken for another's sake");

                    next_peer.write_all(b"fresh").unwrap();
                    soon(until(|| wakes.count() > 0)).await;
                    assert_eq!(soon((&new).read(&mut buf)).await.unwrap(), 5);
                    assert_eq!(&buf[..5], b"fresh");
                    assert_eq!(wakes.count(), 1);
                }
            });
            ran.unwrap();
        });
    });
}
