//! Rest: a run in which nothing can happen any more is given up, and no other.

use std::cell::RefCell;

use loom::thread;

use super::{Count, check};
use crate::{
    protocol::{Answer, Census, Inbox, Outsiders, Parker, Rest, Verdict},
    sync::{Arc, AtomicU32, Ordering},
};

enum Letter {
    /// A piece of work, which brings so many more, one after the other, to and fro.
    Work(usize),
    /// A piece of work that has a thread bring another.
    Hire,
    /// A piece of work that lends a waker to a thread, which brings another by it, and drops it.
    Lend,
    Ask(Arc<Census<()>>),
    End,
}

/// What others see of a domain.
struct Shared {
    parker: Arc<Parker>,
    inbox: Inbox<Letter>,
    outsiders: Outsiders,
    /// The wakers that are kept outside, as their `Arc` counts them.
    lent: AtomicU32,
}

impl Shared {
    fn new() -> Self {
        let parker = Arc::new(Parker::new());
        Self {
            inbox: Inbox::new(parker.clone()),
            parker,
            outsiders: Outsiders::new(),
            lent: AtomicU32::new(0),
        }
    }
}

impl Shared {
    /// Relaxed, as the count of an `Arc` is read.
    fn has_lent(&self) -> bool {
        self.lent.load(Ordering::Relaxed) > 0
    }
}

/// One run.
#[derive(Clone)]
struct Run {
    domains: std::sync::Arc<[Shared]>,
    rest: std::sync::Arc<Rest>,
    /// The pieces of work that were done, and that there are to do.
    done: Count,
    work: usize,
}

impl Run {
    fn new(domains: usize, work: usize) -> Self {
        Self {
            domains: (0..domains).map(|_| Shared::new()).collect(),
            rest: std::sync::Arc::new(Rest::new(domains)),
            done: Count::default(),
            work,
        }
    }

    fn ask_all(&self, census: &Arc<Census<()>>) {
        for domain in self.domains.iter() {
            domain.inbox.post(Letter::Ask(census.clone()));
        }
    }

    /// The life of a domain, which stands for the tick: it ends when the run was given up.
    fn live(&self, index: usize) {
        let own = &self.domains[index];
        let mut count = 0;
        loop {
            own.parker.take();
            let asks = RefCell::new(Vec::new());
            while let Some(letter) = own.inbox.next() {
                match letter {
                    Letter::Work(0) => {}
                    Letter::Work(more) => {
                        self.domains[(index + 1) % self.domains.len()].inbox.post(Letter::Work(more - 1))
                    }
                    Letter::Hire => self.hire(index),
                    Letter::Lend => self.lend(index),
                    Letter::Ask(census) => {
                        asks.borrow_mut().push(census);
                        continue;
                    }
                    Letter::End => return,
                }
                self.done.add();
                count += 1;
            }
            for census in asks.take() {
                self.answer(index, &census, count);
            }
            // The caller's part: no rest where news may come.
            let mut rests = !own.outsiders.any();
            if rests && self.rest.enter() && !self.domains.iter().any(|domain| domain.parker.is_notified()) {
                if own.has_lent() {
                    self.rest.leave();
                    rests = false;
                } else if self.rest.begin() {
                    self.ask_all(&Census::new(self.domains.len()));
                }
            }
            own.parker.park(None);
            if rests {
                self.rest.leave();
            }
        }
    }

    fn hire(&self, index: usize) {
        self.domains[index].outsiders.enter();
        let run = self.clone();
        thread::spawn(move || {
            run.domains[index].inbox.post(Letter::Work(0));
            if run.domains[index].outsiders.leave() {
                run.domains[index].parker.notify();
            }
        });
    }

    fn lend(&self, index: usize) {
        self.domains[index].lent.fetch_add(1, Ordering::Relaxed);
        let run = self.clone();
        thread::spawn(move || {
            run.domains[index].inbox.post(Letter::Work(0));
            // ORDERING: as the drop of an `Arc`.
            run.domains[index].lent.fetch_sub(1, Ordering::Release);
            // Something else wakes the domain after that.
            run.domains[index].parker.notify();
        });
    }

    fn answer(&self, index: usize, census: &Census<()>, count: u64) {
        let own = &self.domains[index];
        let at_rest = !own.outsiders.any() && !own.has_lent();
        match census.answer(index, Answer { at_rest, count, report: () }) {
            None => {}
            Some(Verdict::Alive) => self.rest.give_up(),
            Some(Verdict::Again(second)) => self.ask_all(&second),
            Some(Verdict::Dead(_)) => {
                assert_eq!(self.done.get(), self.work, "given up with work to do");
                for domain in self.domains.iter() {
                    domain.inbox.post(Letter::End);
                }
            }
        }
    }
}

/// I20 and I21: two domains that send each other work, so many pieces in all. That the model ends at all
/// shows that the run is given up.
fn send_to_and_fro(name: &str, bound: usize, work: usize) {
    check(name, bound, move || {
        let run = Run::new(2, work);
        if work > 0 {
            run.domains[1].inbox.post(Letter::Work(work - 1));
        }
        let there = run.clone();
        let other = thread::spawn(move || there.live(1));
        run.live(0);
        other.join().unwrap();
    });
}

#[test]
fn rest_nothing_to_do() {
    send_to_and_fro("rest_nothing_to_do", 3, 0);
}

#[test]
fn rest_to_and_fro() {
    send_to_and_fro("rest_to_and_fro", 2, 4);
}

/// I20 and I21 with an outsider: a piece of work of one domain starts a thread, which brings another, and
/// leaves.
#[test]
fn rest_outsider() {
    check("rest_outsider", 2, || {
        let run = Run::new(2, 2);
        let there = run.clone();
        let other = thread::spawn(move || there.live(1));
        run.domains[1].inbox.post(Letter::Hire);
        run.live(0);
        other.join().unwrap();
    });
}

/// I20 and I21 with a waker that is kept outside, used, and dropped.
#[test]
fn rest_waker() {
    check("rest_waker", 2, || {
        let run = Run::new(2, 2);
        let there = run.clone();
        let other = thread::spawn(move || there.live(1));
        run.domains[1].inbox.post(Letter::Lend);
        run.live(0);
        other.join().unwrap();
    });
}

/// I20 and I21 for a run of one domain, with an outsider.
#[test]
fn rest_alone() {
    check("rest_alone", None, || {
        let run = Run::new(1, 2);
        run.domains[0].inbox.post(Letter::Hire);
        run.live(0);
    });
}
