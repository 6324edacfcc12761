//! A small Redis: enough of its protocol and its commands for `redis-cli`, `redis-benchmark` and the client
//! libraries; nothing is kept when it ends. `cargo run --release --features sync --example redis`, then `redis-cli`.
//!
//! All data lives on domain 0, with no lock, and one command is performed after the other. A command takes
//! less than the system calls by which it comes and its reply goes, let alone than a message to another
//! domain and back. So by default there is one domain, which does it all, as Redis does. With `--domains N`
//! connections live on all of them: those elsewhere send what they have read to the data, all commands of a
//! pipeline in one message, and write what comes back.

mod command;
mod data;
mod exchange;
mod glob;
mod reply;
mod request;
#[path = "../shared/mod.rs"]
mod shared;

use std::{cell::RefCell, io, process::ExitCode, rc::Rc};

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use vigie::{
    Domain, call_on, channel,
    net::{TcpListener, TcpStream},
    spawn,
};

use data::Data;
use exchange::{Access, Exchange, Next, keep};
use shared::{Args, Program, Stop, announce, ctrl_c, part, raise_descriptor_limit, serve_here, stop_reading};

const PROGRAM: Program = Program {
    name: "redis",
    help: "\
A small Redis, of which nothing is kept when it ends.

Usage: redis [OPTIONS]                 serve until Ctrl-C

Options:
  --listen ADDR        where to serve                        [127.0.0.1:6379; port 0: any]
  --events NAME        observer, always or pipe              [observer]
  --poller NAME        mio or polling, as far as built in    [mio]
  --domains N          domains, the first included           [1]
  --grace SECONDS      how long Ctrl-C waits for replies to be read [1]
  --help               this text",
};

fn main() -> ExitCode {
    match PROGRAM.args(6379, |_, _| Ok(false)) {
        Ok(args) => PROGRAM.end(serve(Args { domains: args.domains.or(Some(1)), ..args })),
        Err(status) => status,
    }
}

fn serve(args: Args) -> io::Result<()> {
    raise_descriptor_limit();
    args.builder().run(async move {
        let listener = TcpListener::bind(args.listen)?;
        let stop = ctrl_c()?;
        announce(listener.local_addr()?)?;

        let (data, expiring) = Data::new();
        let data = Rc::new(RefCell::new(data));
        // Cancelled at the end of this block.
        let _sweeper = spawn(data::sweep(data.clone(), expiring));
        let (orders, theirs) = channel::bounded(1024);
        let keeper = spawn(keep(data.clone(), theirs));

        let mut servers = Vec::new();
        for domain in Domain::available() {
            let (listener, stop, orders) = (listener.try_clone()?, stop.clone(), orders.clone());
            servers.push(call_on(domain, move || {
                let access = Access::There(orders);
                serve_here(listener, stop, args.grace, move |stream, stop| {
                    attend(stream, access.clone(), stop)
                })
            }));
        }
        drop(orders);
        let access = Access::Here(data);
        let attend_here = move |stream, stop| attend(stream, access.clone(), stop);
        servers.push(spawn(serve_here(listener, stop, args.grace, attend_here)));

        let mut served = 0;
        for server in servers {
            served += server.await??;
        }
        keeper.await?;
        println!("served {served} connections");
        Ok(())
    })?
}

/// One connection, to its end.
async fn attend(stream: TcpStream, access: Access, stop: Stop) {
    let stream = Rc::new(stream);
    // A child: it is cancelled when the connection ends.
    let _stopping = spawn(stop_reading(stream.clone(), stop));
    // Whatever it is, the connection has gone, and nobody is left to tell.
    let _ = converse(&stream, access).await;
}

async fn converse(stream: &TcpStream, access: Access) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut socket = stream;
    let mut exchange = Exchange::default();
    loop {
        let count = socket.read(exchange.room()).await?;
        if count == 0 {
            return Ok(());
        }
        exchange.received(count);
        let mut next = Next::Perform;
        while next == Next::Perform {
            (exchange, next) = access.perform(exchange).await?;
            socket.write_all(exchange.replies()).await?;
            exchange.sent();
        }
        if next == Next::Part {
            return part(stream).await;
        }
    }
}
