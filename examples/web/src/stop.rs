//! The word to stop, on every domain: Ctrl-C, or a polite kill.

use std::{future::Future, io};

use async_channel::{Receiver, Sender};

/// The word to stop. It is never sent: the channel is closed when this is dropped.
pub struct Stopper(Sender<()>);

/// Who waits for the word.
#[derive(Clone)]
pub struct Stop(Receiver<()>);

/// Both ends.
pub fn stop() -> (Stopper, Stop) {
    let (sender, receiver) = async_channel::bounded(1);
    (Stopper(sender), Stop(receiver))
}

impl Stop {
    /// Waits for the word.
    pub async fn stopped(&self) {
        let _closed = self.0.recv().await;
    }

    /// The output of `future`, unless the word comes first.
    pub async fn or<F: Future>(&self, future: F) -> Option<F::Output> {
        futures_lite::future::or(async { Some(future.await) }, async {
            self.stopped().await;
            None
        })
        .await
    }
}

impl Stopper {
    /// Gives the word at the first SIGINT or SIGTERM; a second one ends the program as usual. Any blocking
    /// source of events is a thread and a signal sender.
    #[cfg(unix)]
    pub async fn at_signal(self) -> io::Result<()> {
        use std::sync::{Arc, atomic::AtomicBool};

        use signal_hook::{
            consts::{SIGINT, SIGTERM},
            flag::{register, register_conditional_default},
            iterator::Signals,
        };
        use vigie::events;

        let syscall = events::syscall()?;
        let (uid, sender) = (syscall.uid(), events::signal_sender()?);
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        let come = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            register_conditional_default(signal, come.clone())?;
            register(signal, come.clone())?;
        }
        std::thread::Builder::new().name("signals".into()).spawn(move || {
            if signals.forever().next().is_some() {
                sender.send(uid);
            }
        })?;
        syscall.suspend(|_| Ok(())).await?;
        drop(self.0);
        Ok(())
    }

    /// Elsewhere the program ends at once.
    #[cfg(not(unix))]
    pub async fn at_signal(self) -> io::Result<()> {
        std::future::pending().await
    }
}
