//! The pipes to and from children.

use futures_lite::future::zip;
use vigie::spawn;

use super::*;
use crate::support::turns;

/// Byte `at` of a sequence in which nothing is lost or doubled unnoticed.
fn byte(at: usize) -> u8 {
    (at ^ (at >> 8) ^ (at >> 16)) as u8
}

fn sequence(count: usize) -> Vec<u8> {
    (0..count).map(byte).collect()
}

const SIZE: usize = 1_000_000;

#[test]
fn much_goes_through_a_child_and_comes_back() {
    each(|builder| {
        let ran = builder.run(async {
            let mut child = cat();
            let (mut to, mut from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
            let all = sequence(SIZE);
            let write = async {
                to.write_all(&all).await?;
                to.close().await
            };
            let mut back = Vec::new();
            let (written, read) = soon(zip(write, from.read_to_end(&mut back))).await;
            written.unwrap();
            assert_eq!(read.unwrap(), SIZE);
            assert!(back == all);
            assert!(soon(child.wait()).await.unwrap().success());
        });
        ran.unwrap();
    });
}

#[test]
fn both_outputs_are_read_at_once() {
    each(|builder| {
        let ran = builder.run(async {
            // Each is more than a pipe holds, and the one is written after the other, in either order.
            let much = format!("head -c {SIZE} /dev/zero");
            for script in [format!("{much}; {much} >&2"), format!("{much} >&2; {much}")] {
                let output = soon(sh(&script).output()).await.unwrap();
                assert!(output.status.success());
                assert_eq!((output.stdout.len(), output.stderr.len()), (SIZE, SIZE));
            }
            // What was read before is not read again.
            let mut child = sh("echo one; read wait; echo two; exit 3");
            let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
            let mut one = [0; 4];
            soon(child.stdout.as_mut().unwrap().read_exact(&mut one)).await.unwrap();
            assert_eq!(&one, b"one\n");
            let output = soon(child.wait_with_output()).await.unwrap();
            assert_eq!((output.status.code(), &*output.stdout), (Some(3), &b"two\n"[..]));
            assert!(output.stderr.is_empty());
            // Without a word, stdin is at its end.
            assert!(soon(Command::new("cat").output()).await.unwrap().stdout.is_empty());
        });
        ran.unwrap();
    });
}

#[test]
fn stdin_ends_when_it_is_closed_or_dropped_or_the_child_is_awaited() {
    each(|builder| {
        let ran = builder.run(async {
            let mut child = cat();
            let stdin = child.stdin.as_mut().unwrap();
            soon(stdin.close()).await.unwrap();
            soon(stdin.close()).await.unwrap();
            assert_eq!(stdin.write(b"a").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
            assert_eq!(soon(child.stdout.as_mut().unwrap().read(&mut [0])).await.unwrap(), 0);
            let closed = child.stdin.take().unwrap();
            assert_eq!(closed.into_std().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
            assert!(soon(child.wait()).await.unwrap().success());

            let mut child = cat();
            drop(child.stdin.take());
            assert_eq!(soon(child.stdout.as_mut().unwrap().read(&mut [0])).await.unwrap(), 0);
            assert!(soon(child.wait()).await.unwrap().success());

            assert!(soon(cat().wait()).await.unwrap().success());
            assert!(soon(cat().wait_with_output()).await.unwrap().status.success());
            // `status` keeps no pipe open in which the child could get stuck.
            let mut much = sh("head -c 1000000 /dev/zero");
            soon(much.stdout(Stdio::piped()).status()).await.unwrap();
        });
        ran.unwrap();
    });
}

#[test]
fn who_writes_to_a_child_that_reads_no_more_is_told() {
    each(|builder| {
        let ran = builder.run(async {
            let mut child = Command::new("true").stdin(Stdio::piped()).spawn().unwrap();
            let mut stdin = child.stdin.take().unwrap();
            assert!(soon(child.wait()).await.unwrap().success());
            // Another child that is being started has all descriptors for a moment, the pipe's other end too.
            let told = async {
                loop {
                    if let Err(error) = stdin.write(b"a").await {
                        return error;
                    }
                }
            };
            assert_eq!(soon(told).await.kind(), io::ErrorKind::BrokenPipe);

            // Told while it waits for room.
            let mut child = cat();
            let (mut stdin, _stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
            let write = spawn(async move { stdin.write_all(&vec![0; SIZE]).await });
            turns(3).await;
            child.kill().unwrap();
            assert_eq!(soon(write).await.unwrap().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
            soon(child.wait()).await.unwrap();
        });
        ran.unwrap();
    });
}

#[test]
fn a_read_that_is_dropped_has_taken_nothing() {
    each(|builder| {
        let ran = builder.run(async {
            let mut child = cat();
            let (mut to, mut from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
            for word in [b"one", b"two", b"six"] {
                assert!(poll_once(from.read(&mut [0; 3])).await.is_none());
                assert_eq!(from.read(&mut []).await.unwrap(), 0);
                soon(to.write_all(word)).await.unwrap();
                let mut back = [0; 3];
                soon(from.read_exact(&mut back)).await.unwrap();
                assert_eq!(&back, word);
            }
            drop(to);
            soon(child.wait()).await.unwrap();
        });
        ran.unwrap();
    });
}

#[test]
fn one_child_is_piped_into_the_next() {
    each(|builder| {
        let ran = builder.run(async {
            let mut first = cat();
            let (mut to, mut between) = (first.stdin.take().unwrap(), first.stdout.take().unwrap());
            // Watched here, and not to be so any more.
            assert!(poll_once(between.read(&mut [0])).await.is_none());
            let between = Stdio::try_from(between).unwrap();
            let mut second = Command::new("cat").stdin(between).stdout(Stdio::piped()).spawn().unwrap();
            let mut from = second.stdout.take().unwrap();
            for word in [b"one", b"two"] {
                soon(to.write_all(word)).await.unwrap();
                let mut back = [0; 3];
                soon(from.read_exact(&mut back)).await.unwrap();
                assert_eq!(&back, word);
            }
            // The other way round: what the second one says goes to a third one's stdin.
            let mut third = cat();
            let stdin = Stdio::try_from(third.stdin.take().unwrap()).unwrap();
            let ended = soon(sh("echo third").stdout(stdin).status()).await.unwrap();
            assert!(ended.success());
            assert_eq!(soon(third.wait_with_output()).await.unwrap().stdout, b"third\n");

            drop(to);
            assert!(soon(first.wait()).await.unwrap().success());
            assert!(soon(second.wait()).await.unwrap().success());
        });
        ran.unwrap();
    });
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_given_to_the_standard_library_blocks_again() {
    use std::{fs, os::fd::AsFd, os::fd::AsRawFd};

    fn blocks(fd: impl AsFd) -> bool {
        let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_fd().as_raw_fd())).unwrap();
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap();
        let nonblock = 0o4000;
        i32::from_str_radix(flags.trim(), 8).unwrap() & nonblock == 0
    }
    let ran = plain().run(async {
        let mut child = sh("cat; exit 2");
        child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = child.spawn().unwrap();
        let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        assert!(!blocks(&stdout) && !blocks(&stderr));
        let stdin = child.stdin.take().unwrap().into_std().unwrap();
        let (stdout, stderr) = (stdout.into_std().unwrap(), stderr.into_std().unwrap());
        assert!(blocks(&stdin) && blocks(&stdout) && blocks(&stderr));
        // And back.
        let mut stdin = vigie::process::ChildStdin::from_std(stdin).unwrap();
        let mut stdout = vigie::process::ChildStdout::from_std(stdout).unwrap();
        assert!(!blocks(&stdout));
        soon(stdin.write_all(b"abc")).await.unwrap();
        soon(stdout.read_exact(&mut [0; 3])).await.unwrap();
        drop(stdin);
        assert_eq!(soon(child.wait()).await.unwrap().code(), Some(2));
    });
    ran.unwrap();
}
