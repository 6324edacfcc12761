//! The DNS forwarder. The upstream servers are threads of this process.

use std::{
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    thread,
};

use super::{PATIENCE, Server, each};
use crate::support::eventually;

/// A query for the addresses of a name, with recursion desired.
fn query(id: u16, name: &str) -> Vec<u8> {
    let mut message = Vec::new();
    [id, 0x0100, 1, 0, 0, 0].iter().for_each(|field| message.extend(field.to_be_bytes()));
    for label in name.split('.') {
        message.push(label.len() as u8);
        message.extend(label.as_bytes());
    }
    message.extend([0, 0, 1, 0, 1]);
    message
}

/// Adds EDNS, with room for so many bytes, and a cookie that is nobody else's business.
fn with_edns(mut query: Vec<u8>, room: u16) -> Vec<u8> {
    query[11] = 1;
    query.extend([0, 0, 41]);
    query.extend(room.to_be_bytes());
    query.extend([0, 0, 0, 0, 0, 12, 0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8]);
    query
}

/// An answer with so many addresses, good for so many seconds.
fn answer(query: &[u8], addresses: u8, ttl: u32) -> Vec<u8> {
    let mut message = query.to_vec();
    message[2..4].copy_from_slice(&0x8180u16.to_be_bytes());
    message[7] = addresses;
    let question_end = 12 + query[12..].iter().position(|byte| *byte == 0).unwrap() + 5;
    let edns = message.split_off(question_end);
    for number in 0..addresses {
        message.extend([0xC0, 12, 0, 1, 0, 1]);
        message.extend(ttl.to_be_bytes());
        message.extend([0, 4, 192, 0, 2, number]);
    }
    message.extend(edns);
    message
}

/// A server that answers as `reply` has it, any number of times; its address, and how often it was asked.
fn upstream(reply: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static) -> (String, Arc<AtomicU32>) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    let asked = Arc::new(AtomicU32::new(0));
    let count = asked.clone();
    // It ends with this process.
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            count.fetch_add(1, Relaxed);
            for reply in reply(&buffer[..length]) {
                socket.send_to(&reply, from).unwrap();
            }
        }
    });
    (address, asked)
}

struct Client(UdpSocket);

impl Client {
    fn new(server: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(server).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(socket)
    }

    fn ask(&self, query: &[u8]) -> Vec<u8> {
        self.0.send(query).unwrap();
        let mut buffer = [0; 4096];
        let count = self.0.recv(&mut buffer).unwrap();
        buffer[..count].to_vec()
    }
}

#[test]
fn answers_come_back_and_are_kept() {
    let (address, asked) = upstream(|query| vec![answer(query, 2, 300)]);
    each("dns", &["--upstream", &address, "--domains", "1"], |server| {
        asked.store(0, Relaxed);
        let client = Client::new(server.address);
        let first = query(0x1234, "www.example.org");
        assert_eq!(client.ask(&first), answer(&first, 2, 300));
        // Another id, another spelling: from the cache, and no older than the test.
        let second = query(0x4321, "WWW.example.ORG");
        let mut reply = client.ask(&second);
        let ttl_at = second.len() + 6;
        let ttl = u32::from_be_bytes(reply[ttl_at..ttl_at + 4].try_into().unwrap());
        assert!((200..=300).contains(&ttl), "{ttl}");
        for record in [0, 16] {
            reply[ttl_at + record..ttl_at + record + 4].copy_from_slice(&300u32.to_be_bytes());
        }
        assert_eq!(reply, answer(&second, 2, 300));
        assert_eq!(asked.load(Relaxed), 1);
        // With EDNS it is another question, and the cookie goes no further.
        for id in [1, 2] {
            let reply = client.ask(&with_edns(query(id, "www.example.org"), 4096));
            assert!(!reply.windows(8).any(|window| window == [1, 2, 3, 4, 5, 6, 7, 8]));
            assert_eq!(reply[7], 2);
        }
        assert_eq!(asked.load(Relaxed), 2);
        assert_eq!(server.stop(), "4 queries, 2 from the cache, 0 failed\n");
    });
}

#[test]
fn what_is_not_good_any_more_is_asked_for_again() {
    let (address, asked) = upstream(|query| vec![answer(query, 1, 1)]);
    let server = Server::start("dns", &["--upstream", &address, "--domains", "1"]);
    let client = Client::new(server.address);
    client.ask(&query(1, "short.example"));
    assert!(eventually(|| {
        client.ask(&query(2, "short.example"));
        asked.load(Relaxed) == 2
    }));
}

#[test]
fn only_an_answer_to_the_question_counts() {
    let (address, _) = upstream(|query| {
        let mut other_id = answer(query, 1, 60);
        other_id[0] ^= 1;
        let mut other_name = answer(query, 1, 60);
        other_name[13] ^= 1;
        let mut cut = answer(query, 1, 60);
        cut.pop();
        vec![other_id, other_name, cut, query.to_vec(), Vec::new(), answer(query, 3, 60)]
    });
    each("dns", &["--upstream", &address], |server| {
        let query = query(7, "example.org");
        assert_eq!(Client::new(server.address).ask(&query), answer(&query, 3, 60));
    });
}

#[test]
fn the_next_server_is_asked_where_one_does_not_answer() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let gone = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let (failing, failed) = upstream(|query| {
        let mut reply = answer(query, 0, 0);
        reply[3] |= 2;
        vec![reply]
    });
    let (good, _) = upstream(|query| vec![answer(query, 1, 0)]);
    let silent_address = silent.local_addr().unwrap().to_string();
    let mut args = vec!["--limit", "0.2", "--domains", "1"];
    for server in [&silent_address, &gone, &failing, &good] {
        args.extend(["--upstream", server.as_str()]);
    }
    let server = Server::start("dns", &args);
    let client = Client::new(server.address);
    // The answer is not to be kept; but the server that gave it is asked first from then on.
    for id in 1..10 {
        let query = query(id, "example.org");
        assert_eq!(client.ask(&query), answer(&query, 1, 0));
    }
    assert_eq!(failed.load(Relaxed), 1);
    assert_eq!(server.stop(), "9 queries, 0 from the cache, 0 failed\n");

    // An answer that is a failure is passed on if there is no better one; and where there is none at all …
    let server = Server::start("dns", &["--upstream", &failing, "--upstream", &gone]);
    assert_eq!(Client::new(server.address).ask(&query(1, "example.org"))[3] & 0xF, 2);
    let server = Server::start("dns", &["--upstream", &silent_address, "--limit", "0.1"]);
    let query = query(9, "example.org");
    let reply = Client::new(server.address).ask(&query);
    assert_eq!((&reply[..4], &reply[12..]), (&[0, 9, 0x81, 0x82][..], &query[12..]));
}

#[test]
fn what_is_no_query_is_told_or_left_alone() {
    let (address, asked) = upstream(|query| vec![answer(query, 1, 60)]);
    let server = Server::start("dns", &["--upstream", &address]);
    let client = Client::new(server.address);
    let good = query(5, "example.org");
    let edited = |edit: fn(&mut Vec<u8>)| {
        let mut message = good.clone();
        edit(&mut message);
        message
    };
    let malformed: [fn(&mut Vec<u8>); 7] = [
        |message| message.truncate(message.len() - 1),
        |message| message.truncate(12),
        |message| message[5] = 0,
        |message| message[5] = 2,
        |message| message[7] = 1,
        |message| message[11] = 1,
        |message| message[12] = 0xC0,
    ];
    for edit in malformed {
        assert_eq!(client.ask(&edited(edit)), [0, 5, 0x81, 0x81, 0, 0, 0, 0, 0, 0, 0, 0]);
    }
    // Another kind of operation.
    assert_eq!(client.ask(&edited(|message| message[2] |= 0x28))[3] & 0xF, 4);
    // What is too short, or a reply, is followed by silence: the next answer is that to the next query.
    for silent in [edited(|message| message.truncate(11)), edited(|message| message[2] |= 0x80), Vec::new()] {
        client.0.send(&silent).unwrap();
    }
    assert_eq!(client.ask(&good), answer(&good, 1, 60));
    assert_eq!(asked.load(Relaxed), 1);
}

#[test]
fn a_client_gets_no_more_than_it_takes() {
    let (address, _) = upstream(|query| vec![answer(query, 60, 60)]);
    let server = Server::start("dns", &["--upstream", &address]);
    let client = Client::new(server.address);
    let plain = query(1, "example.org");
    let reply = client.ask(&plain);
    assert_eq!((reply[2] & 2, reply[7], reply.len()), (2, 0, plain.len()));
    let reply = client.ask(&with_edns(plain.clone(), 512));
    assert_eq!((reply[2] & 2, reply[7], reply[11], reply.len()), (2, 0, 1, plain.len() + 11));
    let reply = client.ask(&with_edns(plain, 1232));
    assert_eq!((reply[2] & 2, reply[7]), (0, 60));
}
