//! Listeners, and the files that they leave.

use std::{
    io::{self, ErrorKind},
    os::unix::net,
    rc::Rc,
    time::Duration,
};

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use socket2::SockRef;
use vigie::{
    Domain, PromiseState, call_on,
    net::{UnixListener, UnixStream},
    spawn,
    time::timeout,
};

use super::{
    super::{beside, soon},
    Dir, is_socket,
};
use crate::support::{each, turns};

#[test]
fn connections_come_while_the_listener_waits() {
    each(|builder| {
        let ran = builder.run(async {
            let dir = Dir::new();
            let path = dir.path("s");
            let listener = UnixListener::bind(&path).unwrap();
            assert_eq!(listener.local_addr().unwrap().as_pathname(), Some(&*path));
            let client = beside(move || {
                // Dropped at once: what is accepted has ended already.
                (0..100).try_for_each(|_| net::UnixStream::connect(&path).map(drop))
            });
            let mut incoming = listener.incoming();
            for _ in 0..100 {
                let mut stream = soon(incoming.next()).await.unwrap();
                assert_eq!(soon(stream.read(&mut [0; 8])).await.unwrap(), 0);
            }
            client.join();
            assert_eq!(listener.shortages(), 0);
        });
        ran.unwrap();
    });
}

#[test]
fn a_server_and_its_client_are_on_different_domains() {
    each(|builder| {
        let ran = builder.run(async {
            let dir = Dir::new();
            let path = dir.path("s");
            let listener = UnixListener::bind(&path).unwrap();
            // Watched here first.
            assert!(timeout(Duration::ZERO, listener.accept()).await.is_err());
            let clone = listener.try_clone().unwrap();
            let served = call_on(Domain::available()[0], move || async move {
                let (stream, peer) = clone.accept().await?;
                assert!(peer.is_unnamed());
                futures_lite::io::copy(&stream, &stream).await
            });
            let mut client = soon(UnixStream::connect(&path)).await.unwrap();
            assert_eq!(client.peer_addr().unwrap().as_pathname(), Some(&*path));
            client.write_all(b"to and fro").await.unwrap();
            let mut buf = [0; 10];
            soon(client.read_exact(&mut buf)).await.unwrap();
            assert_eq!(&buf, b"to and fro");
            client.close().await.unwrap();
            assert_eq!(soon(served).await.unwrap().unwrap(), 10);
        });
        ran.unwrap();
    });
}

#[test]
fn an_accept_that_is_given_up_loses_no_connection() {
    each(|builder| {
        let ran = builder.run(async {
            let dir = Dir::new();
            let path = dir.path("s");
            let listener = Rc::new(UnixListener::bind(&path).unwrap());
            for round in 0..20 {
                let accepting = listener.clone();
                let accept = spawn(async move { accepting.accept().await.map(drop) });
                turns(2).await;
                let _client = net::UnixStream::connect(&path).unwrap();
                turns(round % 3).await;
                let accepted = accept.state() == PromiseState::Returned;
                accept.cancel().await.unwrap();
                if !accepted {
                    soon(listener.accept()).await.unwrap();
                }
            }
        });
        ran.unwrap();
    });
}

#[test]
fn what_is_accepted_does_not_block_and_is_not_inherited() {
    each(|builder| {
        let ran = builder.run(async {
            let dir = Dir::new();
            let listener = UnixListener::bind(dir.path("s")).unwrap();
            let client = soon(UnixStream::connect(dir.path("s"))).await.unwrap();
            let (stream, _) = soon(listener.accept()).await.unwrap();
            let (one, other) = UnixStream::pair().unwrap();
            for stream in [client, stream, one, other] {
                let flags = rustix::io::fcntl_getfd(&stream).unwrap();
                assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
                assert!(SockRef::from(&stream).nonblocking().unwrap());
            }
            let error = listener.into_std().accept().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
        });
        ran.unwrap();
    });
}

#[test]
fn the_file_stays() {
    let dir = Dir::new();
    let path = dir.path("s");
    let listener = UnixListener::bind(&path).unwrap();
    assert!(is_socket(&path));
    assert!(format!("{listener:?}").contains("UnixListener"));
    assert!(listener.take_error().unwrap().is_none());
    drop(listener);
    assert!(is_socket(&path));
    assert_eq!(UnixListener::bind(&path).unwrap_err().kind(), ErrorKind::AddrInUse);
    std::fs::remove_file(&path).unwrap();
    UnixListener::bind(&path).unwrap();
    let error = UnixListener::bind(dir.path(&"x".repeat(200))).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
}

#[test]
#[cfg(target_os = "linux")]
fn an_abstract_name_goes_with_the_listener() {
    use std::os::linux::net::SocketAddrExt;
    each(|builder| {
        let ran = builder.run(async {
            let addr = super::abstract_name();
            for _ in 0..3 {
                let listener = UnixListener::bind_addr(&addr).unwrap();
                let local = listener.local_addr().unwrap();
                assert_eq!(local.as_abstract_name(), addr.as_abstract_name());
                let _client = net::UnixStream::connect_addr(&addr).unwrap();
                soon(listener.accept()).await.unwrap();
            }
        });
        ran.unwrap();
    });
}
