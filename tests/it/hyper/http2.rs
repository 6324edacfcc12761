//! HTTP/2: the streams of a connection are children of its task.

use std::{
    cell::Cell,
    future::{Future, pending},
    rc::Rc,
    time::{Duration, Instant},
};

use ::hyper::{
    Request,
    body::{Bytes, Incoming},
    client::conn::http2::{SendRequest, handshake},
    rt,
    server::conn::http2,
    service::service_fn,
};
use futures_lite::AsyncWriteExt;
use http_body_util::Full;
use vigie::{
    Promise, await_all,
    hyper::{Executor, Io, Timer},
    net::TcpStream,
    spawn, tree, yield_now,
};

use super::{answer, bytes, echo, live_tasks, pair, request, serve_until};
use crate::support::{Gate, each, plain, soon, turns};

/// An executor that counts: how many futures it was given, and by the count of the `Rc`, how many of them
/// there still are.
#[derive(Clone, Default)]
struct Counting(Rc<Cell<usize>>);

impl<F: Future<Output: 'static> + 'static> rt::Executor<F> for Counting {
    fn execute(&self, future: F) {
        self.0.set(self.0.get() + 1);
        let held = self.0.clone();
        rt::Executor::execute(&Executor, async move {
            let _held = held;
            future.await
        });
    }
}

impl Counting {
    fn live(&self) -> usize {
        Rc::strong_count(&self.0)
    }
}

/// A client of the other end of a connection.
async fn client(near: TcpStream) -> (SendRequest<Full<Bytes>>, Ended) {
    let (client, connection) = handshake(Executor, Io::new(near)).await.unwrap();
    (client, spawn(connection))
}

/// As many requests as `count`, a hundred at a time.
async fn ask(client: &SendRequest<Full<Bytes>>, count: usize) {
    for round in 0..count / 100 {
        let asked = (0..100).map(|n| {
            let mut client = client.clone();
            spawn(async move {
                let text = format!("{round}.{n}");
                let answered = soon(client.send_request(request("/", text.clone()))).await.unwrap();
                assert_eq!(bytes(answered).await, text);
            })
        });
        for asked in await_all(asked).await.unwrap() {
            asked.unwrap();
        }
    }
}

/// Until so few tasks live as did before.
async fn settled(before: usize) {
    soon(async {
        while live_tasks().await > before {
            yield_now().await;
        }
    })
    .await;
}

async fn many_streams(count: usize) {
    let (near, far) = pair().await;
    let executor = Counting::default();
    let server =
        spawn(http2::Builder::new(executor.clone()).serve_connection(Io::new(far), service_fn(echo)));
    let (client, connection) = client(near).await;
    let idle = executor.live();
    ask(&client, count).await;
    assert_eq!(executor.0.get(), count, "a future for each stream");
    // This task, the server's, and the client's two.
    settled(4).await;
    assert_eq!(executor.live(), idle);
    drop(client);
    soon(connection).await.unwrap().unwrap();
    soon(server).await.unwrap().unwrap();
    assert_eq!(executor.live(), 1);
    settled(1).await;
}

#[test]
fn streams_leave_no_task_behind() {
    each(|builder| builder.run(many_streams(500)).unwrap());
    plain().run(many_streams(10_000)).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn streams_leave_no_memory_behind() {
    use crate::support::{alone, proc};

    alone("hyper::http2::streams_leave_no_memory_behind", || {
        let ran = plain().run(async {
            let (near, far) = pair().await;
            let server =
                spawn(http2::Builder::new(Executor).serve_connection(Io::new(far), service_fn(echo)));
            let (client, _connection) = client(near).await;
            ask(&client, 2_000).await;
            let before = proc::memory();
            ask(&client, 10_000).await;
            let grown = proc::memory().saturating_sub(before);
            assert!(grown < 1024, "{grown} KiB more");
            server.cancel().await.unwrap();
        });
        ran.unwrap();
    });
}

type Ended = Promise<::hyper::Result<()>>;

/// Requests whose handlers wait for ever, each of which has begun: the server's task, the requests', the
/// client's.
async fn stuck(count: usize) -> (Counting, Ended, Vec<Ended>, Ended) {
    let (near, far) = pair().await;
    let (executor, begun) = (Counting::default(), Rc::new(Cell::new(0)));
    let (serves, begins) = (executor.clone(), begun.clone());
    let server = spawn(async move {
        let service = service_fn(move |_| {
            begins.set(begins.get() + 1);
            async {
                pending::<()>().await;
                answer("never")
            }
        });
        let mut builder = http2::Builder::new(serves);
        builder.timer(Timer).serve_connection(Io::new(far), service).await
    });
    let (client, connection) = client(near).await;
    let asked = (0..count).map(|_| {
        let mut client = client.clone();
        spawn(async move { client.send_request(request("/", "")).await.map(drop) })
    });
    let asked = asked.collect();
    soon(async {
        while begun.get() < count {
            yield_now().await;
        }
    })
    .await;
    (executor, server, asked, connection)
}

#[test]
fn streams_are_children_of_the_connections_task() {
    let ran = plain().run(async {
        let (_executor, _server, _asked, _connection) = stuck(3).await;
        let tree = tree().await.unwrap();
        let with_three = tree.tasks().iter().filter(|task| tree.children(task.id()).count() == 3);
        assert_eq!(with_three.count(), 2, "the server's task and the client's:\n{tree}");
    });
    ran.unwrap();
}

#[test]
fn streams_are_cancelled_with_their_connection() {
    each(|builder| {
        let ran = builder.run(async {
            let (executor, server, asked, connection) = stuck(20).await;
            assert!(executor.live() > 20);
            server.cancel().await.unwrap();
            assert_eq!(executor.live(), 1, "the futures went before the connection's task had finished");
            for asked in asked {
                assert!(soon(asked).await.unwrap().is_err());
            }
            drop(connection);
            settled(1).await;
        });
        ran.unwrap();
    });
}

#[test]
fn a_stream_that_panics_ends_alone() {
    each(|builder| {
        let ran = builder.run(async {
            let (near, far) = pair().await;
            let service = service_fn(|request: Request<Incoming>| async move {
                assert_ne!(request.uri().path(), "/bad", "this path is bad");
                answer("good")
            });
            let server = spawn(http2::Builder::new(Executor).serve_connection(Io::new(far), service));
            let (mut client, connection) = client(near).await;
            let bad = client.send_request(request("/bad", ""));
            let good = client.send_request(request("/good", ""));
            assert!(soon(bad).await.is_err());
            assert_eq!(bytes(soon(good).await.unwrap()).await, "good");
            drop(client);
            soon(connection).await.unwrap().unwrap();
            soon(server).await.unwrap().unwrap();
            settled(1).await;
        });
        ran.unwrap();
    });
}

#[test]
fn a_peer_that_answers_no_ping_is_given_up() {
    const SHORT: Duration = Duration::from_millis(10);
    each(|builder| {
        let ran = builder.run(async {
            let (mut near, far) = pair().await;
            let mut builder = http2::Builder::new(Executor);
            builder.timer(Timer).keep_alive_interval(SHORT).keep_alive_timeout(SHORT);
            let start = Instant::now();
            let server = spawn(builder.serve_connection(Io::new(far), service_fn(echo)));
            // The preface, settings as they are by themselves, and no word more.
            near.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
            let error = soon(server).await.unwrap().unwrap_err();
            assert!(error.is_timeout(), "{error:?}");
            assert!(start.elapsed() >= 2 * SHORT);
        });
        ran.unwrap();
    });
}

#[test]
fn streams_under_way_are_answered_before_a_graceful_end() {
    each(|builder| {
        let ran = builder.run(async {
            let (near, far) = pair().await;
            let (ready, stop, begun) = (Gate::default(), Gate::default(), Rc::new(Cell::new(0)));
            let (waits, stops, begins) = (ready.clone(), stop.clone(), begun.clone());
            let server = spawn(async move {
                let service = service_fn(move |_| {
                    let (waits, begins) = (waits.clone(), begins.clone());
                    async move {
                        begins.set(begins.get() + 1);
                        waits.opened().await;
                        answer("the last word")
                    }
                });
                serve_until!(stops, http2::Builder::new(Executor).serve_connection(Io::new(far), service))
            });
            let (mut client, connection) = client(near).await;
            let asked: Vec<_> = (0..3).map(|_| spawn(client.send_request(request("/", "")))).collect();
            soon(async {
                while begun.get() < 3 {
                    yield_now().await;
                }
            })
            .await;
            stop.open();
            turns(10).await;
            ready.open();
            for asked in asked {
                let answered = soon(asked).await.unwrap().unwrap();
                assert_eq!(bytes(answered).await, "the last word");
            }
            soon(server).await.unwrap().unwrap();
            assert!(soon(client.send_request(request("/", ""))).await.is_err());
            // It says that the other end has gone, or nothing: both are ends.
            let _ = soon(connection).await.unwrap();
        });
        ran.unwrap();
    });
}
