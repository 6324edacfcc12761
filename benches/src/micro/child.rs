//! One measurement, in a process of its own: no runtime meets another's threads, thread-locals or heap, and one
//! that crashes or hangs ends nothing but itself.

use std::{
    env, io,
    process::{Child, Command, Output, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};

use super::{cases::Case, runtime::Contender};

/// More than any measurement takes.
const LIMIT: Duration = Duration::from_secs(60);

/// Starts the process, and reads what it has measured.
///
/// # Errors
///
/// What it says itself why it cannot; or it has crashed, or not ended.
pub(super) fn measure(who: &dyn Contender, case: &Case, count: u32) -> io::Result<Vec<f64>> {
    let mut command = Command::new(env::current_exe()?);
    command.args(["micro", "--one", who.name(), case.word, &count.to_string()]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let output = end_of(child)?;
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if !output.status.success() {
        let why = said(&output.stderr);
        let last = why.lines().last().unwrap_or_default();
        return Err(io::Error::other(match output.status.code() {
            Some(1) => last.to_owned(),
            _ => format!("{}: {last}", output.status),
        }));
    }
    let values: Result<Vec<f64>, _> = said(&output.stdout).split_whitespace().map(str::parse).collect();
    match values {
        Ok(values) if values.len() == case.parts().len() => Ok(values),
        _ => Err(io::Error::other(format!("it printed {:?}", said(&output.stdout)))),
    }
}

fn end_of(child: Child) -> io::Result<Output> {
    let pid = Pid::from_child(&child);
    let (ended, end) = mpsc::channel();
    thread::spawn(move || {
        // Nobody listens once it has taken too long.
        let _ = ended.send(child.wait_with_output());
    });
    match end.recv_timeout(LIMIT) {
        Ok(output) => output,
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
            kill_process(pid, Signal::KILL)?;
            Err(io::Error::new(io::ErrorKind::TimedOut, format!("not ended within {} s", LIMIT.as_secs())))
        }
    }
}

/// In the process: measures, and prints the values.
pub(super) fn run(who: &dyn Contender, case: &Case, count: u32) -> io::Result<()> {
    // A thousand sources, and their other ends.
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?;
    let values = who.measure(case, count)?;
    println!("{}", values.iter().map(f64::to_string).collect::<Vec<_>>().join(" "));
    Ok(())
}
