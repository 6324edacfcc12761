//! The parts of a measurement as processes: this program again, with another command.
//!
//! Whatever does not work is a `String`, the reason to skip something: no child makes the run fail, nor last.

use std::{
    env,
    ffi::OsStr,
    io::{BufRead, BufReader, Read, Write},
    net::SocketAddr,
    process::{Child, ChildStdout, Command, Output, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde::de::DeserializeOwned;

use crate::{
    args::{self, Mode},
    load::Loaded,
    proc::cpu_time,
    servers::{Started, vigie::Computed},
};

/// What went wrong.
pub type Result<T> = std::result::Result<T, String>;

/// How long a child may take to begin, or to end beyond what it was asked to do.
const LIMIT: Duration = Duration::from_secs(15);

/// This program, for a command to be added.
pub fn this_program() -> Result<Command> {
    let mut command = Command::new(env::current_exe().map_err(|error| error.to_string())?);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    Ok(command)
}

/// A process of this program that does its work until it is dropped.
#[derive(Debug)]
struct Running {
    child: Child,
    stdout: Option<BufReader<ChildStdout>>,
}

impl Running {
    /// Starts it, and waits for the first line that it prints.
    fn start(mut command: Command) -> Result<(Self, String)> {
        let mut child = command.stdin(Stdio::piped()).spawn().map_err(|error| error.to_string())?;
        let stdout = child.stdout.take().map(BufReader::new);
        let mut running = Self { child, stdout };
        let line = running.next_line()?;
        Ok((running, line))
    }

    /// The next line of its output, or why there is none.
    fn next_line(&mut self) -> Result<String> {
        let Some(mut stdout) = self.stdout.take() else { return Err("its output has ended".to_owned()) };
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            let read = stdout.read_line(&mut line);
            // If nobody waits any more, the process is being ended.
            let _ = sender.send((stdout, read.map(|_| line)));
        });
        let Ok((stdout, line)) = receiver.recv_timeout(LIMIT) else {
            return Err(format!("nothing was heard of it in {LIMIT:?}"));
        };
        self.stdout = Some(stdout);
        match line {
            Ok(line) if !line.is_empty() => Ok(line.trim_end().to_owned()),
            Ok(_) => Err(self.why_it_ended()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// An error if it has ended by itself.
    fn check(&mut self) -> Result<()> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(_)) => Err(self.why_it_ended()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn why_it_ended(&mut self) -> String {
        end(&mut self.child);
        let mut said = String::new();
        if let Some(stderr) = &mut self.child.stderr {
            // What cannot be read is not told.
            let _ = stderr.read_to_string(&mut said);
        }
        first_words(&said).unwrap_or_else(|| "it ended without a word".to_owned())
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Asks it to end; if it does not, ends it.
fn end(child: &mut Child) {
    // It may have ended before, which all of these say by an error.
    let _ = kill_process(Pid::from_child(child), Signal::TERM);
    let patience = Instant::now() + Duration::from_secs(2);
    while Instant::now() < patience {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// The line of what a process said about its end that tells most.
fn first_words(said: &str) -> Option<String> {
    let mut lines = said.lines();
    let line = lines.find(|line| line.starts_with("vigie-bench:") || line.contains("panicked"))?;
    if line.contains("panicked") {
        // The message is on the line after the place.
        return Some(format!("it panicked: {}", lines.next().unwrap_or_default()));
    }
    Some(line.trim_start_matches("vigie-bench: ").to_owned())
}

/// A server that listens.
#[derive(Debug)]
pub struct Server {
    running: Running,
    pub address: SocketAddr,
}

impl Server {
    pub fn start(options: &args::Serve) -> Result<Self> {
        let mut command = this_program()?;
        command.args(["serve", &options.who, "--burners", &options.burners.to_string()]);
        command.args(["--idle-tasks", &options.idle_tasks.to_string()]);
        command.args(["--domains", &options.domains.to_string()]);
        command.args(options.hint.then_some("--hint"));
        command.args(options.pin.then_some("--pin"));
        let (running, line) = Running::start(command)?;
        let address = line.strip_prefix("listening on ").and_then(|address| address.parse().ok());
        Ok(Self { running, address: address.ok_or_else(|| format!("it said {line:?}"))? })
    }

    pub fn pid(&self) -> Pid {
        self.running.pid()
    }

    /// Runs a load on it to its end, and sees what the server took for it, and what else it did.
    pub fn load_watched(&mut self, load: &Load) -> Result<Watched> {
        let (work, cpu, start) = (self.work()?, cpu_time(self.pid())?, Instant::now());
        let loaded = self.load(load)?;
        let (cpu, work) = (cpu_time(self.pid())?.saturating_sub(cpu), self.work()?.saturating_sub(work));
        let elapsed = start.elapsed().as_secs_f64();
        Ok(Watched { loaded, processors: cpu.as_secs_f64() / elapsed, work: work as f64 / elapsed })
    }

    /// What its computing tasks have done so far.
    fn work(&mut self) -> Result<u64> {
        let mut stdin = self.running.child.stdin.as_ref().ok_or("it has no input")?;
        stdin.write_all(b"\n").map_err(|error| error.to_string())?;
        let line = self.running.next_line()?;
        line.parse().map_err(|_| format!("it said {line:?}"))
    }

    /// Runs a load on it to its end.
    pub fn load(&mut self, load: &Load) -> Result<Loaded> {
        self.load_under(load, |command| command)
    }

    /// As [`load`](Self::load), with the command changed.
    pub fn load_under(&mut self, load: &Load, under: impl FnOnce(Command) -> Command) -> Result<Loaded> {
        let output = finish(under(self.load_command(load)?), load.duration + load.warm_up + LIMIT);
        // That the server has ended tells more than what the load met then.
        self.running.check()?;
        let loaded: Loaded = parse(&output?)?;
        match loaded.unanswered {
            0 if loaded.requests > 0 => Ok(loaded),
            0 => Err(format!("not one answer in {:?}", load.duration)),
            starved => Err(format!(
                "{starved} of {} connections had no answer in {:?}",
                load.connections,
                load.warm_up + load.duration,
            )),
        }
    }

    /// Connections that stay, each answered once, until what is returned is dropped.
    pub fn hold(&mut self, connections: usize) -> Result<Held> {
        let load = Load { connections, mode: Mode::Hold, ..Load::default() };
        let (running, _) = Running::start(self.load_command(&load)?)?;
        self.running.check()?;
        Ok(Held { _running: running })
    }

    fn load_command(&self, load: &Load) -> Result<Command> {
        let mut command = this_program()?;
        command.args(["load", &self.address.to_string(), "--connections", &load.connections.to_string()]);
        command.args(["--seconds", &load.duration.as_secs_f64().to_string()]);
        command.args(["--warm-up", &load.warm_up.as_secs_f64().to_string()]);
        command.args(match load.mode {
            Mode::Echo => None,
            Mode::Churn => Some("--churn"),
            Mode::Hold => Some("--hold"),
        });
        command.args(load.pin.then_some("--pin"));
        Ok(command)
    }
}

/// A load, but for the address.
#[derive(Clone, Debug)]
pub struct Load {
    pub connections: usize,
    pub duration: Duration,
    pub warm_up: Duration,
    pub mode: Mode,
    pub pin: bool,
}

impl Default for Load {
    fn default() -> Self {
        Self {
            connections: 1,
            duration: Duration::from_secs(1),
            warm_up: Duration::ZERO,
            mode: Mode::Echo,
            pin: false,
        }
    }
}

/// What came of a load, and what the server took meanwhile, opening and warm-up included.
#[derive(Debug)]
pub struct Watched {
    pub loaded: Loaded,
    /// How many processors it kept busy, all its threads together.
    pub processors: f64,
    /// What its computing tasks did, a second.
    pub work: f64,
}

impl Watched {
    /// Microseconds of CPU time for each request.
    pub fn cpu_per_request(&self) -> f64 {
        self.processors * 1e6 / self.loaded.per_second()
    }
}

/// Idle connections.
#[derive(Debug)]
pub struct Held {
    _running: Running,
}

/// A main task that awaits a call.
#[derive(Debug)]
pub struct Waiting {
    running: Running,
}

impl Waiting {
    pub fn start(who: &str) -> Result<Self> {
        let mut command = this_program()?;
        command.args(["wait", who]);
        let (running, _) = Running::start(command)?;
        Ok(Self { running })
    }

    pub fn pid(&self) -> Pid {
        self.running.pid()
    }
}

/// What starting a runtime takes.
pub fn started(who: &str, domains: usize, times: usize) -> Result<Started> {
    let mut command = this_program()?;
    command.args(["start", who, "--domains", &domains.to_string(), "--times", &times.to_string()]);
    parse(&finish(command, LIMIT)?)
}

/// What the hint costs.
pub fn computed(who: &str, duration: Duration) -> Result<Computed> {
    let mut command = this_program()?;
    command.args(["compute", who, "--seconds", &duration.as_secs_f64().to_string()]);
    parse(&finish(command, duration + LIMIT)?)
}

/// Runs a command to its end, or ends it when the time is up. What it printed.
pub fn finish(mut command: Command, limit: Duration) -> Result<Output> {
    command.stdin(Stdio::null());
    let program = command.get_program().to_owned();
    let child = command.spawn().map_err(|error| format!("{}: {error}", program.display()))?;
    let pid = Pid::from_child(&child);
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        // If nobody waits any more, the process was ended.
        let _ = sender.send(child.wait_with_output());
    });
    match receiver.recv_timeout(limit) {
        Ok(Ok(output)) if output.status.success() => Ok(output),
        Ok(Ok(output)) => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(first_words(&said).unwrap_or_else(|| format!("{}: {}", program.display(), output.status)))
        }
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => {
            // It has not been waited for yet, so that the number is still its own.
            let _ = kill_process(pid, Signal::KILL);
            Err(format!("it did not end in {limit:?}"))
        }
    }
}

fn parse<T: DeserializeOwned>(output: &Output) -> Result<T> {
    serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())
}

/// Whether there is a program of that name.
pub fn is_there(program: impl AsRef<OsStr>) -> bool {
    let version = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}
