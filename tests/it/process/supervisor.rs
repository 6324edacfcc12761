//! The example `supervisor`, as a process.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    process::{Command, Stdio, id},
};

use rustix::process::{Pid, Signal, kill_process};

/// Cargo builds the examples with the tests, into a directory somewhere above this binary's own.
fn supervisor(script: &str) -> Command {
    let me = env::current_exe().unwrap();
    let path = me.ancestors().map(|dir| dir.join("examples/supervisor")).find(|path| path.is_file());
    let mut command = Command::new(path.expect("to be built by `cargo build --all-features --examples`"));
    command.args(["sh", "-c", script]);
    command
}

#[test]
fn a_program_that_fails_is_started_again_until_it_succeeds() {
    let counter = env::temp_dir().join(format!("vigie-supervisor-{}", id()));
    let script = format!("echo x >>{0}; test $(wc -l <{0}) = 3", counter.display());
    let output = supervisor(&script).output().unwrap();
    let starts = fs::read_to_string(&counter).unwrap().lines().count();
    fs::remove_file(&counter).unwrap();
    assert!(output.status.success());
    assert_eq!(starts, 3);
    let told = String::from_utf8(output.stderr).unwrap();
    let pauses: Vec<_> = told.lines().map(|line| line.rsplit(' ').next().unwrap()).collect();
    assert_eq!(pauses, ["100ms", "200ms"], "{told}");
}

#[test]
fn a_signal_is_passed_on_and_the_end_awaited() {
    let mut supervisor = supervisor("trap 'kill $!; exit 3' TERM; sleep 1000 & echo ready; wait");
    let mut supervisor = supervisor.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(supervisor.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    kill_process(Pid::from_child(&supervisor), Signal::TERM).unwrap();
    assert_eq!(supervisor.wait().unwrap().code(), Some(3));
}

#[test]
fn a_signal_ends_the_pause() {
    let mut supervisor = supervisor("kill -KILL $$");
    let mut supervisor = supervisor.stderr(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(supervisor.stderr.take().unwrap());
    let mut line = String::new();
    // The fifth pause, of 1.6 s, is long enough to be met.
    for _ in 0..5 {
        told.read_line(&mut line).unwrap();
    }
    assert_eq!(line.lines().count(), 5);
    kill_process(Pid::from_child(&supervisor), Signal::INT).unwrap();
    assert_eq!(supervisor.wait().unwrap().code(), Some(130));
}
