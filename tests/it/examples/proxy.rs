//! The TCP proxy.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use socket2::{Domain, Socket, Type};

use super::{PATIENCE, Server, each};

/// A listener for the proxy to connect to.
fn target() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Does the connection end by a reset?
fn is_reset(mut stream: TcpStream) -> bool {
    stream.read_to_end(&mut Vec::new()).is_err_and(|error| error.kind() == ErrorKind::ConnectionReset)
}

#[test]
fn bytes_go_both_ways_and_each_end_is_passed_on() {
    let (listener, address) = target();
    each("proxy", &["--to", &address], |server| {
        let bytes: Vec<u8> = (0..300_000u32).map(|n| (n % 251) as u8).collect();
        let mut client = connect(&server);
        let (mut inside, _) = listener.accept().unwrap();
        let sent = bytes.clone();
        let mut writer = client.try_clone().unwrap();
        let sender = thread::spawn(move || {
            writer.write_all(&sent).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        // The end comes, while the other direction is still open.
        let mut got = Vec::new();
        inside.read_to_end(&mut got).unwrap();
        assert!(got == bytes);
        sender.join().unwrap();
        inside.write_all(b"all of it").unwrap();
        drop(inside);
        let mut got = String::new();
        client.read_to_string(&mut got).unwrap();
        assert_eq!(got, "all of it");
        let printed = server.stop();
        assert_eq!(
            printed,
            "passed 300000 bytes on and 9 back on 1 connections; 0 not connected, 0 broken\n"
        );
    });
}

#[test]
fn a_target_that_does_not_read_stops_the_client_and_takes_no_memory() {
    let (listener, address) = target();
    let server = Server::start("proxy", &["--to", &address]);
    let mut client = connect(&server);
    client.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let (mut inside, _) = listener.accept().unwrap();
    #[cfg(target_os = "linux")]
    let before = server.memory();
    // All that the system's buffers hold, until nothing goes any more.
    let chunk = vec![b'x'; 1 << 20];
    let mut sent = 0;
    loop {
        match client.write(&chunk) {
            Ok(count) => sent += count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
            Err(error) => panic!("{error}"),
        }
        assert!(sent < 256 << 20, "the client is not held back");
    }
    #[cfg(target_os = "linux")]
    assert!(server.memory() < before + 1024, "{before} KiB before, {} after", server.memory());
    // Another connection is none the slower for it.
    let mut other = connect(&server);
    let (mut answering, _) = listener.accept().unwrap();
    other.write_all(b"ahoy").unwrap();
    let mut got = [0; 4];
    answering.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"ahoy");
    drop((other, answering));
    // And once the target reads, everything comes.
    client.shutdown(Shutdown::Write).unwrap();
    let mut received = 0;
    let mut buffer = vec![0; 1 << 20];
    loop {
        match inside.read(&mut buffer).unwrap() {
            0 => break,
            count => received += count,
        }
    }
    assert_eq!(received, sent);
    drop(inside);
    assert_eq!(client.read(&mut buffer).unwrap(), 0);
    assert!(server.stop().starts_with(&format!("passed {} bytes on", sent + 4)));
}

#[test]
fn what_breaks_on_one_side_breaks_on_the_other() {
    let (listener, address) = target();
    each("proxy", &["--to", &address], |server| {
        let mut client = connect(&server);
        let (mut inside, _) = listener.accept().unwrap();
        // Once a byte has come through, the two are connected.
        client.write_all(b"x").unwrap();
        inside.read_exact(&mut [0]).unwrap();
        let inside = Socket::from(inside);
        inside.set_linger(Some(Duration::ZERO)).unwrap();
        drop(inside);
        assert!(is_reset(client));
        assert!(server.stop().ends_with("0 not connected, 1 broken\n"));
    });
}

#[test]
fn a_target_that_refuses_is_told_by_a_reset() {
    let (listener, address) = target();
    drop(listener);
    let server = Server::start("proxy", &["--to", &address]);
    assert!(is_reset(connect(&server)));
    assert!(server.stop().ends_with("1 not connected, 0 broken\n"));
}

#[cfg(target_os = "linux")]
#[test]
fn connecting_takes_no_longer_than_it_may() {
    // Nobody accepts: once the queue is full, the system answers no more.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let mut queued = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        queued.push(stream);
        assert!(queued.len() < 100);
    }
    let server = Server::start("proxy", &["--to", &address.to_string(), "--connect", "0.1"]);
    assert!(is_reset(connect(&server)));
    assert!(server.stop().ends_with("1 not connected, 0 broken\n"));
}

#[test]
fn what_is_open_at_the_stop_may_end_or_is_reset() {
    let (listener, address) = target();
    let server = Server::start("proxy", &["--to", &address, "--grace", "60"]);
    let mut client = connect(&server);
    let (mut inside, _) = listener.accept().unwrap();
    server.interrupt();
    client.write_all(b"late").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut got = String::new();
    inside.read_to_string(&mut got).unwrap();
    assert_eq!(got, "late");
    drop(inside);
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    assert!(server.end().starts_with("passed 4 bytes on"));

    let server = Server::start("proxy", &["--to", &address, "--grace", "0.1"]);
    let client = connect(&server);
    let (inside, _) = listener.accept().unwrap();
    inside.set_read_timeout(Some(PATIENCE)).unwrap();
    server.stop();
    assert!(is_reset(client) && is_reset(inside));
}
