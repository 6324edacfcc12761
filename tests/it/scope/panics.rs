//! Panics: of the body, of scoped tasks, of their destructors.

use std::{
    cell::Cell,
    future::{Future, pending},
    panic::{AssertUnwindSafe, catch_unwind, panic_any},
    pin::Pin,
    task::{Context, Poll},
};

use vigie::{Scope, TaskError, scope, spawn, yield_now};

use super::poll_times;
use crate::support::{Bomb, Drops, Log, Traced, alone, on_drop, plain, turns};

/// The message of the panic that ends `scope` in a task of its own.
async fn message_of<T: 'static>(scope: impl Future<Output = T> + 'static) -> String {
    match spawn(scope).await {
        Err(TaskError::Panicked(panic)) => panic.message().unwrap(),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("no panic"),
    }
}

#[test]
fn a_panic_that_is_taken_from_the_handle_harms_nobody() {
    plain()
        .run(async {
            scope(|s| async move {
                let bystander = s.spawn(async {
                    turns(5).await;
                    "unharmed"
                });
                let task = s.spawn(async {
                    yield_now().await;
                    panic!("number {}", 7);
                });
                match task.await {
                    Err(TaskError::Panicked(panic)) => {
                        assert_eq!(panic.message().as_deref(), Some("number 7"));
                    }
                    other => panic!("{other:?}"),
                }
                assert_eq!(bystander.await.unwrap(), "unharmed");
            })
            .await;
        })
        .unwrap();
}

#[test]
fn a_panic_that_nobody_takes_resumes_when_the_others_have_ended() {
    plain()
        .run(async {
            let log = Log::default();
            let theirs = log.clone();
            let message = message_of(scope(|s| async move {
                let log = theirs.clone();
                s.spawn(async move {
                    turns(10).await;
                    log.push("other");
                });
                // Neither the handle that is kept nor that which is dropped is asked.
                let _kept = s.spawn(async { panic!("the first") });
                s.spawn(async { panic!("the second") });
                turns(5).await;
                theirs.push("body");
            }));
            assert_eq!(message.await, "the first");
            assert_eq!(log.take(), ["body", "other"]);
        })
        .unwrap();
}

#[test]
fn among_several_that_of_the_task_spawned_first_resumes() {
    plain()
        .run(async {
            let message = message_of(scope(|s| async move {
                s.spawn(async {
                    turns(5).await;
                    panic!("spawned first");
                });
                s.spawn(async { panic!("panicked first") });
            }));
            assert_eq!(message.await, "spawned first");
        })
        .unwrap();
}

#[test]
fn a_payload_that_is_no_text_comes_through() {
    let caught = catch_unwind(|| {
        plain().run(scope(|s| async move {
            s.spawn(async { panic_any(42_u8) });
        }))
    });
    assert_eq!(caught.unwrap_err().downcast_ref(), Some(&42_u8));
}

#[test]
fn a_panic_of_the_body_drops_the_others_and_resumes() {
    plain()
        .run(async {
            for at_once in [true, false] {
                let drops = Drops::default();
                let theirs = drops.clone();
                let message = message_of(scope(move |s| {
                    for name in ["first", "second"] {
                        let traced = Traced(name, theirs.clone());
                        s.spawn(async move {
                            let _traced = traced;
                            pending::<()>().await;
                        });
                    }
                    assert!(!at_once, "in the closure");
                    async move {
                        s.spawn(async { panic!("of a scoped task") });
                        turns(3).await;
                        panic!("in the body");
                    }
                }));
                assert_eq!(message.await, if at_once { "in the closure" } else { "in the body" });
                assert_eq!(drops.len(), 2);
            }
        })
        .unwrap();
}

#[test]
fn a_panic_of_a_destructor_is_the_tasks() {
    plain()
        .run(async {
            scope(|s| async move {
                let returned = s.spawn(async {
                    let _bomb = Bomb;
                    1
                });
                assert!(matches!(returned.await, Err(TaskError::Panicked(_))));
                let cancelled = s.spawn(async {
                    let _bomb = Bomb;
                    pending::<()>().await;
                });
                turns(2).await;
                cancelled.cancel();
                assert!(matches!(cancelled.await, Err(TaskError::Panicked(_))));
            })
            .await;
            let message = message_of(scope(|s| async move {
                let cancelled = s.spawn(async {
                    let _bomb = Bomb;
                    pending::<()>().await;
                });
                turns(2).await;
                cancelled.cancel();
            }));
            assert_eq!(message.await, "the bomb went off");
        })
        .unwrap();
}

/// Spawns tasks that never end, of whose destructors the second and the fourth panic.
fn with_bombs(s: &Scope<'static>, drops: &Drops) {
    for (at, name) in ["first", "second", "third", "fourth", "fifth"].into_iter().enumerate() {
        let traced = Traced(name, drops.clone());
        s.spawn(async move {
            let _traced = traced;
            let _end = on_drop(|| assert!(at % 2 == 0, "{name}"));
            pending::<()>().await;
        });
    }
}

#[test]
fn a_panic_of_a_destructor_neither_skips_nor_leaks_the_others() {
    plain()
        .run(async {
            let drops = Drops::default();
            let theirs = drops.clone();
            let mut dropped = Box::pin(scope(|s| async move {
                with_bombs(&s, &theirs);
                pending::<()>().await;
            }));
            poll_times(dropped.as_mut(), 2).await;
            let caught = catch_unwind(AssertUnwindSafe(|| drop(dropped))).unwrap_err();
            assert_eq!(caught.downcast_ref::<String>().unwrap(), "fourth", "the first to go off");
            assert_eq!(drops.take().len(), 5);

            // The same where the task is cancelled that awaits the scope.
            let theirs = drops.clone();
            let task = spawn(scope(|s| async move {
                with_bombs(&s, &theirs);
                pending::<()>().await;
            }));
            turns(3).await;
            task.cancel().await.unwrap();
            assert_eq!(drops.take().len(), 5);

            // Beside the panic of the body, which goes before them.
            let theirs = drops.clone();
            let message = message_of(scope(|s| async move {
                with_bombs(&s, &theirs);
                turns(2).await;
                panic!("in the body");
            }));
            assert_eq!(message.await, "in the body");
            assert_eq!(drops.take().len(), 5);
        })
        .unwrap();
}

/// Panics in its poll, and in its destructor with a bomb.
struct TwoBombs;

impl Future for TwoBombs {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        panic!("in the poll");
    }
}

impl Drop for TwoBombs {
    fn drop(&mut self) {
        panic_any(Bomb);
    }
}

#[test]
fn bombs_in_a_scope_that_a_panic_drops_do_not_abort() {
    alone("scope::panics::bombs_in_a_scope_that_a_panic_drops_do_not_abort", || {
        plain()
            .run(async {
                let drops = Drops::default();
                let theirs = drops.clone();
                // The scope goes while its task unwinds.
                let message = message_of(async move {
                    let mut unwound = Box::pin(scope(|s| async move {
                        with_bombs(&s, &theirs);
                        pending::<()>().await;
                    }));
                    poll_times(unwound.as_mut(), 2).await;
                    panic!("beside the scope");
                });
                assert_eq!(message.await, "beside the scope");
                assert_eq!(drops.take().len(), 5);

                // Results, outputs and payloads that are bombs themselves.
                let caught = Cell::new(0);
                scope(async |s| {
                    s.spawn(async { Bomb });
                    let cancelled = s.spawn(async {
                        let _end = on_drop(|| panic_any(Bomb));
                        pending::<()>().await;
                    });
                    turns(2).await;
                    cancelled.cancel();
                    match cancelled.await {
                        Err(TaskError::Panicked(panic)) => std::mem::forget(panic),
                        other => panic!("{other:?}"),
                    }
                    caught.set(1);
                })
                .await;
                assert_eq!(caught.get(), 1);
                let message = message_of(scope(|s| async move {
                    s.spawn(async { panic!("resumes") });
                    s.spawn(async { panic_any(Bomb) });
                    s.spawn(TwoBombs);
                    Bomb
                }));
                assert_eq!(message.await, "resumes");
                assert_eq!(message_of(scope(|_| TwoBombs)).await, "in the poll");
            })
            .unwrap();
    });
}
