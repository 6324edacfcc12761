//! When a task that computes has to have these events look for news.

use std::{
    future::Future,
    pin::{Pin, pin},
    task::{Context, Waker},
    time::Duration,
};

use super::*;
use crate::{net::TcpListener, should_yield, time::sleep};

fn needs_looks() -> bool {
    events::with(|system: &mut System| system.needs_looks()).unwrap()
}

fn deadline() -> Option<Instant> {
    events::with(|system: &mut System| system.deadline()).unwrap()
}

/// Polls it once, and keeps it waiting.
fn begin<F: Future>(future: Pin<&mut F>) {
    assert!(future.poll(&mut Context::from_waker(Waker::noop())).is_pending());
}

#[test]
#[cfg_attr(miri, ignore = "the system's poller")]
fn only_what_nobody_tells_is_to_be_looked_for() {
    for variant in Variant::ALL {
        let ran = Builder::new().variant(variant).run(async move {
            assert!(!needs_looks(), "{variant}: there is nothing");
            {
                let mut timer = pin!(sleep(Duration::from_secs(3600)));
                begin(timer.as_mut());
                assert!(!needs_looks(), "{variant}: not before its deadline");
                assert!(deadline().is_some());
            }
            assert!(deadline().is_none(), "{variant}: it was cancelled");

            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let mut accepting = pin!(listener.accept());
            begin(accepting.as_mut());
            assert_eq!(needs_looks(), variant != Variant::Always, "{variant}: the domain polls");
            let expected = variant == Variant::Pipe;
            for _ in 0..10_000 {
                // It leaves that to the observer, if it comes to park before this is over.
                sleep(Duration::from_millis(1)).await.unwrap();
                if needs_looks() == expected {
                    break;
                }
            }
            assert_eq!(needs_looks(), expected, "{variant}");
        });
        ran.unwrap();
    }
}

#[test]
#[cfg_attr(miri, ignore = "the system's poller")]
fn a_source_is_looked_for_soon_though_nothing_was_before_it() {
    let ran = Builder::new().run(async {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        // Questions are 1024 from one look to the next after these, and the last one was a look.
        assert!((0..64 + 128 + 256 + 512 + 1024).all(|_| !should_yield()));
        let mut accepting = pin!(listener.accept());
        begin(accepting.as_mut());
        let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert!((0..64).any(|_| should_yield()), "nobody else polls before the domain parks");
    });
    ran.unwrap();
}

#[test]
#[cfg_attr(miri, ignore = "the system's poller")]
fn a_timer_is_heard_of_soon_by_who_asks_slowly() {
    const PIECE: Duration = Duration::from_millis(1);
    let ran = Builder::new().run(async {
        // Due before the 100th question, and after the 64th if this machine has time: nothing was known then.
        let due = Instant::now() + 84 * PIECE;
        let mut timer = pin!(sleep(84 * PIECE));
        begin(timer.as_mut());
        let questions = (1..=1000).find(|_| {
            std::thread::sleep(PIECE);
            should_yield()
        });
        assert!(due <= Instant::now());
        assert!(questions.is_some_and(|questions| questions < 100), "{questions:?}");
    });
    ran.unwrap();
}
