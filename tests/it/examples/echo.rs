//! The echo server, and the load that checks it.

use super::{Server, each, program};

#[test]
fn what_is_sent_comes_back_and_is_counted() {
    each("echo", &[], |server| {
        let mut clients = [server.connect(), server.connect()];
        for round in 0..10 {
            for (number, client) in clients.iter_mut().enumerate() {
                let words = format!("round {round} of client {number}\n");
                client.send(&words);
                client.expect(&words);
            }
        }
        let address = server.address.to_string();
        let load = ["--load", &address, "--connections", "3", "--size", "5000", "--seconds", "0.01"];
        let output = program("echo").args(load).output().unwrap();
        let report = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && report.starts_with("3 connections, 5000 bytes: "), "{report}");
        drop(clients);
        let printed = server.stop();
        assert!(printed.ends_with("served 5 connections\n"), "{printed}");
    });
}

#[test]
fn connections_that_stay_open_do_not_outlast_the_grace() {
    let server = Server::start("echo", &["--grace", "0.01"]);
    let mut client = server.connect();
    client.send("ahoy\n");
    client.expect("ahoy\n");
    assert!(server.stop().ends_with("served 1 connections\n"));
    assert_eq!(client.rest(), "");
}
