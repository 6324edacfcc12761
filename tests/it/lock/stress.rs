//! Waiters come, are notified and are cancelled at the same time, on three domains.

use vigie::{Promise, call};

use super::condition::Room;
use crate::support::{each, rounds, soon, turns};

const WAITERS: usize = 7;

#[test]
fn no_notification_is_lost_though_waiters_are_cancelled_at_random() {
    each(|builder| {
        builder
            .run(async {
                let mut random = fastrand::Rng::with_seed(7);
                for _ in 0..rounds(300) {
                    round(&mut random).await;
                }
            })
            .unwrap();
    });
}

/// Some of those that wait are cancelled while others, fewer than the rest, are notified: each
/// notification must reach one that was not cancelled before it had the mutex again.
async fn round(random: &mut fastrand::Rng) {
    let room = Room::default();
    let mut waiters: Vec<_> = (0..WAITERS).map(|n| room.waiter(n % 3 == 0, n)).collect();
    room.wait_for(WAITERS).await;
    random.shuffle(&mut waiters);
    let (here, there) = (random.usize(1..3), random.usize(0..3));
    let mut doomed = waiters.split_off(random.usize(here + there..=WAITERS));

    // Where the mutex is held meanwhile, those that were notified lock it again when they are cancelled.
    let held = if random.bool() { Some(room.mutex.lock().await) } else { None };
    let notifier = notifier(&room, there, random.usize(0..20));
    let mut cancels = Vec::new();
    for _ in 0..here {
        room.changed.notify_one();
        turns(random.usize(0..10)).await;
        let count = random.usize(0..=doomed.len());
        cancels.extend(doomed.drain(..count).map(Promise::cancel));
        turns(random.usize(0..10)).await;
    }
    cancels.extend(doomed.drain(..).map(Promise::cancel));
    soon(notifier).await.unwrap();
    drop(held);
    for cancel in cancels {
        soon(cancel).await.unwrap();
    }

    room.woken(here + there).await;
    turns(20).await;
    assert_eq!(room.woken.len(), here + there, "as many as were notified");
    room.changed.notify_all();
    for waiter in waiters {
        soon(waiter).await.unwrap();
    }
    assert!(room.mutex.try_lock().is_some());
}

/// A task on another domain that notifies so many, a little later.
fn notifier(room: &Room, count: usize, turns_before: usize) -> Promise<()> {
    let changed = room.changed.clone();
    call(async move || {
        turns(turns_before).await;
        for _ in 0..count {
            changed.notify_one();
        }
    })
}
