//! The condition: who is notified, and that no notification is lost.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Wake, Waker},
};

use futures_lite::future::{block_on, poll_once};
use vigie::{
    Promise, await_all,
    lock::{Condition, Mutex},
};

use super::start;
use crate::support::{Log, each, plain, rounds, soon, turns, until};

/// A mutex and its condition, and who waits for it and who has got it.
#[derive(Clone, Default)]
pub(super) struct Room {
    pub(super) mutex: Arc<Mutex<()>>,
    pub(super) changed: Arc<Condition>,
    pub(super) waiting: Log<usize>,
    pub(super) woken: Log<usize>,
}

impl Room {
    /// A task that waits to be notified once, on this domain or on another.
    pub(super) fn waiter(&self, here: bool, n: usize) -> Promise<()> {
        let room = self.clone();
        start(here, async move || {
            let guard = room.mutex.lock().await;
            room.waiting.push(n);
            let _guard = room.changed.wait(guard).await;
            room.woken.push(n);
        })
    }

    /// Returns once so many wait.
    pub(super) async fn wait_for(&self, count: usize) {
        soon(until(|| self.waiting.len() >= count)).await;
        // The last of them held the mutex until it waited.
        drop(self.mutex.lock().await);
    }

    /// Returns once so many have been woken.
    pub(super) async fn woken(&self, count: usize) {
        soon(until(|| self.woken.len() >= count)).await;
    }
}

#[test]
fn the_oldest_waiter_is_notified_first() {
    each(|builder| {
        builder
            .run(async {
                let room = Room::default();
                let mut tasks = Vec::new();
                for n in 0..9 {
                    tasks.push(room.waiter(n % 3 == 0, n));
                    room.wait_for(n + 1).await;
                }
                for n in 0..4 {
                    room.changed.notify_one();
                    room.woken(n + 1).await;
                }
                assert_eq!(room.woken.take(), [0, 1, 2, 3]);
                // Each goes to another, though none of them has run yet.
                for _ in 0..3 {
                    room.changed.notify_one();
                }
                room.woken(3).await;
                turns(100).await;
                let mut woken = room.woken.take();
                woken.sort_unstable();
                assert_eq!(woken, [4, 5, 6], "on three domains, in any order");
                room.changed.notify_one();
                room.changed.notify_one();
                for result in soon(await_all(tasks)).await.unwrap() {
                    result.unwrap();
                }
            })
            .unwrap();
    });
}

#[test]
fn all_that_wait_are_notified_and_none_that_comes_later() {
    each(|builder| {
        builder
            .run(async {
                for one_domain in [false, true] {
                    let room = Room::default();
                    let mut tasks = Vec::new();
                    for n in 0..12 {
                        tasks.push(room.waiter(one_domain || n % 3 == 0, n));
                        room.wait_for(n + 1).await;
                    }
                    room.changed.notify_all();
                    let late = room.waiter(true, 12);
                    room.wait_for(13).await;
                    for result in soon(await_all(tasks)).await.unwrap() {
                        result.unwrap();
                    }
                    turns(100).await;
                    let mut woken = room.woken.take();
                    if !one_domain {
                        // On the way to the mutex, they may have overtaken each other.
                        woken.sort_unstable();
                    }
                    assert_eq!(woken, (0..12).collect::<Vec<_>>());
                    late.cancel().await.unwrap();
                }
            })
            .unwrap();
    });
}

#[test]
fn to_notify_when_nobody_waits_does_nothing() {
    each(|builder| {
        builder
            .run(async {
                let room = Room::default();
                room.changed.notify_one();
                room.changed.notify_one();
                room.changed.notify_all();
                let tasks = [room.waiter(true, 0), room.waiter(false, 1)];
                room.wait_for(2).await;
                turns(100).await;
                assert_eq!(room.woken.len(), 0);
                room.changed.notify_all();
                for result in soon(await_all(tasks)).await.unwrap() {
                    result.unwrap();
                }
            })
            .unwrap();
    });
}

#[test]
fn a_waiter_dropped_at_any_time_loses_no_notification() {
    #[derive(Debug)]
    enum Dropped {
        BeforeItIsNotified,
        BeforeItRuns,
        WhileItLocksAgain,
    }

    each(|builder| {
        builder
            .run(async {
                for dropped in
                    [Dropped::BeforeItIsNotified, Dropped::BeforeItRuns, Dropped::WhileItLocksAgain]
                {
                    for here in [false, true] {
                        let room = Room::default();
                        let mut first = Box::pin(room.changed.wait(room.mutex.lock().await));
                        assert!(poll_once(&mut first).await.is_none());
                        let next = room.waiter(here, 1);
                        room.wait_for(1).await;
                        let after = room.waiter(!here, 2);
                        room.wait_for(2).await;
                        match dropped {
                            Dropped::BeforeItIsNotified => {
                                drop(first);
                                room.changed.notify_one();
                            }
                            Dropped::BeforeItRuns => {
                                room.changed.notify_one();
                                drop(first);
                            }
                            Dropped::WhileItLocksAgain => {
                                let _guard = room.mutex.lock().await;
                                room.changed.notify_one();
                                assert!(poll_once(&mut first).await.is_none());
                                drop(first);
                            }
                        }
                        room.woken(1).await;
                        turns(100).await;
                        assert_eq!(room.woken.take(), [1], "the next, and no other: {dropped:?}");
                        soon(next).await.unwrap();
                        after.cancel().await.unwrap();
                        assert!(room.mutex.try_lock().is_some());
                    }
                }
            })
            .unwrap();
    });
}

#[test]
fn a_wait_that_never_began_holds_the_mutex_and_no_place() {
    block_on(async {
        let (mutex, changed) = (Mutex::new(()), Condition::new());
        let wait = changed.wait(mutex.lock().await);
        assert!(mutex.try_lock().is_none());
        changed.notify_one();
        drop(wait);
        let mut next = pin!(changed.wait(mutex.try_lock().expect("released")));
        assert!(poll_once(next.as_mut()).await.is_none());
    });
}

#[test]
fn whoever_locks_the_mutex_next_finds_the_waiter_waiting() {
    /// Notifies at the very moment at which the mutex is released.
    struct Notifier(Arc<Condition>);

    impl Wake for Notifier {
        fn wake(self: Arc<Self>) {
            self.0.notify_one();
        }
    }

    block_on(async {
        let (mutex, changed) = (Mutex::new(()), Arc::new(Condition::new()));
        let guard = mutex.lock().await;
        let waker = Waker::from(Arc::new(Notifier(changed.clone())));
        let mut next = Box::pin(mutex.lock());
        assert!(next.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        let notified = poll_once(pin!(changed.wait(guard))).await;
        assert!(notified.is_some(), "the notification was missed");
    });
}

#[test]
fn three_domains_take_turns() {
    each(|builder| {
        builder
            .run(async {
                let turn = Arc::new((Mutex::new(0), Condition::new()));
                let players = (0..3).map(|me| {
                    let turn = turn.clone();
                    start(me == 0, async move || {
                        let (turn, changed) = &*turn;
                        for _ in 0..rounds(200) {
                            let mut turn =
                                changed.wait_while(turn.lock().await, |turn| *turn % 3 != me).await;
                            assert_eq!(*turn % 3, me);
                            *turn += 1;
                            changed.notify_all();
                        }
                    })
                });
                for result in soon(await_all(players)).await.unwrap() {
                    result.unwrap();
                }
                assert_eq!(*turn.0.lock().await, 3 * rounds(200));
            })
            .unwrap();
    });
}

#[test]
fn waiting_while_a_condition_holds_may_take_no_wait_at_all() {
    plain()
        .run(async {
            let (mutex, changed) = (Mutex::new(1), Condition::new());
            let wait = pin!(changed.wait_while(mutex.lock().await, |value| *value == 0));
            assert_eq!(poll_once(wait).await.as_deref(), Some(&1));
        })
        .unwrap();
}
