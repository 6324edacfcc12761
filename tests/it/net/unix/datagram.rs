//! Datagrams, and receivers that have no room.

use std::{
    future::poll_fn,
    io::{self, ErrorKind},
    net::Shutdown,
    os::unix::net,
    rc::Rc,
    time::Duration,
};

use futures_lite::future::zip;
use vigie::{Domain, PromiseState, call_on, net::UnixDatagram, spawn, time::timeout};

use super::{
    super::{bytes, kinds::complain_without_events, soon},
    Dir, is_socket,
};
use crate::support::{each, turns};

/// Receives a datagram, having had to wait for it.
async fn waits(socket: &UnixDatagram, peer: &UnixDatagram, words: &[u8]) {
    let mut buf = [0; 64];
    let send = async {
        turns(3).await;
        peer.send(words).await.unwrap();
    };
    let (count, ()) = soon(zip(socket.recv(&mut buf), send)).await;
    assert_eq!(&buf[..count.unwrap()], words);
}

#[test]
fn datagrams_keep_their_bounds() {
    each(|builder| {
        let ran = builder.run(async {
            let (one, other) = UnixDatagram::pair().unwrap();
            let mut buf = vec![0; 50_000];
            for size in [1, 0, 1000, 0, 0, 40_000, 3] {
                assert_eq!(soon(one.send(&bytes(size))).await.unwrap(), size);
                assert_eq!(soon(other.recv(&mut buf)).await.unwrap(), size);
                assert!(buf[..size] == bytes(size));
            }
            // What does not fit is lost, and no more; an empty buffer takes one, too.
            for words in [b"long ", b"drop ", b"whole"] {
                one.send(words).await.unwrap();
            }
            assert_eq!(soon(other.recv(&mut buf[..2])).await.unwrap(), 2);
            assert_eq!(soon(other.recv(&mut [])).await.unwrap(), 0);
            assert_eq!(soon(other.recv(&mut buf)).await.unwrap(), 5);
            assert_eq!(&buf[..5], b"whole");
            for _ in 0..10 {
                waits(&other, &one, b"here").await;
                waits(&one, &other, b"").await;
            }
            assert!(timeout(Duration::from_millis(1), other.recv(&mut [])).await.is_err());
        });
        ran.unwrap();
    });
}

#[test]
fn they_go_by_names() {
    each(|builder| {
        let ran = builder.run(async {
            let dir = Dir::new();
            let (here, there) = (dir.path("here"), dir.path("there"));
            let one = UnixDatagram::bind(&here).unwrap();
            let error = soon(one.send_to(b"x", &there)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound);
            assert_eq!(one.connect(&there).unwrap_err().kind(), ErrorKind::NotFound);
            assert_eq!(one.send(b"x").await.unwrap_err().kind(), ErrorKind::NotConnected);

            let other = UnixDatagram::bind(&there).unwrap();
            assert_eq!(other.local_addr().unwrap().as_pathname(), Some(&*there));
            assert_eq!(soon(one.send_to(b"by name", &there)).await.unwrap(), 7);
            let mut buf = [0; 16];
            let (count, from) = soon(other.recv_from(&mut buf)).await.unwrap();
            assert_eq!((&buf[..count], from.as_pathname()), (&b"by name"[..], Some(&*here)));
            assert_eq!(soon(other.send_to_addr(b"back", &from)).await.unwrap(), 4);
            assert_eq!(soon(one.recv(&mut buf)).await.unwrap(), 4);

            one.connect(&there).unwrap();
            assert_eq!(one.peer_addr().unwrap().as_pathname(), Some(&*there));
            one.send(b"connected").await.unwrap();
            let sender = UnixDatagram::unbound().unwrap();
            sender.connect_addr(&other.local_addr().unwrap()).unwrap();
            sender.send(b"unbound").await.unwrap();
            assert_eq!(soon(other.recv(&mut buf)).await.unwrap(), 9);
            let (count, from) = soon(other.recv_from(&mut buf)).await.unwrap();
            assert!(count == 7 && from.is_unnamed());

            drop(other);
            assert!(is_socket(&there), "the file stays");
            let error = soon(sender.send_to(b"x", &there)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        });
        ran.unwrap();
    });
}

#[test]
fn of_several_receivers_each_gets_its_own() {
    each(|builder| {
        let ran = builder.run(async {
            let (socket, peer) = UnixDatagram::pair().unwrap();
            let socket = Rc::new(socket);
            let mut receivers: Vec<_> = (0..4)
                .map(|_| {
                    let socket = socket.clone();
                    spawn(async move {
                        let mut buf = [0; 8];
                        socket.recv(&mut buf).await.map(|count| buf[..count].to_vec())
                    })
                })
                .collect();
            turns(2).await;
            peer.send(b"0").await.unwrap();
            assert_eq!(soon(vigie::await_one(&mut receivers)).await.unwrap().unwrap(), b"0");
            turns(10).await;
            assert!(receivers.iter().all(|receiver| receiver.state() == PromiseState::Running));
            receivers.pop().unwrap().cancel().await.unwrap();
            peer.send(b"1").await.unwrap();
            peer.send(b"2").await.unwrap();
            let mut words = Vec::new();
            for receiver in receivers {
                words.push(soon(receiver).await.unwrap().unwrap());
            }
            words.sort();
            assert_eq!(words.concat(), b"12");
        });
        ran.unwrap();
    });
}

/// Sends until the receiver has no room; how many it took.
async fn fill(sender: &UnixDatagram) -> usize {
    let mut sent = 0;
    while poll_fn(|cx| std::task::Poll::Ready(sender.poll_send(cx, b"full").is_ready())).await {
        sent += 1;
        // A slice has room for so many only.
        vigie::yield_now().await;
    }
    sent
}

#[test]
#[cfg(target_os = "linux")]
fn a_sender_waits_for_a_receiver_that_is_full() {
    each(|builder| {
        let ran = builder.run(async {
            let dir = Dir::new();
            let path = dir.path("s");
            let receiver = UnixDatagram::bind(&path).unwrap();
            let sender = Rc::new(UnixDatagram::unbound().unwrap());
            sender.connect(&path).unwrap();
            let mut buf = [0; 8];
            for _ in 0..5 {
                let mut sent = fill(&sender).await;
                let own = sender.clone();
                let send = spawn(async move { own.send(b"more").await });
                turns(10).await;
                assert_eq!(send.state(), PromiseState::Running);
                soon(receiver.recv(&mut buf)).await.unwrap();
                assert_eq!(soon(send).await.unwrap().unwrap(), 4);
                while sent > 0 {
                    soon(receiver.recv(&mut buf)).await.unwrap();
                    sent -= 1;
                }
                assert_eq!(&buf[..4], b"more");
            }
        });
        ran.unwrap();
    });
}

#[test]
#[cfg(target_os = "linux")]
fn a_sender_to_a_name_waits_as_well_and_may_give_up() {
    each(|builder| {
        let ran = builder.run(async {
            let dir = Dir::new();
            let (path, idle) = (dir.path("s"), dir.path("idle"));
            let receiver = UnixDatagram::bind(&path).unwrap();
            let other = UnixDatagram::bind(&idle).unwrap();
            let sender = Rc::new(UnixDatagram::unbound().unwrap());
            let filler = UnixDatagram::unbound().unwrap();
            filler.connect(&path).unwrap();
            let sent = fill(&filler).await;

            let given_up = timeout(Duration::from_millis(3), sender.send_to(b"lost", &path)).await;
            assert!(given_up.is_err());
            let (own, to) = (sender.clone(), path.clone());
            let send = spawn(async move { own.send_to(b"kept", to).await });
            turns(10).await;
            assert_eq!(send.state(), PromiseState::Running);
            // It holds up nobody else's.
            assert_eq!(soon(sender.send_to(b"x", &idle)).await.unwrap(), 1);
            assert_eq!(soon(other.recv(&mut [0; 8])).await.unwrap(), 1);
            let mut buf = [0; 8];
            for _ in 0..sent {
                soon(receiver.recv(&mut buf)).await.unwrap();
                assert_eq!(&buf[..4], b"full");
            }
            assert_eq!(soon(send).await.unwrap().unwrap(), 4);
            soon(receiver.recv(&mut buf)).await.unwrap();
            assert_eq!(&buf[..4], b"kept");
        });
        ran.unwrap();
    });
}

#[test]
#[cfg(target_os = "linux")]
fn an_abstract_name_is_sent_to() {
    each(|builder| {
        let ran = builder.run(async {
            let addr = super::abstract_name();
            let receiver = UnixDatagram::bind_addr(&addr).unwrap();
            let sender = UnixDatagram::unbound().unwrap();
            soon(sender.send_to_addr(b"one", &addr)).await.unwrap();
            sender.connect_addr(&addr).unwrap();
            soon(sender.send(b"three")).await.unwrap();
            let mut buf = [0; 8];
            assert_eq!(soon(receiver.recv(&mut buf)).await.unwrap(), 3);
            assert_eq!(soon(receiver.recv(&mut buf)).await.unwrap(), 5);
        });
        ran.unwrap();
    });
}

#[test]
fn to_a_socket_that_is_shut_down_nothing_is_sent() {
    each(|builder| {
        let ran = builder.run(async {
            let (one, other) = UnixDatagram::pair().unwrap();
            one.shutdown(Shutdown::Both).unwrap();
            assert_eq!(soon(one.send(b"x")).await.unwrap_err().kind(), ErrorKind::BrokenPipe);
            assert_eq!(soon(other.send(b"x")).await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        });
        ran.unwrap();
    });
}

#[test]
fn a_socket_goes_to_other_domains_and_to_the_standard_library() {
    each(|builder| {
        let ran = builder.run(async {
            let (mut socket, mut peer) = UnixDatagram::pair().unwrap();
            waits(&socket, &peer, b"here").await;
            for domain in Domain::available() {
                let away = call_on(domain, move || async move {
                    waits(&socket, &peer, b"away").await;
                    (socket, peer)
                });
                (socket, peer) = soon(away).await.unwrap();
                waits(&socket.try_clone().unwrap(), &peer, b"clone").await;
            }
            let plain: net::UnixDatagram = socket.into_std();
            plain.set_nonblocking(false).unwrap();
            peer.send(b"plain").await.unwrap();
            assert_eq!(plain.recv(&mut [0; 8]).unwrap(), 5);
            waits(&UnixDatagram::from_std(plain).unwrap(), &peer, b"again").await;
        });
        ran.unwrap();
    });
}

/// What every operation says that has to wait.
async fn complaints() -> Vec<io::Error> {
    let dir = Dir::new();
    let receiver = UnixDatagram::bind(dir.path("s")).unwrap();
    let (one, _other) = UnixDatagram::pair().unwrap();
    let mut buf = [0; 8];
    vec![
        one.send(b"x").await.unwrap_err(),
        one.send_to(b"x", dir.path("s")).await.unwrap_err(),
        one.send_to_addr(b"x", &receiver.local_addr().unwrap()).await.unwrap_err(),
        one.recv(&mut buf).await.unwrap_err(),
        one.recv_from(&mut buf).await.unwrap_err(),
    ]
}

#[test]
fn without_the_systems_events_there_is_an_error() {
    complain_without_events(complaints);
}

#[test]
fn options_are_those_of_the_socket() {
    let (socket, _peer) = UnixDatagram::pair().unwrap();
    socket.set_recv_buffer_size(20_000).unwrap();
    assert!(socket.recv_buffer_size().unwrap() >= 20_000);
    socket.set_send_buffer_size(30_000).unwrap();
    assert!(socket.send_buffer_size().unwrap() >= 30_000);
    assert!(socket.take_error().unwrap().is_none());
    assert!(format!("{socket:?}").contains("UnixDatagram"));
}
