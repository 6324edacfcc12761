//! The pool: as many threads as there are closures under way, up to a limit.
//!
//! Not the crate `blocking`: where no thread can be started that one tries again for ever, on the thread of the
//! domain that asks.

use std::{
    collections::BTreeMap,
    env, io, mem, thread,
    time::{Duration, Instant},
};

use crate::{
    forks,
    sync::{Mutex, Sleeper},
    task::shielded,
};

/// How many threads there are at most, unless the environment says otherwise.
const LIMIT: usize = 500;
const LIMITS: &str = "BLOCKING_MAX_THREADS";

const PATIENCE: Duration = Duration::from_secs(10);

/// Called on a thread of the pool, or with the error that there is none, and none can be started.
type Task = Box<dyn FnOnce(io::Result<()>) + Send>;

struct Pool {
    state: Mutex<State>,
    /// Where threads wait for a task.
    sleeper: Sleeper,
    limit: usize,
    /// How long a thread waits for something to do before it ends.
    patience: Duration,
}

struct State {
    /// By their numbers: the first has the least.
    queue: BTreeMap<u64, Task>,
    /// The number of the next.
    next: u64,
    threads: usize,
    /// Those of them that are about to sleep, sleep, or have just been woken.
    idle: usize,
}

/// A task's place in the queue.
pub(super) struct Place {
    pool: &'static Pool,
    generation: u32,
    number: u64,
}

impl Place {
    /// Takes the task out, if it has not begun.
    pub(super) fn leave(&self) {
        // The parent's queue is the parent's: a thread of it may have held the lock when it forked.
        if self.generation == forks::generation() {
            let task = self.pool.state.lock().queue.remove(&self.number);
            drop(task);
        }
    }
}

/// Has a thread run the task, after those before it. Where there is none, it has its error, from here or from
/// whoever else was about to start one.
pub(super) fn run(task: Task) -> Place {
    let pool = pool();
    Place { pool, generation: forks::generation(), number: pool.push(task) }
}

/// The pool of this process. None of its parent's threads came along with a forked child, which has a pool of
/// its own, and leaves the other alone.
fn pool() -> &'static Pool {
    static POOL: Mutex<Option<(u32, &Pool)>> = Mutex::new(None);
    // Where that fails, a child that was forked outside of a run is taken for its parent.
    let _ = forks::watch();
    let mut there = POOL.lock();
    match *there {
        Some((generation, pool)) if generation == forks::generation() => pool,
        _ => {
            let pool = Box::leak(Box::new(Pool::new(limit(env::var(LIMITS).ok()), PATIENCE)));
            *there = Some((forks::generation(), pool));
            pool
        }
    }
}

fn limit(told: Option<String>) -> usize {
    told.and_then(|told| told.parse().ok()).unwrap_or(LIMIT).clamp(1, 10_000)
}

impl Pool {
    fn new(limit: usize, patience: Duration) -> Self {
        let state = State { queue: BTreeMap::new(), next: 0, threads: 0, idle: 0 };
        Self { state: Mutex::new(state), sleeper: Sleeper::new(), limit, patience }
    }

    /// The task's number.
    fn push(&'static self, task: Task) -> u64 {
        let mut state = self.state.lock();
        let number = state.next;
        state.next += 1;
        state.queue.insert(number, task);
        let is_short = state.queue.len() > state.idle && state.threads < self.limit;
        state.threads += usize::from(is_short);
        drop(state);
        if !is_short {
            self.sleeper.wake();
        } else if let Err(error) = thread::Builder::new().name("vigie-pool".to_owned()).spawn(|| self.serve())
        {
            self.refused(&error);
        }
        number
    }

    /// A thread cannot be started. The tasks wait for the others, if there are any, or are about to be.
    fn refused(&self, error: &io::Error) {
        let mut state = self.state.lock();
        state.threads -= 1;
        let stranded = if state.threads == 0 { mem::take(&mut state.queue) } else { BTreeMap::new() };
        drop(state);
        for task in stranded.into_values() {
            // Not of the system's kind, which would be that of an operation that is only to be tried again.
            let error = io::Error::other(format!("no thread for the pool: {error}"));
            shielded(|| task(Err(error)));
        }
    }

    /// The life of a thread.
    fn serve(&self) {
        while let Some(task) = self.next() {
            shielded(|| task(Ok(())));
        }
    }

    /// The next task; none when the thread is to end.
    fn next(&self) -> Option<Task> {
        let mut state = self.state.lock();
        let deadline = Instant::now() + self.patience;
        loop {
            if let Some((_, task)) = state.queue.pop_first() {
                return Some(task);
            }
            if Instant::now() >= deadline {
                // Whoever brings a task after this finds one thread less.
                state.threads -= 1;
                return None;
            }
            state.idle += 1;
            drop(state);
            self.sleeper.sleep_while(|| self.state.lock().queue.is_empty(), Some(deadline));
            state = self.state.lock();
            state.idle -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn pool(limit: usize, patience: Duration) -> &'static Pool {
        Box::leak(Box::new(Pool::new(limit, patience)))
    }

    #[test]
    fn threads_come_as_they_are_needed_and_no_more_than_allowed() {
        let pool = pool(3, Duration::from_secs(3600));
        let (done, ends) = mpsc::channel();
        let go: Vec<_> = (0..5)
            .map(|n| {
                let (done, (go, wait)) = (done.clone(), mpsc::channel::<()>());
                pool.push(Box::new(move |_| {
                    let _ = wait.recv();
                    done.send(n).unwrap();
                }));
                go
            })
            .collect();
        assert_eq!(pool.state.lock().threads, 3);
        for (n, go) in go.iter().enumerate() {
            go.send(()).unwrap();
            assert_eq!(ends.recv().unwrap(), n);
        }
        // The first of them serves the next, panic or not.
        for _ in 0..20 {
            let done = done.clone();
            pool.push(Box::new(move |_| {
                done.send(5).unwrap();
                panic!("a task's own");
            }));
            assert_eq!(ends.recv().unwrap(), 5);
        }
        assert_eq!(pool.state.lock().threads, 3);
    }

    #[test]
    fn threads_that_are_not_needed_end() {
        let pool = pool(3, Duration::from_millis(1));
        for _ in 0..3 {
            let (done, ends) = mpsc::channel();
            for _ in 0..10 {
                let done = done.clone();
                pool.push(Box::new(move |_| done.send(()).unwrap()));
            }
            drop(done);
            assert_eq!(ends.iter().count(), 10);
            while pool.state.lock().threads > 0 {
                thread::yield_now();
            }
            assert_eq!(pool.state.lock().idle, 0);
        }
    }

    #[test]
    fn what_leaves_the_queue_is_gone_and_the_others_keep_their_order() {
        let pool = pool(1, Duration::from_secs(3600));
        let (done, ends) = mpsc::channel();
        let (go, wait) = mpsc::channel::<()>();
        pool.push(Box::new(move |_| wait.recv().unwrap()));
        let [first, second, third] = [1, 2, 3].map(|n| {
            let done = done.clone();
            let number = pool.push(Box::new(move |_| done.send(n).unwrap()));
            Place { pool, generation: forks::generation(), number }
        });
        drop(done);
        second.leave();
        assert!(!pool.state.lock().queue.contains_key(&second.number));
        go.send(()).unwrap();
        assert_eq!(ends.iter().collect::<Vec<_>>(), [1, 3]);
        // Those that have begun have left already.
        first.leave();
        third.leave();
    }

    #[test]
    fn the_limit_is_a_number_within_reason() {
        let limits = [None, Some("7"), Some("0"), Some("1000000"), Some("many")];
        let limits = limits.map(|told| limit(told.map(str::to_owned)));
        assert_eq!(limits, [500, 7, 1, 10_000, 500]);
    }
}
