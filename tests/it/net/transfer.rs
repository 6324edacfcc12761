//! Bytes, ends and resets.

use std::{
    io::{self, IoSlice, IoSliceMut, Read, Write},
    net::{self, Shutdown},
    time::Duration,
};

use futures_lite::{AsyncReadExt, AsyncWriteExt, future::zip};
use vigie::{
    call,
    net::{TcpListener, TcpStream},
    spawn,
};

use super::{beside, byte, bytes, fill, is_sequence, kinds::transfers, narrow_pair, pair, soon};
use crate::support::{each, turns};

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut buf = vec![0; 1000];
    loop {
        match stream.read(&mut buf).await? {
            0 => return stream.close().await,
            count => stream.write_all(&buf[..count]).await?,
        }
    }
}

/// Has the peer send `request`, and then read all that comes back.
fn exchange(mut peer: &net::TcpStream, request: &[u8]) -> io::Result<Vec<u8>> {
    peer.write_all(request)?;
    peer.shutdown(Shutdown::Write)?;
    let mut answer = Vec::new();
    peer.read_to_end(&mut answer)?;
    Ok(answer)
}

#[test]
fn many_connections_on_several_domains_get_all_their_bytes_back() {
    const THREADS: usize = 8;
    const EACH: usize = 25;
    each(|builder| {
        let ran = builder.run(async {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let addr = listener.local_addr().unwrap();
            let clients = (0..THREADS).map(|_| {
                beside(move || {
                    // All of them are open at the same time.
                    let streams: io::Result<Vec<_>> =
                        (0..EACH).map(|_| net::TcpStream::connect(addr)).collect();
                    for (at, stream) in streams?.iter().enumerate() {
                        let request = bytes(5_000 + at);
                        assert!(exchange(stream, &request)? == request);
                    }
                    Ok(())
                })
            });
            let clients: Vec<_> = clients.collect();
            let mut servers = Vec::new();
            for at in 0..THREADS * EACH {
                let (stream, peer) = soon(listener.accept()).await.unwrap();
                assert_eq!(stream.peer_addr().unwrap(), peer);
                servers.push(match at % 3 {
                    0 => spawn(echo(stream)),
                    _ => call(move || echo(stream)),
                });
            }
            for server in servers {
                soon(server).await.unwrap().unwrap();
            }
            clients.into_iter().for_each(|client| client.join());
        });
        ran.unwrap();
    });
}

#[test]
fn a_large_transfer_goes_both_ways_at_once_and_is_held_back() {
    each(|builder| {
        let ran = builder.run(async {
            let (stream, peer) = narrow_pair();
            let ways = (peer.try_clone().unwrap(), peer);
            let ended = transfers(8 << 20, stream.split(), ways, |peer| peer.shutdown(Shutdown::Write));
            assert!(ended.await > 0, "nothing ever held the writer back");
        });
        ran.unwrap();
    });
}

/// Writes the whole sequence in slices of `slice` bytes, `slices` of them at a time.
async fn write_slices(stream: &mut TcpStream, total: usize, slice: usize, slices: usize) -> io::Result<()> {
    let all = bytes(total);
    let mut written = 0;
    while written < total {
        let rest: Vec<_> = all[written..].chunks(slice).take(slices).map(IoSlice::new).collect();
        let count = stream.write_vectored(&rest).await?;
        assert!(0 < count);
        written += count;
    }
    stream.close().await
}

#[test]
fn vectored_writes_and_reads_move_every_byte_in_order() {
    // The last are more than the system takes at once: what it leaves out must not pass for a socket
    // that is full.
    for (slice, slices) in [(3, 2), (1000, 16), (1000, 17), (500, 1500), (1, 1500)] {
        let total = if slice < 10 { 20_000 } else { 1 << 20 };
        each(move |builder| {
            let ran = builder.run(async move {
                let (mut stream, mut peer) = narrow_pair();
                let mut go = [0; 8];
                let write = async {
                    turns(3).await;
                    peer.write_all(b"go").unwrap();
                };
                // It is watched from here on: what it is ready for counts.
                assert_eq!(soon(zip(stream.read(&mut go), write)).await.0.unwrap(), 2);
                let peer = beside(move || {
                    let mut all = Vec::new();
                    (&peer).read_to_end(&mut all)?;
                    (&peer).write_all(&all[..all.len().min(50_000)])?;
                    Ok(all)
                });
                soon(write_slices(&mut stream, total, slice, slices)).await.unwrap();

                let mut back = Vec::new();
                loop {
                    let mut bufs = vec![[0; 100]; slices];
                    let mut slices: Vec<_> = bufs.iter_mut().map(|buf| IoSliceMut::new(buf)).collect();
                    let count = soon(stream.read_vectored(&mut slices)).await.unwrap();
                    if count == 0 {
                        break;
                    }
                    back.extend_from_slice(&bufs.concat()[..count]);
                }
                let all = peer.join();
                assert!(all.len() == total && is_sequence(&all));
                assert!(back.len() == total.min(50_000) && is_sequence(&back));
            });
            ran.unwrap();
        });
    }
}

#[test]
fn what_is_peeked_at_is_still_there() {
    each(|builder| {
        let ran = builder.run(async {
            let (mut stream, mut peer) = pair();
            let mut buf = [0; 8];
            let peek = stream.peek(&mut buf);
            let write = async {
                turns(3).await;
                peer.write_all(b"abc").unwrap();
            };
            let (count, ()) = soon(zip(peek, write)).await;
            assert_eq!((count.unwrap(), &buf[..3]), (3, &b"abc"[..]));

            // Fewer than there are, then more: neither takes any, nor uses the readiness up.
            let mut one = [0];
            for _ in 0..100 {
                assert_eq!(soon(stream.peek(&mut one)).await.unwrap(), 1);
                assert_eq!(soon(stream.peek(&mut buf)).await.unwrap(), 3);
            }
            assert_eq!(soon(stream.read(&mut buf)).await.unwrap(), 3);
            assert_eq!(&buf[..3], b"abc");

            drop(peer);
            assert_eq!(soon(stream.peek(&mut buf)).await.unwrap(), 0);
            assert_eq!(soon(stream.read(&mut buf)).await.unwrap(), 0);
        });
        ran.unwrap();
    });
}

#[test]
fn no_bytes_are_moved_at_once() {
    each(|builder| {
        let ran = builder.run(async {
            let (mut stream, _peer) = narrow_pair();
            // Nothing to read.
            assert_eq!(soon(stream.read(&mut [])).await.unwrap(), 0);
            assert_eq!(soon(stream.peek(&mut [])).await.unwrap(), 0);
            let (mut none, mut none_either) = ([0; 0], [0; 0]);
            let bufs = &mut [IoSliceMut::new(&mut none), IoSliceMut::new(&mut none_either)];
            assert_eq!(soon(stream.read_vectored(bufs)).await.unwrap(), 0);
            assert_eq!(soon(stream.read_vectored(&mut [])).await.unwrap(), 0);

            // No room to write.
            fill(&stream);
            assert_eq!(soon(stream.write(&[])).await.unwrap(), 0);
            assert_eq!(soon(stream.write_vectored(&[IoSlice::new(&[])])).await.unwrap(), 0);
            assert_eq!(soon(stream.write_vectored(&[])).await.unwrap(), 0);
        });
        ran.unwrap();
    });
}

#[test]
fn an_empty_buffer_among_others_is_no_end() {
    each(|builder| {
        let ran = builder.run(async {
            let (mut stream, mut peer) = pair();
            let written = stream.write_vectored(&[IoSlice::new(&[]), IoSlice::new(b"xyz")]).await;
            assert_eq!(written.unwrap(), 3);
            let mut buf = [0; 3];
            peer.read_exact(&mut buf).unwrap();
            peer.write_all(&buf).unwrap();
            let (mut none, mut some) = ([0; 0], [0; 8]);
            let bufs = &mut [IoSliceMut::new(&mut none), IoSliceMut::new(&mut some)];
            assert_eq!(soon(stream.read_vectored(bufs)).await.unwrap(), 3);
            assert_eq!(&some[..3], b"xyz");
        });
        ran.unwrap();
    });
}

#[test]
fn a_reader_of_single_bytes_reads_them_all() {
    // A read that fills its buffer leaves the source ready: no event tells of the rest.
    each(|builder| {
        let ran = builder.run(async {
            let (mut stream, mut peer) = pair();
            peer.write_all(&bytes(1000)).unwrap();
            let mut one = [0];
            for at in 0..1000 {
                soon(stream.read_exact(&mut one)).await.unwrap();
                assert_eq!(one[0], byte(at));
            }
        });
        ran.unwrap();
    });
}

#[test]
fn options_are_those_of_the_socket() {
    let (stream, peer) = pair();
    for on in [true, false] {
        stream.set_nodelay(on).unwrap();
        assert_eq!(stream.nodelay().unwrap(), on);
    }
    stream.set_ttl(42).unwrap();
    assert_eq!(stream.ttl().unwrap(), 42);
    for linger in [Some(Duration::from_secs(3)), None] {
        stream.set_linger(linger).unwrap();
        assert_eq!(stream.linger().unwrap(), linger);
    }
    for idle in [Some(Duration::from_secs(77)), None] {
        stream.set_keepalive(idle).unwrap();
        assert_eq!(stream.keepalive().unwrap(), idle.is_some());
    }
    stream.set_recv_buffer_size(20_000).unwrap();
    assert!(stream.recv_buffer_size().unwrap() >= 20_000);
    stream.set_send_buffer_size(30_000).unwrap();
    assert!(stream.send_buffer_size().unwrap() >= 30_000);
    assert_eq!(stream.peer_addr().unwrap(), peer.local_addr().unwrap());
    assert_eq!(stream.local_addr().unwrap(), peer.peer_addr().unwrap());
    assert!(stream.take_error().unwrap().is_none());
    let said = format!("{stream:?}");
    assert!(said.contains(&peer.local_addr().unwrap().to_string()), "{said}");
}
