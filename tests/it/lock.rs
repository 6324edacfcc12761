//! Mutexes, cells and events, across domains.

mod condition;
mod others;
mod stress;

use std::{
    future::{Future, pending},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use futures_lite::future::{block_on, poll_once};
use vigie::{
    Promise, PromiseState, TaskError, await_all, call,
    lock::{Event, Mutex, OnceCell},
    spawn, yield_now,
};

use crate::support::{Gate, Log, each, plain, soon, turns, until};

/// Awaits `future`, and says when it waits.
async fn waiting<F: Future>(future: F, waits: impl FnOnce()) -> F::Output {
    let mut future = pin!(future);
    assert!(poll_once(future.as_mut()).await.is_none(), "it has to wait");
    waits();
    future.await
}

/// A task on this domain or on another.
pub(crate) fn start<C, F>(here: bool, body: C) -> Promise<F::Output>
where
    C: FnOnce() -> F + Send + 'static,
    F: Future + 'static,
    F::Output: Send + 'static,
{
    if here { spawn(async move { body().await }) } else { call(body) }
}

#[test]
fn a_mutex_goes_to_the_oldest_waiter() {
    each(|builder| {
        builder
            .run(async {
                let (mutex, begun) = (Arc::new(Mutex::new(Vec::new())), Log::default());
                let guard = mutex.lock().await;
                let mut tasks = Vec::new();
                for n in 0..12 {
                    let (mutex, begun_there) = (mutex.clone(), begun.clone());
                    tasks.push(start(n % 3 == 0, async move || {
                        let mut order = waiting(mutex.lock(), || begun_there.push(n)).await;
                        yield_now().await;
                        order.push(n);
                    }));
                    until(|| begun.len() == n + 1).await;
                }
                drop(guard);
                for task in soon(await_all(tasks)).await.unwrap() {
                    task.unwrap();
                }
                assert_eq!(*mutex.lock().await, (0..12).collect::<Vec<_>>());
            })
            .unwrap();
    });
}

#[test]
fn a_cancelled_waiter_passes_the_mutex_on() {
    each(|builder| {
        builder
            .run(async {
                for woken in [false, true] {
                    let (mutex, begun) = (Arc::new(Mutex::new(Vec::new())), Log::default());
                    let guard = mutex.lock().await;
                    let mut tasks = Vec::new();
                    for n in 0..2 {
                        let (mutex, begun_there) = (mutex.clone(), begun.clone());
                        tasks.push(start(n == 0, async move || {
                            waiting(mutex.lock(), || begun_there.push(n)).await.push(n);
                        }));
                        until(|| begun.len() == n + 1).await;
                    }
                    let (next, first) = (tasks.pop().unwrap(), tasks.pop().unwrap());
                    if woken {
                        // It is the first's turn, which it does not live to see.
                        drop(guard);
                        first.cancel().await.unwrap();
                    } else {
                        first.cancel().await.unwrap();
                        drop(guard);
                    }
                    soon(next).await.unwrap();
                    assert_eq!(*mutex.lock().await, [1]);
                }
            })
            .unwrap();
    });
}

#[test]
fn a_mutex_locked_without_waiting_is_locked() {
    each(|builder| {
        builder
            .run(async {
                let mutex = Arc::new(Mutex::new(0));
                let mut guard = mutex.try_lock().unwrap();
                assert!(mutex.try_lock().is_none());
                let there = mutex.clone();
                assert!(call(async move || there.try_lock().is_none()).await.unwrap());

                let begun = Gate::default();
                let (there, begun_there) = (mutex.clone(), begun.clone());
                let mut waiter = call(async move || *waiting(there.lock(), || begun_there.open()).await);
                begun.opened().await;
                turns(100).await;
                assert_eq!(waiter.state(), PromiseState::Running);
                *guard = 1;
                drop(guard);
                assert_eq!(soon(&mut waiter).await.unwrap(), 1);
                assert!(mutex.try_lock().is_some());
            })
            .unwrap();
    });
}

#[test]
fn a_waiter_that_came_too_late_for_half_a_millisecond_is_overtaken_no_more() {
    block_on(async {
        let mutex = Mutex::new(());
        let guard = mutex.lock().await;
        let mut waiter = pin!(mutex.lock());
        assert!(poll_once(waiter.as_mut()).await.is_none());
        thread::sleep(Duration::from_millis(1));
        drop(guard);
        // Woken, it has not had its turn yet.
        let newcomer = mutex.try_lock().expect("a newcomer may be faster");
        assert!(poll_once(waiter.as_mut()).await.is_none());
        drop(newcomer);
        assert!(mutex.try_lock().is_none(), "free, and promised");
        let late = poll_once(waiter.as_mut()).await;
        assert!(late.is_some());
        drop(late);
        assert!(mutex.try_lock().is_some());
    });
}

#[test]
fn a_panic_releases_the_mutex() {
    plain()
        .run(async {
            let mutex = Arc::new(Mutex::new(1));
            let there = mutex.clone();
            let task = call(async move || {
                let _guard = there.lock().await;
                panic!("on purpose");
            });
            assert!(matches!(task.await, Err::<(), _>(TaskError::Panicked(_))));
            assert_eq!(*soon(mutex.lock()).await, 1);
        })
        .unwrap();
}

#[test]
fn a_value_is_made_once_and_another_tries_when_its_maker_is_cancelled() {
    each(|builder| {
        builder
            .run(async {
                let (cell, tries) = (Arc::new(OnceCell::new()), Log::default());
                let maker = |name: &'static str, completes: bool| {
                    let (cell, tries) = (cell.clone(), tries.clone());
                    async move || {
                        let make = async || {
                            tries.push(name);
                            if !completes {
                                pending::<()>().await;
                            }
                            name
                        };
                        *cell.get_or_init(make).await
                    }
                };
                let first = call(maker("first", false));
                until(|| tries.len() == 1).await;
                let begun = Log::default();
                let others: Vec<_> = [("second", false), ("third", false), ("", true)]
                    .into_iter()
                    .map(|(name, here)| {
                        let (cell, begun) = (cell.clone(), begun.clone());
                        let make = maker(name, true);
                        // The last makes nothing, and waits for what the others make.
                        start(here, async move || {
                            let value =
                                async { if name.is_empty() { *cell.wait().await } else { make().await } };
                            waiting(value, || begun.push(())).await
                        })
                    })
                    .collect();
                until(|| begun.len() == 3).await;
                assert_eq!(tries.len(), 1, "they wait");
                first.cancel().await.unwrap();
                let values = soon(await_all(others)).await.unwrap();
                let tries = tries.take();
                assert_eq!(tries.len(), 2, "one of those that waited made it: {tries:?}");
                assert!(values.into_iter().all(|value| value.unwrap() == tries[1]));
                assert_eq!(cell.get(), Some(&tries[1]));
            })
            .unwrap();
    });
}

#[test]
fn a_cell_is_a_trigger() {
    each(|builder| {
        builder
            .run(async {
                let (trigger, begun) = (Arc::new(OnceCell::new()), Log::default());
                let tasks: Vec<_> = (0..6)
                    .map(|n| {
                        let (trigger, begun) = (trigger.clone(), begun.clone());
                        start(n % 3 == 0, async move || *waiting(trigger.wait(), || begun.push(())).await)
                    })
                    .collect();
                until(|| begun.len() == 6).await;
                let there = trigger.clone();
                call(async move || there.try_set("fired").unwrap()).await.unwrap();
                for result in soon(await_all(tasks)).await.unwrap() {
                    assert_eq!(result.unwrap(), "fired");
                }
                assert_eq!(*trigger.wait().await, "fired", "it stays so");
                assert_eq!(trigger.try_set("again"), Err("again"));
            })
            .unwrap();
    });
}

#[test]
fn an_event_wakes_those_that_listen_again_and_again() {
    const ROUNDS: usize = 20;

    each(|builder| {
        builder
            .run(async {
                let (event, asked) = (Arc::new(Event::new()), Log::default());
                let flags: Arc<[AtomicBool]> = (0..ROUNDS).map(|_| AtomicBool::new(false)).collect();
                let tasks: Vec<_> = (0..6)
                    .map(|n| {
                        let (event, flags, asked) = (event.clone(), flags.clone(), asked.clone());
                        start(n % 3 == 0, async move || {
                            for flag in &*flags {
                                // Listening first, it cannot miss what comes between the look and the wait.
                                let listener = event.listen();
                                asked.push(());
                                if !flag.load(Ordering::Relaxed) {
                                    listener.await;
                                }
                                assert!(flag.load(Ordering::Relaxed), "nobody rang");
                            }
                        })
                    })
                    .collect();
                for round in 0..ROUNDS {
                    soon(until(|| asked.len() == (round + 1) * 6)).await;
                    flags[round].store(true, Ordering::Relaxed);
                    event.notify(usize::MAX);
                }
                for result in soon(await_all(tasks)).await.unwrap() {
                    result.unwrap();
                }
            })
            .unwrap();
    });
}
