//! Channels across domains: what waits is cancelled, and ends are closed. (`programs/stream.rs` sends a
//! million.)

use futures_lite::future::poll_once;
use vigie::{
    await_all, call,
    channel::{RecvError, SendError, TryRecvError, TrySendError, bounded, unbounded},
    spawn,
};

use crate::support::{Gate, each, soon, turns, until};

#[test]
fn a_cancelled_receiver_loses_no_message() {
    each(|builder| {
        builder
            .run(async {
                for woken in [false, true] {
                    let (sender, receiver) = bounded(4);
                    let mut first = Box::pin(receiver.recv());
                    assert!(poll_once(&mut first).await.is_none());
                    let (there, begun) = (receiver.clone(), Gate::default());
                    let opened = begun.clone();
                    let next = call(async move || {
                        let mut message = Box::pin(there.recv());
                        assert!(poll_once(&mut message).await.is_none());
                        opened.open();
                        message.await
                    });
                    begun.opened().await;
                    if woken {
                        sender.try_send("message").unwrap();
                        drop(first);
                    } else {
                        drop(first);
                        sender.try_send("message").unwrap();
                    }
                    assert_eq!(soon(next).await.unwrap(), Ok("message"));
                    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
                }
            })
            .unwrap();
    });
}

#[test]
fn a_cancelled_sender_leaves_its_room_to_the_next() {
    each(|builder| {
        builder
            .run(async {
                for woken in [false, true] {
                    let (sender, receiver) = bounded(1);
                    sender.send(0).await.unwrap();
                    let mut first = Box::pin(sender.send(1));
                    assert!(poll_once(&mut first).await.is_none());
                    let (there, begun) = (sender.clone(), Gate::default());
                    let opened = begun.clone();
                    let next = call(async move || {
                        let mut sent = Box::pin(there.send(2));
                        assert!(poll_once(&mut sent).await.is_none());
                        opened.open();
                        sent.await
                    });
                    begun.opened().await;
                    if woken {
                        assert_eq!(receiver.try_recv(), Ok(0));
                        drop(first);
                    } else {
                        drop(first);
                        assert_eq!(receiver.try_recv(), Ok(0));
                    }
                    soon(next).await.unwrap().unwrap();
                    assert_eq!(receiver.recv().await, Ok(2), "what was cancelled was not sent");
                }
            })
            .unwrap();
    });
}

#[test]
fn a_full_channel_holds_its_senders_back() {
    each(|builder| {
        builder
            .run(async {
                let (sender, receiver) = bounded(2);
                let theirs = sender.clone();
                let task = call(async move || {
                    for n in 0..10 {
                        theirs.send(n).await.unwrap();
                    }
                });
                soon(until(|| sender.is_full())).await;
                turns(100).await;
                assert_eq!(sender.try_send(99), Err(TrySendError::Full(99)));
                assert_eq!(receiver.len(), 2);
                for n in 0..10 {
                    assert_eq!(soon(receiver.recv()).await, Ok(n));
                }
                task.await.unwrap();
            })
            .unwrap();
    });
}

#[test]
fn a_channel_whose_other_end_has_gone_says_so() {
    each(|builder| {
        builder
            .run(async {
                // The senders: after what they sent.
                let (sender, receiver) = unbounded();
                let sent = call(async move || sender.send("last").await);
                let received = spawn(async move {
                    assert_eq!(receiver.recv().await, Ok("last"));
                    receiver.recv().await
                });
                assert_eq!(soon(received).await.unwrap(), Err(RecvError));
                sent.await.unwrap().unwrap();

                // The receivers: the message comes back to those that wait, too.
                let (sender, receiver) = bounded(1);
                let senders: Vec<_> = (0..3)
                    .map(|n| {
                        let sender = sender.clone();
                        call(async move || sender.send(n).await)
                    })
                    .collect();
                soon(until(|| sender.is_full())).await;
                drop(receiver);
                let sent = soon(await_all(senders)).await.unwrap();
                let refused = sent.into_iter().filter(|sent| matches!(sent, Ok(Err(SendError(_)))));
                assert_eq!(refused.count(), 2, "one was in time");
                assert_eq!(sender.try_send(3), Err(TrySendError::Closed(3)));
            })
            .unwrap();
    });
}
