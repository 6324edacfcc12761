//! Waiting for several children at once.

use std::future::pending;

use futures_lite::future::{or, poll_once};
use vigie::{
    Promise, PromiseState, TaskError, await_all, await_first, await_one, call, call_on, spawn, yield_now,
};

use crate::support::{Drops, Gate, Log, MANY, Traced, each, on_drop, plain, turns, until};

/// Returns `value` after so many turns.
fn after<T: 'static>(count: usize, value: T) -> Promise<T> {
    spawn(async move {
        turns(count).await;
        value
    })
}

fn failing<T: 'static>() -> Promise<T> {
    spawn(async { panic!("on purpose") })
}

#[test]
fn await_all_keeps_the_order_of_the_promises() {
    each(|builder| {
        builder
            .run(async {
                let promises = [after(7, 0), call(async || 1), after(0, 2), failing(), after(3, 4)];
                let results = await_all(promises).await.unwrap();
                let values: Vec<_> = results.into_iter().map(Result::ok).collect();
                assert_eq!(values, [Some(0), Some(1), Some(2), None, Some(4)]);
            })
            .unwrap();
    });
}

#[test]
fn await_all_waits_for_all_though_one_fails() {
    plain()
        .run(async {
            let ended = Log::default();
            let log = ended.clone();
            let slow = spawn(async move {
                turns(20).await;
                log.push("slow");
            });
            let results = await_all([failing(), slow]).await.unwrap();
            assert!(matches!(results[..], [Err(TaskError::Panicked(_)), Ok(())]));
            assert_eq!(ended.len(), 1);
        })
        .unwrap();
}

#[test]
fn await_all_starts_all_before_it_waits() {
    plain()
        .run(async {
            // Each opens the gate of the one before it: none could end alone.
            let gates: Vec<_> = (0..10).map(|_| Gate::default()).collect();
            let tasks = (0..10).map(|n| {
                let (own, before) = (gates[n].clone(), n.checked_sub(1).map(|n| gates[n].clone()));
                let is_last = n == 9;
                spawn(async move {
                    if !is_last {
                        own.opened().await;
                    }
                    if let Some(before) = before {
                        before.open();
                    }
                })
            });
            await_all(tasks).await.unwrap();
        })
        .unwrap();
}

#[test]
fn nothing_to_wait_for_is_an_error() {
    plain()
        .run(async {
            let none = || Vec::<Promise<()>>::new();
            assert!(matches!(await_all(none()).await, Err(TaskError::Empty)));
            assert!(matches!(await_one(&mut none()).await, Err(TaskError::Empty)));
            assert!(matches!(await_first(none()).await, Err(TaskError::Empty)));
        })
        .unwrap();
}

#[test]
fn await_one_takes_each_in_the_order_of_ending() {
    each(|builder| {
        builder
            .run(async {
                let mut tasks = vec![after(30, 3), after(10, 1), after(20, 2), after(0, 0)];
                for n in 0..4 {
                    assert_eq!(await_one(&mut tasks).await.unwrap(), n);
                    assert_eq!(tasks.len(), 3 - n, "taken out");
                }
            })
            .unwrap();
    });
}

#[test]
fn await_one_gives_the_error_of_the_one_that_failed_first() {
    plain()
        .run(async {
            let mut tasks = vec![after(10, ()), failing()];
            assert!(matches!(await_one(&mut tasks).await, Err(TaskError::Panicked(_))));
            await_one(&mut tasks).await.unwrap();
        })
        .unwrap();
}

#[test]
fn await_one_dropped_half_way_loses_nothing() {
    plain()
        .run(async {
            let mut tasks = vec![after(10, 1), after(20, 2)];
            for _ in 0..5 {
                assert!(poll_once(&mut Box::pin(await_one(&mut tasks))).await.is_none());
            }
            assert_eq!(tasks.len(), 2);
            assert_eq!(await_one(&mut tasks).await.unwrap(), 1);
            assert_eq!(await_one(&mut tasks).await.unwrap(), 2);
        })
        .unwrap();
}

#[test]
fn await_first_prefers_one_that_returned_among_those_that_have_ended() {
    plain()
        .run(async {
            for winner in 0..3 {
                let mut tasks: Vec<_> = (0..3).map(|_| failing()).collect();
                tasks[winner] = spawn(async move { winner });
                until(|| tasks.iter().all(|task| task.state() != PromiseState::Running)).await;
                assert_eq!(await_first(tasks).await.unwrap(), winner);
            }
        })
        .unwrap();
}

#[test]
fn await_first_takes_the_first_to_end_though_it_failed() {
    plain()
        .run(async {
            let result = await_first([after(50, ()), failing()]).await;
            assert!(matches!(result, Err(TaskError::Panicked(_))));
            let cancelled = spawn(async {
                let result = await_first([spawn(pending::<()>()), failing()]).await;
                assert!(matches!(result, Err(TaskError::Panicked(_))));
            });
            cancelled.await.unwrap();
        })
        .unwrap();
}

#[test]
fn await_first_returns_when_the_losers_have_finished() {
    each(|builder| {
        builder
            .run(async {
                let (ended, started) = (Log::default(), Log::default());
                let gate = Gate::default();
                let loser = |name: &'static str| {
                    let (ended, started) = (ended.clone(), started.clone());
                    async move || {
                        let log = ended.clone();
                        let _end = on_drop(move || log.push(name));
                        // Its own child has to end as well.
                        let child = spawn(async move {
                            let _end = on_drop(|| ended.push("child"));
                            started.push(());
                            pending::<()>().await;
                        });
                        child.await.unwrap();
                    }
                };
                let opened = gate.clone();
                let winner = spawn(async move { opened.opened().await });
                let (here, there) = (loser("here"), loser("there"));
                let tasks = vec![spawn(async move { here().await }), winner, call(there)];
                until(|| started.len() == 2).await;
                gate.open();
                await_first(tasks).await.unwrap();
                let mut ended = ended.take();
                ended.sort_unstable();
                assert_eq!(ended, ["child", "child", "here", "there"]);
            })
            .unwrap();
    });
}

#[test]
fn await_first_cancels_all_losers_before_it_waits_for_one() {
    plain()
        .extra_domains(3)
        .run(async {
            // Each loser's end waits for the ends of the others to have begun.
            let begun = Log::default();
            let started = Log::default();
            let mut tasks: Vec<_> = vigie::Domain::available()
                .into_iter()
                .map(|domain| {
                    let (begun, started) = (begun.clone(), started.clone());
                    call_on(domain, async move || {
                        let _end = on_drop(|| {
                            begun.push(());
                            while begun.len() < 3 {
                                std::thread::yield_now();
                            }
                        });
                        started.push(());
                        pending::<()>().await;
                    })
                })
                .collect();
            until(|| started.len() == 3).await;
            tasks.push(spawn(async {}));
            await_first(tasks).await.unwrap();
            assert_eq!(begun.len(), 3);
        })
        .unwrap();
}

#[test]
fn dropped_half_way_they_cancel_what_is_left() {
    plain()
        .run(async {
            let drops = Drops::default();
            let waiting = || {
                let drops = drops.clone();
                spawn(async move {
                    let _traced = Traced("task", drops);
                    pending::<()>().await;
                })
            };
            let all = async { drop(await_all([after(0, ()), waiting(), waiting()]).await) };
            or(all, turns(5)).await;
            yield_now().await;
            assert_eq!(drops.take().len(), 2);
            let first = async { drop(await_first([waiting(), waiting()]).await) };
            or(first, turns(5)).await;
            yield_now().await;
            assert_eq!(drops.take().len(), 2);
        })
        .unwrap();
}

#[test]
fn many_are_awaited_at_once() {
    plain()
        .run(async {
            let results = await_all((0..MANY).map(|n| after(n % 3, n))).await.unwrap();
            for (n, result) in results.into_iter().enumerate() {
                assert_eq!(result.unwrap(), n);
            }
        })
        .unwrap();
}
