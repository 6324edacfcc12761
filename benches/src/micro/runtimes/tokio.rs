//! Tokio: current-thread, whose tasks are `Send`; a `LocalSet` on it; and a runtime of one worker beside the
//! thread that blocks on it.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::{
    io::AsyncReadExt,
    net::TcpStream,
    runtime::Builder,
    task::{JoinHandle, LocalSet, spawn_local, yield_now},
    time::{sleep, sleep_until},
};

use crate::micro::{
    cases::{Case, What},
    loops::{self, Woken},
    runtime::{Contender, Far, Near, Tally},
};

pub(super) const CONTENDERS: &[&dyn Contender] = &[&CurrentThread, &Local, &OneWorker];

struct CurrentThread;

impl Contender for CurrentThread {
    fn name(&self) -> &'static str {
        "tokio-current"
    }

    fn takes_part(&self, case: &Case) -> bool {
        !is_between_threads(case)
    }

    fn measure(&self, case: &Case, count: u32) -> io::Result<Vec<f64>> {
        loops::near::<Self>((), case, count)
    }
}

struct Local;

impl Contender for Local {
    fn name(&self) -> &'static str {
        "tokio-localset"
    }

    fn takes_part(&self, case: &Case) -> bool {
        !is_between_threads(case)
    }

    fn measure(&self, case: &Case, count: u32) -> io::Result<Vec<f64>> {
        loops::near::<Self>((), case, count)
    }
}

struct OneWorker;

impl Contender for OneWorker {
    fn name(&self) -> &'static str {
        "tokio-worker"
    }

    fn takes_part(&self, case: &Case) -> bool {
        is_between_threads(case)
    }

    fn measure(&self, case: &Case, count: u32) -> io::Result<Vec<f64>> {
        loops::far::<Self>((), case, count)
    }
}

fn is_between_threads(case: &Case) -> bool {
    matches!(case.what, What::Call { .. } | What::Cancel)
}

async fn yields(count: u32) -> io::Result<()> {
    for _ in 0..count {
        yield_now().await;
    }
    Ok(())
}

async fn reads(from: SocketAddr, connected: Tally) -> io::Result<()> {
    let mut stream = TcpStream::connect(from).await?;
    connected.add();
    stream.read(&mut [0; 64]).await.map(drop)
}

async fn sleeps(until: Instant, begun: Tally) -> io::Result<()> {
    begun.add();
    sleep_until(until.into()).await;
    Ok(())
}

async fn cancel(task: JoinHandle<io::Result<()>>) -> io::Result<()> {
    task.abort();
    match task.await {
        Err(error) if !error.is_cancelled() => Err(error.into()),
        _ => Ok(()),
    }
}

impl Near for CurrentThread {
    type How = ();
    type Task = JoinHandle<io::Result<()>>;

    fn run<F>((): (), main: impl FnOnce(Self) -> F + Send + 'static) -> io::Result<F::Output>
    where
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        Ok(Builder::new_current_thread().enable_all().build()?.block_on(main(Self)))
    }

    fn ready(&self) -> Self::Task {
        tokio::spawn(async { Ok(()) })
    }

    fn yields(&self, count: u32) -> Self::Task {
        tokio::spawn(yields(count))
    }

    fn reads(&self, from: SocketAddr, connected: Tally) -> Self::Task {
        tokio::spawn(reads(from, connected))
    }

    fn sleeps(&self, until: Instant, begun: Tally) -> Self::Task {
        tokio::spawn(sleeps(until, begun))
    }

    fn waits(&self, woken: Woken) -> Self::Task {
        tokio::spawn(woken.wait())
    }

    async fn join(&self, task: Self::Task) -> io::Result<()> {
        task.await?
    }

    async fn cancel(&self, task: Self::Task) -> io::Result<()> {
        cancel(task).await
    }
}

impl Near for Local {
    type How = ();
    type Task = JoinHandle<io::Result<()>>;

    fn run<F>((): (), main: impl FnOnce(Self) -> F + Send + 'static) -> io::Result<F::Output>
    where
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(LocalSet::new().block_on(&runtime, async { spawn_local(main(Self)).await })?)
    }

    fn ready(&self) -> Self::Task {
        spawn_local(async { Ok(()) })
    }

    fn yields(&self, count: u32) -> Self::Task {
        spawn_local(yields(count))
    }

    fn reads(&self, from: SocketAddr, connected: Tally) -> Self::Task {
        spawn_local(reads(from, connected))
    }

    fn sleeps(&self, until: Instant, begun: Tally) -> Self::Task {
        spawn_local(sleeps(until, begun))
    }

    fn waits(&self, woken: Woken) -> Self::Task {
        spawn_local(woken.wait())
    }

    async fn join(&self, task: Self::Task) -> io::Result<()> {
        task.await?
    }

    async fn cancel(&self, task: Self::Task) -> io::Result<()> {
        cancel(task).await
    }
}

impl Far for OneWorker {
    type How = ();
    type Sleeper = JoinHandle<io::Result<()>>;

    fn run<F>((): (), main: impl FnOnce(Self) -> F + Send + 'static) -> io::Result<F::Output>
    where
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        Ok(Builder::new_multi_thread().worker_threads(1).enable_all().build()?.block_on(main(Self)))
    }

    async fn call(&self) -> io::Result<()> {
        Ok(tokio::spawn(async {}).await?)
    }

    fn sleeper(&self, begun: Tally) -> io::Result<Self::Sleeper> {
        Ok(tokio::spawn(async move {
            begun.add();
            sleep(Duration::MAX).await;
            Ok(())
        }))
    }

    async fn cancel(&self, sleeper: Self::Sleeper) -> io::Result<()> {
        cancel(sleeper).await
    }
}
