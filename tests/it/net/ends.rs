//! How a connection ends, and who learns of it.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::Shutdown,
    rc::Rc,
};

use futures_lite::{AsyncReadExt, AsyncWriteExt, future::zip};
use vigie::{PromiseState, spawn};

use super::{beside, fill, narrow_pair, pair, resets, soon};
#[cfg(any(target_os = "linux", target_os = "android"))]
use crate::support::alone;
use crate::support::{each, turns};

#[test]
fn a_stream_closed_for_writing_is_still_read() {
    each(|builder| {
        let ran = builder.run(async {
            let (mut stream, mut peer) = pair();
            let peer = beside(move || {
                let mut question = Vec::new();
                peer.read_to_end(&mut question)?;
                peer.write_all(b"answer to ")?;
                peer.write_all(&question)
            });
            stream.write_all(b"question").await.unwrap();
            stream.flush().await.unwrap();
            stream.close().await.unwrap();
            stream.close().await.unwrap();
            let error = stream.write(b"more").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BrokenPipe);
            let mut answer = String::new();
            soon(stream.read_to_string(&mut answer)).await.unwrap();
            assert_eq!(answer, "answer to question");
            peer.join();
        });
        ran.unwrap();
    });
}

/// Rust's programs ignore that signal, but a host in another language may not.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[test]
fn a_write_that_nobody_reads_ends_no_program_by_a_signal() {
    alone("net::ends::a_write_that_nobody_reads_ends_no_program_by_a_signal", || {
        // SAFETY: no code of this program's is called.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        each(|builder| {
            let ran = builder.run(async {
                let (mut stream, _peer) = pair();
                stream.close().await.unwrap();
                assert_eq!(stream.write(b"more").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
                let bufs = [io::IoSlice::new(b"and "), io::IoSlice::new(b"more")];
                assert_eq!(stream.write_vectored(&bufs).await.unwrap_err().kind(), ErrorKind::BrokenPipe);
                let (mut one, other) = vigie::net::UnixStream::pair().unwrap();
                drop(other);
                assert_eq!(one.write(b"more").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
            });
            ran.unwrap();
        });
    });
}

#[test]
fn shutting_down_ends_what_waits() {
    each(|builder| {
        let ran = builder.run(async {
            let (stream, mut peer) = pair();
            let stream = Rc::new(stream);
            let reading = stream.clone();
            let reader = spawn(async move { (&*reading).read(&mut [0; 8]).await });
            turns(3).await;
            assert_eq!(reader.state(), PromiseState::Running);
            stream.shutdown(Shutdown::Both).unwrap();
            assert_eq!(soon(reader).await.unwrap().unwrap(), 0);
            assert_eq!(peer.read(&mut [0; 8]).unwrap(), 0);
        });
        ran.unwrap();
    });
}

#[test]
fn closing_what_the_peer_has_reset_is_no_error() {
    each(|builder| {
        let ran = builder.run(async {
            let (mut stream, peer) = pair();
            resets(&peer);
            drop(peer);
            let error = soon(stream.read(&mut [0; 8])).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
            let error = stream.shutdown(Shutdown::Write).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotConnected);
            stream.close().await.unwrap();
        });
        ran.unwrap();
    });
}

#[test]
fn the_end_alone_reaches_a_blocked_reader() {
    each(|builder| {
        let ran = builder.run(async {
            for round in 0..50 {
                let (stream, peer) = pair();
                let half_closed = round % 2 == 0;
                if half_closed {
                    // With both directions shut, the system reports a hang-up.
                    stream.shutdown(Shutdown::Write).unwrap();
                }
                let mut reader = &stream;
                let mut buf = [0; 64];
                let read = reader.read(&mut buf);
                let close = async {
                    turns(3).await;
                    drop(peer);
                };
                let (count, ()) = soon(zip(read, close)).await;
                assert_eq!(count.unwrap(), 0);
                // And it stays.
                assert_eq!(soon(reader.read(&mut buf)).await.unwrap(), 0);
            }
        });
        ran.unwrap();
    });
}

#[test]
fn the_end_together_with_data_is_read_after_it() {
    each(|builder| {
        let ran = builder.run(async {
            for round in 0..300 {
                let (mut stream, mut peer) = pair();
                // The reader waits already, or finds both there, or meets them on their way.
                let peer = match round % 3 {
                    0 => {
                        peer.write_all(b"last words").unwrap();
                        drop(peer);
                        None
                    }
                    1 => Some(beside(move || peer.write_all(b"last words"))),
                    _ => {
                        let mut buf = [0; 64];
                        let hello = async {
                            turns(3).await;
                            peer.write_all(b"hello").unwrap();
                        };
                        let (count, ()) = soon(zip(stream.read(&mut buf), hello)).await;
                        assert_eq!(count.unwrap(), 5);
                        Some(beside(move || peer.write_all(b"last words")))
                    }
                };
                // Short reads: the end must show without any more data.
                let mut words = Vec::new();
                let mut buf = [0; 64];
                loop {
                    match soon(stream.read(&mut buf)).await.unwrap() {
                        0 => break,
                        count => words.extend_from_slice(&buf[..count]),
                    }
                }
                assert_eq!(words, b"last words");
                peer.into_iter().for_each(|peer| peer.join());
            }
        });
        ran.unwrap();
    });
}

#[test]
fn a_reset_reaches_a_blocked_reader() {
    each(|builder| {
        let ran = builder.run(async {
            for _ in 0..20 {
                let (mut stream, peer) = pair();
                resets(&peer);
                let mut buf = [0; 64];
                let close = async {
                    turns(3).await;
                    drop(peer);
                };
                let (count, ()) = soon(zip(stream.read(&mut buf), close)).await;
                assert_eq!(count.unwrap_err().kind(), ErrorKind::ConnectionReset);
            }
        });
        ran.unwrap();
    });
}

fn is_broken(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset)
}

#[test]
fn a_writer_learns_that_the_peer_has_gone() {
    each(|builder| {
        let ran = builder.run(async {
            let (mut stream, peer) = pair();
            drop(peer);
            let write = async {
                loop {
                    if let Err(error) = stream.write(&[0; 1000]).await {
                        return error;
                    }
                }
            };
            let error = soon(write).await;
            assert!(is_broken(&error), "{error}");
        });
        ran.unwrap();
    });
}

#[test]
fn a_blocked_writer_learns_that_the_peer_has_gone() {
    each(|builder| {
        let ran = builder.run(async {
            for reset in [false, true] {
                let (stream, peer) = narrow_pair();
                fill(&stream);
                let writer = spawn(async move {
                    // What the peer took in before it went may leave room for some.
                    loop {
                        if let Err(error) = (&stream).write(&[0; 1000]).await {
                            return error;
                        }
                    }
                });
                turns(10).await;
                assert_eq!(writer.state(), PromiseState::Running);
                if reset {
                    resets(&peer);
                }
                // Else it closes with data that it has not read, which resets as well.
                drop(peer);
                let error = soon(writer).await.unwrap();
                assert!(is_broken(&error), "{error}");
            }
        });
        ran.unwrap();
    });
}
