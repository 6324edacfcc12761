//! Calls: tasks on other domains.

use std::{
    future::{Future, pending},
    mem,
    pin::Pin,
    rc::Rc,
    sync::mpsc,
    task::{Context, Poll},
    thread,
};

use futures_lite::future::poll_once;
use vigie::{
    Builder, Domain, Promise, PromiseState, TaskError, await_all, call, call_on, run, spawn, yield_now,
};

use crate::support::{Bomb, Drops, Gate, Log, MANY, Traced, each, on_drop, plain, rounds, turns, until};

fn index() -> usize {
    Domain::current().unwrap().index()
}

/// The domain of this run with that number.
fn domain(index: usize) -> Domain {
    Domain::all()[index]
}

/// Has the thread of a domain block, outside of the runtime's sight, until the sender goes; returns
/// when it does.
async fn occupy(domain: Domain) -> (mpsc::Sender<()>, Promise<()>) {
    let (release, released) = mpsc::channel();
    let (gate, occupied) = (Gate::default(), Gate::default());
    let theirs = occupied.clone();
    let busy = call_on(domain, move || async move {
        theirs.open();
        // The sender is dropped, and nothing ever sent.
        let _ = released.recv();
        gate.open();
    });
    occupied.opened().await;
    (release, busy)
}

#[test]
fn a_call_never_goes_to_domain_0_or_to_its_callers() {
    plain()
        .extra_domains(3)
        .run(async {
            async fn targets() -> Vec<usize> {
                let calls = (0..30).map(|_| call(async || index()));
                let mut targets: Vec<_> =
                    await_all(calls).await.unwrap().into_iter().map(Result::unwrap).collect();
                targets.sort_unstable();
                targets.dedup();
                targets
            }
            assert_eq!(targets().await, [1, 2, 3]);
            for (own, others) in [(1, [2, 3]), (2, [1, 3]), (3, [1, 2])] {
                let (seen, available) = call_on(domain(own), async || {
                    (targets().await, Domain::available().into_iter().map(|domain| domain.index()).collect())
                })
                .await
                .unwrap();
                let _: &Vec<usize> = &available;
                assert_eq!(seen, others);
                assert_eq!(available, others);
            }
        })
        .unwrap();
}

#[test]
fn calls_go_round() {
    plain()
        .extra_domains(3)
        .run(async {
            let calls = (0..9).map(|_| call(async || index()));
            let targets: Vec<_> = await_all(calls).await.unwrap().into_iter().map(Result::unwrap).collect();
            let mut first = targets[..3].to_vec();
            assert_eq!(targets, first.repeat(3));
            first.sort_unstable();
            assert_eq!(first, [1, 2, 3]);
        })
        .unwrap();
}

#[test]
fn a_seed_decides_the_domains_of_calls() {
    let targets = |seed| {
        plain().extra_domains(3).seed(seed).run(async {
            let calls = (0..30).map(|_| call(async || index()));
            await_all(calls).await.unwrap().into_iter().map(Result::unwrap).collect::<Vec<_>>()
        })
    };
    let one = targets(1).unwrap();
    assert_eq!(one, targets(1).unwrap());
    assert_ne!(one, targets(2).unwrap());
    assert!((1..=3).all(|domain| one.contains(&domain)), "{one:?}");
}

#[test]
fn a_call_that_can_go_nowhere_says_so() {
    fn refused(promise: Promise<()>) -> impl Future<Output = ()> {
        assert_eq!(promise.state(), PromiseState::Failed);
        async {
            let result = promise.await;
            assert!(matches!(result, Err(TaskError::NoDomainAvailable)), "{result:?}");
        }
    }
    let elsewhere = plain().run(async { domain(1) }).unwrap();
    plain()
        .extra_domains(0)
        .run(async {
            let drops = Drops::default();
            let captured = Traced("captured", drops.clone());
            let promise = call(move || async move { drop(captured) });
            assert_eq!(drops.take(), [("captured", Domain::current())], "at once");
            refused(promise).await;
            refused(call_on(domain(0), async || ())).await;
        })
        .unwrap();
    plain()
        .extra_domains(1)
        .run(async move {
            refused(call_on(domain(0), async || ())).await;
            refused(call_on(elsewhere, async || ())).await;
            call_on(domain(1), async move || {
                refused(call(async || ())).await;
                refused(call_on(domain(0), async || ())).await;
                refused(call_on(domain(1), async || ())).await;
            })
            .await
            .unwrap();
            // To cancel or to drop what never was is harmless.
            call_on(domain(0), async || ()).cancel().await.unwrap();
            drop(call_on(domain(0), async || ()));
        })
        .unwrap();
}

#[test]
fn calls_queued_while_the_target_is_busy_start_in_order() {
    plain()
        .run(async {
            let (release, busy) = occupy(domain(1)).await;
            let log = Log::default();
            let calls: Vec<_> = (0..100)
                .map(|n| {
                    let log = log.clone();
                    call_on(domain(1), move || {
                        log.push((n, "closure"));
                        async move { log.push((n, "future")) }
                    })
                })
                .collect();
            assert_eq!(log.len(), 0);
            drop(release);
            await_all(calls).await.unwrap();
            busy.await.unwrap();
            let order: Vec<_> = (0..100).flat_map(|n| [(n, "closure"), (n, "future")]).collect();
            assert_eq!(log.take(), order);
        })
        .unwrap();
}

#[test]
fn a_call_queues_behind_the_tasks_that_are_there() {
    plain()
        .run(async {
            let (log, ready) = (Log::default(), Gate::default());
            let (go, gone) = mpsc::channel::<()>();
            let (theirs, started) = (log.clone(), ready.clone());
            let first = call_on(domain(1), async move || {
                let tasks: Vec<_> = (0..10)
                    .map(|_| {
                        let log = theirs.clone();
                        spawn(async move { log.push("task") })
                    })
                    .collect();
                started.open();
                // The second comes while they wait for their turn.
                let _ = gone.recv();
                await_all(tasks).await.unwrap();
            });
            ready.opened().await;
            let theirs = log.clone();
            let second = call_on(domain(1), async move || theirs.push("call"));
            drop(go);
            first.await.unwrap();
            second.await.unwrap();
            assert_eq!(log.take(), [vec!["task"; 10], vec!["call"]].concat());
        })
        .unwrap();
}

#[test]
fn calls_of_several_callers_keep_each_callers_order() {
    plain()
        .extra_domains(3)
        .run(async {
            let (release, busy) = occupy(domain(3)).await;
            let (log, queued) = (Log::default(), Log::default());
            let callers: Vec<_> = [1, 2]
                .map(|caller| {
                    let (log, queued) = (log.clone(), queued.clone());
                    call_on(domain(caller), async move || {
                        let calls: Vec<_> = (0..100)
                            .map(|n| {
                                let log = log.clone();
                                call_on(domain(3), async move || log.push((caller, n)))
                            })
                            .collect();
                        queued.push(());
                        await_all(calls).await.unwrap();
                    })
                })
                .into();
            until(|| queued.len() == 2).await;
            drop(release);
            await_all(callers).await.unwrap();
            busy.await.unwrap();
            let log = log.take();
            for caller in [1, 2] {
                let order = log.iter().filter(|(of, _)| *of == caller).map(|(_, n)| *n);
                assert!(order.eq(0..100));
            }
        })
        .unwrap();
}

#[test]
fn a_called_future_need_not_be_send_and_stays_there() {
    plain()
        .run(async {
            let drops = Drops::default();
            let theirs = drops.clone();
            let there = call(move || async move {
                let not_send = Rc::new(Traced("the future's", theirs));
                let (mine, thread) = (not_send.clone(), thread::current().id());
                for _ in 0..10 {
                    yield_now().await;
                    assert_eq!(thread::current().id(), thread);
                }
                let child = spawn(async move { drop(mine) });
                child.await.unwrap();
                Domain::current()
            });
            let there = there.await.unwrap();
            assert_eq!(drops.take(), [("the future's", there)]);
        })
        .unwrap();
}

#[test]
fn the_result_of_a_call_is_dropped_once() {
    let drops = Drops::default();
    let all = drops.clone();
    plain()
        .run(async move {
            let here = Domain::current();
            let result = |drops: &Drops| {
                let drops = drops.clone();
                call(async move || Traced("result", drops))
            };

            let taken = result(&drops).await.unwrap();
            assert_eq!(drops.len(), 0);
            drop(taken);
            assert_eq!(drops.take(), [("result", here)], "taken");

            let finished = result(&drops);
            until(|| finished.state() == PromiseState::Returned).await;
            assert_eq!(drops.len(), 0);
            drop(finished);
            assert_eq!(drops.take(), [("result", here)], "its promise dropped after the end");

            let finished = result(&drops);
            until(|| finished.state() == PromiseState::Returned).await;
            finished.cancel().await.unwrap();
            assert_eq!(drops.take(), [("result", here)], "cancelled after the end");

            // Cancelled at all sorts of moments: there is a result or there is none.
            for round in 0..rounds(200) {
                let made = Log::default();
                let (theirs, drops_there) = (made.clone(), drops.clone());
                let promise = call(async move || {
                    theirs.push(());
                    Traced("result", drops_there)
                });
                for _ in 0..round % 50 {
                    thread::yield_now();
                }
                promise.cancel().await.unwrap();
                assert_eq!(drops.take().len(), made.len(), "cancelled some time");
            }

            // On its return, which its leaked child outlives.
            let returned = Gate::default();
            let (theirs, drops_there) = (returned.clone(), drops.clone());
            let promise = call(async move || {
                mem::forget(spawn(async move {
                    theirs.open();
                    pending::<()>().await;
                }));
                Traced("result", drops_there)
            });
            returned.opened().await;
            promise.cancel().await.unwrap();
            assert_eq!(drops.take().len(), 1, "cancelled between its return and the end of its child");

            mem::forget(result(&drops));
        })
        .unwrap();
    assert!(all.len() <= 1, "a leak is no double drop");
}

#[test]
fn a_panic_of_a_call_is_its_result() {
    plain()
        .run(async {
            let message = |result: Result<(), TaskError>| match result {
                Err(TaskError::Panicked(panic)) => panic.message(),
                other => panic!("{other:?}"),
            };
            struct Unmade;
            impl Future for Unmade {
                type Output = ();
                fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
                    unreachable!("the closure panics")
                }
            }
            let closure = call(|| -> Unmade { panic!("in the closure") });
            assert_eq!(message(closure.await).as_deref(), Some("in the closure"));
            let future = call(|| async {
                yield_now().await;
                panic!("in the future")
            });
            assert_eq!(message(future.await).as_deref(), Some("in the future"));
            let local = call(|| async {
                let _bomb = Bomb;
            });
            assert_eq!(message(local.await).as_deref(), Some("the bomb went off"));
            assert_eq!(call(async || "and it works on").await.unwrap(), "and it works on");
        })
        .unwrap();
}

#[test]
fn a_call_cancelled_before_it_starts_never_starts() {
    each(|builder| {
        builder
            .run(async {
                let (release, busy) = occupy(domain(1)).await;
                let (drops, started) = (Drops::default(), Log::default());
                let doomed: Vec<_> = (0..3)
                    .map(|_| {
                        let (captured, log) = (Traced("captured", drops.clone()), started.clone());
                        call_on(domain(1), move || {
                            log.push("closure");
                            async move { drop(captured) }
                        })
                    })
                    .collect();
                let mut doomed = doomed.into_iter();
                let mut cancelled = doomed.next().unwrap().cancel();
                drop(doomed.next().unwrap());
                drop(doomed.next().unwrap().cancel());
                turns(10).await;
                assert!(poll_once(&mut cancelled).await.is_none(), "its domain has not heard of it");
                assert_eq!(drops.len(), 0);
                drop(release);
                cancelled.await.unwrap();
                // A later call finds the earlier messages read.
                call_on(domain(1), async || ()).await.unwrap();
                assert_eq!(drops.take(), [("captured", Some(domain(1))); 3], "there, not here");
                assert_eq!(started.len(), 0);
                busy.await.unwrap();
            })
            .unwrap();
    });
}

#[test]
fn a_call_cancelled_while_it_runs_has_stopped_when_cancel_returns() {
    each(|builder| {
        builder
            .run(async {
                let (drops, started) = (Drops::default(), Gate::default());
                let (theirs, there) = (drops.clone(), started.clone());
                let running = call_on(domain(2), async move || {
                    let _traced = Traced("the future's", theirs);
                    there.open();
                    pending::<()>().await;
                });
                started.opened().await;
                assert_eq!(running.state(), PromiseState::Running);
                running.cancel().await.unwrap();
                assert_eq!(drops.take(), [("the future's", Some(domain(2)))]);
            })
            .unwrap();
    });
}

#[test]
fn a_call_cancelled_while_its_children_run_elsewhere_waits_for_them() {
    each(|builder| {
        builder
            .extra_domains(3)
            .run(async {
                let (drops, started) = (Drops::default(), Log::default());
                let (theirs, there) = (drops.clone(), started.clone());
                let eldest = call_on(domain(1), async move || {
                    let _own = Traced("child", theirs.clone());
                    let children = [2, 3].map(|to| {
                        let (theirs, there) = (theirs.clone(), there.clone());
                        call_on(domain(to), async move || {
                            let _own = Traced("grandchild", theirs.clone());
                            call_on(domain(1), async move || {
                                let _own = Traced("great-grandchild", theirs);
                                there.push(());
                                pending::<()>().await;
                            })
                            .await
                            .unwrap();
                        })
                    });
                    await_all(children).await.unwrap();
                });
                until(|| started.len() == 2).await;
                eldest.cancel().await.unwrap();
                let mut seen = drops.take();
                seen.sort_unstable();
                let on = |index| Some(domain(index));
                assert_eq!(
                    seen,
                    [
                        ("child", on(1)),
                        ("grandchild", on(2)),
                        ("grandchild", on(3)),
                        ("great-grandchild", on(1)),
                        ("great-grandchild", on(1)),
                    ]
                );
            })
            .unwrap();
    });
}

#[test]
fn calls_nest_and_come_back() {
    each(|builder| {
        let trail = builder.run(async {
            call_on(domain(1), async || {
                let mut trail = vec![index()];
                trail.extend(
                    call_on(domain(2), async || {
                        let mut trail = vec![index()];
                        trail.push(call_on(domain(1), async || index()).await.unwrap());
                        trail
                    })
                    .await
                    .unwrap(),
                );
                trail
            })
            .await
            .unwrap()
        });
        assert_eq!(trail.unwrap(), [1, 2, 1]);
    });
}

/// A family of so many generations, each on another domain than the one before.
fn generations(depth: usize, youngest: Gate) -> Promise<usize> {
    call(move || -> Pin<Box<dyn Future<Output = usize>>> {
        Box::pin(async move {
            if depth == 0 {
                youngest.open();
                return pending().await;
            }
            generations(depth - 1, youngest).await.map_or(0, |below| below + 1)
        })
    })
}

#[test]
fn many_generations_on_several_domains_are_cancelled() {
    plain()
        .run(async {
            let reached = Gate::default();
            let eldest = generations(MANY / 10, reached.clone());
            reached.opened().await;
            eldest.cancel().await.unwrap();
            // And by the end of the run.
            let reached = Gate::default();
            let eldest = generations(MANY / 10, reached.clone());
            reached.opened().await;
            mem::drop(eldest);
        })
        .unwrap();
}

#[test]
fn no_result_is_slept_through() {
    // Each answer finds its caller about to sleep, asleep, or just up.
    each(|builder| {
        builder
            .run(async {
                for n in 0..rounds(2000) {
                    assert_eq!(call(async move || n + 1).await.unwrap(), n + 1);
                }
            })
            .unwrap();
    });
}

#[test]
fn domain_0_reads_its_inbox_though_its_queue_never_empties() {
    each(|builder| {
        builder
            .run(async {
                let endless = spawn(async {
                    loop {
                        yield_now().await;
                    }
                });
                for n in 0..rounds(100) {
                    assert_eq!(call(async move || n).await.unwrap(), n);
                }
                endless.cancel().await.unwrap();
            })
            .unwrap();
    });
}

#[test]
fn many_calls_at_once_come_back() {
    plain()
        .run(async {
            let calls: Vec<_> = (0..MANY / 10)
                .map(|n| {
                    call(async move || {
                        let twice = call(async move || 2 * n);
                        twice.await.unwrap() + spawn(async move { n }).await.unwrap()
                    })
                })
                .collect();
            for (n, result) in await_all(calls).await.unwrap().into_iter().enumerate() {
                assert_eq!(result.unwrap(), 3 * n);
            }
        })
        .unwrap();
}

#[test]
fn a_call_whose_promise_is_dropped_is_waited_for_by_the_run() {
    for _ in 0..rounds(20) {
        let log = Log::default();
        let seen = log.clone();
        plain()
            .run(async move {
                let started = Gate::default();
                let there = started.clone();
                let promise = call(async move || {
                    let _end = on_drop(|| log.push("dropped"));
                    there.open();
                    pending::<()>().await;
                });
                started.opened().await;
                drop(promise);
            })
            .unwrap();
        assert_eq!(seen.take(), ["dropped"]);
    }
}

#[test]
fn the_caller_sees_what_the_call_did() {
    // Plain memory, handed over and back by the runtime alone.
    plain()
        .run(async {
            let mut numbers = vec![0_u64; 64];
            for round in 1..100 {
                numbers = call(move || async move {
                    numbers.iter_mut().for_each(|n| *n += round);
                    numbers
                })
                .await
                .unwrap();
            }
            assert_eq!(numbers, [4950; 64]);
        })
        .unwrap();
}

#[test]
fn a_call_outside_of_a_run_gives_an_error() {
    let promise = call(async || ());
    let result = futures_lite::future::block_on(promise);
    assert!(matches!(result, Err(TaskError::OutsideRuntime)));
    let there = run(async { Domain::all()[1] }).unwrap();
    let result = futures_lite::future::block_on(call_on(there, async || ()));
    assert!(matches!(result, Err(TaskError::OutsideRuntime)));
    assert!(Builder::new().run(async {}).is_ok());
}
