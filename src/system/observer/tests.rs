//! When the domain polls, and when it leaves that to the observer.

use super::{
    super::{found::Polled, poller::Readiness},
    *,
};
use crate::{
    events::{ReadyReceiver, ready_queue},
    system::test_seat,
};

/// Reports what it was given, a batch for each poll.
struct Scripted(std::vec::IntoIter<Polled>);

impl Poller for Scripted {
    fn poll(&mut self, _: Option<Duration>, polled: &mut Polled) -> io::Result<()> {
        polled.extend(self.0.next().into_iter().flatten());
        Ok(())
    }
}

/// An observer that has stood down, or has not yet begun; its poller finds these.
fn stood_down(script: Vec<Polled>) -> Observer {
    let seat = test_seat();
    let (news, _) = ready_queue(&seat.signal_sender());
    let mut observer = Observer::new(Box::new(Scripted(script.into_iter())), seat, news, false);
    observer.start().unwrap();
    observer
}

/// Looks so many times, as if time had passed.
fn look_often(observer: &mut Observer, sources: &mut Sources, times: u32) {
    for _ in 0..times {
        observer.looked = observer.looked.map(|last| last - LOOK_GAP);
        observer.look(sources).unwrap();
    }
}

fn end(mut observer: Observer) {
    observer.watch.stop();
    observer.thread.take().unwrap().join().unwrap();
}

#[test]
fn an_event_that_nobody_waits_for_ends_no_look_around() {
    let mut sources = Sources::new();
    let token = sources.awaited();
    let mut observer = stood_down(vec![vec![(token, Readiness::WRITE)], vec![(token, Readiness::READ)]]);
    // It polls twice at least, however late it is.
    observer.look_around(None, &mut sources).unwrap();
    assert!(!sources.is_awaited(token), "the second event was seen");
    assert_eq!(observer.harvests, 1, "the first was none");
    end(observer);
}

#[test]
fn once_the_observer_has_stood_down_looking_around_is_tried_again() {
    let mut sources = Sources::new();
    let token = sources.awaited();
    let mut observer = stood_down(vec![vec![], vec![], vec![(token, Readiness::READ)]]);
    while observer.unwatched.spins() {
        observer.unwatched.learn(false);
    }
    observer.look_around(None, &mut sources).unwrap();
    assert!(sources.is_awaited(token), "it polls once, since more was in vain for long");
    observer.recalled = true;
    observer.look_around(None, &mut sources).unwrap();
    assert!(!sources.is_awaited(token) && !observer.recalled);
    end(observer);
}

#[test]
fn looks_between_tasks_that_find_nothing_bring_the_observer_back() {
    let mut sources = Sources::new();
    let token = sources.awaited();
    let mut script = vec![vec![]; VAIN_LOOKS as usize];
    script.push(vec![(token, Readiness::READ)]);
    let mut observer = stood_down(script);
    look_often(&mut observer, &mut sources, VAIN_LOOKS + 1);
    assert_eq!((observer.harvests, observer.vain_looks), (1, 0), "it was about to, but for this");
    look_often(&mut observer, &mut sources, VAIN_LOOKS);
    assert!(observer.watch.is_free());
    look_often(&mut observer, &mut sources, 1);
    assert!(!observer.watch.is_free() && observer.recalled);
    assert_eq!(observer.vain_looks, 0, "after which it may be in vain as often again");
    end(observer);
}

#[test]
fn looks_between_short_tasks_are_rare() {
    let mut observer = stood_down(vec![]);
    let mut sources = Sources::new();
    observer.looked = Some(Instant::now() + Duration::from_secs(3600));
    for _ in 0..1000 {
        observer.look(&mut sources).unwrap();
        assert!(!observer.busy());
    }
    assert_eq!(observer.vain_looks, 0, "no system call is made before it is time");
    let before = Instant::now();
    observer.looked = Some(before - LOOK_GAP);
    observer.look(&mut sources).unwrap();
    assert_eq!(observer.vain_looks, 1);
    assert!(observer.looked.unwrap() >= before, "the next has to wait as long");
    end(observer);
}

/// A task that computes is heard of when it is time to look, however late this thread is.
fn busy_soon(observer: &mut Observer) -> bool {
    observer.looked = None;
    observer.busy()
}

/// It is heard of when it had been time to look for long.
fn busy_late(observer: &mut Observer) -> bool {
    observer.looked = Some(Instant::now() - 2 * SELDOM);
    observer.busy()
}

fn is_needed(observer: &Observer) -> bool {
    observer.hints.needed.load(Ordering::Relaxed)
}

#[test]
fn a_task_that_asks_often_has_the_domain_poll_as_between_tasks() {
    let mut sources = Sources::new();
    let token = sources.awaited();
    let mut script = vec![vec![]; VAIN_LOOKS as usize];
    script.push(vec![(token, Readiness::READ)]);
    let mut observer = stood_down(script);
    for _ in 0..VAIN_LOOKS {
        assert!(!busy_soon(&mut observer), "nothing was found");
        assert!(observer.needs_looks(), "the domain polls");
    }
    assert!(busy_soon(&mut observer) && observer.busy(), "it is told until it is applied");
    assert!(sources.is_awaited(token) && !observer.is_polled_for());
    observer.look(&mut sources).unwrap();
    assert!(!sources.is_awaited(token), "though it was not time for another look");
    assert_eq!((observer.harvests, observer.vain_looks), (1, 0));
    for _ in 0..VAIN_LOOKS {
        busy_soon(&mut observer);
        assert!(observer.watch.is_free());
    }
    busy_soon(&mut observer);
    assert!(!observer.watch.is_free(), "what finds nothing for so long is the observer's");
    end(observer);
}

#[test]
fn a_task_that_asks_seldom_leaves_the_watch_to_the_observer() {
    let mut sources = Sources::new();
    let token = sources.awaited();
    let mut observer = stood_down(vec![vec![(token, Readiness::READ)]]);
    busy_soon(&mut observer);
    observer.look(&mut sources).unwrap();
    assert!(observer.watch.is_free() && !is_needed(&observer));
    // Once in a slice: from the look before it on.
    busy_late(&mut observer);
    assert!(!observer.watch.is_free() && is_needed(&observer), "and the observer keeps it");
    assert!(observer.needs_looks(), "how often it is asked counts");
    observer.look(&mut sources).unwrap();
    busy_late(&mut observer);
    assert!(is_needed(&observer), "whatever comes between");
    observer.looked = Some(Instant::now() + Duration::from_secs(3600));
    observer.busy();
    assert!(!is_needed(&observer), "until it asks more often");
    observer.busy();
    assert!(observer.looked.is_none(), "from when on the clock is not read");
    assert!(!observer.needs_looks());
    end(observer);
}

#[test]
fn a_domain_that_has_run_dry_knows_nothing_of_the_next_task() {
    let mut observer = stood_down(vec![]);
    busy_late(&mut observer);
    observer.look_around(None, &mut Sources::new()).unwrap();
    assert!(!is_needed(&observer) && observer.looked.is_none());
    end(observer);
}

#[test]
fn what_was_found_on_the_way_to_a_park_is_applied() {
    let mut sources = Sources::new();
    let token = sources.awaited();
    let mut observer = stood_down(vec![vec![(token, Readiness::READ)]]);
    assert!(busy_soon(&mut observer));
    observer.before_park(&mut sources);
    assert!(!sources.is_awaited(token) && observer.found.is_empty());
    end(observer);
}

/// Fails, whoever polls.
struct Broken;

impl Poller for Broken {
    fn poll(&mut self, _: Option<Duration>, _: &mut Polled) -> io::Result<()> {
        Err(io::Error::other("broken"))
    }
}

/// An observer whose poller fails where a task asks, and what the domain is told.
fn broken() -> (Observer, ReadyReceiver<News>) {
    let seat = test_seat();
    let (news, told) = ready_queue(&seat.signal_sender());
    let mut observer = Observer::new(Box::new(Broken), seat, news, false);
    observer.start().unwrap();
    assert!(busy_soon(&mut observer) && !observer.is_polled_for(), "there is something to be told");
    (observer, told)
}

#[test]
fn a_poller_that_fails_while_a_task_computes_fails_the_next_look() {
    let (mut observer, told) = broken();
    let error = observer.look(&mut Sources::new()).unwrap_err();
    assert_eq!(error.to_string(), "broken");
    assert!(told.try_recv().is_none() && observer.found.is_empty());
    end(observer);
}

#[test]
fn a_poller_that_failed_on_the_way_to_a_park_is_told_of() {
    let (mut observer, told) = broken();
    observer.before_park(&mut Sources::new());
    assert!(observer.domain.is_notified(), "the domain does not sleep");
    assert!(matches!(told.try_recv(), Some(News::Failed(_))));
    end(observer);
}
