//! May: coroutines with stacks of their own, on one worker. What they wait for blocks them, and never gives
//! `Pending` to whoever polls: so the main task, a future, is one in form only.

use std::{
    fs,
    future::Future,
    io::{self, Read},
    net::SocketAddr,
    time::{Duration, Instant},
};

use futures_lite::future::{block_on, poll_once};
use may::{
    config,
    coroutine::{self, Builder, JoinHandle, park, sleep, yield_now},
    go,
    net::TcpStream,
};

use crate::micro::{
    cases::{Case, Sleepers, What},
    loops::{self, Woken},
    runtime::{Contender, Far, Near, Tally, unable},
};

pub(super) const CONTENDERS: &[&dyn Contender] = &[&May];

/// Of the main coroutine's stack, in words.
const STACK: usize = 0x8000;

struct May;

impl Contender for May {
    fn name(&self) -> &'static str {
        "may"
    }

    fn measure(&self, case: &Case, count: u32) -> io::Result<Vec<f64>> {
        // One thread, like the others, and no more bound to a processor than they are.
        config().set_workers(1).set_worker_pin(false);
        match case.what {
            What::Cancel | What::Sleep(Sleepers::HalfCancelled) => unable(CANNOT_CANCEL),
            What::Sleep(_) if count >= most_coroutines()? => {
                unable("a stack for each is more than the kernel maps (vm.max_map_count)")
            }
            What::Call { .. } => loops::far::<Worker>((), case, count),
            _ => loops::near::<Coroutines>((), case, count),
        }
    }
}

const CANNOT_CANCEL: &str = "to cancel a coroutine is unsafe";

/// Each stack is two maps: itself and its guard. Some are left to the rest of the process.
fn most_coroutines() -> io::Result<u32> {
    let maps = fs::read_to_string("/proc/sys/vm/max_map_count")?;
    let maps: u32 = maps.trim().parse().map_err(io::Error::other)?;
    Ok((maps / 2).saturating_sub(1000))
}

/// What runs within coroutines.
struct Coroutines;

impl Near for Coroutines {
    type How = ();
    type Task = JoinHandle<io::Result<()>>;

    fn run<F>((): (), main: impl FnOnce(Self) -> F + Send + 'static) -> io::Result<F::Output>
    where
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        let main = go!(Builder::new().stack_size(STACK), move || block_on(poll_once(main(Self))))?;
        let output = joined(main)?;
        output.ok_or_else(|| io::Error::other("the main task was pending"))
    }

    fn ready(&self) -> Self::Task {
        go!(|| Ok(()))
    }

    fn yields(&self, count: u32) -> Self::Task {
        go!(move || {
            for _ in 0..count {
                yield_now();
            }
            Ok(())
        })
    }

    fn reads(&self, from: SocketAddr, connected: Tally) -> Self::Task {
        go!(move || {
            let mut stream = TcpStream::connect(from)?;
            connected.add();
            stream.read(&mut [0; 64]).map(drop)
        })
    }

    fn sleeps(&self, until: Instant, begun: Tally) -> Self::Task {
        go!(move || {
            begun.add();
            sleep(until.saturating_duration_since(Instant::now()));
            Ok(())
        })
    }

    fn waits(&self, woken: Woken) -> Self::Task {
        go!(move || {
            let this = coroutine::current();
            woken.begin(Box::new(move || this.unpark()));
            loop {
                park();
                if woken.is_over() {
                    return Ok(());
                }
            }
        })
    }

    async fn join(&self, task: Self::Task) -> io::Result<()> {
        joined(task)?
    }

    async fn cancel(&self, _task: Self::Task) -> io::Result<()> {
        unable(CANNOT_CANCEL)
    }
}

/// A thread that starts coroutines on the worker.
struct Worker;

impl Far for Worker {
    type How = ();
    type Sleeper = JoinHandle<()>;

    fn run<F>((): (), main: impl FnOnce(Self) -> F + Send + 'static) -> io::Result<F::Output>
    where
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        Ok(block_on(main(Self)))
    }

    async fn call(&self) -> io::Result<()> {
        joined(go!(|| {}))
    }

    fn sleeper(&self, begun: Tally) -> io::Result<Self::Sleeper> {
        Ok(go!(move || {
            begun.add();
            sleep(Duration::MAX);
        }))
    }

    async fn cancel(&self, _sleeper: Self::Sleeper) -> io::Result<()> {
        unable(CANNOT_CANCEL)
    }
}

fn joined<T>(task: JoinHandle<T>) -> io::Result<T> {
    task.join().map_err(|_| io::Error::other("a coroutine panicked"))
}
