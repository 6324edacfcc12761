//! Signals: each listener hears each of them, and none is lost. They reach all of a process, so that every
//! test has one to itself.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use futures_lite::future::{block_on, poll_once};
use rustix::process::{Signal, getpid, kill_process};
use vigie::{
    Builder, Domain, call_on,
    events::EventsError,
    signal::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH, Signals, ctrl_c},
    spawn,
};

use crate::support::{Shared, alone, each, eventually, plain, soon, turns, until};

fn raise(signal: i32) {
    kill_process(getpid(), Signal::from_named_raw(signal).unwrap()).unwrap();
}

/// Another handler of a signal, by which a test knows that those before it have run.
struct Seen(i32, Arc<AtomicBool>);

impl Seen {
    fn new(signal: i32) -> Self {
        let flag = Arc::default();
        signal_hook::flag::register(signal, Arc::clone(&flag)).unwrap();
        Self(signal, flag)
    }

    /// Sends the signal, and returns when it has come.
    fn raise(&self) {
        self.1.store(false, Ordering::SeqCst);
        raise(self.0);
        assert!(eventually(|| self.1.load(Ordering::SeqCst)), "the other handler did not run");
    }
}

#[test]
fn each_listener_on_each_domain_hears_each_signal() {
    alone("signal::each_listener_on_each_domain_hears_each_signal", || {
        each(|builder| {
            let ran = builder.run(async {
                let heard = Shared::from(0);
                let listen = |signals: [i32; 2]| {
                    let heard = heard.clone();
                    move || async move {
                        let mut signals = Signals::new(signals).unwrap();
                        for expected in [SIGUSR1, SIGUSR2, SIGUSR1] {
                            *heard.lock() += 1;
                            assert_eq!(signals.next().await.unwrap(), expected);
                        }
                    }
                };
                let mut listeners = Vec::new();
                for domain in Domain::available() {
                    for _ in 0..2 {
                        listeners.push(call_on(domain, listen([SIGUSR1, SIGUSR2])));
                    }
                }
                let count = listeners.len() + 2;
                listeners.push(spawn(listen([SIGUSR2, SIGUSR1])()));
                listeners.push(spawn(listen([SIGUSR1, SIGUSR2])()));
                for (round, signal) in [SIGUSR1, SIGUSR2, SIGUSR1].into_iter().enumerate() {
                    soon(until(|| *heard.lock() == count * (round + 1))).await;
                    raise(signal);
                }
                for listener in listeners {
                    soon(listener).await.unwrap();
                }
            });
            ran.unwrap();
        });
    });
}

#[test]
fn handlers_before_and_after_a_listener_still_run() {
    alone("signal::handlers_before_and_after_a_listener_still_run", || {
        each(|builder| {
            let ran = builder.run(async {
                let before = Seen::new(SIGUSR1);
                let mut signals = Signals::new([SIGUSR1]).unwrap();
                let after = Seen::new(SIGUSR1);
                before.raise();
                assert!(eventually(|| after.1.load(Ordering::SeqCst)));
                assert_eq!(soon(signals.next()).await.unwrap(), SIGUSR1);
                drop(signals);
                after.raise();
                assert!(before.1.load(Ordering::SeqCst));
            });
            ran.unwrap();
        });
    });
}

#[test]
fn signals_between_two_waits_are_not_lost_and_those_of_a_number_are_one() {
    alone("signal::signals_between_two_waits_are_not_lost_and_those_of_a_number_are_one", || {
        each(|builder| {
            let ran = builder.run(async {
                let mut signals = Signals::new(vec![SIGUSR2, SIGUSR1, SIGWINCH]).unwrap();
                // They run after the listener.
                let (one, two) = (Seen::new(SIGUSR1), Seen::new(SIGUSR2));
                for _ in 0..3 {
                    for _ in 0..100 {
                        two.raise();
                        one.raise();
                    }
                    assert_eq!(soon(signals.next()).await.unwrap(), SIGUSR1);
                    assert_eq!(soon(signals.next()).await.unwrap(), SIGUSR2);
                    assert!(poll_once(signals.next()).await.is_none(), "it came once more");
                }
            });
            ran.unwrap();
        });
    });
}

#[test]
fn a_wait_that_is_dropped_loses_nothing() {
    alone("signal::a_wait_that_is_dropped_loses_nothing", || {
        each(|builder| {
            let ran = builder.run(async {
                let mut signals = Signals::new([SIGUSR1]).unwrap();
                let seen = Seen::new(SIGUSR1);
                for _ in 0..10 {
                    assert!(poll_once(signals.next()).await.is_none());
                    seen.raise();
                    turns(3).await;
                    assert_eq!(soon(signals.next()).await.unwrap(), SIGUSR1);
                }
            });
            ran.unwrap();
        });
    });
}

#[test]
fn a_listener_goes_to_other_domains_and_runs() {
    alone("signal::a_listener_goes_to_other_domains_and_runs", || {
        each(|builder| {
            let again = builder.clone();
            let mut signals = builder
                .run(async {
                    let mut signals = Signals::new([SIGUSR1]).unwrap();
                    let seen = Seen::new(SIGUSR1);
                    assert!(poll_once(signals.next()).await.is_none());
                    for domain in Domain::available() {
                        signals = call_on(domain, async move || {
                            let thread = thread::spawn(|| raise(SIGUSR1));
                            assert_eq!(soon(signals.next()).await.unwrap(), SIGUSR1);
                            thread.join().unwrap();
                            assert!(poll_once(signals.next()).await.is_none());
                            signals
                        })
                        .await
                        .unwrap();
                        seen.raise();
                        assert_eq!(soon(signals.next()).await.unwrap(), SIGUSR1);
                    }
                    seen.raise();
                    signals
                })
                .unwrap();
            let ran = again.run(async move { assert_eq!(soon(signals.next()).await.unwrap(), SIGUSR1) });
            ran.unwrap();
        });
    });
}

#[test]
fn what_cannot_be_listened_to_is_an_error() {
    alone("signal::what_cannot_be_listened_to_is_an_error", || {
        for signal in [i32::MIN, -1, 0, 4, 8, 9, 11, 19, 100, 127, 128, 1000, i32::MAX] {
            // Some of these are other signals elsewhere.
            if cfg!(target_os = "linux") {
                let error = Signals::new([SIGUSR1, signal]).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{signal}: {error}");
            }
        }
        // The listener works all the same.
        plain()
            .run(async {
                let mut signals = Signals::new([SIGUSR1]).unwrap();
                raise(SIGUSR1);
                assert_eq!(soon(signals.next()).await.unwrap(), SIGUSR1);
            })
            .unwrap();
    });
}

#[test]
fn ctrl_c_is_waited_for_from_the_call_on() {
    alone("signal::ctrl_c_is_waited_for_from_the_call_on", || {
        each(|builder| {
            let ran = builder.run(async {
                let (one, two) = (ctrl_c(), ctrl_c());
                raise(SIGINT);
                soon(one).await.unwrap();
                soon(two).await.unwrap();
                let again = spawn(soon(ctrl_c()));
                turns(2).await;
                raise(SIGINT);
                again.await.unwrap().unwrap();
            });
            ran.unwrap();
        });
    });
}

#[test]
fn without_the_systems_events_there_is_an_error() {
    alone("signal::without_the_systems_events_there_is_an_error", || {
        let complaint = async || {
            let mut signals = Signals::new([SIGHUP]).unwrap();
            let error = signals.next().await.unwrap_err();
            *error.get_ref().and_then(|inner| inner.downcast_ref::<EventsError>()).expect("events' error")
        };
        assert_eq!(block_on(complaint()), EventsError::OutsideRuntime);
        assert_eq!(Builder::new().without_events().run(complaint()).unwrap(), EventsError::NoEvents);
        let others = Builder::new().events(|_| Ok(())).run(complaint()).unwrap();
        assert!(matches!(others, EventsError::OtherEvents(_)));
    });
}

#[test]
fn a_listener_that_is_dropped_leaves_the_signal_ignored() {
    alone("signal::a_listener_that_is_dropped_leaves_the_signal_ignored", || {
        drop(Signals::new([SIGTERM]).unwrap());
        raise(SIGTERM);
        // That was not the end, and a new listener hears it again.
        plain()
            .run(async {
                let mut signals = Signals::new([SIGTERM]).unwrap();
                raise(SIGTERM);
                assert_eq!(soon(signals.next()).await.unwrap(), SIGTERM);
            })
            .unwrap();
    });
}

#[cfg(target_os = "linux")]
#[test]
fn listeners_leave_no_descriptors() {
    use crate::support::proc;
    alone("signal::listeners_leave_no_descriptors", || {
        each(|builder| {
            let run = || {
                let ran = builder.clone().run(async {
                    let mut signals = Signals::new([SIGUSR1, SIGUSR2]).unwrap();
                    Signals::new([SIGUSR1, 9]).unwrap_err();
                    raise(SIGUSR1);
                    assert_eq!(soon(signals.next()).await.unwrap(), SIGUSR1);
                    let waits = spawn(async move { signals.next().await });
                    turns(2).await;
                    waits.cancel().await.unwrap();
                    // One is left to the end of the run.
                    let _waits = spawn(ctrl_c());
                    turns(2).await;
                });
                ran.unwrap();
            };
            run();
            let before = proc::descriptors();
            for _ in 0..20 {
                run();
            }
            assert_eq!(proc::descriptors(), before);
        });
    });
}
