//! The protocols on real threads, with the real queue: a few rounds here and under Miri, as many as
//! `VIGIE_ROUNDS` says where `ci/hardware.sh` runs them. The models of `loom-tests` look at every order of
//! few steps; these look at some orders of many, on the processor that there is.

#![allow(clippy::print_stderr, reason = "a test of many rounds says what it saw")]

use std::{
    env, thread,
    time::{Duration, Instant},
};

use super::{Inbox, Parker, Ready, Suspensions, WakeWord};
use crate::sync::{Arc, AtomicU32, AtomicU64, Ordering, Queue, Sleeper};

/// How often.
fn rounds() -> u64 {
    let few = if cfg!(miri) { 20 } else { 2_000 };
    env::var("VIGIE_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(few)
}

/// Parks, but not for ever: a wake-up that was lost is a failure and no hang.
fn park(parker: &Parker) {
    let patience = Duration::from_secs(60);
    let asleep = Instant::now();
    parker.park(Some(asleep + patience));
    assert!(asleep.elapsed() < patience, "a wake-up was lost");
}

/// Two that hand each other the turn, each waking the other: what one published before is there.
#[test]
fn parkers_to_and_fro() {
    struct Desk {
        parkers: [Parker; 2],
        // Published by relaxed stores: only the tokens order them.
        turn: AtomicU64,
        data: AtomicU64,
    }
    let rounds = rounds();
    let desk = Arc::new(Desk {
        parkers: [Parker::new(), Parker::new()],
        turn: AtomicU64::new(0),
        data: AtomicU64::new(0),
    });
    let play = |me: usize, desk: &Desk| {
        for round in 0..rounds {
            let mine = 2 * round + me as u64;
            // One token for each turn.
            if mine > 0 && !desk.parkers[me].take() {
                park(&desk.parkers[me]);
            }
            assert_eq!(desk.turn.load(Ordering::Relaxed), mine, "a token without its turn");
            assert_eq!(desk.data.load(Ordering::Relaxed), mine, "what the other did before its token");
            desk.data.store(mine + 1, Ordering::Relaxed);
            desk.turn.store(mine + 1, Ordering::Relaxed);
            desk.parkers[1 - me].notify();
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| play(0, &desk));
        play(1, &desk);
    });
}

/// Several that send to one that sleeps whenever it finds nothing: each item once, in each one's order.
#[test]
fn ready_from_several() {
    const SENDERS: u64 = 3;
    let rounds = rounds();
    let parker = Arc::new(Parker::new());
    let ready = Ready::new(parker.clone());
    thread::scope(|scope| {
        for sender in 0..SENDERS {
            let ready = &ready;
            scope.spawn(move || (0..rounds).for_each(|round| ready.send((sender, round))));
        }
        let mut next = [0; SENDERS as usize];
        while next.iter().sum::<u64>() < SENDERS * rounds {
            parker.take();
            let mut any = false;
            while let Some((sender, round)) = ready.pop() {
                any = true;
                assert_eq!(round, next[sender as usize], "lost, twice, or out of order");
                next[sender as usize] += 1;
            }
            if !any {
                park(&parker);
            }
        }
        assert!(ready.pop().is_none());
    });
}

/// Two that wake one task again and again: whatever was published before a wake, a run after it sees.
#[test]
fn inbox_wakes_of_two() {
    let rounds = rounds();
    let parker = Arc::new(Parker::new());
    let inbox = Inbox::new(parker.clone());
    let word = WakeWord::new();
    let data: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];
    thread::scope(|scope| {
        for data in &data {
            let (inbox, word) = (&inbox, &word);
            scope.spawn(move || {
                for round in 1..=rounds {
                    data.store(round, Ordering::Relaxed);
                    inbox.wake(word, ());
                }
            });
        }
        let mut runs = 0;
        while data.iter().any(|data| data.load(Ordering::Relaxed) < rounds) {
            parker.take();
            let mut any = false;
            while let Some(()) = inbox.next() {
                word.take();
                any = true;
                runs += 1;
            }
            // The run that the task has after its wake is the look above.
            if !any && data.iter().any(|data| data.load(Ordering::Relaxed) < rounds) {
                park(&parker);
            }
        }
        assert!(runs <= 2 * rounds, "more messages than wakes");
    });
}

/// Suspensions whose signals come from another thread, half of them given up meanwhile.
#[test]
fn suspensions_given_up() {
    let rounds = rounds();
    let parker = Arc::new(Parker::new());
    let signals = Ready::new(parker.clone());
    let orders = Ready::new(Arc::new(Parker::new()));
    let published = AtomicU64::new(0);
    let over = AtomicU32::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            while over.load(Ordering::Relaxed) == 0 {
                while let Some((round, key)) = orders.pop() {
                    published.store(round, Ordering::Relaxed);
                    signals.send(key);
                }
                thread::yield_now();
            }
        });
        let suspensions = Suspensions::new();
        for round in 1..=rounds {
            // Given up while its signal is under way, and followed by another in the same place.
            let late = suspensions.name();
            orders.push_all([(2 * round, late)]);
            assert!(suspensions.wait(late, 0).is_pending());
            assert!(suspensions.cancel(late));
            let key = suspensions.name();
            orders.push_all([(2 * round + 1, key)]);
            assert!(suspensions.wait(key, round).is_pending());
            let mut resumed = None;
            while resumed.is_none() {
                parker.take();
                while let Some(key) = signals.pop() {
                    resumed = resumed.or(suspensions.signal(key));
                }
                if resumed.is_none() {
                    park(&parker);
                }
            }
            assert_eq!(resumed, Some(round));
            assert!(published.load(Ordering::Relaxed) > 2 * round, "what was before its signal");
            assert!(suspensions.wait(key, 0).is_ready());
        }
        over.store(1, Ordering::Relaxed);
    });
}

/// What the protocols are for: an owner that says by a flag that it sleeps, and looks once more whether the
/// queue is empty, loses wake-ups. How many is the processor's affair, so this only tells.
#[test]
#[cfg_attr(miri, ignore = "it is broken on purpose")]
fn a_flag_in_place_of_a_token_loses_wakes() {
    let rounds = rounds();
    let (queue, sleeper) = (Queue::new(), Sleeper::new());
    let (asleep, seen) = (AtomicU32::new(0), AtomicU64::new(0));
    let mut lost = 0;
    thread::scope(|scope| {
        let (queue, sleeper, asleep, seen) = (&queue, &sleeper, &asleep, &seen);
        scope.spawn(move || {
            for round in 0..rounds {
                queue.push(round);
                // ORDERING: too little, on purpose. There is no fence here, and none in the queue, so that the
                // load may come before the push.
                if asleep.load(Ordering::Acquire) == 1 {
                    asleep.store(0, Ordering::Release);
                    sleeper.wake();
                }
                while seen.load(Ordering::Relaxed) <= round {
                    std::hint::spin_loop();
                }
            }
        });
        for round in 0..rounds {
            while queue.pop().is_none() {
                // ORDERING: as above: the look may come before the store.
                asleep.store(1, Ordering::Release);
                if queue.is_empty() {
                    let deadline = Instant::now() + Duration::from_millis(1);
                    sleeper.sleep_while(|| asleep.load(Ordering::Relaxed) == 1, Some(deadline));
                    // Nobody woke it, though there was something.
                    lost += u64::from(Instant::now() >= deadline && !queue.is_empty());
                }
                asleep.store(0, Ordering::Relaxed);
            }
            seen.store(round + 1, Ordering::Relaxed);
        }
    });
    eprintln!("a flag and a look: {lost} wake-ups lost in {rounds} rounds");
}
