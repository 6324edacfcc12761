//! The dining philosophers: a mutex is a fork, and each takes the one with the lower number first, so
//! that no circle of them can wait for each other.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use vigie::{await_all, lock::Mutex, yield_now};

use crate::{
    lock::start,
    support::{each, rounds, soon},
};

#[derive(Default)]
struct Fork {
    /// How often it was eaten with; a fork is used by whoever has locked it.
    used: Mutex<usize>,
    /// The same again, without the mutex's help.
    in_use: AtomicBool,
}

impl Fork {
    fn take(&self) {
        assert!(!self.in_use.swap(true, Ordering::Relaxed), "a fork in two hands");
    }

    fn put_back(&self) {
        assert!(self.in_use.swap(false, Ordering::Relaxed), "a fork in no hand");
    }
}

struct Table {
    forks: Vec<Fork>,
    meals: usize,
}

impl Table {
    /// Sits down, eats all meals, and says how many it were.
    async fn dine(&self, seat: usize) -> usize {
        let (left, right) = (seat, (seat + 1) % self.forks.len());
        let (lower, higher) = (&self.forks[left.min(right)], &self.forks[left.max(right)]);
        let mut eaten = 0;
        while eaten < self.meals {
            let mut first = lower.used.lock().await;
            lower.take();
            // The neighbours come meanwhile.
            yield_now().await;
            let mut second = higher.used.lock().await;
            higher.take();
            yield_now().await;
            *first += 1;
            *second += 1;
            eaten += 1;
            lower.put_back();
            higher.put_back();
        }
        eaten
    }
}

/// All sit down at one table, on domain 0 or dealt out to all domains.
fn dinner(philosophers: usize, meals: usize, several_domains: bool) {
    each(|builder| {
        builder
            .run(async move {
                let forks = (0..philosophers).map(|_| Fork::default()).collect();
                let table = Arc::new(Table { forks, meals });
                let diners = (0..philosophers).map(|seat| {
                    let table = table.clone();
                    let here = !several_domains || seat % 3 == 0;
                    start(here, async move || table.dine(seat).await)
                });
                for eaten in soon(await_all(diners)).await.unwrap() {
                    assert_eq!(eaten.unwrap(), meals);
                }
                for fork in &table.forks {
                    assert_eq!(*fork.used.try_lock().expect("put back"), 2 * meals);
                    assert!(!fork.in_use.load(Ordering::Relaxed));
                }
            })
            .unwrap();
    });
}

#[test]
fn five_philosophers_dine_on_one_domain() {
    dinner(5, rounds(1000), false);
}

#[test]
fn five_philosophers_dine_on_several_domains() {
    dinner(5, rounds(500), true);
}

#[test]
fn a_hundred_philosophers_dine_on_one_domain() {
    dinner(100, rounds(50), false);
}

#[test]
fn a_hundred_philosophers_dine_on_several_domains() {
    dinner(100, rounds(50), true);
}
