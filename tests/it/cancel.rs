//! Cancellation: at every moment of a task's life, on every domain.

mod moments;

use std::{
    cell::{Cell, RefCell},
    future::pending,
    io, mem,
    rc::Rc,
    sync::mpsc,
    thread,
    time::Duration,
};

use futures_lite::future::{or, poll_once};
use vigie::{
    Domain, Promise, PromiseState, TaskError, await_all, call, call_on,
    events::{Events, Signals, Uid},
    spawn, yield_now,
};

use crate::support::{Drops, Gate, Log, Shared, Traced, each, on_drop, plain, turns, until};

#[test]
fn a_task_not_yet_started_never_starts() {
    plain()
        .run(async {
            let (drops, log) = (Drops::default(), Log::default());
            let (captured, theirs) = (Traced("captured", drops.clone()), log.clone());
            let task = spawn(async move {
                theirs.push("started");
                drop(captured);
            });
            task.cancel().await.unwrap();
            assert_eq!(drops.len(), 1, "its future has gone");
            turns(5).await;
            assert_eq!(log.len(), 0);
        })
        .unwrap();
}

#[test]
fn a_cancelled_task_ends_in_place_and_not_in_its_turn() {
    plain()
        .run(async {
            let log = Log::default();
            let others: Vec<_> = (0..1000)
                .map(|_| {
                    let log = log.clone();
                    spawn(async move {
                        log.push("other");
                        yield_now().await;
                    })
                })
                .collect();
            let theirs = log.clone();
            let last = spawn(async move {
                let _end = on_drop(|| theirs.push("cancelled"));
                loop {
                    yield_now().await;
                }
            });
            // All are ready, the doomed one the last of them.
            turns(2).await;
            log.take();
            drop(last);
            yield_now().await;
            assert_eq!(log.lock()[0], "cancelled", "before any of the 1000 runs");
            await_all(others).await.unwrap();
        })
        .unwrap();
}

#[test]
fn a_suspended_task_ends_and_its_locals_go() {
    each(|builder| {
        builder
            .run(async {
                let drops = Drops::default();
                let body = |drops: &Drops| {
                    let traced = Traced("local", drops.clone());
                    async move {
                        let _traced = traced;
                        vigie::time::sleep(Duration::from_secs(3600)).await.unwrap();
                    }
                };
                let here = spawn(body(&drops));
                turns(3).await;
                here.cancel().await.unwrap();
                assert_eq!(drops.take().len(), 1);
                let (there, started) = (drops.clone(), Gate::default());
                let theirs = started.clone();
                let there = call(move || async move {
                    let sleeper = spawn(body(&there));
                    yield_now().await;
                    theirs.open();
                    sleeper.await.unwrap();
                });
                started.opened().await;
                there.cancel().await.unwrap();
                assert_eq!(drops.take().len(), 1);
            })
            .unwrap();
    });
}

#[test]
fn a_finished_task_loses_its_result() {
    plain()
        .run(async {
            let drops = Drops::default();
            for remote in [false, true] {
                let theirs = drops.clone();
                let body = async move || Traced("result", theirs);
                let task = if remote { call(body) } else { spawn(body()) };
                until(|| task.state() == PromiseState::Returned).await;
                let cancel = task.cancel();
                // Whoever still looks at it sees one story.
                let told = format!("{cancel:?}");
                assert_eq!(drops.len() == 1, told.contains("Cancelled"), "{told}");
                cancel.await.unwrap();
                assert_eq!(drops.take().len(), 1);
            }
        })
        .unwrap();
}

#[test]
fn a_cancelled_task_runs_no_further_step() {
    plain()
        .run(async {
            let steps = Rc::new(Cell::new(0));
            let (theirs, gate) = (steps.clone(), Gate::default());
            let opened = gate.clone();
            let task = spawn(async move {
                theirs.set(1);
                opened.opened().await;
                theirs.set(2);
                pending::<()>().await;
            });
            turns(2).await;
            // Ready to go on, and cancelled in the same slice.
            gate.open();
            let cancel = task.cancel();
            turns(5).await;
            assert_eq!(steps.get(), 1);
            assert_eq!(Rc::strong_count(&steps), 1, "its future has gone, unawaited");
            cancel.await.unwrap();

            // The other way round: a wake that comes after the cancellation.
            let (theirs, gate) = (steps.clone(), Gate::default());
            let opened = gate.clone();
            let task = spawn(async move {
                opened.opened().await;
                theirs.set(3);
            });
            turns(2).await;
            let cancel = task.cancel();
            gate.open();
            cancel.await.unwrap();
            turns(5).await;
            assert_eq!(steps.get(), 1);
        })
        .unwrap();
}

#[test]
fn a_task_that_cancels_itself_finishes_its_slice_and_no_more() {
    plain()
        .run(async {
            let (log, drops) = (Log::default(), Drops::default());
            for returns in [false, true] {
                let own = Rc::new(RefCell::new(None::<Promise<Traced>>));
                let (theirs, log_there, drops_there) = (own.clone(), log.clone(), drops.clone());
                *own.borrow_mut() = Some(spawn(async move {
                    let _local = Traced("local", drops_there.clone());
                    let cancel = theirs.borrow_mut().take().unwrap().cancel();
                    log_there.push("the slice");
                    if !returns {
                        cancel.await.unwrap();
                        log_there.push("after its own end");
                    }
                    Traced("result", drops_there)
                }));
                turns(3).await;
                assert_eq!(log.take(), ["the slice"]);
                let seen: Vec<_> = drops.take().into_iter().map(|(name, _)| name).collect();
                assert_eq!(seen, if returns { &["local", "result"][..] } else { &["local"] });
            }
        })
        .unwrap();
}

#[test]
fn a_task_that_holds_its_own_promise_goes_with_its_parent() {
    plain()
        .run(async {
            let drops = Drops::default();
            let theirs = drops.clone();
            let parent = spawn(async move {
                let own = Rc::new(RefCell::new(None::<Promise<()>>));
                let holder = own.clone();
                *own.borrow_mut() = Some(spawn(async move {
                    let _traced = Traced("child", theirs);
                    let _own = holder;
                    pending::<()>().await;
                }));
                drop(own);
                pending::<()>().await;
            });
            turns(3).await;
            assert_eq!(drops.len(), 0);
            parent.cancel().await.unwrap();
            assert_eq!(drops.len(), 1);
        })
        .unwrap();
}

#[test]
fn cancelling_twice_ends_once() {
    plain()
        .run(async {
            let drops = Drops::default();
            let body = |drops: &Drops| {
                let drops = drops.clone();
                async move {
                    let _traced = Traced("local", drops);
                    pending::<()>().await;
                }
            };
            // By the child's own promise and by its parent's.
            let (drops_there, gate) = (drops.clone(), Gate::default());
            let started = gate.clone();
            let parent = spawn(async move {
                let child = spawn(body(&drops_there));
                yield_now().await;
                started.open();
                child.cancel().await.unwrap();
                unreachable!("cancelled before that");
            });
            gate.opened().await;
            parent.cancel().await.unwrap();
            assert_eq!(drops.take().len(), 1);
        })
        .unwrap();
}

#[test]
fn dropping_a_cancellation_does_not_undo_it() {
    plain()
        .run(async {
            let drops = Drops::default();
            let theirs = drops.clone();
            let task = spawn(async move {
                let _traced = Traced("local", theirs);
                pending::<()>().await;
            });
            yield_now().await;
            drop(task.cancel());
            yield_now().await;
            assert_eq!(drops.len(), 1);
        })
        .unwrap();
}

#[test]
fn a_cancellation_may_be_awaited_again() {
    plain()
        .run(async {
            let mut cancel = call(pending::<()>).cancel();
            (&mut cancel).await.unwrap();
            (&mut cancel).await.unwrap();
            cancel.await.unwrap();
        })
        .unwrap();
}

#[test]
fn other_tasks_run_while_a_cancellation_waits() {
    each(|builder| {
        builder
            .run(async {
                let (release, released) = mpsc::channel::<()>();
                let started = Gate::default();
                let there = started.clone();
                let slow = call(move || async move {
                    // Its end takes until somebody says so, and its thread with it.
                    let _end = on_drop(move || assert!(released.recv().is_err()));
                    there.open();
                    pending::<()>().await;
                });
                started.opened().await;
                let other = spawn(async move {
                    turns(1000).await;
                    drop(release);
                });
                // It would never end, did the other not run meanwhile.
                slow.cancel().await.unwrap();
                other.await.unwrap();
            })
            .unwrap();
    });
}

/// Events that wait for nothing, and count how often domain 0 asks them.
struct Counting(Shared<usize>);

impl Events for Counting {
    fn select(&mut self, _: bool, _: &[Uid], _: &mut Signals) -> io::Result<()> {
        *self.0.lock() += 1;
        Ok(())
    }
}

#[test]
fn the_canceller_sleeps_while_it_waits() {
    let selects = Shared::<usize>::default();
    let (counted, domain_0) = (selects.clone(), selects.clone());
    plain()
        .events(move |seat| {
            let there = if seat.domain().index() == 0 { domain_0.clone() } else { Shared::default() };
            Ok(Counting(there))
        })
        .run(async move {
            let (release, released) = mpsc::channel::<()>();
            let (started, ending) = (Gate::default(), Shared::<bool>::default());
            let (there, entered) = (started.clone(), ending.clone());
            let slow = call(move || async move {
                let _end = on_drop(move || {
                    *entered.lock() = true;
                    assert!(released.recv().is_err());
                });
                there.open();
                pending::<()>().await;
            });
            started.opened().await;
            let watcher = thread::spawn(move || {
                while !*ending.lock() {
                    thread::yield_now();
                }
                // Now domain 0 has nothing to do. Whatever time passes, it asks no more than before
                // its park, and a domain that spins asks many thousand times.
                let before = *selects.lock();
                thread::sleep(Duration::from_millis(100));
                let asked = *selects.lock() - before;
                drop(release);
                asked
            });
            slow.cancel().await.unwrap();
            let asked = watcher.join().unwrap();
            assert!(asked < 20, "{asked} selects");
        })
        .unwrap();
    assert!(*counted.lock() > 0);
}

/// Events that let domain 1 run dry, and then hold it up until they are told.
struct HeldUp(Option<Shared<bool>>);

impl Events for HeldUp {
    fn select(&mut self, block: bool, _: &[Uid], _: &mut Signals) -> io::Result<()> {
        while block && self.0.as_ref().is_some_and(|held| *held.lock()) {
            thread::yield_now();
        }
        Ok(())
    }
}

#[test]
fn a_cancellation_found_together_with_a_wake_goes_first() {
    for wake_first in [false, true] {
        let held = Shared::<bool>::default();
        let seen = held.clone();
        plain()
            .extra_domains(1)
            .events(move |seat| Ok(HeldUp((seat.domain().index() == 1).then(|| held.clone()))))
            .run(async move {
                let (log, gate) = (Log::default(), Gate::default());
                let (steps, opened, held) = (log.clone(), gate.clone(), seen.clone());
                let task = call(async move || {
                    *held.lock() = true;
                    opened.opened().await;
                    steps.push("a further step");
                });
                until(|| *seen.lock()).await;
                // Its domain is about to park, and finds both when it does.
                if wake_first {
                    turns(10).await;
                    gate.open();
                }
                let cancel = task.cancel();
                turns(2).await;
                gate.open();
                *seen.lock() = false;
                cancel.await.unwrap();
                assert_eq!(log.take(), [""; 0]);
            })
            .unwrap();
    }
}

#[test]
fn a_whole_subtree_over_three_domains_has_stopped_when_cancel_returns() {
    /// A task with children on every domain that a call can reach, `depth` generations.
    fn tree(depth: usize, alive: Shared<usize>, grown: Log<()>) -> Promise<()> {
        let body = move || async move {
            *alive.lock() += 1;
            let here = alive.clone();
            let _end = on_drop(move || *here.lock() -= 1);
            grown.push(());
            if depth > 0 {
                let children: Vec<_> =
                    (0..3).map(|_| tree(depth - 1, alive.clone(), grown.clone())).collect();
                let local = spawn(async move {
                    *alive.lock() += 1;
                    let _end = on_drop(|| *alive.lock() -= 1);
                    grown.push(());
                    pending::<()>().await;
                });
                let _ = await_all(children).await;
                local.await.unwrap();
            }
            pending::<()>().await;
        };
        if depth.is_multiple_of(2) { call(body) } else { spawn(body()) }
    }
    // 1 + 3 + 9 + 27 of the tree, and one more of each that has children.
    const NODES: usize = 40 + 13;
    each(|builder| {
        builder
            .extra_domains(3)
            .run(async {
                let (alive, grown) = (Shared::default(), Log::default());
                let root = tree(3, alive.clone(), grown.clone());
                until(|| grown.len() == NODES).await;
                assert_eq!(*alive.lock(), NODES);
                root.cancel().await.unwrap();
                assert_eq!(*alive.lock(), 0);
                // While it is still growing.
                for turns_before in [0, 1, 3, 10, 30] {
                    let root = tree(3, alive.clone(), Log::default());
                    turns(turns_before).await;
                    root.cancel().await.unwrap();
                    assert_eq!(*alive.lock(), 0);
                }
            })
            .unwrap();
    });
}

#[test]
fn the_end_of_a_cancelled_task_runs_once() {
    plain()
        .run(async {
            let ends = Log::default();
            for remote in [false, true] {
                let (theirs, started) = (ends.clone(), Log::default());
                let start = started.clone();
                let body = async move || {
                    let _end = on_drop(|| theirs.push(()));
                    start.push(());
                    pending::<()>().await;
                };
                let mut task = if remote { call(body) } else { spawn(async move { body().await }) };
                assert!(poll_once(&mut task).await.is_none());
                until(|| started.len() == 1).await;
                let cancel = task.cancel();
                turns(5).await;
                cancel.await.unwrap();
            }
            assert_eq!(ends.len(), 2);
            turns(5).await;
            assert_eq!(ends.len(), 2);
        })
        .unwrap();
}

#[test]
fn a_cancellation_between_making_a_value_and_owning_it_leaks_nothing() {
    plain()
        .run(async {
            let (made, drops) = (Log::default(), Drops::default());
            for round in 0..6 {
                let (made, drops) = (made.clone(), drops.clone());
                let maker = spawn(async move {
                    let make = async || {
                        made.push(());
                        let value = Traced("value", drops.clone());
                        yield_now().await;
                        value
                    };
                    // One is made inside the other's making.
                    let _kept = (make().await, make().await);
                    pending::<()>().await;
                });
                turns(round).await;
                maker.cancel().await.unwrap();
            }
            assert!(made.len() > 6, "some rounds get to the second value");
            assert_eq!(made.len(), drops.len());
        })
        .unwrap();
}

#[test]
fn a_race_drops_the_loser_at_once() {
    plain()
        .run(async {
            let drops = Drops::default();
            let theirs = drops.clone();
            let loser = async move {
                // The child goes with the future that holds its promise, in the same slice or after.
                let child = spawn(async move {
                    let _traced = Traced("child of the loser", theirs);
                    pending::<()>().await;
                });
                child.await.unwrap();
            };
            or(loser, turns(3)).await;
            yield_now().await;
            assert_eq!(drops.len(), 1);
        })
        .unwrap();
}

#[test]
fn a_child_started_just_before_the_cancellation_is_cancelled_too() {
    each(|builder| {
        builder
            .run(async {
                let drops = Drops::default();
                for domain in [None, Domain::available().pop()] {
                    let theirs = drops.clone();
                    let started = Gate::default();
                    let seen = started.clone();
                    let parent = spawn(async move {
                        let captured = Traced("child", theirs);
                        let body = async move || {
                            let _captured = captured;
                            pending::<()>().await;
                        };
                        // Leaked: no promise takes it along.
                        mem::forget(match domain {
                            None => spawn(body()),
                            Some(domain) => call_on(domain, body),
                        });
                        seen.open();
                        pending::<()>().await;
                    });
                    started.opened().await;
                    parent.cancel().await.unwrap();
                    assert_eq!(drops.take().len(), 1);
                }
            })
            .unwrap();
    });
}

#[test]
fn a_cancelled_parent_says_cancelled_though_its_child_panics_then() {
    each(|builder| {
        builder
            .run(async {
                let started = Gate::default();
                let seen = started.clone();
                let parent = spawn(async move {
                    let child = call(async move || {
                        let _end = on_drop(|| panic!("the child's end"));
                        seen.open();
                        pending::<()>().await;
                    });
                    child.await.unwrap();
                });
                started.opened().await;
                let cancel = parent.cancel();
                let told = format!("{cancel:?}");
                cancel.await.unwrap();
                assert!(told.contains("Running"), "{told}");
                // What a child was cancelled with is nobody's result.
                let next = spawn(async { Ok::<_, TaskError>(1) });
                assert_eq!(next.await.unwrap().unwrap(), 1);
            })
            .unwrap();
    });
}
