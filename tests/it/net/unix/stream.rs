//! Streams, and what is special about connecting them.

use std::{
    io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write},
    net::Shutdown,
    os::unix::net,
    rc::Rc,
    time::Duration,
};

use futures_lite::{AsyncReadExt, AsyncWriteExt, future::zip};
use vigie::{
    Domain, PromiseState, call_on,
    net::{UnixListener, UnixStream},
    spawn,
    time::{TimeoutError, timeout},
};

use super::{
    super::{
        bytes,
        kinds::{complain_without_events, goes_round, serve, transfers},
        soon,
    },
    Dir,
};
use crate::support::{each, turns};

/// One end the library's, the other the system's.
fn pair() -> (UnixStream, net::UnixStream) {
    let (stream, peer) = net::UnixStream::pair().unwrap();
    (UnixStream::from_std(stream).unwrap(), peer)
}

#[test]
fn a_large_transfer_goes_both_ways_at_once() {
    each(|builder| {
        let ran = builder.run(async {
            let (stream, peer) = pair();
            let (mut reader, mut writer) = stream.split();
            let ways = (peer.try_clone().unwrap(), peer);
            transfers(4 << 20, (&mut reader, &mut writer), ways, |peer| peer.shutdown(Shutdown::Write)).await;
            let _stream: UnixStream = reader.reunite(writer).unwrap();
            let ((stranger, _), (other, _)) = (pair(), pair());
            assert!(stranger.split().0.reunite(other.split().1).is_err());
        });
        ran.unwrap();
    });
}

#[test]
fn vectored_operations_move_every_byte_in_order() {
    each(|builder| {
        let ran = builder.run(async {
            let (mut stream, mut peer) = pair();
            let parts = [IoSlice::new(b"port "), IoSlice::new(&[]), IoSlice::new(b"out")];
            assert_eq!(soon(stream.write_vectored(&parts)).await.unwrap(), 8);
            let mut all = [0; 8];
            peer.read_exact(&mut all).unwrap();
            assert_eq!(&all, b"port out");
            peer.write_all(&all).unwrap();
            let (mut one, mut other) = ([0; 3], [0; 9]);
            let parts = &mut [IoSliceMut::new(&mut one), IoSliceMut::new(&mut other)];
            assert_eq!(soon(stream.read_vectored(parts)).await.unwrap(), 8);
            assert_eq!((&one, &other[..5]), (b"por", &b"t out"[..]));
            assert_eq!(soon(stream.read(&mut [])).await.unwrap(), 0);
            assert_eq!(soon(stream.write(&[])).await.unwrap(), 0);
        });
        ran.unwrap();
    });
}

#[test]
fn the_end_and_a_peer_that_has_gone_are_seen() {
    each(|builder| {
        let ran = builder.run(async {
            for _ in 0..20 {
                let (stream, mut peer) = pair();
                let mut buf = [0; 8];
                let close = async {
                    turns(3).await;
                    peer.write_all(b"bye").unwrap();
                    drop(peer);
                };
                let read = async {
                    let mut stream = &stream;
                    let count = stream.read(&mut buf).await.unwrap();
                    (count, stream.read(&mut buf).await.unwrap())
                };
                assert_eq!(soon(zip(read, close)).await.0, (3, 0));
                let error = soon((&stream).write(b"x")).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::BrokenPipe);
                soon((&stream).close()).await.unwrap();
            }

            // A writer that waits.
            let (stream, peer) = pair();
            let writer = spawn(async move { (&stream).write_all(&bytes(4 << 20)).await });
            turns(10).await;
            assert_eq!(writer.state(), PromiseState::Running);
            drop(peer);
            let error = soon(writer).await.unwrap().unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{error}");

            // A reader, where we close ourselves.
            let (stream, mut peer) = pair();
            let stream = Rc::new(stream);
            let reading = stream.clone();
            let reader = spawn(async move { (&*reading).read(&mut [0; 8]).await });
            turns(3).await;
            stream.shutdown(Shutdown::Both).unwrap();
            assert_eq!(soon(reader).await.unwrap().unwrap(), 0);
            assert_eq!(peer.read(&mut [0; 8]).unwrap(), 0);
        });
        ran.unwrap();
    });
}

/// A read ends where a descriptor was sent along: it comes short, and there is more.
#[test]
#[cfg(target_os = "linux")]
fn what_lies_behind_a_descriptor_is_read() {
    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
    use std::{mem::MaybeUninit, os::fd::AsFd};

    fn send_with_a_descriptor(peer: &net::UnixStream, words: &[u8]) {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut beside = SendAncillaryBuffer::new(&mut space);
        let descriptors = [peer.as_fd()];
        assert!(beside.push(SendAncillaryMessage::ScmRights(&descriptors)));
        let sent = sendmsg(peer, &[IoSlice::new(words)], &mut beside, SendFlags::empty());
        assert_eq!(sent.unwrap(), words.len());
    }

    each(|builder| {
        let ran = builder.run(async {
            let (mut stream, mut peer) = pair();
            // It is watched from here on: what it is ready for counts.
            serve(&mut stream, &mut peer, b"watched").await;
            for _ in 0..20 {
                let reader = async {
                    let mut all = Vec::new();
                    while all.len() < 6 {
                        let mut buf = [0; 64];
                        let count = stream.read(&mut buf).await.unwrap();
                        all.extend_from_slice(&buf[..count]);
                    }
                    all
                };
                let send = async {
                    turns(3).await;
                    send_with_a_descriptor(&peer, b"abc");
                    peer.write_all(b"def").unwrap();
                };
                assert_eq!(soon(zip(reader, send)).await.0, b"abcdef");
            }
        });
        ran.unwrap();
    });
}

#[test]
fn a_read_that_is_given_up_leaves_the_stream_as_it_was() {
    each(|builder| {
        let ran = builder.run(async {
            let (mut stream, mut peer) = pair();
            for _ in 0..20 {
                let mut buf = [0; 8];
                let read = timeout(Duration::from_micros(100), stream.read(&mut buf)).await;
                assert_eq!(read.unwrap_err(), TimeoutError::Elapsed);
                serve(&mut stream, &mut peer, b"still").await;
            }
        });
        ran.unwrap();
    });
}

#[test]
fn a_stream_goes_to_other_domains_and_comes_back() {
    each(|builder| {
        let ran = builder.run(async {
            let (stream, peer) = pair();
            let (stream, mut peer) = goes_round(stream, peer).await;
            // A second handle, and the way to the standard library.
            let mut clone = stream.try_clone().unwrap();
            let there = call_on(Domain::available()[0], move || async move {
                let mut buf = [0; 4];
                clone.read_exact(&mut buf).await.map(|()| buf)
            });
            peer.write_all(b"word").unwrap();
            assert_eq!(&soon(there).await.unwrap().unwrap(), b"word");
            let mut plain = stream.into_std();
            plain.set_nonblocking(false).unwrap();
            peer.write_all(b"last").unwrap();
            plain.read_exact(&mut [0; 4]).unwrap();
        });
        ran.unwrap();
    });
}

#[test]
fn nobody_there_is_an_error() {
    each(|builder| {
        let ran = builder.run(async {
            let dir = Dir::new();
            let path = dir.path("s");
            let error = soon(UnixStream::connect(&path)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound);
            drop(net::UnixListener::bind(&path).unwrap());
            let error = soon(UnixStream::connect(&path)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
            for bad in ["x".repeat(200), "nul\0".to_owned()] {
                let error = soon(UnixStream::connect(dir.path(&bad))).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidInput);
            }
            soon(UnixStream::connect("")).await.unwrap_err();
        });
        ran.unwrap();
    });
}

/// What every operation says that has to wait.
async fn complaints() -> Vec<io::Error> {
    let dir = Dir::new();
    let path = dir.path("s");
    let listener = UnixListener::bind(&path).unwrap();
    let (mut stream, _peer) = pair();
    vec![
        listener.accept().await.unwrap_err(),
        listener.incoming().next().await.unwrap_err(),
        UnixStream::connect(&path).await.unwrap_err(),
        stream.read(&mut [0]).await.unwrap_err(),
        stream.write(&[0]).await.unwrap_err(),
    ]
}

#[test]
fn without_the_systems_events_there_is_an_error() {
    complain_without_events(complaints);
}

#[test]
fn options_are_those_of_the_socket() {
    let (stream, _peer) = pair();
    stream.set_recv_buffer_size(20_000).unwrap();
    assert!(stream.recv_buffer_size().unwrap() >= 20_000);
    stream.set_send_buffer_size(30_000).unwrap();
    assert!(stream.send_buffer_size().unwrap() >= 30_000);
    assert!(stream.take_error().unwrap().is_none());
    assert!(stream.peer_addr().unwrap().is_unnamed() && stream.local_addr().unwrap().is_unnamed());
    let said = format!("{stream:?}");
    assert!(said.contains("UnixStream"), "{said}");
}

#[cfg(target_os = "linux")]
mod linux {
    use socket2::{SockAddr, Socket, Type};

    use super::{super::abstract_name, *};

    #[test]
    fn the_peer_is_known() {
        let (stream, _peer) = pair();
        let cred = stream.peer_cred().unwrap();
        assert_eq!(cred.pid, i32::try_from(std::process::id()).ok());
        assert_eq!(cred.uid, rustix::process::geteuid().as_raw());
        assert_eq!(cred.gid, rustix::process::getegid().as_raw());
    }

    #[test]
    fn an_abstract_name_is_connected_to() {
        each(|builder| {
            let ran = builder.run(async {
                let addr = abstract_name();
                let error = soon(UnixStream::connect_addr(&addr)).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
                let listener = net::UnixListener::bind_addr(&addr).unwrap();
                let mut stream = soon(UnixStream::connect_addr(&addr)).await.unwrap();
                let (mut peer, _) = listener.accept().unwrap();
                serve(&mut stream, &mut peer, b"ahoy").await;
            });
            ran.unwrap();
        });
    }

    /// A listener that has no room for another connection, and the one that took it.
    fn full(dir: &Dir) -> (net::UnixListener, net::UnixStream) {
        let socket = Socket::new(socket2::Domain::UNIX, Type::STREAM, None).unwrap();
        socket.bind(&SockAddr::unix(dir.path("full")).unwrap()).unwrap();
        socket.listen(0).unwrap();
        (socket.into(), net::UnixStream::connect(dir.path("full")).unwrap())
    }

    #[test]
    fn connecting_waits_for_room() {
        each(|builder| {
            let ran = builder.run(async {
                let dir = Dir::new();
                let (listener, _first) = full(&dir);
                let path = dir.path("full");
                let mut waiting: Vec<_> = (0..3).map(|_| spawn(UnixStream::connect(path.clone()))).collect();
                turns(20).await;
                assert!(waiting.iter().all(|connect| connect.state() == PromiseState::Running));
                listener.accept().unwrap();
                while !waiting.is_empty() {
                    let mut stream = soon(vigie::await_one(&mut waiting)).await.unwrap().unwrap();
                    let (mut peer, _) = listener.accept().unwrap();
                    serve(&mut stream, &mut peer, b"at last").await;
                }
            });
            ran.unwrap();
        });
    }

    #[test]
    fn connecting_may_be_given_up_or_fail_meanwhile() {
        each(|builder| {
            let ran = builder.run(async {
                let dir = Dir::new();
                let (listener, _first) = full(&dir);
                let path = dir.path("full");
                let given_up = timeout(Duration::from_millis(3), UnixStream::connect(&path)).await;
                assert_eq!(given_up.unwrap_err(), TimeoutError::Elapsed);
                let given_up = spawn(UnixStream::connect(path.clone()));
                turns(10).await;
                given_up.cancel().await.unwrap();
                // Neither of them comes, once there is room.
                listener.accept().unwrap();
                listener.set_nonblocking(true).unwrap();
                assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);

                let _next = net::UnixStream::connect(&path).unwrap();
                let refused = spawn(UnixStream::connect(path.clone()));
                turns(10).await;
                assert_eq!(refused.state(), PromiseState::Running);
                drop(listener);
                let error = soon(refused).await.unwrap().unwrap_err();
                assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
            });
            ran.unwrap();
        });
    }
}
