//! Spans and events for `tracing`, with the feature of that name; without it, nothing at all.

#[cfg(not(feature = "tracing"))]
pub(crate) use self::off::*;
#[cfg(feature = "tracing")]
pub(crate) use self::on::*;

#[cfg(feature = "tracing")]
mod on {
    use std::{cell::RefCell, panic::Location};

    use tracing::{Id, Level, Span, event, span};

    use crate::{
        domain::{Domain, TaskId},
        events::Counted,
    };

    /// Names the span of a task, on any domain.
    pub(crate) type SpanId = Option<Id>;

    /// The span of a task, from its start until it has finished.
    #[derive(Debug)]
    pub(crate) struct TaskSpan(RefCell<Span>);

    impl Default for TaskSpan {
        fn default() -> Self {
            Self(RefCell::new(Span::none()))
        }
    }

    impl TaskSpan {
        /// The task has begun; the near end of a call never does.
        pub(crate) fn open(&self, parent: SpanId, task: TaskId, location: &'static Location<'static>) {
            let (id, domain) = (task.key().serial, task.domain().index());
            let span = span!(target: "vigie", parent: parent, Level::DEBUG, "task", id, domain, %location);
            self.0.replace(span);
        }

        pub(crate) fn id(&self) -> SpanId {
            self.0.borrow().id()
        }

        /// Runs a slice, or the end of the task, within it.
        #[inline]
        pub(crate) fn within<R>(&self, run: impl FnOnce() -> R) -> R {
            self.0.borrow().in_scope(run)
        }

        /// The task has finished.
        pub(crate) fn close(&self) {
            let span = self.0.replace(Span::none());
            drop(span);
        }
    }

    /// The span that this thread is in: the caller's of a run.
    pub(crate) fn current() -> SpanId {
        Span::current().id()
    }

    pub(crate) fn park(domain: Domain) {
        event!(target: "vigie", parent: None, Level::TRACE, domain = domain.index(), "park");
    }

    pub(crate) fn unpark(domain: Domain) {
        event!(target: "vigie", parent: None, Level::TRACE, domain = domain.index(), "unpark");
    }

    /// What the events of a domain count, on whichever thread it is that does.
    pub(crate) fn counted(domain: Domain, what: Counted, count: usize) {
        let domain = domain.index();
        match what {
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
        }
    }
}

#[cfg(not(feature = "tracing"))]
mod off {
    use std::panic::Location;

    use crate::{
        domain::{Domain, TaskId},
        events::Counted,
    };

    #[derive(Debug, Clone, Default)]
    pub(crate) struct SpanId;

    #[derive(Debug, Default)]
    pub(crate) struct TaskSpan;

    impl TaskSpan {
        pub(crate) fn open(&self, _parent: SpanId, _task: TaskId, _location: &'static Location<'static>) {}

        pub(crate) fn id(&self) -> SpanId {
            SpanId
        }

        #[inline(always)]
        pub(crate) fn within<R>(&self, run: impl FnOnce() -> R) -> R {
            run()
        }

        pub(crate) fn close(&self) {}
    }

    pub(crate) fn current() -> SpanId {
        SpanId
    }

    pub(crate) fn park(_domain: Domain) {}

    pub(crate) fn unpark(_domain: Domain) {}

    pub(crate) fn counted(_domain: Domain, _what: Counted, _count: usize) {}
}
