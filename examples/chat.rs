//! Sleepers: how to write events of your own, in four steps. Read it from top to bottom.
//!
//! Vigie's scheduler knows no clock. What a domain waits for is injected: a value that implements
//! `vigie::events::Events`, one per domain, made on the domain's own thread and called only from it. Here
//! are three implementations of the same small thing, a `sleep`, on that public contract alone:
//!
//! 1. `Global`: one queue of sleepers for all domains, behind a lock;
//! 2. `PerDomain`: a queue for each domain, and no lock at all;
//! 3. `Blocking`: the same, which waits inside of `select`, and so has to be interrupted;
//! 4. `PerDomain` again, which never waits by itself, and yet a program that waits uses no processor.
//!
//! `chat --events observer` runs the same steps on the events that come with Vigie, to compare.

#![allow(clippy::print_stdout, clippy::print_stderr, clippy::disallowed_types, reason = "a program")]

use std::{
    collections::BTreeSet,
    future::Future,
    io,
    process::ExitCode,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use vigie::{
    Builder, call,
    events::{self, Events, Interrupt, Seat, Signals, Uid},
    spawn,
};

#[path = "chat/args.rs"]
mod args;

const SECOND: Duration = Duration::from_secs(1);

// --- The task's side: the same for all events ---------------------------------------------------

/// Events that can be asked to signal a uid at a given time.
trait Alarm: Events {
    fn set(&mut self, at: Instant, uid: Uid);
}

/// Suspends the current task for `duration`.
async fn sleep<A: Alarm>(duration: Duration) -> io::Result<()> {
    let at = Instant::now() + duration;
    // A name for this one suspension: it is never used again, so that a signal which comes too late
    // wakes nobody else.
    let syscall = events::syscall()?;
    // The closure runs once the suspension exists: a signal cannot come too early. If this future is
    // dropped, because its task is cancelled, the next `select` is told of the uid.
    syscall.suspend(|uid| Ok(events::with(|alarm: &mut A| alarm.set(at, uid))?)).await
}

/// What a function like that returns.
trait Sleep: Future<Output = io::Result<()>> + 'static {}
impl<F: Future<Output = io::Result<()>> + 'static> Sleep for F {}

/// Runs `main` on the events that the builder brings, and tells how long it took.
fn timed<F: Sleep>(what: &str, builder: Builder, main: F) -> io::Result<()> {
    let start = Instant::now();
    builder.run(main)??;
    println!("{what} took {:.3} s", start.elapsed().as_secs_f64());
    Ok(())
}

/// Who sleeps, by the time at which they want to be woken.
type Sleepers = BTreeSet<(Instant, Uid)>;

// --- Step 1: one queue for all domains, behind a lock --------------------------------------------

/// Each domain has a `Global`; all of them share one queue, and each searches it for its own sleepers.
struct Global {
    here: usize,
    sleepers: Arc<Mutex<Sleepers>>,
}

impl Global {
    fn lock(&self) -> MutexGuard<'_, Sleepers> {
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Events for Global {
    /// The domain calls this before each quantum, and before it parks. Whether it may `block` is of no
    /// concern here: these events never do. The tasks resume in the order of their `signals`.
    fn select(&mut self, _block: bool, cancelled: &[Uid], signals: &mut Signals) -> io::Result<()> {
        let now = Instant::now();
        self.lock().retain(|(at, uid)| {
            let due = *at <= now && uid.domain() == self.here;
            if due {
                signals.push(*uid);
            }
            // A cancelled uid that is not found was signalled already, and is nobody's concern.
            !due && !cancelled.contains(uid)
        });
        Ok(())
    }

    /// How long the domain may park: `select` must be called again at this time.
    fn deadline(&self) -> Option<Instant> {
        self.lock().iter().find(|(_, uid)| uid.domain() == self.here).map(|(at, _)| *at)
    }
}

impl Alarm for Global {
    fn set(&mut self, at: Instant, uid: Uid) {
        self.lock().insert((at, uid));
    }
}

fn step_1<F: Sleep>(builder: Builder, sleep: fn(Duration) -> F) -> io::Result<()> {
    timed("step 1: sleepers of 1 s and 2 s on one domain", builder, async move {
        let (one, two) = (spawn(sleep(SECOND)), spawn(sleep(2 * SECOND)));
        one.await??;
        two.await?
    })
}

// --- Step 2: a queue for each domain --------------------------------------------------------------

/// A task never leaves its domain, and neither do its sleeps: so the queue may as well be the domain's
/// own. The contract makes that easy. There is one value per domain, and it need not even be `Send`.
#[derive(Default)]
struct PerDomain(Sleepers);

/// Forgets who was cancelled, and wakes whose time has come. (It looks at all sleepers for each that was
/// cancelled; events for many of them would keep a map from the uid to its time.)
fn attend(sleepers: &mut Sleepers, cancelled: &[Uid], signals: &mut Signals) {
    for gone in cancelled {
        sleepers.retain(|(_, uid)| uid != gone);
    }
    while let Some(&(at, uid)) = sleepers.first().filter(|(at, _)| *at <= Instant::now()) {
        sleepers.remove(&(at, uid));
        signals.push(uid);
    }
}

impl Events for PerDomain {
    fn select(&mut self, _block: bool, cancelled: &[Uid], signals: &mut Signals) -> io::Result<()> {
        attend(&mut self.0, cancelled, signals);
        Ok(())
    }

    fn deadline(&self) -> Option<Instant> {
        self.0.first().map(|(at, _)| *at)
    }
}

impl Alarm for PerDomain {
    fn set(&mut self, at: Instant, uid: Uid) {
        self.0.insert((at, uid));
    }
}

fn step_2<F: Sleep>(builder: Builder, sleep: fn(Duration) -> F) -> io::Result<()> {
    timed("step 2: sleepers of 1 s and 2 s on other domains", builder, async move {
        let (one, two) = (call(move || sleep(SECOND)), call(move || sleep(2 * SECOND)));
        one.await??;
        two.await?
    })
}

// --- Step 3: events that block, and how they are interrupted --------------------------------------

/// These wait inside of `select`, as events do that know no better: here on a condition variable, which
/// stands for whatever system call you may have. While they wait the domain sees nothing else, so they
/// must give it a way to interrupt them.
#[derive(Default)]
struct Blocking {
    sleepers: Sleepers,
    bell: Arc<Bell>,
}

/// Has it rung since it was last waited for?
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    condvar: Condvar,
}

impl Bell {
    fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.condvar.notify_one();
    }

    /// Waits for the bell. One that rang before must count too: the interrupt may come after the domain
    /// has decided to block, and before it waits here.
    fn wait(&self, until: Option<Instant>) {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let time = until.map_or(Duration::MAX, |at| at.saturating_duration_since(Instant::now()));
        let waited = self.condvar.wait_timeout_while(rung, time, |rung| !*rung);
        *waited.unwrap_or_else(PoisonError::into_inner).0 = false;
    }
}

impl Events for Blocking {
    /// With `block` nothing can run, and it may wait: until the first sleeper's time, or the bell.
    fn select(&mut self, block: bool, cancelled: &[Uid], signals: &mut Signals) -> io::Result<()> {
        // First of all: what was cancelled must not be waited for.
        attend(&mut self.sleepers, cancelled, signals);
        if block && signals.is_empty() {
            self.bell.wait(self.sleepers.first().map(|(at, _)| *at));
            attend(&mut self.sleepers, &[], signals);
        }
        Ok(())
    }

    /// The closure may be called by any thread at any time, also after the end of the run. It must not
    /// block; ringing twice is ringing once. The domain calls it only while it may be blocked.
    fn interrupt(&self) -> Option<Interrupt> {
        let bell = self.bell.clone();
        Some(Box::new(move || bell.ring()))
    }
}

impl Alarm for Blocking {
    fn set(&mut self, at: Instant, uid: Uid) {
        self.sleepers.insert((at, uid));
    }
}

fn step_3<F: Sleep>(builder: Builder, sleep: fn(Duration) -> F) -> io::Result<()> {
    let took = builder.run(async move {
        let sleeper = call(move || sleep(10 * SECOND));
        // By the end of this it sleeps, and its domain has nothing else to do.
        sleep(SECOND / 5).await?;
        let start = Instant::now();
        // The cancellation goes to the other domain, which must see it; the end of the task comes back.
        sleeper.cancel().await.unwrap();
        io::Result::Ok(start.elapsed())
    })??;
    println!("step 3: cancelling a sleeper of 10 s on another domain took {:.6} s", took.as_secs_f64());
    Ok(())
}

// --- Step 4: waiting costs nothing ----------------------------------------------------------------

/// Events without an interrupt never block; the domain does, after `select`: it parks until `deadline`,
/// or until another thread has news for it. That is how a blocking source becomes events, too: a thread
/// of its own waits for it, and then uses the domain's `SignalSender`. No interrupt is ever needed.
fn step_4<F: Sleep>(builder: Builder, sleep: fn(Duration) -> F) -> io::Result<()> {
    let before = cpu_time();
    timed("step 4: a sleeper of 2 s on another domain", builder, async move {
        call(move || sleep(2 * SECOND)).await?
    })?;
    let used = cpu_time().zip(before).map(|(after, before)| format!("{:.2} s", after - before));
    println!("step 4: processor time: {}", used.as_deref().unwrap_or("unknown here"));
    Ok(())
}

/// The processor time of all threads of this process, in seconds, where the system tells it as Linux does.
fn cpu_time() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The 14th and 15th fields, in hundredths of a second; the second one may contain blanks.
    let fields = stat.rsplit(')').next()?.split_whitespace().skip(11).take(2);
    Some(fields.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0)
}

// --- The program ----------------------------------------------------------------------------------

fn perform(step: u8, args: &args::Args) -> io::Result<()> {
    let builder = Builder::new().extra_domains(args.domains.get() - 1);
    let Some(variant) = args.events else {
        let sleepers = Arc::<Mutex<Sleepers>>::default();
        let global = move |seat: Seat| Ok(Global { here: seat.domain().index(), sleepers: sleepers.clone() });
        return match step {
            1 => step_1(builder.events(global), sleep::<Global>),
            2 => step_2(builder.events(|_| Ok(PerDomain::default())), sleep::<PerDomain>),
            3 => step_3(builder.events(|_| Ok(Blocking::default())), sleep::<Blocking>),
            _ => step_4(builder.events(|_| Ok(PerDomain::default())), sleep::<PerDomain>),
        };
    };
    let builder = builder.variant(variant).backend(args.poller);
    let sleep = |duration| async move { Ok(vigie::time::sleep(duration).await?) };
    let steps = [step_1, step_2, step_3, step_4];
    steps[usize::from(step) - 1](builder, sleep)
}

fn main() -> ExitCode {
    let args = match args::Args::parse(std::env::args().skip(1)) {
        Ok(Some(args)) => args,
        Ok(None) => {
            println!("{}", args::HELP);
            return ExitCode::SUCCESS;
        }
        Err(why) => {
            eprintln!("chat: {why}\nTry --help.");
            return ExitCode::from(2);
        }
    };
    match args.step.map_or(1..=4, |step| step..=step).try_for_each(|step| perform(step, &args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chat: {error}");
            ExitCode::FAILURE
        }
    }
}
