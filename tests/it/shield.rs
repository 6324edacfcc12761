//! Sections that are not to be cancelled, finalisers, and destructors that want too much.

use std::{
    cell::{Cell, RefCell},
    future::{Future, pending},
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use futures_lite::future::block_on;
use vigie::{
    Promise, PromiseState, TaskError, TaskSet, call,
    events::{self, Events, EventsError, Signals, Uid},
    protect, spawn,
    time::{sleep, timeout},
    uncancellable, yield_now,
};

use crate::support::{Drops, Gate, Log, MANY, Shared, Traced, each, on_drop, plain, turns, until};

#[test]
fn a_section_runs_to_its_end_and_the_task_no_further() {
    each(|builder| {
        builder
            .run(async {
                for far in [false, true] {
                    let (log, gate, started) = (Log::default(), Gate::default(), Gate::default());
                    let (theirs, opened, starts) = (log.clone(), gate.clone(), started.clone());
                    let body = async move || {
                        let _end = on_drop(|| theirs.push("the end"));
                        uncancellable(async {
                            starts.open();
                            opened.opened().await;
                            sleep(Duration::from_millis(1)).await.unwrap();
                            // Its children are cancelled no earlier than itself.
                            theirs.push(spawn(async { "a child" }).await.unwrap());
                        })
                        .await;
                        theirs.push("a further step");
                    };
                    let task = if far { call(body) } else { spawn(async move { body().await }) };
                    started.opened().await;
                    let mut cancel = task.cancel();
                    turns(5).await;
                    assert!(futures_lite::future::poll_once(&mut cancel).await.is_none());
                    assert_eq!(log.len(), 0);
                    gate.open();
                    cancel.await.unwrap();
                    assert_eq!(log.take(), ["a child", "the end"]);
                }
            })
            .unwrap();
    });
}

#[test]
fn the_outermost_section_counts() {
    plain()
        .run(async {
            let log = Log::default();
            let theirs = log.clone();
            let task = spawn(async move {
                uncancellable(async {
                    uncancellable(yield_now()).await;
                    theirs.push("between");
                    uncancellable(yield_now()).await;
                    theirs.push("end");
                })
                .await;
                theirs.push("too far");
            });
            yield_now().await;
            task.cancel().await.unwrap();
            assert_eq!(log.take(), ["between", "end"]);
        })
        .unwrap();
}

#[test]
fn a_section_that_nobody_cancels_changes_nothing() {
    plain()
        .run(async {
            let task = spawn(async { uncancellable(async { 1 }).await + uncancellable(async { 2 }).await });
            assert_eq!(task.await.unwrap(), 3);
            // After a section the task can be cancelled as ever.
            let task = spawn(async {
                uncancellable(yield_now()).await;
                pending::<()>().await;
            });
            turns(3).await;
            task.cancel().await.unwrap();
        })
        .unwrap();
    assert_eq!(block_on(uncancellable(async { 4 })), 4, "nor outside of a run");
}

#[test]
fn a_task_not_yet_in_its_section_is_cancelled_at_once() {
    plain()
        .run(async {
            let ran = Rc::new(Cell::new(false));
            let runs = ran.clone();
            let task = spawn(uncancellable(async move { runs.set(true) }));
            task.cancel().await.unwrap();
            assert!(!ran.get());
        })
        .unwrap();
}

#[test]
fn a_section_that_is_dropped_by_its_task_is_over() {
    each(|builder| {
        builder
            .run(async {
                let log = Log::default();
                let theirs = log.clone();
                let started = Gate::default();
                let starts = started.clone();
                let task = spawn(async move {
                    let late = timeout(
                        Duration::from_millis(5),
                        uncancellable(async {
                            starts.open();
                            pending::<()>().await;
                        }),
                    );
                    assert!(late.await.is_err());
                    theirs.push("one slice more");
                    yield_now().await;
                    theirs.push("too far");
                });
                started.opened().await;
                task.cancel().await.unwrap();
                assert_eq!(log.take(), ["one slice more"]);
            })
            .unwrap();
    });
}

#[test]
fn a_section_carried_into_another_task_stops_only_the_one_that_began_it() {
    plain()
        .extra_domains(0)
        .run(async {
            let (gate, carried) = (Gate::default(), Rc::new(Cell::new(None)));
            let (opened, carries) = (gate.clone(), carried.clone());
            let began = spawn(async move {
                let mut section = Box::pin(uncancellable(async move { opened.opened().await }));
                assert!(futures_lite::future::poll_once(&mut section).await.is_none());
                carries.set(Some(section));
                pending::<()>().await;
            });
            turns(3).await;
            let mut cancel = began.cancel();
            let section = carried.take().unwrap();
            let ends = spawn(section);
            turns(3).await;
            assert!(futures_lite::future::poll_once(&mut cancel).await.is_none());
            gate.open();
            // Its own cancellation did not wait for anything.
            ends.await.unwrap();
            cancel.await.unwrap();
        })
        .unwrap();
}

#[test]
fn a_section_that_was_leaked_goes_with_its_task() {
    plain()
        .extra_domains(0)
        .run(async {
            let task = spawn(async {
                let mut section = Box::pin(uncancellable(pending::<()>()));
                assert!(futures_lite::future::poll_once(&mut section).await.is_none());
                std::mem::forget(section);
                // What keeps the task when its future has gone.
                std::mem::forget(spawn(pending::<()>()));
            });
            turns(3).await;
            task.cancel().await.unwrap();
        })
        .unwrap();
}

#[test]
fn a_section_that_panics_is_over() {
    plain()
        .run(async {
            let task = spawn(async {
                uncancellable(async {
                    yield_now().await;
                    panic!("on purpose");
                })
                .await;
            });
            yield_now().await;
            task.cancel().await.unwrap();
        })
        .unwrap();
}

#[test]
fn an_ancestor_that_is_cancelled_waits_for_the_section() {
    each(|builder| {
        builder
            .run(async {
                let (log, started) = (Log::default(), Gate::default());
                let (theirs, starts) = (log.clone(), started.clone());
                let grandparent = call(async move || {
                    let parent = spawn(async move {
                        let child = call(async move || {
                            uncancellable(async {
                                starts.open();
                                sleep(Duration::from_millis(2)).await.unwrap();
                                theirs.push("saved");
                            })
                            .await;
                        });
                        child.await.unwrap();
                    });
                    parent.await.unwrap();
                });
                started.opened().await;
                grandparent.cancel().await.unwrap();
                assert_eq!(log.take(), ["saved"]);
            })
            .unwrap();
    });
}

#[test]
fn a_run_waits_for_sections_when_its_main_task_panics() {
    each(|builder| {
        let log = Log::default();
        let theirs = log.clone();
        let started = Gate::default();
        let starts = started.clone();
        let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            builder.run(async move {
                let _kept = call(async move || {
                    uncancellable(async {
                        starts.open();
                        sleep(Duration::from_millis(2)).await.unwrap();
                        theirs.push("saved");
                    })
                    .await;
                });
                started.opened().await;
                panic!("on purpose");
            })
        }));
        assert!(ran.is_err());
        assert_eq!(log.take(), ["saved"]);
    });
}

/// Events that fail when they are told to.
struct Failing(Shared<bool>);

impl Events for Failing {
    fn select(&mut self, _: bool, _: &[Uid], _: &mut Signals) -> io::Result<()> {
        if *self.0.lock() { Err(io::Error::other("the device is gone")) } else { Ok(()) }
    }
}

#[test]
fn sections_and_finalisers_do_not_outlive_the_events_they_wait_for() {
    for far in [false, true] {
        let broken = Shared::<bool>::default();
        let (breaks, drops) = (broken.clone(), Drops::default());
        let theirs = drops.clone();
        let error = plain()
            .events(move |seat| {
                Ok(Failing(if (seat.domain().index() == 1) == far {
                    broken.clone()
                } else {
                    Shared::default()
                }))
            })
            .extra_domains(1)
            .run(async move {
                let body = async move || {
                    let _local = Traced("local", theirs);
                    uncancellable(async {
                        *breaks.lock() = true;
                        // Nothing will ever signal this.
                        events::syscall().unwrap().suspend(|_| Ok(())).await.unwrap();
                    })
                    .await;
                };
                // The main task is in a section, too, and waits for the other.
                uncancellable(async move {
                    let task = if far { call(body) } else { spawn(body()) };
                    assert!(matches!(task.await, Err(TaskError::Cancelled)));
                    yield_now().await;
                })
                .await;
                pending::<()>().await;
            })
            .unwrap_err();
        assert_eq!(error.to_string(), "the device is gone");
        assert_eq!(drops.len(), 1);
    }
}

#[test]
fn a_failure_of_the_events_ends_the_finalisers_under_way_and_begins_none() {
    let (broken, log) = (Shared::<bool>::default(), Log::default());
    let (breaks, theirs) = (broken.clone(), log.clone());
    let error = plain()
        .events(move |_| Ok(Failing(broken.clone())))
        .extra_domains(0)
        .run(async move {
            let under_way = theirs.clone();
            let cancelled = spawn(protect(pending::<()>(), async move {
                let _end = on_drop(|| under_way.push("ended"));
                under_way.push("begun");
                pending::<()>().await;
                under_way.push("never");
            }));
            yield_now().await;
            drop(cancelled);
            turns(3).await;
            let in_vain = async move { theirs.push("begun too late") };
            protect(
                async {
                    *breaks.lock() = true;
                    pending::<()>().await;
                },
                in_vain,
            )
            .await;
        })
        .unwrap_err();
    assert_eq!(error.to_string(), "the device is gone");
    assert_eq!(log.take(), ["begun", "ended"]);
}

#[test]
fn a_finaliser_runs_because_of_a_cancellation_and_only_then() {
    each(|builder| {
        builder
            .run(async {
                for far in [false, true] {
                    let (log, started) = (Log::default(), Gate::default());
                    let (theirs, starts) = (log.clone(), started.clone());
                    let body = async move || {
                        let finaliser = |name: &'static str| {
                            let log = theirs.clone();
                            async move {
                                // It may wait, spawn and call.
                                sleep(Duration::from_millis(1)).await.unwrap();
                                spawn(yield_now()).await.unwrap();
                                log.push(name);
                            }
                        };
                        assert_eq!(protect(async { 1 }, finaliser("never")).await, 1);
                        let never_polled = protect(pending::<()>(), finaliser("not polled"));
                        let inner = protect(
                            async {
                                let _end = on_drop(|| theirs.push("the future"));
                                starts.open();
                                pending::<()>().await;
                            },
                            finaliser("inner"),
                        );
                        protect(inner, finaliser("outer")).await;
                        never_polled.await;
                    };
                    let task = if far { call(body) } else { spawn(async move { body().await }) };
                    started.opened().await;
                    task.cancel().await.unwrap();
                    assert_eq!(log.take(), ["the future", "inner", "outer"]);
                }
            })
            .unwrap();
    });
}

#[test]
fn a_finaliser_runs_once_though_cancellations_come_twice() {
    plain()
        .run(async {
            let log = Log::default();
            let theirs = log.clone();
            let parent = spawn(async move {
                let child = spawn(protect(pending::<()>(), async move {
                    turns(5).await;
                    theirs.push("finalised");
                }));
                yield_now().await;
                // Its own cancellation finds that of the child under way.
                child.cancel().await.unwrap();
            });
            turns(3).await;
            parent.cancel().await.unwrap();
            assert_eq!(log.take(), ["finalised"]);
        })
        .unwrap();
}

#[test]
fn finalisers_are_not_cancelled_and_the_task_finishes_after_them() {
    each(|builder| {
        builder
            .run(async {
                let (gate, log) = (Gate::default(), Log::default());
                let (opened, theirs) = (gate.clone(), log.clone());
                let task = spawn(protect(pending::<()>(), async move {
                    opened.opened().await;
                    theirs.push("finalised");
                }));
                yield_now().await;
                let mut cancel = task.cancel();
                for _ in 0..10 {
                    assert!(futures_lite::future::poll_once(&mut cancel).await.is_none());
                    yield_now().await;
                }
                gate.open();
                cancel.await.unwrap();
                assert_eq!(log.len(), 1);
            })
            .unwrap();
    });
}

#[test]
fn a_future_that_is_given_up_or_panics_is_finalised_too() {
    each(|builder| {
        builder
            .run(async {
                let log = Log::default();
                let theirs = log.clone();
                let task = spawn(async move {
                    let log = theirs.clone();
                    let late =
                        timeout(Duration::ZERO, protect(pending::<()>(), async move { log.push("late") }));
                    assert!(late.await.is_err());
                    theirs.push("goes on");
                    turns(3).await;
                    let log = theirs.clone();
                    protect(async { panic!("on purpose") }, async move { log.push("panicked") }).await;
                });
                assert!(matches!(task.await, Err(TaskError::Panicked(_))));
                assert_eq!(log.take(), ["goes on", "late", "panicked"]);
            })
            .unwrap();
    });
}

#[test]
fn a_finaliser_that_panics_stops_none_of_the_others() {
    plain()
        .run(async {
            let log = Log::default();
            let theirs = log.clone();
            let task = spawn(async move {
                let inner = protect(pending::<()>(), async { panic!("on purpose") });
                protect(inner, async move { theirs.push("outer") }).await;
            });
            yield_now().await;
            task.cancel().await.unwrap();
            assert_eq!(log.take(), ["outer"]);
        })
        .unwrap();
}

#[test]
fn many_tasks_with_finalisers_are_cancelled_in_linear_time() {
    plain()
        .extra_domains(0)
        .run(async {
            let finalised = Rc::new(Cell::new(0));
            let tasks: Vec<_> = (0..MANY)
                .map(|_| {
                    let counted = finalised.clone();
                    spawn(protect(pending::<()>(), async move { counted.set(counted.get() + 1) }))
                })
                .collect();
            turns(MANY).await;
            let cancelled: Vec<_> = tasks.into_iter().map(vigie::Promise::cancel).collect();
            for task in cancelled {
                task.await.unwrap();
            }
            assert_eq!(finalised.get(), MANY);
        })
        .unwrap();
}

#[test]
fn a_run_ends_after_its_finalisers() {
    each(|builder| {
        let log = Log::default();
        let theirs = log.clone();
        builder
            .run(async move {
                let kept = call(async move || {
                    protect(pending::<()>(), async move {
                        sleep(Duration::from_millis(2)).await.unwrap();
                        theirs.push("finalised");
                    })
                    .await;
                });
                until(|| kept.state() == PromiseState::Running).await;
                // It has begun once this has been there and back.
                call(async || ()).await.unwrap();
                vigie::call_on(vigie::Domain::all()[1], async || ()).await.unwrap();
                vigie::call_on(vigie::Domain::all()[2], async || ()).await.unwrap();
            })
            .unwrap();
        assert_eq!(log.take(), ["finalised"]);
    });
}

#[test]
fn a_finaliser_that_leaves_the_run_does_not_run() {
    let ran = Rc::new(Cell::new(false));
    let runs = ran.clone();
    let mut left = plain()
        .run(async move {
            let mut protected = Box::pin(protect(pending::<()>(), async move { runs.set(true) }));
            assert!(futures_lite::future::poll_once(&mut protected).await.is_none());
            Some(protected as Pin<Box<dyn Future<Output = ()>>>)
        })
        .unwrap();
    drop(left.take());
    assert!(!ran.get());
}

/// What a destructor tries, as its task ends.
fn last_words(said: &RefCell<Vec<String>>) {
    let say = |what: &dyn std::fmt::Debug| said.borrow_mut().push(format!("{what:?}"));
    say(&block_on(spawn(async {})).map_err(|error| error.to_string()));
    say(&block_on(call(async || ())).map_err(|error| error.to_string()));
    say(&events::syscall().map(drop));
    say(&block_on(sleep(Duration::from_secs(3600))));
    say(&vigie::run(async {}).map_err(|error| error.to_string()));
}

/// A future that owns what it is dropped with, however it ends.
struct Ends(Rc<RefCell<Vec<String>>>, fn() -> Poll<()>);

impl Future for Ends {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        (self.1)()
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        last_words(&self.0);
    }
}

#[test]
fn a_destructor_starts_nothing_and_blocks_on_nothing_as_its_task_ends() {
    each(|builder| {
        builder
            .run(async {
                let ends: [fn() -> Poll<()>; 3] =
                    [|| Poll::Ready(()), || panic!("on purpose"), || Poll::Pending];
                for end in ends {
                    let said = Rc::new(RefCell::new(Vec::new()));
                    let task = spawn(Ends(said.clone(), end));
                    yield_now().await;
                    task.cancel().await.unwrap();
                    let ending = TaskError::Ending.to_string();
                    let said = said.take();
                    assert_eq!(said[0], format!("{:?}", Err::<(), _>(&ending)));
                    assert_eq!(said[1], said[0]);
                    assert_eq!(said[2], format!("{:?}", Err::<(), _>(EventsError::Ending)));
                    assert_eq!(said[3], said[2]);
                    assert!(said[4].contains("already runs"), "{}", said[4]);
                }
            })
            .unwrap();
    });
}

#[test]
fn children_do_not_block_a_destructor_of_their_parent_either() {
    struct Parent(Option<Promise<()>>, Option<Promise<()>>, TaskSet<()>, Rc<RefCell<Vec<String>>>);
    impl Drop for Parent {
        fn drop(&mut self) {
            let say = |what: String| self.3.borrow_mut().push(what);
            say(block_on(self.0.as_mut().unwrap()).unwrap_err().to_string());
            say(block_on(self.1.take().unwrap().cancel()).unwrap_err().to_string());
            say(block_on(self.2.next()).unwrap().unwrap_err().to_string());
            say(block_on(self.2.cancel_all()).unwrap_err().to_string());
            say(format!("{}", self.2.is_empty()));
        }
    }
    plain()
        .run(async {
            let said = Rc::new(RefCell::new(Vec::new()));
            let says = said.clone();
            let task = spawn(async move {
                let mut set = TaskSet::new();
                set.call(async || pending().await);
                let _parent = Parent(Some(spawn(pending())), Some(call(async || pending().await)), set, says);
                pending::<()>().await;
            });
            turns(3).await;
            task.cancel().await.unwrap();
            let ending = TaskError::Ending.to_string();
            assert_eq!(said.take(), [&ending, &ending, &ending, &ending, "true"]);
        })
        .unwrap();
}

#[test]
fn a_sleep_under_way_does_not_block_a_destructor_either() {
    struct Sleeper(Option<vigie::time::Sleep>, Rc<Cell<Option<Result<(), EventsError>>>>);
    impl Drop for Sleeper {
        fn drop(&mut self) {
            self.1.set(self.0.take().map(block_on));
        }
    }
    each(|builder| {
        builder
            .run(async {
                let said = Rc::new(Cell::new(None));
                let says = said.clone();
                let task = spawn(async move {
                    let mut sleeper = Sleeper(Some(sleep(Duration::from_secs(3600))), says);
                    sleeper.0.as_mut().unwrap().await.unwrap();
                });
                turns(2).await;
                task.cancel().await.unwrap();
                assert_eq!(said.take(), Some(Err(EventsError::Ending)));
            })
            .unwrap();
    });
}
