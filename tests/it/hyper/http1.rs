//! HTTP/1: connections that are kept, requests in a row, timeouts, ends.

use std::time::{Duration, Instant};

use ::hyper::{
    Request,
    body::{Bytes, Incoming},
    client, server,
    service::service_fn,
};
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use vigie::{
    Domain, call_on,
    hyper::{Io, Timer},
    spawn,
};

use super::{answer, bytes, echo, pair, request, serve_until};
use crate::support::{Gate, each, on_drop, soon, turns};

const SOON: Duration = Duration::from_millis(50);

#[test]
fn a_connection_is_kept_alive_on_any_domain() {
    each(|builder| {
        let ran = builder.run(async {
            let all: Bytes = (0..1_000_000_u32).map(|at| (at ^ (at >> 8)) as u8).collect();
            for domain in Domain::available() {
                let (near, far) = pair().await;
                let server = call_on(domain, move || async move {
                    let mut builder = server::conn::http1::Builder::new();
                    builder.timer(Timer).serve_connection(Io::new(far), service_fn(echo)).await
                });
                let (mut client, connection) = client::conn::http1::handshake(Io::new(near)).await.unwrap();
                let connection = spawn(connection);
                for size in [0, 1, 100_000, all.len()] {
                    soon(client.ready()).await.unwrap();
                    let sent = client.send_request(request("/", all.slice(..size)));
                    assert_eq!(bytes(soon(sent).await.unwrap()).await, all.slice(..size));
                }
                drop(client);
                soon(connection).await.unwrap().unwrap();
                soon(server).await.unwrap().unwrap();
            }
        });
        ran.unwrap();
    });
}

#[test]
fn requests_in_a_row_are_answered_in_their_order() {
    each(|builder| {
        let ran = builder.run(async {
            let (mut near, far) = pair().await;
            let service = service_fn(|request: Request<Incoming>| async move {
                // The first takes longest.
                turns(if request.uri() == "/first" { 20 } else { 0 }).await;
                answer(request.uri().path().to_owned())
            });
            let server = spawn(server::conn::http1::Builder::new().serve_connection(Io::new(far), service));
            let ask = |path, more| format!("GET {path} HTTP/1.1\r\nhost: test\r\n{more}\r\n");
            let asked =
                [ask("/first", ""), ask("/second", ""), ask("/third", "connection: close\r\n")].concat();
            near.write_all(asked.as_bytes()).await.unwrap();
            let mut answers = String::new();
            soon(near.read_to_string(&mut answers)).await.unwrap();
            assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 3, "{answers}");
            let places = ["/first", "/second", "/third"].map(|path| answers.find(path).unwrap());
            assert!(places.is_sorted(), "{answers}");
            soon(server).await.unwrap().unwrap();
        });
        ran.unwrap();
    });
}

#[test]
fn a_head_that_does_not_come_times_out() {
    each(|builder| {
        let ran = builder.run(async {
            for whole in ["", "GET / HTTP/1.1\r\nhost: test\r\n\r\n"] {
                let (mut near, far) = pair().await;
                let mut builder = server::conn::http1::Builder::new();
                let service = service_fn(|_| async { answer("here") });
                let connection =
                    builder.timer(Timer).header_read_timeout(SOON).serve_connection(Io::new(far), service);
                let start = Instant::now();
                let server = spawn(connection);
                near.write_all(whole.as_bytes()).await.unwrap();
                near.write_all(b"GET / HTTP/1.1\r\nho").await.unwrap();
                let error = soon(server).await.unwrap().unwrap_err();
                assert!(error.is_timeout(), "{error:?}");
                assert!(start.elapsed() >= SOON);
                let mut answers = String::new();
                soon(near.read_to_string(&mut answers)).await.unwrap();
                assert_eq!(answers.contains("here"), !whole.is_empty(), "{answers}");
            }
        });
        ran.unwrap();
    });
}

#[test]
fn a_request_under_way_is_answered_before_a_graceful_end() {
    each(|builder| {
        let ran = builder.run(async {
            let (mut near, far) = pair().await;
            let [begun, ready, stop] = [(); 3].map(|()| Gate::default());
            let (begins, waits, stops) = (begun.clone(), ready.clone(), stop.clone());
            let server = spawn(async move {
                let service = service_fn(|_| async {
                    begins.open();
                    waits.opened().await;
                    answer("the last word")
                });
                serve_until!(
                    stops,
                    server::conn::http1::Builder::new().serve_connection(Io::new(far), service)
                )
            });
            near.write_all(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
            soon(begun.opened()).await;
            stop.open();
            turns(10).await;
            ready.open();
            let mut answers = String::new();
            soon(near.read_to_string(&mut answers)).await.unwrap();
            assert!(answers.contains("connection: close") && answers.ends_with("the last word"), "{answers}");
            soon(server).await.unwrap().unwrap();
        });
        ran.unwrap();
    });
}

#[test]
fn a_connection_that_is_cancelled_takes_its_request_with_it() {
    each(|builder| {
        let ran = builder.run(async {
            let (mut near, far) = pair().await;
            let [begun, gone] = [(); 2].map(|()| Gate::default());
            let (begins, goes) = (begun.clone(), gone.clone());
            let service = service_fn(move |_| {
                let goes = goes.clone();
                let held = on_drop(move || goes.open());
                let begins = begins.clone();
                async move {
                    begins.open();
                    std::future::pending::<()>().await;
                    drop(held);
                    answer("never")
                }
            });
            let server = spawn(server::conn::http1::Builder::new().serve_connection(Io::new(far), service));
            near.write_all(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
            soon(begun.opened()).await;
            server.cancel().await.unwrap();
            soon(gone.opened()).await;
            assert_eq!(soon(near.read(&mut [0])).await.unwrap(), 0);
        });
        ran.unwrap();
    });
}
