//! The tree of tasks: who waits for whom, and who goes with whom.

use std::{
    cell::RefCell,
    future::{Future, pending, poll_fn},
    mem,
    pin::Pin,
    rc::Rc,
};

use futures_lite::future::poll_once;
use vigie::{Promise, PromiseState, TaskError, TaskId, call, spawn, yield_now};

use crate::support::{Drops, Gate, Log, MANY, Traced, each, on_drop, plain, turns, until};

type Boxed<T> = Pin<Box<dyn Future<Output = T>>>;

/// A family of so many generations, each the child of the one before; how many there were below.
fn generations(depth: usize, youngest: Boxed<()>) -> Boxed<usize> {
    Box::pin(async move {
        if depth == 0 {
            youngest.await;
            return 0;
        }
        spawn(generations(depth - 1, youngest)).await.unwrap() + 1
    })
}

#[test]
fn many_generations_finish() {
    let depth = plain().run(generations(MANY, Box::pin(async {})));
    assert_eq!(depth.unwrap(), MANY);
}

#[test]
fn many_generations_are_cancelled() {
    let drops = Drops::default();
    let dropped = drops.clone();
    plain()
        .run(async move {
            let gate = Gate::default();
            let (reached, theirs) = (gate.clone(), drops.clone());
            let youngest = async move {
                let _traced = Traced("the youngest", theirs);
                reached.open();
                pending().await
            };
            let task = spawn(generations(MANY, Box::pin(youngest)));
            gate.opened().await;
            task.cancel().await.unwrap();
            assert_eq!(drops.len(), 1, "cancelled down to the youngest");
        })
        .unwrap();
    assert_eq!(dropped.len(), 1);
}

#[test]
fn many_generations_go_with_the_main_task() {
    let drops = Drops::default();
    let dropped = drops.clone();
    plain()
        .run(async move {
            let gate = Gate::default();
            let reached = gate.clone();
            let youngest = async move {
                let _traced = Traced("the youngest", drops);
                reached.open();
                pending().await
            };
            let task = spawn(generations(MANY, Box::pin(youngest)));
            gate.opened().await;
            drop(task);
        })
        .unwrap();
    assert_eq!(dropped.len(), 1);
}

#[test]
fn many_generations_that_nobody_awaits_finish_from_the_youngest_up() {
    fn leak(depth: usize, gate: Gate) -> Boxed<()> {
        Box::pin(async move {
            if depth == 0 {
                return gate.opened().await;
            }
            // It returns before its child does, and has finished only after it.
            mem::forget(spawn(leak(depth - 1, gate)));
        })
    }
    plain()
        .run(async {
            let gate = Gate::default();
            let mut eldest = spawn(leak(MANY, gate.clone()));
            turns(2 * MANY).await;
            assert!(poll_once(&mut eldest).await.is_none());
            gate.open();
            eldest.await.unwrap();
        })
        .unwrap();
}

#[test]
fn a_task_has_finished_only_when_its_descendants_have_on_every_domain() {
    each(|builder| {
        builder
            .run(async {
                let (gate, ended) = (Gate::default(), Log::default());
                let (theirs, log) = (gate.clone(), ended.clone());
                let mut task = spawn(async move {
                    let _end = on_drop(|| log.push("parent's future"));
                    let log = log.clone();
                    // It is not awaited: what waits for it is the tree.
                    mem::forget(call(move || async move {
                        let there = log.clone();
                        mem::forget(spawn(async move {
                            theirs.opened().await;
                            there.push("grandchild");
                        }));
                        log.push("child");
                    }));
                    "the result"
                });
                while ended.len() < 2 {
                    assert!(poll_once(&mut task).await.is_none());
                    yield_now().await;
                }
                turns(100).await;
                assert!(poll_once(&mut task).await.is_none(), "the grandchild has not finished");
                assert_eq!(task.state(), PromiseState::Running);
                gate.open();
                assert_eq!(task.await.unwrap(), "the result");
                let ended = ended.take();
                assert_eq!((ended.len(), ended[2]), (3, "grandchild"), "the last of {ended:?}");
            })
            .unwrap();
    });
}

#[test]
fn leaked_children_of_a_task_that_fails_are_cancelled_on_every_domain() {
    fn family(drops: &Drops, started: &Log<()>) {
        for name in ["here", "there"] {
            let (drops, started) = (drops.clone(), started.clone());
            let child = async move || {
                let theirs = drops.clone();
                // A grandchild, leaked by a child that has returned already.
                mem::forget(spawn(async move {
                    let _traced = Traced(name, theirs);
                    started.push(());
                    pending::<()>().await;
                }));
            };
            mem::forget(if name == "here" { spawn(child()) } else { call(child) });
        }
    }
    each(|builder| {
        builder
            .run(async {
                let drops = Drops::default();
                let names = |drops: &Drops| {
                    let mut names: Vec<_> = drops.take().into_iter().map(|(name, _)| name).collect();
                    names.sort_unstable();
                    names
                };

                let theirs = drops.clone();
                let panicking = spawn(async move {
                    let started = Log::default();
                    family(&theirs, &started);
                    until(|| started.len() == 2).await;
                    panic!("with children");
                });
                match panicking.await {
                    Err::<(), _>(TaskError::Panicked(panic)) => {
                        assert_eq!(panic.message().as_deref(), Some("with children"));
                    }
                    other => panic!("{other:?}"),
                }
                assert_eq!(names(&drops), ["here", "there"]);

                let (theirs, started) = (drops.clone(), Log::default());
                let there = started.clone();
                let returned = spawn(async move { family(&theirs, &there) });
                until(|| started.len() == 2).await;
                turns(10).await;
                assert_eq!(returned.state(), PromiseState::Running);
                assert_eq!(drops.len(), 0);
                returned.cancel().await.unwrap();
                assert_eq!(names(&drops), ["here", "there"], "cancelled after its return");

                let (theirs, started) = (drops.clone(), Log::default());
                let there = started.clone();
                let waiting = spawn(async move {
                    family(&theirs, &there);
                    pending::<()>().await;
                });
                until(|| started.len() == 2).await;
                waiting.cancel().await.unwrap();
                assert_eq!(names(&drops), ["here", "there"], "cancelled while it waits");
            })
            .unwrap();
    });
}

#[test]
fn descendants_of_a_task_that_panics_see_a_cancellation() {
    plain()
        .run(async {
            let seen = Log::default();
            let log = seen.clone();
            let failing = spawn(async move {
                let child = Rc::new(RefCell::new(Some(spawn(pending::<()>()))));
                let kept = child.clone();
                // The sibling has the other's promise, and so sees how it ended.
                mem::forget(spawn(async move {
                    let _end = on_drop(|| {
                        log.push(kept.borrow().as_ref().map(Promise::state));
                    });
                    pending::<()>().await;
                }));
                yield_now().await;
                panic!("an error that stays here");
            });
            assert!(matches!(failing.await, Err::<(), _>(TaskError::Panicked(_))));
            let state = seen.take();
            assert!(matches!(state[..], [Some(PromiseState::Cancelled)]), "the elder goes first: {state:?}");
        })
        .unwrap();
}

#[test]
fn a_task_that_is_cancelled_after_its_return_says_cancelled() {
    plain()
        .run(async {
            let child = Rc::new(RefCell::new(None));
            let theirs = child.clone();
            let failing = spawn(async move {
                let child = spawn(async {
                    mem::forget(spawn(pending::<()>()));
                    "a result that nobody gets"
                });
                *theirs.borrow_mut() = Some(child);
                turns(3).await;
                panic!("while its grandchild runs");
            });
            assert!(matches!(failing.await, Err::<(), _>(TaskError::Panicked(_))));
            assert_eq!(child.borrow().as_ref().map(Promise::state), Some(PromiseState::Cancelled));
        })
        .unwrap();
}

#[test]
fn only_the_parent_awaits() {
    plain()
        .run(async {
            let child = spawn(async {
                turns(3).await;
                "the result"
            });
            let shared = Rc::new(RefCell::new(child));
            let theirs = shared.clone();
            let sibling = spawn(async move {
                let first = poll_fn(|cx| Pin::new(&mut *theirs.borrow_mut()).poll(cx)).await;
                // Nor afterwards.
                turns(5).await;
                let second = poll_fn(|cx| Pin::new(&mut *theirs.borrow_mut()).poll(cx)).await;
                [first, second]
            });
            for result in sibling.await.unwrap() {
                assert!(matches!(result, Err(TaskError::NotAChild)), "{result:?}");
            }
            let result = poll_fn(|cx| Pin::new(&mut *shared.borrow_mut()).poll(cx)).await;
            assert_eq!(result.unwrap(), "the result", "nothing was lost");
        })
        .unwrap();
}

#[test]
fn a_task_cannot_await_itself() {
    plain()
        .run(async {
            let own = Rc::new(RefCell::new(None::<Promise<()>>));
            let theirs = own.clone();
            let log = Log::default();
            let seen = log.clone();
            *own.borrow_mut() = Some(spawn(async move {
                let promise = theirs.borrow_mut().take().unwrap();
                log.push(promise.await);
            }));
            turns(3).await;
            assert!(matches!(seen.take()[..], [Err(TaskError::NotAChild)]));
        })
        .unwrap();
}

#[test]
fn a_task_is_live_until_its_descendants_have_finished() {
    plain()
        .run(async {
            let gate = Gate::default();
            let theirs = gate.clone();
            let mut task = spawn(async move {
                mem::forget(spawn(async move { theirs.opened().await }));
                TaskId::current().unwrap()
            });
            turns(5).await;
            assert!(poll_once(&mut task).await.is_none());
            gate.open();
            let id = task.await.unwrap();
            assert!(!id.is_live());
            assert!(TaskId::current().unwrap().is_live());
            // Its place is taken by another, which is not it.
            let next = spawn(async { TaskId::current().unwrap() });
            yield_now().await;
            assert!(!id.is_live());
            assert_ne!(next.await.unwrap(), id);
        })
        .unwrap();
    assert!(TaskId::current().is_none());
}
