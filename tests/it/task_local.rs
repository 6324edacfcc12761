//! Task locals: who sees a value, and for how long.

use std::{
    cell::{Cell, RefCell},
    future::{Future, pending, poll_fn},
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    rc::Rc,
    task::Poll,
    thread,
};

use futures_lite::future::{block_on, poll_once, zip};
use vigie::{NotSet, TaskError, TaskLocal, await_all, call, inherit, scope, spawn, yield_now};

use crate::support::{Bomb, Drops, Gate, Log, MANY, Traced, each, on_drop, plain, turns};

static NAME: TaskLocal<&str> = TaskLocal::new();
/// Declared alike, and another key.
static OTHER: TaskLocal<&str> = TaskLocal::new();
static TRACED: TaskLocal<Traced> = TaskLocal::new();
static COUNT: TaskLocal<Rc<Cell<usize>>> = TaskLocal::new();

fn name() -> Option<&'static str> {
    NAME.get().ok()
}

#[test]
fn concurrent_tasks_see_their_own_values() {
    each(|builder| {
        builder
            .run(async {
                let counter = |name: &'static str| async move {
                    let mine = Rc::new(Cell::new(0));
                    COUNT
                        .scope(mine.clone(), async move {
                            for n in 0..100 {
                                assert_eq!(self::name(), Some(name));
                                COUNT.with(|count| count.set(count.get() + 1)).unwrap();
                                yield_now().await;
                                assert_eq!(COUNT.get().unwrap().get(), n + 1);
                            }
                        })
                        .await;
                    mine.get()
                };
                let here = ["a", "b", "c"].map(|name| spawn(NAME.scope(name, counter(name))));
                let there = call(move || NAME.scope("d", counter("d")));
                for count in await_all(here.into_iter().chain([there])).await.unwrap() {
                    assert_eq!(count.unwrap(), 100);
                }
                assert_eq!(name(), None);
            })
            .unwrap();
    });
}

#[test]
fn two_futures_of_one_task_see_their_own_values() {
    plain()
        .run(async {
            let reader = |expected| async move {
                for _ in 0..5 {
                    assert_eq!(name(), expected);
                    yield_now().await;
                }
            };
            let both = zip(NAME.scope("left", reader(Some("left"))), reader(None));
            zip(both, NAME.scope("right", reader(Some("right")))).await;
        })
        .unwrap();
}

#[test]
fn where_nothing_is_set_there_is_an_error() {
    let error: NotSet = NAME.get().unwrap_err();
    assert!(error.to_string().contains("str"), "{error}");
    assert_eq!(NAME.with(|_| ()), Err(error));
    assert_eq!(io::Error::from(error).kind(), io::ErrorKind::Other);
    plain()
        .run(async {
            assert!(NAME.get().is_err());
            NAME.scope("set", async {
                assert_eq!(name(), Some("set"));
                assert!(OTHER.get().is_err(), "another key");
                assert!(thread::spawn(|| NAME.get()).join().unwrap().is_err(), "another thread");
            })
            .await;
            assert!(NAME.get().is_err());
        })
        .unwrap();
}

#[test]
fn it_works_on_any_executor() {
    let seen = block_on(NAME.scope("elsewhere", async {
        yield_now().await;
        name()
    }));
    assert_eq!(seen, Some("elsewhere"));
    assert_eq!(name(), None);
}

#[test]
fn children_inherit_on_request_only() {
    plain()
        .run(async {
            let family = NAME.scope("parent", async {
                let heir = spawn(inherit(async {
                    yield_now().await;
                    let grandchild = spawn(inherit(async { (name(), OTHER.get().ok()) }));
                    (name(), grandchild.await.unwrap())
                }));
                let (other, called) = (spawn(async { name() }), call(async || name()));
                assert_eq!(other.await.unwrap(), None);
                assert_eq!(called.await.unwrap(), None);
                heir.await.unwrap()
            });
            let seen = OTHER.scope("grandparent", family).await;
            assert_eq!(seen, (Some("parent"), (Some("parent"), Some("grandparent"))));
        })
        .unwrap();
}

#[test]
#[allow(clippy::async_yields_async, reason = "an heir goes out")]
fn what_is_inherited_is_what_was_set_then() {
    plain()
        .run(async {
            let none = inherit(async { name() });
            let (outer, inner) = NAME
                .scope("outer", async {
                    let outer = inherit(async { name() });
                    let inner = NAME.scope("inner", async { inherit(async { name() }) }).await;
                    // Whatever is set where they are polled.
                    assert_eq!(none.await, None);
                    (outer, inner)
                })
                .await;
            assert_eq!(OTHER.scope("here", outer).await, Some("outer"));
            assert_eq!(NAME.scope("here", inner).await, Some("inner"));
        })
        .unwrap();
}

#[test]
fn a_scoped_task_sees_what_is_set_around_its_scope() {
    plain()
        .run(NAME.scope("around", async {
            scope(|s| async move {
                OTHER
                    .scope("at the spawn", async {
                        let task = s.spawn(async { (name(), OTHER.get().ok()) });
                        let heir = s.spawn(inherit(async { OTHER.get().ok() }));
                        assert_eq!(task.await.unwrap(), (Some("around"), None));
                        assert_eq!(heir.await.unwrap(), Some("at the spawn"));
                    })
                    .await;
            })
            .await;
        }))
        .unwrap();
}

#[test]
fn an_inner_value_hides_the_outer_one_for_as_long_as_it_is_set() {
    plain()
        .run(async {
            NAME.scope("outer", async {
                OTHER
                    .scope("between", async {
                        NAME.scope("inner", async {
                            yield_now().await;
                            assert_eq!((name(), OTHER.get().ok()), (Some("inner"), Some("between")));
                        })
                        .await;
                        assert_eq!(name(), Some("outer"));
                        // Dropped half-way.
                        let mut inner = Box::pin(NAME.scope("inner", pending::<()>()));
                        assert!(poll_once(inner.as_mut()).await.is_none());
                        assert_eq!(name(), Some("outer"));
                        drop(inner);
                        assert_eq!(name(), Some("outer"));
                    })
                    .await;
            })
            .await;
        })
        .unwrap();
}

#[test]
fn what_is_set_around_is_that_of_each_poll() {
    plain()
        .run(async {
            let mut moved = Box::pin(NAME.scope("own", async {
                let first = (name(), OTHER.get().ok());
                yield_now().await;
                (first, (name(), OTHER.get().ok()))
            }));
            OTHER.scope("first", async { assert!(poll_once(moved.as_mut()).await.is_none()) }).await;
            let seen = OTHER.scope("second", moved).await;
            assert_eq!(seen, ((Some("own"), Some("first")), (Some("own"), Some("second"))));
        })
        .unwrap();
}

/// Notes what it sees when it is dropped.
fn witness(log: &Log<Option<&'static str>>) -> impl Drop + use<> {
    let log = log.clone();
    on_drop(move || log.push(name()))
}

#[test]
#[allow(clippy::async_yields_async, reason = "a promise goes out")]
fn destructors_see_the_value() {
    plain()
        .run(async {
            let log = Log::default();
            // At the end of the future.
            let held = witness(&log);
            NAME.scope("returned", async move { drop(held) }).await;
            let held = witness(&log);
            NAME.scope("kept to the end", async move {
                let _held = held;
                yield_now().await;
            })
            .await;
            // With a future that is ready, before it is dropped.
            let held = witness(&log);
            let mut ready = Box::pin(NAME.scope(
                "ready",
                poll_fn(move |_| {
                    let _held = &held;
                    Poll::Ready(())
                }),
            ));
            ready.as_mut().await;
            assert_eq!(log.len(), 3);
            // While it waits; before its first poll; that of an heir.
            let held = witness(&log);
            let waiting = spawn(NAME.scope("cancelled", async move {
                let _held = held;
                pending::<()>().await;
            }));
            let held = witness(&log);
            let unstarted = NAME.scope("unstarted", async move { drop(held) });
            let held = witness(&log);
            let heir = NAME.scope("inherited", async {
                spawn(inherit(async move {
                    let _held = held;
                    pending::<()>().await;
                }))
            });
            let heir = heir.await;
            turns(3).await;
            waiting.cancel().await.unwrap();
            drop(unstarted);
            heir.cancel().await.unwrap();
            let seen = ["returned", "kept to the end", "ready", "cancelled", "unstarted", "inherited"];
            assert_eq!(log.take(), seen.map(Some));
            assert_eq!(name(), None);
        })
        .unwrap();
}

#[test]
fn the_inner_futures_destructors_see_the_inner_value() {
    plain()
        .run(async {
            let log = Log::default();
            let (outer, inner) = (witness(&log), witness(&log));
            let task = spawn(NAME.scope("outer", async move {
                let _outer = outer;
                NAME.scope("inner", async move {
                    let _inner = inner;
                    pending::<()>().await;
                })
                .await;
            }));
            turns(3).await;
            task.cancel().await.unwrap();
            assert_eq!(log.take(), [Some("inner"), Some("outer")]);
        })
        .unwrap();
}

#[test]
#[allow(clippy::async_yields_async, reason = "a promise goes out")]
fn a_value_is_dropped_once_after_the_last_who_sees_it() {
    plain()
        .run(async {
            let drops = Drops::default();
            let value = |name| Traced(name, drops.clone());
            TRACED.scope(value("returned"), async { assert_eq!(drops.len(), 0) }).await;
            assert_eq!(drops.take().len(), 1);

            drop(TRACED.scope(value("unstarted"), async {}));
            assert_eq!(drops.take().len(), 1);

            let task = spawn(TRACED.scope(value("cancelled"), pending::<()>()));
            turns(2).await;
            task.cancel().await.unwrap();
            assert_eq!(drops.take().len(), 1);

            let gate = Gate::default();
            let opened = gate.clone();
            let heir = TRACED.scope(value("inherited"), async {
                spawn(inherit(async move {
                    opened.opened().await;
                    TRACED.with(|traced| traced.0).unwrap()
                }))
            });
            let heir = heir.await;
            turns(3).await;
            assert_eq!(drops.len(), 0, "the heir has it");
            gate.open();
            assert_eq!(heir.await.unwrap(), "inherited");
            assert_eq!(drops.take().len(), 1);
        })
        .unwrap();
}

#[test]
fn a_panic_restores_what_was_set() {
    plain()
        .run(NAME.scope("outer", async {
            // Of the future.
            let mut panics = pin!(NAME.scope("inner", async {
                yield_now().await;
                panic!("in the future");
            }));
            assert!(poll_once(panics.as_mut()).await.is_none());
            let polled = poll_fn(|cx| {
                let polled = catch_unwind(AssertUnwindSafe(|| panics.as_mut().poll(cx)));
                Poll::Ready(polled.is_err())
            });
            assert!(polled.await);
            assert_eq!(name(), Some("outer"));
            // Of what `with` calls.
            let caught = catch_unwind(|| NAME.with(|_| panic!("in with")));
            assert!(caught.is_err());
            assert_eq!(name(), Some("outer"));
            // Of a destructor.
            let bomb = Bomb;
            let dropped = Box::pin(NAME.scope("inner", async move { drop(bomb) }));
            assert!(catch_unwind(AssertUnwindSafe(|| drop(dropped))).is_err());
            assert_eq!(name(), Some("outer"));
            // Of a child, and of the value itself.
            let child = spawn(OTHER.scope("child", inherit(async { panic!("in the child") })));
            assert!(matches!(child.await, Err(TaskError::Panicked(_))));
            assert_eq!((name(), OTHER.get().ok()), (Some("outer"), None));
            static BOMB: TaskLocal<Bomb> = TaskLocal::new();
            let child = spawn(BOMB.scope(Bomb, async {}));
            assert!(matches!(child.await, Err(TaskError::Panicked(_))));
            assert_eq!(name(), Some("outer"));
        }))
        .unwrap();
    assert_eq!(name(), None);
}

#[test]
fn a_key_is_used_while_it_is_in_use() {
    static CELL: TaskLocal<RefCell<Vec<u32>>> = TaskLocal::new();
    plain()
        .run(CELL.scope(RefCell::default(), async {
            CELL.with(|outer| {
                outer.borrow_mut().push(1);
                CELL.with(|again| again.borrow_mut().push(2)).unwrap();
                // Set anew, with the outer value still in hand.
                let inner = CELL.scope(RefCell::new(vec![7]), async {
                    CELL.with(|inner| inner.borrow_mut().push(8)).unwrap();
                    CELL.with(|inner| inner.borrow().clone()).unwrap()
                });
                assert_eq!(block_on(inner), [7, 8]);
                assert_eq!(*outer.borrow(), [1, 2]);
            })
            .unwrap();
        }))
        .unwrap();
}

#[test]
fn a_value_may_outlive_its_scope_while_it_is_in_use() {
    plain()
        .run(async {
            let drops = Drops::default();
            let mut future = Box::pin(TRACED.scope(Traced("value", drops.clone()), async {
                let heir = inherit(async {});
                let slot = Cell::new(Some(heir));
                TRACED
                    .with(|value| {
                        // One of those who hold it goes meanwhile.
                        drop(slot.take());
                        assert_eq!(value.1.len(), 0);
                    })
                    .unwrap();
            }));
            future.as_mut().await;
            assert_eq!(drops.len(), 0);
            drop(future);
            assert_eq!(drops.len(), 1);
        })
        .unwrap();
}

/// A generation, and the next, which inherits.
struct Generation(Pin<Box<dyn Future<Output = Generation>>>);

impl Generation {
    fn new(drops: Rc<Cell<usize>>) -> Self {
        Self(Box::pin(async {
            let next = drops.clone();
            let value = on_drop(move || drops.set(drops.get() + 1));
            VALUES.scope(Box::new(value), async { Self(Box::pin(inherit(Self::new(next).0))) }).await
        }))
    }
}

static VALUES: TaskLocal<Box<dyn std::any::Any>> = TaskLocal::new();

#[test]
fn a_long_line_of_heirs_is_dropped_without_recursion() {
    let drops = Rc::new(Cell::new(0));
    let theirs = drops.clone();
    plain()
        .run(async move {
            let mut last = Generation::new(theirs.clone());
            for _ in 0..MANY {
                last = last.0.await;
            }
            assert_eq!(theirs.get(), 0);
            drop(last);
            assert_eq!(theirs.get(), MANY);
        })
        .unwrap();
    assert_eq!(drops.get(), MANY);
}
