//! The small Redis.

use std::{
    io::{Read, Write},
    thread,
};

use super::{Client, Server, each};
use crate::support::eventually;

/// A request as clients write it.
fn request(words: &[&str]) -> String {
    let arguments = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len()));
    format!("*{}\r\n", words.len()) + &arguments.collect::<String>()
}

impl Client {
    /// Sends the words of a line, as an array, and expects this reply.
    #[track_caller]
    fn ask(&mut self, line: &str, reply: &str) {
        self.send(request(&line.split(' ').collect::<Vec<_>>()));
        self.expect(&reply.replace('\n', "\r\n"));
    }

    /// The number that is the reply to this.
    fn number(&mut self, line: &str) -> i64 {
        self.send(format!("{line}\r\n"));
        self.line().trim_end().strip_prefix(':').unwrap().parse().unwrap()
    }
}

/// What is asked, and the reply. Errors begin as clients expect it; the rest is ours.
const CONVERSATION: &[(&str, &str)] = &[
    ("PING", "+PONG\n"),
    ("ping hello", "$5\nhello\n"),
    ("ECHO there", "$5\nthere\n"),
    ("GET a", "$-1\n"),
    ("SET a 1", "+OK\n"),
    ("get a", "$1\n1\n"),
    ("SET a 2 NX", "$-1\n"),
    ("SET b 2 XX", "$-1\n"),
    ("SET a 2 xx", "+OK\n"),
    ("SET b 3 nx", "+OK\n"),
    ("SET a 1 NX XX", "-ERR syntax error\n"),
    ("SET a 1 EX", "-ERR syntax error\n"),
    ("SET a 1 EX 1 PX 1", "-ERR syntax error\n"),
    ("SET a 1 EX 0", "-ERR invalid expire time in 'set' command\n"),
    ("SET a 1 EX 9223372036854775807", "-ERR invalid expire time in 'set' command\n"),
    ("SET a 1 PX x", "-ERR value is not an integer or out of range\n"),
    ("EXISTS a b c a", ":3\n"),
    ("INCR a", ":3\n"),
    ("INCRBY a 39", ":42\n"),
    ("DECR a", ":41\n"),
    ("DECRBY a 40", ":1\n"),
    ("DECRBY a -9223372036854775808", "-ERR value is not an integer or out of range\n"),
    ("INCR fresh", ":1\n"),
    ("SET word word", "+OK\n"),
    ("INCR word", "-ERR value is not an integer or out of range\n"),
    ("INCRBY a 1.5", "-ERR value is not an integer or out of range\n"),
    ("SET most 9223372036854775807", "+OK\n"),
    ("INCR most", "-ERR increment or decrement would overflow\n"),
    ("DBSIZE", ":5\n"),
    ("KEYS w*", "*1\n$4\nword\n"),
    ("KEYS [x-z]*", "*0\n"),
    ("DEL word most nothing", ":2\n"),
    ("TTL nothing", ":-2\n"),
    ("TTL a", ":-1\n"),
    ("PTTL a", ":-1\n"),
    ("EXPIRE nothing 10", ":0\n"),
    ("EXPIRE a 1000", ":1\n"),
    ("TTL a", ":1000\n"),
    ("INCR a", ":2\n"),
    ("TTL a", ":1000\n"),
    ("PERSIST a", ":1\n"),
    ("PERSIST a", ":0\n"),
    ("TTL a", ":-1\n"),
    ("PEXPIRE a 1000000", ":1\n"),
    ("SET a 2", "+OK\n"),
    ("TTL a", ":-1\n"),
    ("SET a 2 EX 500", "+OK\n"),
    ("TTL a", ":500\n"),
    ("PEXPIRE a 0", ":1\n"),
    ("GET a", "$-1\n"),
    ("EXPIRE b 9223372036854775807", "-ERR invalid expire time in 'expire' command\n"),
    ("SELECT 0", "+OK\n"),
    ("SELECT 1", "-ERR DB index is out of range\n"),
    ("CONFIG GET save", "*2\n$4\nsave\n$0\n\n"),
    ("CONFIG GET nothing", "*0\n"),
    ("COMMAND DOCS", "*0\n"),
    ("GET", "-ERR wrong number of arguments for 'get' command\n"),
    ("DEL", "-ERR wrong number of arguments for 'del' command\n"),
    ("FLY away", "-ERR unknown command 'fly'\n"),
    ("FLUSHALL", "+OK\n"),
    ("DBSIZE", ":0\n"),
    ("QUIT", "+OK\n"),
];

#[test]
fn commands_have_their_replies() {
    each("redis", &[], |server| {
        let mut client = server.connect();
        for (line, reply) in CONVERSATION {
            client.ask(line, reply);
        }
        assert_eq!(client.rest(), "");
        let printed = server.stop();
        assert_eq!(printed, "served 1 connections\n");
    });
}

#[test]
fn a_pipeline_is_answered_in_order_however_it_comes() {
    each("redis", &[], |server| {
        let requests: String = CONVERSATION.iter().map(|(line, _)| format!("\r\n{line}\r\n")).collect();
        let replies: String = CONVERSATION.iter().map(|(_, reply)| reply.replace('\n', "\r\n")).collect();
        let mut client = server.connect();
        client.send(&requests);
        assert_eq!(client.rest(), replies);
        let mut client = server.connect();
        for byte in requests.bytes() {
            client.send([byte]);
        }
        assert_eq!(client.rest(), replies);
        // More than any buffer holds, in one go: the replies have to be read meanwhile.
        let mut client = server.connect();
        let count = 50_000;
        let mut writer = client.0.get_ref().try_clone().unwrap();
        let sender =
            thread::spawn(move || writer.write_all(request(&["INCR", "n"]).repeat(count).as_bytes()));
        for n in 1..=count {
            client.expect(&format!(":{n}\r\n"));
        }
        sender.join().unwrap().unwrap();
    });
}

#[test]
fn what_is_no_request_is_told_and_ends_the_connection() {
    let server = Server::start("redis", &[]);
    let long = "x".repeat(5000);
    let bad = [
        ("*x\r\n", "invalid multibulk length"),
        ("*10000000\r\n", "invalid multibulk length"),
        ("*1\r\n:1\r\n", "expected '$', got ':'"),
        ("*1\r\n$-1\r\n", "invalid bulk length"),
        ("*1\r\n$99999999999\r\n", "invalid bulk length"),
        ("*1\r\n$3\r\nPINGS\r\n", "a bulk string is longer than announced"),
        ("*11111111111111111111111111111111111111111", "too big mbulk count string"),
        ("*1\r\n$11111111111111111111111111111111111111111", "too big bulk count string"),
        (&long, "too big inline request"),
    ];
    for (request, why) in bad {
        let mut client = server.connect();
        // What comes before has its reply, and what comes after has none.
        client.send(format!("PING\r\n{request}PING\r\nPING\r\n"));
        assert_eq!(client.rest(), format!("+PONG\r\n-ERR Protocol error: {why}\r\n"), "{request:.40}");
    }
    // A large value is none of that.
    let value = "v".repeat(10_000_000);
    let mut client = server.connect();
    client.send(request(&["SET", "large", &value]));
    client.expect("+OK\r\n");
    client.send("GET large\r\n");
    client.expect(&format!("$10000000\r\n{value}\r\n"));
}

#[test]
fn keys_expire_by_themselves() {
    each("redis", &[], |server| {
        let mut client = server.connect();
        client.ask("SET kept 1 EX 1000", "+OK\n");
        client.ask("SET short 1 PX 30", "+OK\n");
        client.ask("SET later 1", "+OK\n");
        client.ask("PEXPIRE later 40", ":1\n");
        assert!(client.number("PTTL kept") > 900_000);
        // Asked for, it is gone as soon as its time is up.
        assert!(eventually(|| client.number("EXISTS short") == 0));
        client.ask("GET short", "$-1\n");
        client.ask("TTL short", ":-2\n");
        client.ask("INCR short", ":1\n");
        client.ask("TTL short", ":-1\n");
        // And those that nobody asks for are swept away.
        assert!(eventually(|| client.number("DBSIZE") == 2));
        client.ask("EXISTS kept short later", ":2\n");
    });
}

#[test]
fn connections_on_all_domains_see_one_number() {
    each("redis", &[], |server| {
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let mut client = server.connect();
                    for _ in 0..20 {
                        client.send(request(&["INCR", "sum"]).repeat(10));
                        (0..10).for_each(|_| assert!(client.line().starts_with(':')));
                    }
                });
            }
        });
        server.connect().ask("GET sum", "$4\n1600\n");
        assert_eq!(server.stop(), "served 9 connections\n");
    });
}

#[test]
fn a_client_that_does_not_read_stops_nobody_and_takes_little_memory() {
    let server = Server::start("redis", &["--grace", "0.1"]);
    let mut client = server.connect();
    client.send(request(&["SET", "large", &"v".repeat(1_000_000)]));
    client.expect("+OK\r\n");
    let mut deaf = server.connect();
    // Replies of two gigabytes.
    deaf.send("GET large\r\n".repeat(2000));
    for n in 1..=100 {
        client.ask("INCR n", &format!(":{n}\n"));
    }
    #[cfg(target_os = "linux")]
    assert!(server.memory() < 100_000, "{} KiB", server.memory());
    // It does not keep the server from ending either.
    server.stop();
}

#[test]
fn what_was_sent_before_the_stop_is_answered() {
    each("redis", &["--grace", "60"], |server| {
        let mut idle = server.connect();
        idle.ask("PING", "+PONG\n");
        let mut busy = server.connect();
        busy.ask("PING", "+PONG\n");
        let count = 5000;
        busy.send("INCR n\r\n".repeat(count));
        server.interrupt();
        for n in 1..=count {
            busy.expect(&format!(":{n}\r\n"));
        }
        // Both are let go, and the server does not wait out its grace.
        assert_eq!(busy.rest(), "");
        let mut rest = Vec::new();
        idle.0.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"");
        drop((idle, busy));
        assert_eq!(server.end(), "served 2 connections\n");
    });
}
