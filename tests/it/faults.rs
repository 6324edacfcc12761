//! What ends a run before its time: the main task, the events, threads that cannot be had.

use std::{
    any::Any,
    future::pending,
    io, mem,
    panic::{AssertUnwindSafe, catch_unwind, panic_any},
    sync::mpsc,
    time::{Duration, Instant},
};

use vigie::{
    Builder, Domain, RunError, call, call_on,
    events::{self, Events, Interrupt, Signals, Uid},
    net::{TcpListener, TcpStream},
    spawn,
    system::{Backend, Variant},
    time::sleep,
};

use crate::support::{Bomb, Gate, Log, Shared, alone, each, on_drop, plain, soon, turns, until};

const LONG: Duration = Duration::from_secs(3600);

/// Runs `main` and catches the panic that ends the run.
fn payload_of<F>(builder: Builder, main: F) -> Box<dyn Any + Send>
where
    F: Future<Output = ()> + 'static,
{
    catch_unwind(AssertUnwindSafe(|| builder.run(main))).expect_err("the run ended without a panic")
}

/// Tasks that sleep on every domain, here too, each with a child and a grandchild elsewhere. Returns
/// when all of them do; `alive` counts them.
async fn sleepers_everywhere(alive: &Shared<usize>) -> Vec<vigie::Promise<()>> {
    fn sleeper(
        alive: Shared<usize>,
        asleep: Log<()>,
        below: usize,
    ) -> impl AsyncFnOnce() + Send + Clone + 'static {
        async move || {
            *alive.lock() += 1;
            let own = alive.clone();
            let _end = on_drop(move || *own.lock() -= 1);
            let _child = (below > 0).then(|| call(boxed(alive, asleep.clone(), below - 1)));
            asleep.push(());
            sleep(LONG).await.unwrap();
        }
    }
    fn boxed(
        alive: Shared<usize>,
        asleep: Log<()>,
        below: usize,
    ) -> impl FnOnce() -> std::pin::Pin<Box<dyn Future<Output = ()>>> + Send {
        move || {
            let sleeper = sleeper(alive, asleep, below);
            Box::pin(async move { sleeper().await })
        }
    }
    let asleep = Log::default();
    let mut promises: Vec<_> = Domain::available()
        .into_iter()
        .map(|domain| call_on(domain, boxed(alive.clone(), asleep.clone(), 2)))
        .collect();
    promises.push(spawn(boxed(alive.clone(), asleep.clone(), 2)()));
    until(|| asleep.len() == 3 * promises.len()).await;
    promises
}

#[test]
fn all_destructors_ran_when_the_main_task_panics_while_others_sleep_elsewhere() {
    each(|builder| {
        for round in 0..50 {
            let alive = Shared::default();
            let counted = alive.clone();
            let payload = payload_of(builder.clone(), async move {
                let promises = sleepers_everywhere(&alive).await;
                assert_eq!(*alive.lock(), 9);
                if round % 2 == 0 {
                    // Leaked or held, they end.
                    mem::forget(promises);
                    panic_any(round);
                }
                let _held = promises;
                panic_any(round);
            });
            assert_eq!(*counted.lock(), 0, "still alive after the run");
            assert_eq!(payload.downcast_ref(), Some(&round), "the main task's own panic");
        }
    });
}

#[test]
fn all_destructors_ran_when_the_main_task_returns_an_error_while_others_sleep_elsewhere() {
    each(|builder| {
        for _ in 0..50 {
            let alive = Shared::default();
            let counted = alive.clone();
            let result = builder.clone().run(async move {
                let _promises = sleepers_everywhere(&alive).await;
                Err::<(), _>("no")
            });
            assert_eq!(result.unwrap(), Err("no"));
            assert_eq!(*counted.lock(), 0, "still alive after the run");
        }
    });
}

#[test]
fn the_main_tasks_panic_resumes_in_the_caller() {
    let payload = payload_of(plain(), async { panic!("at once") });
    assert_eq!(payload.downcast_ref(), Some(&"at once"));
    let payload = payload_of(plain(), async {
        turns(3).await;
        panic!("number {}", std::hint::black_box(3))
    });
    assert_eq!(payload.downcast_ref(), Some(&"number 3".to_owned()));
    let payload = payload_of(plain(), async { drop(on_drop(|| panic!("a destructor"))) });
    assert_eq!(payload.downcast_ref(), Some(&"a destructor"));
    plain().run(async {}).unwrap();
}

#[test]
fn a_worker_that_fails_does_not_leave_the_run_to_those_that_sleep() {
    each(|builder| {
        let start = Instant::now();
        let alive = Shared::default();
        let counted = alive.clone();
        let payload = payload_of(builder, async move {
            let _promises = sleepers_everywhere(&alive).await;
            call(async || panic!("a worker")).await.unwrap();
        });
        assert_eq!(*counted.lock(), 0);
        assert!(payload.downcast_ref::<String>().unwrap().contains("a worker"));
        // Milliseconds, where nothing else runs.
        assert!(start.elapsed() < LONG / 60);
    });
}

/// Events that are told to fail, in one way or another.
struct Faulty {
    kind: Kind,
    /// Fails here only.
    domain: usize,
    own: usize,
    /// Set by a task: from now on.
    armed: Shared<bool>,
    calls: Log<(usize, &'static str)>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// The next `select` fails.
    Select,
    /// The next `select` with nothing to run fails.
    Blocking,
    SelectPanics,
    Finalise,
    FinalisePanics,
    BusyPanics,
}

impl Faulty {
    fn is(&self, kinds: &[Kind]) -> bool {
        self.own == self.domain && *self.armed.lock() && kinds.contains(&self.kind)
    }
}

impl Events for Faulty {
    fn select(&mut self, block: bool, _: &[Uid], _: &mut Signals) -> io::Result<()> {
        if self.is(&[Kind::Select]) || block && self.is(&[Kind::Blocking]) {
            self.calls.push((self.own, "failed"));
            return Err(io::Error::other("the events' own"));
        }
        assert!(!self.is(&[Kind::SelectPanics]), "the events' own");
        if *self.armed.lock() {
            self.calls.push((self.own, "select"));
        }
        Ok(())
    }

    fn finalise(&mut self) -> io::Result<()> {
        self.calls.push((self.own, "finalise"));
        assert!(!self.is(&[Kind::FinalisePanics]), "the events' own");
        if self.is(&[Kind::Finalise]) { Err(io::Error::other("the events' own")) } else { Ok(()) }
    }

    fn busy(&mut self) -> bool {
        assert!(!self.is(&[Kind::BusyPanics]), "the events' own");
        false
    }
}

/// A run whose events fail on `domain` once all of its tasks are asleep, or ready again and again.
/// What came out, as text, and what was asked of the events.
fn faulty(kind: Kind, domain: usize, ready: bool) -> (String, Vec<(usize, &'static str)>) {
    let (armed, calls) = (Shared::<bool>::default(), Log::default());
    let alive = Shared::<usize>::default();
    let (armed_there, calls_there) = (armed.clone(), calls.clone());
    let builder = Builder::new().extra_domains(2).events(move |seat| {
        let (armed, calls) = (armed_there.clone(), calls_there.clone());
        Ok(Faulty { kind, domain, own: seat.domain().index(), armed, calls })
    });
    let counted = alive.clone();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        builder.run(async move {
            let started = Log::default();
            let (log, armed_there) = (started.clone(), armed.clone());
            let body = async move || {
                *alive.lock() += 1;
                let _end = on_drop(|| *alive.lock() -= 1);
                let suspended = spawn(async {
                    events::syscall().unwrap().suspend(|_| Ok(())).await.unwrap();
                });
                log.push(());
                if matches!(kind, Kind::Finalise | Kind::FinalisePanics) {
                    return drop(suspended);
                }
                if !ready {
                    return suspended.await.unwrap();
                }
                loop {
                    vigie::yield_now().await;
                    if *armed_there.lock() {
                        // So long that the events are asked.
                        for _ in 0..1000 {
                            vigie::should_yield();
                        }
                    }
                }
            };
            let there: Vec<_> =
                Domain::available().into_iter().map(|domain| call_on(domain, body.clone())).collect();
            let here = spawn(async move { body().await });
            until(|| started.len() == 3).await;
            *armed.lock() = true;
            // Each domain finds out, also one that sleeps already.
            for domain in Domain::available() {
                drop(call_on(domain, async || ()));
            }
            here.await.unwrap();
            for promise in there {
                promise.await.unwrap();
            }
        })
    }));
    assert_eq!(*counted.lock(), 0, "still alive after the run");
    let text = match outcome {
        Ok(result) => format!("{:?}", result.map_err(|error| error.to_string())),
        Err(payload) => format!("panic: {:?}", payload.downcast_ref::<&str>()),
    };
    (text, calls.take())
}

#[test]
fn events_that_fail_end_the_run() {
    for domain in [0, 1, 2] {
        for (kind, ready, expected) in [
            (Kind::Select, false, r#"Err("the events' own")"#),
            (Kind::Select, true, r#"Err("the events' own")"#),
            (Kind::Blocking, false, r#"Err("the events' own")"#),
            (Kind::SelectPanics, false, r#"panic: Some("the events' own")"#),
            (Kind::SelectPanics, true, r#"panic: Some("the events' own")"#),
            (Kind::BusyPanics, true, r#"panic: Some("the events' own")"#),
            (Kind::Finalise, false, r#"Err("the events' own")"#),
            (Kind::FinalisePanics, false, r#"panic: Some("the events' own")"#),
        ] {
            eprintln!("-- {kind:?} on domain {domain}, ready: {ready}");
            let (outcome, calls) = faulty(kind, domain, ready);
            assert_eq!(outcome, expected);
            for own in 0..3 {
                let mut asked = calls.iter().filter(|(of, _)| *of == own).map(|(_, call)| *call);
                assert_eq!(asked.clone().filter(|call| *call == "finalise").count(), 1, "{calls:?}");
                assert!(asked.clone().filter(|call| *call == "failed").count() <= 1, "{calls:?}");
                let failed = asked.by_ref().any(|call| call == "failed");
                assert!(!failed || asked.eq(["finalise"]), "not asked again: {calls:?}");
            }
        }
    }
}

#[test]
fn of_two_panics_that_end_a_run_one_resumes_and_none_aborts() {
    struct Panicking;
    impl Events for Panicking {
        fn select(&mut self, _: bool, _: &[Uid], _: &mut Signals) -> io::Result<()> {
            Ok(())
        }
        fn finalise(&mut self) -> io::Result<()> {
            panic_any(Bomb)
        }
    }
    alone("faults::of_two_panics_that_end_a_run_one_resumes_and_none_aborts", || {
        let builder = || Builder::new().extra_domains(0).events(|_| Ok(Panicking));
        // An output that nobody gets; then a payload that nobody gets.
        let ran = catch_unwind(|| builder().run(async { Bomb }).map(mem::forget));
        let payload = ran.unwrap_err();
        assert!(payload.is::<Bomb>());
        mem::forget(payload);
        let payload = payload_of(builder(), async { panic!("main") });
        assert_eq!(payload.downcast_ref(), Some(&"main"));
    });
}

#[test]
fn events_that_fail_end_a_run_in_which_nothing_else_happens() {
    #[derive(Clone, Copy, PartialEq)]
    enum At {
        Select,
        BeforePark,
        Deadline,
    }

    struct Failing(At);

    impl Events for Failing {
        fn select(&mut self, block: bool, _: &[Uid], _: &mut Signals) -> io::Result<()> {
            if block && self.0 == At::Select { Err(io::Error::other("the events' own")) } else { Ok(()) }
        }

        fn before_park(&mut self) {
            assert!(self.0 != At::BeforePark, "the events' own");
        }

        fn deadline(&self) -> Option<Instant> {
            assert!(self.0 != At::Deadline, "the events' own");
            None
        }
    }

    let builder = |extra, at| Builder::new().extra_domains(extra).events(move |_| Ok(Failing(at)));
    for extra in [0, 1] {
        let error = builder(extra, At::Select).run(pending::<()>()).unwrap_err();
        assert_eq!(error.to_string(), "the events' own");
        for at in [At::BeforePark, At::Deadline] {
            let payload = payload_of(builder(extra, at), pending());
            assert_eq!(payload.downcast_ref(), Some(&"the events' own"));
        }
    }
}

#[test]
fn events_that_block_and_fail_end_the_run() {
    /// Blocks in `select`, and fails when it is interrupted.
    struct Blocking(mpsc::Receiver<()>, mpsc::Sender<()>);

    impl Events for Blocking {
        fn select(&mut self, block: bool, _: &[Uid], _: &mut Signals) -> io::Result<()> {
            if block {
                let _ = self.0.recv();
                return Err(io::Error::other("interrupted"));
            }
            Ok(())
        }

        fn interrupt(&self) -> Option<Interrupt> {
            let sender = Shared::from(self.1.clone());
            Some(Box::new(move || {
                // Nobody listens after the end.
                let _ = sender.lock().send(());
            }))
        }
    }

    let error = Builder::new()
        .extra_domains(1)
        .events(|_| {
            let (sender, receiver) = mpsc::channel();
            Ok(Blocking(receiver, sender))
        })
        .run(async {
            let started = Gate::default();
            let there = started.clone();
            let called = call(async move || {
                there.open();
                pending::<()>().await;
            });
            started.opened().await;
            called.await.unwrap();
        })
        .unwrap_err();
    assert_eq!(error.to_string(), "interrupted");
}

/// The domain that was to be woken would sleep on. Wherever it happens: between slices, and within one, whose task
/// would take the panic for its own.
#[cfg(all(unix, not(miri)))]
#[test]
fn an_interrupt_that_panics_aborts_instead_of_hanging() {
    use std::{env, os::unix::process::ExitStatusExt, thread};

    use crate::support::{child, is_child};

    const NAME: &str = "faults::an_interrupt_that_panics_aborts_instead_of_hanging";

    /// Whoever interrupts its sleep from domain 1 panics.
    struct Fragile {
        sleeps: Shared<bool>,
        end: mpsc::Receiver<()>,
        ends: mpsc::Sender<()>,
    }

    impl Events for Fragile {
        fn select(&mut self, block: bool, _: &[Uid], _: &mut Signals) -> io::Result<()> {
            if block {
                *self.sleeps.lock() = true;
                // Were it not for the abort, the run would go on for long enough to be seen.
                let _ = self.end.recv_timeout(LONG / 60);
            }
            Ok(())
        }

        fn interrupt(&self) -> Option<Interrupt> {
            let ends = Shared::from(self.ends.clone());
            Some(Box::new(move || {
                assert_ne!(thread::current().name(), Some("vigie-1"), "the interrupt's own");
                let _ = ends.lock().send(());
            }))
        }
    }

    if is_child(NAME) {
        let within_a_slice = env::var_os("WITHIN_A_SLICE").is_some();
        let (sleeps, sleeps_there) = (Shared::<bool>::default(), Shared::<bool>::default());
        let first = sleeps.clone();
        let builder = Builder::new().extra_domains(1).events(move |seat| {
            let (ends, end) = mpsc::channel();
            let sleeps = if seat.domain().index() == 0 { &first } else { &sleeps_there };
            Ok(Fragile { sleeps: sleeps.clone(), end, ends })
        });
        let gate = Gate::default();
        let opened = gate.clone();
        let there = async move || {
            until(|| *sleeps.lock()).await;
            if within_a_slice {
                gate.open();
            }
        };
        let ran = builder.run(async move {
            let called = call(there);
            if within_a_slice {
                opened.opened().await;
            }
            called.await.unwrap();
        });
        return ran.unwrap();
    }
    for variables in [&[][..], &[("WITHIN_A_SLICE", "")]] {
        let output = child(NAME).envs(variables.iter().copied()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{said}");
        assert!(said.contains("vigie: domain 0: the events' interrupt has panicked"), "{said}");
    }
}

#[test]
fn events_that_cannot_be_made_are_the_runs_error() {
    for bad in 0..3 {
        for panics in [false, true] {
            let (made, finalised, ran) = (Log::default(), Log::default(), Log::default());
            let (made_there, finalised_there, ran_there) = (made.clone(), finalised.clone(), ran.clone());
            struct Made(Log<usize>, usize);
            impl Events for Made {
                fn select(&mut self, _: bool, _: &[Uid], _: &mut Signals) -> io::Result<()> {
                    Ok(())
                }
                fn finalise(&mut self) -> io::Result<()> {
                    self.0.push(self.1);
                    Ok(())
                }
            }
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                Builder::new()
                    .extra_domains(2)
                    .events(move |seat| {
                        let own = seat.domain().index();
                        if own == bad {
                            assert!(!panics, "cannot be made");
                            return Err(io::Error::other("cannot be made"));
                        }
                        made_there.push(own);
                        Ok(Made(finalised_there.clone(), own))
                    })
                    .run(async move { ran_there.push(()) })
            }));
            match outcome {
                Ok(result) => {
                    assert!(!panics);
                    assert_eq!(result.unwrap_err().to_string(), "cannot be made");
                }
                Err(payload) => {
                    assert!(panics);
                    assert_eq!(payload.downcast_ref(), Some(&"cannot be made"));
                }
            }
            assert_eq!(ran.len(), 0);
            let sorted = |log: Log<usize>| {
                let mut entries = log.take();
                entries.sort_unstable();
                entries
            };
            assert_eq!(sorted(made), sorted(finalised), "what was made was finalised, once");
        }
    }
}

/// A builder whose `fail`th thread cannot be had, and how many threads live.
fn short_of_threads(fail: usize, alive: &Shared<usize>) -> Builder {
    let (alive, started) = (alive.clone(), Shared::<usize>::default());
    Builder::new().extra_domains(3).spawn_thread(move |thread, body| {
        *started.lock() += 1;
        if *started.lock() == fail {
            return Err(io::Error::new(io::ErrorKind::WouldBlock, "no more threads"));
        }
        let alive = alive.clone();
        thread.spawn(move || {
            *alive.lock() += 1;
            body();
            *alive.lock() -= 1;
        })
    })
}

#[test]
fn a_domain_whose_thread_cannot_be_had_is_an_error_and_leaves_none() {
    for fail in [1, 2, 3] {
        let (alive, ran) = (Shared::default(), Log::default());
        let log = ran.clone();
        let captured = on_drop(move || log.push("dropped"));
        let log = ran.clone();
        let error = short_of_threads(fail, &alive)
            .run(async move {
                log.push("ran");
                drop(captured);
            })
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        assert_eq!(*alive.lock(), 0, "the threads that were had have ended");
        assert_eq!(ran.take(), ["dropped"], "nothing has run");
    }
    // With enough of them the same builder works.
    let alive = Shared::<usize>::default();
    short_of_threads(4, &alive).run(async {}).unwrap();
    assert_eq!(*alive.lock(), 0);
    plain().run(async {}).unwrap();
}

#[test]
fn an_observer_that_cannot_be_had_is_the_error_of_that_registration_alone() {
    for variant in [Variant::Observer, Variant::Always] {
        for backend in Backend::ALL {
            let alive = Shared::default();
            // The domains' are the first three.
            short_of_threads(4, &alive)
                .variant(variant)
                .backend(*backend)
                .run(async {
                    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                    let error = listener.accept().await.unwrap_err();
                    assert_eq!(error.to_string(), "no thread for the observer: no more threads");
                    assert_ne!(error.kind(), io::ErrorKind::WouldBlock, "it is not to be tried again");
                    // The same listener, and the same domain, once there are threads again.
                    let addr = listener.local_addr().unwrap();
                    let client = spawn(TcpStream::connect(addr));
                    listener.accept().await.unwrap();
                    client.await.unwrap().unwrap();
                })
                .unwrap();
            assert_eq!(*alive.lock(), 0);
        }
    }
}

#[test]
fn a_stack_that_no_machine_has_is_an_error() {
    let error = Builder::new()
        .extra_domains(2)
        .spawn_thread(|thread, body| thread.stack_size(1 << 46).spawn(body))
        .run(async {})
        .unwrap_err();
    assert!(error.raw_os_error().is_some(), "the system's own error: {error:?}");
    plain().run(async {}).unwrap();
}

/// The system's own limit, which holds for whoever is not root.
#[cfg(all(target_os = "linux", feature = "blocking", not(miri)))]
#[test]
fn where_the_user_may_have_no_more_threads_everything_that_needs_one_says_so() {
    use rustix::process::{Resource, Rlimit, geteuid, getrlimit, setrlimit};

    const NAME: &str = "faults::where_the_user_may_have_no_more_threads_everything_that_needs_one_says_so";
    const NOBODY: libc::uid_t = 65534;
    alone(NAME, || {
        if geteuid().is_root() {
            // SAFETY: it touches no memory.
            assert_eq!(unsafe { libc::setuid(NOBODY) }, 0, "{}", io::Error::last_os_error());
        }
        let before = getrlimit(Resource::Nproc);
        let short = move |on| {
            let current = if on { Some(0) } else { before.current };
            setrlimit(Resource::Nproc, Rlimit { current, maximum: before.maximum }).unwrap();
        };
        short(true);
        let error = Builder::new().extra_domains(2).run(async {}).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EAGAIN), "{error:?}");
        Builder::new()
            .extra_domains(0)
            .run(async move {
                let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                let watched = soon(listener.accept()).await.unwrap_err().to_string();
                let unblocked = soon(vigie::unblock(|| ())).await.unwrap_err().to_string();
                assert!(watched.starts_with("no thread for the observer: "), "{watched}");
                assert!(unblocked.starts_with("no thread for the pool: "), "{unblocked}");
                // All of it works once there are threads again.
                short(false);
                let client = spawn(TcpStream::connect(listener.local_addr().unwrap()));
                listener.accept().await.unwrap();
                client.await.unwrap().unwrap();
                assert_eq!(vigie::unblock(|| 7).await.unwrap(), 7);
            })
            .unwrap();
        Builder::new().extra_domains(2).run(async {}).unwrap();
    });
}

#[test]
fn a_thread_starter_that_panics_leaves_none() {
    let alive = Shared::<usize>::default();
    let (counted, started) = (alive.clone(), Shared::<usize>::default());
    let builder = Builder::new().extra_domains(3).spawn_thread(move |thread, body| {
        *started.lock() += 1;
        let third = *started.lock() == 3;
        assert!(!third, "the starter's own");
        let alive = alive.clone();
        thread.spawn(move || {
            *alive.lock() += 1;
            body();
            *alive.lock() -= 1;
        })
    });
    let payload = payload_of(builder, async {});
    assert_eq!(payload.downcast_ref(), Some(&"the starter's own"));
    assert_eq!(*counted.lock(), 0);
    plain().run(async {}).unwrap();
}

#[test]
fn a_thread_that_never_runs_its_body_is_an_error() {
    let error = Builder::new()
        .extra_domains(2)
        .spawn_thread(|thread, body| {
            drop(body);
            thread.spawn(|| ())
        })
        .run(async {})
        .unwrap_err();
    assert!(error.to_string().contains("thread"), "{error}");
}

#[test]
fn more_domains_than_can_be_numbered_are_an_error() {
    let error = Builder::new().extra_domains(usize::MAX).run(async {}).unwrap_err();
    let inner = error.get_ref().and_then(|error| error.downcast_ref());
    assert_eq!(inner, Some(&RunError::TooManyDomains));
}
