//! Tasks of one domain: how they start, end, fail, and what they leave.

mod family;
mod panics;
mod values;

use std::{
    cell::Cell,
    future::pending,
    mem,
    rc::{Rc, Weak},
};

use futures_lite::future::{block_on, poll_once};
use vigie::{Builder, Domain, Promise, PromiseState, TaskError, call, spawn, yield_now};

use crate::support::{Drops, Gate, Log, MANY, Traced, alone, plain, turns};

#[test]
fn a_task_starts_when_its_parent_gives_way_and_in_the_order_of_spawning() {
    let log = Log::default();
    let logged = log.clone();
    plain()
        .run(async move {
            let tasks: Vec<_> = (0..10)
                .map(|n| {
                    let log = log.clone();
                    spawn(async move { log.push(n) })
                })
                .collect();
            assert_eq!(log.len(), 0, "nothing has started yet");
            // The last is awaited first, which changes nothing.
            for task in tasks.into_iter().rev() {
                task.await.unwrap();
            }
        })
        .unwrap();
    assert_eq!(logged.take(), (0..10).collect::<Vec<_>>());
}

/// The order in which tasks run that yield once.
fn order(builder: Builder) -> Vec<usize> {
    let log = Log::default();
    let logged = log.clone();
    builder
        .run(async move {
            let tasks = (0..30).map(|n| {
                let log = log.clone();
                spawn(async move {
                    log.push(n);
                    yield_now().await;
                    log.push(n);
                })
            });
            vigie::await_all(tasks).await.unwrap();
        })
        .unwrap();
    logged.take()
}

#[test]
fn a_seed_decides_the_order_of_tasks() {
    let unseeded: Vec<_> = (0..30).chain(0..30).collect();
    assert_eq!(order(plain()), unseeded);
    let one = order(plain().seed(1));
    assert_eq!(one, order(plain().seed(1)), "the same seed gives the same order");
    assert_ne!(one, order(plain().seed(2)), "another seed gives another");
    assert_ne!(one, unseeded);
    let mut sorted = one;
    sorted.sort_unstable();
    assert_eq!(sorted, (0..30).flat_map(|n| [n, n]).collect::<Vec<_>>(), "each runs, twice");
}

#[test]
fn a_future_need_not_be_send() {
    let seen = plain().run(async {
        let shared = Rc::new(Cell::new(1));
        let theirs = shared.clone();
        let task = spawn(async move {
            theirs.set(2);
            yield_now().await;
            theirs.set(theirs.get() + 1);
            theirs
        });
        let theirs = task.await.unwrap();
        assert!(Rc::ptr_eq(&shared, &theirs));
        shared.get()
    });
    assert_eq!(seen.unwrap(), 3);
}

#[test]
fn many_tasks_are_spawned_and_awaited() {
    let sum = plain().run(async {
        let tasks: Vec<_> = (0..MANY).map(|n| spawn(async move { n })).collect();
        let mut sum = 0;
        for task in tasks {
            sum += task.await.unwrap();
        }
        sum
    });
    assert_eq!(sum.unwrap(), MANY * (MANY - 1) / 2);
}

#[test]
fn the_state_of_a_promise_says_how_its_task_ended() {
    plain()
        .run(async {
            let mut returned = spawn(async { 1 });
            let panicked = spawn(async { panic!("on purpose") });
            let running = spawn(pending::<()>());
            assert_eq!(returned.state(), PromiseState::Running);
            turns(2).await;
            assert_eq!(returned.state(), PromiseState::Returned);
            let _: &Promise<()> = &panicked;
            assert_eq!(panicked.state(), PromiseState::Panicked);
            assert_eq!(running.state(), PromiseState::Running);
            assert_eq!((&mut returned).await.unwrap(), 1);
            assert_eq!(returned.state(), PromiseState::Returned);
        })
        .unwrap();
}

#[test]
fn locals_are_dropped_in_reverse_order_before_the_promise_resolves() {
    let drops = Drops::default();
    let dropped = drops.clone();
    plain()
        .run(async move {
            let names = ["third", "second", "first"];
            let body = |drops: Drops, ends: bool| async move {
                let _third = Traced("third", drops.clone());
                let _second = Traced("second", drops.clone());
                yield_now().await;
                let _first = Traced("first", drops.clone());
                if !ends {
                    pending::<()>().await;
                }
            };
            let seen =
                |drops: &Drops| drops.take().into_iter().map(|(name, _)| name).rev().collect::<Vec<_>>();
            spawn(body(drops.clone(), true)).await.unwrap();
            assert_eq!(seen(&drops), names);
            let task = spawn(body(drops.clone(), false));
            turns(3).await;
            task.cancel().await.unwrap();
            assert_eq!(seen(&drops), names);
            let task = spawn(body(drops.clone(), false));
            yield_now().await;
            task.cancel().await.unwrap();
            assert_eq!(seen(&drops), names[..2], "what was made is dropped, and nothing else");
            let task = spawn({
                let body = body(drops.clone(), false);
                async move {
                    let mut body = Box::pin(body);
                    poll_once(&mut body).await;
                    poll_once(&mut body).await;
                    panic!("with all of them alive");
                }
            });
            assert!(matches!(task.await, Err::<(), _>(TaskError::Panicked(_))));
            assert_eq!(seen(&drops), names);
        })
        .unwrap();
    assert_eq!(dropped.len(), 0, "each was dropped once");
}

#[test]
fn a_result_is_dropped_once_and_on_its_domain() {
    let drops = Drops::default();
    let all = drops.clone();
    plain()
        .run(async move {
            let task = |drops: &Drops| {
                let drops = drops.clone();
                spawn(async move { Traced("result", drops) })
            };
            let once = [("result", Domain::current())];

            let taken = task(&drops).await.unwrap();
            assert_eq!(drops.len(), 0);
            drop(taken);
            assert_eq!(drops.take(), once, "taken and dropped by the parent");

            let finished = task(&drops);
            yield_now().await;
            assert_eq!(drops.len(), 0);
            drop(finished);
            assert_eq!(drops.take(), once, "its promise dropped after the end");

            let finished = task(&drops);
            yield_now().await;
            finished.cancel().await.unwrap();
            assert_eq!(drops.take(), once, "cancelled after the end");

            drop(task(&drops));
            turns(2).await;
            assert_eq!(drops.len(), 0, "never made");

            let parent = spawn({
                let finished = task(&drops);
                async move {
                    // Somebody else's child's promise: dropping it cancels all the same.
                    drop(finished);
                }
            });
            parent.await.unwrap();
            turns(2).await;
            assert_eq!(drops.take(), once, "given away");

            let cancelled_behind_a_child = {
                let drops = drops.clone();
                spawn(async move {
                    mem::forget(spawn(pending::<()>()));
                    Traced("result", drops)
                })
            };
            turns(3).await;
            assert_eq!(drops.len(), 0);
            cancelled_behind_a_child.cancel().await.unwrap();
            assert_eq!(drops.take(), once, "cancelled between its return and the end of its child");

            let leaked = task(&drops);
            yield_now().await;
            mem::forget(leaked);
            turns(2).await;
            assert!(drops.take().len() <= 1, "a leak is no double drop");
        })
        .unwrap();
    assert!(all.len() <= 1, "nor is one later");
}

#[test]
fn nothing_is_kept_of_a_task_that_has_finished() {
    plain()
        .run(async {
            let value = Rc::new(());
            let (captured, returned): (Weak<()>, Weak<()>) = {
                let theirs = Rc::new(());
                let captured = Rc::downgrade(&theirs);
                let task = spawn(async move {
                    yield_now().await;
                    drop(theirs.clone());
                    Rc::new(())
                });
                let result = task.await.unwrap();
                (captured, Rc::downgrade(&result))
            };
            assert!(captured.upgrade().is_none() && returned.upgrade().is_none());
            // No more than what waits in a queue, or did.
            let waiting: Vec<_> = (0..10)
                .map(|_| {
                    let value = value.clone();
                    spawn(async move {
                        let _value = value;
                        turns(5).await;
                    })
                })
                .collect();
            turns(3).await;
            drop(waiting);
            yield_now().await;
            assert_eq!(Rc::strong_count(&value), 1);
        })
        .unwrap();
}

#[test]
fn a_promise_awaited_again_says_cancelled() {
    plain()
        .run(async {
            let mut local = spawn(async { 1 });
            assert_eq!((&mut local).await.unwrap(), 1);
            assert!(matches!((&mut local).await, Err(TaskError::Cancelled)));
            assert!(matches!(local.await, Err(TaskError::Cancelled)));
            let mut remote = call(|| async { 1 });
            assert_eq!((&mut remote).await.unwrap(), 1);
            assert!(matches!(remote.await, Err(TaskError::Cancelled)));
        })
        .unwrap();
}

#[test]
fn a_promise_may_be_awaited_a_little_at_a_time() {
    plain()
        .run(async {
            let gate = Gate::default();
            let theirs = gate.clone();
            let mut task = spawn(async move {
                theirs.opened().await;
                "the result"
            });
            for _ in 0..10 {
                assert!(poll_once(&mut task).await.is_none());
            }
            gate.open();
            assert_eq!(task.await.unwrap(), "the result");
        })
        .unwrap();
}

#[test]
fn promises_that_leave_the_run_are_harmless() {
    let gate = Gate::default();
    let theirs = gate.clone();
    let (local, mut remote, nested) = plain()
        .run(async move {
            let local = spawn(async move {
                theirs.opened().await;
                1
            });
            let remote = call(|| async { vec![2] });
            let nested = spawn(async { (spawn(async { 3 }),) });
            gate.open();
            (local, remote, nested)
        })
        .unwrap();
    // The run returned when they had finished, as those of a task that returned do.
    assert_eq!(local.state(), PromiseState::Returned);
    assert_eq!(remote.state(), PromiseState::Returned);
    assert!(matches!(block_on(&mut remote), Err(TaskError::NotAChild)));
    assert!(matches!(block_on(local.cancel()), Err(TaskError::NotAChild)));
    drop(nested);
    // And in the next run they are nobody's.
    plain()
        .run(async move {
            assert!(matches!((&mut remote).await, Err(TaskError::NotAChild)));
            assert!(matches!(remote.cancel().await, Err(TaskError::NotAChild)));
        })
        .unwrap();
}

#[cfg(all(target_os = "linux", not(miri)))]
#[test]
fn finished_tasks_leave_no_memory_behind() {
    use crate::support::proc;

    alone("tasks::finished_tasks_leave_no_memory_behind", || {
        plain()
            .run(async {
                let round = async |count| {
                    for n in 0..count {
                        let task = spawn(async move { vec![n; 16] });
                        assert_eq!(task.await.unwrap().len(), 16);
                        spawn(pending::<()>()).cancel().await.unwrap();
                        drop(spawn(pending::<()>()));
                        if n % 16 == 0 {
                            call(move || async move { vec![n; 16] }).await.unwrap();
                        }
                    }
                };
                round(MANY / 10).await;
                let before = proc::memory();
                round(2 * MANY).await;
                let grown = proc::memory().saturating_sub(before);
                assert!(grown < 2048, "{grown} KiB more than {before}");
            })
            .unwrap();
    });
}
