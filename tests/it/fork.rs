//! A process that forks while a run is under way: the child gets an error, and the parent notices nothing.

#![cfg(all(unix, not(miri)))]

use std::{
    cell::Cell,
    future::{Future, pending},
    io, mem,
    panic::{AssertUnwindSafe, catch_unwind},
    process,
    rc::Rc,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Duration,
};

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use rustix::process::{Pid, WaitOptions, waitpid};
use vigie::{
    Builder, RunError, TaskError, call,
    net::{TcpListener, TcpStream},
    protect, spawn,
    time::sleep,
    uncancellable,
};

use crate::support::{Gate, alone, each, on_drop, soon, ticker};

const LONG: Duration = Duration::from_secs(3600);
/// Seconds that a child may live.
const PATIENCE: u32 = 60;

/// Forks; none in the child, which is killed if it hangs.
fn fork() -> Option<Pid> {
    // SAFETY: the other threads of this process are the run's, which the child is to do without.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "{}", io::Error::last_os_error());
    if child == 0 {
        // SAFETY: it touches no memory.
        unsafe { libc::alarm(PATIENCE) };
    }
    Pid::from_raw(child)
}

/// Ends the child, which has a copy of the test harness, and must not go on with it.
fn exit(fine: bool) -> ! {
    // SAFETY: nothing runs after it, and nothing has to.
    unsafe { libc::_exit(if fine { 0 } else { 7 }) }
}

/// What the child exits with; none if it was killed.
fn status(child: Pid) -> Option<i32> {
    let (_, status) = waitpid(Some(child), WaitOptions::empty()).unwrap().unwrap();
    status.exit_status()
}

fn is_forked(error: &io::Error) -> bool {
    error.get_ref().and_then(|inner| inner.downcast_ref()) == Some(&RunError::Forked)
}

/// Runs `main`, which forks. In the child the run has to end with the error, in the parent with none.
fn run(builder: Builder, main: impl Future<Output = ()> + 'static) {
    let parent = process::id();
    let ran = catch_unwind(AssertUnwindSafe(|| builder.run(main)));
    if process::id() != parent {
        eprintln!("the child's run: {ran:?}");
        exit(matches!(ran, Ok(Err(error)) if is_forked(&error)));
    }
    ran.unwrap().unwrap();
}

/// A run in which the child goes on with `child`.
fn run_child(builder: Builder, child: impl AsyncFnOnce() + 'static) {
    run(builder, async {
        match fork() {
            None => child().await,
            Some(pid) => assert_eq!(status(pid), Some(0)),
        }
    });
}

/// Two ends of a connection that this domain watches.
async fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = spawn(TcpStream::connect(listener.local_addr().unwrap()));
    let (server, _) = listener.accept().await.unwrap();
    let mut ends = (client.await.unwrap().unwrap(), server);
    exchange(&mut ends).await;
    ends
}

/// A byte each way, and each of them waited for.
async fn exchange((client, server): &mut (TcpStream, TcpStream)) {
    for _ in 0..2 {
        for (from, to) in [(&*client, &*server), (&*server, &*client)] {
            let (mut from, mut to) = (from, to);
            let mut byte = [0];
            let read = to.read_exact(&mut byte);
            let written = async {
                vigie::yield_now().await;
                from.write_all(b"x").await
            };
            futures_lite::future::try_zip(read, written).await.unwrap();
        }
    }
}

#[test]
fn a_child_that_sleeps_ends() {
    alone("fork::a_child_that_sleeps_ends", || {
        each(|builder| run_child(builder, async || sleep(LONG).await.unwrap()));
    });
}

#[test]
fn a_child_ends_without_events_and_with_events_that_block_or_not() {
    alone("fork::a_child_ends_without_events_and_with_events_that_block_or_not", || {
        run_child(Builder::new().without_events(), async || pending::<()>().await);
        run_child(Builder::new().events(|_| Ok(())), async || pending::<()>().await);
        run_child(Builder::new().extra_domains(0), async || pending::<()>().await);
    });
}

#[test]
fn a_call_is_an_error_in_the_child_and_a_task_of_its_own_domain_is_not() {
    alone("fork::a_call_is_an_error_in_the_child_and_a_task_of_its_own_domain_is_not", || {
        each(|builder| {
            run_child(builder, async || {
                assert!(matches!(call(async || ()).await, Err(TaskError::Forked)));
                assert_eq!(spawn(async { 1 }).await.unwrap(), 1);
                // The main task returns, but not what the parent's would.
            });
        });
    });
}

#[test]
fn sockets_are_an_error_in_the_child_and_go_on_in_the_parent() {
    alone("fork::sockets_are_an_error_in_the_child_and_go_on_in_the_parent", || {
        each(|builder| {
            run(builder, async {
                let mut ends = connection().await;
                match fork() {
                    None => {
                        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                        assert!(is_forked(&listener.accept().await.unwrap_err()));
                        // Watched by the parent: not to be forgotten with this.
                        let (client, mut server) = ends;
                        drop(client);
                        server.read_exact(&mut [0]).await.unwrap();
                    }
                    Some(pid) => {
                        assert_eq!(status(pid), Some(0));
                        exchange(&mut ends).await;
                    }
                }
            });
        });
    });
}

#[test]
fn a_child_that_is_never_idle_ends() {
    alone("fork::a_child_that_is_never_idle_ends", || {
        each(|builder| {
            run_child(builder, async || {
                let (_ticks, _task) = ticker();
                pending::<()>().await;
            });
        });
    });
}

#[test]
fn whatever_the_childs_tasks_wait_for_they_are_dropped() {
    alone("fork::whatever_the_childs_tasks_wait_for_they_are_dropped", || {
        each(|builder| {
            let parent = process::id();
            let (dropped, finalised) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(false)));
            let (counts, notes) = (dropped.clone(), finalised.clone());
            let ran = builder.run(async move {
                let there = call(async || pending::<()>().await);
                let count = move || counts.set(counts.get() + 1);
                let (first, second, third) = (on_drop(count.clone()), on_drop(count.clone()), on_drop(count));
                let gate = Gate::default();
                let (opens, opens_too) = (gate.clone(), gate.clone());
                let section = spawn(uncancellable(async move {
                    let _first = first;
                    opens.opened().await;
                }));
                mem::forget(spawn(async move {
                    let _second = second;
                    opens_too.opened().await;
                }));
                let protected = async move {
                    let _third = third;
                    pending::<()>().await;
                };
                let protected = spawn(protect(protected, async move { notes.set(true) }));
                vigie::yield_now().await;
                match fork() {
                    None => drop((there.await, section.await, protected.await)),
                    Some(pid) => {
                        assert_eq!(status(pid), Some(0));
                        gate.open();
                        section.await.unwrap();
                        protected.cancel().await.unwrap();
                    }
                }
            });
            if process::id() != parent {
                exit(ran.is_err_and(|error| is_forked(&error)) && dropped.get() == 3 && !finalised.get());
            }
            ran.unwrap();
            assert_eq!((dropped.get(), finalised.get()), (3, true));
        });
    });
}

#[test]
fn a_child_of_another_domain_says_why_it_exits() {
    alone("fork::a_child_of_another_domain_says_why_it_exits", || {
        each(|builder| {
            builder
                .run(async {
                    let there = call(async || {
                        let mut ends = connection().await;
                        match fork() {
                            None => {
                                ends.0.read_exact(&mut [0]).await.unwrap();
                                exit(false)
                            }
                            Some(pid) => {
                                let status = status(pid);
                                exchange(&mut ends).await;
                                status
                            }
                        }
                    });
                    assert_eq!(there.await.unwrap(), Some(1));
                })
                .unwrap();
        });
    });
}

/// What is to be done at the exit, as to write what is buffered, is the parent's: a child has a copy of it.
#[test]
fn a_child_of_another_domain_does_nothing_of_its_parents_exit() {
    static PARENT: AtomicU32 = AtomicU32::new(0);

    extern "C" fn at_exit() {
        if process::id() != PARENT.load(Ordering::Relaxed) {
            exit(false);
        }
    }

    alone("fork::a_child_of_another_domain_does_nothing_of_its_parents_exit", || {
        PARENT.store(process::id(), Ordering::Relaxed);
        // SAFETY: the function is there as long as the process, and does not unwind.
        assert_eq!(unsafe { libc::atexit(at_exit) }, 0);
        let ran = Builder::new().extra_domains(1).run(async {
            let there = call(async || match fork() {
                None => pending().await,
                Some(pid) => status(pid),
            });
            assert_eq!(there.await.unwrap(), Some(1));
        });
        ran.unwrap();
    });
}

#[test]
fn a_run_is_an_error_in_the_child_within_the_one_that_it_has_inherited_and_after_it() {
    alone("fork::a_run_is_an_error_in_the_child_within_the_one_that_it_has_inherited_and_after_it", || {
        let parent = process::id();
        let ran = Builder::new().run(async {
            let child = fork();
            if child.is_none() {
                let error = vigie::run(async {}).unwrap_err();
                assert!(is_forked(&error), "{error}");
            }
            child
        });
        if process::id() != parent {
            exit(is_forked(&ran.unwrap_err()) && is_forked(&vigie::run(async {}).unwrap_err()));
        }
        assert_eq!(status(ran.unwrap().unwrap()), Some(0));
    });
}

/// Does a run of any kind work?
fn works() -> bool {
    let ran = catch_unwind(|| {
        Builder::new().extra_domains(1).run(async {
            exchange(&mut connection().await).await;
            sleep(Duration::from_millis(1)).await.unwrap();
            call(async || 1).await.unwrap()
        })
    });
    matches!(ran, Ok(Ok(1)))
}

#[test]
fn a_child_of_a_thread_without_a_domain_has_no_run_either_and_disturbs_no_source() {
    alone("fork::a_child_of_a_thread_without_a_domain_has_no_run_either_and_disturbs_no_source", || {
        each(|builder| {
            builder
                .run(async {
                    let ends = connection().await;
                    let forks = move || match fork() {
                        None => {
                            drop(ends);
                            exit(vigie::run(async {}).is_err_and(|error| is_forked(&error)))
                        }
                        Some(pid) => (status(pid), ends),
                    };
                    let (status, mut ends) = thread::spawn(forks).join().unwrap();
                    assert_eq!(status, Some(0));
                    exchange(&mut ends).await;
                })
                .unwrap();
        });
    });
}

#[test]
fn a_child_that_was_forked_between_runs_has_its_own() {
    alone("fork::a_child_that_was_forked_between_runs_has_its_own", || {
        assert!(works());
        match fork() {
            None => exit(works()),
            Some(pid) => assert_eq!(status(pid), Some(0)),
        }
        assert!(works());
    });
}

/// Its parent's threads, idle for the moment, did not come along.
#[cfg(feature = "blocking")]
#[test]
fn a_child_that_was_forked_between_runs_has_its_own_pool() {
    alone("fork::a_child_that_was_forked_between_runs_has_its_own_pool", || {
        let unblocks = || vigie::run(vigie::unblock(|| 7)).unwrap().unwrap() == 7;
        assert!(unblocks());
        match fork() {
            None => exit(unblocks()),
            Some(pid) => assert_eq!(status(pid), Some(0)),
        }
        assert!(unblocks());
    });
}

/// A slice that was ready when another one forked is the parent's alone.
#[test]
fn of_two_that_are_ready_the_second_runs_in_the_parent_only() {
    alone("fork::of_two_that_are_ready_the_second_runs_in_the_parent_only", || {
        let builder = Builder::new().extra_domains(0).quanta(8);
        let parent = process::id();
        run(builder, async move {
            let first = spawn(async {
                if let Some(pid) = fork() {
                    assert_eq!(status(pid), Some(0), "the child ran the second as well");
                }
            });
            let second = spawn(async move {
                if process::id() != parent {
                    exit(false);
                }
            });
            first.await.unwrap();
            second.await.unwrap();
        });
    });
}

#[test]
fn a_child_may_name_its_tasks() {
    alone("fork::a_child_may_name_its_tasks", || {
        run_child(Builder::new().extra_domains(1), async || {
            for name in ["main", "of the child"] {
                vigie::name_task(name).unwrap();
            }
            let _end = on_drop(|| {
                if vigie::name_task("ending").is_err() {
                    exit(false);
                }
            });
            sleep(LONG).await.unwrap();
        });
    });
}

/// Asked whether it should give way, a child does not poll in its parent's place.
#[test]
fn a_child_that_computes_takes_no_event_from_its_parent() {
    alone("fork::a_child_that_computes_takes_no_event_from_its_parent", || {
        each(|builder| {
            run(builder, async {
                let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
                let (mut stream, _) = listener.accept().await.unwrap();
                let reader = spawn(async move { stream.read(&mut [0; 8]).await });
                for _ in 0..5 {
                    vigie::yield_now().await;
                }
                client.write_all(b"x").await.unwrap();
                if let Some(pid) = fork() {
                    assert_eq!(status(pid), Some(0));
                } else {
                    // Of its own accord it goes on for a while.
                    for _ in 0..10_000 {
                        vigie::should_yield();
                    }
                }
                assert_eq!(soon(reader).await.unwrap().unwrap(), 1);
            });
        });
    });
}
