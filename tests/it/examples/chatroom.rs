//! The chat room.

use std::{net::Shutdown, time::Instant};

use socket2::{Domain, Socket, Type};

use super::{Client, PATIENCE, Server, each};

const WELCOME: &str = "* welcome: lines go to everybody; /who, /quit\n";

impl Client {
    /// Joins, and waits until it has.
    fn join(mut self, name: &str) -> Self {
        self.expect("* your name?\n");
        self.send(format!("{name}\n"));
        self.expect(WELCOME);
        self
    }
}

#[test]
fn lines_go_to_everybody_else_in_one_order() {
    each("chatroom", &[], |server| {
        let mut members: Vec<Client> = Vec::new();
        for number in 0..8 {
            let joined = server.connect().join(&format!("m{number}"));
            for member in &mut members {
                member.expect(&format!("* m{number} is here\n"));
            }
            members.push(joined);
        }
        // Two talk at the same time; the others see the same.
        for line in 0..50 {
            members[0].send(format!("zero {line}\n"));
            members[1].send(format!("one {line}\r\n"));
        }
        let seen: Vec<Vec<String>> =
            members[2..].iter_mut().map(|member| (0..100).map(|_| member.line()).collect()).collect();
        assert!(seen.iter().all(|other| *other == seen[0]));
        for (index, name) in ["zero", "one"].iter().enumerate() {
            let own: Vec<_> = seen[0].iter().filter(|line| line.starts_with(&format!("m{index}:"))).collect();
            let expected: Vec<_> = (0..50).map(|line| format!("m{index}: {name} {line}\n")).collect();
            assert!(own.iter().copied().eq(&expected), "{own:?}");
            // Each of the two sees the other's only.
            let others: Vec<_> = (0..50).map(|_| members[1 - index].line()).collect();
            assert_eq!(others, expected);
        }
        drop(members);
        server.stop();
    });
}

#[test]
fn names_commands_and_leaving() {
    each("chatroom", &[], |server| {
        let mut ann = server.connect().join("ann");
        ann.send("/who\n");
        ann.expect("* here: ann\n");
        let mut bob = server.connect();
        bob.send("two words\n/quit\nann\nb\u{7}ob\n\n/fly\n/who\nhello");
        bob.expect("* your name?\n");
        for _ in 0..2 {
            bob.expect("* a name has letters and digits, at most 24 bytes; yours?\n");
        }
        bob.expect("* that name is taken; another?\n");
        bob.expect(WELCOME);
        bob.expect("* /who and /quit are known\n* here: ann bob\n");
        ann.expect("* bob is here\n");
        // The end of what it sends is as good as a newline and /quit.
        bob.0.get_ref().shutdown(Shutdown::Write).unwrap();
        assert_eq!(bob.rest(), "");
        ann.expect("bob: hello\n* bob has left\n");
        // Its name is free again.
        let mut bob = server.connect().join("bob");
        bob.send("bye\n/quit\n");
        assert_eq!(bob.rest(), "");
        ann.expect("* bob is here\nbob: bye\n* bob has left\n");
        drop(ann);
        assert_eq!(server.stop(), "3 connections, 2 lines, 0 too slow\n");
    });
}

#[test]
fn a_line_that_is_too_long_ends_the_connection() {
    let server = Server::start("chatroom", &[]);
    let mut ann = server.connect().join("ann");
    let mut bob = server.connect().join("bob");
    ann.expect("* bob is here\n");
    bob.send(format!("{}\n", "x".repeat(1023)));
    ann.expect(&format!("bob: {}\n", "x".repeat(1023)));
    bob.send("x".repeat(100_000));
    assert_eq!(bob.rest(), "* a line has at most 1024 bytes\n");
    ann.expect("* bob has left\n");
}

#[test]
fn whoever_does_not_read_is_dropped_and_stops_nobody() {
    each("chatroom", &["--queue", "50"], |server| {
        // With as little room as the system gives.
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(1).unwrap();
        socket.connect(&server.address.into()).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let deaf = Client(std::io::BufReader::with_capacity(64, socket.into())).join("deaf");
        let mut ann = server.connect().join("ann");
        let mut bob = server.connect().join("bob");
        ann.expect("* bob is here\n");
        // Bob has heard ten before the next ten are said: he is not slow.
        let said = "x".repeat(1000);
        let start = Instant::now();
        'talk: while start.elapsed() < PATIENCE {
            ann.send(format!("{said}\n").repeat(10));
            for _ in 0..10 {
                let heard = bob.line();
                if heard == "* deaf was too slow, and has been dropped\n" {
                    break 'talk;
                }
                assert_eq!(heard, format!("ann: {said}\n"));
            }
        }
        bob.send("/who\n");
        while bob.line() != "* here: ann bob\n" {}
        drop((ann, bob, deaf));
        assert!(server.stop().ends_with(" 1 too slow\n"));
    });
}

#[test]
fn everybody_hears_the_end() {
    each("chatroom", &["--grace", "60"], |server| {
        let mut ann = server.connect().join("ann");
        let mut bob = server.connect().join("bob");
        let mut unnamed = server.connect();
        unnamed.expect("* your name?\n");
        ann.expect("* bob is here\n");
        ann.send("last words\n");
        bob.expect("ann: last words\n");
        server.interrupt();
        assert_eq!(ann.rest(), "* the room closes\n");
        assert_eq!(bob.rest(), "* the room closes\n");
        assert_eq!(unnamed.rest(), "");
        drop((ann, bob, unnamed));
        assert_eq!(server.end(), "3 connections, 1 lines, 0 too slow\n");
    });
}
