//! Fork and join over the domains.

use std::{future::Future, panic::Location};

use crate::{
    domain::{Domain, Local},
    error::TaskError,
    task::{
        Promise, await_all,
        call::{Begun, call_on_at},
        cell::spawn_at,
    },
};

/// Runs `closure` on each item, spread evenly over all domains but domain 0, and waits for all; the
/// results come in the order of the items.
///
/// Each item is a task of its own, and a child of the current task: a call, or on the caller's own
/// domain, if that is not domain 0, a spawned task. The numbers of items that two domains get differ by
/// one at the most. A task that fails is the error of its item, and stops none of the others; where
/// domain 0 is alone, every item gets [`TaskError::NoDomainAvailable`]. All tasks are started when this
/// is first polled. Dropping it before its end cancels those that are left.
///
/// ```
/// vigie::run(async {
///     let squares = vigie::parallel(0..4, |n: u32| async move { n * n }).await;
///     let squares: Vec<_> = squares.into_iter().map(Result::unwrap).collect();
///     assert_eq!(squares, [0, 1, 4, 9]);
/// }).unwrap();
/// ```
#[track_caller]
pub fn parallel<I, C, F>(items: I, closure: C) -> impl Future<Output = Vec<Result<F::Output, TaskError>>>
where
    I: IntoIterator<Item: Send + 'static>,
    C: FnOnce(I::Item) -> F + Clone + Send + 'static,
    F: Future + 'static,
    F::Output: Send + 'static,
{
    let location = Location::caller();
    async move {
        let turns = Local::with(|local| local.parallel_domains()).unwrap_or_default();
        let mut turns = turns.iter().cycle();
        let own = Domain::current();
        let start = |item| match turns.next() {
            None if own.is_none() => Promise::failed(TaskError::OutsideRuntime),
            None => Promise::failed(TaskError::NoDomainAvailable),
            Some(domain) if Some(*domain) == own => {
                let closure = closure.clone();
                spawn_at(location, Begun::new(move || closure(item)))
            }
            Some(domain) => {
                let closure = closure.clone();
                call_on_at(location, *domain, move || closure(item))
            }
        };
        let promises: Vec<_> = items.into_iter().map(start).collect();
        // Nothing to wait for is no error here.
        await_all(promises).await.unwrap_or_default()
    }
}
