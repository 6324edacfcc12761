//! Streams that change domains, owners and halves, and those that are used where nothing can wait.

use std::{
    io::{self, Read, Write},
    net::Ipv4Addr,
    rc::Rc,
    thread,
};

use futures_lite::{AsyncReadExt, AsyncWriteExt, future::block_on};
use vigie::{
    Domain, call_on,
    net::{TcpListener, TcpStream},
    spawn,
};

use super::{
    beside, byte, bytes, is_sequence,
    kinds::{complain_without_events, goes_round, serve},
    narrow_pair, pair, soon,
};
use crate::support::{each, turns};

fn is_send<T: Send>(_: &T) {}

#[test]
fn a_stream_goes_to_other_domains_and_comes_back() {
    each(|builder| {
        let ran = builder.run(async {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            peer.set_nodelay(true).unwrap();
            let (stream, _) = soon(listener.accept()).await.unwrap();
            is_send(&stream);
            is_send(&listener);
            let (stream, mut peer) = goes_round(stream, peer).await;
            // Dropped on a thread that is nobody's domain, it is closed all the same.
            thread::spawn(move || drop(stream)).join().unwrap();
            assert_eq!(peer.read(&mut [0]).unwrap(), 0);
        });
        ran.unwrap();
    });
}

#[test]
fn a_stream_dropped_on_another_domain_or_after_the_run_is_closed() {
    each(|builder| {
        let (stream, mut peer) = builder
            .run(async {
                let (mut stream, mut peer) = pair();
                serve(&mut stream, &mut peer, b"watched").await;
                let there = Domain::available()[0];
                call_on(there, move || async move { drop(stream) }).await.unwrap();
                assert_eq!(peer.read(&mut [0]).unwrap(), 0);

                let (mut stream, mut peer) = pair();
                serve(&mut stream, &mut peer, b"watched").await;
                (stream, peer)
            })
            .unwrap();
        drop(stream);
        assert_eq!(peer.read(&mut [0]).unwrap(), 0);
    });
}

#[test]
fn a_stream_goes_from_one_run_to_the_next() {
    each(|builder| {
        let next = builder.clone();
        let (mut stream, mut peer) = builder
            .run(async {
                let (mut stream, mut peer) = pair();
                serve(&mut stream, &mut peer, b"first").await;
                (stream, peer)
            })
            .unwrap();
        next.run(async move { serve(&mut stream, &mut peer, b"second").await }).unwrap();
    });
}

#[test]
fn a_clone_reads_on_one_domain_while_the_other_writes() {
    const SIZE: usize = 1 << 20;
    each(|builder| {
        let ran = builder.run(async {
            let (stream, peer) = narrow_pair();
            let mut clone = stream.try_clone().unwrap();
            let peer = beside(move || io::copy(&mut &peer, &mut &peer));
            let reads = call_on(Domain::available()[0], move || async move {
                let mut all = Vec::new();
                clone.read_to_end(&mut all).await.map(|_| all)
            });
            let mut writing = &stream;
            soon(writing.write_all(&bytes(SIZE))).await.unwrap();
            writing.close().await.unwrap();
            let all = soon(reads).await.unwrap().unwrap();
            assert!(all.len() == SIZE && is_sequence(&all));
            // Half closed by both, but the socket lives as long as its last handle.
            assert!(stream.local_addr().is_ok());
            assert_eq!(peer.join(), SIZE as u64);
        });
        ran.unwrap();
    });
}

#[test]
fn the_halves_of_a_stream_work_in_two_tasks_and_are_put_together_again() {
    each(|builder| {
        let ran = builder.run(async {
            let (stream, peer) = narrow_pair();
            let peer = beside(move || {
                // One byte for each that comes, until the end.
                io::copy(&mut &peer, &mut &peer)?;
                Ok(())
            });
            let (mut reader, mut writer) = stream.split();
            assert_eq!(reader.as_ref().local_addr().unwrap(), writer.as_ref().local_addr().unwrap());
            let writes = spawn(async move {
                writer.write_all(&bytes(200_000)).await?;
                io::Result::Ok(writer)
            });
            let mut all = vec![0; 200_000];
            soon(reader.read_exact(&mut all)).await.unwrap();
            assert!(is_sequence(&all));
            let writer = soon(writes).await.unwrap().unwrap();

            let (stranger, _peer) = pair();
            let (stranger_reader, stranger_writer) = stranger.split();
            let error = reader.reunite(stranger_writer).unwrap_err();
            assert_eq!(error.to_string(), "these halves are not of the same stream");
            let (reader, stranger_writer) = (error.reader, error.writer);
            stranger_reader.reunite(stranger_writer).unwrap();

            let mut stream = reader.reunite(writer).unwrap();
            soon(stream.write_all(b"whole")).await.unwrap();
            let mut buf = [0; 5];
            soon(stream.read_exact(&mut buf)).await.unwrap();
            assert_eq!(&buf, b"whole");
            stream.close().await.unwrap();
            assert_eq!(soon(stream.read(&mut buf)).await.unwrap(), 0);
            peer.join();
        });
        ran.unwrap();
    });
}

#[test]
fn a_half_that_is_dropped_ends_nothing_but_one_that_is_closed_does() {
    each(|builder| {
        let ran = builder.run(async {
            let (stream, mut peer) = pair();
            let (mut reader, writer) = stream.split();
            drop(writer);
            peer.write_all(b"a").unwrap();
            assert_eq!(soon(reader.read(&mut [0; 8])).await.unwrap(), 1);
            peer.set_nonblocking(true).unwrap();
            let error = peer.read(&mut [0]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "the peer sees no end");
            peer.set_nonblocking(false).unwrap();
            drop(reader);
            assert_eq!(peer.read(&mut [0]).unwrap(), 0);

            let (stream, mut peer) = pair();
            let (mut reader, mut writer) = stream.split();
            writer.close().await.unwrap();
            assert_eq!(peer.read(&mut [0]).unwrap(), 0);
            peer.write_all(b"a").unwrap();
            assert_eq!(soon(reader.read(&mut [0; 8])).await.unwrap(), 1);

            let (stream, mut peer) = pair();
            let (reader, mut writer) = stream.split();
            drop(reader);
            writer.write_all(b"b").await.unwrap();
            assert_eq!(peer.read(&mut [0; 8]).unwrap(), 1);
        });
        ran.unwrap();
    });
}

#[test]
fn a_stream_goes_to_the_standard_library_and_back_with_all_its_bytes() {
    each(|builder| {
        let ran = builder.run(async {
            let (mut stream, mut peer) = pair();
            serve(&mut stream, &mut peer, b"watched").await;
            peer.write_all(&bytes(10)).unwrap();
            let mut some = [0; 4];
            soon(stream.read_exact(&mut some)).await.unwrap();

            let mut plain = stream.into_std();
            plain.set_nonblocking(false).unwrap();
            let mut more = [0; 4];
            plain.read_exact(&mut more).unwrap();

            let mut stream = TcpStream::from_std(plain).unwrap();
            let mut rest = [0; 2];
            soon(stream.read_exact(&mut rest)).await.unwrap();
            assert!(is_sequence(&[&some[..], &more, &rest].concat()));
            assert_eq!(rest[1], byte(9));
            serve(&mut stream, &mut peer, b"watched again").await;
        });
        ran.unwrap();
    });
}

/// What every operation says that has to wait.
async fn complaints() -> Vec<io::Error> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let (mut stream, _peer) = pair();
    vec![
        listener.accept().await.unwrap_err(),
        listener.incoming().next().await.unwrap_err(),
        TcpStream::connect(addr).await.unwrap_err(),
        stream.read(&mut [0]).await.unwrap_err(),
        stream.write(&[0]).await.unwrap_err(),
        stream.peek(&mut [0]).await.unwrap_err(),
    ]
}

#[test]
fn without_the_systems_events_there_is_an_error() {
    complain_without_events(complaints);
}

#[test]
fn closing_needs_no_domain() {
    let (mut stream, mut peer) = pair();
    block_on(stream.close()).unwrap();
    assert_eq!(peer.read(&mut [0]).unwrap(), 0);
}

#[test]
fn streams_end_with_the_tasks_that_are_cancelled() {
    each(|builder| {
        let ran =
            builder.run(async {
                let (stream, mut peer) = pair();
                let away = call_on(Domain::available()[0], move || async move {
                    (&stream).read(&mut [0]).await.map(drop)
                });
                // Shared with a child that waits too.
                let (shared, mut shared_peer) = pair();
                let here = spawn(async move {
                    let shared = Rc::new(shared);
                    let child = shared.clone();
                    let child = spawn(async move { (&*child).read(&mut [0]).await });
                    let read = (&*shared).read(&mut [0]).await;
                    child.await.unwrap().and(read)
                });
                turns(5).await;
                soon(away.cancel()).await.unwrap();
                assert_eq!(peer.read(&mut [0]).unwrap(), 0);
                soon(here.cancel()).await.unwrap();
                assert_eq!(shared_peer.read(&mut [0]).unwrap(), 0);
            });
        ran.unwrap();
    });
}

#[cfg(target_os = "linux")]
mod descriptors {
    use std::os::fd::AsRawFd;

    use super::*;
    use crate::support::{alone, proc};

    #[test]
    fn runs_leave_none_behind() {
        alone("net::moving::descriptors::runs_leave_none_behind", || {
            each(|builder| {
                let run = || {
                    let ran = builder.clone().run(async {
                        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                        let addr = listener.local_addr().unwrap();
                        let served = call_on(Domain::available()[0], move || async move {
                            let (stream, _) = listener.accept().await?;
                            let clone = stream.try_clone()?;
                            futures_lite::io::copy(&stream, &clone).await
                        });
                        let mut stream = TcpStream::connect(addr).await?;
                        stream.write_all(b"abc").await?;
                        stream.read_exact(&mut [0; 3]).await?;
                        drop(stream);
                        assert_eq!(served.await??, 3);
                        // One is left to the end of the run.
                        let (stream, _peer) = pair();
                        let blocked = spawn(async move { (&stream).read(&mut [0]).await });
                        turns(2).await;
                        drop(blocked);
                        io::Result::Ok(())
                    });
                    ran.unwrap().unwrap();
                };
                run();
                let before = proc::descriptors();
                for _ in 0..100 {
                    run();
                }
                assert_eq!(proc::descriptors(), before);
            });
        });
    }

    #[test]
    fn one_that_was_closed_behind_its_back_is_an_error() {
        alone("net::moving::descriptors::one_that_was_closed_behind_its_back_is_an_error", || {
            each(|builder| {
                let ran = builder.run(async {
                    let (stream, _peer) = pair();
                    let number = stream.as_raw_fd();
                    // SAFETY: nobody else opens descriptors in this process, and the stream is
                    // forgotten below, so that nothing is closed twice.
                    unsafe { rustix::io::close(number) };
                    let bad = Some(rustix::io::Errno::BADF.raw_os_error());
                    let mut using = &stream;
                    let error = soon(using.read(&mut [0])).await.unwrap_err();
                    assert_eq!(error.raw_os_error(), bad);
                    let error = soon(using.write(&[0])).await.unwrap_err();
                    assert_eq!(error.raw_os_error(), bad);
                    std::mem::forget(stream);
                });
                ran.unwrap();
            });
        });
    }
}
