//! Smol: a `LocalExecutor` with the timers and sockets of async-io; and an `Executor` that another thread runs.

use std::{
    future::Future,
    io,
    net::{SocketAddr, TcpStream},
    rc::Rc,
    sync::Arc,
    thread,
    time::Instant,
};

use async_executor::{Executor, LocalExecutor, Task};
use async_io::{Async, Timer, block_on};
use futures_lite::{AsyncReadExt, future::yield_now};

use crate::micro::{
    cases::{Case, What},
    loops::{self, Woken},
    runtime::{Contender, Far, Near, Tally},
};

pub(super) const CONTENDERS: &[&dyn Contender] = &[&Smol];

struct Smol;

impl Contender for Smol {
    fn name(&self) -> &'static str {
        "smol"
    }

    fn measure(&self, case: &Case, count: u32) -> io::Result<Vec<f64>> {
        match case.what {
            What::Call { .. } | What::Cancel => loops::far::<Elsewhere>((), case, count),
            _ => loops::near::<Here>((), case, count),
        }
    }
}

struct Here(Rc<LocalExecutor<'static>>);

impl Near for Here {
    type How = ();
    type Task = Task<io::Result<()>>;

    fn run<F>((): (), main: impl FnOnce(Self) -> F + Send + 'static) -> io::Result<F::Output>
    where
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        let executor = Rc::new(LocalExecutor::new());
        let main = main(Self(executor.clone()));
        Ok(block_on(executor.run(executor.spawn(main))))
    }

    fn ready(&self) -> Self::Task {
        self.0.spawn(async { Ok(()) })
    }

    fn yields(&self, count: u32) -> Self::Task {
        self.0.spawn(async move {
            for _ in 0..count {
                yield_now().await;
            }
            Ok(())
        })
    }

    fn reads(&self, from: SocketAddr, connected: Tally) -> Self::Task {
        self.0.spawn(async move {
            let mut stream = Async::<TcpStream>::connect(from).await?;
            connected.add();
            stream.read(&mut [0; 64]).await.map(drop)
        })
    }

    fn sleeps(&self, until: Instant, begun: Tally) -> Self::Task {
        self.0.spawn(async move {
            begun.add();
            Timer::at(until).await;
            Ok(())
        })
    }

    fn waits(&self, woken: Woken) -> Self::Task {
        self.0.spawn(woken.wait())
    }

    async fn join(&self, task: Self::Task) -> io::Result<()> {
        task.await
    }

    async fn cancel(&self, task: Self::Task) -> io::Result<()> {
        task.cancel().await.unwrap_or(Ok(()))
    }
}

struct Elsewhere(Arc<Executor<'static>>);

impl Far for Elsewhere {
    type How = ();
    type Sleeper = Task<io::Result<()>>;

    fn run<F>((): (), main: impl FnOnce(Self) -> F + Send + 'static) -> io::Result<F::Output>
    where
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        let executor = Arc::new(Executor::new());
        let (end, ended) = async_channel::bounded::<()>(1);
        let elsewhere = executor.clone();
        let other = thread::spawn(move || block_on(elsewhere.run(ended.recv())));
        let output = block_on(main(Self(executor)));
        end.close();
        match other.join() {
            // Nothing was sent: it is closed.
            Ok(_) => Ok(output),
            Err(_) => Err(io::Error::other("the other thread panicked")),
        }
    }

    async fn call(&self) -> io::Result<()> {
        self.0.spawn(async {}).await;
        Ok(())
    }

    fn sleeper(&self, begun: Tally) -> io::Result<Self::Sleeper> {
        Ok(self.0.spawn(async move {
            begun.add();
            Timer::never().await;
            Ok(())
        }))
    }

    async fn cancel(&self, sleeper: Self::Sleeper) -> io::Result<()> {
        sleeper.cancel().await.unwrap_or(Ok(()))
    }
}
