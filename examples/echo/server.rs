//! The server: one listener, accepted from by every domain.

use std::io;

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use vigie::{
    Domain,
    net::{TcpListener, TcpStream},
};

use crate::shared::{self, Args, announce, ctrl_c, raise_descriptor_limit};

/// Serves until Ctrl-C, then lets the open connections end for a while.
pub(crate) fn serve(args: Args) -> io::Result<()> {
    raise_descriptor_limit();
    args.builder().run(async move {
        let listener = TcpListener::bind(args.listen)?;
        let stop = ctrl_c()?;
        announce(listener.local_addr()?)?;
        println!("{} on {}, {} domains", args.events, args.poller, Domain::all().len());
        let served = shared::serve(&args, listener, stop, || {
            |stream, _stop| async move {
                // An error says that the connection has gone, and only its peer misses it.
                let _ = echo(&stream).await;
            }
        });
        println!("served {} connections", served.await?);
        Ok(())
    })?
}

async fn echo(mut stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..count]).await?;
    }
}
