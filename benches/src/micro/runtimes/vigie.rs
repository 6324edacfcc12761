//! Vigie, in the three variants of its events.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use futures_lite::AsyncReadExt;
use vigie::{
    Builder, Promise, call,
    net::TcpStream,
    spawn,
    system::Variant,
    time::{sleep, sleep_until},
    yield_now,
};

use crate::micro::{
    cases::{Case, What},
    loops::{self, Woken},
    runtime::{Contender, Far, Near, Tally},
};

pub(super) const CONTENDERS: &[&dyn Contender] =
    &[&Vigie(Variant::Observer), &Vigie(Variant::Always), &Vigie(Variant::Pipe)];

struct Vigie(Variant);

impl Contender for Vigie {
    fn name(&self) -> &'static str {
        match self.0 {
            Variant::Always => "always",
            Variant::Pipe => "pipe",
            _ => "observer",
        }
    }

    /// The deadlines are the domain's own, the same in `always` as in `observer`.
    fn takes_part(&self, case: &Case) -> bool {
        !matches!((self.0, case.what), (Variant::Always, What::Sleep(_)))
    }

    fn measure(&self, case: &Case, count: u32) -> io::Result<Vec<f64>> {
        match case.what {
            What::Call { .. } | What::Cancel => loops::far::<Domains>(self.0, case, count),
            _ => loops::near::<Domain>(self.0, case, count),
        }
    }
}

/// One domain.
struct Domain;

impl Near for Domain {
    type How = Variant;
    type Task = Promise<io::Result<()>>;

    fn run<F>(variant: Variant, main: impl FnOnce(Self) -> F + Send + 'static) -> io::Result<F::Output>
    where
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        Builder::new().variant(variant).extra_domains(0).run(main(Self))
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
            stream.read(&mut [0; 64]).await.map(drop)
        })
    }

    fn sleeps(&self, until: Instant, begun: Tally) -> Self::Task {
        spawn(async move {
            begun.add();
            Ok(sleep_until(until).await?)
        })
    }

    fn waits(&self, woken: Woken) -> Self::Task {
        spawn(woken.wait())
    }

    async fn join(&self, task: Self::Task) -> io::Result<()> {
        task.await?
    }

    async fn cancel(&self, task: Self::Task) -> io::Result<()> {
        Ok(task.cancel().await?)
    }
}

/// Two domains.
struct Domains;

impl Far for Domains {
    type How = Variant;
    type Sleeper = Promise<io::Result<()>>;

    fn run<F>(variant: Variant, main: impl FnOnce(Self) -> F + Send + 'static) -> io::Result<F::Output>
    where
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        Builder::new().variant(variant).extra_domains(1).run(main(Self))
    }

    async fn call(&self) -> io::Result<()> {
        Ok(call(|| async {}).await?)
    }

    fn sleeper(&self, begun: Tally) -> io::Result<Self::Sleeper> {
        Ok(call(move || async move {
            begun.add();
            Ok(sleep(Duration::MAX).await?)
        }))
    }

    async fn cancel(&self, sleeper: Self::Sleeper) -> io::Result<()> {
        Ok(sleeper.cancel().await?)
    }
}
