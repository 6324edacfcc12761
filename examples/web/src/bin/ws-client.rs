//! Sends messages to a web socket, and prints the answer to each.

use std::process::ExitCode;

use async_tungstenite::{
    client_async,
    tungstenite::{Message, http::Uri},
};
use futures_lite::StreamExt;
use vigie::net::TcpStream;
use vigie_web_examples::{
    Error,
    options::{self, Run, Words},
};

const HELP: &str = "\
Sends messages to a web socket, and prints the answer to each.

Usage: ws-client [OPTIONS] ws://ADDR:PORT/PATH MESSAGE...

Options:
  --stay               then wait for the server's end";

fn main() -> ExitCode {
    options::main("ws-client", HELP, client)
}

fn client(mut words: Words) -> Result<(), Error> {
    let (mut run, mut stay, mut said) = (Run::default(), false, Vec::new());
    while let Some(word) = words.next() {
        match word.as_str() {
            "--stay" => stay = true,
            _ if word.starts_with("--") => run.take(&word, &mut words)?,
            _ => said.push(word),
        }
    }
    let mut said = said.into_iter();
    let url: Uri = said.next().ok_or("which URL? Try --help.")?.parse()?;
    let address = url.authority().ok_or("the URL has no host")?.to_string();
    run.builder().run(async move {
        let stream = TcpStream::connect(address.as_str()).await?;
        stream.set_nodelay(true)?;
        let (mut socket, _) = client_async(url, stream).await?;
        for message in said {
            socket.send(Message::text(message)).await?;
            println!("{}", socket.next().await.ok_or("the server has gone")??);
        }
        if !stay {
            socket.close(None).await?;
        }
        // Until the server has closed it, too.
        while let Some(message) = socket.next().await {
            message?;
        }
        println!("closed");
        Ok(())
    })?
}
