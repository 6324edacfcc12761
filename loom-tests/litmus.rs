//! What the weak queue does *not* promise. Each model here asserts that a bad outcome was seen in
//! some execution: if a change to the stand-in in `src/sync/loom.rs` made it impossible, the models
//! of the protocols would prove less than they seem to.
//!
//! A bad outcome is recorded, not slept through: a deadlock would end the process.

use std::sync::Arc;

use loom::thread;

use super::{Count, check};
use crate::sync::{AtomicU32, Ordering, Queue};

const AWAKE: u32 = 0;
const ASLEEP: u32 = 1;
const NOTIFIED: u32 = 2;

/// A queue and a word beside it, without any protocol.
struct Pair {
    queue: Queue<usize>,
    word: AtomicU32,
}

impl Pair {
    fn new() -> Arc<Self> {
        Arc::new(Self { queue: Queue::new(), word: AtomicU32::new(AWAKE) })
    }
}

/// Runs `model` in all its executions and says in how many of them it returned true.
fn count(name: &str, model: impl Fn() -> bool + Send + Sync + 'static) -> usize {
    let seen = Count::default();
    let counter = seen.clone();
    check(name, None, move || {
        if model() {
            counter.add();
        }
    });
    seen.get()
}

/// The flag protocol: the owner says that it sleeps and looks at the queue once more; the producer
/// pushes and looks at the flag. Each may miss the other, since neither look is ordered after the
/// write before it, so the owner sleeps beside an item.
#[test]
fn litmus_flag_loses_wake() {
    let lost = count("litmus_flag_loses_wake", || {
        let pair = Pair::new();
        let producer = pair.clone();
        let producer = thread::spawn(move || {
            producer.queue.push(0);
            producer.word.load(Ordering::SeqCst) == ASLEEP
        });
        pair.word.store(ASLEEP, Ordering::SeqCst);
        let sleeps = pair.queue.is_empty();
        let wakes = producer.join().unwrap();
        sleeps && !wakes
    });
    assert_ne!(lost, 0, "the stand-in's `is_empty` has become a proof");
}

/// The same with a swap of the owner's and of the producer's, which orders everything: the loss
/// above is the flag's, not the model's.
#[test]
fn litmus_swap_keeps_wake() {
    let lost = count("litmus_swap_keeps_wake", || {
        let pair = Pair::new();
        let producer = pair.clone();
        let producer = thread::spawn(move || {
            producer.queue.push(0);
            producer.word.swap(NOTIFIED, Ordering::AcqRel) == ASLEEP
        });
        let sleeps = pair.word.swap(ASLEEP, Ordering::AcqRel) == AWAKE && pair.queue.is_empty();
        let wakes = producer.join().unwrap();
        sleeps && !wakes
    });
    assert_eq!(lost, 0);
}

/// A token that orders nothing arrives before the item that it stands for.
#[test]
fn litmus_relaxed_token_overtakes() {
    let lost = count("litmus_relaxed_token_overtakes", || {
        let pair = Pair::new();
        let producer = pair.clone();
        thread::spawn(move || {
            producer.queue.push(0);
            producer.word.swap(NOTIFIED, Ordering::Relaxed);
        });
        pair.word.swap(AWAKE, Ordering::Acquire) == NOTIFIED && pair.queue.pop().is_none()
    });
    assert_ne!(lost, 0, "the stand-in's `push` has become a barrier");
}

/// The wake before the push: the owner finds the token, and nothing behind it.
#[test]
fn litmus_wake_before_push() {
    let lost = count("litmus_wake_before_push", || {
        let pair = Pair::new();
        let producer = pair.clone();
        thread::spawn(move || {
            producer.word.swap(NOTIFIED, Ordering::AcqRel);
            producer.queue.push(0);
        });
        pair.word.swap(AWAKE, Ordering::AcqRel) == NOTIFIED && pair.queue.pop().is_none()
    });
    assert_ne!(lost, 0);
}

/// A producer that leaves the token alone because one is there: the owner may have taken that one
/// already, for the item before.
#[test]
fn litmus_skipped_token_loses_push() {
    let lost = count("litmus_skipped_token_loses_push", || {
        let pair = Pair::new();
        let producer = pair.clone();
        let producer = thread::spawn(move || {
            for item in 0..2 {
                producer.queue.push(item);
                if producer.word.load(Ordering::Acquire) != NOTIFIED {
                    producer.word.swap(NOTIFIED, Ordering::AcqRel);
                }
            }
        });
        let mut items = 0;
        if pair.word.swap(AWAKE, Ordering::AcqRel) == NOTIFIED {
            while pair.queue.pop().is_some() {
                items += 1;
            }
        }
        producer.join().unwrap();
        // What the owner would see before it sleeps.
        pair.word.swap(AWAKE, Ordering::AcqRel) == AWAKE && items < 2
    });
    assert_ne!(lost, 0);
}

/// Two pushes by two threads are in no order: the owner may find the later one's place still empty,
/// or the earlier's, which hides the later from it.
#[test]
fn litmus_push_hides_behind_push() {
    let hidden = count("litmus_push_hides_behind_push", || {
        let pair = Pair::new();
        let (one, two) = (pair.clone(), pair.clone());
        thread::spawn(move || one.queue.push(0));
        thread::spawn(move || {
            two.queue.push(1);
            two.word.swap(NOTIFIED, Ordering::Release);
        });
        pair.word.swap(AWAKE, Ordering::Acquire) == NOTIFIED && pair.queue.pop().is_none()
    });
    assert_ne!(hidden, 0, "the stand-in orders one push with another");
}
