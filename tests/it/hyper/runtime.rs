//! The executor, the timer and the adapter by themselves.

use std::{
    cell::Cell,
    future::pending,
    io,
    panic::panic_any,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use ::hyper::rt::{Executor as _, Read, ReadBuf, Timer as _};
use futures_io::AsyncRead;
use futures_lite::{
    AsyncReadExt, AsyncWriteExt,
    future::{block_on, poll_fn, poll_once},
};
use vigie::{
    PromiseState, call,
    hyper::{Executor, Io, Timer},
    spawn, yield_now,
};

use super::{live_tasks, pair};
use crate::support::{Bomb, Gate, Log, MANY, each, eventually, on_drop, plain, soon, turns};

const LONG: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(5);

#[test]
fn what_is_executed_is_a_child() {
    let ran = plain().run(async {
        let (gate, steps) = (Gate::default(), Rc::new(Cell::new(0)));
        let (waits, counts) = (gate.clone(), steps.clone());
        let parent = spawn(async move {
            Executor.execute(async move {
                counts.set(1);
                waits.opened().await;
                counts.set(2);
            });
        });
        turns(5).await;
        assert_eq!((steps.get(), parent.state()), (1, PromiseState::Running));
        gate.open();
        parent.await.unwrap();
        assert_eq!(steps.get(), 2);
    });
    ran.unwrap();
}

#[test]
fn what_is_executed_is_cancelled_with_its_parent() {
    let ran = plain().run(async {
        let log = Log::default();
        let logs = log.clone();
        let parent = spawn(async move {
            for name in ["one", "other"] {
                let logs = logs.clone();
                let held = on_drop(move || logs.push(name));
                Executor.execute(async move {
                    let _held = held;
                    pending::<()>().await;
                });
            }
            pending::<()>().await;
        });
        turns(5).await;
        assert_eq!(live_tasks().await, 4);
        parent.cancel().await.unwrap();
        let mut gone = log.take();
        gone.sort_unstable();
        assert_eq!(gone, ["one", "other"]);
        assert_eq!(live_tasks().await, 1);
    });
    ran.unwrap();
}

#[test]
fn a_crowd_that_nobody_holds_is_cancelled_without_a_look_at_all_tasks() {
    let ran = plain().run(async {
        let begun = Rc::new(Cell::new(0));
        let begins = begun.clone();
        let parent = spawn(async move {
            for _ in 0..MANY / 2 {
                let begins = begins.clone();
                Executor.execute(async move {
                    Executor.execute(pending::<()>());
                    begins.set(begins.get() + 1);
                    pending::<()>().await;
                });
            }
            pending::<()>().await;
        });
        soon(async {
            while begun.get() < MANY / 2 {
                yield_now().await;
            }
        })
        .await;
        let start = Instant::now();
        parent.cancel().await.unwrap();
        assert!(start.elapsed() < Duration::from_secs(30), "quadratic, it takes minutes");
        assert_eq!(live_tasks().await, 1);
    });
    ran.unwrap();
}

#[test]
fn a_child_that_nobody_holds_fails_alone() {
    let ran = plain().run(async {
        let parent = spawn(async {
            Executor.execute(async { panic!("a panic that nobody hears of") });
            // Its output, or the payload of its panic, panics in its turn.
            Executor.execute(async { Bomb });
            Executor.execute(async { panic_any(Bomb) });
            turns(5).await;
            "well"
        });
        assert_eq!(parent.await.unwrap(), "well");
        assert_eq!(live_tasks().await, 1);
    });
    ran.unwrap();
}

#[test]
fn where_nothing_can_be_started_the_future_is_dropped() {
    let log = Log::default();
    let execute = |name: &'static str| {
        let logs = log.clone();
        let held = on_drop(move || logs.push(name));
        Executor.execute(async move {
            drop(held);
            unreachable!("it is never polled");
        });
    };
    execute("outside");
    let logs = log.clone();
    let ran = plain().run(async move {
        let logs = logs.clone();
        let task = spawn(async move {
            let _ends = on_drop(move || {
                let logs = logs.clone();
                let held = on_drop(move || logs.push("at its end"));
                Executor.execute(async move { drop(held) });
            });
            pending::<()>().await;
        });
        yield_now().await;
        task.cancel().await.unwrap();
    });
    ran.unwrap();
    assert_eq!(log.take(), ["outside", "at its end"]);
}

#[test]
fn a_sleep_goes_on_where_it_is_carried() {
    each(|builder| {
        let ran = builder.run(async {
            let start = Instant::now();
            let mut sleep = Timer.sleep(SHORT);
            assert_eq!(poll_once(sleep.as_mut()).await, None);
            let back = soon(call(move || async move {
                sleep.as_mut().await;
                assert!(start.elapsed() >= SHORT);
                // Unasked, it is as good as new there, too.
                Timer.reset(&mut sleep, Instant::now() + LONG);
                assert_eq!(poll_once(sleep.as_mut()).await, None);
                Some(sleep)
            }));
            let mut sleep = back.await.unwrap().unwrap();
            assert_eq!(poll_once(sleep.as_mut()).await, None, "an hour has not passed");
            let deadline = Instant::now() + SHORT;
            Timer.reset(&mut sleep, deadline);
            soon(sleep).await;
            assert!(Instant::now() >= deadline);
        });
        ran.unwrap();
    });
}

#[test]
fn a_sleep_outlives_its_run() {
    let left = plain().run(async {
        let mut sleep = Timer.sleep(SHORT);
        assert_eq!(poll_once(sleep.as_mut()).await, None);
        Some(sleep)
    });
    let mut sleep = left.unwrap().unwrap();
    // No timer is to be had here: it is over once its time has passed, and not before.
    while block_on(poll_once(sleep.as_mut())).is_none() {
        std::thread::yield_now();
    }
    let mut long = Timer.sleep(LONG);
    assert_eq!(block_on(poll_once(long.as_mut())), None);
    // The next run on this thread knows nothing of the one before.
    plain().run(async move { assert_eq!(poll_once(long.as_mut()).await, None) }).unwrap();
}

#[test]
fn events_of_ones_own_have_no_timer() {
    let ran = plain().events(|_| Ok(())).run(async {
        let mut sleep = Timer.sleep(SHORT);
        assert_eq!(poll_once(sleep.as_mut()).await, None);
        assert!(eventually(|| block_on(poll_once(sleep.as_mut())).is_some()));
    });
    ran.unwrap();
}

#[test]
fn the_adapter_carries_both_ways() {
    each(|builder| {
        let ran = builder.run(async {
            let (near, far) = pair().await;
            // To hyper's traits and back.
            let (mut near, mut far) = (Io::new(Io::new(near)), Io::new(Io::new(far)));
            let sent: Vec<u8> = (0..300_000_u32).map(|at| (at ^ (at >> 8)) as u8).collect();
            let expected = sent.clone();
            let writer = spawn(async move {
                near.write_all(&sent).await?;
                near.close().await
            });
            let mut received = Vec::new();
            soon(far.read_to_end(&mut received)).await.unwrap();
            assert!(received == expected);
            writer.await.unwrap().unwrap();
        });
        ran.unwrap();
    });
}

/// Says that it has read more than there was room for.
struct Boaster;

impl AsyncRead for Boaster {
    fn poll_read(self: Pin<&mut Self>, _cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len() + 1))
    }
}

#[test]
fn a_reader_that_boasts_is_an_error() {
    let mut memory = [0; 16];
    let mut buffer = ReadBuf::new(&mut memory);
    let read = block_on(poll_fn(|cx| Pin::new(&mut Io::new(Boaster)).poll_read(cx, buffer.unfilled())));
    assert!(read.is_err());
    assert!(buffer.filled().is_empty());
}
