//! What a task owns: dropped once, on its domain, in reverse order, before its promise resolves.

use std::future::pending;

use vigie::{Domain, TaskError, call_on, spawn, yield_now};

use crate::support::{Drops, Gate, Traced, each, soon};

#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Returns,
    Fails,
    Panics,
    IsCancelled,
}

#[test]
fn values_are_dropped_once_on_their_domain_in_reverse_order_before_the_promise_resolves() {
    each(|builder| {
        builder
            .run(async {
                for far in [false, true] {
                    for end in [End::Returns, End::Fails, End::Panics, End::IsCancelled] {
                        check(Domain::all()[usize::from(far)], end).await;
                    }
                }
            })
            .unwrap();
    });
}

async fn check(domain: Domain, end: End) {
    let (drops, started) = (Drops::default(), Gate::default());
    let (theirs, starts) = (drops.clone(), started.clone());
    let body = async move || {
        let traced = |name| Traced(name, theirs.clone());
        let _third = traced("third");
        let childs = traced("the child's");
        let _child = spawn(async move {
            let _childs = childs;
            pending::<()>().await;
        });
        let _second = traced("second");
        yield_now().await;
        let _first = traced("first");
        starts.open();
        match end {
            End::Returns => Ok(()),
            End::Fails => Err("on purpose"),
            End::Panics => panic!("on purpose"),
            End::IsCancelled => pending().await,
        }
    };
    let here = Domain::current() == Some(domain);
    let task = if here { spawn(async move { body().await }) } else { call_on(domain, body) };
    if end == End::IsCancelled {
        started.opened().await;
        soon(task.cancel()).await.unwrap();
    } else {
        match (soon(task).await, end) {
            (Ok(Ok(())), End::Returns) | (Ok(Err("on purpose")), End::Fails) => {}
            (Err(TaskError::Panicked(_)), End::Panics) => {}
            (other, _) => panic!("{other:?}"),
        }
    }
    let seen = drops.take();
    let expected = ["first", "second", "third", "the child's"].map(|name| (name, Some(domain)));
    assert_eq!(seen, expected, "{end:?} on {domain}");
}
