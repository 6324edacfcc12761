//! A run in which nothing happens costs nothing, on every domain.

#![cfg(target_os = "linux")]

use std::{future::pending, thread, time::Duration};

use vigie::{Builder, Domain, call, call_on, spawn, time::sleep};

use crate::support::{alone, each, proc};

/// What some idle time of this process costs: processor time, and how often a thread went to sleep.
fn idle(millis: u64) -> (Duration, usize) {
    let before = (proc::cpu_time(), proc::sleeps());
    thread::sleep(Duration::from_millis(millis));
    (proc::cpu_time() - before.0, proc::sleeps().saturating_sub(before.1))
}

/// A domain that spins takes its share of a processor, also of a loaded machine's. The time is counted
/// in hundredths of a second.
fn assert_idle((time, sleeps): (Duration, usize)) {
    assert!(time <= Duration::from_millis(50), "{time:?} of processor time");
    assert!(sleeps < 200, "{sleeps} times asleep");
}

#[test]
fn domains_that_wait_for_a_call_cost_nothing() {
    alone("idle::domains_that_wait_for_a_call_cost_nothing", || {
        each(|builder| {
            builder
                .extra_domains(7)
                .run(async {
                    // Blocked, as far as its domain knows; the main task and six domains wait.
                    assert_idle(call(async || idle(1000)).await.unwrap());
                })
                .unwrap();
        });
    });
}

#[test]
fn domains_that_sleep_cost_nothing() {
    alone("idle::domains_that_sleep_cost_nothing", || {
        each(|builder| {
            builder
                .extra_domains(7)
                .run(async {
                    let measured = thread::spawn(|| idle(400));
                    let _sleepers: Vec<_> = Domain::available()
                        .into_iter()
                        .map(|domain| call_on(domain, || sleep(Duration::from_secs(3600))))
                        .collect();
                    sleep(Duration::from_millis(600)).await.unwrap();
                    assert_idle(measured.join().unwrap());
                })
                .unwrap();
        });
    });
}

#[test]
fn domains_that_listen_cost_nothing() {
    alone("idle::domains_that_listen_cost_nothing", || {
        each(|builder| {
            builder
                .extra_domains(3)
                .run(async {
                    let listen = async || {
                        let listener = vigie::net::TcpListener::bind("127.0.0.1:0").unwrap();
                        drop(listener.accept().await);
                    };
                    let mut listening: Vec<_> =
                        Domain::available().into_iter().map(|domain| call_on(domain, listen)).collect();
                    listening.push(spawn(listen()));
                    sleep(Duration::from_millis(100)).await.unwrap();
                    let measured = thread::spawn(|| idle(400));
                    sleep(Duration::from_millis(600)).await.unwrap();
                    assert_idle(measured.join().unwrap());
                })
                .unwrap();
        });
    });
}

#[test]
fn without_events_the_domains_sleep_as_well() {
    alone("idle::without_events_the_domains_sleep_as_well", || {
        for builder in [Builder::new().without_events(), Builder::new().events(|_| Ok(()))] {
            builder
                .extra_domains(3)
                .run(async {
                    let _waiting = spawn(pending::<()>());
                    assert_idle(call(async || idle(400)).await.unwrap());
                })
                .unwrap();
        }
    });
}
