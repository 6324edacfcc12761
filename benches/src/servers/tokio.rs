//! Tokio, current-thread: with tasks of the runtime itself, and with those of a `LocalSet`.

use std::{future::Future, io};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::{Builder, Runtime},
    task::{LocalSet, spawn_local, yield_now},
};

use super::common;
use crate::args;

pub(super) fn serve_current(job: &args::Serve) -> io::Result<()> {
    runtime()?.block_on(serve::<Current>(job))
}

pub(super) fn serve_local_set(job: &args::Serve) -> io::Result<()> {
    LocalSet::new().block_on(&runtime()?, serve::<Local>(job))
}

pub(super) fn start_current() -> io::Result<()> {
    runtime()?.block_on(async {});
    Ok(())
}

pub(super) fn start_local_set() -> io::Result<()> {
    LocalSet::new().block_on(&runtime()?, async {});
    Ok(())
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_io().build()
}

/// Where tasks go.
trait Spawn {
    fn spawn(task: impl Future<Output = ()> + Send + 'static);
}

struct Current;

impl Spawn for Current {
    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(task);
    }
}

struct Local;

impl Spawn for Local {
    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        spawn_local(task);
    }
}

async fn serve<S: Spawn>(job: &args::Serve) -> io::Result<()> {
    let listener = TcpListener::from_std(common::listen()?)?;
    for _ in 0..job.burners {
        S::spawn(async {
            loop {
                common::burn();
                yield_now().await;
            }
        });
    }
    for _ in 0..job.idle_tasks {
        S::spawn(common::idle());
    }
    common::ready(listener.local_addr()?)?;
    loop {
        let (stream, _) = listener.accept().await?;
        S::spawn(async move {
            // An error ends the connection, as its end does.
            let _ = echo(stream).await;
        });
    }
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; common::BUFFER];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..count]).await?;
    }
}
