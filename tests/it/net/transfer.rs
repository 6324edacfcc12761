//! Bytes, ends and resets.

use std::{
    cell::Cell,
    future::{Future, poll_fn},
    io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write},
    net::{self, Shutdown},
    pin::pin,
    rc::Rc,
    time::Duration,
};

use futures_lite::{AsyncReadExt, AsyncWriteExt, future::zip};
use vigie::{
    PromiseState, call,
    net::{TcpListener, TcpStream},
    spawn,
};

use super::{beside, byte, bytes, fill, is_sequence, narrow_pair, pair, resets, soon};
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
    const SIZE: usize = 8 << 20;
    each(|builder| {
        let ran = builder.run(async {
            let (stream, peer) = narrow_pair();
            let mut peer_writes = peer.try_clone().unwrap();
            let (mut reader, mut writer) = stream.split();
            let held_back = Cell::new(0);
            let send = async {
                let all = bytes(SIZE);
                let mut write = pin!(writer.write_all(&all));
                poll_fn(|cx| {
                    let polled = write.as_mut().poll(cx);
                    held_back.set(held_back.get() + usize::from(polled.is_pending()));
                    polled
                })
                .await?;
                writer.close().await
            };
            let receive = async {
                let mut all = Vec::new();
                reader.read_to_end(&mut all).await.map(|_| all)
            };
            let peer_sends = beside(move || {
                peer_writes.write_all(&bytes(SIZE))?;
                peer_writes.shutdown(Shutdown::Write)
            });
            let peer_receives = beside(move || {
                let mut all = Vec::new();
                (&peer).read_to_end(&mut all).map(|_| all)
            });
            let (sent, received) = soon(zip(send, receive)).await;
            sent.unwrap();
            let received = received.unwrap();
            assert!(received.len() == SIZE && is_sequence(&received));
            peer_sends.join();
            let received = peer_receives.join();
            assert!(received.len() == SIZE && is_sequence(&received));
            assert!(held_back.get() > 0, "nothing ever held the writer back");
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
fn a_stream_closed_for_writing_is_still_read() {
    each(|builder| {
        let ran = builder.run(async {
            let (mut stream, mut peer) = pair();
            let peer = beside(move || {
                let mut question = Vec::new();
                peer.read_to_end(&mut question)?;
                peer.write_all(b"answer to ")?;
                peer.write_all(&question)
            });
            stream.write_all(b"question").await.unwrap();
            stream.flush().await.unwrap();
            stream.close().await.unwrap();
            stream.close().await.unwrap();
            let error = stream.write(b"more").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BrokenPipe);
            let mut answer = String::new();
            soon(stream.read_to_string(&mut answer)).await.unwrap();
            assert_eq!(answer, "answer to question");
            peer.join();
        });
        ran.unwrap();
    });
}

#[test]
fn shutting_down_ends_what_waits() {
    each(|builder| {
        let ran = builder.run(async {
            let (stream, mut peer) = pair();
            let stream = Rc::new(stream);
            let reading = stream.clone();
            let reader = spawn(async move { (&*reading).read(&mut [0; 8]).await });
            turns(3).await;
            assert_eq!(reader.state(), PromiseState::Running);
            stream.shutdown(Shutdown::Both).unwrap();
            assert_eq!(soon(reader).await.unwrap().unwrap(), 0);
            assert_eq!(peer.read(&mut [0; 8]).unwrap(), 0);
        });
        ran.unwrap();
    });
}

#[test]
fn closing_what_the_peer_has_reset_is_no_error() {
    each(|builder| {
        let ran = builder.run(async {
            let (mut stream, peer) = pair();
            resets(&peer);
            drop(peer);
            let error = soon(stream.read(&mut [0; 8])).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
            let error = stream.shutdown(Shutdown::Write).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotConnected);
            stream.close().await.unwrap();
        });
        ran.unwrap();
    });
}

#[test]
fn the_end_alone_reaches_a_blocked_reader() {
    each(|builder| {
        let ran = builder.run(async {
            for round in 0..50 {
                let (stream, peer) = pair();
                let half_closed = round % 2 == 0;
                if half_closed {
                    // With both directions shut, the system reports a hang-up.
                    stream.shutdown(Shutdown::Write).unwrap();
                }
                let mut reader = &stream;
                let mut buf = [0; 64];
                let read = reader.read(&mut buf);
                let close = async {
                    turns(3).await;
                    drop(peer);
                };
                let (count, ()) = soon(zip(read, close)).await;
                assert_eq!(count.unwrap(), 0);
                // And it stays.
                assert_eq!(soon(reader.read(&mut buf)).await.unwrap(), 0);
            }
        });
        ran.unwrap();
    });
}

#[test]
fn the_end_together_with_data_is_read_after_it() {
    each(|builder| {
        let ran = builder.run(async {
            for round in 0..300 {
                let (mut stream, mut peer) = pair();
                // The reader waits already, or finds both there, or meets them on their way.
                let peer = match round % 3 {
                    0 => {
                        peer.write_all(b"last words").unwrap();
                        drop(peer);
                        None
                    }
                    1 => Some(beside(move || peer.write_all(b"last words"))),
                    _ => {
                        let mut buf = [0; 64];
                        let hello = async {
                            turns(3).await;
                            peer.write_all(b"hello").unwrap();
                        };
                        let (count, ()) = soon(zip(stream.read(&mut buf), hello)).await;
                        assert_eq!(count.unwrap(), 5);
                        Some(beside(move || peer.write_all(b"last words")))
                    }
                };
                // Short reads: the end must show without any more data.
                let mut words = Vec::new();
                let mut buf = [0; 64];
                loop {
                    match soon(stream.read(&mut buf)).await.unwrap() {
                        0 => break,
                        count => words.extend_from_slice(&buf[..count]),
                    }
                }
                assert_eq!(words, b"last words");
                peer.into_iter().for_each(|peer| peer.join());
            }
        });
        ran.unwrap();
    });
}

#[test]
fn a_reset_reaches_a_blocked_reader() {
    each(|builder| {
        let ran = builder.run(async {
            for _ in 0..20 {
                let (mut stream, peer) = pair();
                resets(&peer);
                let mut buf = [0; 64];
                let close = async {
                    turns(3).await;
                    drop(peer);
                };
                let (count, ()) = soon(zip(stream.read(&mut buf), close)).await;
                assert_eq!(count.unwrap_err().kind(), ErrorKind::ConnectionReset);
            }
        });
        ran.unwrap();
    });
}

fn is_broken(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset)
}

#[test]
fn a_writer_learns_that_the_peer_has_gone() {
    each(|builder| {
        let ran = builder.run(async {
            let (mut stream, peer) = pair();
            drop(peer);
            let write = async {
                loop {
                    if let Err(error) = stream.write(&[0; 1000]).await {
                        return error;
                    }
                }
            };
            let error = soon(write).await;
            assert!(is_broken(&error), "{error}");
        });
        ran.unwrap();
    });
}

#[test]
fn a_blocked_writer_learns_that_the_peer_has_gone() {
    each(|builder| {
        let ran = builder.run(async {
            for reset in [false, true] {
                let (stream, peer) = narrow_pair();
                fill(&stream);
                let writer = spawn(async move {
                    // What the peer took in before it went may leave room for some.
                    loop {
                        if let Err(error) = (&stream).write(&[0; 1000]).await {
                            return error;
                        }
                    }
                });
                turns(10).await;
                assert_eq!(writer.state(), PromiseState::Running);
                if reset {
                    resets(&peer);
                }
                // Else it closes with data that it has not read, which resets as well.
                drop(peer);
                let error = soon(writer).await.unwrap();
                assert!(is_broken(&error), "{error}");
            }
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
