//! Spans and events for `tracing`, with the feature of that name; without it, nothing at all.

#[cfg(not(feature = "tracing"))]
pub(crate) use self::off::*;
#[cfg(feature = "tracing")]
pub(crate) use self::on::*;

#[cfg(feature = "tracing")]
mod on {
    use std::{cell::RefCell, panic::Location};

    use tracing::{Id, Level, Span, event, field::Empty, span};

    use crate::{
        domain::{Domain, TaskId},
        events::Counted,
        task::{Parent, shielded},
    };

    /// Names the span that a task's is to be within, on any domain; none if that is not recorded.
    #[derive(Debug, Clone, Default)]
    pub(crate) struct SpanId(Option<Id>);

    impl SpanId {
        /// The span of the parent; of the main task's, the one that the caller of the run is in.
        pub(crate) fn of(parent: &Parent) -> Self {
            match parent {
                Parent::Elsewhere(None) => Self(Span::current().id()),
                Parent::Task(parent) => {
                    parent.upgrade().map(|task| task.node().span.id()).unwrap_or_default()
                }
                Parent::Elsewhere(Some(caller)) => caller.span.clone(),
            }
        }
    }

    /// The span of a task, from its start until it has finished.
    #[derive(Debug)]
    pub(crate) struct TaskSpan(RefCell<Span>);

    impl TaskSpan {
        pub(crate) fn new() -> Self {
            Self(RefCell::new(Span::none()))
        }

        /// The task has begun; the near end of a call never does.
        pub(crate) fn open(&self, parent: SpanId, task: TaskId, location: &'static Location<'static>) {
            let (id, domain) = (task.key().serial, task.domain().index());
            // A subscriber is anybody's code. If it panics, nothing is recorded of the task.
            shielded(|| {
                let span = span!(
                    target: "vigie", parent: parent.0, Level::DEBUG, "task", id, domain, %location, name = Empty
                );
                self.0.replace(span);
            });
        }

        fn id(&self) -> SpanId {
            SpanId(self.0.borrow().id())
        }

        /// The task has a name, or another one.
        pub(crate) fn name(&self, name: &str) {
            shielded(|| {
                self.0.borrow().record("name", name);
            });
        }

        /// Runs a slice, or the end of the task, within it.
        #[inline]
        pub(crate) fn within<R>(&self, run: impl FnOnce() -> R) -> R {
            self.0.borrow().in_scope(run)
        }

        /// The task has finished.
        pub(crate) fn close(&self) {
            let span = self.0.replace(Span::none());
            shielded(|| drop(span));
        }
    }

    pub(crate) fn park(domain: Domain) {
        shielded(|| event!(target: "vigie", parent: None, Level::TRACE, domain = domain.index(), "park"));
    }

    pub(crate) fn unpark(domain: Domain) {
        shielded(|| event!(target: "vigie", parent: None, Level::TRACE, domain = domain.index(), "unpark"));
    }

    /// What the events of a domain count, on whichever thread it is that does.
    pub(crate) fn counted(domain: Domain, what: Counted, count: usize) {
        let domain = domain.index();
        shielded(|| match what {
            Counted::Pushed => event!(target: "vigie", parent: None, Level::TRACE, { domain, count }, "push"),
            Counted::Received => {
                event!(target: "vigie", parent: None, Level::TRACE, { domain, count }, "receive");
            }
            Counted::Harvested => {
                event!(target: "vigie", parent: None, Level::TRACE, { domain, count }, "harvest");
            }
            Counted::StoodDown => {
                event!(target: "vigie", parent: None, Level::TRACE, { domain }, "stand down");
            }
            Counted::Recalled => event!(target: "vigie", parent: None, Level::TRACE, { domain }, "recall"),
        });
    }
}

#[cfg(not(feature = "tracing"))]
mod off {
    use std::panic::Location;

    use crate::{
        domain::{Domain, TaskId},
        events::Counted,
        task::Parent,
    };

    #[derive(Debug, Clone, Default)]
    pub(crate) struct SpanId;

    impl SpanId {
        #[inline(always)]
        pub(crate) fn of(parent: &Parent) -> Self {
            match parent {
                Parent::Elsewhere(Some(caller)) => caller.span.clone(),
                _ => Self,
            }
        }
    }

    #[derive(Debug)]
    pub(crate) struct TaskSpan;

    impl TaskSpan {
        #[inline(always)]
        pub(crate) fn new() -> Self {
            Self
        }

        pub(crate) fn open(&self, _parent: SpanId, _task: TaskId, _location: &'static Location<'static>) {}

        pub(crate) fn name(&self, _name: &str) {}

        #[inline(always)]
        pub(crate) fn within<R>(&self, run: impl FnOnce() -> R) -> R {
            run()
        }

        pub(crate) fn close(&self) {}
    }

    pub(crate) fn park(_domain: Domain) {}

    pub(crate) fn unpark(_domain: Domain) {}

    pub(crate) fn counted(_domain: Domain, _what: Counted, _count: usize) {}
}
