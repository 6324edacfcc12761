//! When events are asked, when they are interrupted, and when a task should give way.

#![allow(clippy::disallowed_types, reason = "tests")]

use std::{
    cell::Cell,
    future::poll_fn,
    io,
    rc::Rc,
    sync::{Arc, Condvar, Mutex, mpsc},
    task::Poll,
    thread,
    time::Duration,
};

use vigie::{
    Builder, Domain, PromiseState, await_all, call, call_on,
    events::{self, Events, Interrupt, SignalSender, Signals, Uid},
    should_yield, spawn, yield_if_needed, yield_now,
};

use super::{Entry, Note, Select, domain, of_domain, probed, promptly, signals_are_read, suspended, tell};
use crate::support::{Gate, Log, Shared, each, until};

#[test]
fn select_is_called_after_each_quantum() {
    for quanta in [0, 1, 2, 5] {
        let (builder, log) = probed();
        let turns = 20;
        builder
            .quanta(quanta)
            .run(async move {
                let log = tell(|probe| probe.log.clone());
                let tasks = (0..10).map(|_| {
                    let log = log.clone();
                    spawn(async move {
                        for _ in 0..turns {
                            log.push(Note("slice"));
                            yield_now().await;
                        }
                    })
                });
                await_all(tasks).await.unwrap();
            })
            .unwrap();
        let log = of_domain(0, &log);
        // The first and the last quantum are shared with the main task.
        let slices = |entries: &[Entry]| entries.iter().filter(|entry| **entry == Note("slice")).count();
        let runs: Vec<_> =
            log.split(|entry| matches!(entry, Select { .. })).map(slices).filter(|run| *run > 0).collect();
        let quantum = quanta.max(1) as usize;
        assert_eq!(runs.iter().sum::<usize>(), 10 * turns);
        assert!(runs.iter().all(|run| *run <= quantum), "{quanta}: {runs:?}");
        let short = runs.iter().filter(|run| **run < quantum).count();
        // A task that gives way for the last time still takes a slice of its own to end.
        assert!(short <= 2 + 10, "{quanta}: {runs:?}");
    }
}

#[test]
fn select_may_block_only_where_nothing_can_run_and_is_called_before_each_park() {
    let (builder, log) = probed();
    builder
        .run(async {
            let log = tell(|probe| probe.log.clone());
            for _ in 0..3 {
                yield_now().await;
            }
            log.push(Note("asleep"));
            let there = call(|| async { signals_are_read().await });
            there.await.unwrap();
            log.push(Note("awake"));
            yield_now().await;
            log.push(Note("end"));
        })
        .unwrap();
    let log = of_domain(0, &log);
    let at = |note| log.iter().position(|entry| *entry == Note(note)).unwrap();
    let blocks = |entries: &[Entry]| -> Vec<bool> {
        let blocks = entries.iter().map(|entry| matches!(entry, Select { block: true, .. }));
        blocks.collect()
    };
    assert!(!blocks(&log[..at("asleep")]).contains(&true), "there was work all the time");
    let asleep = blocks(&log[at("asleep") + 1..at("awake")]);
    // What ended the wait may have come at any time, also before the park.
    assert!(!asleep.is_empty());
    assert!(!blocks(&log[at("awake")..at("end")]).contains(&true));
}

#[test]
fn a_task_woken_within_select_goes_before_the_others() {
    let (builder, _) = probed();
    builder
        .run(async {
            let log = Log::default();
            let (first, theirs) = (Rc::new(Cell::new(true)), log.clone());
            let woken = spawn(poll_fn(move |cx| {
                if first.replace(false) {
                    tell(|probe| probe.wakers.push(cx.waker().clone()));
                    return Poll::Pending;
                }
                theirs.push("woken");
                Poll::Ready(())
            }));
            let others = (0..3).map(|_| {
                let log = log.clone();
                spawn(async move { log.push("other") })
            });
            let others: Vec<_> = others.collect();
            woken.await.unwrap();
            await_all(others).await.unwrap();
            assert_eq!(log.take(), ["woken", "other", "other", "other"]);
        })
        .unwrap();
}

/// Blocks in `select` until interrupted, and counts.
struct Blocking {
    bell: Arc<Bell>,
}

#[derive(Default)]
struct Bell {
    state: Mutex<BellState>,
    changed: Condvar,
}

#[derive(Debug, Default, Clone, Copy)]
struct BellState {
    rung: bool,
    blocked: bool,
    blocks: usize,
    interrupts: usize,
}

impl Bell {
    fn state(&self) -> BellState {
        *self.state.lock().unwrap()
    }
}

impl Events for Blocking {
    fn select(&mut self, block: bool, _cancelled: &[Uid], _signals: &mut Signals) -> io::Result<()> {
        if block {
            let mut state = self.bell.state.lock().unwrap();
            state.blocks += 1;
            state.blocked = true;
            self.bell.changed.notify_all();
            let mut state = self.bell.changed.wait_while(state, |state| !state.rung).unwrap();
            state.rung = false;
            state.blocked = false;
        }
        Ok(())
    }

    fn interrupt(&self) -> Option<Interrupt> {
        let bell = self.bell.clone();
        Some(Box::new(move || {
            let mut state = bell.state.lock().unwrap();
            state.rung = true;
            state.interrupts += 1;
            bell.changed.notify_all();
        }))
    }
}

/// Three domains that block; the bell of each.
fn blocking() -> (Builder, Vec<Arc<Bell>>) {
    let bells: Vec<Arc<Bell>> = (0..3).map(|_| Arc::default()).collect();
    let theirs = bells.clone();
    let make = move |seat: events::Seat| Ok(Blocking { bell: theirs[seat.domain().index()].clone() });
    (Builder::new().extra_domains(2).events(make), bells)
}

/// Waits on a foreign thread until the domain blocks, then does something.
fn once_blocked(bell: &Arc<Bell>, then: impl FnOnce() + Send + 'static) -> thread::JoinHandle<()> {
    let bell = bell.clone();
    thread::spawn(move || {
        let state = bell.state.lock().unwrap();
        drop(bell.changed.wait_while(state, |state| !state.blocked).unwrap());
        then();
    })
}

#[test]
fn a_domain_that_blocks_is_interrupted_by_whatever_has_news() {
    promptly(interrupted_by_whatever_has_news);
}

fn interrupted_by_whatever_has_news() {
    let (builder, bells) = blocking();
    builder
        .run(async move {
            // A signal from a foreign thread, for a domain that blocks.
            for (index, bell) in bells.iter().enumerate() {
                let bell = bell.clone();
                let wait = move || async move {
                    for _ in 0..10 {
                        let syscall = events::syscall().unwrap();
                        let (uid, sender) = (syscall.uid(), events::signal_sender().unwrap());
                        let thread = once_blocked(&bell, move || sender.send(uid));
                        syscall.suspend(|_| Ok(())).await.unwrap();
                        thread.join().unwrap();
                    }
                };
                if index == 0 { wait().await } else { call_on(domain(index), wait).await.unwrap() }
            }
            // A call, its end, a waker, a cancellation.
            for (index, bell) in bells.iter().enumerate().skip(1) {
                let gate = Gate::default();
                let there = gate.clone();
                let task = call_on(domain(index), move || async move { there.opened().await });
                call_on(domain(index), || async {}).await.unwrap();
                once_blocked(bell, move || gate.open()).join().unwrap();
                task.await.unwrap();
                let endless = call_on(domain(index), || async { std::future::pending::<()>().await });
                endless.cancel().await.unwrap();
            }
            for bell in bells {
                let state = bell.state();
                assert!(state.interrupts <= state.blocks, "{state:?}");
            }
        })
        .unwrap();
}

#[test]
fn interrupts_merge_and_never_reach_a_domain_that_computes() {
    promptly(interrupts_merge);
}

fn interrupts_merge() {
    const MANY: usize = 100_000;
    let (builder, bells) = blocking();
    let ours = bells.clone();
    builder
        .run(async move {
            let address: Shared<Option<SignalSender>> = Shared::default();
            let (theirs, (enough, computing)) = (address.clone(), mpsc::channel::<()>());
            let task = call_on(domain(1), move || async move {
                *theirs.lock() = Some(events::signal_sender().unwrap());
                // One long slice.
                computing.recv().unwrap();
            });
            until(|| address.lock().is_some()).await;
            let sender = address.lock().clone().unwrap();
            let before = ours[1].state();
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    let sender = sender.clone();
                    thread::spawn(move || (0..MANY / 4).for_each(|_| assert!(!sender.wake())))
                })
                .collect();
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            assert_eq!(ours[1].state().interrupts, before.interrupts, "nobody blocks there");
            enough.send(()).unwrap();
            task.await.unwrap();
            // And as many while it goes to sleep again and again.
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    let sender = sender.clone();
                    thread::spawn(move || {
                        for _ in 0..MANY / 4 {
                            sender.wake();
                        }
                    })
                })
                .collect();
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            call_on(domain(1), || async {}).await.unwrap();
            let after = ours[1].state();
            assert!(after.interrupts <= after.blocks, "{after:?}");
        })
        .unwrap();
    // Nobody rings after the end, and if somebody does it is all the same.
    assert!(bells.iter().all(|bell| !bell.state().blocked));
}

#[test]
fn many_wakes_of_a_busy_domain_block_nobody() {
    const MANY: usize = 100_000;
    each(|builder| {
        builder
            .run(async {
                let address: Shared<Option<SignalSender>> = Shared::default();
                let (theirs, (enough, computing)) = (address.clone(), mpsc::channel::<()>());
                let task = call_on(domain(1), move || async move {
                    *theirs.lock() = Some(events::signal_sender().unwrap());
                    computing.recv().unwrap();
                });
                until(|| address.lock().is_some()).await;
                let sender = address.lock().clone().unwrap();
                for _ in 0..MANY {
                    sender.wake();
                }
                enough.send(()).unwrap();
                task.await.unwrap();
                call_on(domain(1), || async { vigie::time::sleep(Duration::ZERO).await })
                    .await
                    .unwrap()
                    .unwrap();
            })
            .unwrap();
    });
}

/// Asks often enough that the events are asked too.
fn asked_for_long() -> bool {
    (0..1000).any(|_| should_yield())
}

#[test]
fn should_yield_says_no_as_long_as_there_is_no_news() {
    assert!(!asked_for_long(), "outside of a run");
    let (builder, _) = probed();
    builder
        .run(async {
            let other = spawn(async {});
            let mut syscall = events::syscall().unwrap();
            assert!(poll_fn(|cx| Poll::Ready(syscall.poll_signalled(cx))).await.is_pending());
            assert!(!asked_for_long(), "a task that can run is no news");
            yield_now().await;
            assert!(!asked_for_long());
            other.await.unwrap();
        })
        .unwrap();
}

#[test]
fn should_yield_says_yes_to_a_signal_a_wake_a_call_and_to_its_events() {
    let (builder, _) = probed();
    builder
        .run(async {
            let sender = events::signal_sender().unwrap();
            let (uid, task) = suspended().await;
            assert!(!asked_for_long());
            let foreign = sender.clone();
            thread::spawn(move || foreign.send(uid)).join().unwrap();
            assert!(sender.is_notified());
            assert!(should_yield(), "a signal");
            yield_now().await;
            assert_eq!(task.state(), PromiseState::Returned);
            assert!(!asked_for_long(), "it was served");

            let gate = Gate::default();
            let waiting = gate.clone();
            let task = spawn(async move { waiting.opened().await });
            yield_now().await;
            thread::spawn(move || gate.open()).join().unwrap();
            assert!(should_yield(), "a waker");
            yield_now().await;
            task.await.unwrap();

            // Both messages of a call: its start there, its end here.
            let (told, heard) = mpsc::channel();
            let (begun, started) = mpsc::channel();
            let busy = call_on(domain(1), move || async move {
                begun.send(()).unwrap();
                heard.recv().unwrap();
                let said = should_yield();
                yield_now().await;
                said
            });
            until(|| started.try_recv().is_ok()).await;
            let end = call_on(domain(1), || async {});
            told.send(()).unwrap();
            assert!(busy.await.unwrap(), "a call waits there");
            end.await.unwrap();
            let end = call_on(domain(2), || async {});
            // Its end comes to this domain, which does nothing but look.
            while !should_yield() {
                thread::yield_now();
            }
            end.await.unwrap();

            assert!(!asked_for_long());
            tell(|probe| probe.busy = true);
            assert!(asked_for_long(), "the events have seen something");
        })
        .unwrap();
}

/// Asks so often; how often the answer was yes.
fn ask(times: u32) -> usize {
    (0..times).filter(|_| should_yield()).count()
}

#[test]
fn the_events_hear_of_the_64th_question_and_then_by_how_long_questions_take() {
    let (builder, _) = probed();
    builder
        .quanta(1000)
        .run(async {
            let heard = || tell(|probe| probe.asked.get());
            let (uid, task) = suspended().await;
            assert_eq!((ask(63), heard()), (0, 0));
            assert_eq!((ask(1 + 7), heard()), (0, 1));
            assert_eq!((ask(1), heard()), (0, 2), "nothing is known of how long they take");

            // However quick they are, not less than half as often.
            assert_eq!(ask(16), 0);
            assert!(heard() >= 3);
            assert_eq!(ask(32), 0);
            assert!(heard() >= 4);

            let slowly = |times| {
                (0..times).for_each(|_| {
                    thread::sleep(Duration::from_millis(1));
                    assert!(!should_yield());
                })
            };
            slowly(64);
            let before = heard();
            slowly(10);
            assert_eq!(heard(), before + 10, "each of them is more than 10 µs after the one before");

            let sender = events::signal_sender().unwrap();
            let other = spawn(async move { thread::spawn(move || sender.send(uid)).join().unwrap() });
            yield_now().await;
            assert_eq!(other.state(), PromiseState::Returned);
            assert_eq!((ask(100), heard()), (100, before + 10), "the news is known");
            while task.state() == PromiseState::Running {
                yield_now().await;
            }
            other.await.unwrap();
        })
        .unwrap();
}

#[test]
fn after_news_the_events_hear_of_the_8th_question() {
    let (builder, _) = probed();
    builder
        .quanta(1000)
        .run(async {
            let (uid, task) = suspended().await;
            events::signal_sender().unwrap().send(uid);
            while task.state() == PromiseState::Running {
                yield_now().await;
            }
            let heard = || tell(|probe| probe.asked.get());
            assert_eq!((ask(7), heard()), (0, 0));
            assert_eq!((ask(1), heard()), (0, 1));
        })
        .unwrap();
}

#[test]
fn events_with_nothing_to_look_for_hear_of_ever_fewer_questions_of_a_slice() {
    let (builder, _) = probed();
    builder
        .quanta(1000)
        .run(async {
            // Not by way of the events, which is a use of them.
            let asked = tell(|probe| {
                probe.told = true;
                probe.asked.clone()
            });
            for (times, questions) in [(0, 64), (1, 128), (2, 256), (3, 512), (4, 1024), (5, 1024)] {
                assert_eq!((ask(questions - 1), asked.get()), (0, times));
                assert_eq!((ask(1), asked.get()), (0, times + 1));
            }
            tell(|_probe| ());
            assert_eq!((ask(63), asked.get()), (0, 6));
            assert_eq!((ask(1), asked.get()), (0, 7), "what uses them may give them something to look for");

            assert_eq!((ask(128 + 256), asked.get()), (0, 9));
            let theirs = asked.clone();
            let next = spawn(async move { (ask(63), theirs.get(), ask(1), theirs.get()) });
            yield_now().await;
            assert_eq!(next.await.unwrap(), (0, 9, 0, 10), "another slice knows nothing of that");

            tell(|probe| probe.told = false);
            assert_eq!((ask(63), asked.get()), (0, 10));
            assert_eq!((ask(1 + 8), asked.get()), (0, 12), "now they have");
        })
        .unwrap();
}

#[test]
fn what_the_events_have_found_is_told_until_the_task_gives_way() {
    let (builder, _) = probed();
    builder
        .quanta(1000)
        .run(async {
            let find = |found| tell(|probe| probe.busy = found);
            find(true);
            assert_eq!(ask(63), 0);
            assert!(should_yield());
            find(false);
            assert_eq!(ask(100), 100, "nobody gave way");
            let next = spawn(async { should_yield() });
            yield_now().await;
            assert!(next.await.unwrap(), "nor was there a `select` before the next slice");
            while should_yield() {
                yield_now().await;
            }
            assert_eq!((ask(6), tell(|probe| probe.asked.get())), (0, 1), "now there was");
            assert_eq!((ask(1), tell(|probe| probe.asked.get())), (0, 2));
        })
        .unwrap();
}

#[test]
fn yield_if_needed_gives_way_only_to_news() {
    let (builder, _) = probed();
    builder
        .run(async {
            let ran = Rc::new(Cell::new(false));
            let theirs = ran.clone();
            let other = spawn(async move { theirs.set(true) });
            for _ in 0..1000 {
                yield_if_needed().await;
            }
            assert!(!ran.get(), "another task is no news");
            let (uid, task) = {
                let syscall = events::syscall().unwrap();
                let uid = syscall.uid();
                (uid, spawn(async move { syscall.suspend(|_| Ok(())).await }))
            };
            yield_now().await;
            assert!(ran.get());
            let sender = events::signal_sender().unwrap();
            thread::spawn(move || sender.send(uid)).join().unwrap();
            yield_if_needed().await;
            assert_eq!(task.state(), PromiseState::Returned);
            other.await.unwrap();
        })
        .unwrap();
}

#[test]
fn an_operation_that_succeeds_32_times_in_a_slice_gives_way() {
    let (builder, log) = probed();
    builder
        .run(async {
            let log = tell(|probe| probe.log.clone());
            for n in 0..100 {
                let at_once = poll_fn(|cx| events::charged(cx, |_| Poll::Ready(n))).await;
                assert_eq!(at_once, n);
                log.push(Note("operation"));
            }
        })
        .unwrap();
    let log = of_domain(0, &log);
    let slices = log.split(|entry| matches!(entry, Select { .. })).map(<[_]>::len);
    let slices: Vec<_> = slices.filter(|slice| *slice > 0).collect();
    assert_eq!(slices, [32, 32, 32, 4]);
    // Outside of a run nothing is charged.
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!((0..100).all(|_| events::charged(&mut cx, |_| Poll::Ready(())).is_ready()));
}

#[test]
fn an_idle_domain_is_not_asked_again_and_again() {
    let (builder, _) = probed();
    builder
        .run(async {
            let log = tell(|probe| probe.log.clone());
            let selects = |index| of_domain(index, &log).len();
            // Domain 2 has nothing to do while the other two are busy with each other.
            call_on(domain(2), || async {}).await.unwrap();
            until(|| matches!(of_domain(2, &log).last(), Some(Select { block: true, .. }))).await;
            let (before, busy) = (selects(2), selects(1));
            for _ in 0..1000 {
                call_on(domain(1), || async {}).await.unwrap();
            }
            // The one in which it waited for the first was begun before.
            assert!(selects(1) - busy >= 999);
            // The end of its own call may have been under way.
            assert!(selects(2) - before <= 4, "{}", selects(2) - before);
            assert_eq!(Domain::all().len(), 3);
        })
        .unwrap();
}
