//! News for a domain, from its own `select` and from any other thread.

use std::{fmt, sync::Arc};

use crate::{
    domain::{Domain, Shared},
    events::Uid,
    protocol::Ready,
};

/// The uids that a `select` wants resumed, in order.
///
/// ```
/// use vigie::events::{self, Signals};
///
/// // A test of events calls their `select`, and looks at what it has signalled.
/// vigie::run(async {
///     let (one, two) = (events::syscall().unwrap(), events::syscall().unwrap());
///     let mut signals = Signals::default();
///     assert!(signals.is_empty());
///     signals.push(one.uid());
///     signals.extend([two.uid()]);
///     assert_eq!(signals.len(), 2);
/// }).unwrap();
/// ```
#[derive(Debug, Default)]
pub struct Signals(Vec<Uid>);

impl Signals {
    /// Resumes the task suspended on `uid`, once `select` has returned. A uid whose task is not yet
    /// suspended is remembered; one that was signalled or cancelled before is ignored.
    pub fn push(&mut self, uid: Uid) {
        self.0.push(uid);
    }

    /// How many were pushed by this `select`.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Was none pushed by this `select`?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Uid> + '_ {
        self.0.drain(..)
    }
}

impl Extend<Uid> for Signals {
    fn extend<I: IntoIterator<Item = Uid>>(&mut self, uids: I) {
        self.0.extend(uids);
    }
}

/// Any thread's way to signal a domain: `Clone + Send + Sync`. It may outlive the run and is then
/// inert.
///
/// A signal is pushed to a lock-free queue first, and then wakes the domain if it is parked; a
/// domain that is awake costs no system call.
///
/// ```
/// use vigie::events;
///
/// vigie::run(async {
///     let syscall = events::syscall().unwrap();
///     let (uid, sender) = (syscall.uid(), events::signal_sender().unwrap());
///     // Any blocking source of events is a thread and a sender.
///     let thread = std::thread::spawn(move || sender.send(uid));
///     syscall.suspend(|_| Ok(())).await.unwrap();
///     thread.join().unwrap();
/// }).unwrap();
/// ```
pub struct SignalSender {
    shared: Arc<Shared>,
    /// Is it among those that could bring news from outside?
    is_counted: bool,
}

impl SignalSender {
    /// For the domain's own events.
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, is_counted: false }
    }

    /// For anybody: while it exists, news may come.
    pub(crate) fn counted(shared: Arc<Shared>) -> Self {
        shared.senders.enter();
        Self { shared, is_counted: true }
    }

    /// The domain that is signalled.
    ///
    /// ```
    /// use vigie::{Domain, events};
    ///
    /// vigie::run(async {
    ///     let there = vigie::call(|| async { (Domain::current(), events::signal_sender().unwrap()) });
    ///     let (domain, sender) = there.await.unwrap();
    ///     assert_eq!(Some(sender.domain()), domain);
    /// }).unwrap();
    /// ```
    pub fn domain(&self) -> Domain {
        self.shared.domain()
    }

    /// Resumes the task suspended on `uid`. A uid of another domain is ignored, and so is one that
    /// was signalled or cancelled before. After the end of the run nothing happens.
    pub fn send(&self, uid: Uid) {
        self.shared.signals.send(uid);
    }

    /// Resumes several tasks, in order, and wakes the domain once.
    ///
    /// ```
    /// use std::{future::poll_fn, task::Poll};
    /// use vigie::events;
    ///
    /// vigie::run(async {
    ///     let sender = events::signal_sender().unwrap();
    ///     let (mut one, mut two) = (events::syscall().unwrap(), events::syscall().unwrap());
    ///     sender.send_all([one.uid(), two.uid()]);
    ///     poll_fn(|cx| one.poll_signalled(cx)).await;
    ///     poll_fn(|cx| two.poll_signalled(cx)).await;
    ///     // They were known before, and change nothing.
    ///     sender.send_all([one.uid(), two.uid()]);
    /// }).unwrap();
    /// ```
    pub fn send_all(&self, uids: impl IntoIterator<Item = Uid>) {
        self.shared.signals.send_all(uids);
    }

    /// Makes the domain call `select` soon, waking it if it is parked. Returns whether it was.
    ///
    /// ```
    /// vigie::run(async {
    ///     let sender = vigie::events::signal_sender().unwrap();
    ///     // This domain does not sleep, since it runs this.
    ///     assert_eq!(sender.wake(), false);
    /// }).unwrap();
    /// ```
    pub fn wake(&self) -> bool {
        self.shared.parker.notify()
    }

    #[cfg(feature = "system")]
    pub(crate) fn parker(&self) -> Arc<crate::protocol::Parker> {
        self.shared.parker.clone()
    }

    /// Is there news that the domain has not looked at yet? One relaxed load; a `false` may be
    /// stale.
    ///
    /// ```
    /// vigie::run(async {
    ///     let sender = vigie::events::signal_sender().unwrap();
    ///     sender.wake();
    ///     assert!(sender.is_notified());
    ///     vigie::yield_now().await;
    ///     assert!(!sender.is_notified());
    /// }).unwrap();
    /// ```
    pub fn is_notified(&self) -> bool {
        self.shared.parker.is_notified()
    }
}

impl Clone for SignalSender {
    fn clone(&self) -> Self {
        let shared = self.shared.clone();
        if self.is_counted { Self::counted(shared) } else { Self::new(shared) }
    }
}

impl Drop for SignalSender {
    fn drop(&mut self) {
        if self.is_counted && self.shared.senders.leave() {
            self.shared.parker.notify();
        }
    }
}

impl fmt::Debug for SignalSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SignalSender").field(&self.domain()).finish()
    }
}

/// A lock-free queue from any thread to the events of one domain, for news that is more than a uid:
/// a readiness, the result of a completion. What is sent wakes the domain, whose next `select`
/// receives it.
///
/// ```
/// use vigie::events::{self, ready_queue};
///
/// vigie::run(async {
///     let (sender, receiver) = ready_queue::<u32>(&events::signal_sender().unwrap());
///     std::thread::spawn(move || sender.send_all([1, 2])).join().unwrap();
///     assert_eq!((receiver.try_recv(), receiver.try_recv(), receiver.try_recv()), (Some(1), Some(2), None));
/// }).unwrap();
/// ```
pub fn ready_queue<T>(domain: &SignalSender) -> (ReadySender<T>, ReadyReceiver<T>) {
    let ready = Arc::new(Ready::new(domain.shared.parker.clone()));
    let sender = ReadySender { ready: ready.clone(), domain: domain.clone() };
    (sender, ReadyReceiver(ready))
}

/// The sending end of a [`ready_queue`]: any thread's.
///
/// ```
/// use std::thread;
/// use vigie::events::{self, ReadySender, ready_queue};
///
/// /// Many threads may send to one domain.
/// fn produce(to: &ReadySender<u32>, n: u32) -> thread::JoinHandle<()> {
///     let to = to.clone();
///     thread::spawn(move || to.send(n))
/// }
///
/// vigie::run(async {
///     let (sender, receiver) = ready_queue(&events::signal_sender().unwrap());
///     let threads: Vec<_> = (1..=3).map(|n| produce(&sender, n)).collect();
///     threads.into_iter().for_each(|thread| thread.join().unwrap());
///     let sum: u32 = std::iter::from_fn(|| receiver.try_recv()).sum();
///     assert_eq!(sum, 6);
/// }).unwrap();
/// ```
pub struct ReadySender<T> {
    ready: Arc<Ready<T>>,
    domain: SignalSender,
}

impl<T> ReadySender<T> {
    /// Sends one item and wakes the domain if it is parked. After the end of the run the item is
    /// dropped.
    pub fn send(&self, item: T) {
        self.ready.send(item);
    }

    /// Sends several items, in order, and wakes the domain once.
    ///
    /// ```
    /// use vigie::events::{self, ready_queue};
    ///
    /// vigie::run(async {
    ///     let (sender, receiver) = ready_queue(&events::signal_sender().unwrap());
    ///     sender.send_all("abc".chars());
    ///     assert_eq!(std::iter::from_fn(|| receiver.try_recv()).collect::<String>(), "abc");
    /// }).unwrap();
    /// ```
    pub fn send_all(&self, items: impl IntoIterator<Item = T>) {
        self.ready.send_all(items);
    }

    /// Sends without waking the domain; whether there was anything. The caller has to call
    /// [`SignalSender::wake`] after the last of a batch.
    ///
    /// ```
    /// use vigie::events::{self, ready_queue};
    ///
    /// vigie::run(async {
    ///     let domain = events::signal_sender().unwrap();
    ///     let (sender, receiver) = ready_queue(&domain);
    ///     let mut batch = sender.push_all([1, 2]);
    ///     batch |= sender.push_all([]);
    ///     if batch {
    ///         domain.wake();
    ///     }
    ///     assert_eq!((receiver.try_recv(), receiver.try_recv()), (Some(1), Some(2)));
    /// }).unwrap();
    /// ```
    pub fn push_all(&self, items: impl IntoIterator<Item = T>) -> bool {
        self.ready.push_all(items)
    }
}

impl<T> Clone for ReadySender<T> {
    fn clone(&self) -> Self {
        Self { ready: self.ready.clone(), domain: self.domain.clone() }
    }
}

impl<T> fmt::Debug for ReadySender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadySender").field("domain", &self.domain.domain()).finish_non_exhaustive()
    }
}

/// The receiving end of a [`ready_queue`]: the domain's.
///
/// ```
/// use std::io;
/// use vigie::{Builder, events::{self, Events, ReadyReceiver, ReadySender, Seat, Signals, Uid, ready_queue}};
///
/// /// Whose answers come with a number.
/// struct Answers {
///     sender: ReadySender<(Uid, u32)>,
///     receiver: ReadyReceiver<(Uid, u32)>,
///     sum: u32,
/// }
///
/// impl Events for Answers {
///     fn select(&mut self, _block: bool, _cancelled: &[Uid], signals: &mut Signals) -> io::Result<()> {
///         while let Some((uid, number)) = self.receiver.try_recv() {
///             self.sum += number;
///             signals.push(uid);
///         }
///         Ok(())
///     }
/// }
///
/// fn answers(seat: Seat) -> io::Result<Answers> {
///     let (sender, receiver) = ready_queue(&seat.signal_sender());
///     Ok(Answers { sender, receiver, sum: 0 })
/// }
///
/// Builder::new().events(answers).run(async {
///     let sender = events::with(|answers: &mut Answers| answers.sender.clone()).unwrap();
///     let ask = |uid| Ok(drop(std::thread::spawn(move || sender.send((uid, 7)))));
///     events::syscall().unwrap().suspend(ask).await.unwrap();
///     assert_eq!(events::with(|answers: &mut Answers| answers.sum), Ok(7));
/// }).unwrap();
/// ```
pub struct ReadyReceiver<T>(Arc<Ready<T>>);

impl<T> ReadyReceiver<T> {
    /// The oldest item, if any. It may spin for the few instructions in which a sender has taken its
    /// place in the queue but not yet written it.
    pub fn try_recv(&self) -> Option<T> {
        self.0.pop()
    }

    /// Would [`try_recv`](Self::try_recv) find nothing?
    #[cfg(feature = "system")]
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T> fmt::Debug for ReadyReceiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadyReceiver").finish_non_exhaustive()
    }
}
