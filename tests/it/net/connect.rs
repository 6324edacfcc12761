//! Connecting, and the addresses to connect to.

use std::{
    io::{ErrorKind, Read},
    net::{self, IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6},
};

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use vigie::net::{TcpListener, TcpStream, ToAddrs};

use super::{deaf, soon};
use crate::support::each;

fn local() -> (net::TcpListener, SocketAddr) {
    let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

#[test]
fn a_connection_carries_bytes() {
    each(|builder| {
        let ran = builder.run(async {
            let (listener, addr) = local();
            let mut stream = soon(TcpStream::connect(addr)).await.unwrap();
            let (mut peer, from) = listener.accept().unwrap();
            assert_eq!(stream.local_addr().unwrap(), from);
            assert_eq!(stream.peer_addr().unwrap(), addr);
            stream.write_all(b"ahoy").await.unwrap();
            let mut buf = [0; 4];
            peer.read_exact(&mut buf).unwrap();
            assert_eq!(&buf, b"ahoy");
            drop(peer);
            assert_eq!(soon(stream.read(&mut buf)).await.unwrap(), 0);
        });
        ran.unwrap();
    });
}

#[test]
fn a_refusal_is_an_error() {
    each(|builder| {
        let ran = builder.run(async {
            let (_deaf, addr) = deaf();
            for _ in 0..20 {
                let error = soon(TcpStream::connect(addr)).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
            }
        });
        ran.unwrap();
    });
}

#[test]
fn the_addresses_are_tried_in_turn() {
    each(|builder| {
        let ran = builder.run(async {
            let (_deaf, refusing) = deaf();
            // A broadcast is no connection's, and the error is another one.
            let wrong: SocketAddr = "255.255.255.255:1".parse().unwrap();
            let (_one, one) = local();
            let (_other, other) = local();
            let stream = soon(TcpStream::connect([refusing, wrong, one, other])).await.unwrap();
            assert_eq!(stream.peer_addr().unwrap(), one);

            let error = soon(TcpStream::connect([wrong, refusing])).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "the last is told");
            let error = soon(TcpStream::connect([refusing, wrong])).await.unwrap_err();
            assert_ne!(error.kind(), ErrorKind::ConnectionRefused, "the last is told");
        });
        ran.unwrap();
    });
}

#[test]
fn the_caller_sees_why_there_is_no_address() {
    each(|builder| {
        let ran = builder.run(async {
            for text in
                ["127.0.0.1", "::1", "[::1]", ":80", "[::1:80", "localhost", "localhost:", "localhost:65536"]
            {
                let error = TcpStream::connect(text).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidInput);
                assert!(error.to_string().contains("with a port"), "{error}");
                assert!(error.to_string().contains(text), "{error}");
                assert_eq!(TcpListener::bind(text).unwrap_err().kind(), ErrorKind::InvalidInput);
            }
            assert_eq!(TcpStream::connect(("", 80)).await.unwrap_err().kind(), ErrorKind::InvalidInput);
            let error = TcpListener::bind("localhost:80").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().contains("localhost:80 is a name"), "{error}");
            assert!(error.to_string().contains("lookup_host"), "{error}");
            #[cfg(not(feature = "blocking"))]
            {
                let error = TcpStream::connect(("localhost", 80)).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidInput);
                assert!(error.to_string().contains("the feature `blocking`"), "{error}");
            }
            let error = TcpStream::connect([]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().contains("no address"), "{error}");
            assert_eq!(TcpListener::bind(Vec::new()).unwrap_err().kind(), ErrorKind::InvalidInput);
        });
        ran.unwrap();
    });
}

#[test]
fn addresses_come_in_many_forms() {
    let (_listener, addr) = local();
    let port = addr.port();
    async fn reaches(addr: SocketAddr, addrs: impl ToAddrs) {
        let stream = soon(TcpStream::connect(addrs)).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), addr);
    }
    vigie::run(async move {
        reaches(addr, addr).await;
        reaches(addr, SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)).await;
        reaches(addr, (IpAddr::V4(Ipv4Addr::LOCALHOST), port)).await;
        reaches(addr, (Ipv4Addr::LOCALHOST, port)).await;
        reaches(addr, &[addr][..]).await;
        reaches(addr, [addr]).await;
        reaches(addr, vec![addr]).await;
        reaches(addr, &vec![addr]).await;
        reaches(addr, &addr).await;
        reaches(addr, addr.to_string().as_str()).await;
        reaches(addr, addr.to_string()).await;
        reaches(addr, &addr.to_string()).await;
        reaches(addr, ("127.0.0.1", port)).await;
        reaches(addr, ("127.0.0.1".to_owned(), port)).await;
    })
    .unwrap();
}

#[test]
fn addresses_of_version_6_do_as_well() {
    let any = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 0, 0, 0);
    // A machine may have none.
    let Ok(listener) = TcpListener::bind(any) else { return };
    let addr = listener.local_addr().unwrap();
    vigie::run(async move {
        let stream = soon(TcpStream::connect((Ipv6Addr::LOCALHOST, addr.port()))).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), addr);
        assert_eq!(soon(listener.accept()).await.unwrap().1, stream.local_addr().unwrap());
        soon(TcpStream::connect(format!("[::1]:{}", addr.port()))).await.unwrap();
        soon(TcpStream::connect((IpAddr::V6(Ipv6Addr::LOCALHOST), addr.port()))).await.unwrap();
    })
    .unwrap();
}

#[cfg(target_os = "linux")]
mod under_way {
    use std::{
        io::Write,
        sync::atomic::{AtomicU8, Ordering},
        thread,
        time::Duration,
    };

    use socket2::{Domain, Socket, Type};
    use vigie::{
        Builder, PromiseState, spawn,
        system::{Backend, Variant},
        time::{TimeoutError, timeout},
    };

    use super::*;
    use crate::support::turns;

    /// A listener that has no room for another connection, and the one that took it. Linux then
    /// drops what comes to connect, which tries again after a second. Nobody else has its address:
    /// the system is quick to give a port that is free again to the next one.
    fn full() -> (Socket, net::TcpStream, SocketAddr) {
        static NEXT: AtomicU8 = AtomicU8::new(1);
        let own = Ipv4Addr::new(127, 0, 1, NEXT.fetch_add(1, Ordering::Relaxed));
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((own, 0)).into()).unwrap();
        socket.listen(0).unwrap();
        let addr = socket.local_addr().unwrap().as_socket().unwrap();
        let first = net::TcpStream::connect(addr).unwrap();
        (socket, first, addr)
    }

    /// As `support::each`, all at once: every run here waits for a second or more.
    fn each_at_once(test: impl Fn(Builder) + Sync) {
        thread::scope(|scope| {
            for variant in Variant::ALL {
                for backend in Backend::ALL {
                    let test = &test;
                    scope.spawn(move || {
                        test(Builder::new().variant(variant).backend(*backend).extra_domains(1));
                    });
                }
            }
        });
    }

    #[test]
    fn the_task_waits_for_the_outcome() {
        each_at_once(|builder| {
            let ran = builder.run(async {
                let (accepting, first, to_accept) = full();
                let (refusing, _other, to_refuse) = full();
                let accepted = spawn(TcpStream::connect(to_accept));
                let refused = spawn(TcpStream::connect(to_refuse));
                turns(100).await;
                assert_eq!(accepted.state(), PromiseState::Running);
                assert_eq!(refused.state(), PromiseState::Running);

                drop(accepting.accept().unwrap());
                drop(refusing);
                let mut stream = soon(accepted).await.unwrap().unwrap();
                assert_eq!(stream.peer_addr().unwrap(), to_accept);
                let error = soon(refused).await.unwrap().unwrap_err();
                assert!(
                    matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset),
                    "{error}"
                );

                // It goes on as any other.
                let (peer, _) = accepting.accept().unwrap();
                let mut peer = net::TcpStream::from(peer);
                peer.write_all(b"late").unwrap();
                let mut buf = [0; 4];
                soon(stream.read_exact(&mut buf)).await.unwrap();
                assert_eq!(&buf, b"late");
                drop(first);
            });
            ran.unwrap();
        });
    }

    #[test]
    fn giving_it_up_closes_the_socket() {
        each_at_once(|builder| {
            let ran = builder.run(async {
                let (listener, first, addr) = full();
                let given_up = timeout(Duration::from_millis(1), TcpStream::connect(addr)).await;
                assert_eq!(given_up.unwrap_err(), TimeoutError::Elapsed);
                let given_up = spawn(TcpStream::connect(addr));
                turns(10).await;
                given_up.cancel().await.unwrap();

                // Neither of them comes, once there is room: the first to come is a later one.
                listener.accept().unwrap();
                let later = soon(TcpStream::connect(addr)).await.unwrap();
                let (_, from) = listener.accept().unwrap();
                assert_eq!(from.as_socket(), Some(later.local_addr().unwrap()));
                drop(first);
            });
            ran.unwrap();
        });
    }
}
