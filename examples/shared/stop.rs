//! The word to stop.

use std::{future::Future, io, net::Shutdown, rc::Rc};

use async_channel::Receiver;
use futures_lite::future::or;
use vigie::net::TcpStream;

/// The word to stop, for tasks of any domain. Nothing is ever sent: the channel is closed.
#[derive(Clone)]
pub(crate) struct Stop(Receiver<()>);

impl Stop {
    /// Returns once the program is told to stop.
    pub(crate) async fn told(&self) {
        let _closed = self.0.recv().await;
    }

    /// The output of `future`, or `None` once the program is told to stop.
    pub(crate) async fn unless<F: Future>(&self, future: F) -> Option<F::Output> {
        let told = async {
            self.told().await;
            None
        };
        or(told, async { Some(future.await) }).await
    }
}

/// Ends the reading of `stream` when the program is told to stop: what the peer has sent by then is still
/// read, and then the end. For a task beside the connection's own, which so needs not know of it.
pub(crate) async fn stop_reading(stream: Rc<TcpStream>, stop: Stop) {
    stop.told().await;
    // An error says that the connection has gone, and its reader learns of that.
    let _ = stream.shutdown(Shutdown::Read);
}

/// The word to stop is the first Ctrl-C, or SIGTERM; the second one ends the program as usual.
#[cfg(unix)]
pub(crate) fn ctrl_c() -> io::Result<Stop> {
    use signal_hook::{
        consts::{SIGINT, SIGTERM},
        flag::register_conditional_default,
        iterator::Signals,
    };
    use std::sync::{Arc, atomic::AtomicBool};

    let (running, stop) = async_channel::bounded(1);
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        register_conditional_default(signal, interrupted.clone())?;
        signal_hook::flag::register(signal, interrupted.clone())?;
    }
    // A channel may be closed by any thread: whoever waits is woken, on whatever domain.
    std::thread::Builder::new().name("ctrl-c".into()).spawn(move || {
        signals.forever().next();
        drop(running);
    })?;
    Ok(Stop(stop))
}

#[cfg(not(unix))]
pub(crate) fn ctrl_c() -> io::Result<Stop> {
    let (running, stop) = async_channel::bounded(1);
    std::mem::forget(running);
    Ok(Stop(stop))
}
