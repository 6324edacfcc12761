//! Slices that do not end are told of while they last.

use std::{
    future::pending,
    io,
    sync::{Mutex, mpsc},
    thread,
    time::Duration,
};

use vigie::{Builder, Domain, Stall, TaskId, call_on, events, spawn, yield_now};

use crate::support::{alone, child, on_drop, plain};

const AFTER: Duration = Duration::from_millis(5);

/// A run whose stalls are told; and how a task waits for that of its own slice, without giving way.
fn watched() -> (Builder, impl Fn() -> Stall + Send + Sync + 'static) {
    let (tells, told) = mpsc::channel();
    let builder = plain().stall_watch_with(AFTER, move |stall| {
        // Nobody listens after the end.
        let _ = tells.send(stall.clone());
    });
    let told = Mutex::new(told);
    let stall = move || {
        let own = TaskId::current();
        // On a loaded machine others may have stalled as well.
        loop {
            let stall = told.lock().unwrap().recv_timeout(Duration::from_secs(60)).expect("it is told");
            if Some(stall.task) == own {
                return stall;
            }
        }
    };
    (builder, stall)
}

#[test]
fn a_slice_is_told_of_while_it_lasts_wherever_it_is() {
    let (builder, stall) = watched();
    builder
        .run(async move {
            let here = stall();
            assert_eq!((here.domain, Some(here.task)), (Domain::current().unwrap(), TaskId::current()));
            assert!(here.elapsed >= AFTER);
            assert_eq!(here.location.file(), file!());
            let line = line!() + 1;
            let there = call_on(Domain::available()[1], async move || (stall(), TaskId::current()));
            let (there, task) = there.await.unwrap();
            assert_eq!((there.domain.index(), Some(there.task)), (2, task));
            assert_eq!((there.location.file(), there.location.line()), (file!(), line));
        })
        .unwrap();
}

#[test]
fn what_waits_behind_it_is_counted() {
    let (builder, stall) = watched();
    builder
        .run(async move {
            let sender = events::signal_sender().unwrap();
            let ready: Vec<_> = (0..3).map(|_| spawn(async { yield_now().await })).collect();
            yield_now().await;
            // Those have given way, and this goes first.
            let uid = events::syscall().unwrap().uid();
            sender.send_all([uid, uid]);
            let seen = stall();
            assert_eq!(seen.ready, 3);
            assert!(seen.unread >= 2, "{seen}");
            vigie::await_all(ready).await.unwrap();
        })
        .unwrap();
}

#[test]
fn a_slice_is_told_of_once_and_the_next_one_again() {
    let (tells, told) = mpsc::channel();
    plain()
        .extra_domains(0)
        .stall_watch_with(AFTER, move |stall| tells.send(stall.elapsed).unwrap())
        .run(async move {
            for _ in 0..3 {
                told.recv().unwrap();
                thread::sleep(10 * AFTER);
                assert!(told.try_recv().is_err(), "told twice");
                yield_now().await;
            }
        })
        .unwrap();
}

#[test]
fn a_destructor_that_a_cancellation_runs_is_told_of() {
    let (builder, stall) = watched();
    builder
        .run(async move {
            let task = spawn(async move {
                let _end = on_drop(move || {
                    stall();
                });
                pending::<()>().await;
            });
            yield_now().await;
            task.cancel().await.unwrap();
        })
        .unwrap();
}

#[test]
fn short_slices_are_not_told_of() {
    plain()
        .stall_watch_with(Duration::from_secs(3600), |stall| panic!("{stall}"))
        .run(async {
            for _ in 0..1000 {
                yield_now().await;
            }
        })
        .unwrap();
}

#[test]
fn a_report_that_panics_harms_nobody() {
    let (tells, told) = mpsc::channel();
    plain()
        .stall_watch_with(AFTER, move |_| {
            tells.send(()).unwrap();
            panic!("on purpose");
        })
        .run(async move {
            for _ in 0..2 {
                told.recv().unwrap();
                yield_now().await;
            }
        })
        .unwrap();
}

#[test]
fn a_thread_that_cannot_be_had_is_an_error_and_nothing_runs() {
    let error = plain()
        .stall_watch(AFTER)
        .spawn_thread(|thread, body| {
            // The builder tells its name to the thread alone.
            let (named, name) = mpsc::channel();
            let handle = thread.spawn(move || {
                let own = thread::current().name().map(str::to_owned);
                named.send(own.clone()).unwrap();
                if own.as_deref() != Some("vigie-stall") {
                    body();
                }
            })?;
            match name.recv().unwrap().as_deref() {
                Some("vigie-stall") => Err(io::Error::new(io::ErrorKind::WouldBlock, "no more threads")),
                _ => Ok(handle),
            }
        })
        .run(async { panic!("it runs") })
        .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    plain().run(async {}).unwrap();
}

#[test]
fn its_thread_is_there_where_asked_for_and_ends_with_the_run() {
    #[cfg(target_os = "linux")]
    alone("stall::its_thread_is_there_where_asked_for_and_ends_with_the_run", || {
        use crate::support::{eventually, proc::threads};
        let watches = || threads().iter().any(|name| name == "vigie-stall");
        plain().run(async move { assert!(!watches()) }).unwrap();
        plain()
            .stall_watch(Duration::from_secs(3600))
            .run(async move { assert!(eventually(watches)) })
            .unwrap();
        assert!(eventually(|| !watches()));
        let watched = || plain().stall_watch(Duration::from_secs(3600));
        watched().events(|_| Err::<(), _>(io::Error::other("no device"))).run(async {}).unwrap_err();
        assert!(eventually(|| !watches()));
    });
}

#[test]
fn by_default_it_goes_to_the_standard_error_output() {
    if cfg!(miri) {
        return;
    }
    if std::env::var_os("VIGIE_TEST_CHILD").is_some() {
        let ran = plain().extra_domains(0).stall_watch(AFTER).run(async { thread::sleep(40 * AFTER) });
        return ran.unwrap();
    }
    let output = child("stall::by_default_it_goes_to_the_standard_error_output").output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("has kept domain 0 for") && text.contains("stall.rs"), "{text}");
}
