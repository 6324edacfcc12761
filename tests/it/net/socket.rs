//! Sockets that are set up before they listen or connect.

use std::{
    io::{ErrorKind, Read},
    net::{self, Ipv4Addr, SocketAddr},
    time::Duration,
};

use futures_lite::{AsyncWriteExt, future::block_on};
use socket2::SockRef;
use vigie::{
    Domain, call_on,
    net::{TcpSocket, TcpStream},
    spawn,
};

use super::{deaf, soon};
use crate::support::{each, turns};

fn any() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

#[test]
fn one_listens_and_one_connects_from_its_own_address() {
    each(|builder| {
        let ran = builder.run(async {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind(any()).unwrap();
            let addr = socket.local_addr().unwrap();
            let listener = socket.listen(8).unwrap();
            assert_eq!(listener.local_addr().unwrap(), addr);

            // Made here, connected there, and used here.
            let socket = TcpSocket::for_addr(addr).unwrap();
            socket.bind(any()).unwrap();
            let from = socket.local_addr().unwrap();
            let there = call_on(Domain::available()[0], move || socket.connect(addr));
            let mut stream = soon(there).await.unwrap().unwrap();
            assert_eq!((stream.local_addr().unwrap(), stream.peer_addr().unwrap()), (from, addr));
            let (accepted, peer) = soon(listener.accept()).await.unwrap();
            assert_eq!(peer, from);
            stream.write_all(b"ahoy").await.unwrap();
            drop(stream);
            let mut words = String::new();
            let mut accepted = accepted.into_std();
            accepted.set_nonblocking(false).unwrap();
            accepted.read_to_string(&mut words).unwrap();
            assert_eq!(words, "ahoy");
        });
        ran.unwrap();
    });
}

#[test]
fn what_is_set_before_is_there_after() {
    each(|builder| {
        let ran = builder.run(async {
            let listener = net::TcpListener::bind(any()).unwrap();
            let socket = TcpSocket::new_v4().unwrap();
            socket.set_nodelay(true).unwrap();
            socket.set_linger(Some(Duration::ZERO)).unwrap();
            socket.set_keepalive(Some(Duration::from_secs(77))).unwrap();
            socket.set_recv_buffer_size(20_000).unwrap();
            socket.set_send_buffer_size(30_000).unwrap();
            socket.set_ttl(42).unwrap();
            let stream = soon(socket.connect(listener.local_addr().unwrap())).await.unwrap();
            assert!(stream.nodelay().unwrap());
            assert_eq!(stream.linger().unwrap(), Some(Duration::ZERO));
            assert!(stream.keepalive().unwrap());
            assert!((20_000..100_000).contains(&stream.recv_buffer_size().unwrap()));
            assert!((30_000..100_000).contains(&stream.send_buffer_size().unwrap()));
            assert_eq!(stream.ttl().unwrap(), 42);
        });
        ran.unwrap();
    });
}

#[test]
#[cfg(target_os = "linux")]
fn an_idle_connection_is_probed_as_told() {
    let socket = TcpSocket::new_v4().unwrap();
    assert!(!socket.keepalive().unwrap());
    socket.set_keepalive_probes(Duration::from_secs(30), Duration::from_secs(5), 3).unwrap();
    assert!(socket.keepalive().unwrap());
    let options = SockRef::from(&socket);
    assert_eq!(options.tcp_keepalive_time().unwrap(), Duration::from_secs(30));
    assert_eq!(options.tcp_keepalive_interval().unwrap(), Duration::from_secs(5));
    assert_eq!(options.tcp_keepalive_retries().unwrap(), 3);
    socket.set_keepalive(None).unwrap();
    assert!(!socket.keepalive().unwrap());
}

#[test]
fn an_address_is_taken_or_shared() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(any()).unwrap();
    let taken = socket.local_addr().unwrap();
    let _listener = socket.listen(8).unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    assert!(!socket.reuse_address().unwrap());
    assert_eq!(socket.bind(taken).unwrap_err().kind(), ErrorKind::AddrInUse);
    socket.set_reuse_address(true).unwrap();
    assert!(socket.reuse_address().unwrap());

    #[cfg(target_os = "linux")]
    {
        let shared = |addr: SocketAddr| {
            let socket = TcpSocket::new_v4().unwrap();
            socket.set_reuse_port(true).unwrap();
            assert!(socket.reuse_port().unwrap());
            socket.bind(addr).unwrap();
            socket.listen(8).unwrap()
        };
        let one = shared(any());
        let other = shared(one.local_addr().unwrap());
        assert_eq!(one.local_addr().unwrap(), other.local_addr().unwrap());
    }
}

#[test]
fn version_6_stands_alone_or_not() {
    // A machine may have none.
    let Ok(socket) = TcpSocket::new_v6() else { return };
    for only in [true, false] {
        socket.set_only_v6(only).unwrap();
        assert_eq!(socket.only_v6().unwrap(), only);
    }
    assert!(TcpSocket::new_v4().unwrap().set_only_v6(true).is_err());
}

#[test]
fn errors_are_the_callers() {
    each(|builder| {
        let ran = builder.run(async {
            let (_deaf, addr) = deaf();
            let socket = TcpSocket::new_v4().unwrap();
            let error = soon(socket.connect(addr)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
            let wrong = TcpSocket::new_v4().unwrap().connect("[::1]:1".parse().unwrap());
            soon(wrong).await.unwrap_err();
        });
        ran.unwrap();
    });
    let (_deaf, addr) = deaf();
    let error = block_on(TcpSocket::new_v4().unwrap().connect(addr)).unwrap_err();
    assert!(error.to_string().contains("no vigie domain"), "{error}");
}

#[test]
fn a_backlog_is_as_long_as_told() {
    each(|builder| {
        let ran = builder.run(async {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind(any()).unwrap();
            let listener = socket.listen(u32::MAX).unwrap();
            let addr = listener.local_addr().unwrap();
            let clients: Vec<_> = (0..200).map(|_| spawn(TcpStream::connect(addr))).collect();
            for client in clients {
                soon(client).await.unwrap().unwrap();
            }
            turns(1).await;
            drop(listener);
        });
        ran.unwrap();
    });
}

#[test]
fn it_says_where_it_is() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(any()).unwrap();
    let said = format!("{socket:?}");
    assert!(said.contains(&socket.local_addr().unwrap().to_string()), "{said}");
}
