//! A rude client: requests of every kind, which it leaves half-way.

use std::{io, net::SocketAddr, process::ExitCode, time::Duration};

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use vigie::{TaskSet, net::TcpStream, yield_now};
use vigie_web_examples::{
    Error,
    options::{self, Run, Words},
};

const HELP: &str = "\
Asks again and again, and goes before the answer is there.

Usage: disconnects [OPTIONS] ADDR

Options:
  --requests N         how many                              [10000]
  --at-once N          of them at a time                     [64]
  --seed N             for the same again";

fn main() -> ExitCode {
    options::main("disconnects", HELP, disconnects)
}

fn disconnects(mut words: Words) -> Result<(), Error> {
    let (mut run, mut address, mut requests, mut at_once) = (Run::default(), None, 10_000_usize, 64_usize);
    let mut seed = fastrand::u64(..);
    while let Some(option) = words.next() {
        match option.as_str() {
            "--requests" => requests = words.value(&option)?,
            "--at-once" => at_once = words.value(&option)?,
            "--seed" => seed = words.value(&option)?,
            _ if option.starts_with("--") => run.take(&option, &mut words)?,
            _ => address = Some(option.parse::<SocketAddr>()?),
        }
    }
    let address = address.ok_or("which address? Try --help.")?;
    println!("seed {seed}");
    fastrand::seed(seed);
    run.builder().run(async move {
        let mut clients = TaskSet::new();
        for _ in 0..requests {
            while clients.len() >= at_once.max(1) {
                if let Some(ended) = clients.next().await {
                    ended??;
                }
            }
            clients.spawn(leave(address));
        }
        while let Some(ended) = clients.next().await {
            ended??;
        }
        println!("{requests} requests left half-way");
        Ok(())
    })?
}

/// One connection. That it cannot be made is an error; what the server does of it is not.
async fn leave(address: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let asked = ask();
    // Sometimes not even all of the request.
    let sent = if fastrand::bool() { asked.len() } else { fastrand::usize(..=asked.len()) };
    let _ = stream.write_all(&asked[..sent]).await;
    if sent == asked.len() && fastrand::bool() {
        let mut buffer = vec![0; fastrand::usize(1..10_000)];
        let _ = stream.read(&mut buffer).await;
    }
    for _ in 0..fastrand::usize(..4) {
        yield_now().await;
    }
    if fastrand::bool() {
        // With a reset.
        stream.set_linger(Some(Duration::ZERO))?;
    }
    Ok(())
}

/// A request that may take long, or several, by HTTP/1 or by HTTP/2. Each has at least one answer soon.
fn ask() -> Vec<u8> {
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: here\r\n\r\n");
    match fastrand::u32(..6) {
        0 => get("/bytes/1000000").into(),
        1 => (get("/") + &get("/slow/60000")).into(),
        2 => [b"POST /echo HTTP/1.1\r\nhost: here\r\ncontent-length: 100000\r\n\r\n", &[b'x'; 5000][..]]
            .concat(),
        3 => get("/").repeat(20).into(),
        4 => {
            let upgrade = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n";
            let key = "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
            format!("GET /ws HTTP/1.1\r\nhost: here\r\n{upgrade}{key}\r\n").into()
        }
        _ => {
            let mut asked = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
            asked.extend(frame(4, 0, 0, &[]));
            for stream in 0..fastrand::u32(1..20) {
                let path: &[u8] = if fastrand::bool() { b"/slow/60000" } else { b"/bytes/200000" };
                // Of HPACK's static table: GET, http, the name of the path, and of the authority.
                let length = u8::try_from(path.len()).unwrap_or(0);
                let head = [&[0x82, 0x86, 0x04, length], path, &[0x01, 4], b"here"].concat();
                // The whole head, and no body.
                asked.extend(frame(1, 5, 2 * stream + 1, &head));
            }
            asked
        }
    }
}

/// A frame of HTTP/2, of less than 64 KiB.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, _, high, low] = u32::try_from(payload.len()).unwrap_or(0).to_be_bytes();
    [&[0, high, low, kind, flags], &stream.to_be_bytes()[..], payload].concat()
}
