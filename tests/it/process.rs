//! Processes: starting them, their pipes, and their end, which somebody always learns of.

mod pipes;
mod reaping;
mod supervisor;

use std::{
    io,
    os::unix::process::ExitStatusExt,
    process::{self, Stdio},
};

use futures_lite::{
    AsyncReadExt, AsyncWriteExt,
    future::{block_on, poll_once},
};
use rustix::{
    io::Errno,
    process::{Pid, test_kill_process},
};
use vigie::{
    Builder, Domain, TaskSet, call_on,
    events::EventsError,
    process::{Child, Command},
    signal::{SIGKILL, SIGTERM},
};

use crate::support::{each, eventually, plain, soon};

/// A shell that runs this.
fn sh(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

/// A child that lasts until its stdin is closed.
fn cat() -> Child {
    Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

/// Waits, gives that up, and leaves its stdin open; had it not ended?
async fn is_waited_for(child: &mut Child) -> bool {
    let stdin = child.stdin.take();
    let ended = poll_once(child.wait()).await;
    child.stdin = stdin;
    ended.is_none()
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(child.id().expect("not reaped") as i32).unwrap()
}

/// Is there such a process, be it as a zombie?
fn exists(pid: Pid) -> bool {
    test_kill_process(pid) != Err(Errno::SRCH)
}

/// Is it gone before long, and not only ended?
fn is_reaped(pid: Pid) -> bool {
    eventually(|| !exists(pid))
}

#[test]
fn a_program_ends_with_its_code_or_its_signal() {
    each(|builder| {
        let ran = builder.run(async {
            assert!(soon(Command::new("true").status()).await.unwrap().success());
            for code in [0, 1, 7, 255] {
                let ended = soon(sh(&format!("exit {code}")).status()).await.unwrap();
                assert_eq!((ended.code(), ended.signal()), (Some(code), None));
            }
            let ended = soon(sh("kill -TERM $$").status()).await.unwrap();
            assert_eq!((ended.code(), ended.signal()), (None, Some(SIGTERM)));
        });
        ran.unwrap();
    });
}

#[test]
fn a_command_is_told_what_the_standard_librarys_is() {
    let ran = plain().run(async {
        let dir = std::fs::canonicalize(std::env::temp_dir()).unwrap();
        let mut command = sh("echo $0 $1 $A $B $C; pwd; echo wrong >&2; cat");
        command.arg0("name").arg("zero").args(["one"]).env("A", "a").envs([("B", "b"), ("C", "c")]);
        command.env_remove("C").current_dir(&dir);
        let output = soon(command.output()).await.unwrap();
        let expected = format!("zero one a b\n{}\n", dir.display());
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
        assert_eq!(output.stderr, b"wrong\n");
        assert_eq!(command.as_std().get_program(), "sh");

        // In a group of its own, which has its number.
        let ended = soon(sh("kill -0 -$$").process_group(0).status()).await.unwrap();
        assert!(ended.success());
        let mut user = Command::new("true");
        user.uid(rustix::process::getuid().as_raw()).gid(rustix::process::getgid().as_raw());
        // Whoever is not root may not even ask for its own.
        assert!(soon(user.status()).await.is_ok() || !rustix::process::getuid().is_root());

        let mut command = process::Command::new("/bin/sh");
        command.args(["-c", "echo $A"]).env("A", "not this");
        let mut command = Command::from(command);
        command.env_clear().as_std_mut().env("A", "but this");
        assert_eq!(soon(command.output()).await.unwrap().stdout, b"but this\n");
    });
    ran.unwrap();
}

#[test]
fn a_program_that_cannot_be_started_is_an_error() {
    let ran = plain().run(async {
        let mut missing = Command::new("/nowhere/to/be/found");
        assert_eq!(missing.spawn().unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(missing.status().await.unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(missing.output().await.unwrap_err().kind(), io::ErrorKind::NotFound);
    });
    ran.unwrap();
}

#[test]
fn the_end_is_told_again_and_again() {
    each(|builder| {
        let ran = builder.run(async {
            let mut child = sh("exit 5").spawn().unwrap();
            assert!(child.id().is_some());
            for _ in 0..3 {
                assert_eq!(soon(child.wait()).await.unwrap().code(), Some(5));
                assert_eq!(child.try_wait().unwrap().unwrap().code(), Some(5));
                assert_eq!(child.id(), None);
            }
            // The number may be another's.
            child.kill().unwrap();
            child.send_signal(SIGTERM).unwrap();

            // One that has ended before it is awaited.
            let mut child = sh("exit 6").stdout(Stdio::piped()).spawn().unwrap();
            let mut stdout = child.stdout.take().unwrap();
            assert_eq!(soon(stdout.read(&mut [0])).await.unwrap(), 0);
            assert_eq!(soon(child.wait()).await.unwrap().code(), Some(6));
            let mut child = sh("exit 7").spawn().unwrap();
            assert!(eventually(|| child.try_wait().unwrap().is_some()));
            assert_eq!(soon(child.wait()).await.unwrap().code(), Some(7));
        });
        ran.unwrap();
    });
}

#[test]
fn a_child_is_killed_or_gets_a_signal() {
    each(|builder| {
        let ran = builder.run(async {
            let mut child = cat();
            assert!(child.try_wait().unwrap().is_none());
            child.kill().unwrap();
            assert_eq!(soon(child.wait()).await.unwrap().signal(), Some(SIGKILL));

            let mut child = cat();
            for wrong in [-1, 0, 1000] {
                assert_eq!(child.send_signal(wrong).unwrap_err().kind(), io::ErrorKind::InvalidInput);
            }
            child.send_signal(SIGTERM).unwrap();
            assert_eq!(soon(child.wait()).await.unwrap().signal(), Some(SIGTERM));
        });
        ran.unwrap();
    });
}

#[test]
fn many_children_at_once() {
    each(|builder| {
        let ran = builder.run(async {
            let mut children = TaskSet::new();
            // All of them are there before the first one ends.
            let all: Vec<_> = (0..200)
                .map(|_| sh("read code; exit $code").stdin(Stdio::piped()).spawn().unwrap())
                .collect();
            for (number, mut child) in all.into_iter().enumerate() {
                let wait = move || async move {
                    let mut stdin = child.stdin.take().unwrap();
                    stdin.write_all(format!("{number}\n").as_bytes()).await?;
                    child.wait().await
                };
                if number % 3 == 0 {
                    children.spawn(wait());
                } else {
                    children.call(wait);
                }
            }
            let mut codes = Vec::new();
            while let Some(ended) = soon(children.next()).await {
                codes.push(ended.unwrap().unwrap().code().unwrap());
            }
            codes.sort_unstable();
            assert_eq!(codes, (0..200).collect::<Vec<_>>());
        });
        ran.unwrap();
    });
}

#[test]
fn a_child_goes_to_other_domains_and_runs() {
    each(|builder| {
        let again = builder.clone();
        let mut child = builder
            .run(async {
                let mut child = cat();
                for domain in Domain::all() {
                    assert!(is_waited_for(&mut child).await);
                    if Some(domain) == Domain::current() {
                        continue;
                    }
                    child = call_on(domain, async move || {
                        assert!(is_waited_for(&mut child).await);
                        let (mut to, mut from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
                        soon(to.write_all(b"ahoy")).await.unwrap();
                        let mut back = [0; 4];
                        soon(from.read_exact(&mut back)).await.unwrap();
                        assert_eq!(&back, b"ahoy");
                        (child.stdin, child.stdout) = (Some(to), Some(from));
                        child
                    })
                    .await
                    .unwrap();
                }
                child
            })
            .unwrap();
        let ran = again.run(async move { assert!(soon(child.wait()).await.unwrap().success()) });
        ran.unwrap();
    });
}

#[test]
fn without_the_systems_events_waiting_is_an_error_and_trying_is_not() {
    let complaint = async || {
        let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
        let error = child.wait().await.unwrap_err();
        child.kill().unwrap();
        assert!(eventually(|| child.try_wait().unwrap().is_some()));
        assert_eq!(child.wait().await.unwrap().signal(), Some(SIGKILL));
        *error.get_ref().and_then(|inner| inner.downcast_ref::<EventsError>()).expect("events' error")
    };
    assert_eq!(block_on(complaint()), EventsError::OutsideRuntime);
    assert_eq!(Builder::new().without_events().run(complaint()).unwrap(), EventsError::NoEvents);
    let others = Builder::new().events(|_| Ok(())).run(complaint()).unwrap();
    assert!(matches!(others, EventsError::OtherEvents(_)));
}
