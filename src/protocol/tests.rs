//! The protocols on real threads, with the real queue: a few rounds here and under Miri, as many as
//! `VIGIE_ROUNDS` says where `ci/hardware.sh` runs them. The models of `loom-tests` look at every order of
//! few steps; these look at some orders of many, on the processor that there is.

#![allow(clippy::print_stderr, reason = "a test of many rounds says what it saw")]

use std::{
    env,
    panic::{self, AssertUnwindSafe},
    thread,
    time::{Duration, Instant},
};

use super::{Answer, Census, Inbox, Parker, Ready, Rest, Suspensions, Verdict, WakeWord};
#[cfg(feature = "system")]
use super::{Stopped, Watch, Watchman};
use crate::sync::{Arc, AtomicU32, AtomicU64, Ordering, Queue, Sleeper};
#[cfg(feature = "system")]
use crate::sync::{AtomicBool, Mutex};

/// How often.
pub(crate) fn rounds() -> u64 {
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

/// A batch that comes to an early end by a panic: what was pushed has its token.
#[test]
fn a_batch_that_panics_is_notified() {
    let parker = Arc::new(Parker::new());
    let ready = Ready::new(parker.clone());
    let items = (0..3).inspect(|item| assert!(*item < 2, "the batch's panic"));
    let sent = panic::catch_unwind(AssertUnwindSafe(|| ready.send_all(items)));
    assert!(sent.is_err() && parker.take(), "a parked owner would sleep beside the items");
    assert_eq!([ready.pop(), ready.pop(), ready.pop()], [Some(0), Some(1), None]);
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

/// What the watched poller is a window to: events, and a wish that whoever polls returns.
#[cfg(feature = "system")]
#[derive(Default)]
struct Kernel {
    events: Mutex<Vec<u64>>,
    woken: AtomicBool,
}

/// A domain and its observer over a kernel that makes events now one by one, now in bursts: each is delivered
/// once, and a domain that sleeps is woken for it.
#[cfg(feature = "system")]
#[test]
fn watch_hands_over() {
    struct Poller(Arc<Kernel>, Arc<Sleeper>);
    impl Poller {
        fn poll(&mut self) -> Vec<u64> {
            std::mem::take(&mut *self.0.events.lock())
        }
        fn wait(&mut self) -> Vec<u64> {
            let kernel = &self.0;
            // ORDERING: acquire pairs with the release of who woke.
            let silent = || kernel.events.lock().is_empty() && !kernel.woken.load(Ordering::Acquire);
            self.1.sleep_while(silent, None);
            self.poll()
        }
    }
    struct Keeper<'a>(&'a Ready<u64>, u32);
    impl Watchman<Poller> for Keeper<'_> {
        fn harvest(&mut self, poller: &mut Poller) -> Result<bool, Stopped> {
            Ok(self.0.push_all(poller.wait()))
        }
        fn stands_down(&mut self) -> bool {
            self.1 += 1;
            self.1.is_multiple_of(3)
        }
    }
    let rounds = rounds();
    let (kernel, sleeper) = (Arc::new(Kernel::default()), Arc::new(Sleeper::new()));
    let parker = Arc::new(Parker::new());
    let ready = Ready::new(parker.clone());
    let watch = Watch::new(Poller(kernel.clone(), sleeper.clone()), parker.clone());
    let delivered = AtomicU64::new(0);
    thread::scope(|scope| {
        scope.spawn(|| watch.observe(&mut Keeper(&ready, 0)));
        scope.spawn(|| {
            for event in 0..rounds {
                kernel.events.lock().push(event);
                sleeper.wake();
                // One by one for a while, then in bursts.
                while event % 128 < 64 && delivered.load(Ordering::Relaxed) <= event {
                    thread::yield_now();
                }
            }
        });
        let mut seen = vec![false; rounds as usize];
        let mut deliver = |event: u64| {
            assert!(!std::mem::replace(&mut seen[event as usize], true), "delivered twice");
            delivered.fetch_add(1, Ordering::Relaxed);
        };
        let done = || delivered.load(Ordering::Relaxed) == rounds;
        let mut ticks = 0_u64;
        while !done() {
            if parker.take() {
                ready.drain(usize::MAX, &mut deliver);
            }
            ticks += 1;
            if ticks.is_multiple_of(8) {
                // D5.
                watch.recall();
            }
            let polled = watch.harvest(Poller::poll).unwrap_or_default();
            if !polled.is_empty() {
                polled.into_iter().for_each(&mut deliver);
            } else if !done() {
                watch.recall();
                park(&parker);
                ready.drain(usize::MAX, &mut deliver);
            }
        }
        watch.stop();
        // ORDERING: release pairs with the acquire in `wait`.
        kernel.woken.store(true, Ordering::Release);
        sleeper.wake();
    });
    assert!(ready.pop().is_none(), "delivered twice");
}

/// Two domains that send each other work in bursts, and rest in between: no run is given up while there is
/// work, and each that is out of work is.
#[test]
fn rest_is_found() {
    enum Letter {
        Work(u64),
        Ask(Arc<Census<()>>),
        End,
    }
    struct Shared {
        parker: Arc<Parker>,
        inbox: Inbox<Letter>,
    }
    const WORK: u64 = 8;
    let runs = rounds() / 8;
    for _ in 0..runs {
        let domains = [(); 2].map(|()| {
            let parker = Arc::new(Parker::new());
            Shared { inbox: Inbox::new(parker.clone()), parker }
        });
        let (rest, done) = (Rest::new(2), AtomicU64::new(0));
        let ask_all =
            |census: &Arc<Census<()>>| domains.iter().for_each(|d| d.inbox.post(Letter::Ask(census.clone())));
        let live = |index: usize| {
            let own = &domains[index];
            let mut count = 0;
            loop {
                own.parker.take();
                let mut asked = Vec::new();
                let mut over = false;
                own.inbox.drain(usize::MAX, |letter| match letter {
                    Letter::Work(more) => {
                        count += 1;
                        done.fetch_add(1, Ordering::Relaxed);
                        if more > 1 {
                            domains[1 - index].inbox.post(Letter::Work(more - 1));
                        }
                    }
                    Letter::Ask(census) => asked.push(census),
                    Letter::End => over = true,
                });
                if over {
                    return;
                }
                for census in asked {
                    match census.answer(index, Answer { at_rest: true, count, report: () }) {
                        None => {}
                        Some(Verdict::Alive) => rest.give_up(),
                        Some(Verdict::Again(second)) => ask_all(&second),
                        Some(Verdict::Dead(_)) => {
                            assert_eq!(done.load(Ordering::Relaxed), WORK, "given up with work to do");
                            domains.iter().for_each(|domain| domain.inbox.post(Letter::End));
                        }
                    }
                }
                if rest.enter() && !domains.iter().any(|domain| domain.parker.is_notified()) && rest.begin() {
                    ask_all(&Census::new(2));
                }
                park(&own.parker);
                rest.leave();
            }
        };
        domains[1].inbox.post(Letter::Work(WORK));
        thread::scope(|scope| {
            scope.spawn(|| live(1));
            live(0);
        });
    }
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

/// The same for a sender that notifies before it pushes. The owner looks again after a millisecond.
#[test]
#[cfg_attr(miri, ignore = "it is broken on purpose")]
fn a_token_before_its_item_loses_wakes() {
    let rounds = rounds();
    let (queue, parker, seen) = (Queue::new(), Parker::new(), AtomicU64::new(0));
    let mut lost = 0;
    thread::scope(|scope| {
        let (queue, parker, seen) = (&queue, &parker, &seen);
        scope.spawn(move || {
            for round in 0..rounds {
                parker.notify();
                queue.push(round);
                while seen.load(Ordering::Relaxed) <= round {
                    std::hint::spin_loop();
                }
            }
        });
        for round in 0..rounds {
            while queue.pop().is_none() {
                let deadline = Instant::now() + Duration::from_millis(1);
                parker.park(Some(deadline));
                // Nobody woke it, though there was something.
                lost += u64::from(Instant::now() >= deadline && !queue.is_empty());
            }
            seen.store(round + 1, Ordering::Relaxed);
        }
    });
    eprintln!("a token before its item: {lost} wake-ups lost in {rounds} rounds");
}
