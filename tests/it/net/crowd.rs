//! Who waits for a source, and who only seems to.

use std::{
    cell::Cell,
    future::poll_fn,
    io::Write,
    pin::Pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures_lite::{AsyncRead, AsyncReadExt};
use socket2::SockRef;
use vigie::{PromiseState, spawn, yield_now};

use super::{pair, soon};
use crate::support::{each, turns};

/// A waker of an executor inside of a task, which counts how many of its kind there are.
struct Inner {
    outer: Waker,
    alive: Arc<AtomicUsize>,
}

impl Inner {
    fn waker(outer: &Waker, alive: &Arc<AtomicUsize>) -> Waker {
        alive.fetch_add(1, Ordering::Relaxed);
        Arc::new(Self { outer: outer.clone(), alive: alive.clone() }).into()
    }
}

impl Wake for Inner {
    fn wake(self: Arc<Self>) {
        self.outer.wake_by_ref();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

#[test]
fn wakers_that_one_task_makes_anew_each_time_do_not_pile_up() {
    each(|builder| {
        let ran = builder.run(async {
            let (stream, _peer) = pair();
            let alive = Arc::new(AtomicUsize::new(0));
            let mut most = 0;
            for _ in 0..2000 {
                poll_fn(|cx| {
                    let waker = Inner::waker(cx.waker(), &alive);
                    let mut buf = [0; 8];
                    let read = Pin::new(&mut &stream).poll_read(&mut Context::from_waker(&waker), &mut buf);
                    assert!(read.is_pending());
                    Poll::Ready(())
                })
                .await;
                yield_now().await;
                most = most.max(alive.load(Ordering::Relaxed));
            }
            assert!(most <= 100, "{most} wakers wait for a stream that one task reads");
        });
        ran.unwrap();
    });
}

/// A waker of an executor inside of a task that polls again only what was woken.
struct Sub {
    outer: Waker,
    woken: AtomicBool,
}

impl Wake for Sub {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::Relaxed);
        self.outer.wake_by_ref();
    }
}

#[test]
fn a_crowd_that_waits_inside_of_one_task_is_left_in_peace() {
    const CROWD: usize = 200;
    each(|builder| {
        let ran = builder.run(async {
            let (stream, mut peer) = pair();
            let polls = Rc::new(Cell::new(0));
            let counted = polls.clone();
            let crowd = spawn(async move {
                let outer = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
                let sub = || Arc::new(Sub { outer: outer.clone(), woken: AtomicBool::new(true) });
                let mut waiting: Vec<_> = (0..CROWD).map(|_| sub()).collect();
                poll_fn(|_| {
                    waiting.retain(|sub| {
                        if !sub.woken.swap(false, Ordering::Relaxed) {
                            return true;
                        }
                        counted.set(counted.get() + 1);
                        let waker = Waker::from(sub.clone());
                        let mut cx = Context::from_waker(&waker);
                        Pin::new(&mut &stream).poll_read(&mut cx, &mut [0]).is_pending()
                    });
                    if waiting.is_empty() { Poll::Ready(()) } else { Poll::Pending }
                })
                .await;
            });
            turns(1000).await;
            // Once to come, and a few times to be asked whether they are still there.
            assert!(polls.get() < 4 * CROWD, "{} polls", polls.get());
            assert_eq!(crowd.state(), PromiseState::Running);
            // None of them was forgotten.
            peer.write_all(&[1; CROWD]).unwrap();
            soon(crowd).await.unwrap();
        });
        ran.unwrap();
    });
}

#[test]
fn a_waker_that_panics_at_its_readiness_stops_nobody() {
    struct Careless;
    impl Wake for Careless {
        fn wake(self: Arc<Self>) {
            panic!("careless");
        }
    }
    each(|builder| {
        let ran = builder.run(async {
            let (stream, peer) = pair();
            let careless = Waker::from(Arc::new(Careless));
            let mut buf = [0; 8];
            let read = Pin::new(&mut &stream).poll_read(&mut Context::from_waker(&careless), &mut buf);
            assert!(read.is_pending());
            let reader = spawn(async move {
                let mut buf = [0; 8];
                (&stream).read(&mut buf).await.unwrap()
            });
            yield_now().await;
            SockRef::from(&peer).send(b"news").unwrap();
            assert_eq!(soon(reader).await.unwrap(), 4);
        });
        ran.unwrap();
    });
}

/// A read stops at the place of urgent data: it comes short, and there is more.
#[test]
#[cfg(target_os = "linux")]
fn what_lies_behind_urgent_data_is_read() {
    each(|builder| {
        let ran = builder.run(async {
            let (mut stream, peer) = pair();
            let peer = SockRef::from(&peer);
            // All of it is there before the stream is first looked at, and told by one event.
            peer.send(b"abc").unwrap();
            peer.send_out_of_band(b"x").unwrap();
            peer.send(b"def").unwrap();
            let mut all = Vec::new();
            while all.len() < 6 {
                let mut buf = [0; 64];
                let count = soon(stream.read(&mut buf)).await.unwrap();
                all.extend_from_slice(&buf[..count]);
            }
            assert_eq!(all, b"abcdef");

            // And once more, with the task already waiting.
            let reader = spawn(async move {
                let mut all = Vec::new();
                while all.len() < 6 {
                    let mut buf = [0; 64];
                    let count = stream.read(&mut buf).await.unwrap();
                    all.extend_from_slice(&buf[..count]);
                }
                all
            });
            yield_now().await;
            peer.send(b"ghi").unwrap();
            peer.send_out_of_band(b"y").unwrap();
            peer.send(b"jkl").unwrap();
            assert_eq!(soon(reader).await.unwrap(), b"ghijkl");
        });
        ran.unwrap();
    });
}
