//! Tasks that wait on the same stream, that give up, and that never have to wait.

use std::{
    cell::{Cell, RefCell},
    future::{Future, poll_fn},
    io::{Read, Write},
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use futures_io::AsyncRead;
use futures_lite::{
    AsyncReadExt, AsyncWriteExt,
    future::{poll_once, zip},
};
use vigie::{
    PromiseState, spawn,
    time::{TimeoutError, timeout},
    yield_now,
};

use super::{beside, byte, bytes, is_sequence, narrow_pair, pair, reader, soon};
use crate::support::{each, turns};

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
fn a_waker_that_a_task_registered_for_another_outlives_the_task() {
    each(|builder| {
        let ran = builder.run(async {
            let (stream, _peer) = pair();
            let stream = Rc::new(stream);
            let (waker, polls) = (Rc::new(RefCell::new(None)), Rc::new(Cell::new(0)));
            let (handed, counts) = (waker.clone(), polls.clone());
            let waits = spawn(poll_fn(move |cx| {
                counts.set(counts.get() + 1);
                *handed.borrow_mut() = Some(cx.waker().clone());
                Poll::<()>::Pending
            }));
            turns(2).await;
            let (other, waker) = (stream.clone(), waker.borrow_mut().take().unwrap());
            let registers = spawn(async move {
                let mut cx = Context::from_waker(&waker);
                assert!(Pin::new(&mut &*other).poll_read(&mut cx, &mut [0]).is_pending());
            });
            registers.await.unwrap();
            let before = polls.get();
            // A crowd: those of tasks that are gone have to make room.
            let crowd: Vec<_> = (0..200).map(|_| reader(&stream)).collect();
            turns(300).await;
            assert_eq!(polls.get(), before + 1, "whoever waits is asked to come back");
            drop((crowd, waits));
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
                    reader.cancel().await.unwrap();
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
            other.cancel().await.unwrap();
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
            other.cancel().await.unwrap();
        });
        ran.unwrap();
    });
}
