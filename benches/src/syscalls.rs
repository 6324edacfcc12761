//! Counts a server's system calls from outside: with perf, which hardly slows it, or else with strace.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{self, Child, Command, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{
    child::{Load, Result, Server, finish, is_there},
    load::Loaded,
};

/// What counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    Perf,
    Strace,
}

impl Counter {
    /// The best one that works here, or why there is none.
    pub fn find() -> Result<Self> {
        let mut perf = Command::new("perf");
        perf.args(["stat", "-e", EVENT, "true"]).stdout(Stdio::null()).stderr(Stdio::null());
        if perf.status().is_ok_and(|status| status.success()) {
            return Ok(Self::Perf);
        }
        if is_there("strace") {
            Ok(Self::Strace)
        } else {
            Err("neither perf nor strace works here".to_owned())
        }
    }

    /// Runs a command to its end, and counts the system calls of all its threads.
    pub fn count_of(self, command: &Command, limit: Duration) -> Result<u64> {
        let report = Report::new();
        let mut counting = match self {
            Self::Perf => report.perf(),
            Self::Strace => report.strace(),
        };
        under(&mut counting, command);
        finish(counting, limit)?;
        match self {
            Self::Perf => report.of_perf(),
            Self::Strace => report.of_strace(),
        }
    }

    /// Runs a load, and counts the system calls of the server meanwhile.
    pub fn count(self, server: &mut Server, load: &Load) -> Result<(Loaded, u64)> {
        let report = Report::new();
        match self {
            Self::Perf => {
                let mut perf = report.perf();
                // The server, as long as the command lasts.
                perf.args(["-p", &server.pid().to_string()]);
                let loaded = server.load_under(load, |command| {
                    under(&mut perf, &command);
                    perf
                })?;
                Ok((loaded, report.of_perf()?))
            }
            Self::Strace => {
                let strace = Strace::attach(server.pid(), &report)?;
                let loaded = server.load(load)?;
                strace.detach()?;
                Ok((loaded, report.of_strace()?))
            }
        }
    }
}

/// Each system call, as it is entered.
const EVENT: &str = "raw_syscalls:sys_enter";

/// The file that the counter writes to; removed with this.
struct Report {
    path: PathBuf,
}

impl Report {
    fn new() -> Self {
        Self { path: env::temp_dir().join(format!("vigie-bench-{}.count", process::id())) }
    }

    fn perf(&self) -> Command {
        let mut perf = Command::new("perf");
        perf.args(["stat", "-x", ",", "-e", EVENT, "-o"]).arg(&self.path);
        perf
    }

    fn strace(&self) -> Command {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-c", "-o"]).arg(&self.path);
        strace
    }

    fn of_perf(&self) -> Result<u64> {
        let text = self.text()?;
        let line = text.lines().find(|line| line.contains(EVENT)).unwrap_or_default();
        let count = line.split(',').next().unwrap_or_default();
        count.parse().map_err(|_| format!("perf said {line:?}"))
    }

    fn of_strace(&self) -> Result<u64> {
        let text = self.text()?;
        let total = text.lines().find(|line| line.ends_with(" total")).unwrap_or_default();
        let count = total.split_whitespace().nth(3).unwrap_or_default();
        count.parse().map_err(|_| format!("strace said {total:?}"))
    }

    fn text(&self) -> Result<String> {
        fs::read_to_string(&self.path).map_err(|error| format!("{}: {error}", self.path.display()))
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        // It may not have been written.
        let _ = fs::remove_file(&self.path);
    }
}

/// Has the one command run the other.
fn under(counting: &mut Command, command: &Command) {
    counting.arg(command.get_program()).args(command.get_args());
    counting.stdout(Stdio::piped()).stderr(Stdio::piped());
}

struct Strace {
    child: Child,
}

impl Strace {
    fn attach(pid: Pid, report: &Report) -> Result<Self> {
        let mut command = report.strace();
        command.args(["-p", &pid.to_string()]);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        let mut said = String::new();
        if let Some(stderr) = child.stderr.take() {
            let mut stderr = BufReader::new(stderr);
            stderr.read_line(&mut said).map_err(|error| error.to_string())?;
            child.stderr = Some(stderr.into_inner());
        }
        let strace = Self { child };
        if said.contains("attached") { Ok(strace) } else { Err(format!("strace said {said:?}")) }
    }

    /// Has it write what it counted.
    fn detach(mut self) -> Result<()> {
        let interrupted = kill_process(Pid::from_child(&self.child), Signal::INT);
        interrupted.map_err(|error| error.to_string())?;
        self.child.wait().map(drop).map_err(|error| error.to_string())
    }
}

impl Drop for Strace {
    fn drop(&mut self) {
        // Detached already, it is gone, and this changes nothing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
