//! The standard streams, of a child.

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, ChildStdin, ChildStdout, Stdio},
    time::Duration,
};

use futures_lite::{AsyncReadExt, AsyncWriteExt, future::poll_once};
use vigie::{
    Deadlocks,
    io::{stderr, stdin, stdout},
};

use crate::support::{child, is_child, plain, soon, turns};

/// A child that runs the test `name`, and two of its streams.
fn start(name: &str) -> (Child, ChildStdin, BufReader<ChildStdout>) {
    let mut command = child(name);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    (child, input, BufReader::new(output))
}

/// Reads up to a line that ends so.
fn line(output: &mut impl BufRead, end: &str) -> String {
    loop {
        let mut line = String::new();
        assert_ne!(output.read_line(&mut line).unwrap(), 0, "it has not said {end:?}");
        if line.trim_end().ends_with(end) {
            return line;
        }
    }
}

async fn say(text: &str) {
    let mut stdout = stdout();
    stdout.write_all(text.as_bytes()).await.unwrap();
    stdout.flush().await.unwrap();
}

/// As on a terminal, the end is told once, and more may follow: an empty message is what a terminal's end is.
#[cfg(unix)]
#[test]
fn an_end_that_does_not_stay_is_seen() {
    use std::os::{fd::OwnedFd, unix::net::UnixDatagram};
    const NAME: &str = "stdio::an_end_that_does_not_stay_is_seen";
    if is_child(NAME) {
        let read = async {
            let (mut input, mut text) = (stdin(), String::new());
            soon(input.read_to_string(&mut text)).await.unwrap();
            assert_eq!(text, "before");
        };
        return plain().run(read).unwrap();
    }
    let (ours, theirs) = UnixDatagram::pair().unwrap();
    for message in ["before", "", "after"] {
        ours.send(message.as_bytes()).unwrap();
    }
    let output = child(NAME).stdin(OwnedFd::from(theirs)).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn what_comes_in_goes_out() {
    const NAME: &str = "stdio::what_comes_in_goes_out";
    if is_child(NAME) {
        let echo = async {
            let mut input = stdin();
            let mut buf = [0; 1024];
            loop {
                let count = input.read(&mut buf).await.unwrap();
                if count == 0 {
                    break;
                }
                say(std::str::from_utf8(&buf[..count]).unwrap()).await;
            }
            let mut stderr = stderr();
            stderr.write_all(b"not flushed").await.unwrap();
        };
        // A task that waits for input is not stuck.
        return plain().deadlocks(Deadlocks::ClosedWorld).run(echo).unwrap();
    }
    let (child, mut input, mut output) = start(NAME);
    for text in ["one\n", "two\n"] {
        input.write_all(text.as_bytes()).unwrap();
        line(&mut output, text.trim_end());
    }
    // Without the end of a line, too.
    input.write_all(b"three").unwrap();
    let mut three = [0; 5];
    output.read_exact(&mut three).unwrap();
    assert_eq!(&three, b"three");
    drop(input);
    output.read_to_string(&mut String::new()).unwrap();
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.success());
    let errors = String::from_utf8_lossy(&ended.stderr);
    assert!(errors.contains("not flushed"), "{errors}");
}

#[test]
fn a_read_under_way_keeps_neither_the_run_nor_the_process() {
    const NAME: &str = "stdio::a_read_under_way_keeps_neither_the_run_nor_the_process";
    if is_child(NAME) {
        return plain()
            .run(async {
                let task = vigie::spawn(async { stdin().read(&mut [0; 8]).await });
                turns(3).await;
                // It may have begun by now.
                std::thread::sleep(Duration::from_millis(20));
                task.cancel().await.unwrap();
            })
            .unwrap();
    }
    let (mut child, input, mut output) = start(NAME);
    output.read_to_string(&mut String::new()).unwrap();
    assert!(child.wait().unwrap().success());
    drop(input);
}

#[test]
fn a_read_that_was_left_behind_takes_nothing() {
    const NAME: &str = "stdio::a_read_that_was_left_behind_takes_nothing";
    if is_child(NAME) {
        return plain()
            .run(async {
                let mut first = stdin();
                let mut buf = [0; 8];
                assert!(poll_once(first.read(&mut buf)).await.is_none());
                // The handle that is kept has it all.
                say("the first reads\n").await;
                assert_eq!(first.read(&mut buf).await.unwrap(), 2);
                assert_eq!(&buf[..2], b"1\n");
                assert!(poll_once(first.read(&mut buf)).await.is_none());
                std::thread::sleep(Duration::from_millis(20));
                drop(first);
                say("the second reads\n").await;
                let mut second = stdin();
                assert_eq!(second.read(&mut buf).await.unwrap(), 2);
                assert_eq!(&buf[..2], b"2\n");
                say("it was there\n").await;
            })
            .unwrap();
    }
    let (mut child, mut input, mut output) = start(NAME);
    line(&mut output, "the first reads");
    input.write_all(b"1\n").unwrap();
    line(&mut output, "the second reads");
    input.write_all(b"2\n").unwrap();
    line(&mut output, "it was there");
    assert!(child.wait().unwrap().success());
}
