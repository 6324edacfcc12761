//! Closures on the pool of threads: where they run, and who waits for them.

use std::{
    future::pending,
    panic::Location,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use futures_lite::future::{block_on, or, poll_once};
use vigie::{
    Deadlocks, Domain, RunError, TaskError, TaskInfo, TaskSet, Tree, blocking::Unblocked, call, spawn,
    time::timeout, unblock,
};

use crate::support::{
    Drops, Gate, Log, Shared, Sleeper, Traced, alone, alone_with, each, eventually, plain, soon, turns,
};

/// What is known of a closure that waits to be let go.
struct Held {
    began: Gate,
    go: mpsc::Sender<()>,
    ended: Shared<bool>,
}

fn held() -> (Held, impl FnOnce() + Send + 'static) {
    let (go, wait) = mpsc::channel();
    let held = Held { began: Gate::default(), go, ended: Shared::default() };
    let (began, ended) = (held.began.clone(), held.ended.clone());
    let closure = move || {
        began.open();
        wait.recv().unwrap();
        *ended.lock() = true;
    };
    (held, closure)
}

impl Held {
    /// One that is under way.
    #[track_caller]
    fn begin() -> (impl Future<Output = (Self, Unblocked<()>)>, &'static Location<'static>) {
        let (held, closure) = held();
        let mut future = unblock(closure);
        let begun = async move {
            assert!(poll_once(&mut future).await.is_none());
            held.began.opened().await;
            (held, future)
        };
        (begun, Location::caller())
    }

    fn has_ended(&self) -> bool {
        *self.ended.lock()
    }

    fn let_go(&self) {
        self.go.send(()).unwrap();
    }
}

fn names(tree: &Tree, location: &Location<'_>) -> bool {
    tree.tasks().iter().any(|task| task.location() == location)
}

#[test]
fn a_closure_keeps_no_domain() {
    each(|builder| {
        builder
            .run(async {
                let (held, closure) = held();
                let work = move || {
                    closure();
                    thread::current().id()
                };
                let task = spawn(unblock(work));
                held.began.opened().await;
                turns(3).await;
                held.let_go();
                assert_ne!(soon(task).await.unwrap().unwrap(), thread::current().id());
                // Nor one that has nothing else to do.
                let there = call(async || {
                    (unblock(|| thread::current().id()).await.unwrap(), thread::current().id())
                });
                let (pool, domain) = soon(there).await.unwrap();
                assert_ne!(pool, domain);
            })
            .unwrap();
    });
}

#[test]
fn many_closures_all_run() {
    each(|builder| {
        builder
            .run(async {
                let mut tasks = TaskSet::new();
                for n in 0..1000_u32 {
                    tasks.spawn(async move { unblock(move || n).await.unwrap() });
                }
                let mut sum = 0;
                while let Some(result) = tasks.next().await {
                    sum += result.unwrap();
                }
                assert_eq!(sum, 999 * 1000 / 2);
            })
            .unwrap();
    });
}

#[test]
fn a_panic_is_the_awaiting_tasks() {
    plain()
        .run(async {
            let task = spawn(unblock(|| panic!("overboard")));
            let Err(TaskError::Panicked(panic)) = task.await else { panic!("no panic") };
            assert_eq!(panic.message().unwrap(), "overboard");
            // And the pool goes on.
            assert_eq!(unblock(|| 1).await.unwrap(), 1);
        })
        .unwrap();
}

#[test]
fn a_cancelled_task_has_finished_when_its_closure_has_ended() {
    each(|builder| {
        builder
            .run(async {
                for far in [false, true] {
                    let (held, closure) = held();
                    let place = Shared::<Option<&'static Location<'static>>>::default();
                    let placed = place.clone();
                    let body = async move || {
                        let (here, future) = (Location::caller(), unblock(closure));
                        *placed.lock() = Some(here);
                        future.await.unwrap();
                    };
                    let task = if far { call(body) } else { spawn(body()) };
                    held.began.opened().await;
                    let mut cancel = task.cancel();
                    assert!(poll_once(&mut cancel).await.is_none());
                    let line = place.lock().unwrap().line();
                    let is_named = |task: &TaskInfo| {
                        let location = task.location();
                        (location.file(), location.line()) == (file!(), line) && task.is_cancelled()
                    };
                    // The cancellation may still be on its way.
                    soon(async { while !vigie::tree().await.unwrap().tasks().iter().any(is_named) {} }).await;
                    assert!(poll_once(&mut cancel).await.is_none() && !held.has_ended());
                    held.let_go();
                    soon(cancel).await.unwrap();
                    assert!(held.has_ended());
                }
            })
            .unwrap();
    });
}

#[test]
fn a_task_whose_future_was_dropped_has_finished_when_its_closure_has_ended() {
    each(|builder| {
        builder
            .run(async {
                let log = Log::default();
                let theirs = log.clone();
                let (begun, _) = Held::begin();
                let (held, future) = begun.await;
                let mut task = spawn(async move {
                    timeout(Duration::from_millis(1), future).await.unwrap_err();
                    theirs.push("the time is up");
                });
                while log.len() == 0 {
                    assert!(poll_once(&mut task).await.is_none());
                    vigie::yield_now().await;
                }
                turns(5).await;
                assert!(poll_once(&mut task).await.is_none() && !held.has_ended());
                held.let_go();
                soon(task).await.unwrap();
                assert!(held.has_ended());
            })
            .unwrap();
    });
}

#[test]
fn a_run_returns_no_earlier_than_what_is_under_way_and_tells_of_it() {
    each(|builder| {
        let (ended, told) = (Shared::<bool>::default(), Log::<Tree>::default());
        let (ends, tells, told_there) = (ended.clone(), told.clone(), told.clone());
        let builder =
            builder.shutdown_report_with(Duration::from_millis(1), move |tree| tells.push(tree.clone()));
        let place = builder
            .run(async move {
                let (begun, place) = Held::begin();
                let (held, future) = begun.await;
                thread::spawn(move || {
                    assert!(eventually(|| told_there.len() > 0));
                    assert!(!held.has_ended());
                    *ends.lock() = true;
                    held.let_go();
                });
                drop(future);
                place
            })
            .unwrap();
        assert!(*ended.lock(), "it returned too early");
        let told = told.take();
        assert!(names(&told[0], place), "{}", told[0]);
    });
}

#[test]
fn a_closure_that_has_not_begun_never_runs() {
    const NAME: &str = "blocking::a_closure_that_has_not_begun_never_runs";
    alone_with(NAME, &[("BLOCKING_MAX_THREADS", "1")], || {
        let (first, ran) = (Shared::<Option<Held>>::default(), Shared::<usize>::default());
        let (keeps, runs) = (first.clone(), ran.clone());
        plain()
            .run(async move {
                let (begun, _) = Held::begin();
                let (held, future) = begun.await;
                // Nobody outlives the run for that one: it is left behind by a thread that is no domain's.
                thread::spawn(move || drop(future)).join().unwrap();

                let drops = Drops::default();
                let work = || {
                    let (traced, runs) = (Traced("closure", drops.clone()), runs.clone());
                    move || {
                        let _traced = traced;
                        *runs.lock() += 1;
                    }
                };
                let task = spawn(unblock(work()));
                turns(3).await;
                soon(task.cancel()).await.unwrap();
                assert_eq!(drops.take(), [("closure", Domain::current())]);
                timeout(Duration::from_millis(1), unblock(work())).await.unwrap_err();
                assert_eq!(drops.take(), [("closure", Domain::current())]);
                drop(unblock(work()));
                assert_eq!(drops.take(), [("closure", Domain::current())]);
                *keeps.lock() = Some(held);
            })
            .unwrap();
        // The run has not waited for the pool.
        let held = first.lock().take().unwrap();
        assert!(!held.has_ended());
        held.let_go();
        block_on(unblock(|| ())).unwrap();
        assert_eq!((held.has_ended(), *ran.lock()), (true, 0));
    });
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_given_up_takes_no_room_in_the_queue() {
    use crate::support::{MANY, proc::memory};

    const NAME: &str = "blocking::what_is_given_up_takes_no_room_in_the_queue";
    const ROOM: usize = 1024;
    alone_with(NAME, &[("BLOCKING_MAX_THREADS", "1")], || {
        plain()
            .run(async {
                let (begun, _) = Held::begin();
                let (held, future) = begun.await;
                let before = memory();
                for _ in 0..MANY {
                    assert!(poll_once(unblock(|| [0u8; ROOM])).await.is_none());
                }
                let grown = memory().saturating_sub(before) * 1024;
                assert!(grown < MANY * ROOM / 10, "{grown} bytes");
                held.let_go();
                soon(future).await.unwrap();
            })
            .unwrap();
    });
}

#[test]
fn what_nobody_wants_is_dropped_on_the_domain() {
    plain()
        .run(async {
            let drops = Drops::default();
            let (held, closure) = held();
            let traced = Traced("result", drops.clone());
            let task = spawn(async move {
                let work = unblock(move || {
                    closure();
                    traced
                });
                work.await.unwrap();
            });
            held.began.opened().await;
            let cancel = task.cancel();
            held.let_go();
            soon(cancel).await.unwrap();
            assert_eq!(drops.take(), [("result", Domain::current())]);
        })
        .unwrap();
}

#[test]
fn the_future_of_one_under_way_may_move() {
    each(|builder| {
        builder
            .deadlocks(Deadlocks::ClosedWorld)
            .run(async {
                let (begun, _) = Held::begin();
                let (held, future) = begun.await;
                let (told, heard) = mpsc::channel();
                let there = call(move || {
                    told.send(Sleeper::here()).unwrap();
                    future
                });
                let here = Sleeper::here();
                let thread = thread::spawn(move || {
                    heard.recv().unwrap().wait();
                    here.wait();
                    held.let_go();
                });
                there.await.unwrap().unwrap();
                thread.join().unwrap();
            })
            .unwrap();
    });
}

#[test]
fn a_task_that_waits_for_the_pool_is_not_stuck() {
    each(|builder| {
        builder
            .deadlocks(Deadlocks::ClosedWorld)
            .run(async move {
                let here = Sleeper::here();
                let nap = || {
                    let here = here.clone();
                    move || here.wait()
                };
                unblock(nap()).await.unwrap();
                let caller = nap();
                let called = call(|| {
                    let there = Sleeper::here();
                    unblock(move || {
                        there.wait();
                        caller();
                    })
                });
                called.await.unwrap().unwrap();
                // Nor is one that has been cancelled.
                let began = Gate::default();
                let (begins, awaited) = (began.clone(), nap());
                let task = spawn(unblock(move || {
                    begins.open();
                    awaited();
                }));
                began.opened().await;
                task.cancel().await.unwrap();
                // Nor one that waits by a waker of its own.
                or(unblock(nap()), pending()).await.unwrap();
            })
            .unwrap();
    });
}

#[test]
fn a_task_that_has_waited_for_the_pool_can_be_stuck() {
    each(|builder| {
        for deadlocks in [Deadlocks::Certain, Deadlocks::ClosedWorld] {
            let ran = builder.clone().deadlocks(deadlocks).run(async {
                unblock(|| ()).await.unwrap();
                let (begun, _) = Held::begin();
                let (held, future) = begun.await;
                drop(future);
                held.let_go();
                pending::<()>().await;
            });
            let error = ran.unwrap_err();
            let reason = error.get_ref().and_then(|reason| reason.downcast_ref());
            assert!(matches!(reason, Some(RunError::Deadlock(_))), "{error}");
        }
    });
}

#[test]
fn outside_of_a_run_it_can_be_awaited_and_is_left_behind() {
    assert_eq!(block_on(unblock(|| 5)).unwrap(), 5);
    let (begun, _) = Held::begin();
    let (held, future) = block_on(begun);
    drop(future);
    assert!(!held.has_ended());
    held.let_go();
    assert!(eventually(|| held.has_ended()));
}

#[test]
fn nothing_is_kept() {
    let token = Arc::new(());
    each(|builder| {
        let token = token.clone();
        builder
            .run(async move {
                for _ in 0..20 {
                    let (one, other) = (token.clone(), token.clone());
                    drop(unblock(move || one).await.unwrap());
                    let task = spawn(unblock(move || other));
                    vigie::yield_now().await;
                    // Begun or not.
                    task.cancel().await.unwrap();
                }
            })
            .unwrap();
    });
    assert!(eventually(|| Arc::strong_count(&token) == 1));
}

#[test]
fn threads_of_the_pool_do_not_keep_the_process() {
    alone("blocking::threads_of_the_pool_do_not_keep_the_process", || {
        let (begun, _) = Held::begin();
        let (held, future) = block_on(begun);
        drop(future);
        // It waits for ever.
        std::mem::forget(held);
    });
}

/// Runs `main` where no thread has room for its stack, while `short` says so, but there is some for all else.
#[cfg(target_os = "linux")]
fn short_of_stacks(name: &str, main: impl AsyncFnOnce(&dyn Fn(bool)) + 'static) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    use vigie::{Builder, system::Variant};

    use crate::support::proc::address_space;

    const STACK: u64 = 1 << 30;
    alone_with(name, &[("RUST_MIN_STACK", &STACK.to_string())], || {
        let before = getrlimit(Resource::As);
        let short = move |on| {
            let room = address_space() as u64 * 1024 + STACK / 2;
            let current = if on { Some(room) } else { before.current };
            setrlimit(Resource::As, Rlimit { current, maximum: before.maximum }).unwrap();
        };
        let builder = Builder::new().extra_domains(0).variant(Variant::Pipe);
        builder.run(async move { main(&short).await }).unwrap();
    });
}

#[cfg(target_os = "linux")]
#[test]
fn where_no_thread_can_be_had_closures_fail() {
    use futures_lite::AsyncWriteExt;
    use vigie::fs;

    const NAME: &str = "blocking::where_no_thread_can_be_had_closures_fail";
    const REFUSED: &str = "no thread for the pool: ";
    short_of_stacks(NAME, async |short| {
        let path = std::env::temp_dir().join(format!("vigie-no-thread-{}", std::process::id()));
        let file = std::fs::File::create(&path).unwrap();
        let mut file = fs::File::from_std(file);
        let drops = Drops::default();
        let traced = Traced("closure", drops.clone());
        short(true);
        let refused = soon(unblock(move || drop(traced))).await.unwrap_err();
        let read = soon(fs::read(&path)).await.unwrap_err();
        // It is accepted at once, as any, and does not get lost in silence.
        let accepted = soon(file.write(b"x")).await;
        let flushed = soon(file.flush()).await.unwrap_err();
        let named = soon(vigie::net::lookup_host(("localhost", 1))).await.unwrap_err();
        short(false);
        assert_eq!(accepted.unwrap(), 1);
        for error in [refused, read, flushed, named] {
            assert!(error.to_string().starts_with(REFUSED), "{error}");
            assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "it is not to be tried again");
        }
        assert_eq!(drops.take(), [("closure", Domain::current())]);
        // Later ones have their thread.
        assert_eq!(soon(unblock(|| 7)).await.unwrap(), 7);
        soon(file.write_all(b"y")).await.unwrap();
        soon(file.flush()).await.unwrap();
        assert_eq!(soon(fs::read(&path)).await.unwrap(), b"y");
        std::fs::remove_file(path).unwrap();
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_listing_that_finds_no_thread_goes_on_later() {
    use crate::support::proc::threads;

    const NAME: &str = "blocking::a_listing_that_finds_no_thread_goes_on_later";
    short_of_stacks(NAME, async |short| {
        let mut entries = soon(vigie::fs::read_dir("src")).await.unwrap();
        // The thread that has begun it leaves when it has had nothing to do for long.
        let pool = || threads().iter().any(|name| name == "vigie-pool");
        assert!(eventually(|| !pool()));
        // It leaves its stack to the next thread: this one.
        let (end, ended) = mpsc::channel::<()>();
        let other = thread::spawn(move || ended.recv());
        short(true);
        let error = soon(entries.next_entry()).await.unwrap_err();
        short(false);
        drop(end);
        assert!(other.join().unwrap().is_err());
        assert!(error.to_string().starts_with("no thread for the pool: "), "{error}");
        let mut names = Vec::new();
        while let Some(entry) = soon(entries.next_entry()).await.unwrap() {
            names.push(entry.file_name());
        }
        assert!(names.iter().any(|name| name == "lib.rs"), "{names:?}");
    });
}

#[cfg(target_os = "linux")]
#[test]
fn where_no_further_thread_can_be_had_closures_wait_for_those_that_there_are() {
    const NAME: &str = "blocking::where_no_further_thread_can_be_had_closures_wait_for_those_that_there_are";
    short_of_stacks(NAME, async |short| {
        let (begun, _) = Held::begin();
        let (held, future) = begun.await;
        short(true);
        let mut second = unblock(|| 7);
        let polled = poll_once(&mut second).await;
        short(false);
        assert!(polled.is_none());
        held.let_go();
        soon(future).await.unwrap();
        assert_eq!(soon(second).await.unwrap(), 7);
    });
}
