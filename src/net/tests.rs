//! What only the inside shows: that no domain goes on watching what has left it.

use std::{io::Write, net};

use futures_lite::AsyncReadExt;

use super::TcpStream;
use crate::{
    Builder, call, call_on,
    domain::Domain,
    system::{Backend, Source, Variant},
    yield_now,
};

fn each(test: impl Fn(Builder)) {
    for variant in Variant::ALL {
        for backend in Backend::ALL {
            test(Builder::new().variant(variant).backend(*backend).extra_domains(2));
        }
    }
}

fn pair() -> (TcpStream, net::TcpStream) {
    let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (stream, _) = listener.accept().unwrap();
    (TcpStream::from_std(stream).unwrap(), peer)
}

fn watched() -> usize {
    Source::<net::TcpStream>::watched_here()
}

/// So many that the news that others have left has been read.
async fn turns() {
    for _ in 0..3 {
        yield_now().await;
    }
}

/// Reads one byte, having had to wait for it: so the stream is watched here.
async fn wait_for_a_byte(stream: &TcpStream, peer: &mut net::TcpStream) {
    let mut buf = [0];
    let mut reader = stream;
    let read = reader.read(&mut buf);
    let write = async {
        turns().await;
        peer.write_all(&[7]).unwrap();
    };
    let (count, ()) = futures_lite::future::zip(read, write).await;
    assert_eq!((count.unwrap(), buf), (1, [7]));
}

#[test]
fn a_stream_is_watched_where_it_is_and_nowhere_else() {
    each(|builder| {
        let ran = builder.run(async {
            let there = Domain::available()[0];
            for _ in 0..3 {
                let (stream, mut peer) = pair();
                assert_eq!(watched(), 0);
                wait_for_a_byte(&stream, &mut peer).await;
                assert_eq!(watched(), 1);

                let moved = call_on(there, move || async move {
                    assert_eq!(watched(), 0);
                    wait_for_a_byte(&stream, &mut peer).await;
                    assert_eq!(watched(), 1);
                    (stream, peer)
                });
                let (stream, mut peer) = moved.await.unwrap();
                // The news that it has left came before the result.
                turns().await;
                assert_eq!(watched(), 0);

                wait_for_a_byte(&stream, &mut peer).await;
                assert_eq!(watched(), 1);
                let left = call_on(there, || async {
                    turns().await;
                    watched()
                });
                assert_eq!(left.await.unwrap(), 0);

                std::thread::spawn(move || drop(stream)).join().unwrap();
                turns().await;
                assert_eq!(watched(), 0);
            }
        });
        ran.unwrap();
    });
}

#[test]
fn a_stream_given_to_the_standard_library_is_watched_no_more() {
    each(|builder| {
        let ran = builder.run(async {
            let (stream, mut peer) = pair();
            wait_for_a_byte(&stream, &mut peer).await;
            assert_eq!(watched(), 1);
            let stream = stream.into_std();
            assert_eq!(watched(), 0);
            // It can be watched again, under the same number.
            let stream = TcpStream::from_std(stream).unwrap();
            wait_for_a_byte(&stream, &mut peer).await;
            assert_eq!(watched(), 1);
            drop(stream);
            assert_eq!(watched(), 0);
        });
        ran.unwrap();
    });
}

#[test]
fn a_stream_outlives_its_run() {
    each(|builder| {
        let again = builder.clone();
        let (stream, mut peer) = builder
            .run(async {
                let (stream, mut peer) = pair();
                wait_for_a_byte(&stream, &mut peer).await;
                call(move || async move {
                    wait_for_a_byte(&stream, &mut peer).await;
                    (stream, peer)
                })
                .await
                .unwrap()
            })
            .unwrap();
        let ran = again.run(async move {
            wait_for_a_byte(&stream, &mut peer).await;
            assert_eq!(watched(), 1);
        });
        ran.unwrap();
    });
}
