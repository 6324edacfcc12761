//! What another thread pays to wake a task, on a thread that is awake and on one that sleeps.

use std::{
    future::poll_fn,
    hint, io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, Sender},
    },
    task::Poll,
    thread,
    time::{Duration, Instant},
};

use crate::micro::{
    loops::{call::PAUSE, percentile, warm_up},
    runtime::{Near, Tally},
};

/// How many tasks are woken in a row, each once, where a single wake is too short for the clock.
/// All of them fit into the queues that some runtimes bound.
const BATCH: u32 = 32;
/// Some look for wakes from other threads so seldom that a round takes them long: half of this warms up then,
/// and there are no more of them after all of it.
const ENOUGH: Duration = Duration::from_secs(1);

/// Wakes one task.
pub(crate) type Bell = Box<dyn Fn() + Send>;

/// What a task that is woken again and again has of the thread that wakes it.
#[derive(Clone)]
pub(crate) struct Woken {
    bells: Sender<Bell>,
    runs: Tally,
    over: Arc<AtomicBool>,
}

impl Woken {
    fn new() -> (Self, Receiver<Bell>) {
        let (bells, receiver) = mpsc::channel();
        (Self { bells, runs: Tally::default(), over: Arc::default() }, receiver)
    }

    /// The task begins: hands out how it is woken.
    pub(crate) fn begin(&self, bell: Bell) {
        // The other end waits for it.
        self.bells.send(bell).expect("the waking thread lives");
    }

    /// The task has been woken; is that all?
    pub(crate) fn is_over(&self) -> bool {
        self.runs.add();
        self.over.load(Ordering::Acquire)
    }

    /// The body of the task, where a task is a future.
    pub(crate) async fn wait(self) -> io::Result<()> {
        let mut begun = false;
        poll_fn(move |cx| {
            if !begun {
                begun = true;
                let waker = cx.waker().clone();
                self.begin(Box::new(move || waker.wake_by_ref()));
                return Poll::Pending;
            }
            if self.is_over() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        Ok(())
    }
}

/// In nanoseconds a wake, while the tasks' thread is busy.
pub(super) async fn awake<N: Near>(near: &N, count: u32) -> io::Result<f64> {
    let (woken, bells) = Woken::new();
    let tasks: Vec<_> = (0..BATCH).map(|_| near.waits(woken.clone())).collect();
    let (runs, over) = (woken.runs.clone(), woken.over.clone());
    let waking = thread::spawn(move || {
        let bells: Vec<_> = bells.iter().take(BATCH as usize).collect();
        let mut samples = Vec::new();
        let mut before = 0;
        let begun = Instant::now();
        for at in 0..(warm_up(count) + count).div_ceil(BATCH) {
            let warm = at >= warm_up(count) / BATCH || begun.elapsed() > ENOUGH / 2;
            let start = Instant::now();
            for bell in &bells {
                bell();
            }
            if warm {
                samples.push(start.elapsed().as_nanos() as f64 / f64::from(BATCH));
            }
            // All have run before the next round: no wake finds its task woken already.
            before += BATCH;
            while runs.count() < before {
                hint::spin_loop();
            }
            if begun.elapsed() > ENOUGH && !samples.is_empty() {
                break;
            }
        }
        over.store(true, Ordering::Release);
        bells.iter().for_each(|bell| bell());
        percentile(&mut samples, 50)
    });
    while !woken.over.load(Ordering::Acquire) {
        near.join(near.yields(1000)).await?;
    }
    for task in tasks {
        near.join(task).await?;
    }
    waking.join().map_err(|_| io::Error::other("the waking thread panicked"))
}

/// The median, in nanoseconds a wake, where the task's thread sleeps.
pub(super) async fn parked<N: Near>(near: &N, count: u32) -> io::Result<f64> {
    let (woken, bells) = Woken::new();
    let task = near.waits(woken.clone());
    let waking = thread::spawn(move || {
        let bell = bells.recv().map_err(io::Error::other)?;
        let mut samples = Vec::new();
        for at in 0..warm_up(count) + count {
            thread::sleep(PAUSE);
            let start = Instant::now();
            bell();
            if at >= warm_up(count) {
                samples.push(start.elapsed().as_nanos() as f64);
            }
            while woken.runs.count() <= at {
                hint::spin_loop();
            }
        }
        woken.over.store(true, Ordering::Release);
        bell();
        Ok(percentile(&mut samples, 50))
    });
    near.join(task).await?;
    waking.join().unwrap_or_else(|_| Err(io::Error::other("the waking thread panicked")))
}
