//! The example servers, as processes: what they are asked for must come, and they end as they should.

#![cfg(unix)]

#[cfg(feature = "sync")]
mod chatroom;
mod dns;
mod echo;
mod proxy;
#[cfg(feature = "sync")]
mod redis;
#[cfg(feature = "sync")]
mod requests;

use std::{
    env,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use vigie::system::{Backend, Variant};

/// Nothing here takes so long, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Cargo builds the examples with the tests, into a directory somewhere above this binary's own.
fn program(name: &str) -> Command {
    let me = env::current_exe().unwrap();
    let name = format!("{name}{}", env::consts::EXE_SUFFIX);
    let path = me.ancestors().map(|dir| dir.join("examples").join(&name)).find(|path| path.is_file());
    Command::new(path.expect("to be built by `cargo build --examples`"))
}

/// A server that runs; killed when this is dropped before it was stopped.
struct Server {
    child: Child,
    stdout: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl Server {
    fn start(name: &str, args: &[&str]) -> Self {
        let mut command = program(name);
        command.args(["--listen", "127.0.0.1:0"]).args(args).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("listening on ").and_then(|address| address.parse().ok());
        let Some(address) = address else {
            let _ = child.kill();
            panic!("{name} did not start: {line:?}");
        };
        Self { child, stdout, address }
    }

    fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client(BufReader::new(stream))
    }

    /// As Ctrl-C does.
    fn interrupt(&self) {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
    }

    /// Has it end, and end well; what it printed.
    fn stop(self) -> String {
        self.interrupt();
        self.end()
    }

    fn end(mut self) -> String {
        let mut printed = String::new();
        self.stdout.read_to_string(&mut printed).unwrap();
        let status = self.child.wait().unwrap();
        assert_eq!(status.code(), Some(0), "{printed}");
        printed
    }

    /// The memory that it really has, in KiB.
    #[cfg(target_os = "linux")]
    fn memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Stopped already, it is gone, and this changes nothing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts it with each variant of the events on each back end, on one domain and on three.
fn each(name: &str, args: &[&str], test: impl Fn(Server)) {
    for variant in Variant::ALL {
        for backend in Backend::ALL {
            for domains in ["1", "3"] {
                eprintln!("-- {name} with {variant} on {backend}, {domains} domains");
                let (variant, backend) = (variant.to_string(), backend.to_string());
                let common = ["--events", &variant, "--poller", &backend, "--domains", domains];
                test(Server::start(name, &[&common, args].concat()));
            }
        }
    }
}

/// A connection to a server, by which lines are exchanged.
struct Client(BufReader<TcpStream>);

impl Client {
    fn send(&mut self, text: impl AsRef<[u8]>) {
        self.0.get_mut().write_all(text.as_ref()).unwrap();
    }

    /// The next line, its end included; empty at the end.
    #[cfg(feature = "sync")]
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line
    }

    /// What comes until the end.
    fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.0.read_to_string(&mut rest).unwrap();
        rest
    }

    #[track_caller]
    fn expect(&mut self, text: &str) {
        let mut got = vec![0; text.len()];
        let read = self.0.read_exact(&mut got);
        let got = String::from_utf8_lossy(&got);
        assert!(read.is_ok() && got == text, "{got:?} in place of {text:?}: {read:?}");
    }
}

#[test]
fn help_and_wrong_arguments() {
    let mut programs = vec![("echo", "--load"), ("proxy", "--to"), ("dns", "--upstream")];
    if cfg!(feature = "sync") {
        programs.extend([("redis", "--domains"), ("chatroom", "--queue")]);
    }
    for (name, flag) in programs {
        let help = program(name).arg("--help").output().unwrap();
        let text = String::from_utf8(help.stdout).unwrap();
        assert!(help.status.success() && text.contains(flag) && text.contains("--grace"), "{text}");
        let bad: [&[&str]; 6] =
            [&["--bogus"], &["word"], &[flag], &[flag, "?"], &["--domains", "0"], &["--events", "none"]];
        for args in bad {
            let output = program(name).args(args).output().unwrap();
            let error = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{name} {args:?}: {error}");
            assert!(error.starts_with(&format!("{name}: ")) && error.contains(args[0]), "{error}");
            assert_eq!(output.stdout, b"");
        }
    }
    // Each needs to know where to.
    for (name, flag) in [("proxy", "--to"), ("dns", "--upstream")] {
        let output = program(name).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8(output.stderr).unwrap().contains(flag));
    }
}

#[test]
fn an_address_in_use_is_an_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = program("proxy").args(["--to", &address, "--listen", &address]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stderr.starts_with(b"proxy: "));
}
