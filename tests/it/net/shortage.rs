//! Accepting where the system is out of descriptors. Each test runs in a process of its own, which may have 64.

use std::{
    fs::File,
    future::poll_fn,
    io::{self, Write},
    net::{self, SocketAddr},
    rc::Rc,
    time::{Duration, Instant},
};

use futures_lite::AsyncReadExt;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, SockAddr, Socket, Type};
use vigie::{
    Builder, Promise, PromiseState, call,
    net::{TcpListener, TcpStream, UnixListener},
    spawn,
    time::timeout,
};

use super::{soon, unix::Dir};
use crate::support::{alone, each, turns, until};

/// Opens files until there is no descriptor left.
fn exhaust() -> Vec<File> {
    std::iter::from_fn(|| File::open("/dev/null").ok()).collect()
}

fn with_few_descriptors(name: &str, test: impl Fn(Builder)) {
    alone(&format!("net::shortage::{name}"), || {
        let limit = Rlimit { current: Some(64), maximum: getrlimit(Resource::Nofile).maximum };
        setrlimit(Resource::Nofile, limit).unwrap();
        each(test);
    });
}

fn local() -> (Rc<TcpListener>, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    (Rc::new(listener), addr)
}

/// So many that will connect, once there is no descriptor for another one.
fn clients(count: usize) -> Vec<Socket> {
    (0..count).map(|_| Socket::new(Domain::IPV4, Type::STREAM, None).unwrap()).collect()
}

type Accepting = Promise<io::Result<(TcpStream, SocketAddr)>>;

fn accepting(listener: &Rc<TcpListener>) -> Accepting {
    let listener = listener.clone();
    spawn(async move { listener.accept().await })
}

/// What was accepted is the connection of that client.
async fn belong_together(mut stream: TcpStream, client: Socket) {
    let client = net::TcpStream::from(client);
    assert_eq!(stream.peer_addr().unwrap(), client.local_addr().unwrap());
    (&client).write_all(b"at last").unwrap();
    let mut buf = [0; 7];
    soon(stream.read_exact(&mut buf)).await.unwrap();
    assert_eq!(&buf, b"at last");
}

#[test]
fn accepting_waits_for_a_descriptor() {
    with_few_descriptors("accepting_waits_for_a_descriptor", |builder| {
        let ran = builder.run(async {
            let (listener, addr) = local();
            for waits in [true, false, true] {
                let client = clients(1).pop().unwrap();
                let accept = accepting(&listener);
                if waits {
                    // It is watched, and its readiness is used up.
                    turns(3).await;
                    assert_eq!(accept.state(), PromiseState::Running);
                }
                let (files, before) = (exhaust(), listener.shortages());
                client.connect(&addr.into()).unwrap();
                soon(until(|| listener.shortages() > before)).await;
                assert_eq!(accept.state(), PromiseState::Running);

                drop(files);
                let (stream, _) = soon(accept).await.unwrap().unwrap();
                belong_together(stream, client).await;

                // The next one is told of as ever.
                let counted = listener.shortages();
                let accept = accepting(&listener);
                turns(3).await;
                assert_eq!(accept.state(), PromiseState::Running);
                let client = net::TcpStream::connect(addr).unwrap();
                let (_, peer) = soon(accept).await.unwrap().unwrap();
                assert_eq!(peer, client.local_addr().unwrap());
                assert_eq!(listener.shortages(), counted);
            }
        });
        ran.unwrap();
    });
}

#[test]
fn it_asks_more_and_more_seldom() {
    with_few_descriptors("it_asks_more_and_more_seldom", |builder| {
        let ran = builder.run(async {
            let (listener, addr) = local();
            let client = clients(1).pop().unwrap();
            let files = exhaust();
            client.connect(&addr.into()).unwrap();
            let begun = Instant::now();
            assert!(timeout(Duration::from_millis(400), listener.accept()).await.is_err());
            let (asked, took) = (listener.shortages(), begun.elapsed().as_millis() as u64);
            assert!(asked >= 2, "{asked}");
            // Before the last time it has waited 5, 10, 20, … ms.
            assert!(5 * ((1 << (asked - 1)) - 1) <= took, "{asked} times in {took} ms");
            drop(files);
            belong_together(soon(listener.accept()).await.unwrap().0, client).await;
        });
        ran.unwrap();
    });
}

#[test]
fn no_connection_is_left_where_several_wait_and_some_give_up() {
    with_few_descriptors("no_connection_is_left_where_several_wait_and_some_give_up", |builder| {
        let ran = builder.run(async {
            let (listener, addr) = local();
            let clients = clients(6);
            let mut tasks: Vec<_> = (0..3).map(|_| accepting(&listener)).collect();
            turns(3).await;
            let files = exhaust();
            clients.iter().for_each(|client| client.connect(&addr.into()).unwrap());
            soon(until(|| listener.shortages() >= 3)).await;
            tasks.pop().unwrap().cancel().await.unwrap();
            drop(files);

            let mut peers = Vec::new();
            let mut streams = Vec::new();
            while peers.len() < clients.len() {
                if tasks.is_empty() {
                    tasks.push(accepting(&listener));
                }
                let (stream, peer) = soon(vigie::await_one(&mut tasks)).await.unwrap().unwrap();
                streams.push(stream);
                peers.push(peer);
            }
            let locals = clients.iter().map(|client| client.local_addr().unwrap().as_socket().unwrap());
            let mut expected: Vec<_> = locals.collect();
            expected.sort();
            peers.sort();
            assert_eq!(peers, expected);
        });
        ran.unwrap();
    });
}

#[test]
fn it_is_the_same_on_another_domain() {
    with_few_descriptors("it_is_the_same_on_another_domain", |builder| {
        let ran = builder.run(async {
            let (listener, addr) = local();
            // Watched here first.
            assert!(timeout(Duration::ZERO, listener.accept()).await.is_err());
            let listener = Rc::into_inner(listener).unwrap();
            let client = clients(1).pop().unwrap();
            let files = exhaust();
            client.connect(&addr.into()).unwrap();
            let there = call(move || async move {
                let mut files = Some(files);
                let mut accept = std::pin::pin!(listener.accept());
                poll_fn(|cx| {
                    let accepted = accept.as_mut().poll(cx);
                    if listener.shortages() > 0 {
                        files = None;
                    }
                    accepted
                })
                .await
            });
            let (stream, _) = soon(there).await.unwrap().unwrap();
            belong_together(stream, client).await;
        });
        ran.unwrap();
    });
}

#[test]
fn who_polls_sees_it() {
    with_few_descriptors("who_polls_sees_it", |builder| {
        let ran = builder.run(async {
            let (listener, addr) = local();
            let accept = async || poll_fn(|cx| listener.poll_accept(cx)).await;
            let client = clients(1).pop().unwrap();
            let files = exhaust();
            client.connect(&addr.into()).unwrap();
            // Again, and at once: the connection is still there, and nothing new will tell of it.
            for _ in 0..100 {
                let error = soon(accept()).await.unwrap_err();
                assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::MFILE.raw_os_error()));
            }
            assert_eq!(listener.shortages(), 0);
            drop(files);
            belong_together(soon(accept()).await.unwrap().0, client).await;
        });
        ran.unwrap();
    });
}

#[test]
fn a_unix_listener_waits_as_well() {
    with_few_descriptors("a_unix_listener_waits_as_well", |builder| {
        let ran = builder.run(async {
            let dir = Dir::new();
            let path = dir.path("listener");
            let listener = Rc::new(UnixListener::bind(&path).unwrap());
            let client = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
            let own = listener.clone();
            let accept = spawn(async move { own.incoming().next().await });
            turns(3).await;
            let files = exhaust();
            client.connect(&SockAddr::unix(&path).unwrap()).unwrap();
            soon(until(|| listener.shortages() > 0)).await;
            assert_eq!(accept.state(), PromiseState::Running);
            drop(files);
            let mut stream = soon(accept).await.unwrap().unwrap();
            client.send(b"at last").unwrap();
            let mut buf = [0; 7];
            soon(stream.read_exact(&mut buf)).await.unwrap();
            assert_eq!(&buf, b"at last");
        });
        ran.unwrap();
    });
}
