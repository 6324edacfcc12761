//! Glommio: one local executor.

use std::{future::Future, io, net::SocketAddr, time::Instant};

use futures_lite::AsyncReadExt;
use glommio::{LocalExecutorBuilder, Task, executor, net::TcpStream, spawn_local, timer::Timer};

use crate::micro::{
    cases::{Case, What},
    loops::{self, Woken},
    runtime::{Contender, Near, Tally, unable},
};

pub(super) const CONTENDERS: &[&dyn Contender] = &[&Glommio];

struct Glommio;

impl Contender for Glommio {
    fn name(&self) -> &'static str {
        "glommio"
    }

    fn measure(&self, case: &Case, count: u32) -> io::Result<Vec<f64>> {
        match case.what {
            What::Call { .. } | What::Cancel => {
                unable("it starts no task on an executor that runs elsewhere")
            }
            _ => loops::near::<Executor>((), case, count),
        }
    }
}

struct Executor;

impl Near for Executor {
    type How = ();
    type Task = Task<io::Result<()>>;

    fn run<F>((): (), main: impl FnOnce(Self) -> F + Send + 'static) -> io::Result<F::Output>
    where
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        let executor =
            LocalExecutorBuilder::default().make().map_err(|error| io::Error::other(error.to_string()))?;
        Ok(executor.run(main(Self)))
    }

    fn ready(&self) -> Self::Task {
        spawn_local(async { Ok(()) })
    }

    fn yields(&self, count: u32) -> Self::Task {
        spawn_local(async move {
            for _ in 0..count {
                executor().yield_now().await;
            }
            Ok(())
        })
    }

    fn reads(&self, from: SocketAddr, connected: Tally) -> Self::Task {
        spawn_local(async move {
            let mut stream = TcpStream::connect(from).await?;
            connected.add();
            stream.read(&mut [0; 64]).await.map(drop)
        })
    }

    fn sleeps(&self, until: Instant, begun: Tally) -> Self::Task {
        spawn_local(async move {
            begun.add();
            Timer::new(until.saturating_duration_since(Instant::now())).await;
            Ok(())
        })
    }

    fn waits(&self, woken: Woken) -> Self::Task {
        spawn_local(woken.wait())
    }

    async fn join(&self, task: Self::Task) -> io::Result<()> {
        task.await
    }

    async fn cancel(&self, task: Self::Task) -> io::Result<()> {
        task.cancel().await.unwrap_or(Ok(()))
    }
}
