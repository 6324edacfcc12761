//! Listeners.

use std::{
    io::{self, ErrorKind},
    net::{self, Ipv4Addr, SocketAddr},
    rc::Rc,
    time::Duration,
};

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use vigie::{
    PromiseState, call,
    net::{TcpListener, TcpStream},
    spawn,
    time::{TimeoutError, timeout},
};

use super::{beside, soon};
use crate::support::{each, turns};

fn local() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

#[test]
fn a_burst_of_connections_waits_to_be_accepted() {
    // More than the 128 of the standard library: beyond the backlog, `connect` would block here.
    const BURST: usize = 200;
    each(|builder| {
        let ran = builder.run(async {
            let (listener, addr) = local();
            let clients: io::Result<Vec<_>> =
                (0..BURST).map(|_| net::TcpStream::connect_timeout(&addr, Duration::from_secs(20))).collect();
            let clients = clients.unwrap();
            for client in &clients {
                let (stream, peer) = soon(listener.accept()).await.unwrap();
                assert_eq!(peer, client.local_addr().unwrap());
                assert_eq!(stream.local_addr().unwrap(), addr);
            }
        });
        ran.unwrap();
    });
}

#[test]
fn connections_come_while_the_listener_waits() {
    each(|builder| {
        let ran = builder.run(async {
            let (listener, addr) = local();
            let client = beside(move || {
                for _ in 0..100 {
                    // Dropped at once: what is accepted has ended already.
                    net::TcpStream::connect(addr)?;
                }
                Ok(())
            });
            let mut incoming = listener.incoming();
            for _ in 0..100 {
                let mut stream = soon(incoming.next()).await.unwrap();
                assert_eq!(soon(stream.read(&mut [0; 8])).await.unwrap(), 0);
            }
            client.join();
        });
        ran.unwrap();
    });
}

#[test]
#[cfg(unix)]
fn what_is_accepted_does_not_block_and_is_not_inherited() {
    each(|builder| {
        let ran = builder.run(async {
            let (listener, addr) = local();
            let _client = net::TcpStream::connect(addr).unwrap();
            let (stream, _) = soon(listener.accept()).await.unwrap();
            for fd in [rustix::io::fcntl_getfd(&stream), rustix::io::fcntl_getfd(&listener)] {
                assert!(fd.unwrap().contains(rustix::io::FdFlags::CLOEXEC));
            }
            let error = io::Read::read(&mut &stream.into_std(), &mut [0]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
            let error = listener.into_std().accept().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
        });
        ran.unwrap();
    });
}

#[test]
fn an_accept_that_is_given_up_loses_no_connection() {
    each(|builder| {
        let ran = builder.run(async {
            let (listener, addr) = local();
            let none = timeout(Duration::from_millis(1), listener.accept()).await;
            assert_eq!(none.unwrap_err(), TimeoutError::Elapsed);

            let listener = Rc::new(listener);
            for _ in 0..20 {
                let accepting = listener.clone();
                let accept = spawn(async move { accepting.accept().await.map(drop) });
                turns(2).await;
                // It comes between the wake and the cancellation, at times.
                let client = net::TcpStream::connect(addr).unwrap();
                turns(usize::from(client.local_addr().unwrap().port() % 3)).await;
                let accepted = accept.state() == PromiseState::Returned;
                accept.cancel().await.unwrap();
                if !accepted {
                    let (_, peer) = soon(listener.accept()).await.unwrap();
                    assert_eq!(peer, client.local_addr().unwrap());
                }
            }
        });
        ran.unwrap();
    });
}

#[test]
fn several_tasks_accept_one_connection_each() {
    each(|builder| {
        let ran = builder.run(async {
            let (listener, addr) = local();
            let listener = Rc::new(listener);
            let mut accepting: Vec<_> = (0..4)
                .map(|_| {
                    let listener = listener.clone();
                    spawn(async move { listener.accept().await.map(|(_, peer)| peer) })
                })
                .collect();
            turns(2).await;
            while !accepting.is_empty() {
                let left = accepting.len();
                let client = net::TcpStream::connect(addr).unwrap();
                let accepted = soon(vigie::await_one(&mut accepting)).await.unwrap().unwrap();
                assert_eq!(accepted, client.local_addr().unwrap());
                turns(10).await;
                assert_eq!(accepting.len(), left - 1);
                assert!(accepting.iter().all(|accept| accept.state() == PromiseState::Running));
            }
        });
        ran.unwrap();
    });
}

#[test]
fn a_clone_listens_on_another_domain() {
    each(|builder| {
        let ran = builder.run(async {
            let (listener, addr) = local();
            let clone = listener.try_clone().unwrap();
            assert_eq!(clone.local_addr().unwrap(), addr);
            let serve = |listener: TcpListener| async move {
                let mut served = 0;
                loop {
                    let (mut stream, _) = listener.accept().await.unwrap();
                    let mut word = [0; 4];
                    stream.read_exact(&mut word).await.unwrap();
                    if &word == b"stop" {
                        return served;
                    }
                    stream.write_all(&word).await.unwrap();
                    served += 1;
                }
            };
            let there = call(move || serve(clone));
            let here = spawn(serve(listener));
            for _ in 0..40 {
                let mut client = TcpStream::connect(addr).await.unwrap();
                client.write_all(b"ping").await.unwrap();
                let mut word = [0; 4];
                soon(client.read_exact(&mut word)).await.unwrap();
                assert_eq!(&word, b"ping");
            }
            // Each takes one, and then accepts no more.
            for _ in 0..2 {
                let mut client = TcpStream::connect(addr).await.unwrap();
                client.write_all(b"stop").await.unwrap();
                assert_eq!(soon(client.read(&mut [0; 4])).await.unwrap(), 0);
            }
            assert_eq!(soon(here).await.unwrap() + soon(there).await.unwrap(), 40);
        });
        ran.unwrap();
    });
}

#[test]
fn listeners_come_from_the_standard_library_and_go_there() {
    each(|builder| {
        let ran = builder.run(async {
            let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
            let addr = listener.local_addr().unwrap();
            let listener = TcpListener::from_std(listener).unwrap();
            // Watched here from now on.
            let none = timeout(Duration::ZERO, listener.accept()).await;
            assert!(none.is_err());
            let listener = listener.into_std();
            listener.set_nonblocking(false).unwrap();
            let client = beside(move || net::TcpStream::connect(addr));
            assert_eq!(listener.accept().unwrap().1, client.join().local_addr().unwrap());

            let listener = TcpListener::from_std(listener).unwrap();
            let client = beside(move || net::TcpStream::connect(addr));
            let (_, peer) = soon(listener.accept()).await.unwrap();
            assert_eq!(peer, client.join().local_addr().unwrap());
        });
        ran.unwrap();
    });
}

#[test]
fn binding_takes_the_first_address_that_works() {
    let (_taken, taken) = local();
    // 192.0.2.0/24 is nobody's.
    let foreign: SocketAddr = "192.0.2.1:0".parse().unwrap();
    let free: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let listener = TcpListener::bind([taken, foreign, free]).unwrap();
    assert_eq!(listener.local_addr().unwrap().ip(), Ipv4Addr::LOCALHOST);
    assert_ne!(listener.local_addr().unwrap(), taken);

    let error = TcpListener::bind([foreign, taken]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    let error = TcpListener::bind([taken, foreign]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
}

#[test]
#[cfg(target_os = "linux")]
fn an_address_that_was_in_use_until_lately_is_free() {
    // An address of its own, so that nobody else is given the port meanwhile.
    let listener = TcpListener::bind("127.0.0.77:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let client = net::TcpStream::connect(addr).unwrap();
    let server = listener.into_std().accept().unwrap().0;
    // The end that closes first keeps the address for a while.
    drop(server);
    assert_eq!(io::Read::read(&mut &client, &mut [0]).unwrap(), 0);
    drop(client);
    TcpListener::bind(addr).unwrap();
}

#[test]
fn options_are_those_of_the_socket() {
    let (listener, addr) = local();
    listener.set_ttl(43).unwrap();
    assert_eq!(listener.ttl().unwrap(), 43);
    assert!(listener.take_error().unwrap().is_none());
    let said = format!("{listener:?}");
    assert!(said.contains(&addr.to_string()), "{said}");
}
