//! Children that nobody waits for to the end: they leave no zombie, whatever happens to who started them.

use vigie::{call, spawn, time::timeout};

use super::*;
use crate::support::{alone, turns};

#[test]
fn a_child_that_is_dropped_goes_on_and_is_reaped_when_it_ends() {
    each(|builder| {
        let ran = builder.run(async {
            let mut child = cat();
            let pid = pid(&child);
            let (mut to, mut from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
            drop(child);
            soon(to.write_all(b"still here")).await.unwrap();
            let mut back = [0; 10];
            soon(from.read_exact(&mut back)).await.unwrap();
            assert_eq!(&back, b"still here");
            assert!(exists(pid));
            drop(to);
            assert!(is_reaped(pid));

            // One that has ended already.
            let mut child = cat();
            let pid = self::pid(&child);
            let mut from = child.stdout.take().unwrap();
            drop(child.stdin.take());
            assert_eq!(soon(from.read(&mut [0])).await.unwrap(), 0);
            drop(child);
            assert!(is_reaped(pid));
        });
        ran.unwrap();
    });
}

#[test]
fn a_child_that_is_to_be_killed_when_it_is_dropped_is() {
    each(|builder| {
        let ran = builder.run(async {
            let mut command = Command::new("sleep");
            command.arg("1000").kill_on_drop(true);
            let child = command.spawn().unwrap();
            let one = pid(&child);
            drop(child);
            assert!(is_reaped(one));

            // By a limit of time, by a task that is cancelled, and at the end of the run.
            let mut child = command.spawn().unwrap();
            let two = pid(&child);
            timeout(std::time::Duration::from_millis(1), async move { child.wait().await })
                .await
                .unwrap_err();
            assert!(is_reaped(two));
            let mut child = command.spawn().unwrap();
            let three = pid(&child);
            let away = call(async move || child.wait().await.map(drop));
            turns(3).await;
            away.cancel().await.unwrap();
            assert!(is_reaped(three));
            let mut child = command.spawn().unwrap();
            let four = pid(&child);
            let held = spawn(async move { child.wait().await.map(drop) });
            turns(2).await;
            drop(held);
            four
        });
        assert!(is_reaped(ran.unwrap()));

        // Not one whose end was learned of, and not by default.
        let ran = plain().run(async {
            let mut child = Command::new("true").kill_on_drop(true).spawn().unwrap();
            assert!(soon(child.wait()).await.unwrap().success());
        });
        ran.unwrap();
    });
}

#[test]
fn a_wait_that_is_cancelled_leaves_no_zombie() {
    each(|builder| {
        let ran = builder.run(async {
            for away in [false, true] {
                let mut child = cat();
                let (pid, to) = (pid(&child), child.stdin.take());
                let wait = move || async move { child.wait().await.map(drop) };
                let waits = if away { call(wait) } else { spawn(wait()) };
                turns(3).await;
                soon(waits.cancel()).await.unwrap();
                assert!(exists(pid), "it was not to be killed");
                drop(to);
                assert!(is_reaped(pid));
            }
            // The same child is waited for again.
            let mut child = cat();
            let to = child.stdin.take();
            for _ in 0..3 {
                assert!(poll_once(child.wait()).await.is_none());
                turns(2).await;
            }
            drop(to);
            assert!(soon(child.wait()).await.unwrap().success());
        });
        ran.unwrap();
    });
}

#[test]
fn many_orphans_are_reaped() {
    each(|builder| {
        let pids = builder.run(async {
            let mut outputs = TaskSet::new();
            let mut pids = Vec::new();
            let (hold, _close) = std::io::pipe().unwrap();
            for number in 0..60 {
                let mut command = sh(&format!("read wait; exit {}", number % 3));
                let mut child = command.stdin(hold.try_clone().unwrap()).spawn().unwrap();
                pids.push(pid(&child));
                if number % 2 == 0 {
                    outputs.call(async move || child.wait().await);
                }
            }
            turns(5).await;
            pids
        });
        assert!(pids.unwrap().into_iter().all(is_reaped));
    });
}

#[cfg(target_os = "linux")]
mod on_linux {
    use std::fs;

    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    use super::*;
    use crate::support::proc;

    /// The letter by which the kernel says what a process does.
    fn state(pid: Pid) -> char {
        let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap();
        stat.rsplit(") ").next().unwrap().chars().next().unwrap()
    }

    fn has_reaper() -> bool {
        proc::threads().iter().any(|name| name == "vigie-reaper")
    }

    #[test]
    fn the_reaper_is_there_only_while_there_are_orphans() {
        alone("process::reaping::on_linux::the_reaper_is_there_only_while_there_are_orphans", || {
            let ran = plain().run(async {
                for _ in 0..3 {
                    assert!(soon(Command::new("true").status()).await.unwrap().success());
                    assert!(!has_reaper());
                    let (mut one, mut two) = (cat(), cat());
                    let (ends, pids) = ((one.stdin.take(), two.stdin.take()), (pid(&one), pid(&two)));
                    drop(one);
                    assert!(eventually(has_reaper));
                    drop(two);
                    drop(ends.0);
                    assert!(is_reaped(pids.0));
                    assert!(exists(pids.1) && has_reaper());
                    drop(ends.1);
                    assert!(is_reaped(pids.1));
                    assert!(eventually(|| !has_reaper()));
                }
            });
            ran.unwrap();
        });
    }

    #[test]
    fn without_the_reaper_the_next_child_finds_the_zombie() {
        alone("process::reaping::on_linux::without_the_reaper_the_next_child_finds_the_zombie", || {
            let mut child = cat();
            let (pid, to) = (pid(&child), child.stdin.take());
            // No descriptor is left for it to listen with.
            let limit = getrlimit(Resource::Nofile);
            setrlimit(Resource::Nofile, Rlimit { current: Some(3), ..limit }).unwrap();
            drop(child);
            setrlimit(Resource::Nofile, limit).unwrap();
            assert!(!has_reaper());
            drop(to);
            assert!(eventually(|| state(pid) == 'Z'));
            let status = plain().run(async { soon(Command::new("true").status()).await });
            assert!(status.unwrap().unwrap().success());
            assert!(!exists(pid));
        });
    }

    #[test]
    fn no_descriptor_is_left_behind() {
        alone("process::reaping::on_linux::no_descriptor_is_left_behind", || {
            each(|builder| {
                let run = || {
                    let ran = builder.clone().run(async {
                        let output = soon(sh("echo out; echo err >&2").output()).await.unwrap();
                        assert_eq!(output.stdout.len() + output.stderr.len(), 8);
                        Command::new("/nowhere/to/be/found").stdin(Stdio::piped()).spawn().unwrap_err();
                        let mut child = cat();
                        assert!(is_waited_for(&mut child).await);
                        child.kill().unwrap();
                        soon(child.wait()).await.unwrap();
                        drop(child);
                        // One is dropped while it is waited for; it sees the end of its stdin.
                        let mut child = cat();
                        let pid = pid(&child);
                        assert!(is_waited_for(&mut child).await);
                        drop(child);
                        assert!(is_reaped(pid));
                        // One is left to the end of the run.
                        let child = cat();
                        let pid = self::pid(&child);
                        let _waits = spawn(async move { child.wait_with_output().await.map(drop) });
                        turns(2).await;
                        pid
                    });
                    assert!(is_reaped(ran.unwrap()));
                    // The thread that did it has been there, and closes what is its own before it goes.
                    assert!(eventually(|| !has_reaper()));
                };
                run();
                let before = proc::descriptors();
                for _ in 0..20 {
                    run();
                }
                assert_eq!(proc::descriptors(), before);
            });
        });
    }
}
