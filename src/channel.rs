//! Channels: messages from any number of tasks to any number of tasks, on any domain.
//!
//! A message is received once, by one receiver, and those of one sender in the order in which it sent
//! them. What travels between domains must be `Send`. A [`bounded`] channel is what holds a sender back
//! that is faster than those who receive; an [`unbounded`] one grows instead. They are those of the crate
//! `async-channel`.
//!
//! A channel is closed when all its senders are dropped, or all its receivers, or by `close`. What was
//! sent before that is still received; then [`Receiver::recv`] gives [`RecvError`]. To send gives the
//! message back, in a [`SendError`].
//!
//! ```
//! use vigie::{call, channel};
//!
//! vigie::run(async {
//!     let (sender, receiver) = channel::bounded(8);
//!     let squares = call(async move || {
//!         for n in 1..=100_u64 {
//!             // Whoever receives has gone: so does the reason to go on.
//!             if sender.send(n * n).await.is_err() {
//!                 break;
//!             }
//!         }
//!     });
//!     let mut sum = 0;
//!     while let Ok(square) = receiver.recv().await {
//!         sum += square;
//!     }
//!     assert_eq!(sum, 338_350);
//!     squares.await.unwrap();
//! }).unwrap();
//! ```
//!
//! # Fairness
//!
//! The tasks that wait on one end are woken oldest first. One that was woken may find that a newcomer was
//! faster, and then waits again behind the others; there is no limit to that.
//!
//! To send where there is room, or to receive what is there, takes no turn and is not charged to the
//! task's slice. A loop that never has to wait gives way by [`yield_if_needed`](crate::yield_if_needed).
//!
//! # Cancellation
//!
//! All of it is cancellation-safe. A receiver that is dropped before it is ready has taken no message, and
//! where it had been woken for one, the next is woken in its stead. A message whose sending was dropped
//! was not sent, and is dropped with it.
//!
//! # From threads that run no domain
//!
//! Those may use `send_blocking` and `recv_blocking`, which on a domain's thread would hold up all its
//! tasks. `try_send` and `try_recv` never wait, and are for anywhere, destructors included.

#[doc(inline)]
pub use async_channel::{
    Receiver, RecvError, SendError, Sender, TryRecvError, TrySendError, WeakReceiver, WeakSender, bounded,
    unbounded,
};
