//! The locks beside the mutex, and the cell as a computation, across domains.

use std::{future::pending, sync::Arc};

use vigie::{
    await_all, call,
    lock::{Barrier, OnceCell, RwLock, Semaphore},
};

use super::{start, waiting};
use crate::support::{Log, each, soon, until};

#[test]
fn a_cancelled_waiter_leaves_its_permit_to_the_next() {
    each(|builder| {
        builder
            .run(async {
                for woken in [false, true] {
                    let (semaphore, begun) = (Arc::new(Semaphore::new(1)), Log::default());
                    let guard = semaphore.acquire().await;
                    let mut tasks = Vec::new();
                    for n in 0..2 {
                        let (semaphore, begun_there) = (semaphore.clone(), begun.clone());
                        tasks.push(start(n == 0, async move || {
                            drop(waiting(semaphore.acquire(), || begun_there.push(n)).await);
                        }));
                        until(|| begun.len() == n + 1).await;
                    }
                    let (next, first) = (tasks.pop().unwrap(), tasks.pop().unwrap());
                    if woken {
                        drop(guard);
                        first.cancel().await.unwrap();
                    } else {
                        first.cancel().await.unwrap();
                        drop(guard);
                    }
                    soon(next).await.unwrap();
                    assert!(semaphore.try_acquire().is_some());
                }
            })
            .unwrap();
    });
}

#[test]
fn a_cancelled_writer_lets_those_that_read_go_on() {
    each(|builder| {
        builder
            .run(async {
                for woken in [false, true] {
                    let (lock, begun) = (Arc::new(RwLock::new(7)), Log::default());
                    let reads = lock.read().await;
                    let (theirs, begins) = (lock.clone(), begun.clone());
                    let writer = start(true, async move || {
                        *waiting(theirs.write(), || begins.push(())).await = 8;
                    });
                    until(|| begun.len() == 1).await;
                    let (theirs, begins) = (lock.clone(), begun.clone());
                    let reader = start(false, async move || {
                        // Behind the writer, who goes first.
                        *waiting(theirs.read(), || begins.push(())).await
                    });
                    until(|| begun.len() == 2).await;
                    if woken {
                        drop(reads);
                        writer.cancel().await.unwrap();
                        assert_eq!(soon(reader).await.unwrap(), 7);
                    } else {
                        writer.cancel().await.unwrap();
                        assert_eq!(soon(reader).await.unwrap(), 7);
                        drop(reads);
                    }
                    assert!(lock.try_write().is_some());
                }
            })
            .unwrap();
    });
}

#[test]
fn whoever_was_cancelled_at_a_barrier_has_arrived() {
    each(|builder| {
        builder
            .run(async {
                let (barrier, begun) = (Arc::new(Barrier::new(3)), Log::default());
                let arrive = |n: usize| {
                    let (barrier, begun) = (barrier.clone(), begun.clone());
                    start(n == 0, async move || waiting(barrier.wait(), || begun.push(())).await.is_leader())
                };
                let first = arrive(0);
                until(|| begun.len() == 1).await;
                first.cancel().await.unwrap();
                let second = arrive(1);
                until(|| begun.len() == 2).await;
                // Two that go on, of three.
                assert!(soon(barrier.wait()).await.is_leader());
                assert!(!soon(second).await.unwrap());
            })
            .unwrap();
    });
}

#[test]
fn a_cell_of_a_result_is_a_computation() {
    each(|builder| {
        builder
            .run(async {
                for result in [Ok(42), Err("on purpose")] {
                    let (cell, begun) = (Arc::new(OnceCell::new()), Log::default());
                    let tasks: Vec<_> = (0..6)
                        .map(|n| {
                            let (cell, begun) = (cell.clone(), begun.clone());
                            start(n % 3 == 0, async move || *waiting(cell.wait(), || begun.push(())).await)
                        })
                        .collect();
                    until(|| begun.len() == 6).await;
                    // One who is cancelled has computed nothing; the result comes from the next.
                    let theirs = cell.clone();
                    let cancelled = call(async move || *theirs.get_or_init(pending).await);
                    cancelled.cancel().await.unwrap();
                    assert!(cell.get().is_none());
                    let theirs = cell.clone();
                    call(async move || *theirs.get_or_init(async || result).await).await.unwrap().ok();
                    for seen in soon(await_all(tasks)).await.unwrap() {
                        assert_eq!(seen.unwrap(), result);
                    }
                    assert_eq!(cell.try_set(Ok(1)), Err(Ok(1)), "the first counts");
                }
            })
            .unwrap();
    });
}
