//! Scopes: futures of one task that borrow from around it.

mod ends;
mod panics;
mod wakes;

use std::{
    cell::{Cell, RefCell},
    future::{Future, pending},
    mem,
    pin::Pin,
    rc::Rc,
};

use futures_lite::future::{block_on, poll_once};
use vigie::{Promise, Scope, TaskError, TaskId, call, scope, spawn, yield_now};

use crate::support::{Drops, Gate, MANY, Traced, plain, turns};

#[test]
fn scoped_tasks_borrow_what_lives_around_the_scope() {
    plain()
        .run(async {
            let numbers = vec![1, 2, 3, 4];
            let seen = RefCell::new(Vec::new());
            let mut count = 0;
            let sum = scope(async |s| {
                // Neither `Send` nor `'static`, and one borrow is exclusive.
                s.spawn(async {
                    yield_now().await;
                    count += 1;
                });
                for part in numbers.chunks(2) {
                    let seen = &seen;
                    s.spawn(async move {
                        yield_now().await;
                        seen.borrow_mut().extend_from_slice(part);
                    });
                }
                numbers.iter().sum::<i32>()
            })
            .await;
            assert_eq!((sum, count), (10, 1));
            assert_eq!(seen.into_inner(), numbers);
        })
        .unwrap();
}

#[test]
fn results_come_from_the_handles() {
    plain()
        .run(async {
            let words = &["one", "three"];
            let lengths = scope(|s| async move {
                let tasks = words.map(|word| {
                    s.spawn(async move {
                        turns(word.len()).await;
                        word.len()
                    })
                });
                let mut lengths = Vec::new();
                for mut task in tasks {
                    assert!(!task.is_finished());
                    lengths.push((&mut task).await.unwrap());
                    assert!(task.is_finished());
                    assert!(matches!(task.await, Err(TaskError::Cancelled)), "only once");
                }
                lengths
            })
            .await;
            assert_eq!(lengths, [3, 5]);
        })
        .unwrap();
}

#[test]
fn a_scope_waits_for_all_though_their_handles_are_dropped() {
    plain()
        .run(async {
            let ended = Cell::new(0);
            let (body, left) = scope(async |s| {
                for n in 0..10 {
                    let ended = &ended;
                    drop(s.spawn(async move {
                        turns(n).await;
                        ended.set(ended.get() + 1);
                    }));
                }
                (ended.get(), s.spawn(async { "taken out of the scope" }))
            })
            .await;
            assert_eq!((body, ended.get()), (0, 10), "the body did not wait, the scope did");
            assert_eq!(left.await.unwrap(), "taken out of the scope");
        })
        .unwrap();
}

#[test]
fn a_scope_stands_within_a_scope() {
    plain()
        .run(async {
            let outer = [1, 2, 3];
            let total = scope(async |s| {
                let tasks = [0, 10].map(|add| {
                    let outer = &outer;
                    s.spawn(async move {
                        // The inner one borrows from the task that the outer one runs.
                        let inner: Vec<i32> = outer.iter().map(|n| n + add).collect();
                        scope(async |s| {
                            let tasks: Vec<_> = inner
                                .iter()
                                .map(|n| {
                                    s.spawn(async move {
                                        yield_now().await;
                                        *n
                                    })
                                })
                                .collect();
                            let mut sum = 0;
                            for task in tasks {
                                sum += task.await.unwrap();
                            }
                            sum
                        })
                        .await
                    })
                });
                let [a, b] = tasks;
                a.await.unwrap() + b.await.unwrap()
            })
            .await;
            assert_eq!(total, 6 + 36);
        })
        .unwrap();
}

#[test]
fn scoped_tasks_spawn_more_through_a_clone_of_the_handle() {
    fn grow<'env>(s: Scope<'env>, depth: usize, leaves: &'env Cell<usize>) {
        for _ in 0..2 {
            let inner = s.clone();
            s.spawn(async move {
                yield_now().await;
                if depth > 0 { grow(inner, depth - 1, leaves) } else { leaves.set(leaves.get() + 1) }
            });
        }
    }
    plain()
        .run(async {
            let leaves = Cell::new(0);
            scope(async |s| grow(s, 5, &leaves)).await;
            assert_eq!(leaves.get(), 64);
        })
        .unwrap();
}

#[test]
#[allow(clippy::async_yields_async, reason = "a promise goes out")]
fn they_are_no_tasks_of_the_tree_and_their_children_are_the_awaiting_tasks() {
    plain()
        .run(async {
            let outside = TaskId::current();
            let child: Promise<_> = scope(|s| async move {
                let task = s.spawn(async move {
                    assert_eq!(TaskId::current(), outside);
                    spawn(async { 1 })
                });
                // It outlives the scoped task, and is awaited by the one whose child it is.
                task.await.unwrap()
            })
            .await;
            assert_eq!(child.await.unwrap(), 1);
            let awaited = scope(|s| async move {
                let there = s.spawn(async { call(|| async { 2 }).await });
                let here = s.spawn(async { spawn(async { 3 }).await });
                (there.await.unwrap().unwrap(), here.await.unwrap().unwrap())
            });
            assert_eq!(awaited.await, (2, 3));
        })
        .unwrap();
}

#[test]
fn a_scope_needs_no_runtime() {
    let text = String::from("borrowed");
    let length = block_on(scope(async |s| {
        let task = s.spawn(async {
            yield_now().await;
            text.len()
        });
        task.await.unwrap()
    }));
    assert_eq!(length, 8);
}

#[test]
fn values_go_when_their_tasks_end_and_not_with_the_scope() {
    plain()
        .run(async {
            let drops = &Drops::default();
            scope(|s| async move {
                let task = s.spawn(async { Traced("with its handle", drops.clone()) });
                s.spawn(async { Traced("at once", drops.clone()) });
                turns(5).await;
                assert_eq!(drops.lock().iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["at once"]);
                drop(task);
                assert_eq!(drops.len(), 2);
            })
            .await;
        })
        .unwrap();
}

#[test]
fn a_leaked_scope_runs_nothing_more() {
    // No other domains, and no parking: Miri can follow.
    plain()
        .extra_domains(0)
        .run(async {
            let (steps, gate) = (Cell::new(0), Gate::default());
            let mut borrowed = vec![0; 4];
            {
                let first = &mut borrowed[0];
                let (steps, gate) = (&steps, &gate);
                let mut leaked = Box::pin(scope(|s| async move {
                    s.spawn(async move {
                        loop {
                            *first += 1;
                            steps.set(steps.get() + 1);
                            yield_now().await;
                        }
                    });
                    s.spawn(async {
                        gate.opened().await;
                        steps.set(steps.get() + 1000);
                    });
                    pending::<()>().await;
                }));
                // The body, and then what it spawned.
                for _ in 0..2 {
                    assert!(poll_once(leaked.as_mut()).await.is_none());
                }
                assert_eq!(steps.get(), 1);
                mem::forget(leaked);
            }
            // No borrow is left: this compiles, and is defined.
            borrowed.iter_mut().for_each(|n| *n += 1);
            borrowed.clear();
            gate.open();
            turns(10).await;
            assert_eq!((steps.get(), borrowed.len()), (1, 0));
        })
        .unwrap();
}

#[test]
fn a_crowd_of_scoped_tasks_ends_in_linear_time() {
    plain()
        .run(async {
            let (polls, ended) = (Cell::new(0), Cell::new(0));
            scope(async |s| {
                for _ in 0..MANY {
                    let (polls, ended) = (&polls, &ended);
                    s.spawn(async move {
                        for _ in 0..3 {
                            polls.set(polls.get() + 1);
                            yield_now().await;
                        }
                        ended.set(ended.get() + 1);
                    });
                }
            })
            .await;
            assert_eq!((polls.get(), ended.get()), (3 * MANY, MANY));
        })
        .unwrap();
}

#[test]
fn a_handle_may_be_awaited_by_another_task_of_the_domain() {
    plain()
        .run(async {
            let gate = Gate::default();
            let slot = Rc::new(RefCell::new(None));
            let (opened, theirs) = (gate.clone(), slot.clone());
            let other = spawn(async move {
                scope(|s| async move {
                    *theirs.borrow_mut() = Some(s.spawn(async move {
                        opened.opened().await;
                        7
                    }));
                })
                .await;
            });
            turns(3).await;
            let task = slot.take().unwrap();
            gate.open();
            assert_eq!(task.await.unwrap(), 7);
            other.await.unwrap();
        })
        .unwrap();
}

/// Polls it so many times, with the current task's waker.
async fn poll_times<F: Future>(mut future: Pin<&mut F>, times: usize) {
    for _ in 0..times {
        assert!(poll_once(future.as_mut()).await.is_none());
    }
}
