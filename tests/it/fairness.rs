//! Whose turn it is: tasks among each other, tasks and events, a domain and its mail.

use std::{
    cell::Cell,
    future::{Future, pending, poll_fn},
    io::{self, Read, Write},
    pin::pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::{Duration, Instant},
};

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use vigie::{
    Builder, call,
    events::{self, Events, SignalSender, Signals, Uid, charged},
    net::{TcpListener, TcpStream},
    should_yield, spawn, yield_if_needed, yield_now,
};

use crate::support::{Log, Shared, each, on_drop, plain, ticker};

#[test]
fn tasks_that_give_way_take_turns() {
    plain()
        .run(async {
            let log = Log::default();
            let tasks = (0..3).map(|task| {
                let log = log.clone();
                spawn(async move {
                    for _ in 0..10 {
                        log.push(task);
                        yield_now().await;
                    }
                })
            });
            vigie::await_all(tasks).await.unwrap();
            assert_eq!(log.take(), [0, 1, 2].repeat(10));
        })
        .unwrap();
}

#[test]
fn giving_way_within_an_executor_of_its_own_wakes_that() {
    struct Count(AtomicUsize);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    plain()
        .run(async {
            let count = Arc::new(Count(AtomicUsize::new(0)));
            let mut yielding = pin!(yield_now());
            let waker = Waker::from(count.clone());
            assert!(yielding.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            assert_eq!(count.0.load(Ordering::Relaxed), 1);
            assert!(yielding.as_mut().poll(&mut Context::from_waker(&waker)).is_ready());
            assert_eq!(count.0.load(Ordering::Relaxed), 1);
        })
        .unwrap();
}

/// Gives way as it is dropped, in the name of the task that it was polled by.
struct GivesWay(Option<Waker>);

impl GivesWay {
    fn keep(&mut self, waker: &Waker) {
        self.0 = Some(waker.clone());
    }
}

impl Drop for GivesWay {
    fn drop(&mut self) {
        let waker = self.0.take().unwrap();
        assert!(pin!(yield_now()).poll(&mut Context::from_waker(&waker)).is_pending());
    }
}

#[test]
fn a_destructor_that_gives_way_wakes_no_other_task() {
    plain()
        .run(async {
            let mut last_word = GivesWay(None);
            let victim = spawn(poll_fn(move |cx| {
                last_word.keep(cx.waker());
                Poll::<()>::Pending
            }));
            yield_now().await;
            let ended = victim.cancel();
            let (mut polls, done) = (0, Rc::new(Cell::new(false)));
            let mut helper = None;
            poll_fn(|cx| {
                polls += 1;
                if polls == 1 {
                    // Once more, after the destructor has run, and then not before the helper says so.
                    let (waker, done) = (cx.waker().clone(), done.clone());
                    waker.wake_by_ref();
                    helper = Some(spawn(async move {
                        for _ in 0..10 {
                            yield_now().await;
                        }
                        done.set(true);
                        waker.wake();
                    }));
                }
                if done.get() { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            assert_eq!(polls, 3);
            ended.await.unwrap();
            helper.unwrap().await.unwrap();
        })
        .unwrap();
}

#[test]
fn giving_way_lets_all_ready_tasks_run_once() {
    plain()
        .run(async {
            let tickers: Vec<_> = (0..10).map(|_| ticker()).collect();
            for turn in 1..10 {
                yield_now().await;
                assert!(tickers.iter().all(|(ticks, _)| ticks.get() == turn));
            }
        })
        .unwrap();
}

/// Suspends until somebody signals it, again and again; counts.
async fn signalled_forever(rounds: Rc<Cell<usize>>) {
    let sender = events::signal_sender().unwrap();
    loop {
        let syscall = events::syscall().unwrap();
        // From the queue of other threads, as the observer's news would.
        syscall
            .suspend(|uid| {
                sender.send(uid);
                Ok(())
            })
            .await
            .unwrap();
        rounds.set(rounds.get() + 1);
    }
}

#[test]
fn neither_events_nor_tasks_starve_the_others() {
    each(|builder| {
        builder
            .run(async {
                let rounds = Rc::new(Cell::new(0));
                let signalled = spawn(signalled_forever(rounds.clone()));
                let (ticks, ticking) = ticker();
                // All are always ready. Five signals to each quantum, which goes to this task and the ticker
                // by turns.
                while ticks.get() < 1000 && rounds.get() < 1000 {
                    yield_now().await;
                }
                let (ticks, rounds) = (ticks.get(), rounds.get());
                assert!(ticks >= 72, "events starve tasks: {ticks} turns in {rounds} signals");
                assert!(rounds >= 300, "tasks starve events: {rounds} signals in {ticks} turns");
                signalled.cancel().await.unwrap();
                ticking.cancel().await.unwrap();
            })
            .unwrap();
    });
}

/// Which kind of task each slice was of, in order, with so many of each kind always ready.
fn slices(builder: vigie::Builder, signalled: usize, ordinary: usize) -> Vec<&'static str> {
    builder
        .run(async move {
            let log = Rc::new(std::cell::RefCell::new(Vec::new()));
            let mut tasks = vigie::TaskSet::new();
            for _ in 0..signalled {
                let log = log.clone();
                tasks.spawn(async move {
                    // It begins as any other task.
                    log.borrow_mut().push("ordinary");
                    let sender = events::signal_sender().unwrap();
                    loop {
                        let syscall = events::syscall().unwrap();
                        let signal = |uid| {
                            sender.send(uid);
                            Ok(())
                        };
                        syscall.suspend(signal).await.unwrap();
                        log.borrow_mut().push("signalled");
                    }
                });
            }
            for _ in 0..ordinary {
                let log = log.clone();
                tasks.spawn(async move {
                    loop {
                        log.borrow_mut().push("ordinary");
                        yield_now().await;
                    }
                });
            }
            while log.borrow().len() < 60_000 {
                yield_now().await;
                log.borrow_mut().push("ordinary");
            }
            tasks.cancel_all().await.unwrap();
            log.take()
        })
        .unwrap()
}

/// The longest stretch of one kind.
fn longest(slices: &[&str], kind: &str) -> usize {
    slices.split(|slice| *slice != kind).map(<[_]>::len).max().unwrap()
}

#[test]
#[cfg_attr(miri, ignore = "many slices, and slow")]
fn a_flood_of_events_leaves_a_quantum_after_each_64_and_no_task_stays_out() {
    for quanta in [1, 5] {
        each(|builder| {
            // Far more of both than fit in a round.
            let slices = slices(builder.quanta(quanta), 300, 300);
            assert_eq!(longest(&slices, "signalled"), 64);
            // After the first, which begin before there is any signal.
            assert_eq!(longest(&slices[1000..], "ordinary"), quanta as usize);
        });
    }
}

#[test]
#[cfg_attr(miri, ignore = "many slices, and slow")]
fn an_event_alone_waits_for_one_quantum_of_a_crowd() {
    for quanta in [1, 5] {
        each(|builder| {
            let slices = slices(builder.quanta(quanta), 1, 300);
            assert_eq!(longest(&slices[1000..], "ordinary"), quanta as usize);
        });
    }
}

#[test]
#[cfg_attr(miri, ignore = "many slices, and slow")]
fn events_that_come_while_tasks_run_go_first_but_not_for_ever() {
    each(|builder| {
        // Each signal is sent in the slice that the one before it woke.
        let slices = slices(builder, 1, 300);
        let stretches = slices[1000..].split(|slice| *slice == "ordinary").map(<[_]>::len);
        let lengths: std::collections::BTreeSet<_> = stretches.collect();
        assert_eq!(longest(&slices[1000..], "signalled"), 5, "{lengths:?}");
    });
}

/// A sleep that is over soon, and not at once.
const NAP: Duration = Duration::from_micros(1);

#[test]
fn neither_timers_nor_tasks_starve_the_others() {
    each(|builder| {
        builder
            .run(async {
                let slept = Rc::new(Cell::new(0));
                let own = slept.clone();
                let sleeping = spawn(async move {
                    loop {
                        vigie::time::sleep(NAP).await.unwrap();
                        own.set(own.get() + 1);
                    }
                });
                let (ticks, ticking) = ticker();
                while ticks.get() < 1000 && slept.get() < 1000 {
                    // Of the tasks that are always ready this one sees to it that the timer is, too.
                    let start = Instant::now();
                    while start.elapsed() <= NAP {}
                    yield_now().await;
                }
                let (ticks, slept) = (ticks.get(), slept.get());
                assert!(ticks >= 72 && slept >= 300, "{ticks} turns, {slept} sleeps");
                sleeping.cancel().await.unwrap();
                ticking.cancel().await.unwrap();
            })
            .unwrap();
    });
}

/// Bytes to and fro, between a task and a peer beside the domains.
async fn ping_pong(rounds: usize) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let peer = thread::spawn(move || {
        let (mut peer, _) = listener.accept().unwrap();
        let mut byte = [0];
        while peer.read_exact(&mut byte).is_ok() {
            peer.write_all(&byte).unwrap();
        }
    });
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let mut byte = [0];
    for _ in 0..rounds {
        stream.write_all(&[7]).await.unwrap();
        stream.read_exact(&mut byte).await.unwrap();
    }
    drop(stream);
    peer.join().unwrap();
}

#[test]
fn sources_are_heard_though_tasks_are_always_ready() {
    each(|builder| {
        builder
            .run(async {
                let (_, ticking) = ticker();
                ping_pong(300).await;
                ticking.cancel().await.unwrap();
            })
            .unwrap();
    });
}

#[test]
fn sources_are_heard_though_timers_are_always_due() {
    each(|builder| {
        builder
            .run(async {
                // As many as it takes for one of them to be due at any time.
                let mut sleeping = vigie::TaskSet::new();
                for _ in 0..32 {
                    sleeping.spawn(async {
                        loop {
                            vigie::time::sleep(NAP).await.unwrap();
                        }
                    });
                }
                ping_pong(300).await;
                sleeping.cancel_all().await.unwrap();
            })
            .unwrap();
    });
}

#[test]
fn an_event_is_served_within_one_slice_however_long_the_queue_is() {
    each(|builder| {
        builder
            .run(async {
                let log = Log::default();
                let (sender, uid) = (events::signal_sender().unwrap(), Rc::new(Cell::new(None)));
                let (own, theirs) = (uid.clone(), log.clone());
                let waiting = spawn(async move {
                    let syscall = events::syscall().unwrap();
                    own.set(Some(syscall.uid()));
                    syscall.suspend(|_| Ok(())).await.unwrap();
                    theirs.push("event");
                });
                yield_now().await;
                let tasks: Vec<_> = (0..100)
                    .map(|n| {
                        let (log, uid, sender) = (log.clone(), uid.clone(), sender.clone());
                        spawn(async move {
                            log.push("task");
                            if n == 10 {
                                // In the middle of its slice, from another thread.
                                let uid = uid.get().unwrap();
                                thread::spawn(move || sender.send(uid)).join().unwrap();
                            }
                        })
                    })
                    .collect();
                vigie::await_all(tasks).await.unwrap();
                waiting.await.unwrap();
                let log = log.take();
                assert_eq!(log.iter().position(|entry| *entry == "event"), Some(11), "right after the 11th");
            })
            .unwrap();
    });
}

#[test]
fn an_operation_that_is_always_ready_gives_way() {
    plain()
        .run(async {
            let (ticks, ticking) = ticker();
            let slices = spawn(async move {
                let mut slices = vec![0];
                let mut ticks_before = ticks.get();
                for _ in 0..3200 {
                    poll_fn(|cx| charged(cx, |_| Poll::Ready(()))).await;
                    if ticks.get() != ticks_before {
                        ticks_before = ticks.get();
                        slices.push(0);
                    }
                    *slices.last_mut().unwrap() += 1;
                }
                slices
            })
            .await
            .unwrap();
            assert!(slices.iter().all(|operations| *operations <= 32), "{slices:?}");
            assert!(slices.len() >= 100, "{}", slices.len());
            ticking.cancel().await.unwrap();
        })
        .unwrap();
}

#[test]
fn an_operation_that_waits_is_not_charged() {
    plain()
        .run(async {
            let (ticks, ticking) = ticker();
            yield_now().await;
            let before = ticks.get();
            let mut polls = 0;
            // 100 answers of "not yet" in one slice, then a success.
            poll_fn(|cx| {
                while polls < 100 {
                    polls += 1;
                    let waits: Poll<()> = charged(cx, |_| Poll::Pending);
                    assert!(waits.is_pending());
                }
                charged(cx, |_| Poll::Ready(()))
            })
            .await;
            assert_eq!(ticks.get(), before, "it had its slice to itself");
            ticking.cancel().await.unwrap();
        })
        .unwrap();
}

#[test]
fn outside_of_a_run_nothing_is_charged() {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    for _ in 0..100 {
        assert!(charged(&mut cx, |_| Poll::Ready(())).is_ready());
    }
    assert!(!should_yield());
    futures_lite::future::block_on(yield_if_needed());
    futures_lite::future::block_on(yield_now());
}

/// Sends the next signal as soon as its own has come.
struct Relay(SignalSender, Option<Uid>);

impl Wake for Relay {
    fn wake(self: Arc<Self>) {
        if let Some(next) = self.1 {
            self.0.send(next);
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "many letters, and slow")]
fn mail_that_never_ends_does_not_starve_the_tasks() {
    const LETTERS: usize = 10 * 1024;
    plain()
        .run(async {
            let sender = events::signal_sender().unwrap();
            let mut syscalls: Vec<_> = (0..LETTERS).map(|_| events::syscall().unwrap()).collect();
            let mut next = None;
            // Each signal is there before the one before it was read to its end.
            for syscall in syscalls.iter_mut().rev() {
                let waker = Waker::from(Arc::new(Relay(sender.clone(), next)));
                assert!(syscall.poll_signalled(&mut Context::from_waker(&waker)).is_pending());
                next = Some(syscall.uid());
            }
            sender.send(next.unwrap());
            let mut last = syscalls.pop().unwrap();
            let mut turns = 0;
            while last.poll_signalled(&mut Context::from_waker(Waker::noop())).is_pending() {
                turns += 1;
                yield_now().await;
            }
            assert!(turns >= 4, "only {turns} turns while {LETTERS} letters were read");
        })
        .unwrap();
}

/// Events that count how often they are asked.
struct Counting(Shared<usize>);

impl Events for Counting {
    fn select(&mut self, _: bool, _: &[Uid], _: &mut Signals) -> io::Result<()> {
        *self.0.lock() += 1;
        Ok(())
    }
}

#[test]
fn without_signals_select_is_called_once_in_a_quantum() {
    for (quanta, expected) in [(0, 1000), (1, 1000), (10, 100)] {
        let selects = Shared::<usize>::default();
        let counted = selects.clone();
        plain()
            .extra_domains(0)
            .quanta(quanta)
            .events(move |_| Ok(Counting(selects.clone())))
            .run(async {
                for _ in 0..1000 {
                    yield_now().await;
                }
            })
            .unwrap();
        let selects = *counted.lock();
        assert!((expected..expected + 10).contains(&selects), "{selects} in quanta of {quanta}");
    }
}

/// A computation, which nothing but the hint would end.
fn compute_until_asked() {
    let begun = Instant::now();
    while !should_yield() {
        assert!(begun.elapsed() < Duration::from_secs(60), "nobody asked this task to give way");
        thread::yield_now();
    }
}

#[test]
fn should_yield_says_that_a_signal_waits() {
    each(|builder| {
        builder
            .run(async {
                let log = Log::default();
                let (sender, gate) = (events::signal_sender().unwrap(), Rc::new(Cell::new(None)));
                let (own, theirs) = (gate.clone(), log.clone());
                let waiting = spawn(async move {
                    let syscall = events::syscall().unwrap();
                    own.set(Some(syscall.uid()));
                    syscall.suspend(|_| Ok(())).await.unwrap();
                    theirs.push("event");
                });
                yield_now().await;
                assert!(!should_yield(), "nothing waits");
                let ready = spawn(async {});
                assert!(!should_yield(), "a ready task is no news");
                let uid = gate.get().unwrap();
                let thread = thread::spawn(move || sender.send(uid));
                compute_until_asked();
                yield_if_needed().await;
                assert_eq!(log.len(), 1, "the event went first");
                thread.join().unwrap();
                waiting.await.unwrap();
                ready.await.unwrap();
            })
            .unwrap();
    });
}

#[test]
fn should_yield_says_that_a_source_became_ready_before_the_slice() {
    each(|builder| {
        builder
            .quanta(64)
            .run(async {
                let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                let mut peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
                let (mut stream, _) = listener.accept().await.unwrap();
                let reading = spawn(async move { stream.read_exact(&mut [0]).await });
                yield_now().await;
                // Two slices of one tick: news comes in the first, and the second has to hear of it.
                let first = spawn(async move {
                    std::io::Write::write_all(&mut peer, &[1]).unwrap();
                    compute_until_asked();
                });
                let second = spawn(async {
                    compute_until_asked();
                });
                first.await.unwrap();
                second.await.unwrap();
                reading.await.unwrap().unwrap();
            })
            .unwrap();
    });
}

#[test]
fn should_yield_says_that_a_call_has_ended() {
    plain()
        .run(async {
            let called = call(async || ());
            compute_until_asked();
            called.await.unwrap();
        })
        .unwrap();
}

#[test]
fn should_yield_says_that_a_timer_is_due() {
    each(|builder| {
        builder
            .run(async {
                let slept = spawn(vigie::time::sleep(Duration::from_millis(5)));
                yield_now().await;
                compute_until_asked();
                yield_now().await;
                assert_eq!(slept.state(), vigie::PromiseState::Returned);
            })
            .unwrap();
    });
}

#[test]
fn a_computation_that_asks_lets_mail_and_events_through() {
    each(|builder| {
        builder
            .run(async {
                let done = Shared::<bool>::default();
                let theirs = done.clone();
                let waiting = spawn(async move {
                    for _ in 0..10 {
                        call(async || ()).await.unwrap();
                        vigie::time::sleep(Duration::from_millis(1)).await.unwrap();
                    }
                    *theirs.lock() = true;
                });
                yield_now().await;
                while !*done.lock() {
                    yield_if_needed().await;
                }
                waiting.await.unwrap();
            })
            .unwrap();
    });
}

#[test]
fn a_destructor_has_a_budget_of_its_own() {
    /// Does an operation that is always ready succeed, or is it put off?
    fn succeeds() -> bool {
        charged(&mut Context::from_waker(Waker::noop()), |_| Poll::Ready(())).is_ready()
    }
    let ran = Builder::new().extra_domains(0).run(async {
        let said = Rc::new(Cell::new(false));
        let says = said.clone();
        let doomed = spawn(async move {
            let _last_word = on_drop(move || says.set(succeeds()));
            pending::<()>().await;
        });
        yield_now().await;
        // This slice spends all that it has.
        while succeeds() {}
        doomed.cancel().await.unwrap();
        assert!(said.get());
    });
    ran.unwrap();
}
