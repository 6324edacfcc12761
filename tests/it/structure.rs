//! Fork and join, ties, and who may do what with a promise.

use std::{
    cell::Cell,
    collections::BTreeMap,
    future::{Future, pending},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use vigie::{
    Builder, Domain, PromiseState, TaskError, await_all, await_first, await_one, both, call, parallel, spawn,
    yield_now,
};

use crate::support::{Drops, Gate, Log, Traced, alone, each, plain, turns, until};

#[test]
fn parallel_keeps_the_order_of_its_items() {
    each(|builder| {
        builder
            .run(async {
                let results = parallel(0..100_u64, |n| async move {
                    turns((n % 7) as usize).await;
                    n * n
                });
                let results: Vec<_> = results.await.into_iter().map(Result::unwrap).collect();
                assert!(results.into_iter().eq((0..100).map(|n| n * n)));
            })
            .unwrap();
    });
}

#[test]
fn parallel_spreads_evenly_over_all_domains_but_0() {
    plain()
        .extra_domains(3)
        .run(async {
            let count = async |items| {
                let mut counts = BTreeMap::new();
                for domain in parallel(0..items, |_| async { Domain::current().unwrap().index() }).await {
                    *counts.entry(domain.unwrap()).or_insert(0) += 1;
                }
                counts
            };
            assert_eq!(count(30).await, BTreeMap::from([(1, 10), (2, 10), (3, 10)]));
            // The rest goes to another domain each time.
            let mut rest = BTreeMap::new();
            for _ in 0..3 {
                let counts = count(4).await;
                let more = counts.iter().find(|(_, count)| **count == 2).unwrap();
                assert_eq!(counts.values().sum::<i32>(), 4);
                *rest.entry(*more.0).or_insert(0) += 1;
            }
            assert_eq!(rest, BTreeMap::from([(1, 1), (2, 1), (3, 1)]));
            // From another domain, which takes its own share.
            let there = call(async || {
                let domains = parallel(0..30, |_| async { Domain::current().unwrap().index() }).await;
                let mut counts = BTreeMap::new();
                for domain in domains {
                    *counts.entry(domain.unwrap()).or_insert(0) += 1;
                }
                counts
            });
            assert_eq!(there.await.unwrap(), BTreeMap::from([(1, 10), (2, 10), (3, 10)]));
        })
        .unwrap();
}

#[test]
fn parallel_has_an_error_for_each_item_that_fails() {
    plain()
        .run(async {
            let results = parallel(0..10, |n| async move {
                assert!(n % 3 != 0, "on purpose");
                n
            });
            for (n, result) in results.await.into_iter().enumerate() {
                match result {
                    Ok(value) => assert_eq!(value, n),
                    Err(TaskError::Panicked(_)) => assert!(n.is_multiple_of(3)),
                    Err(other) => panic!("{other}"),
                }
            }
        })
        .unwrap();
}

#[test]
fn an_item_that_panics_twice_is_one_error_on_any_domain() {
    struct Nasty;
    impl Future for Nasty {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            panic!("on purpose");
        }
    }
    impl Drop for Nasty {
        fn drop(&mut self) {
            panic!("once more");
        }
    }
    alone("structure::an_item_that_panics_twice_is_one_error_on_any_domain", || {
        plain()
            .run(async {
                // Its own domain is one of the two.
                let there = call(async || parallel(0..2, |_| Nasty).await);
                for result in there.await.unwrap() {
                    let Err(TaskError::Panicked(panic)) = result else { panic!("{result:?}") };
                    assert_eq!(panic.message().unwrap(), "on purpose");
                }
            })
            .unwrap();
    });
}

#[test]
fn parallel_of_nothing_is_nothing_and_of_something_needs_a_domain() {
    Builder::new()
        .extra_domains(0)
        .run(async {
            assert!(parallel(Vec::<i32>::new(), |n| async move { n }).await.is_empty());
            let results = parallel([1, 2], |n| async move { n }).await;
            assert!(matches!(
                results[..],
                [Err(TaskError::NoDomainAvailable), Err(TaskError::NoDomainAvailable)]
            ));
        })
        .unwrap();
    let outside = futures_lite::future::block_on(parallel([1], |n| async move { n }));
    assert!(matches!(outside[..], [Err(TaskError::OutsideRuntime)]));
}

#[test]
fn parallel_dropped_half_way_cancels_what_is_left() {
    each(|builder| {
        builder
            .run(async {
                let (drops, started) = (Drops::default(), Log::default());
                let (theirs, log) = (drops.clone(), started.clone());
                let mut all = Box::pin(parallel(0..10, move |_| {
                    let (local, log) = (Traced("item", theirs), log);
                    async move {
                        let _local = local;
                        log.push(());
                        pending::<()>().await;
                    }
                }));
                assert!(futures_lite::future::poll_once(&mut all).await.is_none());
                until(|| started.len() == 10).await;
                drop(all);
                until(|| drops.len() == 10).await;
            })
            .unwrap();
    });
}

#[test]
fn both_gives_both_results_in_order() {
    each(|builder| {
        builder
            .run(async {
                let gate = Gate::default();
                let opens = gate.clone();
                // The second has to run for the first to end.
                let (one, two) = both(
                    spawn(async move {
                        gate.opened().await;
                        1
                    }),
                    call(async move || {
                        opens.open();
                        "two"
                    }),
                )
                .await;
                assert_eq!((one.unwrap(), two.unwrap()), (1, "two"));
                let (failed, fine) = both(spawn(async { panic!("on purpose") }), spawn(async {})).await;
                assert!(matches!((failed, fine), (Err::<(), _>(TaskError::Panicked(_)), Ok(()))));
            })
            .unwrap();
    });
}

#[test]
fn only_the_parent_awaits_and_cancels() {
    plain()
        .run(async {
            let gate = Gate::default();
            let opened = gate.clone();
            let mut child = spawn(async move {
                opened.opened().await;
                1
            });
            // A sister, to whom it is handed, and who hands it back.
            let sister = spawn(async move {
                assert!(matches!((&mut child).await, Err(TaskError::NotAChild)));
                assert_eq!(child.state(), PromiseState::Running);
                (child,)
            });
            let (child,) = sister.await.unwrap();
            // A child of the child's own parent may not wait for several either.
            let cousin = spawn(async move {
                let mut children = vec![child];
                assert!(matches!(await_one(&mut children).await, Err(TaskError::NotAChild)));
                assert_eq!(children.len(), 1, "nothing was lost");
                children
            });
            let child = cousin.await.unwrap().pop().unwrap();
            let drops = Drops::default();
            let local = Traced("local", drops.clone());
            let other = spawn(async move {
                let _local = local;
                pending::<()>().await;
            });
            yield_now().await;
            let sister = spawn(async move {
                assert!(matches!(other.cancel().await, Err(TaskError::NotAChild)));
            });
            sister.await.unwrap();
            assert_eq!(drops.len(), 1, "its promise was given away and dropped");
            gate.open();
            assert_eq!(child.await.unwrap(), 1);
        })
        .unwrap();
}

#[test]
fn a_child_that_awaits_its_parent_gets_an_error_and_no_deadlock() {
    plain()
        .run(async {
            let slot = Rc::new(Cell::new(None));
            let taken = slot.clone();
            let parent = spawn(async move {
                let child = spawn(async move {
                    let parent: vigie::Promise<()> = taken.take().unwrap();
                    assert!(matches!(parent.await, Err(TaskError::NotAChild)));
                });
                child.await.unwrap();
            });
            slot.set(Some(parent));
            turns(5).await;
        })
        .unwrap();
}

/// Who wins among three that have all returned.
fn winner(builder: Builder) -> usize {
    builder
        .run(async {
            let tasks: Vec<_> = (0..3).map(|n| spawn(async move { n })).collect();
            until(|| tasks.iter().all(|task| task.state() == PromiseState::Returned)).await;
            await_first(tasks).await.unwrap()
        })
        .unwrap()
}

#[test]
fn a_seed_decides_the_winner_of_a_tie() {
    let one_domain = || Builder::new().extra_domains(0);
    for _ in 0..3 {
        assert_eq!(winner(one_domain()), 0, "without a seed, the first");
    }
    let winners: Vec<_> = (0..32).map(|seed| winner(one_domain().seed(seed))).collect();
    for n in 0..3 {
        assert!(winners.contains(&n), "{winners:?}");
    }
    let again: Vec<_> = (0..32).map(|seed| winner(one_domain().seed(seed))).collect();
    assert_eq!(winners, again, "and the same one each time");
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let order = |seed| {
        let log = Log::default();
        let theirs = log.clone();
        Builder::new()
            .extra_domains(0)
            .seed(seed)
            .run(async move {
                let tasks: Vec<_> = (0..20)
                    .map(|n| {
                        let log = theirs.clone();
                        spawn(async move {
                            for _ in 0..3 {
                                log.push(n);
                                yield_now().await;
                            }
                        })
                    })
                    .collect();
                await_all(tasks).await.unwrap();
            })
            .unwrap();
        log.take()
    };
    assert_eq!(order(1), order(1));
    assert_ne!(order(1), order(2));
}
