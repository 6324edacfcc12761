//! The live task tree, deadlocks, and runs that do not end.

use std::{
    cell::Cell,
    future::{Future, pending, poll_fn},
    io, mem,
    rc::Rc,
    sync::{Arc, Condvar, Mutex},
    task::{Context, Poll, Wake, Waker},
    thread,
    time::{Duration, Instant},
};

use vigie::{
    Builder, Deadlocks, Promise, RunError, TaskError, TaskId, TaskInfo, TaskSet, TaskState, Tree, call,
    call_on, events, protect, spawn, time::sleep, uncancellable, yield_now,
};

use crate::support::{
    Drops, Gate, Log, Shared, Traced, alone, child, each, eventually, on_drop, plain, until,
};

#[test]
fn the_tree_lists_tasks_over_all_domains() {
    each(|builder| {
        builder
            .run(async {
                let here = line!();
                let (gate, started) = (Gate::default(), Log::default());
                let (opened, log) = (gate.clone(), started.clone());
                let parent = call_on(vigie::Domain::all()[1], async move || {
                    let opened_there = opened.clone();
                    let log_there = log.clone();
                    let far = call_on(vigie::Domain::all()[2], async move || {
                        log_there.push(TaskId::current().unwrap());
                        opened_there.opened().await;
                    });
                    log.push(TaskId::current().unwrap());
                    let near = spawn(async move { opened.opened().await });
                    near.await.unwrap();
                    far.await.unwrap();
                });
                until(|| started.len() == 2).await;
                let tree = vigie::tree().await.unwrap();
                let main = &tree.tasks()[0];
                assert_eq!((Some(main.id()), main.parent(), main.depth()), (TaskId::current(), None, 0));
                let [there] = tree.children(main.id()).collect::<Vec<_>>()[..] else { panic!("{tree}") };
                assert_eq!((there.domain().index(), there.state()), (1, TaskState::Waiting));
                assert_eq!((there.location().file(), there.location().line()), (file!(), here + 3));
                let below: Vec<_> = tree.children(there.id()).collect();
                assert_eq!(below.len(), 2, "{tree}");
                assert_eq!((below[0].domain().index(), below[0].depth()), (2, 2));
                assert_eq!((below[1].domain().index(), below[1].parent()), (1, Some(there.id())));
                assert!(started.take().contains(&below[0].id()));
                assert_eq!(tree.tasks().len(), 4);
                assert!(tree.silent().is_empty());
                gate.open();
                parent.await.unwrap();
                assert_eq!(vigie::tree().await.unwrap().tasks().len(), 1);
            })
            .unwrap();
    });
    assert!(matches!(futures_lite::future::block_on(vigie::tree()), Err(TaskError::OutsideRuntime)));
}

#[test]
fn a_waker_that_panics_harms_no_domain_that_tells_of_its_tasks() {
    struct Careless(Log<()>);
    impl Wake for Careless {
        fn wake(self: Arc<Self>) {
            self.0.push(());
            panic!("nobody listens any more");
        }
    }
    plain()
        .run(async {
            for domain in vigie::Domain::available() {
                let body = async || {
                    for _ in 0..20 {
                        let woken = Log::default();
                        let waker = Waker::from(Arc::new(Careless(woken.clone())));
                        let mut asked = Box::pin(vigie::tree());
                        assert!(asked.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
                        // By whichever domain answers first.
                        until(|| woken.len() == 1).await;
                        assert!(!asked.await.unwrap().tasks().is_empty());
                    }
                };
                call_on(domain, body).await.unwrap();
                body().await;
            }
        })
        .unwrap();
}

#[test]
fn the_tree_says_what_each_task_is_doing() {
    plain()
        .extra_domains(0)
        .run(async {
            let busy = spawn(async {
                loop {
                    yield_now().await;
                }
            });
            let waiting = spawn(pending::<()>());
            // Its future is gone, and its child was leaked.
            let ended = spawn(async { mem::forget(spawn(pending::<()>())) });
            let shielded = spawn(uncancellable(pending::<()>()));
            yield_now().await;
            yield_now().await;
            drop(shielded);
            let tree = vigie::tree().await.unwrap();
            let main = tree.tasks()[0].id();
            let states: Vec<_> =
                tree.children(main).map(|task| (task.state(), task.is_cancelled())).collect();
            let expected = [
                (TaskState::Ready, false),
                (TaskState::Waiting, false),
                (TaskState::Ended, false),
                (TaskState::Waiting, true),
            ];
            assert_eq!(states, expected, "{tree}");
            drop((busy, waiting, ended));
            // The section would keep the run: the deadlock that this is does not.
            pending::<()>().await;
        })
        .unwrap_err();
}

/// The lines, without the numbers of tasks and without what stands between them and the state.
fn sketch(tree: &Tree) -> Vec<String> {
    let text = tree.to_string();
    let line = |line: &str| {
        let (rails, rest) = line.split_once("task ").unwrap();
        format!("{rails}{}", rest.rsplit_once(": ").unwrap().1)
    };
    text.lines().map(line).collect()
}

#[test]
fn the_tree_is_drawn_as_a_person_would() {
    plain()
        .extra_domains(0)
        .run(async {
            let family = |depth: usize| {
                fn descend(depth: usize) -> std::pin::Pin<Box<dyn Future<Output = ()>>> {
                    Box::pin(async move {
                        let child = (depth > 0).then(|| spawn(descend(depth - 1)));
                        match child {
                            Some(child) => child.await.unwrap(),
                            None => pending().await,
                        }
                    })
                }
                spawn(descend(depth))
            };
            let first = family(2);
            let crowd: Vec<Promise<()>> = (0..5).map(|_| spawn(pending())).collect();
            let last = family(1);
            for _ in 0..4 {
                yield_now().await;
            }
            let tree = vigie::tree().await.unwrap();
            let expected = [
                "waiting",
                "├─ waiting",
                "│  └─ waiting",
                "│     └─ waiting",
                "├─ waiting (and 4 alike)",
                "└─ waiting",
                "   └─ waiting",
            ];
            assert_eq!(sketch(&tree), expected, "{tree}");
            assert_eq!(format!("{tree:#}").lines().count(), 11);
            drop((first, crowd, last));
        })
        .unwrap();
}

#[test]
fn a_tree_may_be_deeper_than_a_stack() {
    const DEPTH: usize = if cfg!(miri) { 100 } else { 20_000 };
    plain()
        .extra_domains(0)
        .run(async {
            let gate = Gate::default();
            let reached = Rc::new(Cell::new(false));
            fn descend(left: usize, reached: Rc<Cell<bool>>) -> std::pin::Pin<Box<dyn Future<Output = ()>>> {
                Box::pin(async move {
                    if left == 0 {
                        reached.set(true);
                        return pending().await;
                    }
                    spawn(descend(left - 1, reached)).await.unwrap();
                })
            }
            let top = spawn(descend(DEPTH, reached.clone()));
            until(|| reached.get()).await;
            let tree = vigie::tree().await.unwrap();
            assert_eq!(tree.tasks().len(), DEPTH + 2);
            assert_eq!(tree.tasks().last().unwrap().depth(), DEPTH + 1);
            assert_eq!(tree.clone(), tree);
            assert!(tree.to_string().len() < 400 * DEPTH, "each line is short");
            top.cancel().await.unwrap();
            gate.open();
        })
        .unwrap();
}

/// The tree in the error of a run that was given up.
fn deadlock<T: std::fmt::Debug>(ran: io::Result<T>) -> Tree {
    let error = ran.unwrap_err();
    match error.get_ref().and_then(|reason| reason.downcast_ref()) {
        Some(RunError::Deadlock(tree)) => (**tree).clone(),
        _ => panic!("{error}"),
    }
}

#[test]
fn a_run_in_which_every_task_waits_for_ever_is_given_up() {
    each(|builder| {
        let drops = Drops::default();
        let theirs = drops.clone();
        let ran = builder.run(async move {
            let local = Traced("main's", theirs.clone());
            let there = call(async move || {
                let _local = Traced("there", theirs);
                let mut set = TaskSet::new();
                set.spawn(pending::<()>());
                set.next().await;
            });
            there.await.unwrap();
            drop(local);
        });
        let tree = deadlock(ran);
        assert_eq!(tree.tasks().iter().map(TaskInfo::depth).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(drops.len(), 2, "all were cancelled, and have finished");
    });
}

#[test]
fn the_tasks_that_a_deadlock_ends_are_finalised_and_finalisers_get_stuck_once() {
    each(|builder| {
        let log = Log::default();
        let theirs = log.clone();
        let ran = builder.run(async move {
            let there = call({
                let log = theirs.clone();
                async move || {
                    let stuck = protect(uncancellable(pending::<()>()), pending());
                    protect(stuck, async move {
                        sleep(Duration::from_millis(1)).await.unwrap();
                        log.push("there");
                    })
                    .await;
                }
            });
            let here = async move {
                call(async || ()).await.unwrap();
                theirs.push("here");
            };
            protect(async { there.await.unwrap() }, here).await;
        });
        assert_eq!(deadlock(ran).tasks().len(), 2);
        // That which stands behind a stuck one does not get its turn.
        assert_eq!(log.take(), ["here"]);
    });
}

#[test]
fn the_error_of_a_deadlock_shows_the_tree() {
    let ran = plain().run(async { spawn(pending::<()>()).await.unwrap() });
    let error = ran.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::Deadlock);
    let text = error.to_string();
    assert!(text.contains("nothing can wake any") && text.contains("\n└─ task"), "{text}");
    assert!(text.contains(file!()) && !text.ends_with('\n'), "{text}");
    // What is printed of an error that `main` returns.
    let debug = format!("{error:?}");
    assert!(debug.contains("\ntask") && debug.contains("\n└─ task"), "{debug}");
}

#[test]
fn a_deadlock_that_comes_late_is_noticed() {
    each(|builder| {
        let ran = builder.run(async {
            // Domains rest and stir before it comes to that, also by timers and by signals.
            for _ in 0..20 {
                call(async || sleep(Duration::from_micros(100)).await.unwrap()).await.unwrap();
            }
            let syscall = events::syscall().unwrap();
            let (sender, uid) = (events::signal_sender().unwrap(), syscall.uid());
            let thread = thread::spawn(move || {
                sender.send(uid);
            });
            syscall.suspend(|_| Ok(())).await.unwrap();
            thread.join().unwrap();
            call(async || pending::<()>().await).await.unwrap();
        });
        assert_eq!(deadlock(ran).tasks().len(), 2);
    });
}

#[test]
fn a_sender_that_goes_without_a_word_leaves_a_deadlock() {
    each(|builder| {
        let ran = builder.run(async {
            let syscall = events::syscall().unwrap();
            let sender = events::signal_sender().unwrap();
            let thread = thread::spawn(move || {
                // Long enough for the domain to park.
                thread::sleep(Duration::from_millis(5));
                drop(sender);
            });
            drop(thread);
            syscall.suspend(|_| Ok(())).await.unwrap();
        });
        assert_eq!(deadlock(ran).tasks().len(), 1);
    });
}

#[test]
fn the_last_source_that_goes_elsewhere_leaves_a_deadlock() {
    each(|builder| {
        let ran = builder.run(async {
            let listener = vigie::net::TcpListener::bind("127.0.0.1:0").unwrap();
            // It is watched here from now on.
            poll_fn(|cx| {
                assert!(listener.poll_accept(cx).is_pending());
                Poll::Ready(())
            })
            .await;
            let thread = thread::spawn(move || {
                // Long enough for the domain to park.
                thread::sleep(Duration::from_millis(5));
                drop(listener);
            });
            drop(thread);
            pending::<()>().await;
        });
        assert_eq!(deadlock(ran).tasks().len(), 1);
    });
}

#[test]
fn what_may_still_happen_is_no_deadlock() {
    each(|builder| {
        builder
            .run(async {
                let nap = Duration::from_millis(5);
                // A timer, here and elsewhere.
                sleep(nap).await.unwrap();
                call(async move || sleep(nap).await.unwrap()).await.unwrap();
                // A signal of another thread.
                let syscall = events::syscall().unwrap();
                let (sender, uid) = (events::signal_sender().unwrap(), syscall.uid());
                let thread = thread::spawn(move || {
                    thread::sleep(nap);
                    sender.send(uid);
                });
                syscall.suspend(|_| Ok(())).await.unwrap();
                thread.join().unwrap();
                // Another thread that has a waker, of a task here or elsewhere.
                for far in [false, true] {
                    let body = async move || {
                        let mut thread = None;
                        let done = Shared::<bool>::default();
                        poll_fn(|cx| {
                            if *done.lock() {
                                return Poll::Ready(());
                            }
                            let (waker, done) = (cx.waker().clone(), done.clone());
                            thread.get_or_insert_with(|| {
                                thread::spawn(move || {
                                    thread::sleep(nap);
                                    *done.lock() = true;
                                    waker.wake();
                                })
                            });
                            Poll::Pending
                        })
                        .await;
                        thread.unwrap().join().unwrap();
                    };
                    if far { call(body).await.unwrap() } else { body().await }
                }
                // A source.
                let listener = vigie::net::TcpListener::bind("127.0.0.1:0").unwrap();
                let address = listener.local_addr().unwrap();
                let thread = thread::spawn(move || {
                    thread::sleep(nap);
                    std::net::TcpStream::connect(address).unwrap()
                });
                listener.accept().await.unwrap();
                thread.join().unwrap();
            })
            .unwrap();
    });
}

#[test]
fn what_a_hook_does_in_the_last_moment_is_no_deadlock() {
    // At the last of these ticks its domain is asked for the second time.
    for last in 1..=3 {
        plain()
            .extra_domains(1)
            .run(async move {
                // Main has ended when this has, elsewhere.
                let mut kept = Some(call(async || pending::<()>().await));
                let mut ticks = 0;
                let hook = vigie::on_tick(move || {
                    ticks += 1;
                    if ticks == last {
                        // Long enough for the other domain to have answered.
                        thread::sleep(Duration::from_millis(20));
                        drop(kept.take());
                    }
                });
                hook.unwrap().detach();
            })
            .unwrap();
    }
}

/// Two tasks that wait for each other by a waker that each keeps for the other.
async fn embrace() {
    let gates = [Gate::default(), Gate::default()];
    let [one, other] = gates.clone();
    let first = call(async move || {
        one.opened().await;
        other.open();
    });
    let [one, other] = gates;
    let second = call(async move || {
        other.opened().await;
        one.open();
    });
    first.await.unwrap();
    second.await.unwrap();
}

#[test]
fn in_a_closed_world_wakers_promise_nothing() {
    each(|builder| {
        let tree = deadlock(builder.deadlocks(Deadlocks::ClosedWorld).run(embrace()));
        assert_eq!(tree.tasks().len(), 3);
    });
}

#[test]
fn in_an_open_world_a_waker_may_be_used_by_anybody() {
    each(|builder| {
        let (waker, ended) =
            (Shared::<Option<Waker>>::default(), Arc::new((Mutex::new(false), Condvar::new())));
        let (theirs, ends) = (waker.clone(), ended.clone());
        let thread = thread::spawn(move || {
            builder
                .run(async move {
                    let mut polls = 0;
                    poll_fn(|cx| {
                        polls += 1;
                        *theirs.lock() = Some(cx.waker().clone());
                        if polls > 1 { Poll::Ready(()) } else { Poll::Pending }
                    })
                    .await;
                })
                .unwrap();
            *ends.0.lock().unwrap() = true;
            ends.1.notify_all();
        });
        assert!(eventually(|| waker.lock().is_some()));
        // Long enough for a census or two.
        let (ended, _) = ended.1.wait_timeout(ended.0.lock().unwrap(), Duration::from_millis(30)).unwrap();
        assert!(!*ended);
        drop(ended);
        waker.lock().take().unwrap().wake();
        thread.join().unwrap();
    });
}

#[test]
fn a_deadlock_can_be_ignored() {
    let (builder, ended) = (plain().deadlocks(Deadlocks::Ignored), Log::default());
    let waker = Shared::<Option<events::SignalSender>>::default();
    let (theirs, ends, uid) = (waker.clone(), ended.clone(), Shared::<Option<events::Uid>>::default());
    let theirs_uid = uid.clone();
    let thread = thread::spawn(move || {
        builder
            .run(async move {
                let syscall = events::syscall().unwrap();
                *theirs_uid.lock() = Some(syscall.uid());
                *theirs.lock() = Some(events::signal_sender().unwrap());
                syscall.suspend(|_| Ok(())).await.unwrap();
            })
            .unwrap();
        ends.push(());
    });
    assert!(eventually(|| waker.lock().is_some()));
    thread::sleep(Duration::from_millis(20));
    assert_eq!(ended.len(), 0);
    waker.lock().take().unwrap().send(uid.lock().unwrap());
    thread.join().unwrap();
}

#[test]
fn events_of_ones_own_are_believed() {
    struct Hopeful(bool);
    impl events::Events for Hopeful {
        fn select(&mut self, _: bool, _: &[events::Uid], _: &mut events::Signals) -> io::Result<()> {
            Ok(())
        }
        fn expects_news(&self) -> bool {
            self.0
        }
    }
    let ran = Builder::new().extra_domains(1).events(|_| Ok(Hopeful(false))).run(pending::<()>());
    assert_eq!(deadlock(ran).tasks().len(), 1);
    // One that hopes on any domain is enough.
    let ended = Log::default();
    let ends = ended.clone();
    thread::spawn(move || {
        let hopeful = |seat: events::Seat| Ok(Hopeful(seat.domain().index() == 1));
        let ran = Builder::new().extra_domains(1).events(hopeful).run(pending::<()>());
        ends.push(ran.is_ok());
    });
    thread::sleep(Duration::from_millis(30));
    assert_eq!(ended.len(), 0);
}

#[test]
fn many_calls_are_no_deadlock() {
    each(|builder| {
        builder
            .run(async {
                for _ in 0..crate::support::rounds(2000) {
                    call(async || call(async || ()).await.unwrap()).await.unwrap();
                }
            })
            .unwrap();
    });
}

/// Main ends, and a child of it that was leaked stays for `stay`; what is told meanwhile.
fn stuck(builder: Builder, after: Duration, stay: Duration) -> Vec<Tree> {
    let told = Log::default();
    let tells = told.clone();
    let ran = builder.shutdown_report_with(after, move |tree| tells.push(tree.clone())).run(async move {
        mem::forget(call(async move || sleep(stay).await.unwrap()));
    });
    ran.unwrap();
    told.take()
}

#[test]
fn a_run_that_does_not_end_tells_why() {
    each(|builder| {
        let told = stuck(builder.clone(), Duration::from_millis(10), Duration::from_millis(200));
        assert_eq!(told.len(), 1);
        let states: Vec<_> = told[0].tasks().iter().map(|task| (task.depth(), task.state())).collect();
        assert_eq!(states, [(0, TaskState::Ended), (1, TaskState::Waiting)]);
        assert!(
            stuck(builder, Duration::from_secs(3600), Duration::ZERO).is_empty(),
            "and one that ends does not"
        );
    });
}

#[test]
fn a_domain_that_does_not_answer_is_named() {
    let told = Log::default();
    let tells = told.clone();
    plain()
        .shutdown_report_with(Duration::from_millis(1), move |tree| tells.push(tree.clone()))
        .run(async move {
            let started = Gate::default();
            let starts = started.clone();
            mem::forget(call_on(vigie::Domain::all()[1], async move || {
                starts.open();
                // A task that blocks its thread, longer than anybody waits for an answer.
                let told = Instant::now();
                while told.elapsed() < Duration::from_millis(1500) {
                    thread::sleep(Duration::from_millis(10));
                }
            }));
            started.opened().await;
        })
        .unwrap();
    let told = told.take();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].silent().iter().map(vigie::Domain::index).collect::<Vec<_>>(), [1]);
    assert!(told[0].to_string().contains("domain 1 does not answer"), "{}", told[0]);
    assert_eq!(told[0].tasks()[1].state(), TaskState::Called);
}

#[test]
fn a_run_that_ends_while_it_is_asked_is_neither_kept_nor_reported() {
    let told = Log::default();
    let tells = told.clone();
    let left = Shared::<Option<Instant>>::default();
    let leaves = left.clone();
    plain()
        .extra_domains(0)
        .shutdown_report_with(Duration::from_millis(1), move |tree| tells.push(tree.clone()))
        .run(async move {
            mem::forget(spawn(async move {
                yield_now().await;
                // It gives no answer before the run has ended.
                thread::sleep(Duration::from_millis(100));
                *leaves.lock() = Some(Instant::now());
            }));
        })
        .unwrap();
    let late = left.lock().unwrap().elapsed();
    assert!(late < Duration::from_millis(500), "{late:?}");
    assert_eq!(told.len(), 0);
}

#[test]
fn by_default_the_report_goes_to_the_standard_error_output() {
    const NAME: &str = "tree::by_default_the_report_goes_to_the_standard_error_output";
    if cfg!(miri) {
        return;
    }
    if std::env::var_os("VIGIE_TEST_CHILD").is_some() {
        let ran = plain().shutdown_report(Duration::from_millis(5)).run(async {
            mem::forget(spawn(async { sleep(Duration::from_millis(100)).await.unwrap() }));
        });
        return ran.unwrap();
    }
    let output = child(NAME).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("5ms after the end of the main task") && text.contains("└─ task"), "{text}");
}

#[test]
fn a_report_that_panics_harms_nobody() {
    plain()
        .shutdown_report_with(Duration::from_millis(1), |_| panic!("on purpose"))
        .run(async { mem::forget(spawn(async { sleep(Duration::from_millis(50)).await.unwrap() })) })
        .unwrap();
}

#[test]
fn a_main_task_that_is_done_or_panics_or_never_was_leaves_no_thread() {
    alone("tree::a_main_task_that_is_done_or_panics_or_never_was_leaves_no_thread", || {
        let builder = || plain().shutdown_report(Duration::from_secs(3600));
        builder().run(async {}).unwrap();
        let ran = std::panic::catch_unwind(|| builder().run(async { panic!("on purpose") }));
        assert!(ran.is_err());
        builder().events(|_| Err::<(), _>(io::Error::other("no device"))).run(async {}).unwrap_err();
        #[cfg(target_os = "linux")]
        assert!(eventually(|| !crate::support::proc::threads().iter().any(|name| name.contains("vigie"))));
        let _end = on_drop(|| ());
    });
}
