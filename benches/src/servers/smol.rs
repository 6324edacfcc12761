//! Smol, in its parts: async-executor's local executor, driven by async-io's reactor on the same thread.

use std::{io, net::TcpStream};

use async_executor::LocalExecutor;
use async_io::{Async, block_on};
use futures_lite::future::yield_now;

use super::common;
use crate::args;

pub(super) fn serve(job: &args::Serve) -> io::Result<()> {
    let executor = LocalExecutor::new();
    block_on(executor.run(async {
        let listener = Async::<std::net::TcpListener>::try_from(common::listen()?)?;
        for _ in 0..job.burners {
            let burner = async {
                loop {
                    common::burn();
                    yield_now().await;
                }
            };
            executor.spawn::<()>(burner).detach();
        }
        for _ in 0..job.idle_tasks {
            executor.spawn(common::idle()).detach();
        }
        common::ready(listener.get_ref().local_addr()?)?;
        loop {
            let (stream, _) = listener.accept().await?;
            executor.spawn(connection(stream)).detach();
        }
    }))
}

pub(super) fn start() -> io::Result<()> {
    block_on(LocalExecutor::new().run(async {}));
    Ok(())
}

async fn connection(stream: Async<TcpStream>) -> io::Result<()> {
    stream.get_ref().set_nodelay(true)?;
    common::echo(stream).await
}
