//! Who is polled when, and who else has a turn.

use std::{
    cell::{Cell, RefCell},
    future::{Future, pending, poll_fn},
    pin::Pin,
    rc::Rc,
    task::{Poll, Waker},
    thread,
    time::Duration,
};

use futures_lite::future::{block_on, or, poll_once};
use vigie::{call, events, scope, spawn, time::sleep, yield_now};

use crate::support::{Gate, Log, each, plain, rounds, ticker, turns, until};

#[test]
fn a_wake_polls_the_one_that_it_is_for() {
    plain()
        .run(async {
            let polls: [Cell<usize>; 10] = Default::default();
            let wakers: [RefCell<Option<Waker>>; 10] = Default::default();
            let counts = || polls.iter().map(Cell::get).collect::<Vec<_>>();
            scope(async |s| {
                let tasks: Vec<_> = polls
                    .iter()
                    .zip(&wakers)
                    .map(|(polls, waker)| {
                        s.spawn(poll_fn(|cx| {
                            polls.set(polls.get() + 1);
                            *waker.borrow_mut() = Some(cx.waker().clone());
                            Poll::<()>::Pending
                        }))
                    })
                    .collect();
                turns(3).await;
                assert_eq!(counts(), [1; 10]);
                for n in [3, 7] {
                    let waker = wakers[n].borrow().clone().unwrap();
                    waker.wake_by_ref();
                    turns(3).await;
                    for _ in 0..5 {
                        waker.wake_by_ref();
                    }
                    turns(3).await;
                }
                assert_eq!(counts(), [1, 1, 1, 3, 1, 1, 1, 3, 1, 1]);
                tasks.iter().for_each(|task| task.cancel());
            })
            .await;
        })
        .unwrap();
}

#[test]
fn wakes_of_scoped_tasks_leave_the_body_alone() {
    plain()
        .run(async {
            let polls = scope(|s| async move {
                let (mut polls, mut task) = (0, s.spawn(turns(100)));
                poll_fn(|cx| {
                    polls += 1;
                    Pin::new(&mut task).poll(cx)
                })
                .await
                .unwrap();
                polls
            });
            assert_eq!(polls.await, 2, "when it begins to wait, and when there is a result");
        })
        .unwrap();
}

#[test]
#[cfg_attr(miri, ignore = "timers")]
fn a_crowd_of_scoped_tasks_sleeps() {
    each(|builder| {
        builder
            .run(async {
                let (polls, slept) = (Cell::new(0), Cell::new(0));
                let count = 10_000;
                scope(async |s| {
                    for n in 0..count {
                        let (polls, slept) = (&polls, &slept);
                        s.spawn(async move {
                            let mut sleep = sleep(Duration::from_millis(1 + n % 7));
                            poll_fn(|cx| {
                                polls.set(polls.get() + 1);
                                Pin::new(&mut sleep).poll(cx)
                            })
                            .await
                            .unwrap();
                            slept.set(slept.get() + 1);
                        });
                    }
                })
                .await;
                assert_eq!((slept.get(), polls.get()), (count, 2 * count));
            })
            .unwrap();
    });
}

#[test]
fn another_domain_and_another_thread_wake_a_scoped_task() {
    each(|builder| {
        builder
            .run(async {
                for _ in 0..rounds(100) {
                    let log = Log::default();
                    scope(async |s| {
                        let (domain, thread) = (Gate::default(), Gate::default());
                        for (gate, name) in [(&domain, "domain"), (&thread, "thread")] {
                            let (gate, log) = (gate.clone(), &log);
                            s.spawn(async move {
                                gate.opened().await;
                                log.push(name);
                            });
                        }
                        // Both wait before anybody opens.
                        turns(2).await;
                        let foreign = thread::spawn(move || thread.open());
                        call(async move || domain.open()).await.unwrap();
                        until(|| foreign.is_finished()).await;
                        foreign.join().unwrap();
                    })
                    .await;
                    let mut woken = log.take();
                    woken.sort_unstable();
                    assert_eq!(woken, ["domain", "thread"]);
                }
            })
            .unwrap();
    });
}

#[test]
fn wakers_outlive_the_scope_and_the_run() {
    let wakers = plain()
        .run(async {
            let (polls, wakers) = (Cell::new(0), RefCell::new(Vec::new()));
            let counted = || {
                poll_fn(|cx| {
                    polls.set(polls.get() + 1);
                    wakers.borrow_mut().push(cx.waker().clone());
                    Poll::<()>::Pending
                })
            };
            let wake_all = || wakers.borrow().iter().for_each(Waker::wake_by_ref);
            // One scope is dropped; of another a task is cancelled.
            let dropped = scope(async |s| {
                s.spawn(counted());
                pending::<()>().await;
            });
            or(dropped, turns(3)).await;
            scope(async |s| {
                let task = s.spawn(counted());
                turns(3).await;
                task.cancel();
                wake_all();
                turns(3).await;
            })
            .await;
            wake_all();
            turns(3).await;
            assert_eq!((polls.get(), wakers.borrow().len()), (2, 2));
            wakers.into_inner()
        })
        .unwrap();
    thread::spawn(|| wakers.into_iter().for_each(Waker::wake)).join().unwrap();
}

#[test]
fn another_task_has_its_turn_after_32_scoped_ones() {
    plain()
        .run(async {
            let (polls, most) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
            let (theirs, noted) = (polls.clone(), most.clone());
            let neighbour = spawn(async move {
                loop {
                    noted.set(noted.get().max(theirs.replace(0)));
                    yield_now().await;
                }
            });
            let counted = async |count| {
                for _ in 0..count {
                    polls.set(polls.get() + 1);
                    yield_now().await;
                }
            };
            scope(async |s| {
                for _ in 0..100 {
                    s.spawn(counted(10));
                }
            })
            .await;
            assert_eq!(most.replace(0), 32);
            // Those of the scopes within it are counted as well.
            scope(async |s| {
                for _ in 0..10 {
                    s.spawn(scope(async |s| {
                        for _ in 0..50 {
                            s.spawn(counted(5));
                        }
                    }));
                }
            })
            .await;
            let most = most.get();
            assert!((2..=32).contains(&most), "{most}");
            neighbour.cancel().await.unwrap();
        })
        .unwrap();
}

#[test]
fn where_nothing_is_charged_a_poll_is_bounded_too() {
    let polls = Cell::new(0);
    let mut crowd = Box::pin(scope(async |s| {
        for _ in 0..100 {
            s.spawn(async { polls.set(polls.get() + 1) });
        }
    }));
    // The body, and then three polls of 32 and what is left.
    for expected in [0, 32, 64, 96] {
        assert!(block_on(poll_once(crowd.as_mut())).is_none());
        assert_eq!(polls.get(), expected);
    }
    block_on(crowd);
    assert_eq!(polls.get(), 100);
}

#[test]
fn a_scoped_task_that_gives_way_lets_the_other_tasks_run() {
    plain()
        .run(async {
            let (ticks, neighbour) = ticker();
            scope(async |s| {
                s.spawn(async {
                    for _ in 0..100 {
                        let before = ticks.get();
                        yield_now().await;
                        assert_eq!(ticks.get(), before + 1);
                    }
                });
            })
            .await;
            neighbour.cancel().await.unwrap();
        })
        .unwrap();
}

#[test]
fn one_that_is_always_ready_starves_neither_siblings_nor_other_tasks() {
    plain()
        .run(async {
            let (ticks, neighbour) = ticker();
            scope(async |s| {
                let greedy = s.spawn(async {
                    loop {
                        poll_fn(|cx| events::charged(cx, |_| Poll::Ready(()))).await;
                    }
                });
                s.spawn(turns(20)).await.unwrap();
                greedy.cancel();
            })
            .await;
            assert!(ticks.get() >= 20, "{}", ticks.get());
            neighbour.cancel().await.unwrap();
        })
        .unwrap();
}
