//! Waiting for several children at once.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
};

use crate::{
    domain::Local,
    error::TaskError,
    task::{Promise, PromiseState},
};

/// Waits for all of them; the results come in the order of the promises.
///
/// Dropping this future before its end cancels those that are left.
///
/// # Errors
///
/// [`TaskError::Empty`] if there are no promises.
///
/// ```
/// vigie::run(async {
///     let tasks = (0..3).map(|n| vigie::spawn(async move { n * n }));
///     let squares: Vec<u32> = vigie::await_all(tasks).await.unwrap().into_iter().map(Result::unwrap).collect();
///     assert_eq!(squares, [0, 1, 4]);
/// }).unwrap();
/// ```
pub async fn await_all<T>(
    promises: impl IntoIterator<Item = Promise<T>>,
) -> Result<Vec<Result<T, TaskError>>, TaskError> {
    // All of them exist before the first is awaited.
    let promises: Vec<_> = promises.into_iter().collect();
    if promises.is_empty() {
        return Err(TaskError::Empty);
    }
    let mut results = Vec::with_capacity(promises.len());
    for promise in promises {
        results.push(promise.await);
    }
    Ok(results)
}

/// Waits for the first of them to finish, takes it out, and leaves the others running and usable. The
/// order of those left may change. Each call looks at all of them: for many, a
/// [`TaskSet`](crate::TaskSet) is the better choice.
///
/// Cancellation-safe: dropping this future loses nothing.
///
/// # Errors
///
/// The error of the task that finished first, [`TaskError::Empty`] if there are no promises, or
/// [`TaskError::NotAChild`], with nothing taken out, if the first of them is another task's.
///
/// ```
/// vigie::run(async {
///     let mut tasks = vec![vigie::spawn(async { 1 }), vigie::spawn(async { 2 })];
///     let one = vigie::await_one(&mut tasks).await.unwrap();
///     let other = vigie::await_one(&mut tasks).await.unwrap();
///     assert_eq!((one, other), (1, 2));
///     assert!(vigie::await_one(&mut tasks).await.is_err());
/// }).unwrap();
/// ```
pub async fn await_one<T>(promises: &mut Vec<Promise<T>>) -> Result<T, TaskError> {
    let (at, result) = first(promises, |_| true).await.ok_or(TaskError::Empty)?;
    if !matches!(result, Err(TaskError::NotAChild)) {
        drop(promises.swap_remove(at));
    }
    result
}

/// Waits for the first of them to finish, cancels the others, and returns when those have finished
/// too. Among several that have finished already, one that returned goes before one that failed; else
/// the first of them wins or, with a [seed](crate::Builder::seed), any of them.
///
/// Dropping this future before its end cancels all of them.
///
/// # Errors
///
/// The error of the task that finished first, [`TaskError::Empty`] if there are no promises, or
/// [`TaskError::NotAChild`], with all of them cancelled, if one is another task's.
///
/// ```
/// vigie::run(async {
///     let race = [vigie::spawn(std::future::pending()), vigie::spawn(async { "fast" })];
///     assert_eq!(vigie::await_first(race).await.unwrap(), "fast");
/// }).unwrap();
/// ```
pub async fn await_first<T>(promises: impl IntoIterator<Item = Promise<T>>) -> Result<T, TaskError> {
    let mut promises: Vec<_> = promises.into_iter().collect();
    let (at, result) = first(&mut promises, |promise| promise.state() == PromiseState::Returned)
        .await
        .ok_or(TaskError::Empty)?;
    drop(promises.swap_remove(at));
    // All are cancelled before the first is awaited.
    let losers: Vec<_> = promises.into_iter().map(Promise::cancel).collect();
    for loser in losers {
        loser.await?;
    }
    result
}

/// The place of one of those that will do: the first, or with a seed any of them.
fn choose<T>(promises: &[Promise<T>], will_do: impl Fn(&Promise<T>) -> bool) -> Option<usize> {
    let count = promises.iter().filter(|promise| will_do(promise)).count();
    let mut chosen = promises.iter().enumerate().filter(|(_, promise)| will_do(promise));
    chosen.nth(Local::with(|local| local.draw(count)).unwrap_or(0)).map(|(at, _)| at)
}

/// The place and the result of the first that is ready, one that is `preferred` before the others;
/// `None` if there are none.
async fn first<T>(
    promises: &mut [Promise<T>],
    preferred: impl Fn(&Promise<T>) -> bool,
) -> Option<(usize, Result<T, TaskError>)> {
    if promises.is_empty() {
        return None;
    }
    poll_fn(|cx| {
        let finished = |promise: &Promise<T>| promise.state() != PromiseState::Running;
        let best = choose(promises, |promise| finished(promise) && preferred(promise));
        let best = best.or_else(|| choose(promises, finished));
        let candidates = match best {
            Some(at) => at..at + 1,
            None => 0..promises.len(),
        };
        for at in candidates {
            if let Poll::Ready(result) = Pin::new(&mut promises[at]).poll(cx) {
                return Poll::Ready(Some((at, result)));
            }
        }
        Poll::Pending
    })
    .await
}

/// Waits for two children, with results of two types; both results, in the order of the promises.
///
/// Dropping this future before its end cancels those of the two that are left.
///
/// ```
/// vigie::run(async {
///     let here = vigie::spawn(async { 1 });
///     let there = vigie::call(|| async { "two" });
///     let (one, two) = vigie::both(here, there).await;
///     assert_eq!((one.unwrap(), two.unwrap()), (1, "two"));
/// }).unwrap();
/// ```
pub async fn both<A, B>(
    first: Promise<A>,
    second: Promise<B>,
) -> (Result<A, TaskError>, Result<B, TaskError>) {
    let first = first.await;
    (first, second.await)
}
