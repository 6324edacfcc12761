//! Readiness: how long it lasts, and who clears it.

use std::{
    cell::Cell,
    io::{ErrorKind, Read, Write},
    os::unix::net::UnixStream,
    pin::pin,
    rc::Rc,
};

use futures_lite::future::poll_once;
use vigie::{
    events::EventsError,
    io::{AsyncFd, Interest},
    spawn,
};

use super::async_fd::pair;
use crate::support::{each, soon, ticker, turns};

#[test]
fn what_is_ready_stays_so_until_it_would_block() {
    each(|builder| {
        let ran = builder.run(async {
            let (ours, mut theirs) = pair();
            theirs.write_all(b"abc").unwrap();
            let mut byte = [0];
            for expected in b"abc" {
                let mut guard = soon(ours.readable()).await.unwrap();
                assert!(guard.ready().is_readable());
                let read = guard.try_io(|mut stream| stream.read(&mut byte));
                assert_eq!(read.expect("there is more").unwrap(), 1);
                assert_eq!(byte[0], *expected);
            }
            // Nothing is left, but nobody has found out yet.
            let mut guard = poll_once(ours.readable()).await.expect("it is taken to be ready").unwrap();
            assert!(guard.try_io(|mut stream| stream.read(&mut byte)).is_none());
            let mut waits = pin!(ours.readable());
            for _ in 0..10 {
                assert!(poll_once(&mut waits).await.is_none());
                turns(1).await;
            }
            theirs.write_all(b"d").unwrap();
            let _guard = soon(waits).await.unwrap();
        });
        ran.unwrap();
    });
}

#[test]
fn what_is_tried_without_waiting_is_tried_where_it_is_ready() {
    each(|builder| {
        let ran = builder.run(async {
            let (ours, mut theirs) = pair();
            let tried = Cell::new(0);
            let read = || {
                let read = ours.try_io(Interest::READABLE, |mut stream| {
                    tried.set(tried.get() + 1);
                    stream.read(&mut [0; 2])
                });
                read.map_err(|error| error.kind())
            };
            assert_eq!((read(), tried.get()), (Err(ErrorKind::WouldBlock), 0));
            theirs.write_all(b"abc").unwrap();
            let _guard = soon(ours.readable()).await.unwrap();
            // It can be written to as well, and tries to read all the same do so.
            assert_eq!((read(), read(), tried.get()), (Ok(2), Ok(1), 2));
            assert_eq!((read(), tried.get()), (Err(ErrorKind::WouldBlock), 3));
            // That was found out, and so is tried no more, until something is told.
            assert_eq!((read(), tried.get()), (Err(ErrorKind::WouldBlock), 3));
            let mut waits = pin!(ours.readable());
            assert!(poll_once(&mut waits).await.is_none());
            // The other direction it says nothing of.
            assert_eq!(ours.try_io(Interest::WRITABLE, |mut stream| stream.write(b"x")).unwrap(), 1);
            theirs.write_all(b"d").unwrap();
            let _guard = soon(waits).await.unwrap();
            assert_eq!(read(), Ok(1));
        });
        ran.unwrap();
    });
}

#[test]
fn what_is_tried_elsewhere_is_watched_there() {
    each(|builder| {
        let again = builder.clone();
        let (ours, mut theirs) = builder.run(async { pair() }).unwrap();
        let read = |ours: &AsyncFd<UnixStream>| {
            ours.try_io(Interest::READABLE, |mut stream| stream.read(&mut [0; 8]))
        };
        theirs.write_all(b"abc").unwrap();
        let outside = read(&ours).unwrap_err();
        assert!(outside.get_ref().is_some_and(|error| error.is::<EventsError>()), "{outside:?}");
        let ran = again.run(async move {
            let tried = soon(until_some(|| match read(&ours) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => None,
                tried => Some(tried),
            }));
            assert_eq!(tried.await.unwrap(), 3);
        });
        ran.unwrap();
    });
}

/// What there is before long, though nobody waits for it.
async fn until_some<T>(mut get: impl FnMut() -> Option<T>) -> T {
    loop {
        match get() {
            Some(got) => return got,
            None => turns(1).await,
        }
    }
}

#[test]
fn a_guard_does_not_clear_newer_news() {
    each(|builder| {
        let ran = builder.run(async {
            for _ in 0..20 {
                let (ours, mut theirs) = pair();
                theirs.write_all(b"1").unwrap();
                let mut old = soon(ours.readable()).await.unwrap();
                assert_eq!(ours.get_ref().read(&mut [0; 8]).unwrap(), 1);
                // It can be written to still: so an event tells of that, each time something comes.
                soon(ours.writable()).await.unwrap().clear_ready();
                let mut told = pin!(ours.writable());
                assert!(poll_once(&mut told).await.is_none());
                theirs.write_all(b"2").unwrap();
                let _told = soon(told).await.unwrap();
                // What it would clear is no longer what it saw.
                old.clear_ready();
                assert!(poll_once(ours.readable()).await.is_some());
            }
        });
        ran.unwrap();
    });
}

#[test]
fn any_of_several_interests_will_do() {
    each(|builder| {
        let ran = builder.run(async {
            let (ours, mut theirs) = pair();
            let both = Interest::READABLE | Interest::WRITABLE;
            let guard = soon(ours.ready(both)).await.unwrap();
            assert!(guard.ready().is_writable() && !guard.ready().is_readable(), "{guard:?}");
            while (ours.get_ref()).write(&[0; 4096]).is_ok() {}
            let mut guard = soon(ours.writable()).await.unwrap();
            guard.clear(Interest::WRITABLE);
            let mut waits = pin!(ours.ready(both));
            assert!(poll_once(&mut waits).await.is_none(), "it is full, and there is nothing to read");
            theirs.write_all(b"x").unwrap();
            let guard = soon(waits).await.unwrap();
            assert!(guard.ready().is_readable() && !guard.ready().is_writable(), "{guard:?}");
        });
        ran.unwrap();
    });
}

#[test]
fn all_who_wait_are_woken_and_hang_up_is_told() {
    each(|builder| {
        let ran = builder.run(async {
            let (ours, theirs) = pair();
            let ours = Rc::new(ours);
            let waiting: Vec<_> = (0..20)
                .map(|_| {
                    let ours = ours.clone();
                    spawn(async move { ours.readable().await.map(|guard| guard.ready()) })
                })
                .collect();
            turns(3).await;
            drop(theirs);
            for task in waiting {
                let ready = soon(task).await.unwrap().unwrap();
                assert!(
                    ready.is_readable() && ready.is_read_closed() && ready.is_write_closed(),
                    "{ready:?}"
                );
            }
            assert_eq!(ours.get_ref().read(&mut [0]).unwrap(), 0);
        });
        ran.unwrap();
    });
}

#[test]
fn who_gives_up_leaves_no_trace_and_disturbs_nobody() {
    each(|builder| {
        let ran = builder.run(async {
            let (ours, mut theirs) = pair();
            for _ in 0..100 {
                assert!(poll_once(ours.readable()).await.is_none());
            }
            let ours = Rc::new(ours);
            let other = ours.clone();
            let given_up = spawn(async move { other.readable().await.map(drop) });
            let other = ours.clone();
            let waits = spawn(async move { other.read_with(|mut stream| stream.read(&mut [0; 4])).await });
            turns(3).await;
            given_up.cancel().await.unwrap();
            theirs.write_all(b"x").unwrap();
            assert_eq!(soon(waits).await.unwrap().unwrap(), 1);
        });
        ran.unwrap();
    });
}

#[test]
fn one_that_is_always_ready_starves_nobody() {
    each(|builder| {
        let ran = builder.run(async {
            let (ours, mut theirs) = pair();
            theirs.write_all(b"x").unwrap();
            let (ticks, others) = ticker();
            soon(async {
                // It is never read, and so never stops being ready.
                while ticks.get() < 100 {
                    let _guard = ours.readable().await.unwrap();
                }
            })
            .await;
            drop(others);
        });
        ran.unwrap();
    });
}

#[test]
fn an_interrupted_operation_is_tried_again() {
    each(|builder| {
        let ran = builder.run(async {
            let (ours, mut theirs) = pair();
            theirs.write_all(b"x").unwrap();
            let mut interrupted = 0;
            let read = ours.read_with(|mut stream| {
                interrupted += 1;
                if interrupted < 3 {
                    Err(std::io::ErrorKind::Interrupted.into())
                } else {
                    stream.read(&mut [0])
                }
            });
            assert_eq!(soon(read).await.unwrap(), 1);
            assert_eq!(interrupted, 3);
        });
        ran.unwrap();
    });
}
