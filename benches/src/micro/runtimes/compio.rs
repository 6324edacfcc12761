//! Compio, on io_uring where there is one; and its dispatcher with one worker.

use std::{future::Future, io, net::SocketAddr, num::NonZeroUsize, rc::Rc, time::Instant};

use compio::{
    dispatcher::Dispatcher,
    io::AsyncRead,
    net::TcpStream,
    runtime::{JoinHandle, Runtime, spawn},
    time::sleep_until,
};
use futures_lite::future::yield_now;

use crate::micro::{
    cases::{Case, What},
    loops::{self, Woken},
    runtime::{Contender, Far, Near, Tally, unable},
};

pub(super) const CONTENDERS: &[&dyn Contender] = &[&Compio];

struct Compio;

impl Contender for Compio {
    fn name(&self) -> &'static str {
        "compio"
    }

    fn measure(&self, case: &Case, count: u32) -> io::Result<Vec<f64>> {
        match case.what {
            What::Call { .. } => loops::far::<Dispatched>((), case, count),
            What::Cancel => unable(CANNOT_CANCEL),
            _ => loops::near::<Thread>((), case, count),
        }
    }
}

const CANNOT_CANCEL: &str = "what its dispatcher has started cannot be cancelled";

struct Thread;

impl Near for Thread {
    type How = ();
    type Task = JoinHandle<io::Result<()>>;

    fn run<F>((): (), main: impl FnOnce(Self) -> F + Send + 'static) -> io::Result<F::Output>
    where
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        // Spawned, `main` would have its io_uring entered at every await.
        Ok(Runtime::new()?.block_on(main(Self)))
    }

    fn ready(&self) -> Self::Task {
        spawn(async { Ok(()) })
    }

    fn yields(&self, count: u32) -> Self::Task {
        spawn(async move {
            for _ in 0..count {
                yield_now().await;
            }
            Ok(())
        })
    }

    fn reads(&self, from: SocketAddr, connected: Tally) -> Self::Task {
        spawn(async move {
            let mut stream = TcpStream::connect(from).await?;
            connected.add();
            stream.read(vec![0; 64]).await.0.map(drop)
        })
    }

    fn sleeps(&self, until: Instant, begun: Tally) -> Self::Task {
        spawn(async move {
            begun.add();
            sleep_until(until).await;
            Ok(())
        })
    }

    fn waits(&self, woken: Woken) -> Self::Task {
        spawn(woken.wait())
    }

    async fn join(&self, task: Self::Task) -> io::Result<()> {
        task.await?
    }

    async fn cancel(&self, task: Self::Task) -> io::Result<()> {
        task.cancel().await.unwrap_or(Ok(()))
    }
}

struct Dispatched(Rc<Dispatcher>);

impl Far for Dispatched {
    type How = ();
    type Sleeper = ();

    fn run<F>((): (), main: impl FnOnce(Self) -> F + Send + 'static) -> io::Result<F::Output>
    where
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        let dispatcher = Rc::new(Dispatcher::builder().worker_threads(NonZeroUsize::MIN).build()?);
        let runtime = Runtime::new()?;
        let output = runtime.block_on(main(Self(dispatcher.clone())));
        if let Some(dispatcher) = Rc::into_inner(dispatcher) {
            runtime.block_on(dispatcher.join())?;
        }
        Ok(output)
    }

    async fn call(&self) -> io::Result<()> {
        let called = self.0.dispatch(|| async {});
        called.map_err(|_| io::Error::other("no worker"))?.await.map_err(io::Error::other)
    }

    fn sleeper(&self, _begun: Tally) -> io::Result<()> {
        unable(CANNOT_CANCEL)
    }

    async fn cancel(&self, (): ()) -> io::Result<()> {
        unable(CANNOT_CANCEL)
    }
}
