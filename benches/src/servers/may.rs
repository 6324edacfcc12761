//! May: a coroutine with a stack for each connection, on one worker; it listens by itself, with the backlog that
//! all have.

use std::{
    io::{self, Read, Write},
    sync::Once,
};

use may::{
    coroutine::{JoinHandle, park, yield_now},
    go,
    net::{TcpListener, TcpStream},
};

use super::common;
use crate::args;

pub(super) fn serve(job: &args::Serve) -> io::Result<()> {
    configure();
    let job = job.clone();
    join(go!(move || -> io::Result<()> {
        let listener = TcpListener::bind(common::ANY_PORT)?;
        for _ in 0..job.burners {
            go!(|| {
                loop {
                    common::burn();
                    yield_now();
                }
            });
        }
        for _ in 0..job.idle_tasks {
            go!(|| {
                loop {
                    park();
                }
            });
        }
        common::ready(listener.local_addr()?)?;
        loop {
            let (stream, _) = listener.accept()?;
            go!(move || echo(stream));
        }
    }))?
}

pub(super) fn start() -> io::Result<()> {
    configure();
    join(go!(|| {}))
}

/// One worker, which runs where the process may run.
fn configure() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        may::config().set_workers(1).set_worker_pin(false);
    });
}

fn join<T>(coroutine: JoinHandle<T>) -> io::Result<T> {
    coroutine.join().map_err(|_| io::Error::other("the coroutine panicked"))
}

fn echo(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; common::BUFFER];
    loop {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..count])?;
    }
}
