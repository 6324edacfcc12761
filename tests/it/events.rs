//! The contract between a domain and its events: suspensions, signals, cancellations. `failing` is about
//! events that fail, `turns` about when they are asked.

mod failing;
mod turns;

use std::{
    cell::{Cell, RefCell},
    collections::HashSet,
    future::{pending, poll_fn},
    io,
    panic::resume_unwind,
    pin::{Pin, pin},
    rc::Rc,
    sync::mpsc,
    task::{Context, Poll, Waker},
    thread::{self, ThreadId},
    time::{Duration, Instant},
};

use vigie::{
    Builder, Domain, Promise, PromiseState, TaskError, await_all, call, call_on,
    events::{
        self, Events, EventsError, ReadyReceiver, ReadySender, Seat, SignalSender, Signals, Uid, ready_queue,
    },
    spawn, yield_now,
};

use crate::support::{Gate, Log, Shared, each, until};

/// What the probes of a run have seen.
#[derive(Debug, Clone, PartialEq)]
enum Entry {
    Made {
        domain: usize,
        thread: ThreadId,
    },
    Select {
        domain: usize,
        thread: ThreadId,
        block: bool,
        cancelled: Vec<Uid>,
    },
    Finalised {
        domain: usize,
        thread: ThreadId,
    },
    Dropped {
        domain: usize,
    },
    /// From a task.
    Note(&'static str),
}

use Entry::{Finalised, Note, Select};

/// Events that do what the tasks of their domain tell them, and write down what they are told.
struct Probe {
    domain: usize,
    log: Log<Entry>,
    /// What the next `select` signals.
    signals: Vec<Uid>,
    wakers: Vec<Waker>,
    /// What the next `select` fails with.
    error: Option<io::Error>,
    panic: Option<&'static str>,
    finalise_error: Option<io::Error>,
    finalise_panic: Option<&'static str>,
    deadline_panic: Option<&'static str>,
    busy_panic: Option<&'static str>,
    busy: bool,
    /// Has it nothing to look for?
    told: bool,
    /// How often it was asked whether it is.
    asked: Rc<Cell<usize>>,
    /// Calls of `select` to go until `inside` runs in one.
    inside: Option<Box<dyn FnOnce()>>,
}

impl Probe {
    fn new(seat: &Seat, log: &Log<Entry>) -> Self {
        let domain = seat.domain().index();
        log.push(Entry::Made { domain, thread: thread::current().id() });
        Self {
            domain,
            log: log.clone(),
            signals: Vec::new(),
            wakers: Vec::new(),
            error: None,
            panic: None,
            finalise_error: None,
            finalise_panic: None,
            deadline_panic: None,
            busy_panic: None,
            busy: false,
            told: false,
            asked: Rc::default(),
            inside: None,
        }
    }
}

impl Events for Probe {
    fn select(&mut self, block: bool, cancelled: &[Uid], signals: &mut Signals) -> io::Result<()> {
        let (domain, thread) = (self.domain, thread::current().id());
        self.log.push(Select { domain, thread, block, cancelled: cancelled.to_vec() });
        if let Some(inside) = self.inside.take() {
            inside();
        }
        if let Some(message) = self.panic.take() {
            panic!("{message}");
        }
        signals.extend(self.signals.drain(..));
        self.wakers.drain(..).for_each(Waker::wake);
        self.error.take().map_or(Ok(()), Err)
    }

    fn deadline(&self) -> Option<Instant> {
        assert!(self.deadline_panic.is_none(), "{}", self.deadline_panic.unwrap());
        None
    }

    fn busy(&mut self) -> bool {
        self.asked.update(|asked| asked + 1);
        assert!(self.busy_panic.is_none(), "{}", self.busy_panic.unwrap());
        self.busy
    }

    fn needs_looks(&self) -> bool {
        !self.told
    }

    fn finalise(&mut self) -> io::Result<()> {
        self.log.push(Finalised { domain: self.domain, thread: thread::current().id() });
        assert!(self.finalise_panic.is_none(), "{}", self.finalise_panic.unwrap());
        self.finalise_error.take().map_or(Ok(()), Err)
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.log.push(Entry::Dropped { domain: self.domain });
    }
}

/// A run on three domains with probes, and what they will have seen.
fn probed() -> (Builder, Log<Entry>) {
    let log = Log::default();
    let theirs = log.clone();
    let builder = Builder::new().extra_domains(2);
    (builder.events(move |seat| Ok(Probe::new(&seat, &theirs))), log)
}

/// Tells the probe of this domain.
fn tell<R>(f: impl FnOnce(&mut Probe) -> R) -> R {
    events::with(f).unwrap()
}

/// How often each uid was told to be cancelled.
fn told(log: &Log<Entry>) -> Vec<Uid> {
    let log = log.lock();
    let cancelled = log.iter().filter_map(|entry| match entry {
        Select { cancelled, .. } => Some(cancelled.clone()),
        _ => None,
    });
    cancelled.flatten().collect()
}

/// The calls of one domain's `select`, and what tasks noted.
fn of_domain(index: usize, log: &Log<Entry>) -> Vec<Entry> {
    let ours = |entry: &&Entry| match entry {
        Select { domain, .. } => *domain == index,
        Note(_) => true,
        _ => false,
    };
    log.lock().iter().filter(ours).cloned().collect()
}

fn domain(index: usize) -> Domain {
    Domain::all()[index]
}

/// Runs `test` on a thread of its own, so that a run which hangs is one test's failure.
fn promptly<R: Send + 'static>(test: impl FnOnce() -> R + Send + 'static) -> R {
    let (sender, receiver) = mpsc::channel();
    let thread = thread::spawn(move || drop(sender.send(test())));
    match receiver.recv_timeout(Duration::from_secs(60)) {
        Ok(result) => result,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it hangs"),
        Err(mpsc::RecvTimeoutError::Disconnected) => resume_unwind(thread.join().unwrap_err()),
    }
}

/// A task that suspends; its uid, once it has.
async fn suspended() -> (Uid, Promise<io::Result<()>>) {
    let uid = Rc::new(Cell::new(None));
    let own = uid.clone();
    let task = spawn(async move {
        let syscall = events::syscall()?;
        own.set(Some(syscall.uid()));
        syscall.suspend(|_| Ok(())).await
    });
    yield_now().await;
    (uid.get().unwrap(), task)
}

/// Has gone through the signals that were sent before.
async fn signals_are_read() {
    let syscall = events::syscall().unwrap();
    events::signal_sender().unwrap().send(syscall.uid());
    syscall.suspend(|_| Ok(())).await.unwrap();
}

#[test]
fn each_domain_has_events_made_and_used_and_finalised_on_its_own_thread() {
    let (builder, log) = probed();
    builder
        .run(async {
            for domain in Domain::available() {
                call_on(domain, || async { signals_are_read().await }).await.unwrap();
            }
        })
        .unwrap();
    let log = log.take();
    let mut threads = HashSet::new();
    assert_eq!(log[0], Entry::Made { domain: 0, thread: thread::current().id() }, "the first");
    for index in 0..3 {
        let mut thread = None;
        let mut finalised = 0;
        let mut dropped = 0;
        for entry in &log {
            let used = match entry {
                Entry::Made { domain, thread: here } if *domain == index => {
                    assert!(thread.is_none(), "made once");
                    thread = Some(*here);
                    here
                }
                Select { domain, thread: here, .. } if *domain == index => {
                    assert_eq!(finalised, 0, "nothing after the end");
                    here
                }
                Finalised { domain, thread: here } if *domain == index => {
                    finalised += 1;
                    here
                }
                Entry::Dropped { domain } if *domain == index => {
                    assert_eq!(finalised, 1, "finalised before");
                    dropped += 1;
                    continue;
                }
                _ => continue,
            };
            assert_eq!(thread, Some(*used));
        }
        assert_eq!((finalised, dropped), (1, 1));
        threads.insert(thread.unwrap());
    }
    assert_eq!(threads.len(), 3);
}

#[test]
fn a_uid_is_unique_and_names_its_domain() {
    let uids = || async {
        let mut uids = Vec::new();
        for _ in 0..1000 {
            // Dropped at once: the next takes its place.
            uids.push(events::syscall().unwrap().uid());
        }
        let kept: Vec<_> = (0..1000).map(|_| events::syscall().unwrap()).collect();
        uids.extend(kept.iter().map(|syscall| syscall.uid()));
        assert!(uids.iter().all(|uid| uid.domain() == Domain::current().unwrap().index()));
        uids
    };
    let run = move || {
        let (builder, _) = probed();
        builder.run(async move {
            let mut all = spawn(uids()).await.unwrap();
            for domain in Domain::available() {
                all.extend(call_on(domain, uids).await.unwrap());
            }
            all
        })
    };
    let mut all: HashSet<_> = run().unwrap().into_iter().collect();
    assert_eq!(all.len(), 6000);
    all.extend(run().unwrap());
    assert_eq!(all.len(), 12_000, "nor is one used again in the next run");
}

#[test]
fn a_suspension_ends_with_its_signal_on_its_own_domain() {
    each(|builder| {
        builder
            .run(async {
                let there = call(|| async {
                    let here = Domain::current();
                    let syscall = events::syscall().unwrap();
                    let (uid, sender) = (syscall.uid(), events::signal_sender().unwrap());
                    assert_eq!(Some(sender.domain()), here);
                    let thread = thread::spawn(move || sender.send(uid));
                    syscall.suspend(|_| Ok(())).await.unwrap();
                    assert_eq!(Domain::current(), here);
                    thread.join().unwrap();
                });
                there.await.unwrap();
            })
            .unwrap();
    });
}

#[test]
fn registration_follows_the_suspension_with_nothing_in_between() {
    let (builder, log) = probed();
    builder
        .run(async {
            let other = spawn(async { tell(|probe| probe.log.push(Note("another task"))) });
            let syscall = events::syscall().unwrap();
            tell(|probe| probe.log.push(Note("before")));
            let suspended = syscall.suspend(|uid| {
                tell(|probe| {
                    probe.log.push(Note("registered"));
                    probe.signals.push(uid);
                });
                Ok(())
            });
            suspended.await.unwrap();
            tell(|probe| probe.log.push(Note("resumed")));
            other.await.unwrap();
        })
        .unwrap();
    let log = of_domain(0, &log);
    let before = log.iter().position(|entry| *entry == Note("before")).unwrap();
    assert_eq!(log[before + 1], Note("registered"));
    assert!(matches!(log[before + 2], Select { .. }));
    assert!(log.contains(&Note("resumed")));
}

#[test]
fn a_suspension_that_is_never_awaited_is_never_registered() {
    let (builder, log) = probed();
    let uid = builder
        .run(async {
            let syscall = events::syscall().unwrap();
            let uid = syscall.uid();
            drop(syscall.suspend(|_| unreachable!("never polled")));
            uid
        })
        .unwrap();
    assert_eq!(told(&log), [uid]);
}

#[test]
fn a_registration_that_fails_gives_its_error_and_cancels_the_uid() {
    let (builder, log) = probed();
    let uid = builder
        .run(async {
            let syscall = events::syscall().unwrap();
            let uid = syscall.uid();
            let error = syscall.suspend(|_| Err(io::ErrorKind::StorageFull.into())).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::StorageFull);
            yield_now().await;
            assert_eq!(told(&tell(|probe| probe.log.clone())), [uid], "by the next select");
            uid
        })
        .unwrap();
    assert_eq!(told(&log), [uid], "once");
}

#[test]
fn a_registration_that_panics_ends_its_task_and_cancels_the_uid() {
    let (builder, log) = probed();
    let uid = builder
        .run(async {
            let syscall = events::syscall().unwrap();
            let uid = syscall.uid();
            let task = spawn(async { syscall.suspend(|_| panic!("in the registration")).await });
            match task.await {
                Err(TaskError::Panicked(panic)) => {
                    assert_eq!(panic.message().as_deref(), Some("in the registration"));
                }
                other => panic!("{other:?}"),
            }
            uid
        })
        .unwrap();
    assert_eq!(told(&log), [uid]);
}

#[test]
fn a_signal_before_the_suspension_is_remembered() {
    let (builder, log) = probed();
    builder
        .run(async {
            let from_select = events::syscall().unwrap();
            tell(|probe| probe.signals.push(from_select.uid()));
            let from_here = events::syscall().unwrap();
            let sender = events::signal_sender().unwrap();
            sender.send(from_here.uid());
            let from_outside = events::syscall().unwrap();
            let uid = from_outside.uid();
            thread::spawn(move || sender.send(uid)).join().unwrap();
            signals_are_read().await;
            for syscall in [from_select, from_here, from_outside] {
                syscall.suspend(|_| unreachable!("nothing to wait for")).await.unwrap();
            }
        })
        .unwrap();
    assert_eq!(told(&log), [], "all were received");
}

#[test]
fn a_signal_that_comes_twice_or_late_resumes_nobody() {
    let (builder, _) = probed();
    builder
        .run(async {
            let (bystander, waiting) = suspended().await;
            let mut old = Vec::new();
            for _ in 0..10 {
                let (uid, task) = suspended().await;
                tell(|probe| probe.signals.extend([uid, uid]));
                task.await.unwrap().unwrap();
                tell(|probe| probe.signals.push(uid));
                yield_now().await;
                old.push(uid);
            }
            // In the places of the old ones.
            let mut new = Vec::new();
            for _ in 0..10 {
                new.push(suspended().await);
            }
            let sender = events::signal_sender().unwrap();
            for _ in 0..3 {
                tell(|probe| probe.signals.extend(&old));
                sender.send_all(old.iter().copied());
                signals_are_read().await;
            }
            assert!(new.iter().all(|(_, task)| task.state() == PromiseState::Running));
            assert_eq!(waiting.state(), PromiseState::Running);
            sender.send(bystander);
            waiting.await.unwrap().unwrap();
        })
        .unwrap();
}

#[test]
fn a_signal_for_a_cancelled_uid_resumes_nobody() {
    let (builder, _) = probed();
    builder
        .run(async {
            let sender = events::signal_sender().unwrap();
            let (uid, task) = suspended().await;
            task.cancel().await.unwrap();
            let (_, next) = suspended().await;
            tell(|probe| probe.signals.push(uid));
            sender.send(uid);
            signals_are_read().await;
            assert_eq!(next.state(), PromiseState::Running);
            // Signalled and cancelled at the same time.
            let (uid, task) = suspended().await;
            sender.send(uid);
            let cancelled = task.cancel();
            signals_are_read().await;
            cancelled.await.unwrap();
        })
        .unwrap();
}

#[test]
fn a_signal_for_another_domains_uid_resumes_nobody() {
    let (builder, _) = probed();
    builder
        .run(async {
            // The first suspensions of their domains.
            let (here, waiting) = suspended().await;
            let there = call(move || async move {
                let (_, waiting) = suspended().await;
                tell(|probe| probe.signals.push(here));
                events::signal_sender().unwrap().send(here);
                signals_are_read().await;
                assert_eq!(waiting.state(), PromiseState::Running);
            });
            there.await.unwrap();
            signals_are_read().await;
            assert_eq!(waiting.state(), PromiseState::Running);
        })
        .unwrap();
}

#[test]
fn tasks_resume_in_the_order_of_their_signals() {
    let (builder, _) = probed();
    builder
        .run(async {
            for way in ["select", "send", "send_all", "foreign"] {
                let log = Log::default();
                let mut tasks = Vec::new();
                let mut uids = Vec::new();
                for n in 0..50 {
                    let syscall = events::syscall().unwrap();
                    uids.push((n * 37 % 50, syscall.uid()));
                    let log = log.clone();
                    tasks.push(spawn(async move {
                        syscall.suspend(|_| Ok(())).await.unwrap();
                        log.push(n * 37 % 50);
                    }));
                }
                yield_now().await;
                uids.sort();
                let uids: Vec<_> = uids.into_iter().map(|(_, uid)| uid).collect();
                let sender = events::signal_sender().unwrap();
                match way {
                    "select" => tell(|probe| probe.signals.extend(&uids)),
                    "send" => uids.iter().for_each(|uid| sender.send(*uid)),
                    "send_all" => sender.send_all(uids),
                    _ => thread::spawn(move || uids.iter().for_each(|uid| sender.send(*uid))).join().unwrap(),
                }
                await_all(tasks).await.unwrap();
                assert_eq!(log.take(), Vec::from_iter(0..50), "{way}");
            }
        })
        .unwrap();
}

#[test]
fn the_poll_form_waits_for_the_same_signal() {
    let (builder, log) = probed();
    builder
        .run(async {
            let mut syscall = events::syscall().unwrap();
            let uid = syscall.uid();
            let mut polls = 0;
            poll_fn(|cx| {
                polls += 1;
                let poll = syscall.poll_signalled(cx);
                if polls == 1 {
                    assert!(poll.is_pending());
                    tell(|probe| probe.signals.push(uid));
                }
                poll
            })
            .await;
            assert_eq!(polls, 2);
            poll_fn(|cx| syscall.poll_signalled(cx)).await;
        })
        .unwrap();
    assert_eq!(told(&log), []);
}

#[test]
fn a_suspension_may_move_to_another_task_of_its_domain() {
    let (builder, _) = probed();
    builder
        .run(async {
            let syscall = events::syscall().unwrap();
            let uid = syscall.uid();
            let mut suspended = Box::pin(syscall.suspend(|_| Ok(())));
            assert!(poll_fn(|cx| Poll::Ready(suspended.as_mut().poll(cx))).await.is_pending());
            let other = spawn(async move {
                let mut suspended = pin!(suspended);
                assert!(poll_fn(|cx| Poll::Ready(suspended.as_mut().poll(cx))).await.is_pending());
                suspended.await
            });
            yield_now().await;
            tell(|probe| probe.signals.push(uid));
            other.await.unwrap().unwrap();
        })
        .unwrap();
}

#[test]
fn a_cancelled_uid_is_told_once_to_the_next_select() {
    let (builder, log) = probed();
    let uids = builder
        .run(async {
            let mut uids = Vec::new();
            for index in 0..3 {
                let body = || async {
                    let log = tell(|probe| probe.log.clone());
                    let (uid, task) = suspended().await;
                    task.cancel().await.unwrap();
                    // `cancel` has dropped it, in this slice or before it: told by the next `select`.
                    yield_now().await;
                    assert!(told(&log).contains(&uid));
                    uid
                };
                let uid = match index {
                    0 => spawn(body()).await,
                    _ => call_on(domain(index), body).await,
                };
                uids.push(uid.unwrap());
            }
            uids
        })
        .unwrap();
    let mut told = told(&log);
    told.sort();
    let mut uids = uids;
    uids.sort();
    assert_eq!(told, uids);
}

#[test]
fn a_uid_cancelled_from_another_domain_is_told_to_its_own() {
    let (builder, log) = probed();
    builder
        .run(async {
            let uid = Shared::default();
            let theirs = uid.clone();
            let task = call(move || async move {
                let syscall = events::syscall().unwrap();
                *theirs.lock() = Some(syscall.uid());
                syscall.suspend(|_| Ok(())).await
            });
            until(|| uid.lock().is_some()).await;
            task.cancel().await.unwrap();
            let uid = uid.lock().unwrap();
            // Its domain has nothing else to do: it is told without being asked anything.
            let log = tell(|probe| probe.log.clone());
            until(|| told(&log).contains(&uid)).await;
            let here = uid.domain();
            let tells = |entry: &Entry| matches!(entry, Select { domain, cancelled, .. } if *domain == here && *cancelled == [uid]);
            assert_eq!(log.lock().iter().filter(|entry| tells(entry)).count(), 1);
        })
        .unwrap();
    assert_eq!(told(&log).len(), 1);
}

#[test]
fn a_uid_that_was_signalled_but_not_received_is_told_too() {
    let (builder, log) = probed();
    let uid = builder
        .run(async {
            let syscall = events::syscall().unwrap();
            let uid = syscall.uid();
            events::signal_sender().unwrap().send(uid);
            signals_are_read().await;
            drop(syscall);
            uid
        })
        .unwrap();
    assert_eq!(told(&log), [uid]);
}

#[test]
fn what_is_cancelled_as_the_run_ends_is_told_before_its_end() {
    let (builder, log) = probed();
    let uids = Log::default();
    let known = uids.clone();
    builder
        .run(async move {
            let mut elsewhere = Vec::new();
            for domain in Domain::available() {
                let (known, asleep) = (known.clone(), Gate::default());
                let begun = asleep.clone();
                elsewhere.push(call_on(domain, move || async move {
                    let suspended = events::syscall()?.suspend(|uid| {
                        known.push(uid);
                        begun.open();
                        Ok(())
                    });
                    suspended.await
                }));
                asleep.opened().await;
            }
            let (uid, task) = suspended().await;
            known.push(uid);
            let last = events::syscall().unwrap();
            known.push(last.uid());
            // Here the main task returns, and drops all of them.
            drop((elsewhere, task, last));
        })
        .unwrap();
    assert_eq!(told(&log).len(), 4);
    let log = log.take();
    for uid in uids.take() {
        let tells = |entry: &Entry| matches!(entry, Select { cancelled, .. } if cancelled.contains(&uid));
        let ends = |entry: &Entry| matches!(entry, Finalised { domain, .. } if *domain == uid.domain());
        assert!(log.iter().position(tells).unwrap() < log.iter().position(ends).unwrap());
    }
}

#[test]
fn suspending_without_events_is_an_error() {
    let builder = Builder::new().extra_domains(1).without_events();
    builder
        .run(async {
            let check = || async {
                assert_eq!(events::syscall().unwrap_err(), EventsError::NoEvents);
                assert_eq!(tell_error(), EventsError::NoEvents);
                let slept = vigie::time::sleep(Duration::from_secs(1)).await;
                assert_eq!(slept.unwrap_err(), EventsError::NoEvents);
                // The rest works as ever.
                yield_now().await;
                let (waiting, sender) = (Gate::default(), events::signal_sender().unwrap());
                let gate = waiting.clone();
                let thread = thread::spawn(move || {
                    sender.wake();
                    gate.open();
                });
                waiting.opened().await;
                thread.join().unwrap();
            };
            check().await;
            call(check).await.unwrap();
        })
        .unwrap();
}

fn tell_error() -> EventsError {
    events::with(|_: &mut Probe| ()).unwrap_err()
}

#[test]
fn events_out_of_reach_are_a_typed_error() {
    assert_eq!(events::syscall().unwrap_err(), EventsError::OutsideRuntime);
    assert_eq!(events::signal_sender().unwrap_err(), EventsError::OutsideRuntime);
    assert_eq!(tell_error(), EventsError::OutsideRuntime);
    let (builder, _) = probed();
    builder
        .run(async {
            let other = events::with(|(): &mut ()| ()).unwrap_err();
            assert!(matches!(other, EventsError::OtherEvents(name) if name == "()"), "{other:?}");
            assert!(other.to_string().contains("()"));
            tell(|_| assert_eq!(tell_error(), EventsError::InUse));
            // From a thread that is no domain.
            assert_eq!(thread::spawn(tell_error).join().unwrap(), EventsError::OutsideRuntime);
            // From within the events' own code.
            let seen = Rc::new(RefCell::new(None));
            let inside = seen.clone();
            tell(|probe| {
                probe.inside = Some(Box::new(move || {
                    let syscall = events::syscall().map(|syscall| syscall.uid().domain());
                    *inside.borrow_mut() = Some((tell_error(), syscall, spawn(pending::<()>()).state()));
                }));
            });
            yield_now().await;
            assert_eq!(seen.take(), Some((EventsError::InUse, Ok(0), PromiseState::Failed)));
            let error = io::Error::from(EventsError::InUse);
            assert!(error.get_ref().is_some_and(|error| error.is::<EventsError>()));
        })
        .unwrap();
}

/// Receives numbered items, and signals a uid for the last one.
struct Mailbox {
    sender: ReadySender<(usize, usize)>,
    receiver: ReadyReceiver<(usize, usize)>,
    received: Vec<(usize, usize)>,
    wanted: Option<(usize, Uid)>,
}

impl Mailbox {
    fn new(seat: &Seat) -> Self {
        let (sender, receiver) = ready_queue(&seat.signal_sender());
        Self { sender, receiver, received: Vec::new(), wanted: None }
    }
}

impl Events for Mailbox {
    fn select(&mut self, _block: bool, _cancelled: &[Uid], signals: &mut Signals) -> io::Result<()> {
        while let Some(item) = self.receiver.try_recv() {
            self.received.push(item);
        }
        if let Some((_, uid)) = self.wanted.take_if(|(count, _)| *count == self.received.len()) {
            signals.push(uid);
        }
        Ok(())
    }
}

#[test]
fn a_ready_queue_brings_all_items_of_all_threads() {
    const THREADS: usize = 4;
    const ITEMS: usize = 10_000;
    let builder = Builder::new().extra_domains(1).events(|seat| Ok(Mailbox::new(&seat)));
    builder
        .run(async {
            let sender = events::with(|mailbox: &mut Mailbox| mailbox.sender.clone()).unwrap();
            let threads: Vec<_> = (0..THREADS)
                .map(|from| {
                    let sender = sender.clone();
                    thread::spawn(move || {
                        for n in (0..ITEMS).step_by(10) {
                            sender.send((from, n));
                            sender.send_all((n + 1..n + 10).map(|n| (from, n)));
                        }
                    })
                })
                .collect();
            let suspended = events::syscall().unwrap().suspend(|uid| {
                let wanted = Some((THREADS * ITEMS, uid));
                Ok(events::with(|mailbox: &mut Mailbox| mailbox.wanted = wanted)?)
            });
            // All may be there already: there is one more look before the domain parks.
            suspended.await.unwrap();
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            let received = events::with(|mailbox: &mut Mailbox| mailbox.received.clone()).unwrap();
            for from in 0..THREADS {
                let theirs = received.iter().filter(|(by, _)| *by == from).map(|(_, n)| *n);
                assert!(theirs.eq(0..ITEMS), "each thread's in order, none lost, none twice");
            }
        })
        .unwrap();
}

#[test]
fn senders_that_outlive_the_run_are_inert() {
    type Kept = (SignalSender, ReadySender<(usize, usize)>, Uid, Waker);
    let kept: Shared<Option<Kept>> = Shared::default();
    let keep = kept.clone();
    let builder = Builder::new().extra_domains(1).events(|seat| Ok(Mailbox::new(&seat)));
    builder
        .clone()
        .run(async move {
            let there = call(move || async move {
                let items = events::with(|mailbox: &mut Mailbox| mailbox.sender.clone()).unwrap();
                let syscall = events::syscall().unwrap();
                let waker = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
                let sender = events::signal_sender().unwrap();
                *keep.lock() = Some((sender, items, syscall.uid(), waker));
            });
            there.await.unwrap();
        })
        .unwrap();
    let (sender, items, uid, waker) = kept.lock().take().unwrap();
    let use_them = move || {
        sender.send(uid);
        sender.send_all([uid, uid]);
        assert!(!sender.wake());
        let _ = sender.is_notified();
        items.send((0, 0));
        items.send_all([(0, 0)]);
        waker.wake_by_ref();
    };
    use_them();
    thread::spawn(use_them.clone()).join().unwrap();
    // Nor do they reach the next run.
    builder
        .run(async move {
            let (_, task) = suspended().await;
            use_them();
            signals_are_read().await;
            assert_eq!(task.state(), PromiseState::Running);
            assert!(events::with(|mailbox: &mut Mailbox| mailbox.received.is_empty()).unwrap());
        })
        .unwrap();
}

#[test]
fn a_suspension_that_leaves_the_run_is_inert() {
    let (builder, log) = probed();
    let (mut syscall, suspended) = builder
        .run(async {
            let mut suspended = events::syscall().unwrap().suspend(|_| Ok(()));
            assert!(poll_fn(|cx| Poll::Ready(Pin::new(&mut suspended).poll(cx))).await.is_pending());
            (events::syscall().unwrap(), suspended)
        })
        .unwrap();
    assert_eq!(told(&log), []);
    // In another run its waker is that of a task there, and nothing ever wakes it.
    let (builder, other) = probed();
    builder
        .run(async move {
            let mut suspended = suspended;
            for _ in 0..3 {
                assert!(poll_fn(|cx| Poll::Ready(Pin::new(&mut suspended).poll(cx))).await.is_pending());
                signals_are_read().await;
            }
            drop(suspended);
            yield_now().await;
        })
        .unwrap();
    assert_eq!(told(&other), [], "it is no uid of that run");
    assert!(syscall.poll_signalled(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(syscall);
}

#[test]
fn what_is_sent_to_a_ready_queue_after_the_run_is_dropped() {
    let item = std::sync::Arc::new(());
    let sender = Builder::new()
        .extra_domains(1)
        .events(|_| Ok(()))
        .run(async {
            let (sender, receiver) = ready_queue::<std::sync::Arc<()>>(&events::signal_sender().unwrap());
            // The receiver goes with the events as a rule; here it goes now.
            drop(receiver);
            sender
        })
        .unwrap();
    for _ in 0..10 {
        sender.send(item.clone());
        sender.send_all([item.clone()]);
    }
    assert_eq!(std::sync::Arc::strong_count(&item), 1);
}

#[test]
fn timers_end_in_the_order_of_their_deadlines_and_zero_gives_way_once() {
    each(|builder| {
        // All of them are started before the next look at the clock.
        builder
            .quanta(100)
            .run(async {
                let log = Log::default();
                let now = Instant::now();
                let at = |millis: i64| {
                    let apart = Duration::from_millis(millis.unsigned_abs());
                    if millis < 0 { now - apart } else { now + apart }
                };
                let sleepers = [30, 10, -5, 20, 0, 10, -1].map(|millis| {
                    let (log, deadline) = (log.clone(), at(millis));
                    spawn(async move {
                        vigie::time::sleep_until(deadline).await.unwrap();
                        assert!(Instant::now() >= deadline);
                        log.push(millis);
                    })
                });
                await_all(sleepers).await.unwrap();
                // Those that have passed already only give way, by turns.
                assert_eq!(log.take(), [-5, 0, -1, 10, 10, 20, 30]);
                // Others run meanwhile.
                let other = spawn(async {});
                vigie::time::sleep(Duration::ZERO).await.unwrap();
                assert_eq!(other.state(), PromiseState::Returned);
            })
            .unwrap();
    });
}
