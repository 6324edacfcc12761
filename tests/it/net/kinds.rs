//! What sockets of all kinds do: bodies that the tests of each kind run.

use std::{
    cell::Cell,
    future::{Future, poll_fn},
    io::{self, Read, Write},
    pin::pin,
};

use futures_lite::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt,
    future::{block_on, zip},
};
use vigie::{Builder, Domain, call_on, events::EventsError};

use super::{beside, bytes, is_sequence, soon};
use crate::support::turns;

/// Reads a word, which comes when the reader waits already, and sends it back.
pub(super) async fn serve(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    peer: &mut (impl Read + Write),
    word: &[u8],
) {
    let mut buf = [0; 64];
    let write = async {
        turns(3).await;
        peer.write_all(word).unwrap();
    };
    let (count, ()) = soon(zip(stream.read(&mut buf), write)).await;
    assert_eq!(&buf[..count.unwrap()], word);
    soon(stream.write_all(word)).await.unwrap();
    let mut back = vec![0; word.len()];
    peer.read_exact(&mut back).unwrap();
    assert_eq!(back, word);
}

/// A stream goes to other domains and comes back, again and again; it and its peer.
pub(super) async fn goes_round<S, P>(mut stream: S, mut peer: P) -> (S, P)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    P: Read + Write + Send + 'static,
{
    for round in 0..10 {
        serve(&mut stream, &mut peer, b"here").await;
        for domain in Domain::available() {
            let away = call_on(domain, move || async move {
                assert_eq!(Domain::current(), Some(domain));
                serve(&mut stream, &mut peer, b"away").await;
                if round % 2 == 0 {
                    // Data that comes while nobody watches, or rather the wrong one.
                    peer.write_all(b"left over").unwrap();
                }
                (stream, peer)
            });
            (stream, peer) = soon(away).await.unwrap();
            if round % 2 == 0 {
                let mut buf = [0; 64];
                assert_eq!(soon(stream.read(&mut buf)).await.unwrap(), 9);
            }
        }
    }
    (stream, peer)
}

/// So much goes both ways at once; how often the writer was held back. The peer's handles are one for each way;
/// `end` shuts its way down.
pub(super) async fn transfers<P: Read + Write + Send + 'static>(
    size: usize,
    (mut reader, mut writer): (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
    (mut peer_reads, mut peer_writes): (P, P),
    end: impl FnOnce(&P) -> io::Result<()> + Send + 'static,
) -> usize {
    let held_back = Cell::new(0);
    let send = async {
        let all = bytes(size);
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
        peer_writes.write_all(&bytes(size))?;
        end(&peer_writes)
    });
    let peer_receives = beside(move || {
        let mut all = Vec::new();
        peer_reads.read_to_end(&mut all).map(|_| all)
    });
    let (sent, received) = soon(zip(send, receive)).await;
    sent.unwrap();
    let received = received.unwrap();
    assert!(received.len() == size && is_sequence(&received));
    peer_sends.join();
    let received = peer_receives.join();
    assert!(received.len() == size && is_sequence(&received));
    held_back.get()
}

/// Every operation that has to wait complains where the system's events are not there.
pub(super) fn complain_without_events<F>(complaints: impl Fn() -> F)
where
    F: Future<Output = Vec<io::Error>> + 'static,
{
    let all_say = |complaints: Vec<io::Error>, expected: fn(&EventsError) -> bool| {
        assert!(!complaints.is_empty());
        for complaint in complaints {
            let inner = complaint.get_ref().and_then(|inner| inner.downcast_ref::<EventsError>());
            assert!(inner.is_some_and(expected), "{complaint:?}");
        }
    };
    all_say(block_on(complaints()), |error| *error == EventsError::OutsideRuntime);
    let none = Builder::new().without_events().run(complaints()).unwrap();
    all_say(none, |error| *error == EventsError::NoEvents);
    let others = Builder::new().events(|_| Ok(())).run(complaints()).unwrap();
    all_say(others, |error| matches!(error, EventsError::OtherEvents(_)));
}
