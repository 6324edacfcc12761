//! Panics of tasks, of destructors, and of what they leave.

use std::{
    future::{Future, pending},
    mem,
    panic::panic_any,
    pin::Pin,
    rc::Rc,
    sync::mpsc,
    task::{Context, Poll},
};

use futures_lite::future::block_on;
use vigie::{Domain, PromiseState, TaskError, call, call_on, spawn, yield_now};

use crate::support::{Bomb, Drops, Log, Traced, alone, plain, turns};

#[test]
fn a_panic_is_the_result_of_its_task_alone() {
    plain()
        .run(async {
            let bystander = spawn(async {
                turns(10).await;
                "unharmed"
            });
            let literal = spawn(async { panic!("a literal") });
            let formatted = spawn(async {
                yield_now().await;
                panic!("number {}", 7)
            });
            let other = spawn(async { panic_any(42_u8) });
            let message = |result: Result<(), TaskError>| match result {
                Err(TaskError::Panicked(panic)) => (panic.message(), panic.into_payload()),
                other => panic!("{other:?}"),
            };
            assert_eq!(message(literal.await).0.as_deref(), Some("a literal"));
            assert_eq!(message(formatted.await).0.as_deref(), Some("number 7"));
            let (text, payload) = message(other.await);
            assert_eq!((text, payload.downcast_ref()), (None, Some(&42_u8)));
            assert_eq!(bystander.await.unwrap(), "unharmed");
        })
        .unwrap();
}

/// Its destructor panics, after it was ready at once or while it waits.
struct BadEnd(Poll<()>);

impl Future for BadEnd {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        self.0
    }
}

impl Drop for BadEnd {
    fn drop(&mut self) {
        panic!("in the destructor");
    }
}

#[test]
fn a_panic_in_a_destructor_at_the_end_is_the_tasks_result() {
    plain()
        .run(async {
            match spawn(BadEnd(Poll::Ready(()))).await {
                Err(TaskError::Panicked(panic)) => {
                    assert_eq!(panic.message().as_deref(), Some("in the destructor"));
                }
                other => panic!("{other:?}"),
            }
        })
        .unwrap();
}

#[test]
fn a_panic_in_a_destructor_at_the_end_takes_the_output_along() {
    /// Returns a value, and then its destructor panics.
    struct Returning(Option<Traced>, Bomb);

    impl Future for Returning {
        type Output = Traced;

        fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Traced> {
            Poll::Ready(self.0.take().expect("polled once"))
        }
    }

    plain()
        .run(async {
            let drops = Drops::default();
            let make = || Traced("output", drops.clone());
            let (here, there) = (make(), make());
            let here = spawn(Returning(Some(here), Bomb)).await;
            assert!(matches!(here, Err(TaskError::Panicked(_))));
            assert_eq!(drops.take(), [("output", Domain::current())]);
            let there = call(move || Returning(Some(there), Bomb)).await;
            assert!(matches!(there, Err(TaskError::Panicked(_))));
            assert_eq!(drops.take().len(), 1);
        })
        .unwrap();
}

#[test]
fn a_panic_in_a_destructor_during_cancellation_harms_nobody_else() {
    plain()
        .run(async {
            let sibling = spawn(async {
                turns(10).await;
                "unharmed"
            });
            let task = spawn(BadEnd(Poll::Pending));
            yield_now().await;
            task.cancel().await.unwrap();
            let unstarted = spawn(BadEnd(Poll::Pending));
            unstarted.cancel().await.unwrap();
            drop(spawn(BadEnd(Poll::Pending)));
            let called = call(|| BadEnd(Poll::Pending));
            turns(10).await;
            called.cancel().await.unwrap();
            assert_eq!(sibling.await.unwrap(), "unharmed");
        })
        .unwrap();
}

#[test]
fn a_payload_whose_destructor_panics_harms_nobody() {
    /// Panics with a bomb in its poll, if told to, and always in its destructor.
    struct TwoBombs(bool);

    impl Future for TwoBombs {
        type Output = Bomb;

        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Bomb> {
            if self.0 {
                panic_any(Bomb);
            }
            Poll::Ready(Bomb)
        }
    }

    impl Drop for TwoBombs {
        fn drop(&mut self) {
            panic_any(Bomb);
        }
    }

    alone("tasks::panics::a_payload_whose_destructor_panics_harms_nobody", || {
        let bystander = plain().run(async {
            let bystander = spawn(async {
                turns(100).await;
                "unharmed"
            });
            let disarm = |result: Result<Bomb, TaskError>| match result {
                Err(TaskError::Panicked(panic)) => mem::forget(panic.into_payload()),
                other => panic!("{other:?}"),
            };
            // The result goes first, and the payload of the destructor is the task's.
            disarm(spawn(TwoBombs(false)).await);
            // The first payload is the task's, and the second goes.
            disarm(spawn(TwoBombs(true)).await);
            disarm(call(|| TwoBombs(false)).await);
            disarm(call(|| TwoBombs(true)).await);
            // All of them go.
            spawn(TwoBombs(true)).cancel().await.unwrap();
            call(|| TwoBombs(false)).cancel().await.unwrap();
            let finished = spawn(TwoBombs(true));
            turns(10).await;
            finished.cancel().await.unwrap();
            drop(spawn(TwoBombs(true)));
            bystander.await.unwrap()
        });
        assert_eq!(bystander.unwrap(), "unharmed");
    });
}

#[test]
fn a_result_that_cannot_be_dropped_aborts_nobody() {
    alone("tasks::panics::a_result_that_cannot_be_dropped_aborts_nobody", || {
        plain()
            .run(async {
                let parent = spawn(async {
                    let _finished = spawn(async { Bomb });
                    let _finished_too = spawn(async { Bomb });
                    turns(2).await;
                    // Both promises, and the results with them, are dropped by the unwinding.
                    panic!("while results lie there");
                });
                match parent.await {
                    Err(TaskError::Panicked(panic)) => {
                        assert_eq!(panic.message().as_deref(), Some("while results lie there"));
                    }
                    other => panic!("{other:?}"),
                }
            })
            .unwrap();
    });
}

#[test]
fn a_result_that_is_cancelled_behind_a_leaked_child_is_dropped_by_the_runtime() {
    alone(
        "tasks::panics::a_result_that_is_cancelled_behind_a_leaked_child_is_dropped_by_the_runtime",
        || {
            let unharmed = plain().run(async {
                let task = spawn(async {
                    mem::forget(spawn(pending::<()>()));
                    Bomb
                });
                turns(3).await;
                assert_eq!(task.state(), PromiseState::Running, "its child has not finished");
                // Nobody is left who could take it.
                drop(task);
                turns(3).await;
                "unharmed"
            });
            assert_eq!(unharmed.unwrap(), "unharmed");
        },
    );
}

#[test]
fn a_result_that_comes_too_late_is_dropped_by_the_runtime() {
    let unharmed = plain().run(async {
        let there = Domain::available()[0];
        let (sender, receiver) = mpsc::channel();
        let late = call_on(there, async || Bomb);
        let next = call_on(there, async move || sender.send(()).unwrap());
        // The first has finished when the second runs, and this domain has not heard of it.
        receiver.recv().unwrap();
        drop(late);
        next.await.unwrap();
        turns(3).await;
        "unharmed"
    });
    assert_eq!(unharmed.unwrap(), "unharmed");
}

#[test]
fn a_destructor_of_an_ending_task_starts_no_task() {
    struct Spawns(Poll<()>, Log<TaskError>);

    impl Future for Spawns {
        type Output = ();

        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            self.0
        }
    }

    impl Drop for Spawns {
        fn drop(&mut self) {
            let captured = Rc::new(());
            let kept = Rc::downgrade(&captured);
            let spawned = spawn(async move { drop(captured) });
            assert!(kept.upgrade().is_none(), "the future goes at once");
            assert_eq!(spawned.state(), PromiseState::Failed);
            self.1.push(block_on(spawned).unwrap_err());
            self.1.push(block_on(call(|| async {})).unwrap_err());
        }
    }

    plain()
        .run(async move {
            let log = Log::default();
            let all_ending = |log: &Log<TaskError>| {
                let errors = log.take();
                assert!(matches!(errors[..], [TaskError::Ending, TaskError::Ending]), "{errors:?}");
            };
            spawn(Spawns(Poll::Ready(()), log.clone())).await.unwrap();
            all_ending(&log);
            let suspended = spawn(Spawns(Poll::Pending, log.clone()));
            yield_now().await;
            suspended.cancel().await.unwrap();
            all_ending(&log);
            spawn(Spawns(Poll::Pending, log.clone())).cancel().await.unwrap();
            all_ending(&log);
        })
        .unwrap();
}
