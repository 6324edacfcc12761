//! A bounded stream: several producers on other domains, one consumer on this.

use vigie::{Builder, await_all, call, channel::bounded};

use crate::support::{each, plain, rounds, soon};

const PRODUCERS: usize = 4;
/// Small, so that both ends have to wait.
const ROOM: usize = 256;

#[derive(Debug, Clone, Copy)]
struct Item {
    producer: usize,
    number: usize,
}

/// Streams so many items in all, and checks each: none is lost, doubled or overtaken.
fn stream(builder: Builder, items: usize) {
    let each_sends = items / PRODUCERS;
    builder
        .run(async move {
            let (sender, receiver) = bounded(ROOM);
            let producers: Vec<_> = (0..PRODUCERS)
                .map(|producer| {
                    let sender = sender.clone();
                    call(async move || {
                        for number in 0..each_sends {
                            sender.send(Item { producer, number }).await.unwrap();
                        }
                    })
                })
                .collect();
            // The stream ends when the producers have ended.
            drop(sender);
            let consumer = async {
                let (mut next, mut sum) = ([0; PRODUCERS], 0);
                while let Ok(Item { producer, number }) = receiver.recv().await {
                    assert_eq!(number, next[producer], "of producer {producer}");
                    next[producer] += 1;
                    sum += number;
                }
                (next, sum)
            };
            let (received, sum) = soon(consumer).await;
            assert_eq!(received, [each_sends; PRODUCERS]);
            assert_eq!(sum, PRODUCERS * (each_sends * (each_sends - 1) / 2));
            for producer in soon(await_all(producers)).await.unwrap() {
                producer.unwrap();
            }
        })
        .unwrap();
}

#[test]
fn a_million_items_come_through_with_the_observer() {
    stream(plain(), rounds(1_000_000));
}

// Miri has neither.
#[cfg(not(miri))]
#[test]
fn a_million_items_come_through_with_the_pipe() {
    stream(plain().variant(vigie::system::Variant::Pipe), 1_000_000);
}

#[test]
fn a_hundred_thousand_items_come_through_with_any_events() {
    each(|builder| stream(builder, rounds(100_000)));
}
