//! Tokens: readiness that comes late finds its own source, or none; a source that moves to another domain
//! loses no readiness.

use loom::thread;

use super::check;
use crate::{
    protocol::{Parker, Ready, Tokens},
    sync::{Arc, AtomicU32, Mutex, Ordering},
};

/// What a domain hears from other threads.
#[derive(Clone, Copy)]
enum News {
    /// From an observer: this source is ready.
    Ready(usize),
    /// From wherever a source went: it is here no more.
    Gone(usize),
}

/// A domain, as others see it.
struct Desk {
    parker: Arc<Parker>,
    news: Ready<News>,
}

impl Desk {
    fn new() -> Self {
        let parker = Arc::new(Parker::new());
        Self { news: Ready::new(parker.clone()), parker }
    }

    /// Reads all news; a source is a flag, which says whether it is ready. Whether any source went.
    fn look(&self, sources: &mut Tokens<bool>) -> bool {
        self.parker.take();
        let mut gone = false;
        while let Some(news) = self.news.pop() {
            match news {
                News::Ready(token) => {
                    // T2.
                    if let Some(ready) = sources.get_mut(token) {
                        *ready = true;
                    }
                }
                // T3.
                News::Gone(token) => gone |= sources.remove(token).is_some(),
            }
        }
        gone
    }

    fn wait_until_ready(&self, sources: &mut Tokens<bool>, token: usize) {
        self.look(sources);
        while sources.get_mut(token) != Some(&mut true) {
            self.parker.park(None);
            self.look(sources);
        }
    }
}

/// I25: the readiness of a source that went, reported by one thread, and that of the source that took its
/// place, reported by another.
#[test]
fn token_late() {
    check("token_late", 3, || {
        let desk = std::sync::Arc::new((Desk::new(), AtomicU32::new(0)));
        let (here, data) = &*desk;
        let mut sources = Tokens::new();
        let late = sources.insert(false).unwrap();
        let there = desk.clone();
        thread::spawn(move || there.0.news.send(News::Ready(late)));
        here.look(&mut sources);
        assert!(sources.remove(late).is_some());
        let next = sources.insert(false).unwrap();
        assert!(sources.remove(late).is_none(), "told twice to go");
        let there = desk.clone();
        thread::spawn(move || {
            there.1.store(1, Ordering::Relaxed);
            there.0.news.send(News::Ready(next));
        });
        here.wait_until_ready(&mut sources, next);
        assert_eq!(data.load(Ordering::Relaxed), 1, "its own readiness");
    });
}

/// A descriptor, as the kernel sees it: whether there is data, and who is to be told.
struct Descriptor {
    state: Mutex<(bool, Option<(usize, usize)>)>,
}

/// Two domains, and a source that moves from the first to the second.
struct Move {
    desks: [Desk; 2],
    descriptor: Descriptor,
}

impl Move {
    /// The poller's part: from now on the domain is told, and at once if there is data already.
    fn register(&self, domain: usize, token: usize) {
        let mut state = self.descriptor.state.lock();
        state.1 = Some((domain, token));
        let ready = state.0;
        drop(state);
        if ready {
            self.desks[domain].news.send(News::Ready(token));
        }
    }

    fn deregister(&self) {
        self.descriptor.state.lock().1 = None;
    }

    /// The kernel and the observers: data comes, and whoever is to be told then is told, perhaps late.
    fn data_comes(&self) {
        let mut state = self.descriptor.state.lock();
        state.0 = true;
        let told = state.1;
        drop(state);
        if let Some((domain, token)) = told {
            self.desks[domain].news.send(News::Ready(token));
        }
    }
}

/// I26: data comes at any time while the source moves; the domain where it then is learns of that, and
/// the one that it left does not take it for another's.
#[test]
fn token_moves() {
    check("token_moves", 3, || {
        let moving = std::sync::Arc::new(Move {
            desks: [Desk::new(), Desk::new()],
            descriptor: Descriptor { state: Mutex::new((false, None)) },
        });
        let mut sources = Tokens::new();
        let token = sources.insert(false).unwrap();
        moving.register(0, token);
        let kernel = moving.clone();
        thread::spawn(move || kernel.data_comes());
        // It moves: the other domain takes it from here.
        let there = moving.clone();
        let other = thread::spawn(move || {
            // STEP leave, then arrive.
            there.deregister();
            there.desks[0].news.send(News::Gone(token));
            let mut sources = Tokens::new();
            let token = sources.insert(false).unwrap();
            there.register(1, token);
            there.desks[1].wait_until_ready(&mut sources, token);
        });
        // Here the next source takes its place, and is never ready.
        while !moving.desks[0].look(&mut sources) {
            moving.desks[0].parker.park(None);
        }
        let next = sources.insert(false).unwrap();
        other.join().unwrap();
        moving.desks[0].look(&mut sources);
        assert_eq!(sources.get_mut(next), Some(&mut false), "readiness of the one before");
    });
}
