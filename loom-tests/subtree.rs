//! The subtree across domains: the root finishes last, whatever the order, and sees what all did.

use super::{
    check,
    domain::{Slice, returns, stays},
    run::Run,
};

/// Calls a task that has no children and returns.
fn call_leaf(slice: &Slice<'_>, target: usize) {
    drop(slice.call(target, None, || returns(|_| {})));
}

/// I18: a task whose future is gone waits for the call that it has made, over two domains.
#[test]
fn subtree_chain() {
    check("subtree_chain", 2, || {
        Run::play(
            2,
            returns(|slice| {
                drop(slice.call(1, None, || returns(|slice| call_leaf(slice, 2))));
            }),
        );
    });
}

/// I18 for a chain of tasks of one domain, whose futures are gone when the last one's call ends.
#[test]
fn subtree_deep() {
    check("subtree_deep", 4, || {
        Run::play(
            1,
            returns(|slice| {
                slice.spawn(returns(|slice| slice.spawn(returns(|slice| call_leaf(slice, 1)))));
            }),
        );
    });
}

/// I18 for a chain that comes back to a domain on which an ancestor waits.
#[test]
fn subtree_back() {
    check("subtree_back", 2, || {
        Run::play(
            2,
            returns(|slice| {
                drop(slice.call(1, None, || {
                    returns(|slice| {
                        drop(slice.call(2, None, || returns(|slice| call_leaf(slice, 1))));
                    })
                }));
            }),
        );
    });
}

/// I18 for children of two domains, of which one has a child on the other's.
#[test]
fn subtree_fan() {
    check("subtree_fan", 2, || {
        Run::play(
            2,
            returns(|slice| {
                drop(slice.call(1, None, || returns(|slice| call_leaf(slice, 2))));
                call_leaf(slice, 2);
            }),
        );
    });
}

/// I18 under a cancellation from the top, which reaches tasks that would stay for ever, by way of one
/// that stays too.
#[test]
fn subtree_cancelled() {
    check("subtree_cancelled", 2, || {
        Run::play(
            2,
            returns(|slice| {
                let promise =
                    slice.call(1, None, || stays(|slice| drop(slice.call(2, None, || stays(|_| {})))));
                slice.cancel(&promise);
            }),
        );
    });
}

/// The same by way of a task whose future may be gone already.
#[test]
fn subtree_cancelled_below() {
    check("subtree_cancelled_below", 2, || {
        Run::play(
            2,
            returns(|slice| {
                let promise =
                    slice.call(1, None, || returns(|slice| drop(slice.call(2, None, || stays(|_| {})))));
                slice.cancel(&promise);
            }),
        );
    });
}
