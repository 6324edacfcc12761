//! Sockets: what the types promise, and what the sources beneath them must never do.

mod accept;
mod connect;
mod crowd;
mod ends;
mod kinds;
mod moving;
#[cfg(target_os = "linux")]
mod residue;
#[cfg(target_os = "linux")]
mod shortage;
mod socket;
mod transfer;
mod udp;
#[cfg(unix)]
mod unix;
mod waiting;

use std::{
    io,
    net::{self, SocketAddr},
    rc::Rc,
    sync::OnceLock,
    thread,
    time::Duration,
};

use futures_lite::AsyncReadExt;
use socket2::{Domain, SockRef, Socket, Type};
use vigie::{Promise, net::TcpStream, spawn};

use crate::support::soon;

/// A connection: one end the library's, not watched by any domain yet, the other the system's.
fn pair() -> (TcpStream, net::TcpStream) {
    let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (stream, _) = listener.accept().unwrap();
    // Small pieces that follow each other must not wait for the peer's delayed word.
    peer.set_nodelay(true).unwrap();
    stream.set_nodelay(true).unwrap();
    (TcpStream::from_std(stream).unwrap(), peer)
}

/// A connection that holds little on its way.
fn narrow_pair() -> (TcpStream, net::TcpStream) {
    let (stream, peer) = pair();
    stream.set_send_buffer_size(64 * 1024).unwrap();
    SockRef::from(&peer).set_recv_buffer_size(64 * 1024).unwrap();
    (stream, peer)
}

/// Writes until the system takes no more. The stream does not block.
fn fill(stream: &TcpStream) -> usize {
    let socket = SockRef::from(stream);
    let mut written = 0;
    loop {
        match socket.send(&[0; 16 * 1024]) {
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return written,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Closing it will send a reset.
fn resets(peer: &net::TcpStream) {
    SockRef::from(peer).set_linger(Some(Duration::ZERO)).unwrap();
}

/// An address of the system's choice at which nobody listens, for as long as the socket is there.
fn deaf() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    socket.bind(&any.into()).unwrap();
    let addr = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, addr)
}

/// A task that reads once, at most eight bytes.
fn reader(stream: &Rc<TcpStream>) -> Promise<io::Result<Vec<u8>>> {
    let stream = stream.clone();
    spawn(async move {
        let mut buf = [0; 8];
        let count = (&*stream).read(&mut buf).await?;
        Ok(buf[..count].to_vec())
    })
}

/// Byte `at` of a stream in which nothing can be lost, doubled or put elsewhere unnoticed.
fn byte(at: usize) -> u8 {
    (at ^ (at >> 8) ^ (at >> 16)) as u8
}

/// The longest such stream, made once: a build without optimisation takes its time for it.
fn sequence() -> &'static [u8] {
    static ALL: OnceLock<Vec<u8>> = OnceLock::new();
    ALL.get_or_init(|| (0..8 << 20).map(byte).collect())
}

fn bytes(count: usize) -> Vec<u8> {
    sequence()[..count].to_vec()
}

fn is_sequence(bytes: &[u8]) -> bool {
    *bytes == sequence()[..bytes.len()]
}

/// Runs a peer, whose panic is the test's, beside the domains.
fn beside<T: Send + 'static>(body: impl FnOnce() -> io::Result<T> + Send + 'static) -> Beside<T> {
    Beside(thread::spawn(body))
}

struct Beside<T>(thread::JoinHandle<io::Result<T>>);

impl<T> Beside<T> {
    fn join(self) -> T {
        self.0.join().expect("the peer panicked").expect("the peer failed")
    }
}
