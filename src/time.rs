//! Timers: sleeping, waiting at most so long, and doing something at regular times.
//!
//! They belong to the system's events, and to the domain that they are awaited on: they fire on its
//! own thread, and need no observer. With other events, or outside of a run, they give an error.
//!
//! ```
//! use std::time::Duration;
//! use vigie::{spawn, time::{interval, sleep, timeout}};
//!
//! vigie::run(async {
//!     let nap = spawn(sleep(Duration::from_millis(1)));
//!     let mut beat = interval(Duration::from_micros(200));
//!     for _ in 0..3 {
//!         beat.tick().await.unwrap();
//!     }
//!     // The promise is awaited, but not for long.
//!     timeout(Duration::from_secs(60), nap).await.unwrap().unwrap().unwrap();
//! }).unwrap();
//! ```

use std::{
    error::Error,
    fmt,
    future::{Future, poll_fn},
    io,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use crate::{
    events::{self, EventsError, Syscall},
    system::System,
};

/// Waits for `duration`, from this call on.
///
/// A duration of zero, or one that has passed when this is first polled, gives way once, as
/// [`yield_now`](crate::yield_now) does. Cancellation-safe: dropping it takes its timer out, and leaves
/// nothing behind.
///
/// # Errors
///
/// Awaited where the system's events are not the domain's: outside of a run, or with other events.
///
/// ```
/// use std::time::{Duration, Instant};
/// use vigie::time::sleep;
///
/// vigie::run(async {
///     let start = Instant::now();
///     sleep(Duration::from_millis(1)).await.unwrap();
///     assert!(start.elapsed() >= Duration::from_millis(1));
/// }).unwrap();
/// ```
pub fn sleep(duration: Duration) -> Sleep {
    let now = Instant::now();
    sleep_until(now.checked_add(duration).unwrap_or_else(|| far(now)))
}

/// As good as never: further than the clock may go.
fn far(now: Instant) -> Instant {
    const YEAR: u64 = 365 * 24 * 60 * 60;
    now + Duration::from_secs(30 * YEAR)
}

/// Waits until `deadline`. As [`sleep`] in all else.
///
/// ```
/// use std::time::{Duration, Instant};
/// use vigie::time::sleep_until;
///
/// vigie::run(async {
///     let deadline = Instant::now() + Duration::from_millis(1);
///     sleep_until(deadline).await.unwrap();
///     assert!(Instant::now() >= deadline);
/// }).unwrap();
/// ```
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep { deadline, timer: None, given: false }
}

/// The future of [`sleep`] and [`sleep_until`].
///
/// ```
/// use std::time::Duration;
/// use futures_lite::future::poll_once;
/// use vigie::{events::EventsError, time::{Sleep, sleep}};
///
/// let mut nap: Sleep = sleep(Duration::from_millis(1));
/// vigie::run(async move {
///     // Its time goes by whether it is awaited or not; what gives up on it can go on.
///     assert_eq!(poll_once(&mut nap).await, None);
///     nap.await.unwrap();
/// }).unwrap();
/// let outside = futures_lite::future::block_on(sleep(Duration::ZERO));
/// assert_eq!(outside, Err(EventsError::OutsideRuntime));
/// ```
#[must_use = "futures do nothing unless polled"]
#[derive(Debug)]
pub struct Sleep {
    deadline: Instant,
    /// The timer, once it was started.
    timer: Option<Syscall>,
    /// Has it given way, since its deadline had passed when it was first polled here?
    given: bool,
}

impl Sleep {
    /// When it ends. A duration that is longer than the clock goes counts as 30 years.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use vigie::time::{sleep, sleep_until};
    ///
    /// let deadline = Instant::now();
    /// assert_eq!(sleep_until(deadline).deadline(), deadline);
    /// assert!(sleep(Duration::from_secs(1)).deadline() >= deadline + Duration::from_secs(1));
    /// ```
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Its time has passed, which is no news: it goes behind the tasks that wait for their turn.
    fn give_way(&mut self, cx: &mut Context<'_>) -> Result<(), EventsError> {
        events::can_suspend()?;
        events::with(|_: &mut System| ())?;
        self.given = true;
        cx.waker().wake_by_ref();
        Ok(())
    }

    fn start(&mut self, cx: &mut Context<'_>) -> Result<(), EventsError> {
        let mut syscall = events::syscall()?;
        let waits = syscall.poll_signalled(cx);
        debug_assert!(waits.is_pending(), "nobody knows this uid yet");
        let (deadline, uid) = (self.deadline, syscall.uid());
        events::with(|system: &mut System| system.timers.start(deadline, uid))?;
        self.timer = Some(syscall);
        Ok(())
    }
}

impl Future for Sleep {
    type Output = Result<(), EventsError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.timer {
            Some(syscall) if syscall.is_here() => {
                if syscall.poll_signalled(cx).is_ready() {
                    return Poll::Ready(Ok(()));
                }
                return match events::can_suspend() {
                    Ok(()) => Poll::Pending,
                    Err(error) => Poll::Ready(Err(error)),
                };
            }
            // Carried out of the run that it was started in: a new timer, or the error, is due here.
            started => *started = None,
        }
        if self.given {
            return Poll::Ready(events::can_suspend());
        }
        let started = if self.deadline <= Instant::now() { self.give_way(cx) } else { self.start(cx) };
        match started {
            Ok(()) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(syscall) = &self.timer {
            let (deadline, uid) = (self.deadline, syscall.uid());
            // Where the events are out of reach, they are going, and the timer with them.
            let _ = events::with(|system: &mut System| system.timers.cancel(deadline, uid));
        }
    }
}

/// Awaits `future`, but no longer than `duration`. The future goes first: if it is ready when the
/// time is up, its output is the result. It is dropped before this returns.
///
/// # Errors
///
/// [`TimeoutError::Elapsed`] when the time is up, or the reason for which there is no timer.
///
/// ```
/// use std::{future::pending, time::Duration};
/// use vigie::time::{TimeoutError, timeout};
///
/// vigie::run(async {
///     assert_eq!(timeout(Duration::from_secs(5), async { 1 }).await, Ok(1));
///     assert_eq!(timeout(Duration::ZERO, pending::<()>()).await, Err(TimeoutError::Elapsed));
/// }).unwrap();
/// ```
pub async fn timeout<F: Future>(duration: Duration, future: F) -> Result<F::Output, TimeoutError> {
    let mut future = pin!(future);
    let mut sleep = sleep(duration);
    poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Ok(output));
        }
        Pin::new(&mut sleep)
            .poll(cx)
            .map(|slept| Err(slept.map_or_else(TimeoutError::Events, |()| TimeoutError::Elapsed)))
    })
    .await
}

/// Why [`timeout`] has no output.
///
/// ```
/// use std::{future::pending, io, time::Duration};
/// use vigie::time::timeout;
///
/// /// The error goes where other errors of input and output go.
/// async fn answer() -> io::Result<()> {
///     timeout(Duration::ZERO, pending()).await?
/// }
///
/// vigie::run(async {
///     assert_eq!(answer().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
/// }).unwrap();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TimeoutError {
    /// The time is up.
    Elapsed,
    /// There is no timer here.
    Events(EventsError),
}

impl fmt::Display for TimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Elapsed => f.write_str("the time is up"),
            Self::Events(error) => error.fmt(f),
        }
    }
}

impl Error for TimeoutError {}

impl From<TimeoutError> for io::Error {
    fn from(error: TimeoutError) -> Self {
        match error {
            TimeoutError::Elapsed => Self::new(io::ErrorKind::TimedOut, error),
            TimeoutError::Events(error) => error.into(),
        }
    }
}

/// Ticks every `period`, the first time one period from now. A period of zero gives way to the other tasks
/// at each tick, and no more.
///
/// ```
/// use std::time::{Duration, Instant};
/// use vigie::time::interval;
///
/// vigie::run(async {
///     let start = Instant::now();
///     let mut interval = interval(Duration::from_millis(1));
///     for _ in 0..3 {
///         interval.tick().await.unwrap();
///     }
///     assert!(start.elapsed() >= Duration::from_millis(3));
/// }).unwrap();
/// ```
pub fn interval(period: Duration) -> Interval {
    Interval { sleep: sleep(period), period }
}

/// Regular times; see [`interval`].
///
/// ```
/// use std::time::Duration;
/// use vigie::time::{Interval, interval};
///
/// let mut interval: Interval = interval(Duration::from_millis(1));
/// assert_eq!(interval.period(), Duration::from_millis(1));
/// vigie::run(async move { interval.tick().await }).unwrap().unwrap();
/// ```
#[derive(Debug)]
pub struct Interval {
    sleep: Sleep,
    period: Duration,
}

impl Interval {
    /// The time between two ticks.
    pub fn period(&self) -> Duration {
        self.period
    }

    /// Waits for the next tick; the time for which it was set. A tick that is late does not delay the
    /// later ones, and ticks that were missed altogether are skipped. Cancellation-safe: dropping this
    /// future loses no tick.
    ///
    /// # Errors
    ///
    /// Those of [`sleep`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use vigie::time::interval;
    ///
    /// vigie::run(async {
    ///     let mut interval = interval(Duration::from_micros(100));
    ///     let first = interval.tick().await.unwrap();
    ///     // However late this is asked for, what it was set for lies a whole number of periods later.
    ///     let second = interval.tick().await.unwrap();
    ///     assert_eq!((second - first).as_nanos() % 100_000, 0);
    /// }).unwrap();
    /// ```
    pub async fn tick(&mut self) -> Result<Instant, EventsError> {
        (&mut self.sleep).await?;
        let (set, now) = (self.sleep.deadline(), Instant::now());
        let next = next_tick(set, self.period, now).unwrap_or_else(|| far(now));
        self.sleep = sleep_until(next);
        Ok(set)
    }
}

/// The first time after `now` that lies a whole number of periods after `last`, if the clock goes so
/// far.
fn next_tick(last: Instant, period: Duration, now: Instant) -> Option<Instant> {
    let next = last.checked_add(period)?;
    if next > now || period.is_zero() {
        return Some(next);
    }
    let into = (now - last).as_nanos() % period.as_nanos();
    let left = period - Duration::from_nanos(u64::try_from(into).unwrap_or(u64::MAX));
    now.checked_add(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missed_ticks_are_skipped_and_the_rhythm_is_kept() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let period = Duration::from_millis(10);
        assert_eq!(next_tick(at(0), period, at(1)), Some(at(10)));
        assert_eq!(next_tick(at(0), period, at(34)), Some(at(40)));
        assert_eq!(next_tick(at(0), period, at(30)), Some(at(40)));
        assert_eq!(next_tick(at(0), Duration::ZERO, at(30)), Some(at(0)));
        assert_eq!(next_tick(at(0), Duration::MAX, at(30)), None);
    }
}
