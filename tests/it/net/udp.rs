//! Datagrams over the network.

use std::{
    io::ErrorKind,
    net::{self, Ipv4Addr, Ipv6Addr, SocketAddr},
    rc::Rc,
    time::Duration,
};

use futures_lite::future::{block_on, zip};
use socket2::SockRef;
use vigie::{
    Domain, PromiseState, call_on,
    net::UdpSocket,
    spawn,
    time::{TimeoutError, timeout},
    yield_now,
};

use super::{bytes, kinds::complain_without_events, soon};
use crate::support::{each, turns};

fn local() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let addr = socket.local_addr().unwrap();
    (socket, addr)
}

/// Two that are connected to each other.
async fn pair() -> (UdpSocket, UdpSocket) {
    let ((one, one_addr), (other, other_addr)) = (local(), local());
    one.connect(other_addr).await.unwrap();
    other.connect([one_addr]).await.unwrap();
    (one, other)
}

/// Receives a datagram, having had to wait for it.
async fn waits(socket: &UdpSocket, peer: &UdpSocket, words: &[u8]) {
    let mut buf = [0; 64];
    let send = async {
        turns(3).await;
        peer.send_to(words, socket.local_addr().unwrap()).await.unwrap();
    };
    let (received, ()) = soon(zip(socket.recv_from(&mut buf), send)).await;
    let (count, from) = received.unwrap();
    assert_eq!((&buf[..count], from), (words, peer.local_addr().unwrap()));
}

#[test]
fn datagrams_keep_their_bounds() {
    each(|builder| {
        let ran = builder.run(async {
            let (one, other) = pair().await;
            assert_eq!(one.peer_addr().unwrap(), other.local_addr().unwrap());
            let sizes = [1, 0, 1000, 0, 0, 65_507, 3];
            let mut buf = vec![0; 70_000];
            for size in sizes {
                assert_eq!(soon(one.send(&bytes(size))).await.unwrap(), size);
                assert_eq!(soon(other.recv(&mut buf)).await.unwrap(), size);
                assert!(buf[..size] == bytes(size));
            }
            // All of them together: none is taken for the end, and none for a part of another.
            for size in &sizes {
                one.send(&bytes(*size % 2000)).await.unwrap();
            }
            for size in &sizes {
                assert_eq!(soon(other.recv(&mut buf)).await.unwrap(), *size % 2000);
            }
            let error = soon(one.send(&buf)).await.unwrap_err();
            assert!(error.raw_os_error().is_some(), "{error}");
        });
        ran.unwrap();
    });
}

#[test]
fn a_receiver_waits_for_what_comes() {
    each(|builder| {
        let ran = builder.run(async {
            let ((socket, _), (peer, _)) = (local(), local());
            for _ in 0..20 {
                waits(&socket, &peer, b"here").await;
                waits(&socket, &peer, b"").await;
            }
        });
        ran.unwrap();
    });
}

#[test]
fn what_does_not_fit_is_lost_and_no_more() {
    each(|builder| {
        let ran = builder.run(async {
            let (one, other) = pair().await;
            for words in [b"long ", b"whole", b"drop ", b"next "] {
                one.send(words).await.unwrap();
            }
            let mut buf = [0; 8];
            assert_eq!(soon(other.recv(&mut buf[..2])).await.unwrap(), 2);
            assert_eq!(&buf[..2], b"lo");
            assert_eq!(soon(other.recv(&mut buf)).await.unwrap(), 5);
            assert_eq!(&buf[..5], b"whole");
            // An empty buffer takes one, too.
            assert_eq!(soon(other.recv(&mut [])).await.unwrap(), 0);
            assert_eq!(soon(other.recv(&mut buf)).await.unwrap(), 5);
            assert_eq!(&buf[..5], b"next ");
            // And waits for one.
            assert!(timeout(Duration::from_millis(1), other.recv(&mut [])).await.is_err());
        });
        ran.unwrap();
    });
}

#[test]
fn what_is_peeked_at_is_still_there() {
    each(|builder| {
        let ran = builder.run(async {
            let ((socket, addr), (peer, from)) = (local(), local());
            let mut buf = [0; 8];
            let send = async {
                turns(3).await;
                peer.send_to(b"abc", addr).await.unwrap();
            };
            let (count, ()) = soon(zip(socket.peek(&mut buf), send)).await;
            assert_eq!(count.unwrap(), 3);
            for _ in 0..50 {
                assert_eq!(soon(socket.peek(&mut buf[..1])).await.unwrap(), 1);
                assert_eq!(soon(socket.peek_from(&mut buf)).await.unwrap(), (3, from));
            }
            assert_eq!(soon(socket.recv_from(&mut buf)).await.unwrap(), (3, from));
            assert!(timeout(Duration::from_millis(1), socket.peek_from(&mut buf)).await.is_err());
        });
        ran.unwrap();
    });
}

#[test]
fn one_that_is_connected_hears_its_peer_alone() {
    each(|builder| {
        let ran = builder.run(async {
            let (one, other) = pair().await;
            let (stranger, _) = local();
            let error = stranger.send(b"x").await.unwrap_err();
            assert!(error.raw_os_error().is_some(), "{error}");
            assert_eq!(stranger.peer_addr().unwrap_err().kind(), ErrorKind::NotConnected);
            stranger.send_to(b"x", other.local_addr().unwrap()).await.unwrap();
            one.send(b"from one").await.unwrap();
            let mut buf = [0; 8];
            assert_eq!(soon(other.recv(&mut buf)).await.unwrap(), 8);
            assert_eq!(&buf, b"from one");
        });
        ran.unwrap();
    });
}

#[test]
#[cfg(target_os = "linux")]
fn a_receiver_hears_that_nobody_is_there() {
    each(|builder| {
        let ran = builder.run(async {
            let (socket, _) = local();
            // An address of its own, so that nobody else is given the port meanwhile.
            let gone = UdpSocket::bind("127.0.0.78:0").unwrap().local_addr().unwrap();
            socket.connect(gone).await.unwrap();
            let mut buf = [0; 8];
            let send = async {
                turns(3).await;
                socket.send(b"anybody?").await.unwrap();
            };
            let (count, ()) = soon(zip(socket.recv(&mut buf), send)).await;
            assert_eq!(count.unwrap_err().kind(), ErrorKind::ConnectionRefused);
        });
        ran.unwrap();
    });
}

#[test]
fn of_several_receivers_each_gets_its_own() {
    each(|builder| {
        let ran = builder.run(async {
            let ((socket, addr), (peer, _)) = (local(), local());
            let socket = Rc::new(socket);
            let mut receivers: Vec<_> = (0..5)
                .map(|_| {
                    let socket = socket.clone();
                    spawn(async move {
                        let mut buf = [0; 8];
                        socket.recv(&mut buf).await.map(|count| buf[..count].to_vec())
                    })
                })
                .collect();
            turns(2).await;
            peer.send_to(b"0", addr).await.unwrap();
            assert_eq!(soon(vigie::await_one(&mut receivers)).await.unwrap().unwrap(), b"0");
            turns(10).await;
            assert!(receivers.iter().all(|receiver| receiver.state() == PromiseState::Running));
            // The rest at once.
            for word in [b"1", b"2", b"3", b"4"] {
                peer.send_to(word, addr).await.unwrap();
            }
            let mut words = Vec::new();
            for receiver in receivers {
                words.push(soon(receiver).await.unwrap().unwrap());
            }
            words.sort();
            assert_eq!(words.concat(), b"1234");
        });
        ran.unwrap();
    });
}

#[test]
fn no_datagram_is_lost_to_a_receiver_that_gives_up() {
    const COUNT: u32 = 300;
    each(|builder| {
        let ran = builder.run(async {
            let ((socket, addr), (peer, _)) = (local(), local());
            socket.set_recv_buffer_size(1 << 20).unwrap();
            let sender = super::beside(move || {
                let peer = peer.into_std();
                (0..COUNT).try_for_each(|at| peer.send_to(&at.to_le_bytes(), addr).map(drop))
            });
            let mut next = 0;
            let receive = async {
                let mut buf = [0; 4];
                while next < COUNT {
                    let patience = Duration::from_micros(u64::from(next) % 40);
                    match timeout(patience, socket.recv(&mut buf)).await {
                        Ok(count) => {
                            assert_eq!((count.unwrap(), u32::from_le_bytes(buf)), (4, next));
                            next += 1;
                        }
                        Err(gave_up) => assert_eq!(gave_up, TimeoutError::Elapsed),
                    }
                }
            };
            soon(receive).await;
            sender.join();
        });
        ran.unwrap();
    });
}

#[test]
fn a_socket_goes_to_other_domains_and_comes_back() {
    each(|builder| {
        let ran = builder.run(async {
            let ((mut socket, addr), (mut peer, _)) = (local(), local());
            for _ in 0..5 {
                waits(&socket, &peer, b"here").await;
                for domain in Domain::available() {
                    let away = call_on(domain, move || async move {
                        waits(&socket, &peer, b"away").await;
                        peer.send_to(b"left over", addr).await.unwrap();
                        (socket, peer)
                    });
                    (socket, peer) = soon(away).await.unwrap();
                    assert_eq!(soon(socket.recv(&mut [0; 64])).await.unwrap(), 9);
                }
            }
            // A second handle receives there while this one sends.
            let clone = socket.try_clone().unwrap();
            let there = call_on(Domain::available()[0], move || async move {
                let mut buf = [0; 8];
                let (count, from) = clone.recv_from(&mut buf).await?;
                clone.send_to(&buf[..count], from).await
            });
            socket.send_to(b"question", peer.local_addr().unwrap()).await.unwrap();
            peer.send_to(b"answer", addr).await.unwrap();
            assert_eq!(soon(there).await.unwrap().unwrap(), 6);
            let mut buf = [0; 8];
            assert_eq!(soon(peer.recv_from(&mut buf)).await.unwrap(), (8, addr));
            assert_eq!(soon(peer.recv_from(&mut buf)).await.unwrap(), (6, addr));
        });
        ran.unwrap();
    });
}

#[test]
fn sockets_come_from_the_standard_library_and_go_there() {
    each(|builder| {
        let ran = builder.run(async {
            let plain = net::UdpSocket::bind("127.0.0.1:0").unwrap();
            let (peer, _) = local();
            let socket = UdpSocket::from_std(plain).unwrap();
            waits(&socket, &peer, b"watched").await;
            peer.send_to(b"plain", socket.local_addr().unwrap()).await.unwrap();
            let plain = socket.into_std();
            plain.set_nonblocking(false).unwrap();
            assert_eq!(plain.recv(&mut [0; 8]).unwrap(), 5);
            waits(&UdpSocket::from_std(plain).unwrap(), &peer, b"again").await;
        });
        ran.unwrap();
    });
}

#[test]
fn one_that_never_has_to_wait_lets_the_others_have_their_turns() {
    const COUNT: usize = 3200;
    each(|builder| {
        let ran = builder.run(async {
            let (one, other) = pair().await;
            let (ticks, ticker) = crate::support::ticker();
            yield_now().await;
            ticks.set(0);
            for _ in 0..COUNT {
                one.send(b"x").await.unwrap();
                other.recv(&mut [0; 8]).await.unwrap();
            }
            // A slice has room for 32.
            assert!(ticks.get() >= 2 * COUNT / 32 - 1, "{} turns", ticks.get());
            ticker.cancel().await.unwrap();
        });
        ran.unwrap();
    });
}

/// What every operation says that has to wait.
async fn complaints() -> Vec<std::io::Error> {
    let (one, other) = pair().await;
    let addr = other.local_addr().unwrap();
    let mut buf = [0; 8];
    vec![
        one.send(b"x").await.unwrap_err(),
        one.send_to(b"x", addr).await.unwrap_err(),
        one.recv(&mut buf).await.unwrap_err(),
        one.recv_from(&mut buf).await.unwrap_err(),
        one.peek(&mut buf).await.unwrap_err(),
        one.peek_from(&mut buf).await.unwrap_err(),
    ]
}

#[test]
fn without_the_systems_events_there_is_an_error() {
    complain_without_events(complaints);
}

#[test]
fn binding_and_connecting_take_the_first_address_that_works() {
    let (_taken, taken) = local();
    let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let socket = UdpSocket::bind([taken, free]).unwrap();
    assert_ne!(socket.local_addr().unwrap(), taken);
    assert_eq!(UdpSocket::bind(taken).unwrap_err().kind(), ErrorKind::AddrInUse);
    assert_eq!(UdpSocket::bind([]).unwrap_err().kind(), ErrorKind::InvalidInput);

    // Of the other version.
    let wrong: SocketAddr = (Ipv6Addr::LOCALHOST, 1).into();
    block_on(socket.connect([wrong, taken])).unwrap();
    assert_eq!(socket.peer_addr().unwrap(), taken);
    assert!(block_on(socket.connect(wrong)).is_err());
    assert_eq!(block_on(socket.connect([])).unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn options_are_those_of_the_socket() {
    let (socket, addr) = local();
    for on in [true, false] {
        socket.set_broadcast(on).unwrap();
        assert_eq!(socket.broadcast().unwrap(), on);
        socket.set_multicast_loop_v4(on).unwrap();
        assert_eq!(socket.multicast_loop_v4().unwrap(), on);
    }
    socket.set_ttl(42).unwrap();
    assert_eq!(socket.ttl().unwrap(), 42);
    socket.set_multicast_ttl_v4(7).unwrap();
    assert_eq!(socket.multicast_ttl_v4().unwrap(), 7);
    socket.set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
    assert_eq!(socket.multicast_if_v4().unwrap(), Ipv4Addr::LOCALHOST);
    socket.set_recv_buffer_size(20_000).unwrap();
    assert!(socket.recv_buffer_size().unwrap() >= 20_000);
    socket.set_send_buffer_size(30_000).unwrap();
    assert!(socket.send_buffer_size().unwrap() >= 30_000);
    assert!(socket.take_error().unwrap().is_none());
    assert_eq!(SockRef::from(&socket).local_addr().unwrap().as_socket(), Some(addr));
    let said = format!("{socket:?}");
    assert!(said.contains(&addr.to_string()), "{said}");

    // A machine may have none.
    let Ok(socket) = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)) else { return };
    for on in [true, false] {
        socket.set_multicast_loop_v6(on).unwrap();
        assert_eq!(socket.multicast_loop_v6().unwrap(), on);
    }
    socket.set_multicast_hops_v6(9).unwrap();
    assert_eq!(socket.multicast_hops_v6().unwrap(), 9);
    socket.set_multicast_if_v6(0).unwrap();
    assert_eq!(socket.multicast_if_v6().unwrap(), 0);
}

#[test]
#[cfg(target_os = "linux")]
fn a_group_is_joined_and_left() {
    const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 199);
    const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;
    each(|builder| {
        let ran = builder.run(async {
            let member = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
            let to = SocketAddr::from((GROUP, member.local_addr().unwrap().port()));
            let (sender, _) = local();
            sender.set_multicast_if_v4(&HERE).unwrap();
            assert!(member.leave_multicast_v4(&GROUP, &HERE).is_err());
            member.join_multicast_v4(&GROUP, &HERE).unwrap();
            sender.send_to(b"all hands", to).await.unwrap();
            let mut buf = [0; 16];
            assert_eq!(soon(member.recv(&mut buf)).await.unwrap(), 9);

            member.leave_multicast_v4(&GROUP, &HERE).unwrap();
            sender.send_to(b"too late", to).await.unwrap();
            assert!(timeout(Duration::from_millis(5), member.recv(&mut buf)).await.is_err());
        });
        ran.unwrap();
    });
}
