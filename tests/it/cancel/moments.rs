//! Cancellations that find their task at a moment of its own: within its slice, behind others, in another
//! cancellation, or in the end of a third.

use std::{
    cell::{Cell, RefCell},
    future::{Future, pending},
    rc::Rc,
    sync::mpsc,
};

use futures_lite::future::poll_once;
use vigie::{
    Domain, Promise, call_on,
    events::{self, Uid},
    spawn, uncancellable, yield_now,
};

use crate::support::{Drops, Gate, Log, Shared, Traced, each, on_drop, soon, turns, until};

/// A task on this domain or on another.
fn start<C, F>(far: bool, body: C) -> Promise<F::Output>
where
    C: FnOnce() -> F + Send + 'static,
    F: Future + 'static,
    F::Output: Send + 'static,
{
    if far { call_on(Domain::all()[1], body) } else { spawn(async move { body().await }) }
}

#[test]
fn a_task_cancelled_from_elsewhere_within_its_slice_ends_with_the_slice() {
    each(|builder| {
        builder
            .run(async {
                for returns in [false, true] {
                    let (log, entered) = (Log::default(), Gate::default());
                    let (release, released) = mpsc::channel::<()>();
                    let (theirs, enters) = (log.clone(), entered.clone());
                    let running = start(true, async move || {
                        let _end = on_drop(|| theirs.push("the end"));
                        enters.open();
                        assert!(released.recv().is_err());
                        theirs.push("the slice");
                        if !returns {
                            yield_now().await;
                            theirs.push("a further step");
                        }
                    });
                    entered.opened().await;
                    let mut cancel = running.cancel();
                    turns(100).await;
                    assert!(poll_once(&mut cancel).await.is_none(), "it is still running");
                    assert_eq!(log.len(), 0);
                    drop(release);
                    soon(cancel).await.unwrap();
                    assert_eq!(log.take(), ["the slice", "the end"]);
                }
            })
            .unwrap();
    });
}

/// On domain 1: a task that waits to be cancelled and `crowd` others, all ready, the first of which keeps
/// the domain in its slice. What happens from there on until the cancelled one has ended.
async fn cancelled_behind(crowd: usize, signalled: bool) -> Vec<&'static str> {
    let (log, entered, ready) = (Log::default(), Gate::default(), Shared::<usize>::default());
    let (release, released) = mpsc::channel::<()>();
    let theirs = log.clone();
    let doomed = start(true, async move || {
        let _end = on_drop(|| theirs.push("the end"));
        pending::<()>().await;
    });
    let (theirs, enters, readies) = (log.clone(), entered.clone(), ready.clone());
    let others = start(true, async move || {
        let sender = events::signal_sender().unwrap();
        let (uids, mut released) = (Rc::new(RefCell::new(Vec::<Uid>::new())), Some(released));
        let tasks: Vec<_> = (0..crowd)
            .map(|_| {
                let (log, enters, uids) = (theirs.clone(), enters.clone(), uids.clone());
                let released = released.take();
                spawn(async move {
                    if signalled {
                        let syscall = events::syscall().unwrap();
                        uids.borrow_mut().push(syscall.uid());
                        syscall.suspend(|_| Ok(())).await.unwrap();
                    } else {
                        yield_now().await;
                    }
                    if let Some(released) = released {
                        enters.open();
                        assert!(released.recv().is_err());
                    }
                    log.push("a slice");
                })
            })
            .collect();
        // The rest of the crowd is ready whichever way, and the cancelled one waits.
        yield_now().await;
        *readies.lock() = uids.borrow().len();
        for uid in uids.take() {
            sender.send(uid);
        }
        for task in tasks {
            task.await.unwrap();
        }
    });
    entered.opened().await;
    assert_eq!(*ready.lock(), if signalled { crowd } else { 0 });
    let cancel = doomed.cancel();
    // It is sent at the end of this slice.
    turns(3).await;
    drop(release);
    soon(cancel).await.unwrap();
    let seen = log.lock().clone();
    others.await.unwrap();
    seen.into_iter().take_while(|entry| *entry != "the end").collect()
}

#[test]
fn a_cancellation_waits_for_no_slice_but_the_current_one() {
    each(|builder| {
        // Tasks that events have resumed, and a quantum as large as the crowd.
        for (signalled, quanta) in [(true, 1), (false, 50)] {
            let before = builder.clone().quanta(quanta).run(cancelled_behind(50, signalled)).unwrap();
            assert_eq!(before, ["a slice"], "signalled: {signalled}");
        }
    });
}

#[test]
fn a_parent_cancelled_while_it_cancels_a_child_waits_for_that_child() {
    each(|builder| {
        builder
            .run(async {
                for far in [false, true] {
                    let (log, gate, cancelling) = (Log::default(), Gate::default(), Gate::default());
                    let (theirs, opened, cancels) = (log.clone(), gate.clone(), cancelling.clone());
                    let parent = spawn(async move {
                        let _end = on_drop(|| theirs.push("the parent's end"));
                        let (log, started) = (theirs.clone(), Gate::default());
                        let starts = started.clone();
                        let child = start(far, async move || {
                            let _end = on_drop(|| log.push("the child's end"));
                            uncancellable(async {
                                starts.open();
                                opened.opened().await;
                            })
                            .await;
                        });
                        started.opened().await;
                        let cancel = child.cancel();
                        cancels.open();
                        cancel.await.unwrap();
                        theirs.push("a further step");
                    });
                    cancelling.opened().await;
                    let mut cancel = parent.cancel();
                    turns(100).await;
                    assert!(poll_once(&mut cancel).await.is_none(), "its child has not finished");
                    assert_eq!(log.lock()[..], ["the parent's end"]);
                    gate.open();
                    soon(cancel).await.unwrap();
                    assert_eq!(log.take(), ["the parent's end", "the child's end"]);
                }
            })
            .unwrap();
    });
}

#[test]
fn a_task_cancelled_in_a_section_may_still_cancel_its_children() {
    each(|builder| {
        builder
            .run(async {
                for far in [false, true] {
                    let (drops, gate, started) = (Drops::default(), Gate::default(), Gate::default());
                    let (theirs, opened, starts) = (drops.clone(), gate.clone(), started.clone());
                    let parent = spawn(uncancellable(async move {
                        starts.open();
                        opened.opened().await;
                        let (traced, begun) = (Traced("child", theirs.clone()), Gate::default());
                        let begins = begun.clone();
                        let child = start(far, async move || {
                            let _traced = traced;
                            begins.open();
                            pending::<()>().await;
                        });
                        begun.opened().await;
                        child.cancel().await.unwrap();
                        assert_eq!(theirs.len(), 1, "it has finished, and the section goes on");
                        drop(Traced("the section's end", theirs));
                    }));
                    started.opened().await;
                    let cancel = parent.cancel();
                    turns(3).await;
                    gate.open();
                    soon(cancel).await.unwrap();
                    let seen: Vec<_> = drops.take().into_iter().map(|(name, _)| name).collect();
                    assert_eq!(seen, ["child", "the section's end"]);
                }
            })
            .unwrap();
    });
}

#[test]
fn a_destructor_cancels_other_tasks() {
    each(|builder| {
        builder
            .run(async {
                // The other one runs here or elsewhere, and is cancelled by name or by its promise's drop.
                for (far, by_name) in [(false, false), (false, true), (true, false), (true, true)] {
                    let (drops, started) = (Drops::default(), Gate::default());
                    let (traced, starts) = (Traced("the other", drops.clone()), started.clone());
                    let other = start(far, async move || {
                        let _traced = traced;
                        starts.open();
                        pending::<()>().await;
                    });
                    started.opened().await;
                    let under_way = Rc::new(Cell::new(None));
                    let keeps = under_way.clone();
                    let child = spawn(async move {
                        let mut other = Some(other);
                        let _end = on_drop(move || match other.take() {
                            Some(other) if by_name => keeps.set(Some(other.cancel())),
                            other => drop(other),
                        });
                        pending::<()>().await;
                    });
                    yield_now().await;
                    assert_eq!(drops.len(), 0);
                    child.cancel().await.unwrap();
                    if let Some(cancel) = under_way.take() {
                        soon(cancel).await.unwrap();
                        assert_eq!(drops.len(), 1);
                    }
                    soon(until(|| drops.len() == 1)).await;
                }
            })
            .unwrap();
    });
}

#[test]
fn a_childs_destructor_cancels_its_own_parent() {
    each(|builder| {
        builder
            .run(async {
                let (drops, slot) = (Drops::default(), Rc::new(Cell::new(None::<Promise<()>>)));
                let (theirs, taken) = (drops.clone(), slot.clone());
                let parent = spawn(async move {
                    let _traced = Traced("parent", theirs.clone());
                    let child = spawn(async move {
                        let _traced = Traced("child", theirs);
                        let _end = on_drop(|| drop(taken.take()));
                        yield_now().await;
                    });
                    child.await.unwrap();
                    pending::<()>().await;
                });
                slot.set(Some(parent));
                soon(until(|| drops.len() == 2)).await;
                let seen: Vec<_> = drops.take().into_iter().map(|(name, _)| name).collect();
                assert_eq!(seen, ["child", "parent"]);
            })
            .unwrap();
    });
}

#[test]
fn a_task_cancelled_in_every_way_at_once_ends_once() {
    each(|builder| {
        builder
            .run(async {
                for far in [false, true] {
                    let (drops, gate, cancelling) = (Drops::default(), Gate::default(), Gate::default());
                    let (theirs, opened, cancels) = (drops.clone(), gate.clone(), cancelling.clone());
                    let parent = spawn(async move {
                        let (traced, started) = (Traced("child", theirs), Gate::default());
                        let starts = started.clone();
                        let child = start(far, async move || {
                            let _traced = traced;
                            uncancellable(async {
                                starts.open();
                                opened.opened().await;
                            })
                            .await;
                        });
                        started.opened().await;
                        // By name; then, before that is done, by what its parent's end drops, and by that end.
                        let _under_way = child.cancel();
                        cancels.open();
                        pending::<()>().await;
                    });
                    cancelling.opened().await;
                    drop(parent.cancel());
                    turns(100).await;
                    assert_eq!(drops.len(), 0);
                    gate.open();
                    soon(until(|| drops.len() > 0)).await;
                    turns(100).await;
                    assert_eq!(drops.take(), [("child", Some(Domain::all()[usize::from(far)]))]);
                }
            })
            .unwrap();
    });
}
