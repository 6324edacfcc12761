//! Tasks that wait on the same stream, that give up, and that never have to wait.

use std::{
    cell::Cell,
    future::{Future, poll_fn},
    io::{self, Read, Write},
    pin::pin,
    rc::Rc,
    time::Duration,
};

use futures_lite::{
    AsyncReadExt, AsyncWriteExt,
    future::{poll_once, zip},
};
use vigie::{
    Promise, PromiseState,
    net::TcpStream,
    spawn,
    time::{TimeoutError, timeout},
    yield_now,
};

use super::{beside, both_ends, byte, bytes, is_sequence, narrow_pair, pair, soon};
use crate::support::{each, turns};

/// A task that reads once, at most eight bytes.
fn reader(stream: &Rc<TcpStream>) -> Promise<io::Result<Vec<u8>>> {
    let stream = stream.clone();
    spawn(async move {
        let mut buf = [0; 8];
        let count = (&*stream).read(&mut buf).await?;
        Ok(buf[..count].to_vec())
    })
}

#[test]
fn of_two_readers_one_gets_the_data_and_the_other_waits_for_more() {
    each(|builder| {
        let ran = builder.run(async {
            for _ in 0..20 {
                let (stream, mut peer) = pair();
                let stream = Rc::new(stream);
                let mut readers = vec![reader(&stream), reader(&stream)];
                turns(2).await;
                peer.write_all(b"one").unwrap();
                assert_eq!(soon(vigie::await_one(&mut readers)).await.unwrap().unwrap(), b"one");
                turns(10).await;
                assert_eq!(readers[0].state(), PromiseState::Running);
                peer.write_all(b"two").unwrap();
                assert_eq!(soon(vigie::await_one(&mut readers)).await.unwrap().unwrap(), b"two");
            }
        });
        ran.unwrap();
    });
}

#[test]
fn all_readers_see_the_end() {
    each(|builder| {
        let ran = builder.run(async {
            let (stream, peer) = pair();
            let stream = Rc::new(stream);
            let readers: Vec<_> = (0..50).map(|_| reader(&stream)).collect();
            turns(2).await;
            drop(peer);
            for reader in readers {
                assert_eq!(soon(reader).await.unwrap().unwrap(), b"");
            }
        });
        ran.unwrap();
    });
}

#[test]
fn what_one_reader_leaves_the_next_one_gets() {
    each(|builder| {
        let ran = builder.run(async {
            let (stream, mut peer) = pair();
            let stream = Rc::new(stream);
            let readers: Vec<_> = (0..4).map(|_| reader(&stream)).collect();
            turns(2).await;
            // Four buffers full: no other event will come.
            peer.write_all(&bytes(32)).unwrap();
            let mut all = Vec::new();
            for reader in readers {
                all.push(soon(reader).await.unwrap().unwrap());
            }
            all.sort();
            let expected: Vec<_> = (0..4).map(|part| bytes(32)[part * 8..][..8].to_vec()).collect();
            assert_eq!(all, expected);
        });
        ran.unwrap();
    });
}

#[test]
fn a_reader_and_a_writer_are_independent() {
    const MUCH: usize = 4 << 20;
    each(|builder| {
        let ran = builder.run(async {
            let (stream, mut peer) = narrow_pair();
            let stream = Rc::new(stream);

            // A blocked reader, and a writer that goes on.
            let reading = reader(&stream);
            turns(2).await;
            for _ in 0..100 {
                soon((&*stream).write_all(b"x")).await.unwrap();
            }
            peer.read_exact(&mut [0; 100]).unwrap();
            assert_eq!(reading.state(), PromiseState::Running);
            peer.write_all(b"a").unwrap();
            assert_eq!(soon(reading).await.unwrap().unwrap(), b"a");

            // A blocked writer, which has more than fits on the way, and a reader that goes on.
            let writing = stream.clone();
            let mut writing = pin!(async move { (&*writing).write_all(&bytes(MUCH)).await });
            for _ in 0..100 {
                assert!(poll_once(&mut writing).await.is_none());
                peer.write_all(b"b").unwrap();
                assert_eq!(soon(reader(&stream)).await.unwrap().unwrap(), b"b");
            }
            let peer = beside(move || {
                let mut all = vec![0; MUCH];
                peer.read_exact(&mut all)?;
                Ok(all)
            });
            soon(writing).await.unwrap();
            assert!(is_sequence(&peer.join()));
        });
        ran.unwrap();
    });
}

#[test]
fn a_read_that_is_given_up_leaves_the_stream_as_it_was() {
    each(|builder| {
        let ran = builder.run(async {
            let (stream, mut peer) = pair();
            let stream = Rc::new(stream);
            for round in 0..30 {
                if round % 2 == 0 {
                    let mut buf = [0; 8];
                    let mut reading = &*stream;
                    let read = timeout(Duration::from_micros(100), reading.read(&mut buf)).await;
                    assert_eq!(read.unwrap_err(), TimeoutError::Elapsed);
                } else {
                    let reader = reader(&stream);
                    turns(2).await;
                    reader.cancel().await;
                }
                if round % 3 == 0 {
                    peer.write_all(b"back").unwrap();
                    assert_eq!(soon(reader(&stream)).await.unwrap().unwrap(), b"back");
                } else {
                    let reader = reader(&stream);
                    turns(2).await;
                    peer.write_all(b"back").unwrap();
                    assert_eq!(soon(reader).await.unwrap().unwrap(), b"back");
                }
            }
        });
        ran.unwrap();
    });
}

#[test]
fn no_byte_is_lost_to_a_read_that_is_given_up_meanwhile() {
    const SIZE: usize = 100_000;
    each(|builder| {
        let ran = builder.run(async {
            let (mut stream, peer) = pair();
            let peer = beside(move || {
                // In small pieces of changing size, so that reads block in between.
                let all = bytes(SIZE);
                let mut rest = &all[..];
                while !rest.is_empty() {
                    let (piece, later) = rest.split_at(rest.len().min(1 + rest.len() % 97));
                    (&peer).write_all(piece)?;
                    rest = later;
                }
                Ok(peer)
            });
            let mut all = Vec::new();
            let mut buf = [0; 512];
            let receive = async {
                while all.len() < SIZE {
                    // Some are given up, some are not, and some end just when there is something.
                    let patience = Duration::from_micros(all.len() as u64 % 40);
                    if let Ok(count) = timeout(patience, stream.read(&mut buf)).await {
                        all.extend_from_slice(&buf[..count.unwrap()]);
                    }
                }
            };
            soon(receive).await;
            assert!(is_sequence(&all));
            drop(peer.join());
        });
        ran.unwrap();
    });
}

/// The output of a future, and how often it was polled.
async fn counting<F: Future>(future: F) -> (F::Output, usize) {
    let mut future = pin!(future);
    let mut polls = 0;
    poll_fn(|cx| {
        polls += 1;
        future.as_mut().poll(cx).map(|output| (output, polls))
    })
    .await
}

#[test]
fn a_waiting_reader_is_polled_when_there_is_something_and_not_else() {
    each(|builder| {
        let ran = builder.run(async {
            let (mut stream, mut peer) = pair();
            for _ in 0..50 {
                let mut buf = [0; 8];
                let write = async {
                    turns(20).await;
                    peer.write_all(b"now").unwrap();
                };
                let read = spawn({
                    let reading = stream;
                    async move {
                        let read = counting((&reading).read(&mut buf)).await;
                        (read, reading)
                    }
                });
                let (read, ()) = soon(zip(read, write)).await;
                let ((count, polls), back) = read.unwrap();
                assert_eq!((count.unwrap(), polls), (3, 2));
                stream = back;
            }
        });
        ran.unwrap();
    });
}

#[test]
fn a_reader_that_never_has_to_wait_lets_the_others_have_their_turns() {
    const BYTES: usize = 10_000;
    each(|builder| {
        let ran = builder.run(async {
            let (mut stream, mut peer) = pair();
            peer.write_all(&bytes(BYTES)).unwrap();
            let mut all = vec![0; BYTES];
            // All of it is there.
            while soon(stream.peek(&mut all)).await.unwrap() < BYTES {
                yield_now().await;
            }

            let turns_of_others = Rc::new(Cell::new(0));
            let counted = turns_of_others.clone();
            let other = spawn(async move {
                loop {
                    counted.set(counted.get() + 1);
                    yield_now().await;
                }
            });
            yield_now().await;
            turns_of_others.set(0);
            for (at, got) in all.iter_mut().enumerate() {
                let mut one = [0];
                assert_eq!(stream.read(&mut one).await.unwrap(), 1);
                assert_eq!(one[0], byte(at));
                *got = one[0];
            }
            // A slice has room for 32.
            let turns = turns_of_others.get();
            assert!(turns >= BYTES / 32 - 1, "{turns} turns");
            other.cancel().await;
        });
        ran.unwrap();
    });
}

#[test]
fn a_writer_that_never_has_to_wait_lets_the_others_have_their_turns() {
    const BYTES: usize = 10_000;
    each(|builder| {
        let ran = builder.run(async {
            let (mut stream, _peer) = pair();
            let turns = Rc::new(Cell::new(0));
            let counted = turns.clone();
            let other = spawn(async move {
                loop {
                    counted.set(counted.get() + 1);
                    yield_now().await;
                }
            });
            for _ in 0..BYTES {
                stream.write_all(b"x").await.unwrap();
            }
            assert!(turns.get() >= BYTES / 32 - 1, "{} turns", turns.get());
            other.cancel().await;
        });
        ran.unwrap();
    });
}

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

#[cfg(target_os = "linux")]
mod process {
    use std::{
        os::fd::AsRawFd,
        pin::Pin,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        task::{Context, Wake, Waker},
        thread,
    };

    use futures_lite::AsyncRead;

    use super::*;
    use crate::support::{MANY, alone, proc, until};

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
        alone("net::waiting::process::reads_that_wait_leave_nothing_behind", || {
            each(|builder| {
                let ran = builder.run(async {
                    let (here, there) = both_ends();
                    let grown = growth(MANY / 2, async |rounds| ping_pong(&here, &there, rounds).await).await;
                    assert!(grown < LITTLE, "{grown} KiB more");
                });
                ran.unwrap();
            });
        });
    }

    #[test]
    fn readers_that_are_cancelled_do_not_pile_up() {
        alone("net::waiting::process::readers_that_are_cancelled_do_not_pile_up", || {
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
        alone("net::waiting::process::streams_that_come_and_go_leave_nothing_behind", || {
            each(|builder| {
                let ran = builder.run(async {
                    let listener = vigie::net::TcpListener::bind("127.0.0.1:0").unwrap();
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
        alone("net::waiting::process::a_number_used_again_is_another_stream", || {
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
}
