//! The collection: calls of two domains finish while their caller parks, collects and parks again.

use std::{
    rc::Rc,
    task::{Poll, Waker},
};

use super::{
    Once, check,
    domain::{Body, Promise, Slice, returns},
    run::Run,
};
use crate::protocol::Finished;

/// A task that collects what it has called.
struct Collector<const N: usize> {
    set: Rc<Finished<Waker>>,
    promises: Vec<Promise>,
    collected: Once<N>,
    count: usize,
}

impl<const N: usize> Collector<N> {
    fn new() -> Self {
        Self { set: Rc::new(Finished::new()), promises: Vec::new(), collected: Once::new(), count: 0 }
    }

    /// Calls the next member.
    fn call(&mut self, slice: &Slice<'_>, target: usize) {
        let member = (self.set.clone(), self.promises.len());
        self.promises.push(slice.call(target, Some(member), || returns(|_| {})));
    }

    /// Collects what there is, and calls `each` with each; ready when there is nothing left to come.
    fn collect(&mut self, slice: &Slice<'_>, each: impl Fn(&mut Self, usize)) -> Poll<()> {
        // F2.
        while let Some(member) = self.set.pop() {
            self.collected.deliver(member);
            assert_eq!(member, slice.told(self.count), "collected out of turn");
            self.count += 1;
            each(self, member);
        }
        if self.collected.is_complete() {
            return Poll::Ready(());
        }
        // F3.
        self.set.wait(slice.waker());
        Poll::Pending
    }

    fn take_result(&mut self, member: usize) {
        let result = self.promises[member].take();
        drop(result.expect("a member that was not cancelled has a result"));
    }
}

/// A main task that first calls a member on each of two domains, then collects in this way.
fn collector<const N: usize>(
    mut collect: impl FnMut(&mut Collector<N>, &Slice<'_>) -> Poll<()> + 'static,
) -> Body {
    let mut collector = Collector::new();
    Box::new(move |slice| {
        if collector.promises.is_empty() {
            collector.call(slice, 1);
            collector.call(slice, 2);
        }
        collect(&mut collector, slice)
    })
}

/// I19: two members, each collected once, with its result.
#[test]
fn finished_two() {
    check("finished_two", 2, || {
        let body = collector::<2>(|collector, slice| collector.collect(slice, Collector::take_result));
        Run::play(2, body).assert_no_result_is_left();
    });
}

/// I19 for three that have finished before the collector looks: a matter of one thread.
#[test]
fn finished_order() {
    check("finished_order", None, || {
        let set = Finished::<Waker>::new();
        for member in [2, 0, 1] {
            assert!(set.push(member).is_none(), "nobody waits");
        }
        assert_eq!([set.pop(), set.pop(), set.pop(), set.pop()], [Some(2), Some(0), Some(1), None]);
    });
}

/// I19 for a collector that is woken by something else too, and waits again, with another waker.
#[test]
fn finished_woken_beside() {
    check("finished_woken_beside", 2, || {
        let (mut collector, mut beside) = (Collector::<1>::new(), None);
        let body = Box::new(move |slice: &Slice<'_>| {
            if collector.promises.is_empty() {
                beside = Some(slice.call(2, None, || returns(|_| {})));
                collector.call(slice, 1);
            }
            let collected = collector.collect(slice, Collector::take_result);
            if let Some(call) = beside.take_if(|call| call.is_finished()) {
                drop(call.take());
            }
            if beside.is_some() { Poll::Pending } else { collected }
        });
        Run::play(2, body).assert_no_result_is_left();
    });
}

/// I19 for a set that grows: the first member to be collected brings a third.
#[test]
fn finished_grows() {
    check("finished_grows", 2, || {
        let body = collector::<3>(|collector, slice| {
            collector.collect(slice, |collector, member| {
                collector.take_result(member);
                if collector.promises.len() == 2 {
                    collector.call(slice, 1);
                }
            })
        });
        Run::play(2, body).assert_no_result_is_left();
    });
}

/// I19 for a member that is cancelled when the other has been collected, and may have finished by then:
/// it is collected all the same.
#[test]
fn finished_cancelled() {
    check("finished_cancelled", 2, || {
        let body = collector::<2>(|collector, slice| {
            collector.collect(slice, |collector, member| {
                if collector.count == 1 {
                    collector.take_result(member);
                    slice.cancel(&collector.promises[1 - member]);
                }
            })
        });
        Run::play(2, body).assert_no_result_is_left();
    });
}
