//! Task sets.

use std::{
    cell::{Cell, RefCell},
    future::{Future, pending, poll_fn},
    pin::pin,
    rc::Rc,
};

use futures_lite::future::{block_on, or, poll_once};
use vigie::{Domain, Promise, PromiseState, TaskError, TaskSet, TryNext, call, spawn, yield_now};

use crate::support::{Bomb, Drops, Gate, Log, MANY, Traced, each, on_drop, plain, ticker, turns, until};

#[test]
fn members_are_collected_in_the_order_of_their_ends() {
    each(|builder| {
        builder
            .run(async {
                let mut set = TaskSet::new();
                for count in [30, 10, 20, 0] {
                    set.spawn(async move {
                        turns(count).await;
                        count
                    });
                }
                let mut ends = Vec::new();
                while let Some(end) = set.next().await {
                    ends.push(end.unwrap());
                }
                assert_eq!(ends, [0, 10, 20, 30]);
            })
            .unwrap();
    });
}

#[test]
fn try_next_has_three_answers() {
    plain()
        .run(async {
            let gate = Gate::default();
            let mut set = TaskSet::new();
            assert!(matches!(set.try_next(), TryNext::Empty));
            let opened = gate.clone();
            set.spawn(async move { opened.opened().await });
            turns(3).await;
            assert!(matches!(set.try_next(), TryNext::Pending));
            gate.open();
            turns(2).await;
            assert_eq!(set.len(), 1, "it has finished, and was not collected");
            assert!(matches!(set.try_next(), TryNext::Ready(Ok(()))));
            assert!(matches!(set.try_next(), TryNext::Empty));
            assert!(set.is_empty());
        })
        .unwrap();
}

#[test]
fn members_of_other_domains_are_collected_too() {
    each(|builder| {
        builder
            .run(async {
                let mut set = TaskSet::new();
                for n in 0..100 {
                    match n % 3 {
                        0 => set.spawn(async move { (n, Domain::current()) }),
                        1 => set.call(move || async move { (n, Domain::current()) }),
                        _ => set.call_on(Domain::all()[2], move || async move { (n, Domain::current()) }),
                    }
                }
                let mut seen = Vec::new();
                while let Some(end) = set.next().await {
                    let (n, domain) = end.unwrap();
                    match n % 3 {
                        0 => assert_eq!(domain.unwrap().index(), 0),
                        1 => assert_ne!(domain.unwrap().index(), 0),
                        _ => assert_eq!(domain.unwrap().index(), 2),
                    }
                    seen.push(n);
                }
                seen.sort_unstable();
                assert!(seen.into_iter().eq(0..100));
            })
            .unwrap();
    });
}

#[test]
fn a_member_that_fails_is_an_error_among_results() {
    plain()
        .extra_domains(0)
        .run(async {
            let mut set = TaskSet::new();
            set.spawn(async { panic!("on purpose") });
            set.spawn(async { 1 });
            set.call(async || 2);
            // The one that could not be started has finished before the others began.
            assert!(matches!(set.next().await, Some(Err(TaskError::NoDomainAvailable))));
            assert!(matches!(set.next().await, Some(Err(TaskError::Panicked(_)))));
            assert!(matches!(set.next().await, Some(Ok(1))));
            assert!(set.next().await.is_none());
        })
        .unwrap();
}

#[test]
fn a_set_is_collected_while_it_grows() {
    plain()
        .run(async {
            let mut set = TaskSet::new();
            set.spawn(async { 0 });
            let mut count = 0;
            while let Some(end) = set.next().await {
                let n: usize = end.unwrap();
                count += 1;
                if n < 5 {
                    for _ in 0..2 {
                        set.spawn(async move { n + 1 });
                    }
                }
            }
            assert_eq!(count, (1 << 6) - 1);
        })
        .unwrap();
}

#[test]
fn next_dropped_half_way_loses_nothing() {
    plain()
        .run(async {
            let mut set = TaskSet::new();
            for count in [5, 10] {
                set.spawn(async move {
                    turns(count).await;
                    count
                });
            }
            for _ in 0..3 {
                assert!(poll_once(Box::pin(set.next())).await.is_none());
                yield_now().await;
            }
            // It has finished since, while nobody waited.
            turns(5).await;
            assert!(matches!(set.next().await, Some(Ok(5))));
            assert!(matches!(set.next().await, Some(Ok(10))));
        })
        .unwrap();
}

#[test]
fn whoever_waits_by_a_waker_of_its_own_is_woken() {
    each(|builder| {
        builder
            .run(async {
                let mut set = TaskSet::new();
                set.call(async || 1);
                // `zip` polls each of the two by the task's waker, `block_on` by one of its own.
                let (end, ()) = futures_lite::future::zip(set.next(), turns(3)).await;
                assert!(matches!(end, Some(Ok(1))));
                set.call(async || 2);
                until(|| matches!(block_on(poll_once(Box::pin(set.next()))), Some(Some(Ok(2))))).await;
            })
            .unwrap();
    });
}

#[test]
fn a_member_that_cannot_be_started_wakes_whoever_polled_next() {
    plain()
        .extra_domains(0)
        .run(async {
            for by_own_waker in [false, true] {
                let set = Rc::new(RefCell::new(TaskSet::<()>::new()));
                set.borrow_mut().spawn(pending());
                // It lets go of `next` after each poll.
                let theirs = set.clone();
                let next = poll_fn(move |cx| {
                    let mut set = theirs.borrow_mut();
                    pin!(set.next()).poll(cx)
                });
                let adds = async {
                    yield_now().await;
                    set.borrow_mut().call(async || ());
                    // Nothing else polls the other again.
                    pending().await
                };
                let first = if by_own_waker {
                    or(vigie::scope(async |s| s.spawn(next).await.unwrap()), adds).await
                } else {
                    or(next, adds).await
                };
                assert!(matches!(first, Some(Err(TaskError::NoDomainAvailable))));
            }
        })
        .unwrap();
}

#[test]
fn take_hands_out_promises_that_have_finished_first() {
    plain()
        .run(async {
            let mut set = TaskSet::new();
            set.spawn(async {
                turns(10).await;
                "slow"
            });
            set.spawn(async { "fast" });
            turns(3).await;
            let fast = set.take().unwrap();
            assert_eq!(fast.state(), PromiseState::Returned);
            let slow = set.take().unwrap();
            assert_eq!(slow.state(), PromiseState::Running);
            assert!(set.take().is_none());
            // The set hears no more of it.
            set.spawn(async { "another" });
            assert_eq!((slow.await.unwrap(), fast.await.unwrap()), ("slow", "fast"));
            assert_eq!(set.next().await.unwrap().unwrap(), "another");
            assert!(set.next().await.is_none());
        })
        .unwrap();
}

#[test]
fn taking_all_of_many_is_linear() {
    plain()
        .run(async {
            let mut set = TaskSet::new();
            for _ in 0..MANY {
                set.spawn(pending::<()>());
            }
            let mut taken = 0;
            while let Some(promise) = set.take() {
                drop(promise);
                taken += 1;
            }
            assert_eq!(taken, MANY);
        })
        .unwrap();
}

#[test]
fn dropping_a_set_cancels_its_members() {
    each(|builder| {
        builder
            .run(async {
                let drops = Drops::default();
                let started = Log::default();
                let mut set = TaskSet::new();
                let body = |name| {
                    let (local, log) = (Traced(name, drops.clone()), started.clone());
                    async move || {
                        let _local = local;
                        log.push(());
                        pending::<()>().await;
                    }
                };
                let (here, there) = (body("here"), body("there"));
                set.spawn(async move { here().await });
                set.call(there);
                until(|| started.len() == 2).await;
                drop(set);
                until(|| drops.len() == 2).await;
            })
            .unwrap();
    });
}

#[test]
fn cancel_all_returns_when_all_subtrees_have_finished() {
    each(|builder| {
        builder
            .run(async {
                let (started, ended) = (Log::default(), Log::default());
                let mut set = TaskSet::new();
                for n in 0..6 {
                    let (started, ended) = (started.clone(), ended.clone());
                    let body = async move || {
                        let child = spawn(async move {
                            let _end = on_drop(|| ended.push(n));
                            started.push(n);
                            pending::<()>().await;
                        });
                        child.await.unwrap();
                    };
                    if n % 2 == 0 { set.spawn(async move { body().await }) } else { set.call(body) }
                }
                until(|| started.len() == 6).await;
                set.cancel_all().await.unwrap();
                assert_eq!(ended.len(), 6);
                assert!(set.is_empty());
                // And it can be used again: what has ended since is not found among the new ones.
                set.spawn(async {});
                set.next().await.unwrap().unwrap();
                assert!(set.next().await.is_none());
            })
            .unwrap();
    });
}

#[test]
fn cancel_all_happens_though_it_is_not_awaited() {
    plain()
        .run(async {
            let drops = Drops::default();
            let mut set = TaskSet::new();
            let local = Traced("member", drops.clone());
            set.spawn(async move {
                let _local = local;
                pending::<()>().await;
            });
            drop(set.cancel_all());
            assert!(set.is_empty());
            yield_now().await;
            assert_eq!(drops.len(), 1);
        })
        .unwrap();
}

#[test]
fn a_set_is_its_owners() {
    plain()
        .run(async {
            let set = Rc::new(RefCell::new(TaskSet::new()));
            let gate = Gate::default();
            let opened = gate.clone();
            set.borrow_mut().spawn(async move { opened.opened().await });
            let theirs = set.clone();
            #[expect(clippy::await_holding_refcell_ref, reason = "this task alone uses it now")]
            let stranger = spawn(async move {
                let mut set = theirs.borrow_mut();
                assert!(matches!(set.try_next(), TryNext::Ready(Err(TaskError::NotAChild))));
                assert!(matches!(set.next().await, Some(Err(TaskError::NotAChild))));
                let ran = Rc::new(Cell::new(false));
                let runs = ran.clone();
                set.spawn(async move { runs.set(true) });
                assert!(matches!(set.next().await, Some(Err(TaskError::NotAChild))));
                turns(3).await;
                assert!(!ran.get(), "it was not started");
                // What the stranger can do is let go of them, and then it waits in vain.
                assert_eq!(set.len(), 2);
            });
            stranger.await.unwrap();
            // The owner finds what the stranger could not start.
            let mut set = set.take();
            assert!(matches!(set.next().await, Some(Err(TaskError::NotAChild))));
            gate.open();
            set.next().await.unwrap().unwrap();
            assert!(set.next().await.is_none());

            // An empty set is anybody's.
            let set = spawn(async move {
                set.spawn(async {});
                set.next().await.unwrap().unwrap();
                set
            });
            assert!(set.await.unwrap().is_empty());
        })
        .unwrap();
}

#[test]
fn a_stranger_that_cancels_all_cannot_wait() {
    plain()
        .run(async {
            let mut set = TaskSet::new();
            let drops = Drops::default();
            let local = Traced("member", drops.clone());
            set.spawn(async move {
                let _local = local;
                pending::<()>().await;
            });
            let stranger = spawn(async move { set.cancel_all().await });
            assert!(matches!(stranger.await, Ok(Err(TaskError::NotAChild))));
            // They went all the same: nobody has their promises any more.
            assert_eq!(drops.len(), 1);
        })
        .unwrap();
}

#[test]
fn outside_of_a_run_members_fail() {
    let mut set = TaskSet::new();
    set.spawn(async {});
    set.call(async || ());
    assert_eq!(set.len(), 2);
    assert!(matches!(set.try_next(), TryNext::Ready(Err(TaskError::OutsideRuntime))));
    assert!(matches!(block_on(set.next()), Some(Err(TaskError::OutsideRuntime))));
    assert!(block_on(set.next()).is_none());
    assert!(block_on(set.cancel_all()).is_ok());
}

#[test]
fn members_whose_results_panic_when_dropped_stop_nobody() {
    plain()
        .run(async {
            let mut set = TaskSet::new();
            for _ in 0..3 {
                set.spawn(async { Bomb });
            }
            turns(3).await;
            drop(set);
        })
        .unwrap();
}

#[test]
fn collecting_what_has_finished_starves_nobody() {
    plain()
        .run(async {
            let (turns_of_others, other) = ticker();
            let mut set = TaskSet::new();
            for _ in 0..320 {
                set.spawn(async {});
            }
            turns(400).await;
            let before = turns_of_others.get();
            while set.next().await.is_some() {}
            assert!(turns_of_others.get() - before >= 9, "one turn after each 32");
            other.cancel().await.unwrap();
        })
        .unwrap();
}

#[test]
fn a_promise_of_a_call_can_be_taken_while_it_runs() {
    each(|builder| {
        builder
            .run(async {
                let mut set: TaskSet<usize> = TaskSet::new();
                for n in 0..10 {
                    set.call(move || async move {
                        turns(n).await;
                        n
                    });
                }
                let half: Vec<Promise<usize>> = (0..5).map(|_| set.take().unwrap()).collect();
                let mut sum = 0;
                for promise in half {
                    sum += promise.await.unwrap();
                }
                while let Some(end) = set.next().await {
                    sum += end.unwrap();
                }
                assert_eq!(sum, 45);
                call(async || ()).await.unwrap();
            })
            .unwrap();
    });
}
