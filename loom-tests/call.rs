//! Calls: whatever a caller does with its promise while the other domain runs the task, the call ends,
//! and its result is taken once or dropped once.

use std::task::Poll;

use super::{
    check,
    domain::{Promise, Slice, returns, stays},
    run::Run,
};

/// Plays a main task of so many rounds, beside so many domains: each round makes its calls, then waits.
fn play<C: 'static>(
    others: usize,
    rounds: usize,
    call: impl Fn(&Slice<'_>) -> C + 'static,
    wait: impl Fn(&Slice<'_>, &C) -> Poll<()> + 'static,
) {
    let (mut round, mut calls) = (0, None);
    let run = Run::play(
        others,
        Box::new(move |slice| {
            while round < rounds {
                if wait(slice, calls.get_or_insert_with(|| call(slice))).is_pending() {
                    return Poll::Pending;
                }
                calls = None;
                round += 1;
            }
            Poll::Ready(())
        }),
    );
    run.assert_no_result_is_left();
}

fn call_returning(slice: &Slice<'_>, target: usize) -> Promise {
    slice.call(target, None, || returns(|_| {}))
}

/// Waits for a call's end.
fn finished(promise: &Promise) -> Poll<()> {
    if promise.is_finished() { Poll::Ready(()) } else { Poll::Pending }
}

/// Waits for a call's result.
fn result(promise: &Promise) -> Poll<()> {
    finished(promise).map(|()| drop(promise.take().expect("a call that was not cancelled has a result")))
}

/// I15 and I16: two calls, one after the other.
#[test]
fn call_awaited() {
    check("call_awaited", 4, || {
        play(1, 2, |slice| call_returning(slice, 1), |_, promise| result(promise));
    });
}

/// I15: a cancellation reaches a task that would stay for ever, and then the next one in its place.
#[test]
fn call_cancel_arrives() {
    let call = |slice: &Slice<'_>| {
        let promise = slice.call(1, None, || stays(|_| {}));
        slice.cancel(&promise);
        promise
    };
    check("call_cancel_arrives", 3, move || play(1, 2, call, |_, promise| finished(promise)));
}

/// I16 and I17: a task is cancelled that may have finished by then; so the next one may live in its
/// place, and must not be hit.
#[test]
fn call_cancelled_late() {
    let call = |slice: &Slice<'_>| {
        let cancelled = call_returning(slice, 1);
        let next = call_returning(slice, 1);
        slice.cancel(&cancelled);
        next
    };
    check("call_cancelled_late", 3, move || play(1, 1, call, |_, next| result(next)));
}

/// I16: a promise is dropped when another call has given its result: its task may not have begun, may
/// have finished there, or here.
#[test]
fn call_dropped() {
    let call = |slice: &Slice<'_>| (call_returning(slice, 1), call_returning(slice, 2));
    let wait = |slice: &Slice<'_>, (dropped, awaited): &(Promise, Promise)| {
        result(awaited).map(|()| slice.cancel(dropped))
    };
    check("call_dropped", 2, move || play(2, 1, call, wait));
}
