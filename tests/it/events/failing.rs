//! Events that fail, in every place where they can: the run ends with that, and everything is taken down.

#![allow(clippy::disallowed_types, reason = "tests")]

use std::{
    future::pending,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use vigie::{
    Builder, Domain, call_on,
    events::{self, Events, Seat, Signals, Uid},
    spawn,
};

use super::{Entry, Probe, domain, probed, promptly, tell};
use crate::support::{Drops, Gate, Log, Traced};

/// Counts threads that were started, and bodies of threads that have ended.
fn counted(builder: Builder) -> (Builder, Arc<(AtomicUsize, AtomicUsize)>) {
    let counts = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
    let ours = counts.clone();
    let builder = builder.spawn_thread(move |thread, body| {
        let counts = ours.clone();
        counts.0.fetch_add(1, Ordering::SeqCst);
        thread.spawn(move || {
            let ended = catch_unwind(AssertUnwindSafe(body));
            counts.1.fetch_add(1, Ordering::SeqCst);
            if let Err(payload) = ended {
                std::panic::resume_unwind(payload);
            }
        })
    });
    (builder, counts)
}

/// A run on which every domain has tasks that would sleep for ever, and then `fail` is called on `at`.
/// Sees to it that all of it is taken down; returns how the run ended.
fn taken_down(at: usize, fail: fn(&mut Probe)) -> thread::Result<io::Result<()>> {
    promptly(move || taken_down_here(at, fail))
}

fn taken_down_here(at: usize, fail: fn(&mut Probe)) -> thread::Result<io::Result<()>> {
    let (builder, log) = probed();
    let (builder, threads) = counted(builder);
    let drops = Drops::default();
    let theirs = drops.clone();
    let ended = catch_unwind(AssertUnwindSafe(|| {
        builder.run(async move {
            let mut tasks = Vec::new();
            for index in 0..3 {
                let (drops, asleep) = (theirs.clone(), Gate::default());
                let begun = asleep.clone();
                let body = move || async move {
                    let _traced = Traced("sleeper", drops.clone());
                    // One that is woken by nobody, one that is a child, one that waits for a signal.
                    let child = spawn(async move {
                        let _traced = Traced("child", drops);
                        pending::<()>().await;
                    });
                    let suspended = events::syscall().unwrap().suspend(|_| {
                        begun.open();
                        Ok(())
                    });
                    suspended.await.unwrap();
                    drop(child);
                };
                tasks.push(if index == 0 { spawn(body()) } else { call_on(domain(index), body) });
                asleep.opened().await;
            }
            // The child was spawned before its parent slept, and has begun when this has run.
            for index in 1..3 {
                call_on(domain(index), || async {}).await.unwrap();
            }
            spawn(async {}).await.unwrap();
            if at == 0 {
                tell(fail);
            } else {
                call_on(domain(at), move || async move { tell(fail) }).await.unwrap();
            }
            pending().await
        })
    }));
    let mut dropped = drops.take();
    dropped.sort();
    let names: Vec<_> = dropped.iter().map(|(name, domain)| (*name, domain.unwrap().index())).collect();
    let expected = ["child", "sleeper"].map(|name| (0..3).map(move |index| (name, index)));
    assert_eq!(names, expected.into_iter().flatten().collect::<Vec<_>>(), "each once, on its domain");
    let log = log.take();
    for index in 0..3 {
        let finalised = |entry: &&Entry| matches!(entry, Entry::Finalised { domain, .. } if *domain == index);
        assert_eq!(log.iter().filter(finalised).count(), 1);
        assert!(log.contains(&Entry::Dropped { domain: index }));
    }
    assert_eq!((threads.0.load(Ordering::SeqCst), threads.1.load(Ordering::SeqCst)), (2, 2), "all joined");
    assert!(Domain::current().is_none());
    ended
}

/// The message of the panic that ended a run.
fn message(ended: thread::Result<io::Result<()>>) -> String {
    let payload = ended.unwrap_err();
    let literal = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    literal.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap()
}

#[test]
fn a_select_that_fails_ends_the_run_with_its_error() {
    for at in 0..3 {
        let ended = taken_down(at, |probe| probe.error = Some(io::ErrorKind::BrokenPipe.into()));
        assert_eq!(ended.unwrap().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}

#[test]
fn a_select_that_panics_ends_the_run_with_its_panic() {
    for at in 0..3 {
        assert_eq!(message(taken_down(at, |probe| probe.panic = Some("in select"))), "in select");
    }
}

#[test]
fn a_deadline_that_panics_ends_the_run_with_its_panic() {
    for at in 0..3 {
        let ended = taken_down(at, |probe| probe.deadline_panic = Some("in deadline"));
        assert_eq!(message(ended), "in deadline");
    }
}

/// Tells the events that it computes, by asking often.
fn ask_for_long() {
    for _ in 0..1000 {
        vigie::should_yield();
    }
}

#[test]
fn a_busy_that_panics_ends_the_run_with_its_panic() {
    let (builder, _) = probed();
    let ended = catch_unwind(AssertUnwindSafe(|| {
        builder.run(async {
            let far = call_on(domain(2), || async { pending::<()>().await });
            let there = call_on(domain(1), || async {
                tell(|probe| probe.busy_panic = Some("in busy"));
                ask_for_long();
                // The events are gone, and the task is not.
                assert_eq!(events::syscall().unwrap_err(), events::EventsError::NoEvents);
            });
            there.await.unwrap();
            far.await.unwrap();
        })
    }));
    assert_eq!(message(ended), "in busy");
}

#[test]
fn a_finalise_that_fails_is_the_runs_error() {
    for at in 0..3 {
        let (builder, _) = probed();
        let ended = builder.run(async move {
            let fail =
                || async { tell(|probe| probe.finalise_error = Some(io::ErrorKind::Interrupted.into())) };
            if at == 0 { fail().await } else { call_on(domain(at), fail).await.unwrap() }
        });
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::Interrupted);
    }
}

#[test]
fn a_finalise_that_panics_is_the_runs_panic() {
    for at in 0..3 {
        let (builder, log) = probed();
        let ended = catch_unwind(AssertUnwindSafe(|| {
            builder.run(async move {
                let fail = || async { tell(|probe| probe.finalise_panic = Some("in finalise")) };
                if at == 0 { fail().await } else { call_on(domain(at), fail).await.unwrap() }
            })
        }));
        assert_eq!(message(ended), "in finalise");
        let finalised = |entry: &&Entry| matches!(entry, Entry::Finalised { .. });
        assert_eq!(log.lock().iter().filter(finalised).count(), 3);
    }
}

#[test]
fn the_first_failure_counts() {
    let ended = taken_down(1, |probe| {
        probe.error = Some(io::ErrorKind::BrokenPipe.into());
        probe.finalise_error = Some(io::ErrorKind::Interrupted.into());
    });
    assert_eq!(ended.unwrap().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    // The main task's own panic goes before what the events say afterwards.
    let (builder, _) = probed();
    let ended = catch_unwind(AssertUnwindSafe(|| {
        builder.run(async {
            tell(|probe| probe.finalise_error = Some(io::ErrorKind::Interrupted.into()));
            panic!("in the main task");
        })
    }));
    assert_eq!(message(ended), "in the main task");
}

#[test]
fn the_last_select_of_a_domain_may_fail_too() {
    for at in 0..3 {
        let (builder, log) = probed();
        let ended = builder.run(async move {
            let fail = || async {
                // Given up with the end of the run: there is a uid to be told, to a last `select`.
                let syscall = events::syscall().unwrap();
                tell(|probe| probe.error = Some(io::ErrorKind::BrokenPipe.into()));
                drop(syscall);
            };
            if at == 0 { fail().await } else { call_on(domain(at), fail).await.unwrap() }
        });
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        let finalised = |entry: &&Entry| matches!(entry, Entry::Finalised { .. });
        assert_eq!(log.lock().iter().filter(finalised).count(), 3);
    }
}

#[test]
fn events_fail_while_others_are_asleep_for_an_hour() {
    /// Sleeps for an hour wherever it can.
    struct Sleepy(bool);

    impl Events for Sleepy {
        fn select(&mut self, _block: bool, _cancelled: &[Uid], _signals: &mut Signals) -> io::Result<()> {
            if self.0 { Err(io::ErrorKind::TimedOut.into()) } else { Ok(()) }
        }

        fn deadline(&self) -> Option<Instant> {
            Some(Instant::now() + Duration::from_secs(3600))
        }
    }

    for at in 0..3 {
        let builder = Builder::new().extra_domains(2).events(|_| Ok(Sleepy(false)));
        let main = move || async move {
            let sleep = || async { events::syscall().unwrap().suspend(|_| Ok(())).await };
            let fail = || async { events::with(|sleepy: &mut Sleepy| sleepy.0 = true) };
            let _elsewhere = [1, 2].map(|index| call_on(domain(index), sleep));
            let _failing = if at == 0 { spawn(fail()) } else { call_on(domain(at), fail) };
            sleep().await.unwrap();
        };
        let ended = promptly(move || builder.run(main()));
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}

/// Events that cannot be made on domain `at`; the main task must not begin.
fn unmade(at: usize, make: fn(&Seat) -> io::Result<()>) -> (thread::Result<io::Result<()>>, Vec<Entry>) {
    let log = Log::default();
    let theirs = log.clone();
    let builder = Builder::new().extra_domains(2).events(move |seat| {
        let domain = seat.domain().index();
        if domain == at {
            make(&seat)?;
        }
        Ok(Probe::new(&seat, &theirs))
    });
    let (builder, threads) = counted(builder);
    let drops = Drops::default();
    let main = Traced("main", drops.clone());
    let ended = catch_unwind(AssertUnwindSafe(|| {
        builder.run(async move {
            let _main = &main;
            unreachable!("nothing runs");
        })
    }));
    assert_eq!(drops.len(), 1, "the main task's future is dropped");
    assert_eq!(threads.0.load(Ordering::SeqCst), threads.1.load(Ordering::SeqCst), "all joined");
    assert!(Domain::current().is_none());
    // The thread is free for another run.
    assert_eq!(vigie::run(async { 1 }).unwrap(), 1);
    (ended, log.take())
}

fn check_unmade(at: usize, log: &[Entry]) {
    for index in 0..3 {
        let made = |entry: &&Entry| matches!(entry, Entry::Made { domain, .. } if *domain == index);
        let finalised = |entry: &&Entry| matches!(entry, Entry::Finalised { domain, .. } if *domain == index);
        let made = log.iter().filter(made).count();
        assert_eq!(log.iter().filter(finalised).count(), made, "what was made is finalised");
        assert!(made <= 1 && (index != at || made == 0));
    }
}

#[test]
fn events_that_cannot_be_made_end_the_run_before_it_begins() {
    for at in 0..3 {
        let (ended, log) = unmade(at, |_| Err(io::ErrorKind::OutOfMemory.into()));
        assert_eq!(ended.unwrap().unwrap_err().kind(), io::ErrorKind::OutOfMemory);
        check_unmade(at, &log);
    }
}

#[test]
fn events_whose_making_panics_end_the_run_before_it_begins() {
    for at in 0..3 {
        let (ended, log) = unmade(at, |_| panic!("in the making"));
        assert_eq!(message(ended), "in the making");
        check_unmade(at, &log);
    }
}

#[test]
fn a_thread_that_cannot_be_had_ends_the_run_before_it_begins() {
    for at in 1..3 {
        let (builder, log) = probed();
        let started = AtomicUsize::new(0);
        let builder = builder.spawn_thread(move |thread, body| {
            if started.fetch_add(1, Ordering::SeqCst) + 1 == at {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            thread.spawn(body)
        });
        let ended = builder.run(async { unreachable!("nothing runs") });
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::WouldBlock);
        check_unmade(at, &log.take());
    }
}
