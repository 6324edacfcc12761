//! The tutorial, `examples/chat.rs`, as a process: what it prints must be true.

use std::{
    env,
    process::{Command, Output},
    thread,
};

use vigie::system::{Backend, Variant};

/// Cargo builds the examples with the tests, into a directory somewhere above this binary's own.
fn chat() -> Command {
    let me = env::current_exe().unwrap();
    let name = format!("chat{}", env::consts::EXE_SUFFIX);
    let path = me.ancestors().map(|dir| dir.join("examples").join(&name)).find(|path| path.is_file());
    Command::new(path.expect("to be built by `cargo build --examples`"))
}

fn run(args: &[&str]) -> Output {
    chat().args(args).output().unwrap()
}

/// What a run prints that succeeds.
fn lines(args: &[&str]) -> Vec<String> {
    let output = run(args);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{args:?}: {}\n{text}", output.status);
    text.lines().map(str::to_owned).collect()
}

/// The figure in a line that begins with `label` and ends with so many seconds.
fn seconds(line: &str, label: &str) -> f64 {
    let rest = line.strip_prefix(label).unwrap_or_else(|| panic!("{line:?} does not begin with {label:?}"));
    let figure = rest.strip_suffix(" s").and_then(|rest| rest.split(' ').next_back());
    figure.and_then(|figure| figure.parse().ok()).unwrap_or_else(|| panic!("no seconds in {line:?}"))
}

fn check_overlap(line: &str, label: &str) {
    let took = seconds(line, label);
    assert!((2.0..2.9).contains(&took), "{line}");
}

fn check_cancel(line: &str) {
    assert!(seconds(line, "step 3:") < 1.0, "{line}");
}

fn check_idle(lines: &[String]) {
    check_overlap(&lines[0], "step 4:");
    if cfg!(target_os = "linux") {
        assert!(seconds(&lines[1], "step 4: processor time:") < 0.2, "{}", lines[1]);
    }
}

#[test]
fn all_four_steps_show_what_they_say() {
    let lines = lines(&[]);
    assert_eq!(lines.len(), 5, "{lines:?}");
    check_overlap(&lines[0], "step 1:");
    check_overlap(&lines[1], "step 2:");
    check_cancel(&lines[2]);
    check_idle(&lines[3..]);
}

#[test]
fn the_systems_events_show_the_same() {
    // They only wait: all at the same time.
    thread::scope(|scope| {
        for variant in Variant::ALL {
            for poller in Backend::ALL {
                scope.spawn(move || {
                    let (variant, poller) = (variant.to_string(), poller.to_string());
                    let common = ["--events", &variant, "--poller", &poller, "--domains", "2", "--step"];
                    let step = |step| lines(&[&common, &[step][..]].concat());
                    check_cancel(&step("3")[0]);
                    check_idle(&step("4"));
                });
            }
        }
    });
}

#[test]
fn one_domain_is_enough_for_the_first_step() {
    let lines = lines(&["--step", "1", "--domains", "1", "--events", "own"]);
    assert_eq!(lines.len(), 1);
    check_overlap(&lines[0], "step 1:");
    let output = run(&["--step", "2", "--domains", "1"]);
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(error, "chat: no domain is available for the call\n");
}

#[test]
fn help_names_every_flag() {
    let help = lines(&["--help"]).join("\n");
    for flag in ["--step", "--domains", "--events", "--poller", "--help"] {
        assert!(help.contains(flag), "{help}");
    }
}

#[test]
fn bad_arguments_are_told_and_exit_with_2() {
    let bad: [&[&str]; 8] = [
        &["--bogus"],
        &["extra"],
        &["--step"],
        &["--step", "5"],
        &["--domains", "0"],
        &["--domains", "many"],
        &["--events", "none"],
        &["--poller", "select"],
    ];
    for args in bad {
        let output = run(args);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {error}");
        assert!(error.starts_with("chat: ") && error.contains(args[0]), "{args:?}: {error}");
        assert_eq!(output.stdout, b"");
    }
}
