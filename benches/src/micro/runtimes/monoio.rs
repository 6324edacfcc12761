//! Monoio, on epoll and on io_uring.

use std::{future::Future, io, net::SocketAddr, time::Instant};

use monoio::{
    IoUringDriver, LegacyDriver, RuntimeBuilder, io::AsyncReadRent, net::TcpStream, task::JoinHandle,
    time::sleep_until,
};

use crate::micro::{
    cases::{Case, Sleepers, What},
    loops::{self, Woken},
    runtime::{Contender, Near, Tally, unable},
};

pub(super) const CONTENDERS: &[&dyn Contender] = &[&Monoio::Epoll, &Monoio::Uring];

#[derive(Clone, Copy)]
enum Monoio {
    Epoll,
    Uring,
}

impl Contender for Monoio {
    fn name(&self) -> &'static str {
        match self {
            Self::Epoll => "monoio-epoll",
            Self::Uring => "monoio-uring",
        }
    }

    /// Both have the same wheel of deadlines.
    fn takes_part(&self, case: &Case) -> bool {
        !matches!((self, case.what), (Self::Uring, What::Sleep(_)))
    }

    fn measure(&self, case: &Case, count: u32) -> io::Result<Vec<f64>> {
        match case.what {
            What::Call { .. } | What::Cancel => unable("it starts no task on another thread"),
            What::Wake { .. } => unable(
                "its wakers cross threads with its feature `sync` only, which is off for the other rows' sake",
            ),
            What::Sleep(Sleepers::HalfCancelled) => unable(CANNOT_CANCEL),
            What::Yield { .. } => unable("a task that wakes itself runs again at once, before all others"),
            _ => loops::near::<Thread>(*self, case, count),
        }
    }
}

const CANNOT_CANCEL: &str = "its tasks cannot be cancelled";

struct Thread;

impl Near for Thread {
    type How = Monoio;
    type Task = JoinHandle<io::Result<()>>;

    fn run<F>(how: Monoio, main: impl FnOnce(Self) -> F + Send + 'static) -> io::Result<F::Output>
    where
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        match how {
            Monoio::Epoll => {
                let mut runtime = RuntimeBuilder::<LegacyDriver>::new().enable_timer().build()?;
                Ok(runtime.block_on(async { monoio::spawn(main(Self)).await }))
            }
            Monoio::Uring => {
                let mut runtime = RuntimeBuilder::<IoUringDriver>::new().enable_timer().build()?;
                Ok(runtime.block_on(async { monoio::spawn(main(Self)).await }))
            }
        }
    }

    fn ready(&self) -> Self::Task {
        monoio::spawn(async { Ok(()) })
    }

    fn yields(&self, _count: u32) -> Self::Task {
        unreachable!("it does not take part")
    }

    fn reads(&self, from: SocketAddr, connected: Tally) -> Self::Task {
        monoio::spawn(async move {
            let mut stream = TcpStream::connect(from).await?;
            connected.add();
            stream.read(vec![0; 64]).await.0.map(drop)
        })
    }

    fn sleeps(&self, until: Instant, begun: Tally) -> Self::Task {
        monoio::spawn(async move {
            begun.add();
            sleep_until(until.into()).await;
            Ok(())
        })
    }

    fn waits(&self, woken: Woken) -> Self::Task {
        monoio::spawn(woken.wait())
    }

    async fn join(&self, task: Self::Task) -> io::Result<()> {
        task.await
    }

    async fn cancel(&self, _task: Self::Task) -> io::Result<()> {
        unable(CANNOT_CANCEL)
    }
}
