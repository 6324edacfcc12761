//! Timers: their order, their ends, and what they leave.

use std::{
    future::{pending, poll_fn},
    pin::Pin,
    rc::Rc,
    task::Poll,
    time::{Duration, Instant},
};

use futures_lite::future::{block_on, or, poll_once};
use vigie::{
    Builder, PromiseState, await_all, call,
    events::EventsError,
    spawn,
    time::{TimeoutError, interval, sleep, sleep_until, timeout},
    yield_now,
};

use crate::support::{Drops, Log, MANY, Traced, alone, each, on_drop, turns};

const LONG: Duration = Duration::from_secs(3600);

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

#[test]
fn sleepers_wake_in_the_order_of_their_deadlines() {
    each(|builder| {
        // A quantum in which all of them go to sleep, however slow the machine.
        builder
            .quanta(1000)
            .run(async {
                let (log, start) = (Log::default(), Instant::now());
                let tasks: Vec<_> = (0..50)
                    .map(|n| {
                        let (log, n) = (log.clone(), n * 7 % 50);
                        spawn(async move {
                            sleep_until(start + millis(n)).await.unwrap();
                            log.push(n);
                        })
                    })
                    .collect();
                await_all(tasks).await.unwrap();
                assert_eq!(log.take(), (0..50).collect::<Vec<_>>());
                assert!(start.elapsed() >= millis(49));
            })
            .unwrap();
    });
}

#[test]
fn sleepers_of_one_deadline_wake_in_the_order_of_their_start() {
    each(|builder| {
        builder
            .quanta(1000)
            .run(async {
                let (log, deadline) = (Log::default(), Instant::now() + millis(5));
                let tasks: Vec<_> = (0..50)
                    .map(|n| {
                        let log = log.clone();
                        spawn(async move {
                            sleep_until(deadline).await.unwrap();
                            log.push(n);
                        })
                    })
                    .collect();
                await_all(tasks).await.unwrap();
                assert_eq!(log.take(), (0..50).collect::<Vec<_>>());
            })
            .unwrap();
    });
}

#[test]
fn a_sleep_never_ends_early() {
    each(|builder| {
        builder
            .run(async {
                for nanos in [1, 1_000, 300_000, 999_999, 1_000_001, 5_500_000] {
                    let duration = Duration::from_nanos(nanos);
                    let start = Instant::now();
                    let sleep = sleep(duration);
                    let deadline = sleep.deadline();
                    sleep.await.unwrap();
                    assert!(start.elapsed() >= duration && Instant::now() >= deadline);
                }
            })
            .unwrap();
    });
}

#[test]
fn a_deadline_that_has_passed_gives_way_once() {
    each(|builder| {
        builder
            .run(async {
                let past = Instant::now();
                let polls = async |mut sleep: vigie::time::Sleep| {
                    let mut polls = 0;
                    poll_fn(|cx| {
                        polls += 1;
                        Pin::new(&mut sleep).poll(cx)
                    })
                    .await
                    .unwrap();
                    polls
                };
                for _ in 0..10 {
                    let log = Log::default();
                    let theirs = log.clone();
                    let other = spawn(async move { theirs.push("other") });
                    assert_eq!(polls(sleep(Duration::ZERO)).await, 2);
                    assert_eq!(polls(sleep_until(past)).await, 2);
                    assert_eq!(log.take(), ["other"], "it had its turn meanwhile");
                    other.await.unwrap();
                }
            })
            .unwrap();
    });
}

#[test]
fn many_sleepers_cost_no_more_than_their_sleep() {
    each(|builder| {
        let start = Instant::now();
        builder
            .run(async {
                let tasks: Vec<_> = (0..MANY).map(|_| spawn(sleep(Duration::from_secs(1)))).collect();
                for result in await_all(tasks).await.unwrap() {
                    result.unwrap().unwrap();
                }
            })
            .unwrap();
        let elapsed = start.elapsed();
        assert!(elapsed >= Duration::from_secs(1));
        // Where each select walks all sleepers it takes minutes; half a second is what it should be.
        assert!(elapsed < Duration::from_secs(10), "{elapsed:?}");
    });
}

#[test]
fn each_domain_has_its_own_sleepers() {
    each(|builder| {
        builder
            .run(async {
                let calls = (0..20).map(|n| {
                    call(async move || {
                        let start = Instant::now();
                        sleep(millis(n)).await.unwrap();
                        assert!(start.elapsed() >= millis(n));
                    })
                });
                for result in await_all(calls).await.unwrap() {
                    result.unwrap();
                }
            })
            .unwrap();
    });
}

#[test]
fn a_sleeper_that_is_cancelled_does_not_hold_up_the_run() {
    each(|builder| {
        let start = Instant::now();
        builder
            .run(async {
                let here = spawn(sleep(LONG));
                let there = call(|| sleep(LONG));
                turns(10).await;
                here.cancel().await.unwrap();
                drop(there);
                let left = spawn(sleep(LONG));
                yield_now().await;
                or(sleep(LONG), sleep(millis(1))).await.unwrap();
                drop(left);
            })
            .unwrap();
        assert!(start.elapsed() < LONG / 60);
    });
}

#[test]
fn a_later_sleeper_may_have_an_earlier_deadline() {
    each(|builder| {
        builder
            .run(async {
                let mut long = spawn(sleep(LONG));
                // The domain sleeps until the long one's, and then less.
                sleep(millis(5)).await.unwrap();
                spawn(sleep(millis(1))).await.unwrap().unwrap();
                assert!(poll_once(&mut long).await.is_none());
            })
            .unwrap();
    });
}

#[test]
fn a_sleep_that_is_over_stays_over() {
    each(|builder| {
        builder
            .run(async {
                let mut slept = sleep(Duration::ZERO);
                for _ in 0..3 {
                    (&mut slept).await.unwrap();
                }
            })
            .unwrap();
    });
}

#[test]
fn a_sleep_further_than_the_clock_goes_never_ends() {
    each(|builder| {
        builder
            .run(async {
                let mut never = sleep(Duration::MAX);
                assert!(never.deadline() > Instant::now() + millis(1000) * 86_400 * 365 * 29);
                for _ in 0..3 {
                    assert!(poll_once(&mut never).await.is_none());
                    yield_now().await;
                }
            })
            .unwrap();
    });
}

#[test]
fn a_deadline_that_is_too_far_to_be_counted_never_comes() {
    each(|builder| {
        builder
            .run(async {
                // A timer counts nanoseconds since the run began: this is just one round of the counter more.
                let Some(far) = Instant::now().checked_add(Duration::from_nanos(u64::MAX)) else { return };
                let (far, further) = (spawn(sleep_until(far)), spawn(sleep_until(far + millis(1))));
                yield_now().await;
                sleep(millis(5)).await.unwrap();
                assert_eq!([far.state(), further.state()], [PromiseState::Running; 2]);
            })
            .unwrap();
    });
}

#[test]
fn a_sleep_may_change_hands() {
    each(|builder| {
        builder
            .run(async {
                // Started by one task and awaited by another: the last to poll it is woken.
                let mut slept = sleep(millis(3));
                assert!(poll_once(&mut slept).await.is_none());
                spawn(slept).await.unwrap().unwrap();
            })
            .unwrap();
    });
}

#[test]
fn a_timeout_drops_its_future_before_it_returns() {
    each(|builder| {
        builder
            .run(async {
                let drops = Drops::default();
                let traced = Traced("the future's", drops.clone());
                let result = timeout(millis(1), async move {
                    let _traced = traced;
                    pending::<()>().await;
                })
                .await;
                assert_eq!(result, Err(TimeoutError::Elapsed));
                assert_eq!(drops.len(), 1);
                assert_eq!(std::io::Error::from(TimeoutError::Elapsed).kind(), std::io::ErrorKind::TimedOut);
            })
            .unwrap();
    });
}

#[test]
fn a_timeout_cancels_the_tasks_of_its_future() {
    each(|builder| {
        builder
            .run(async {
                let log = Log::default();
                let theirs = log.clone();
                let result = timeout(millis(1), async move {
                    let child = spawn(async move {
                        let _end = on_drop(|| theirs.push(()));
                        sleep(LONG).await.unwrap();
                    });
                    child.await.unwrap();
                })
                .await;
                assert_eq!(result, Err(TimeoutError::Elapsed));
                yield_now().await;
                assert_eq!(log.len(), 1);
            })
            .unwrap();
    });
}

#[test]
fn a_timeout_prefers_the_future() {
    each(|builder| {
        builder
            .run(async {
                assert_eq!(timeout(LONG, async { 1 }).await, Ok(1));
                // Ready at once, and ready only when the time is long up.
                assert_eq!(timeout(Duration::ZERO, async { 2 }).await, Ok(2));
                let mut first = true;
                let late = poll_fn(|_| {
                    if std::mem::take(&mut first) {
                        return Poll::Pending;
                    }
                    Poll::Ready(3)
                });
                assert_eq!(timeout(Duration::ZERO, late).await, Ok(3));
                assert_eq!(timeout(Duration::MAX, sleep(millis(1))).await, Ok(Ok(())));
            })
            .unwrap();
    });
}

#[test]
fn an_interval_keeps_its_rhythm() {
    each(|builder| {
        builder
            .run(async {
                let period = millis(3);
                let start = Instant::now();
                let mut interval = interval(period);
                assert_eq!(interval.period(), period);
                let mut last = interval.tick().await.unwrap();
                assert!(last >= start + period);
                for _ in 0..5 {
                    let tick = interval.tick().await.unwrap();
                    assert!(Instant::now() >= tick, "not before its time");
                    let between = tick - last;
                    assert!(between >= period && between.as_nanos() % period.as_nanos() == 0, "{between:?}");
                    last = tick;
                }
                // What was missed is skipped.
                std::thread::sleep(period * 3);
                let (missed, next) = (interval.tick().await.unwrap(), interval.tick().await.unwrap());
                assert!(next - missed >= 3 * period);
                assert_eq!((next - missed).as_nanos() % period.as_nanos(), 0);
            })
            .unwrap();
    });
}

#[test]
fn an_interval_loses_no_tick_to_a_dropped_wait() {
    each(|builder| {
        builder
            .run(async {
                let mut interval = interval(millis(2));
                let due = interval.tick().await.unwrap() + millis(2);
                for _ in 0..10 {
                    if let Some(tick) = poll_once(&mut Box::pin(interval.tick())).await {
                        assert!(tick.unwrap() >= due);
                        return;
                    }
                    yield_now().await;
                }
                assert!(interval.tick().await.unwrap() >= due);
            })
            .unwrap();
    });
}

#[test]
fn an_interval_of_zero_gives_way_at_each_tick() {
    each(|builder| {
        builder
            .run(async {
                let ticking = spawn(async {
                    let mut interval = interval(Duration::ZERO);
                    for _ in 0..100 {
                        interval.tick().await.unwrap();
                    }
                });
                turns(300).await;
                assert_eq!(ticking.state(), PromiseState::Returned);
            })
            .unwrap();
    });
}

#[test]
fn outside_of_a_run_and_with_other_events_there_is_no_timer() {
    let outside = EventsError::OutsideRuntime;
    assert_eq!(block_on(sleep(Duration::ZERO)), Err(outside));
    assert_eq!(block_on(interval(millis(1)).tick()), Err(outside));
    assert_eq!(block_on(timeout(LONG, pending::<()>())), Err(TimeoutError::Events(outside)));
    assert_eq!(block_on(timeout(LONG, async { 1 })), Ok(1), "which needs none");
    let slept = Builder::new().without_events().run(async { sleep(millis(1)).await });
    assert_eq!(slept.unwrap(), Err(EventsError::NoEvents));
    let slept = Builder::new().events(|_| Ok(())).run(async { sleep(millis(1)).await });
    assert!(matches!(slept.unwrap(), Err(EventsError::OtherEvents(_))));
}

#[test]
fn a_sleep_that_leaves_its_run_is_harmless() {
    each(|builder| {
        let kept = Rc::new(());
        let captured = kept.clone();
        let (started, untouched) = builder
            .clone()
            .run(async move {
                let _captured = captured;
                let mut started = sleep(LONG);
                assert!(poll_once(&mut started).await.is_none());
                (started, sleep(Duration::ZERO))
            })
            .unwrap();
        drop(started);
        assert_eq!(block_on(untouched), Err(EventsError::OutsideRuntime));
        assert_eq!(Rc::strong_count(&kept), 1);
    });
}

#[cfg(all(target_os = "linux", not(miri)))]
#[test]
fn timers_that_are_cancelled_leave_no_memory_behind() {
    use crate::support::proc;

    alone("timers::timers_that_are_cancelled_leave_no_memory_behind", || {
        each(|builder| {
            builder
                .run(async {
                    let round = async |count: usize| {
                        for _ in 0..count {
                            // Far deadlines, none of which is ever reached.
                            assert_eq!(timeout(LONG, yield_now()).await, Ok(()));
                        }
                    };
                    round(MANY / 20).await;
                    let before = proc::memory();
                    round(MANY).await;
                    let grown = proc::memory().saturating_sub(before);
                    // Far less than as many forgotten timers take.
                    assert!(grown < 2048, "{grown} KiB more than {before}");
                })
                .unwrap();
        });
    });
}

#[cfg(all(target_os = "linux", not(miri)))]
#[test]
fn a_program_that_only_sleeps_has_no_observer() {
    use crate::support::{eventually, proc};
    use vigie::{net::TcpListener, system::Variant};

    alone("timers::a_program_that_only_sleeps_has_no_observer", || {
        for variant in Variant::ALL {
            Builder::new()
                .variant(variant)
                .extra_domains(1)
                .run(async move {
                    let observers = || proc::threads().iter().filter(|name| name.contains("watch")).count();
                    sleep(millis(1)).await.unwrap();
                    call(|| sleep(millis(1))).await.unwrap().unwrap();
                    let _ = timeout(millis(1), pending::<()>()).await;
                    // That of the variant before is still listed for a moment; one of this run would stay.
                    assert!(eventually(|| observers() == 0), "{:?}", proc::threads());
                    // With the first source it comes.
                    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                    assert!(poll_once(&mut Box::pin(listener.accept())).await.is_none());
                    let expected = usize::from(variant != Variant::Pipe);
                    assert!(eventually(|| observers() == expected), "{:?}", proc::threads());
                })
                .unwrap();
        }
    });
}

#[test]
fn a_sleep_carried_into_another_run_starts_anew_there() {
    each(|builder| {
        let carried = builder.clone().run(async {
            let mut sleep = sleep(millis(20));
            assert!(poll_once(&mut sleep).await.is_none());
            (sleep,)
        });
        // Elsewhere it has nobody to wait for, and says so.
        let (mut sleep,) = carried.unwrap();
        assert!(block_on(&mut sleep).is_err());
        builder.run(async move { sleep.await.unwrap() }).unwrap();
    });
}
