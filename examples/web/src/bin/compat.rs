//! What is written for tokio's traits, on a vigie stream: lines, by tokio-util's codec.

use std::process::ExitCode;

use futures_lite::StreamExt;
use futures_util::SinkExt;
use tokio_util::{
    codec::{Framed, LinesCodec},
    compat::FuturesAsyncReadCompatExt,
};
use vigie::{
    net::{TcpListener, TcpStream},
    spawn,
};
use vigie_web_examples::{
    Error,
    options::{self, Run, Words},
};

const HELP: &str = "\
Sends lines to a server of its own, which shouts them back.

Usage: compat [OPTIONS] LINE...

Options:";

fn main() -> ExitCode {
    options::main("compat", HELP, lines)
}

fn lines(mut words: Words) -> Result<(), Error> {
    let (mut run, mut said) = (Run::default(), Vec::new());
    while let Some(word) = words.next() {
        if word.starts_with("--") { run.take(&word, &mut words)? } else { said.push(word) }
    }
    run.builder().run(async move {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let server = spawn(async move {
            let (stream, _) = listener.accept().await?;
            let mut lines = Framed::new(stream.compat(), LinesCodec::new());
            while let Some(line) = lines.next().await {
                lines.send(line?.to_uppercase()).await?;
            }
            Ok::<_, Error>(())
        });
        let mut lines = Framed::new(TcpStream::connect(address).await?.compat(), LinesCodec::new());
        for line in said {
            lines.send(line).await?;
            println!("{}", lines.next().await.ok_or("the server has gone")??);
        }
        drop(lines);
        server.await?
    })?
}
