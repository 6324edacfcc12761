//! What domains count of themselves, always, and what they time where that is asked for.

use std::{
    future::poll_fn,
    io::Write,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc,
    task::Poll,
    thread,
    time::{Duration, Instant},
};

use futures_lite::AsyncReadExt;
use vigie::{
    Builder, Domain, Metrics, TaskId, call_on, events,
    net::{TcpListener, TcpStream},
    spawn,
    system::{Backend, Variant},
    time::sleep,
    yield_now,
};

use crate::support::{Gate, plain, until};

fn here() -> Metrics {
    Domain::current().unwrap().metrics().unwrap()
}

/// A stream that this domain reads, and its other end.
async fn connection() -> (TcpStream, std::net::TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let client = thread::spawn(move || std::net::TcpStream::connect(addr).unwrap());
    let (stream, _) = listener.accept().await.unwrap();
    (stream, client.join().unwrap())
}

#[test]
fn slices_ticks_and_live_tasks_are_counted() {
    Builder::new()
        .extra_domains(0)
        .without_events()
        .run(async {
            let before = here();
            for _ in 0..10 {
                yield_now().await;
            }
            let after = here();
            assert_eq!(after.slices - before.slices, 10);
            assert_eq!(after.ticks - before.ticks, 10, "a quantum is one task");
            assert_eq!((before.live, after.live), (1, 1));
            let gate = Gate::default();
            let waiting: Vec<_> = (0..5)
                .map(|_| {
                    let gate = gate.clone();
                    spawn(async move { gate.opened().await })
                })
                .collect();
            assert_eq!(here().live, 6);
            gate.open();
            vigie::await_all(waiting).await.unwrap();
            assert_eq!(here().live, 1);
            let cancellations = here().cancellations;
            spawn(std::future::pending::<()>()).cancel().await.unwrap();
            assert_eq!(here().cancellations, cancellations + 1);
        })
        .unwrap();
}

#[test]
fn those_of_another_domain_are_told_without_asking_it() {
    plain()
        .run(async {
            let there = Domain::available()[0];
            let (computing, compute) = mpsc::channel();
            let (done, end) = mpsc::channel::<()>();
            let gate = Gate::default();
            let opened = gate.clone();
            let waiting = call_on(there, async move || opened.opened().await);
            let blocking = call_on(there, async move || {
                computing.send(()).unwrap();
                end.recv().unwrap();
            });
            // Both have had a slice, and the second one's does not end.
            until(|| compute.try_recv().is_ok()).await;
            let before = there.metrics().unwrap();
            assert_eq!((before.domain, before.live, before.unread_messages), (there, 2, 0));
            assert!(before.messages >= 2 && before.slices >= 1, "{before:?}");
            gate.open();
            let after = there.metrics().unwrap();
            assert_eq!((after.slices, after.messages), (before.slices, before.messages));
            assert_eq!(after.unread_messages, 1, "the wake");
            done.send(()).unwrap();
            waiting.await.unwrap();
            blocking.await.unwrap();
            assert_eq!(there.metrics().unwrap().live, 0);
            until(|| there.metrics().unwrap().parks > before.parks).await;
        })
        .unwrap();
}

#[test]
fn tasks_that_wait_for_their_turn_are_counted() {
    Builder::new()
        .extra_domains(0)
        .run(async {
            let tasks: Vec<_> = (0..10).map(|_| spawn(async { here() })).collect();
            let mut ordinary = Vec::new();
            for seen in vigie::await_all(tasks).await.unwrap() {
                let seen = seen.unwrap();
                ordinary.push(seen.ordinary);
                assert_eq!(seen.signalled, 0);
            }
            // From the second on the main task waits for its turn, too.
            assert_eq!(ordinary, [9, 9, 8, 7, 6, 5, 4, 3, 2, 1]);

            let suspend = || async {
                let syscall = events::syscall().unwrap();
                let (uid, sender) = (syscall.uid(), events::signal_sender().unwrap());
                (sender, uid, syscall)
            };
            let (sender, first, one) = suspend().await;
            let (_, second, two) = suspend().await;
            let one = spawn(async move {
                one.suspend(|_| Ok(())).await.unwrap();
                here()
            });
            let two = spawn(async move {
                two.suspend(|_| Ok(())).await.unwrap();
                here()
            });
            yield_now().await;
            let before = here().signals;
            sender.send_all([first, second]);
            assert_eq!(here().unread_signals, 2);
            let (one, two) = (one.await.unwrap(), two.await.unwrap());
            assert_eq!((one.signalled, two.signalled), (1, 0));
            assert_eq!(two.signals, before + 2);
        })
        .unwrap();
}

#[test]
fn events_are_counted_by_who_has_found_them() {
    for variant in Variant::ALL {
        for backend in Backend::ALL {
            let builder = Builder::new().extra_domains(1).variant(variant).backend(*backend);
            builder
                .run(async move {
                    let (mut stream, mut peer) = connection().await;
                    for _ in 0..10 {
                        let read = spawn(async move {
                            stream.read_exact(&mut [0]).await.unwrap();
                            stream
                        });
                        // So long that the domain parks.
                        sleep(Duration::from_millis(1)).await.unwrap();
                        peer.write_all(b"x").unwrap();
                        stream = read.await.unwrap();
                    }
                    let metrics = here();
                    assert!(metrics.pushed + metrics.harvested >= 10, "{metrics:?}");
                    match variant {
                        Variant::Always => assert_eq!((metrics.harvested, metrics.recalls), (0, 1)),
                        Variant::Pipe => assert_eq!(metrics.pushed + metrics.recalls, 0),
                        _ => assert!(metrics.recalls >= 1, "{metrics:?}"),
                    }
                    until(|| here().unread_events == 0).await;
                })
                .unwrap();
        }
    }
}

#[test]
fn the_observer_that_stands_down_is_counted() {
    Builder::new()
        .extra_domains(0)
        .variant(Variant::Observer)
        .run(async {
            let (mut streams, mut peers) = (Vec::new(), Vec::new());
            for _ in 0..16 {
                let (stream, peer) = connection().await;
                streams.push(stream);
                peers.push(peer);
            }
            let readers: Vec<_> = streams
                .into_iter()
                .map(|mut stream| spawn(async move { while stream.read(&mut [0; 64]).await.unwrap() > 0 {} }))
                .collect();
            // The observer begins stood down: it is recalled when the domain first has nothing to do.
            until(|| here().recalls > 0).await;
            let writer = thread::spawn(move || {
                // Until the readers have gone.
                while peers.iter_mut().all(|peer| peer.write_all(b"x").is_ok()) {}
            });
            let patience = Instant::now() + Duration::from_secs(60);
            while here().stand_downs == 0 {
                assert!(Instant::now() < patience, "{:?}", here());
                sleep(Duration::from_millis(1)).await.unwrap();
            }
            drop(readers);
            yield_now().await;
            writer.join().unwrap();
        })
        .unwrap();
}

#[test]
fn there_are_none_outside_of_the_run() {
    let domain = plain()
        .run(async {
            let domain = Domain::current().unwrap();
            thread::spawn(move || assert!(domain.metrics().is_none())).join().unwrap();
            domain
        })
        .unwrap();
    assert!(domain.metrics().is_none());
    plain().run(async move { assert!(domain.metrics().is_none(), "of another run") }).unwrap();
}

#[test]
fn a_run_that_is_not_timed_looks_at_no_clock() {
    plain()
        .run(async {
            sleep(Duration::from_millis(1)).await.unwrap();
            let metrics = here();
            assert!(metrics.longest_slice.is_none() && metrics.latencies.is_none());
        })
        .unwrap();
}

#[test]
fn the_longest_slice_is_told_with_its_task() {
    plain()
        .timing(true)
        .run(async {
            const LONG: Duration = Duration::from_millis(30);
            assert!(here().longest_slice.is_none(), "the first slice has not ended");
            let (line, task) = (
                line!() + 1,
                spawn(async {
                    thread::sleep(LONG);
                    TaskId::current().unwrap()
                }),
            );
            let id = task.await.unwrap();
            let slice = here().longest_slice.unwrap();
            assert!(slice.duration >= LONG);
            // On a loaded machine another slice may have been kept even longer.
            if slice.duration < 2 * LONG {
                assert_eq!((slice.task, slice.location.line()), (id, line));
                assert_eq!(slice.location.file(), file!());
            }
            let there = Domain::available()[0];
            call_on(there, async || thread::sleep(LONG)).await.unwrap();
            assert!(there.metrics().unwrap().longest_slice.unwrap().duration >= LONG);
        })
        .unwrap();
}

#[test]
fn the_wait_for_a_turn_begins_when_the_event_was_found() {
    for backend in Backend::ALL {
        Builder::new()
            .extra_domains(0)
            .timing(true)
            .variant(Variant::Always)
            .backend(*backend)
            .run(async {
                const LONG: Duration = Duration::from_millis(30);
                let (mut stream, mut peer) = connection().await;
                let read = spawn(async move { stream.read_exact(&mut [0]).await.unwrap() });
                yield_now().await;
                let before = here();
                let waited = before.latencies.unwrap();
                peer.write_all(b"x").unwrap();
                // The observer finds it, and the domain does not come to see.
                while here().pushed == before.pushed {
                    thread::yield_now();
                }
                assert!(here().unread_events > 0);
                thread::sleep(LONG);
                read.await.unwrap();
                let latencies = here().latencies.unwrap();
                assert!(latencies.count() > waited.count());
                assert!(latencies.quantile(1.0).unwrap() > LONG, "{latencies:?}");
            })
            .unwrap();
    }
}

/// Waits for its own waker, which another thread uses.
async fn woken_from_afar() {
    let mut woken = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut woken, true) {
            return Poll::Ready(());
        }
        let waker = cx.waker().clone();
        thread::spawn(move || waker.wake()).join().unwrap();
        Poll::Pending
    })
    .await;
}

#[test]
fn news_of_long_ago_that_panicked_makes_no_other_old() {
    plain()
        .timing(true)
        .run(async {
            const HOUR: Duration = Duration::from_secs(3600);
            // A machine that has just started has no such moment.
            let Some(at) = Instant::now().checked_sub(HOUR) else { return };
            let caught = catch_unwind(AssertUnwindSafe(|| events::ready_since(at, || panic!("its own"))));
            assert!(caught.is_err());
            woken_from_afar().await;
            let latencies = here().latencies.unwrap();
            assert_eq!(latencies.count(), 1);
            assert!(latencies.quantile(1.0).unwrap() < HOUR, "{latencies:?}");
        })
        .unwrap();
}

#[test]
fn a_seed_keeps_the_times_with_their_tasks() {
    plain()
        .timing(true)
        .seed(1)
        .run(async {
            let mut resumed = Vec::new();
            for _ in 0..20 {
                resumed.push(spawn(woken_from_afar()));
            }
            vigie::await_all(resumed).await.unwrap();
            assert_eq!(here().latencies.unwrap().count(), 20);
        })
        .unwrap();
}
