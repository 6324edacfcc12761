//! Domains and runs: what there is inside and outside of one, one after the other, one in another.

use std::{
    future::pending,
    rc::Rc,
    sync::{Arc, mpsc},
    thread,
};

use futures_lite::future::block_on;
use vigie::{
    Domain, RunError, TaskError, TaskId, call, call_on,
    events::{Events, Signals, Uid, signal_sender},
    run, should_yield, spawn,
};

use crate::support::{Log, Shared, alone, each, eventually, on_drop, plain};

fn is_running(error: &std::io::Error) -> bool {
    error.get_ref().and_then(|error| error.downcast_ref()) == Some(&RunError::AlreadyRunning)
}

#[test]
fn domains_are_known_inside_of_a_run_and_not_outside() {
    let outside = || {
        assert!(Domain::current().is_none() && TaskId::current().is_none());
        assert!(Domain::all().is_empty() && Domain::available().is_empty());
    };
    outside();
    plain()
        .run(async move {
            let indices = |domains: Vec<Domain>| domains.iter().map(Domain::index).collect::<Vec<_>>();
            assert_eq!(Domain::current().unwrap().index(), 0);
            assert_eq!(indices(Domain::all()), [0, 1, 2]);
            assert_eq!(indices(Domain::available()), [1, 2]);
            let all = Domain::all();
            let (there, available) = call_on(all[1], async move || {
                assert_eq!(Domain::all(), all);
                (Domain::current().unwrap().index(), indices(Domain::available()))
            })
            .await
            .unwrap();
            assert_eq!((there, available), (1, vec![2]));
            // A thread of a task's own is outside.
            thread::spawn(outside).join().unwrap();
        })
        .unwrap();
    outside();
}

#[test]
fn domain_0_is_the_callers_thread_and_each_other_has_one_of_its_own() {
    let caller = thread::current().id();
    plain()
        .run(async move {
            assert_eq!(thread::current().id(), caller);
            let mut threads = vec![caller];
            for domain in Domain::available() {
                let id = call_on(domain, async || thread::current().id()).await.unwrap();
                assert!(!threads.contains(&id));
                threads.push(id);
                assert_eq!(call_on(domain, async || thread::current().id()).await.unwrap(), id);
            }
            let name = call(async || thread::current().name().map(str::to_owned)).await.unwrap();
            assert_eq!(name.as_deref(), Some("vigie-1"));
        })
        .unwrap();
}

#[test]
fn domains_of_different_runs_differ() {
    let of_run = || plain().run(async { Domain::all() }).unwrap();
    let (one, two) = (of_run(), of_run());
    assert_eq!(one.len(), two.len());
    assert!(one.iter().all(|domain| !two.contains(domain)));
}

#[test]
fn by_default_there_is_a_domain_to_call() {
    run(async {
        assert!(Domain::all().len() >= 2);
        assert_eq!(call(async || 1).await.unwrap(), 1);
    })
    .unwrap();
}

#[test]
fn one_domain_alone_is_enough_for_all_but_calls() {
    each(|builder| {
        let sum = builder.extra_domains(0).run(async {
            vigie::time::sleep(std::time::Duration::from_millis(1)).await.unwrap();
            spawn(async { 1 }).await.unwrap() + spawn(async { 2 }).await.unwrap()
        });
        assert_eq!(sum.unwrap(), 3);
    });
}

#[test]
fn a_run_inside_a_run_is_an_error() {
    plain()
        .run(async {
            let (alive, ran) = (Rc::new(()), Log::default());
            let (captured, log) = (alive.clone(), ran.clone());
            let inner = plain().run(async move {
                log.push(());
                drop(captured);
            });
            assert!(is_running(&inner.unwrap_err()));
            assert_eq!(ran.len(), 0);
            assert_eq!(Rc::strong_count(&alive), 1, "its main task has gone, not run");
            let inner = spawn(async { plain().run(async {}) }).await.unwrap();
            assert!(is_running(&inner.unwrap_err()));
            // The thread of another domain is a run's as well.
            let inner = call(async || plain().run(async {})).await.unwrap();
            assert!(is_running(&inner.unwrap_err()));
            // Nor does another executor in between change that.
            let inner = block_on(async { plain().run(async {}) });
            assert!(is_running(&inner.unwrap_err()));
            let inner = futures_lite::future::yield_now();
            block_on(inner);
            // The outer run goes on.
            assert_eq!(call(async || 1).await.unwrap(), 1);
        })
        .unwrap();
}

#[test]
fn a_run_in_a_destructor_is_an_error_where_the_destructor_is_the_runs() {
    let seen = Log::default();
    let log = seen.clone();
    plain()
        .run(async {
            let task = spawn(async move {
                let _end = on_drop(|| log.push(plain().run(async {}).is_err_and(|error| is_running(&error))));
                pending::<()>().await;
            });
            vigie::yield_now().await;
            task.cancel().await.unwrap();
        })
        .unwrap();
    assert_eq!(seen.take(), [true]);
}

#[test]
fn a_run_on_a_thread_of_its_own_is_none_of_ours() {
    plain()
        .run(async {
            let outer = Domain::all();
            let thread = thread::spawn(move || {
                plain()
                    .run(async move {
                        assert!(Domain::all().iter().all(|domain| !outer.contains(domain)));
                        call(async || 1).await.unwrap()
                    })
                    .unwrap()
            });
            assert_eq!(thread.join().unwrap(), 1);
        })
        .unwrap();
}

#[test]
fn runs_side_by_side_do_not_meet() {
    let threads: Vec<_> = (0..4)
        .map(|n| {
            thread::spawn(move || {
                for _ in 0..5 {
                    let sum = plain().run(async move {
                        let mut sum = 0;
                        for _ in 0..20 {
                            sum += call(async move || n).await.unwrap();
                        }
                        sum
                    });
                    assert_eq!(sum.unwrap(), 20 * n);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn a_run_after_a_run_works_on_the_same_thread() {
    for n in 0..20 {
        let result = plain().run(async move { call(async move || n).await.unwrap() });
        assert_eq!(result.unwrap(), n);
    }
}

#[test]
fn a_builder_can_be_used_again() {
    each(|builder| {
        for _ in 0..2 {
            let domains = builder.clone().extra_domains(3).run(async { Domain::all().len() });
            assert_eq!(domains.unwrap(), 4);
        }
    });
}

#[test]
fn outside_of_a_run_nothing_starts() {
    let kept = Rc::new(());
    let captured = kept.clone();
    let promise = spawn(async move { drop(captured) });
    assert_eq!(Rc::strong_count(&kept), 1, "the future has gone");
    assert!(matches!(block_on(promise), Err(TaskError::OutsideRuntime)));
    assert!(matches!(block_on(call(async || ())), Err(TaskError::OutsideRuntime)));
    block_on(spawn(async {}).cancel()).unwrap();
    block_on(vigie::yield_now());
    block_on(vigie::yield_if_needed());
    assert!(!should_yield());
    assert!(matches!(block_on(vigie::await_all([spawn(async {})])).as_deref(), Ok([Err(_)])));
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(block_on(spawn(async {})).is_err()).unwrap()).join().unwrap();
    assert!(receiver.recv().unwrap());
}

#[test]
fn in_the_events_own_code_nothing_starts() {
    struct Spawning(Log<TaskError>);

    impl Events for Spawning {
        fn select(&mut self, _: bool, _: &[Uid], _: &mut Signals) -> std::io::Result<()> {
            self.0.push(block_on(spawn(async {})).unwrap_err());
            self.0.push(block_on(call(async || ())).unwrap_err());
            Ok(())
        }
    }

    let log = Log::default();
    let seen = log.clone();
    plain()
        .events(move |_| Ok(Spawning(log.clone())))
        .run(async {
            call(async || ()).await.unwrap();
        })
        .unwrap();
    let seen = seen.take();
    assert!(!seen.is_empty());
    assert!(seen.iter().all(|error| matches!(error, TaskError::OutsideRuntime)), "{seen:?}");
}

#[test]
fn a_task_may_block_on_a_foreign_executor() {
    plain()
        .run(async {
            // Its children are the task's; what they need of this domain waits until it gives way.
            let mut child = None;
            block_on(async {
                futures_lite::future::yield_now().await;
                child = Some(spawn(async { 1 }));
            });
            assert_eq!(child.unwrap().await.unwrap(), 1);
        })
        .unwrap();
}

#[test]
fn the_output_of_the_main_task_need_not_be_send() {
    let output = plain().run(async { Rc::new(7) }).unwrap();
    assert_eq!(*output, 7);
}

#[test]
fn every_thread_has_ended_when_a_run_returns() {
    let alive = Arc::new(());
    let held = alive.clone();
    let count = Shared::<usize>::default();
    let started = count.clone();
    plain()
        .spawn_thread(move |thread, body| {
            *started.lock() += 1;
            let held = held.clone();
            thread.spawn(move || {
                body();
                drop(held);
            })
        })
        .run(async {})
        .unwrap();
    assert_eq!(*count.lock(), 2);
    // One in the hook itself, which went with the builder.
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[cfg(all(target_os = "linux", not(miri)))]
#[test]
fn a_thousand_runs_leave_no_descriptor_and_no_thread() {
    use crate::support::proc;

    alone("domains::a_thousand_runs_leave_no_descriptor_and_no_thread", || {
        let some = |runs: usize| {
            each(|builder| {
                for _ in 0..runs {
                    let builder = builder.clone();
                    builder
                        .run(async {
                            let listener = vigie::net::TcpListener::bind("127.0.0.1:0").unwrap();
                            let accepting = spawn(async move { listener.accept().await.is_ok() });
                            let there = call(async || {
                                vigie::time::sleep(std::time::Duration::from_micros(1)).await.unwrap();
                            });
                            there.await.unwrap();
                            accepting.cancel().await.unwrap();
                        })
                        .unwrap();
                }
            });
        };
        let threads = proc::threads().len();
        some(1);
        let before = (proc::descriptors(), threads);
        some(1000 / 6 + 1);
        // A thread that was joined is still listed for a moment.
        let now = || (proc::descriptors(), proc::threads().len());
        assert!(eventually(|| now() == before), "{:?} after {before:?}", now());
    });
}

#[cfg(all(target_os = "linux", not(miri)))]
#[test]
fn wakers_that_outlive_their_run_keep_no_descriptor_open() {
    use crate::support::proc;
    use std::{future::poll_fn, task::Poll};

    alone("domains::wakers_that_outlive_their_run_keep_no_descriptor_open", || {
        let before = proc::descriptors();
        let kept = Log::default();
        each(|builder| {
            for _ in 0..10 {
                let there = kept.clone();
                let keep = async move || {
                    let waker = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
                    there.push((waker, signal_sender().unwrap()));
                };
                let builder = builder.clone();
                builder.run(async move { call(keep.clone()).await.map(|()| keep).unwrap()().await }).unwrap();
            }
        });
        assert_eq!(proc::descriptors(), before);
        for (waker, sender) in kept.take() {
            waker.wake();
            sender.wake();
        }
    });
}
