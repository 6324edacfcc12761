//! Monoio, on epoll and on io_uring.

use std::io;

use monoio::{
    IoUringDriver, LegacyDriver, RuntimeBuilder,
    io::{AsyncReadRent, AsyncWriteRentExt},
    net::{TcpListener, TcpStream},
};

use super::common;
use crate::args;

pub(super) fn serve_epoll(job: &args::Serve) -> io::Result<()> {
    RuntimeBuilder::<LegacyDriver>::new().build()?.block_on(serve(job))
}

pub(super) fn serve_uring(job: &args::Serve) -> io::Result<()> {
    RuntimeBuilder::<IoUringDriver>::new().build()?.block_on(serve(job))
}

pub(super) fn start_epoll() -> io::Result<()> {
    RuntimeBuilder::<LegacyDriver>::new().build()?.block_on(async {});
    Ok(())
}

pub(super) fn start_uring() -> io::Result<()> {
    RuntimeBuilder::<IoUringDriver>::new().build()?.block_on(async {});
    Ok(())
}

async fn serve(job: &args::Serve) -> io::Result<()> {
    let listener = TcpListener::from_std(common::listen()?)?;
    for _ in 0..job.burners {
        monoio::spawn(async {
            loop {
                common::burn();
                // A task that wakes itself would run again at once, before all others.
                monoio::spawn(async {}).await;
            }
        });
    }
    for _ in 0..job.idle_tasks {
        monoio::spawn(common::idle());
    }
    common::ready(listener.local_addr()?)?;
    loop {
        let (stream, _) = listener.accept().await?;
        monoio::spawn(echo(stream));
    }
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(common::BUFFER);
    loop {
        let (count, read) = stream.read(buffer).await;
        if count? == 0 {
            return Ok(());
        }
        let (written, emptied) = stream.write_all(read).await;
        written?;
        buffer = emptied;
    }
}
