//! Glommio, on io_uring; it listens by itself, with the backlog that all have.

use std::io;

use futures_lite::future::yield_now;
use glommio::{
    LocalExecutor, LocalExecutorBuilder, Placement,
    net::{TcpListener, TcpStream},
    spawn_local,
};

use super::common;
use crate::args;

/// As many operations at a time as monoio and compio have by themselves.
const RING: usize = 1024;

pub(super) fn serve(job: &args::Serve) -> io::Result<()> {
    let job = job.clone();
    executor()?.run(async move {
        let listener = TcpListener::bind(common::ANY_PORT)?;
        for _ in 0..job.burners {
            let burner = async {
                loop {
                    common::burn();
                    yield_now().await;
                }
            };
            spawn_local::<()>(burner).detach();
        }
        for _ in 0..job.idle_tasks {
            spawn_local(common::idle()).detach();
        }
        common::ready(listener.local_addr()?)?;
        loop {
            let stream = listener.accept().await?;
            spawn_local(connection(stream)).detach();
        }
    })
}

pub(super) fn start() -> io::Result<()> {
    executor()?.run(async {});
    Ok(())
}

fn executor() -> io::Result<LocalExecutor> {
    Ok(LocalExecutorBuilder::new(Placement::Unbound).ring_depth(RING).make()?)
}

async fn connection(stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    common::echo(stream).await
}
