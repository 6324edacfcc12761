//! What several topics need.

use std::{
    cell::Cell,
    env,
    future::{Future, poll_fn},
    process::Command,
    rc::Rc,
    sync::{Arc, Mutex, MutexGuard},
    task::{Poll, Waker},
    thread,
    time::{Duration, Instant},
};

use vigie::{
    Builder, Domain, Promise,
    system::{Backend, Variant},
    time::timeout,
};

/// Runs `test` for every variant of the system's events on every back end of this build.
pub(crate) fn each(test: impl Fn(Builder)) {
    if cfg!(miri) {
        return test(plain());
    }
    for variant in Variant::ALL {
        for backend in Backend::ALL {
            eprintln!("-- {variant} on {backend}");
            test(Builder::new().variant(variant).backend(*backend).extra_domains(2));
        }
    }
}

/// Two extra domains, for what does not depend on the events. Miri, which knows few of the system's
/// calls, gets none of them.
pub(crate) fn plain() -> Builder {
    let builder = Builder::new().extra_domains(2);
    if cfg!(miri) { builder.events(|_| Ok(())) } else { builder }
}

/// So many that what is quadratic, recursive or never let go shows.
pub(crate) const MANY: usize = if cfg!(miri) { 50 } else { 100_000 };

/// So often that a rare moment is met.
pub(crate) const fn rounds(count: usize) -> usize {
    if cfg!(miri) { count / 100 + 2 } else { count }
}

/// A value that can be shared with tasks of any domain, and with destructors.
#[derive(Debug, Default)]
pub(crate) struct Shared<T>(Arc<Mutex<T>>);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> From<T> for Shared<T> {
    fn from(value: T) -> Self {
        Self(Arc::new(Mutex::new(value)))
    }
}

impl<T> Shared<T> {
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap()
    }
}

/// What happened, in order, on any domain.
pub(crate) type Log<T> = Shared<Vec<T>>;

impl<T> Log<T> {
    pub(crate) fn push(&self, entry: T) {
        self.lock().push(entry);
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    pub(crate) fn take(&self) -> Vec<T> {
        std::mem::take(&mut self.lock())
    }
}

/// Calls a function when it is dropped.
pub(crate) struct OnDrop<F: FnMut()>(F);

pub(crate) fn on_drop<F: FnMut()>(f: F) -> OnDrop<F> {
    OnDrop(f)
}

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Writes down its name, and the domain that it is dropped on.
#[derive(Debug)]
pub(crate) struct Traced(pub(crate) &'static str, pub(crate) Drops);

pub(crate) type Drops = Log<(&'static str, Option<Domain>)>;

impl Drop for Traced {
    fn drop(&mut self) {
        self.1.push((self.0, Domain::current()));
    }
}

/// Panics when it is dropped.
#[derive(Debug)]
pub(crate) struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("the bomb went off");
    }
}

/// Opened once by anybody; any number of tasks, on any domain, wait for that.
#[derive(Clone, Default)]
pub(crate) struct Gate(Shared<(bool, Vec<Waker>)>);

impl Gate {
    pub(crate) fn open(&self) {
        let waiting = {
            let mut gate = self.0.lock();
            gate.0 = true;
            std::mem::take(&mut gate.1)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    pub(crate) async fn opened(&self) {
        poll_fn(|cx| {
            let mut gate = self.0.lock();
            if gate.0 {
                return Poll::Ready(());
            }
            gate.1.push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// Gives way until `condition`, which another domain makes true, holds.
pub(crate) async fn until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        // Where there is one processor only, the other domain needs it.
        thread::yield_now();
        vigie::yield_now().await;
    }
}

/// The output of what must not hang. Nothing depends on the time but how soon a failure shows.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    // Miri has no timers.
    if cfg!(miri) { future.await } else { timeout(Duration::from_secs(60), future).await.expect("it hangs") }
}

/// Many turns, in which whatever must not happen could.
pub(crate) async fn turns(count: usize) {
    for _ in 0..count {
        vigie::yield_now().await;
    }
}

/// A task that gives way again and again, and counts.
pub(crate) fn ticker() -> (Rc<Cell<usize>>, Promise<()>) {
    let ticks = Rc::new(Cell::new(0));
    let own = ticks.clone();
    let task = vigie::spawn(async move {
        loop {
            own.set(own.get() + 1);
            vigie::yield_now().await;
        }
    });
    (ticks, task)
}

/// Does `condition`, which the kernel or another thread makes true, hold before long?
pub(crate) fn eventually(mut condition: impl FnMut() -> bool) -> bool {
    let patience = Instant::now() + Duration::from_secs(30);
    while !condition() {
        if Instant::now() > patience {
            return false;
        }
        thread::sleep(Duration::from_millis(1));
    }
    true
}

/// A thread, as others see it.
#[derive(Clone)]
#[cfg(feature = "blocking")]
pub(crate) struct Sleeper {
    #[cfg(all(target_os = "linux", not(miri)))]
    status: std::path::PathBuf,
}

#[cfg(feature = "blocking")]
impl Sleeper {
    /// This one.
    pub(crate) fn here() -> Self {
        Self {
            #[cfg(all(target_os = "linux", not(miri)))]
            status: std::fs::canonicalize("/proc/thread-self").unwrap().join("status"),
        }
    }

    /// Waits until it sleeps, and sleeps on. Where the system does not tell, it is given the time to.
    pub(crate) fn wait(&self) {
        #[cfg(all(target_os = "linux", not(miri)))]
        {
            let mut seen = (0, 0);
            let sleeps = || {
                let status = std::fs::read_to_string(&self.status).unwrap();
                let naps = proc::number_after(&status, "\nvoluntary_ctxt_switches:");
                let same = status.contains("\nState:\tS") && naps == seen.0;
                seen = (naps, if same { seen.1 + 1 } else { 0 });
                seen.1 == 5
            };
            assert!(eventually(sleeps), "it is awake");
        }
        #[cfg(not(all(target_os = "linux", not(miri))))]
        thread::sleep(Duration::from_millis(20));
    }
}

const CHILD: &str = "VIGIE_TEST_CHILD";

/// This binary again, to run the one test `name`, as in `"module::test"`.
pub(crate) fn child(name: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args([name, "--exact", "--nocapture", "--test-threads=1"]).env(CHILD, name);
    command
}

/// Is this the process of [`child`]?
pub(crate) fn is_child(name: &str) -> bool {
    env::var_os(CHILD).is_some_and(|child| child == name)
}

/// Runs the test `name` in a process of its own, where no other test's threads, descriptors or memory
/// are counted, and where an abort is one test's failure.
pub(crate) fn alone(name: &str, test: impl FnOnce()) {
    alone_with(name, &[], test);
}

/// As [`alone`], with these variables in its environment.
pub(crate) fn alone_with(name: &str, variables: &[(&str, &str)], test: impl FnOnce()) {
    // Miri starts no processes.
    if cfg!(miri) || is_child(name) {
        return test();
    }
    let output = child(name).envs(variables.iter().copied()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{}\n{text}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}

/// What the kernel counts of this process.
#[cfg(target_os = "linux")]
pub(crate) mod proc {
    use std::{fs, time::Duration};

    /// The names of its threads.
    pub(crate) fn threads() -> Vec<String> {
        let tasks = fs::read_dir("/proc/self/task").unwrap();
        // A thread may end between the listing and the reading.
        let names = tasks.filter_map(|task| fs::read_to_string(task.unwrap().path().join("comm")).ok());
        names.map(|name| name.trim_end().to_owned()).collect()
    }

    /// How many descriptors it has open, the one that counts them included.
    pub(crate) fn descriptors() -> usize {
        fs::read_dir("/proc/self/fd").unwrap().count()
    }

    /// The memory that it really has of its own, in KiB: nothing of files, whose pages come as the system
    /// pleases.
    pub(crate) fn memory() -> usize {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        number_after(&status, "RssAnon:")
    }

    /// The memory that it has been promised, in KiB.
    #[cfg(feature = "blocking")]
    pub(crate) fn address_space() -> usize {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        number_after(&status, "VmSize:")
    }

    /// Processor time, user's and system's, of all its threads.
    pub(crate) fn cpu_time() -> Duration {
        let stat = fs::read_to_string("/proc/self/stat").unwrap();
        // The name in parentheses may hold blanks; 11 fields later come utime and stime, in 1/100 s.
        let fields = stat.rsplit(')').next().unwrap().split_whitespace();
        let ticks: u64 = fields.skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum();
        Duration::from_millis(10 * ticks)
    }

    /// How often its threads of today went to sleep by themselves.
    pub(crate) fn sleeps() -> usize {
        let tasks = fs::read_dir("/proc/self/task").unwrap();
        let statuses = tasks.filter_map(|task| fs::read_to_string(task.unwrap().path().join("status")).ok());
        statuses.map(|status| number_after(&status, "\nvoluntary_ctxt_switches:")).sum()
    }

    pub(crate) fn number_after(text: &str, label: &str) -> usize {
        let rest = text.split(label).nth(1).unwrap();
        rest.split_whitespace().next().unwrap().parse().unwrap()
    }
}
