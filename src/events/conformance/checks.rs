//! The checks: small programs.

use std::{
    cell::RefCell,
    future::{Future, poll_fn},
    pin::pin,
    rc::Rc,
    sync::Arc,
    task::Poll,
    thread,
    time::{Duration, Instant},
};

use fastrand::Rng;

use super::{
    Check, Fault,
    bench::{Handed, Outcome, Rig, cancel_all, join, join_all},
    recorder::{Injected, Plan},
    uids,
};
use crate::{
    Domain, Promise, call, call_on,
    events::{self, EventsError, SignalSender, Uid},
    spawn,
    sync::Mutex,
    yield_now,
};

/// Later than the end of any check.
pub(super) const FAR: Duration = Duration::from_secs(3600);
/// More calls of `select` than it takes to wait for `IDLE`, and far fewer than spinning makes.
const MANY_SELECTS: u64 = 1000;
const IDLE: Duration = Duration::from_millis(250);
const STORM: u32 = 100_000;
const LONG_SLICE: Duration = Duration::from_secs(10);

pub(super) fn perform(check: Check, rig: &Rig) -> Outcome {
    match check {
        Check::Seats => rig.run(Plan::default(), seats),
        Check::Deadlines => rig.run(Plan::default(), deadlines),
        Check::Order => rig.run(Plan::default(), order),
        Check::Overlap => rig.run(Plan::default(), overlap),
        Check::Reached => rig.run(Plan::default(), reached),
        Check::EarlyNews => rig.run(Plan { early: 8, ..Plan::default() }, early_news),
        Check::Storm => rig.run(Plan::default(), storm),
        Check::Cancelled => rig.run(Plan::default(), uids::cancelled),
        Check::Forgotten => rig.run(Plan::default(), uids::forgotten),
        Check::Stale => rig.run(Plan { replay: true, ..Plan::default() }, uids::stale),
        Check::Remembered => rig.run(Plan::default(), uids::remembered),
        Check::Failing => (0..3).try_for_each(|domain| failing(rig, domain)),
        Check::Afterwards => afterwards(rig),
        Check::Idle => rig.run(Plan::default(), idle),
        Check::Mixed => rig.run(Plan::default(), mixed),
    }
}

pub(super) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn wake(sender: &SignalSender) {
    // Whether it was asleep is all the same.
    let _ = sender.wake();
}

/// A task of this domain that sleeps, and has begun to once this one has given way.
pub(super) fn sleeper(rig: &Rig, after: Duration) -> Promise<Outcome> {
    let rig = rig.clone();
    spawn(async move { rig.sleep(after).await })
}

async fn seats(rig: Rig) -> Outcome {
    rig.everywhere(|rig| async move { rig.sleep(millis(1)).await }).await
}

async fn deadlines(rig: Rig) -> Outcome {
    rig.everywhere(|rig| async move {
        for after in [0, 1, 3, 10, 30, 0] {
            rig.sleep(millis(after)).await?;
        }
        Ok(())
    })
    .await
}

/// Between which times an operation ends, at the earliest.
#[derive(Clone, Copy)]
struct Span {
    from: Instant,
    to: Instant,
}

async fn order(rig: Rig) -> Outcome {
    rig.everywhere(|rig| async move {
        let resumed: Rc<RefCell<Vec<Span>>> = Rc::default();
        let start = |after| {
            let (rig, resumed) = (rig.clone(), resumed.clone());
            spawn(async move {
                let mut sleep = pin!(rig.sleep(after));
                let from = Instant::now() + after;
                let first = poll_fn(|cx| Poll::Ready(sleep.as_mut().poll(cx))).await;
                let to = Instant::now() + after;
                match first {
                    Poll::Ready(outcome) => outcome?,
                    Poll::Pending => sleep.await?,
                }
                resumed.borrow_mut().push(Span { from, to });
                Ok(())
            })
        };
        join_all([40, 10, 30, 0, 20, 50, 10].map(millis).map(start).into()).await?;
        let resumed = resumed.borrow();
        let mut pairs = (0..resumed.len()).flat_map(|at| resumed[at..].iter().map(move |later| (at, later)));
        // Each is held to what it knew for certain: a slow machine may have started them far apart.
        if pairs.any(|(at, later)| later.to < resumed[at].from) {
            return Err(Fault::Disorder);
        }
        Ok(())
    })
    .await
}

async fn overlap(rig: Rig) -> Outcome {
    const SLEEPERS: u32 = 100;
    let each = millis(50);
    let start = Instant::now();
    rig.everywhere(
        move |rig| async move { join_all((0..SLEEPERS).map(|_| sleeper(&rig, each)).collect()).await },
    )
    .await?;
    // One after the other they take that long on one domain alone.
    if start.elapsed() >= each * SLEEPERS {
        return Err(Fault::Serial);
    }
    Ok(())
}

async fn reached(rig: Rig) -> Outcome {
    let far = rig.elsewhere(|rig| async move { rig.sleep(FAR).await });
    for round in 0..20 {
        for domain in Domain::available() {
            // Some rounds find the domain asleep, the others on its way there.
            if round % 2 == 0 {
                rig.until_dry(domain).await;
            }
            join(call_on(domain, || async { Ok(()) })).await?;
        }
    }
    for round in 0..20 {
        for domain in Domain::available() {
            signalled_from_outside(&rig, domain, round % 2 == 0).await?;
        }
    }
    for domain in Domain::available() {
        rig.until_dry(domain).await;
    }
    cancel_all(far).await;
    Ok(())
}

/// A task of `domain` waits for a signal, which comes from a foreign thread.
async fn signalled_from_outside(rig: &Rig, domain: Domain, asleep: bool) -> Outcome {
    let address: Arc<Handed<(Uid, SignalSender)>> = Arc::default();
    let addressee = address.clone();
    let task = call_on(domain, move || async move {
        let syscall = events::syscall().map_err(run_error)?;
        let sender = events::signal_sender().map_err(run_error)?;
        addressee.put((syscall.uid(), sender));
        syscall.suspend(|_| Ok(())).await.map_err(Fault::Run)
    });
    let (uid, sender) = address.taken().await;
    if asleep {
        rig.until_dry(domain).await;
    }
    let thread = thread::Builder::new().spawn(move || sender.send(uid));
    let thread = thread.map_err(Fault::Run)?;
    let outcome = join(task).await;
    let _ = thread.join();
    outcome
}

pub(super) fn run_error(error: EventsError) -> Fault {
    Fault::Run(error.into())
}

async fn early_news(rig: Rig) -> Outcome {
    let far = rig.elsewhere(|rig| async move { rig.sleep(FAR).await });
    rig.sleep(millis(5)).await?;
    for domain in Domain::available() {
        join(call_on(domain, || async { Ok(()) })).await?;
    }
    cancel_all(far).await;
    Ok(())
}

async fn storm(rig: Rig) -> Outcome {
    for domain in Domain::available() {
        let computing: Arc<(Handed<SignalSender>, Mutex<bool>)> = Arc::default();
        let there = computing.clone();
        let task = call_on(domain, move || async move {
            let (begun, enough) = &*there;
            begun.put(events::signal_sender().map_err(run_error)?);
            // Not for ever: where an interrupt blocks, nobody comes to end this.
            let start = Instant::now();
            while !*enough.lock() && start.elapsed() < LONG_SLICE {
                thread::yield_now();
            }
            Ok(())
        });
        let (begun, enough) = &*computing;
        let sender = begun.taken().await;
        // While it computes; and from here, so that an interrupt that blocks is seen.
        rig.log.interrupt(domain.index(), STORM);
        (0..STORM).for_each(|_| wake(&sender));
        *enough.lock() = true;
        join(task).await?;
        // While it waits.
        rig.until_dry(domain).await;
        rig.log.interrupt(domain.index(), STORM / 100);
        (0..STORM / 100).for_each(|_| wake(&sender));
        // It gets on all the same.
        let there = rig.clone();
        join(call_on(domain, move || async move { there.sleep(millis(2)).await })).await?;
    }
    Ok(())
}

/// The events of domain `at` fail.
fn failing(rig: &Rig, at: usize) -> Outcome {
    let alive = Arc::new(());
    let hold = alive.clone();
    let ended = rig.run_to_failure(Plan::default(), |rig| async move {
        let guarded = move |rig: Rig| {
            let alive = hold.clone();
            async move {
                let _alive = alive;
                rig.sleep(FAR).await
            }
        };
        let far = rig.elsewhere(guarded.clone());
        let here = spawn(guarded(rig.clone()));
        for domain in Domain::available() {
            rig.until_dry(domain).await;
        }
        rig.log.fail(at);
        join(here).await?;
        join_all(far).await
    });
    if let Some(fault) = rig.log.take_fault() {
        return Err(fault);
    }
    match ended {
        Err(error) if error.get_ref().is_some_and(|error| error.is::<Injected>()) => {}
        Err(error) => return Err(Fault::Run(error)),
        Ok(_) => return Err(Fault::Scheduler("a select failed, and the run did not")),
    }
    if Arc::strong_count(&alive) > 1 {
        return Err(Fault::Scheduler("a task outlived its run"));
    }
    rig.log.verdict()
}

fn afterwards(rig: &Rig) -> Outcome {
    let kept: Arc<Mutex<Vec<(Uid, SignalSender)>>> = Arc::default();
    let keep = kept.clone();
    rig.run(Plan::default(), |rig| async move {
        rig.everywhere(move |rig| {
            let keep = keep.clone();
            async move {
                let syscall = events::syscall().map_err(run_error)?;
                let sender = events::signal_sender().map_err(run_error)?;
                keep.lock().push((syscall.uid(), sender));
                rig.sleep(millis(1)).await
            }
        })
        .await
    })?;
    for (uid, sender) in kept.lock().drain(..) {
        rig.log.interrupt(sender.domain().index(), 1000);
        for _ in 0..1000 {
            sender.send(uid);
        }
    }
    Ok(())
}

async fn idle(rig: Rig) -> Outcome {
    let far = rig.elsewhere(|rig| async move { rig.sleep(FAR).await });
    for domain in Domain::available() {
        rig.until_dry(domain).await;
    }
    let before = rig.log.selects();
    rig.sleep(IDLE).await?;
    let after = rig.log.selects();
    let most = before.iter().zip(&after).map(|(before, after)| after - before).max();
    cancel_all(far).await;
    match most {
        Some(most) if most > MANY_SELECTS => Err(Fault::Spins(most)),
        _ => Ok(()),
    }
}

async fn mixed(rig: Rig) -> Outcome {
    rig.everywhere(|rig| async move {
        // The same each time.
        let seed = Domain::current().map_or(0, |domain| domain.index() as u64);
        let mut rng = Rng::with_seed(seed);
        let mut tasks: Vec<_> = (0..60).map(|_| wanderer(rig.clone(), rng.fork())).map(spawn).collect();
        while !tasks.is_empty() {
            let task = tasks.swap_remove(rng.usize(..tasks.len()));
            if rng.u8(..4) == 0 {
                task.cancel().await.unwrap();
            } else {
                join(task).await?;
            }
        }
        Ok(())
    })
    .await
}

/// Sleeps, calls, and cancels at random.
async fn wanderer(rig: Rig, mut rng: Rng) -> Outcome {
    for _ in 0..4 {
        let after = Duration::from_micros(rng.u64(..2000));
        match rng.u8(..4) {
            0 => yield_now().await,
            1 => {
                let there = rig.clone();
                join(call(move || async move { there.sleep(after).await })).await?;
            }
            2 => {
                let there = rig.clone();
                let far = call(move || async move { there.sleep(FAR).await });
                rig.sleep(after).await?;
                far.cancel().await.unwrap();
            }
            _ => rig.sleep(after).await?,
        }
    }
    Ok(())
}
