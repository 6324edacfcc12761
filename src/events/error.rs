//! Why the events cannot be used from here.

use std::{error::Error, fmt, io};

/// Why the current domain's events cannot be used.
///
/// ```
/// use vigie::events::{self, EventsError};
///
/// let outside = events::syscall().unwrap_err();
/// assert_eq!(outside, EventsError::OutsideRuntime);
/// // What waits by them often returns errors of input and output, of which this becomes one.
/// let error = std::io::Error::from(outside);
/// assert_eq!(error.to_string(), "no vigie domain runs on this thread");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventsError {
    /// This thread runs no domain.
    OutsideRuntime,
    /// The run has no events: nothing could ever resume a suspended task.
    NoEvents,
    /// The domain's events are of another type than this one.
    OtherEvents(&'static str),
    /// The current task is ending: this is one of its destructors, which may wait for nothing.
    Ending,
    /// The events are in use further up this thread's stack.
    InUse,
}

impl fmt::Display for EventsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutsideRuntime => f.write_str("no vigie domain runs on this thread"),
            Self::NoEvents => f.write_str("this run has no events that could resume a task"),
            Self::OtherEvents(wanted) => write!(f, "the domain's events are not of the type {wanted}"),
            Self::Ending => f.write_str("the current task is ending, and may wait for nothing"),
            Self::InUse => f.write_str("the domain's events are already in use on this thread"),
        }
    }
}

impl Error for EventsError {}

impl From<EventsError> for io::Error {
    fn from(error: EventsError) -> Self {
        Self::other(error)
    }
}
