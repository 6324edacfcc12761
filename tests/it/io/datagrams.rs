//! Datagrams by the system's own calls: many at once, cut up on the way (GSO) and put together again (GRO).

use std::{
    io::{self, IoSliceMut},
    net::{SocketAddr, UdpSocket},
};

use futures_lite::future::{poll_once, zip};
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};
use vigie::{
    call,
    io::{AsyncFd, Interest},
};

use crate::support::{each, soon, turns};

fn bound() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let addr = socket.local_addr().unwrap();
    (socket, addr)
}

/// Datagrams that can be told apart: all of `len` bytes, but the last.
fn contents(len: usize, count: usize) -> Vec<u8> {
    (0..len * count - len / 2).map(|at| (at / len * 7 + at) as u8).collect()
}

#[cfg(target_os = "linux")]
#[test]
fn one_call_sends_many_which_come_in_order() {
    use rustix::net::{RecvAncillaryBuffer, RecvFlags, recvmsg};
    const LEN: usize = 500;
    const COUNT: usize = 20;
    each(|builder| {
        let ran = builder.run(async {
            let ((one, _), (other, destination)) = (bound(), bound());
            // The one that receives puts nothing together again.
            let sends = UdpSocketState::new((&one).into()).unwrap();
            let (one, other) = (AsyncFd::new(one).unwrap(), AsyncFd::new(other).unwrap());
            let sent = contents(LEN, COUNT);
            if sends.max_gso_segments() < COUNT {
                println!("skipped: this system sends no {COUNT} datagrams by one call");
                return;
            }
            for round in 0..10 {
                let receive = async {
                    let mut received = Vec::new();
                    for _ in 0..COUNT {
                        let mut buf = [0; 2 * LEN];
                        let receive = |socket: &UdpSocket| {
                            let bufs = &mut [IoSliceMut::new(&mut buf)];
                            let mut none = RecvAncillaryBuffer::default();
                            Ok(recvmsg(socket, bufs, &mut none, RecvFlags::empty())?.bytes)
                        };
                        let count = other.read_with(receive).await.unwrap();
                        received.push(buf[..count].to_vec());
                    }
                    received
                };
                let send = async {
                    // In every other round they are there before anybody looks.
                    turns(round % 2 * 3).await;
                    let (ecn, src_ip) = (None, None);
                    let contents = &sent[..];
                    let transmit = Transmit { destination, ecn, contents, segment_size: Some(LEN), src_ip };
                    one.write_with(|socket| sends.try_send(socket.into(), &transmit)).await.unwrap();
                };
                let ((), received) = soon(zip(send, receive)).await;
                assert!(received.iter().map(|datagram| &datagram[..]).eq(sent.chunks(LEN)));
            }
            // None is left over, and who waits is not told otherwise.
            let nothing = other.try_io(Interest::READABLE, |socket| socket.recv(&mut [0; 8])).unwrap_err();
            assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
            assert!(poll_once(other.readable()).await.is_none());
        });
        ran.unwrap();
    });
}

/// A socket as `quinn-udp` uses it.
struct Quic {
    socket: AsyncFd<UdpSocket>,
    state: UdpSocketState,
}

impl Quic {
    fn new() -> (Self, SocketAddr) {
        let (socket, addr) = bound();
        let state = UdpSocketState::new((&socket).into()).unwrap();
        (Self { socket: AsyncFd::new(socket).unwrap(), state }, addr)
    }

    async fn send(&self, contents: &[u8], segment: usize, destination: SocketAddr) {
        let size = Some(segment);
        for contents in contents.chunks(segment * self.state.max_gso_segments().min(16)) {
            let transmit = Transmit { destination, ecn: None, contents, segment_size: size, src_ip: None };
            let send = |socket: &UdpSocket| self.state.try_send(socket.into(), &transmit);
            self.socket.write_with(send).await.unwrap();
        }
    }

    /// The next datagrams, as many as a call gives. They are all from `peer`.
    async fn receive(&self, peer: SocketAddr) -> Vec<Vec<u8>> {
        let mut bufs = vec![vec![0; 1 << 16]; BATCH_SIZE];
        let mut metas = [RecvMeta::default(); BATCH_SIZE];
        let count = loop {
            // As it would be done for traits that try and wait apart.
            let received = self.socket.try_io(Interest::READABLE, |socket| {
                let mut slices: Vec<_> = bufs.iter_mut().map(|buf| IoSliceMut::new(buf)).collect();
                self.state.recv(socket.into(), &mut slices, &mut metas)
            });
            match received {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let _guard = self.socket.readable().await.unwrap();
                }
                received => break received.unwrap(),
            }
        };
        let received = metas.iter().zip(&bufs).take(count).flat_map(|(meta, buf)| {
            assert_eq!(meta.addr, peer);
            buf[..meta.len].chunks(meta.stride)
        });
        received.map(<[u8]>::to_vec).collect()
    }

    /// So many datagrams.
    async fn receive_all(&self, count: usize, peer: SocketAddr) -> Vec<Vec<u8>> {
        let mut received = Vec::new();
        while received.len() < count {
            received.extend(self.receive(peer).await);
        }
        received
    }
}

#[test]
fn quinn_udp_sends_and_receives_from_domain_to_domain() {
    const LEN: usize = 1200;
    const COUNT: usize = 16;
    each(|builder| {
        let ran = builder.run(async {
            let ((one, one_addr), (other, other_addr)) = (Quic::new(), Quic::new());
            let sent = contents(LEN, COUNT);
            // The socket goes to another domain, which returns in one piece what came.
            let echo = call(move || async move {
                for _ in 0..20 {
                    let received = other.receive_all(COUNT, one_addr).await;
                    other.send(&received.concat(), LEN, one_addr).await;
                }
            });
            for _ in 0..20 {
                one.send(&sent, LEN, other_addr).await;
                let back = soon(one.receive_all(COUNT, other_addr)).await;
                assert!(back.iter().map(|datagram| &datagram[..]).eq(sent.chunks(LEN)));
            }
            soon(echo).await.unwrap();
        });
        ran.unwrap();
    });
}
