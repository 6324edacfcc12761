//! How scoped tasks end before their time: by their handles, and with their scope.

use std::{
    cell::{Cell, RefCell},
    future::pending,
    rc::Rc,
};

use vigie::{Scope, ScopedTask, TaskError, call, scope, spawn, yield_now};

use super::poll_times;
use crate::support::{Drops, Gate, Log, Traced, on_drop, plain, turns};

type Own = Rc<RefCell<Option<ScopedTask<'static, ()>>>>;

#[test]
fn a_cancelled_scoped_task_loses_its_future_at_once() {
    plain()
        .run(async {
            let drops = &Drops::default();
            scope(|s| async move {
                let unstarted = s.spawn(async {
                    let _traced = Traced("never made", drops.clone());
                });
                unstarted.cancel();
                assert!(unstarted.is_finished());
                assert!(matches!(unstarted.await, Err(TaskError::Cancelled)));
                assert_eq!(drops.len(), 0);

                let waiting = s.spawn(async {
                    let _traced = Traced("waiting", drops.clone());
                    pending::<()>().await;
                });
                turns(3).await;
                waiting.cancel();
                assert_eq!(drops.len(), 1, "now");
                waiting.cancel();
                assert!(matches!(waiting.await, Err(TaskError::Cancelled)));
                assert_eq!(drops.take().len(), 1);
            })
            .await;
        })
        .unwrap();
}

#[test]
fn cancelling_one_that_has_ended_changes_nothing() {
    plain()
        .run(async {
            scope(|s| async move {
                let task = s.spawn(async { 5 });
                turns(2).await;
                assert!(task.is_finished());
                task.cancel();
                assert_eq!(task.await.unwrap(), 5);
            })
            .await;
        })
        .unwrap();
}

#[test]
fn one_that_cancels_itself_ends_after_its_poll() {
    plain()
        .run(async {
            for returns in [false, true] {
                let (own, log) = (Own::default(), Log::default());
                let (theirs, steps) = (own.clone(), log.clone());
                scope(move |s| async move {
                    let task = s.spawn(async move {
                        let _end = on_drop(|| steps.push("dropped"));
                        let handle = theirs.borrow_mut().take().unwrap();
                        handle.cancel();
                        steps.push("still here");
                        *theirs.borrow_mut() = Some(handle);
                        if !returns {
                            yield_now().await;
                            steps.push("a further step");
                        }
                    });
                    *own.borrow_mut() = Some(task);
                    turns(3).await;
                    let task = own.take().unwrap();
                    assert!(matches!(task.await, Err(TaskError::Cancelled)));
                })
                .await;
                assert_eq!(log.take(), ["still here", "dropped"]);
            }
        })
        .unwrap();
}

#[test]
fn cancelling_the_last_one_from_another_task_ends_the_scope() {
    plain()
        .run(async {
            let own = Own::default();
            let theirs = own.clone();
            let task = spawn(scope(|s| async move {
                *theirs.borrow_mut() = Some(s.spawn(pending()));
            }));
            turns(3).await;
            // Nothing else could wake it.
            own.take().unwrap().cancel();
            task.await.unwrap();
        })
        .unwrap();
}

#[test]
fn destructors_of_one_may_cancel_another() {
    plain()
        .run(async {
            let (own, log) = (Own::default(), Log::default());
            scope(|s| async move {
                let (other, theirs) = (own.clone(), log.clone());
                let first = s.spawn(async move {
                    let _end = on_drop(|| {
                        other.borrow().as_ref().unwrap().cancel();
                        theirs.push("first");
                    });
                    pending::<()>().await;
                });
                let theirs = log.clone();
                *own.borrow_mut() = Some(s.spawn(async move {
                    let _end = on_drop(|| theirs.push("second"));
                    pending::<()>().await;
                }));
                turns(2).await;
                first.cancel();
                assert_eq!(log.take(), ["second", "first"]);
                assert!(matches!(own.take().unwrap().await, Err(TaskError::Cancelled)));
            })
            .await;
        })
        .unwrap();
}

/// Waits for ever in a scope, beside scoped tasks that do.
async fn endless(drops: Drops, started: Gate) {
    let around = Traced("around", drops.clone());
    let drops = &drops;
    scope(async |s| {
        let _body = Traced("body", drops.clone());
        for name in ["first", "second", "third"] {
            let _kept = s.spawn(async move {
                let _traced = Traced(name, drops.clone());
                pending::<()>().await;
            });
        }
        let _unstarted = Traced("unstarted", drops.clone());
        turns(3).await;
        started.open();
        pending::<()>().await;
    })
    .await;
    drop(around);
}

#[test]
fn cancelling_the_awaiting_task_drops_all_once_the_latest_first_on_their_domain() {
    plain()
        .run(async {
            for remote in [false, true] {
                let (drops, started) = (Drops::default(), Gate::default());
                let (theirs, open) = (drops.clone(), started.clone());
                let task = match remote {
                    false => spawn(endless(theirs, open)),
                    true => call(move || endless(theirs, open)),
                };
                started.opened().await;
                task.cancel().await.unwrap();
                let dropped = drops.take();
                let names: Vec<_> = dropped.iter().map(|(name, _)| *name).collect();
                assert_eq!(names, ["third", "second", "first", "unstarted", "body", "around"]);
                assert!(dropped.iter().all(|(_, domain)| (domain.unwrap().index() != 0) == remote));
            }
        })
        .unwrap();
}

#[test]
fn what_was_never_polled_is_dropped_too() {
    plain()
        .run(async {
            let drops = Drops::default();
            let captured = Traced("captured", drops.clone());
            drop(scope(|_| async move { drop(captured) }));
            assert_eq!(drops.take().len(), 1);

            let captured = Traced("captured", drops.clone());
            let mut unstarted = Box::pin(scope(|s| async move {
                s.spawn(async move { drop(captured) });
                pending::<()>().await;
            }));
            poll_times(unstarted.as_mut(), 1).await;
            assert_eq!(drops.len(), 0);
            drop(unstarted);
            assert_eq!(drops.len(), 1);
        })
        .unwrap();
}

#[test]
fn a_handle_that_outlived_its_scope_spawns_nothing() {
    plain()
        .run(async {
            let (drops, kept) = (Drops::default(), Rc::new(Cell::new(None)));
            let late: Scope<'static> = scope(async |s| s).await;
            let theirs = kept.clone();
            let mut dropped = Box::pin(scope(|s| async move {
                theirs.set(Some(s));
                pending::<()>().await;
            }));
            poll_times(dropped.as_mut(), 1).await;
            drop(dropped);
            for s in [late, kept.take().unwrap()] {
                let captured = Traced("captured", drops.clone());
                let mut task = s.spawn(async move { drop(captured) });
                assert_eq!(drops.take().len(), 1, "dropped at once");
                assert!(task.is_finished());
                task.cancel();
                assert!(matches!((&mut task).await, Err(TaskError::Ending)));
                assert!(matches!(task.await, Err(TaskError::Ending)), "whenever it is asked");
            }
        })
        .unwrap();
}

#[test]
fn destructors_that_the_scopes_end_runs_spawn_nothing() {
    plain()
        .run(async {
            let (drops, late) = (Drops::default(), Own::default());
            let (theirs, spawned) = (drops.clone(), late.clone());
            let mut dropped = Box::pin(scope(|s| async move {
                let inner = s.clone();
                s.spawn(async move {
                    let _end = on_drop(|| {
                        let captured = Traced("captured", theirs.clone());
                        *spawned.borrow_mut() = Some(inner.spawn(async move { drop(captured) }));
                    });
                    pending::<()>().await;
                });
                pending::<()>().await;
            }));
            poll_times(dropped.as_mut(), 2).await;
            drop(dropped);
            assert_eq!(drops.len(), 1);
            assert!(matches!(late.take().unwrap().await, Err(TaskError::Ending)));
        })
        .unwrap();
}

#[test]
fn a_handle_that_outlived_its_scope_says_cancelled() {
    plain()
        .run(async {
            let own = Own::default();
            let theirs = own.clone();
            let task = spawn(scope(|s| async move {
                *theirs.borrow_mut() = Some(s.spawn(pending()));
                pending::<()>().await;
            }));
            turns(3).await;
            let handle = own.take().unwrap();
            // Awaited already when the scope goes.
            let awaiting = spawn(handle);
            turns(3).await;
            task.cancel().await.unwrap();
            assert!(matches!(awaiting.await.unwrap(), Err(TaskError::Cancelled)));
        })
        .unwrap();
}
