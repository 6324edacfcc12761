//! Names of hosts.

use std::{
    io::ErrorKind,
    net::{Ipv6Addr, SocketAddr},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use futures_lite::future::{block_on, poll_once};
use vigie::{
    Builder, call,
    net::{TcpListener, TcpStream, lookup_host},
    spawn,
    time::timeout,
    unblock,
};

use crate::support::{Gate, alone_with, each, plain, soon, ticker};

/// The addresses of this very host, if it knows that name.
async fn local() -> Vec<SocketAddr> {
    soon(lookup_host("localhost:0")).await.unwrap_or_default()
}

#[test]
fn localhost_is_found_and_reached() {
    each(|builder| {
        builder
            .run(async {
                let addrs = local().await;
                assert!(addrs.iter().all(|addr| addr.ip().is_loopback()), "{addrs:?}");
                // A machine without name service is none to test it on.
                let Ok(listener) = TcpListener::bind(addrs) else { return };
                let addr = listener.local_addr().unwrap();
                let port = addr.port();
                let stream = soon(TcpStream::connect(("localhost", port))).await.unwrap();
                assert_eq!(stream.peer_addr().unwrap(), addr);
                soon(TcpStream::connect(format!("localhost:{port}"))).await.unwrap();
                soon(TcpStream::connect(("localhost".to_owned(), port))).await.unwrap();
                let there = call(move || TcpStream::connect(("localhost", port)));
                soon(there).await.unwrap().unwrap();
            })
            .unwrap();
    });
}

#[test]
fn an_unknown_name_is_an_error_in_time() {
    plain()
        .run(async {
            let (_, ticker) = ticker();
            assert!(soon(lookup_host("nobody.invalid:80")).await.is_err());
            assert!(soon(TcpStream::connect("nobody.invalid:80")).await.is_err());
            // No name at all.
            assert!(soon(lookup_host(("a\0b", 80))).await.is_err());
            drop(ticker);
        })
        .unwrap();
}

#[test]
fn the_pool_is_waited_for_as_long_as_said_and_by_names_only() {
    const NAME: &str = "lookup::the_pool_is_waited_for_as_long_as_said_and_by_names_only";
    alone_with(NAME, &[("BLOCKING_MAX_THREADS", "1")], || {
        each(|builder| builder.run(crowded()).unwrap());
    });
}

/// With the only thread of the pool taken.
async fn crowded() {
    let (go, wait) = mpsc::channel::<()>();
    let began = Gate::default();
    let begins = began.clone();
    let keeper = spawn(unblock(move || {
        begins.open();
        wait.recv().unwrap();
    }));
    began.opened().await;

    let name = ("localhost", 80);
    let (ticks, ticker) = ticker();
    let before = Instant::now();
    let error = lookup_host(name).time_limit(Duration::from_millis(5)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(error.to_string().contains("localhost") && error.to_string().contains("5ms"), "{error}");
    assert!(before.elapsed() >= Duration::from_millis(5));
    assert!(ticks.get() > 1, "the domain did nothing else");
    drop(ticker);
    timeout(Duration::from_millis(1), lookup_host(name)).await.unwrap_err();
    timeout(Duration::from_millis(1), TcpStream::connect(name)).await.unwrap_err();
    let task = spawn(lookup_host(name));
    vigie::yield_now().await;
    task.cancel().await.unwrap();

    // Addresses need no pool.
    for text in ["127.0.0.1:80", "[::1]:80"] {
        assert_eq!(poll_once(lookup_host(text)).await.unwrap().unwrap(), [text.parse().unwrap()]);
    }
    let literal = poll_once(lookup_host(("::1", 80))).await.unwrap().unwrap();
    assert_eq!(literal, [(Ipv6Addr::LOCALHOST, 80).into()]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    soon(TcpStream::connect(("127.0.0.1", port))).await.unwrap();
    assert_eq!(lookup_host(Vec::new()).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(lookup_host("localhost").await.unwrap_err().kind(), ErrorKind::InvalidInput);

    // What was given up never began.
    go.send(()).unwrap();
    keeper.await.unwrap().unwrap();
    assert_eq!(soon(unblock(|| 1)).await.unwrap(), 1);
}

#[test]
fn without_the_systems_events_only_names_are_refused() {
    fn check() {
        let literal = lookup_host("127.0.0.1:80");
        assert!(block_on(literal).is_ok());
    }
    check();
    assert!(block_on(lookup_host("localhost:80")).is_err());
    Builder::new().without_events().run(async { check() }).unwrap();
    thread::spawn(check).join().unwrap();
}
