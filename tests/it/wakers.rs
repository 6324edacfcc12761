//! Wakers: in any hand, on any thread, before and after the end of the task and of the run.

use std::{
    cell::Cell,
    future::{Future, pending, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc,
    },
    task::{Context, Poll, Wake, Waker},
    thread,
};

use futures_lite::future::poll_once;

use vigie::{Domain, Promise, PromiseState, call, call_on, events, spawn, yield_now};

use crate::support::{Drops, Gate, Log, MANY, Shared, Traced, each, plain, rounds, turns, until};

/// The waker of the current task.
async fn own_waker() -> Waker {
    poll_fn(|cx| Poll::Ready(cx.waker().clone())).await
}

/// A task that counts its polls and never ends, and its waker.
async fn polled() -> (Promise<()>, Rc<Cell<usize>>, Waker) {
    let (polls, waker) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(None)));
    let (count, slot) = (polls.clone(), waker.clone());
    let task = spawn(poll_fn(move |cx| {
        count.set(count.get() + 1);
        slot.set(Some(cx.waker().clone()));
        Poll::Pending
    }));
    yield_now().await;
    let waker = waker.take().unwrap();
    (task, polls, waker)
}

#[test]
fn a_wake_is_one_poll_and_many_before_it_are_one_too() {
    plain()
        .run(async {
            let (_task, polls, waker) = polled().await;
            turns(5).await;
            assert_eq!(polls.get(), 1, "without a wake there is no poll");
            for round in 2..5 {
                for _ in 0..10 {
                    waker.wake_by_ref();
                    let again = waker.clone();
                    again.wake();
                }
                turns(5).await;
                assert_eq!(polls.get(), round);
            }
        })
        .unwrap();
}

#[test]
fn a_wake_during_the_poll_is_another_poll() {
    plain()
        .run(async {
            let mut polls = 0;
            poll_fn(|cx| {
                polls += 1;
                // From here, and from another thread.
                match polls {
                    1 => cx.waker().wake_by_ref(),
                    2 => {
                        let waker = cx.waker().clone();
                        thread::spawn(move || waker.wake()).join().unwrap();
                    }
                    _ => return Poll::Ready(()),
                }
                Poll::Pending
            })
            .await;
            assert_eq!(polls, 3);
        })
        .unwrap();
}

#[test]
fn a_waker_of_a_finished_task_wakes_nobody() {
    plain()
        .run(async {
            let (task, _, old) = polled().await;
            task.cancel().await.unwrap();
            // The next has the same place.
            let (_next, polls, _) = polled().await;
            for _ in 0..3 {
                old.wake_by_ref();
                let theirs = old.clone();
                thread::spawn(move || theirs.wake()).join().unwrap();
                let theirs = old.clone();
                call(async move || theirs.wake()).await.unwrap();
            }
            turns(5).await;
            assert_eq!(polls.get(), 1, "woken for another");
        })
        .unwrap();
}

#[test]
fn a_waker_outlives_the_run() {
    each(|builder| {
        let main = Shared::from(Vec::new());
        let wakers = main.clone();
        builder
            .run(async move {
                let here = own_waker().await;
                let there = call(own_waker).await.unwrap();
                let (_task, _, suspended) = polled().await;
                wakers.lock().extend([here, there, suspended]);
            })
            .unwrap();
        let wakers = std::mem::take(&mut *main.lock());
        for waker in &wakers {
            waker.wake_by_ref();
            waker.wake_by_ref();
        }
        // From another thread, and inside of another run.
        let theirs = wakers.clone();
        thread::spawn(move || theirs.into_iter().for_each(Waker::wake)).join().unwrap();
        plain()
            .run(async move {
                turns(3).await;
                wakers.into_iter().for_each(Waker::wake);
                turns(3).await;
            })
            .unwrap();
    });
}

#[test]
fn a_waker_keeps_no_future_alive() {
    let held = Log::default();
    let wakers = held.clone();
    let drops = Drops::default();
    let dropped = drops.clone();
    plain()
        .run(async move {
            let (drops_there, wakers_there) = (drops.clone(), wakers.clone());
            let there = call(async move || {
                let _traced = Traced("there", drops_there);
                wakers_there.push(own_waker().await);
                pending::<()>().await;
            });
            until(|| wakers.len() == 1).await;
            let (kept, weak) = {
                let kept = Rc::new(Traced("here", drops.clone()));
                let weak = Rc::downgrade(&kept);
                (kept, weak)
            };
            let theirs = wakers.clone();
            let here = spawn(async move {
                theirs.push(own_waker().await);
                drop(kept);
                vec![0_u8; 1 << 16]
            });
            assert_eq!(here.await.unwrap().len(), 1 << 16);
            assert!(weak.upgrade().is_none());
            there.cancel().await.unwrap();
            let mut gone: Vec<_> = drops.take();
            gone.sort_unstable();
            let domain_1 = Domain::all()[1];
            assert_eq!(gone, [("here", Domain::current()), ("there", Some(domain_1))]);
        })
        .unwrap();
    // The last of each is dropped by a thread that has nothing to do with it.
    let last = held.take();
    assert_eq!(last.len(), 2);
    thread::spawn(move || drop(last)).join().unwrap();
    assert_eq!(dropped.len(), 0, "and nothing with it");
}

#[test]
fn a_future_is_dropped_on_its_domain_though_its_last_waker_is_elsewhere() {
    for _ in 0..rounds(50) {
        let drops = Drops::default();
        let dropped = drops.clone();
        let (sender, receiver) = mpsc::channel::<Waker>();
        // Wakes and drops at any time, also while the task ends.
        let thread = thread::spawn(move || {
            for waker in receiver {
                waker.wake_by_ref();
                drop(waker);
            }
        });
        plain()
            .run(async move {
                let theirs = drops.clone();
                let task = call(async move || {
                    let _traced = Traced("future", theirs);
                    for _ in 0..20 {
                        sender.send(own_waker().await).unwrap();
                        yield_now().await;
                    }
                });
                task.await.unwrap();
                let there = Domain::all()[1];
                assert_eq!(drops.lock()[..], [("future", Some(there))]);
            })
            .unwrap();
        thread.join().unwrap();
        assert_eq!(dropped.len(), 1);
    }
}

#[test]
fn of_many_wakes_from_many_threads_none_is_lost() {
    const THREADS: usize = 4;
    let wakes = rounds(25_000) as u64;
    each(|builder| {
        let counters: Arc<[AtomicU64; THREADS]> = Arc::default();
        let seen: Arc<[AtomicU64; THREADS]> = Arc::default();
        builder
            .run(async move {
                let waker = own_waker().await;
                let threads: Vec<_> = (0..THREADS)
                    .map(|own| {
                        let (counters, seen, waker) = (counters.clone(), seen.clone(), waker.clone());
                        thread::spawn(move || {
                            for n in 1..=wakes {
                                // The wake alone makes the domain see it.
                                counters[own].store(n, Relaxed);
                                waker.wake_by_ref();
                                // Now and then nobody else's wake must be needed for it to be seen.
                                while n % 100 == 0 && seen[own].load(Relaxed) < n {
                                    thread::yield_now();
                                }
                            }
                        })
                    })
                    .collect();
                poll_fn(|_| {
                    let mut all = true;
                    for (counter, seen) in counters.iter().zip(&*seen) {
                        let count = counter.load(Relaxed);
                        seen.store(count, Relaxed);
                        all &= count == wakes;
                    }
                    if all { Poll::Ready(()) } else { Poll::Pending }
                })
                .await;
                threads.into_iter().for_each(|thread| thread.join().unwrap());
            })
            .unwrap();
    });
}

#[test]
fn many_interrupts_of_a_busy_domain_block_nobody() {
    each(|builder| {
        builder
            .run(async {
                let (release, released) = mpsc::channel::<()>();
                let (started, sender) = (Gate::default(), Shared::default());
                let (there, slot) = (started.clone(), sender.clone());
                let busy = call(async move || {
                    *slot.lock() = Some((events::signal_sender().unwrap(), own_waker().await));
                    there.open();
                    let _ = released.recv();
                });
                started.opened().await;
                let (sender, waker) = sender.lock().take().unwrap();
                let thread = thread::spawn(move || {
                    for _ in 0..MANY {
                        sender.wake();
                        waker.wake_by_ref();
                    }
                });
                // A full pipe would hold it up for good: its reader is busy until after this.
                thread.join().unwrap();
                drop(release);
                busy.await.unwrap();
            })
            .unwrap();
    });
}

#[test]
fn many_interrupts_of_an_idle_domain_block_nobody() {
    each(|builder| {
        builder
            .run(async {
                let sender = call(async || events::signal_sender().unwrap()).await.unwrap();
                let thread = thread::spawn(move || {
                    for _ in 0..MANY / 5 {
                        sender.wake();
                    }
                });
                thread.join().unwrap();
                // It still listens.
                assert_eq!(call_on(Domain::available()[0], async || 1).await.unwrap(), 1);
            })
            .unwrap();
    });
}

#[test]
fn wakes_between_domains_are_not_lost() {
    // Two tasks of two domains hand a token to and fro through wakers alone.
    each(|builder| {
        let rounds = rounds(5_000) as u64;
        builder
            .run(async move {
                let slots = Shared::<(u64, [Option<Waker>; 2])>::default();
                let player = |own: usize, slots: Shared<(u64, [Option<Waker>; 2])>| {
                    async move || {
                        poll_fn(|cx| {
                            let mut game = slots.lock();
                            if game.0 >= rounds {
                                if let Some(other) = game.1[1 - own].take() {
                                    other.wake();
                                }
                                return Poll::Ready(());
                            }
                            if game.0 % 2 == own as u64 {
                                game.0 += 1;
                                if let Some(other) = game.1[1 - own].take() {
                                    other.wake();
                                }
                            }
                            game.1[own] = Some(cx.waker().clone());
                            Poll::Pending
                        })
                        .await;
                    }
                };
                let (one, two) = (player(0, slots.clone()), player(1, slots.clone()));
                let (one, two) = (call(one), spawn(async move { two().await }));
                one.await.unwrap();
                two.await.unwrap();
                assert_eq!(slots.lock().0, rounds);
            })
            .unwrap();
    });
}

/// What a careless bridge to another world does when that world has gone.
struct Careless(Shared<usize>);

impl Wake for Careless {
    fn wake(self: Arc<Self>) {
        *self.0.lock() += 1;
        panic!("nobody listens any more");
    }
}

#[test]
fn a_waker_that_panics_stops_nobody() {
    plain()
        .run(async {
            let wakes = Shared::<usize>::default();
            let body = {
                let wakes = wakes.clone();
                async move || {
                    let waker = Waker::from(Arc::new(Careless(wakes)));
                    let mut cx = Context::from_waker(&waker);
                    // Woken by the end of a child, by that of a call, and by a signal.
                    let (mut child, mut called) = (spawn(async { 1 }), call(async || 2));
                    let mut syscall = events::syscall().unwrap();
                    assert!(Pin::new(&mut child).poll(&mut cx).is_pending());
                    assert!(Pin::new(&mut called).poll(&mut cx).is_pending());
                    assert!(syscall.poll_signalled(&mut cx).is_pending());
                    let (sender, uid) = (events::signal_sender().unwrap(), syscall.uid());
                    thread::spawn(move || sender.send(uid)).join().unwrap();
                    until(|| called.state() == PromiseState::Returned).await;
                    poll_fn(|cx| syscall.poll_signalled(cx)).await;
                    child.await.unwrap() + called.await.unwrap()
                }
            };
            let there = call(body.clone());
            assert_eq!(spawn(async move { body().await }).await.unwrap(), 3);
            assert_eq!(there.await.unwrap(), 3);
            assert_eq!(*wakes.lock(), 6);
        })
        .unwrap();
}

#[test]
fn a_promise_wakes_whoever_polled_it_last() {
    plain()
        .run(async {
            let gate = Gate::default();
            let theirs = gate.clone();
            let mut task = spawn(async move { theirs.opened().await });
            // Through other wakers first, each in the place of the one before.
            for _ in 0..3 {
                let waker = Waker::from(Arc::new(Careless(Shared::default())));
                assert!(Pin::new(&mut task).poll(&mut Context::from_waker(&waker)).is_pending());
            }
            assert!(poll_once(&mut task).await.is_none());
            gate.open();
            task.await.unwrap();
        })
        .unwrap();
}

/// Its end is counted, and fails.
struct Fragile(Shared<usize>);

impl Wake for Fragile {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Fragile {
    fn drop(&mut self) {
        *self.0.lock() += 1;
        panic!("broken to pieces");
    }
}

#[test]
fn a_waker_that_panics_when_it_is_replaced_keeps_nobody_from_being_woken() {
    plain()
        .run(async {
            let (gate, ends) = (Gate::default(), Shared::<usize>::default());
            let theirs = gate.clone();
            let mut child = spawn(async move { theirs.opened().await });
            let fragile = Waker::from(Arc::new(Fragile(ends.clone())));
            assert!(Pin::new(&mut child).poll(&mut Context::from_waker(&fragile)).is_pending());
            drop(fragile);
            let mut replaced = false;
            poll_fn(|cx| {
                if replaced {
                    return Pin::new(&mut child).poll(cx);
                }
                replaced = true;
                let polled = catch_unwind(AssertUnwindSafe(|| Pin::new(&mut child).poll(cx)));
                assert!(polled.is_err());
                gate.open();
                Poll::Pending
            })
            .await
            .unwrap();
            assert_eq!(*ends.lock(), 1);
        })
        .unwrap();
}
