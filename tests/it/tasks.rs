//! Tasks of one domain: how they start, end, fail, and what they leave.

use std::{
    cell::{Cell, RefCell},
    future::{Future, pending, poll_fn},
    mem,
    panic::panic_any,
    pin::Pin,
    rc::{Rc, Weak},
    task::{Context, Poll},
};

use futures_lite::future::{block_on, poll_once};
use vigie::{Builder, Domain, Promise, PromiseState, TaskError, TaskId, call, spawn, yield_now};

use crate::support::{Bomb, Drops, Gate, Log, MANY, Traced, alone, each, on_drop, plain, turns, until};

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
            task.cancel().await;
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
fn a_panic_in_a_destructor_during_cancellation_harms_nobody_else() {
    plain()
        .run(async {
            let sibling = spawn(async {
                turns(10).await;
                "unharmed"
            });
            let task = spawn(BadEnd(Poll::Pending));
            yield_now().await;
            task.cancel().await;
            let unstarted = spawn(BadEnd(Poll::Pending));
            unstarted.cancel().await;
            drop(spawn(BadEnd(Poll::Pending)));
            let called = call(|| BadEnd(Poll::Pending));
            turns(10).await;
            called.cancel().await;
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

    alone("tasks::a_payload_whose_destructor_panics_harms_nobody", || {
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
            // (In an async block, as in a call, two panics at once are the language's abort.)
            disarm(call(|| TwoBombs(false)).await);
            // All of them go.
            spawn(TwoBombs(true)).cancel().await;
            call(|| TwoBombs(false)).cancel().await;
            let finished = spawn(TwoBombs(true));
            turns(10).await;
            finished.cancel().await;
            drop(spawn(TwoBombs(true)));
            bystander.await.unwrap()
        });
        assert_eq!(bystander.unwrap(), "unharmed");
    });
}

#[test]
fn a_result_that_cannot_be_dropped_aborts_nobody() {
    alone("tasks::a_result_that_cannot_be_dropped_aborts_nobody", || {
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
    alone("tasks::a_result_that_is_cancelled_behind_a_leaked_child_is_dropped_by_the_runtime", || {
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
    });
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
            task.cancel().await;
            assert_eq!(seen(&drops), names);
            let task = spawn(body(drops.clone(), false));
            yield_now().await;
            task.cancel().await;
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
            finished.cancel().await;
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
            cancelled_behind_a_child.cancel().await;
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
    plain()
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
            returned.cancel().await;
            assert_eq!(names(&drops), ["here", "there"], "cancelled after its return");

            let (theirs, started) = (drops.clone(), Log::default());
            let there = started.clone();
            let waiting = spawn(async move {
                family(&theirs, &there);
                pending::<()>().await;
            });
            until(|| started.len() == 2).await;
            waiting.cancel().await;
            assert_eq!(names(&drops), ["here", "there"], "cancelled while it waits");
        })
        .unwrap();
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
            let nested = spawn(async { spawn(async { 3 }) });
            gate.open();
            (local, remote, nested)
        })
        .unwrap();
    // The run returned when they had finished, as those of a task that returned do.
    assert_eq!(local.state(), PromiseState::Returned);
    assert_eq!(remote.state(), PromiseState::Returned);
    assert!(matches!(block_on(&mut remote), Err(TaskError::NotAChild)));
    block_on(local.cancel());
    drop(nested);
    // And in the next run they are nobody's.
    plain()
        .run(async move {
            assert!(matches!((&mut remote).await, Err(TaskError::NotAChild)));
            remote.cancel().await;
        })
        .unwrap();
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
            suspended.cancel().await;
            all_ending(&log);
            spawn(Spawns(Poll::Pending, log.clone())).cancel().await;
            all_ending(&log);
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
                        spawn(pending::<()>()).cancel().await;
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
