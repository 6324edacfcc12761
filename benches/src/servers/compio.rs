//! Compio, with its driver that polls and on io_uring.

use std::io;

use compio::{
    BufResult,
    driver::{DriverType, ProactorBuilder},
    io::{AsyncRead, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::{Runtime, spawn},
};
use futures_lite::future::yield_now;

use super::common;
use crate::args;

pub(super) fn serve_poll(job: &args::Serve) -> io::Result<()> {
    runtime(DriverType::Poll)?.block_on(serve(job))
}

pub(super) fn serve_uring(job: &args::Serve) -> io::Result<()> {
    runtime(DriverType::IoUring)?.block_on(serve(job))
}

pub(super) fn start_poll() -> io::Result<()> {
    runtime(DriverType::Poll)?.block_on(async {});
    Ok(())
}

pub(super) fn start_uring() -> io::Result<()> {
    runtime(DriverType::IoUring)?.block_on(async {});
    Ok(())
}

fn runtime(driver: DriverType) -> io::Result<Runtime> {
    let mut proactor = ProactorBuilder::new();
    proactor.driver_type(driver);
    let runtime = Runtime::builder().with_proactor(proactor).build()?;
    if runtime.driver_type() != driver {
        return Err(io::Error::other(format!("compio took the driver {:?}", runtime.driver_type())));
    }
    Ok(runtime)
}

async fn serve(job: &args::Serve) -> io::Result<()> {
    let listener = TcpListener::from_std(common::listen()?)?;
    for _ in 0..job.burners {
        let burner = async {
            loop {
                common::burn();
                yield_now().await;
            }
        };
        spawn::<_>(burner).detach();
    }
    for _ in 0..job.idle_tasks {
        spawn(common::idle()).detach();
    }
    common::ready(listener.local_addr()?)?;
    loop {
        let (stream, _) = listener.accept().await?;
        spawn(echo(stream)).detach();
    }
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(common::BUFFER);
    loop {
        buffer.clear();
        let BufResult(count, read) = stream.read(buffer).await;
        if count? == 0 {
            return Ok(());
        }
        let BufResult(written, back) = stream.write_all(read).await;
        written?;
        buffer = back;
    }
}
