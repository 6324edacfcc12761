//! Hooks, and domain locals.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use vigie::{Domain, DomainLocal, Hook, TaskError, call, call_on, on_tick, spawn, time::sleep, yield_now};

use crate::support::{Drops, Log, Traced, each, on_drop, plain, turns};

#[test]
fn a_hook_runs_at_every_tick_of_its_own_domain() {
    each(|builder| {
        builder
            .run(async {
                let domains = Log::default();
                let theirs = domains.clone();
                let hook = on_tick(move || theirs.push(Domain::current().unwrap().index())).unwrap();
                turns(10).await;
                assert!(domains.len() >= 10, "{}", domains.len());
                // Where nothing runs there are no ticks, and no hook keeps the domain awake.
                let before = domains.len();
                sleep(Duration::from_millis(20)).await.unwrap();
                assert!(domains.len() - before < 10, "{}", domains.len() - before);
                hook.remove();
                let before = domains.len();
                turns(10).await;
                assert_eq!(domains.len(), before);
                assert!(domains.take().into_iter().all(|domain| domain == 0));
                // On another domain.
                let theirs = domains.clone();
                call_on(Domain::all()[2], async move || {
                    let _hook = on_tick(move || theirs.push(Domain::current().unwrap().index())).unwrap();
                    turns(10).await;
                })
                .await
                .unwrap();
                let seen = domains.take();
                assert!(seen.len() >= 10 && seen.into_iter().all(|domain| domain == 2));
            })
            .unwrap();
    });
}

#[test]
fn hooks_run_in_the_order_in_which_they_were_added_and_may_change_the_list() {
    plain()
        .extra_domains(0)
        .run(async {
            let log = Rc::new(RefCell::new(Vec::new()));
            let say = |word: &'static str| {
                let log = log.clone();
                move || log.borrow_mut().push(word)
            };
            let own: Rc<Cell<Option<Hook>>> = Rc::default();
            let (first, held) = (say("first"), own.clone());
            own.set(Some(
                on_tick(move || {
                    first();
                    // Removes itself while it runs.
                    drop(held.take());
                })
                .unwrap(),
            ));
            let added: Rc<RefCell<Vec<Hook>>> = Rc::default();
            let (second, adds) = (say("second"), added.clone());
            let adder = {
                let log = log.clone();
                on_tick(move || {
                    second();
                    if adds.borrow().is_empty() {
                        let log = log.clone();
                        adds.borrow_mut().push(on_tick(move || log.borrow_mut().push("third")).unwrap());
                    }
                })
                .unwrap()
            };
            yield_now().await;
            assert_eq!(log.take(), ["first", "second"]);
            yield_now().await;
            assert_eq!(log.take(), ["second", "third"]);
            adder.remove();
            yield_now().await;
            assert_eq!(log.take(), ["third"]);
        })
        .unwrap();
}

#[test]
fn a_hook_that_panics_is_removed_and_the_others_stay() {
    plain()
        .run(async {
            let drops = Drops::default();
            let owned = Traced("owned", drops.clone());
            let panics = on_tick(move || {
                let _owned = &owned;
                panic!("on purpose");
            })
            .unwrap();
            let ticks = Rc::new(Cell::new(0));
            let counted = ticks.clone();
            let _counts = on_tick(move || counted.set(counted.get() + 1)).unwrap();
            turns(3).await;
            assert_eq!(drops.len(), 1);
            assert!(ticks.get() >= 3);
            panics.remove();
        })
        .unwrap();
}

#[test]
fn a_hook_left_in_place_goes_with_its_domain() {
    let drops = Drops::default();
    let theirs = drops.clone();
    plain()
        .run(async move {
            for far in [false, true] {
                let owned = Traced("owned", theirs.clone());
                let add = async move || {
                    on_tick(move || {
                        let _owned = &owned;
                    })
                    .unwrap()
                    .detach();
                };
                if far { call(add).await.unwrap() } else { add().await }
            }
            turns(3).await;
            assert_eq!(theirs.len(), 0);
        })
        .unwrap();
    assert_eq!(drops.len(), 2);
}

#[test]
fn no_hook_is_added_to_a_domain_that_has_ended() {
    let said = Log::default();
    let says = said.clone();
    plain()
        .run(async move {
            for far in [false, true] {
                let says = says.clone();
                let add = async move || {
                    let end = on_drop(move || says.push(on_tick(|| ()).map(Hook::detach).is_err()));
                    on_tick(move || {
                        let _end = &end;
                    })
                    .unwrap()
                    .detach();
                };
                if far { call(add).await.unwrap() } else { add().await }
            }
        })
        .unwrap();
    assert_eq!(said.take(), [true, true]);
}

#[test]
fn a_hook_is_no_task() {
    plain()
        .run(async {
            let said = Rc::new(RefCell::new(None));
            let says = said.clone();
            let hook = on_tick(move || {
                let child = futures_lite::future::block_on(spawn(async {}));
                *says.borrow_mut() = Some(child);
            })
            .unwrap();
            yield_now().await;
            hook.remove();
            assert!(matches!(said.take(), Some(Err(TaskError::OutsideRuntime))));
        })
        .unwrap();
    assert!(matches!(on_tick(|| ()), Err(TaskError::OutsideRuntime)));
}

#[test]
fn each_domain_has_a_value_of_its_own_made_when_it_is_first_asked_for() {
    static MADE: DomainLocal<(usize, Cell<u32>)> =
        DomainLocal::new(|| (Domain::current().unwrap().index(), Cell::new(0)));
    each(|builder| {
        builder
            .run(async {
                for _ in 0..3 {
                    let here =
                        MADE.with(|(domain, count)| (*domain, count.replace(count.get() + 1))).unwrap();
                    for domain in Domain::available() {
                        let there = call_on(domain, async || {
                            MADE.with(|(domain, count)| (*domain, count.replace(count.get() + 1))).unwrap()
                        });
                        assert_eq!(there.await.unwrap(), (domain.index(), here.1));
                    }
                    assert_eq!(here.0, 0);
                }
            })
            .unwrap();
    });
    assert!(matches!(MADE.with(|_| ()), Err(TaskError::OutsideRuntime)));
}

#[test]
fn domain_locals_end_with_their_run_on_their_thread_after_the_tasks() {
    thread_local! {
        static LOG: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    }
    struct Value(&'static str);
    impl Drop for Value {
        fn drop(&mut self) {
            let others = OTHER.with(|_| ()).is_ok();
            LOG.with(|log| log.borrow_mut().push(format!("{}, others: {others}", self.0)));
        }
    }
    static ONE: DomainLocal<Value> = DomainLocal::new(|| Value("one"));
    static OTHER: DomainLocal<Value> = DomainLocal::new(|| Value("other"));
    for _ in 0..2 {
        plain()
            .run(async {
                ONE.with(|_| ()).unwrap();
                OTHER.with(|_| ()).unwrap();
                let kept = spawn(async {
                    let _end = on_drop(|| LOG.with(|log| log.borrow_mut().push("a task".to_owned())));
                    std::future::pending::<()>().await;
                });
                yield_now().await;
                drop(kept);
            })
            .unwrap();
        assert_eq!(LOG.take(), ["a task", "one, others: false", "other, others: false"]);
    }
}

#[test]
fn a_domain_local_that_is_made_within_its_own_making_stays() {
    thread_local! {
        static MADE: Cell<u32> = const { Cell::new(0) };
    }
    struct Value(u32);
    impl Drop for Value {
        fn drop(&mut self) {
            // The one that comes too late finds the other.
            assert_eq!(self.0 == 1, KEY.with(|value| value.0).is_ok());
        }
    }
    static KEY: DomainLocal<Value> = DomainLocal::new(|| {
        let number = MADE.replace(MADE.get() + 1) + 1;
        if number == 1 {
            KEY.with(|inner| assert_eq!(inner.0, 2)).unwrap();
        }
        Value(number)
    });
    plain().run(async { assert_eq!(KEY.with(|value| value.0).unwrap(), 2) }).unwrap();
}

#[test]
fn domain_locals_may_be_used_within_each_other() {
    static OUTER: DomainLocal<u32> = DomainLocal::new(|| INNER.with(|inner| inner + 1).unwrap());
    static INNER: DomainLocal<u32> = DomainLocal::new(|| 41);
    plain()
        .run(async {
            let sum = OUTER.with(|outer| OUTER.with(|again| outer + again).unwrap());
            assert_eq!(sum.unwrap(), 84);
        })
        .unwrap();
}
