//! Fetches one URL: status and headers to the error output, the body to the standard output.

use std::{
    fs,
    io::{self, Write},
    net::{SocketAddr, ToSocketAddrs},
    path::PathBuf,
    process::ExitCode,
};

use futures_rustls::{TlsConnector, pki_types::ServerName};
use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, Response, Uri,
    body::{Bytes, Incoming},
    client::conn::{http1, http2},
    header::HOST,
    rt::{Read, Write as HyperWrite},
};
use vigie::{
    hyper::{Executor, Io, Timer},
    net::TcpStream,
    spawn,
};
use vigie_web_examples::{
    Error,
    options::{self, Run, Words},
    tls,
};

const HELP: &str = "\
Fetches a URL, and follows nothing.

Usage: http-client [OPTIONS] URL

Options:
  --trust FILE         the certificates to trust, for https
  --http2              HTTP/2 also in the clear
  --post FILE          send the file";

fn main() -> ExitCode {
    options::main("http-client", HELP, client)
}

fn client(mut words: Words) -> Result<(), Error> {
    let (mut run, mut url, mut trusted, mut http2, mut sent) = (Run::default(), None, None, false, None);
    while let Some(option) = words.next() {
        match option.as_str() {
            "--trust" => trusted = Some(words.value::<PathBuf>(&option)?),
            "--http2" => http2 = true,
            "--post" => sent = Some(Bytes::from(fs::read(words.value::<PathBuf>(&option)?)?)),
            _ if option.starts_with("--") => run.take(&option, &mut words)?,
            _ => url = Some(option.parse::<Uri>()?),
        }
    }
    let url = url.ok_or("which URL? Try --help.")?;
    let host = url.host().ok_or("the URL has no host")?.to_owned();
    let secure = url.scheme_str() == Some("https");
    let port = url.port_u16().unwrap_or(if secure { 443 } else { 80 });
    // Looking a name up blocks: before the run.
    let addresses: Vec<SocketAddr> = (host.trim_matches(['[', ']']), port).to_socket_addrs()?.collect();
    let connector = match (secure, trusted) {
        (false, _) => None,
        (true, Some(trusted)) => Some(tls::connector(&trusted)?),
        (true, None) => return Err("https needs --trust".into()),
    };
    let mut request = Request::builder().uri(&url);
    if sent.is_some() {
        request = request.method(Method::POST);
    }
    let request = request.body(Full::new(sent.unwrap_or_default()))?;
    run.builder().run(async move {
        let stream = TcpStream::connect(addresses.as_slice()).await?;
        stream.set_nodelay(true)?;
        match connector {
            None if http2 => fetch_http2(Io::new(stream), request).await,
            None => fetch_http1(Io::new(stream), request).await,
            Some(connector) => fetch_tls(connector, host, stream, request).await,
        }
    })?
}

/// The version is what both ends have agreed upon.
async fn fetch_tls(
    connector: TlsConnector,
    host: String,
    stream: TcpStream,
    request: Request<Full<Bytes>>,
) -> Result<(), Error> {
    let stream = connector.connect(ServerName::try_from(host)?, stream).await?;
    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let stream = Io::new(stream);
    if http2 { fetch_http2(stream, request).await } else { fetch_http1(stream, request).await }
}

async fn fetch_http1<T>(stream: T, mut request: Request<Full<Bytes>>) -> Result<(), Error>
where
    T: Read + HyperWrite + Unpin + 'static,
{
    // The path alone, as servers expect it; the rest is a header.
    let authority = request.uri().authority().ok_or("the URL has no host")?.as_str().parse()?;
    request.headers_mut().insert(HOST, authority);
    *request.uri_mut() = request.uri().path_and_query().map_or("/", |path| path.as_str()).parse()?;
    let (mut sender, connection) = http1::handshake(stream).await?;
    let connection = spawn(connection);
    show(sender.send_request(request).await?).await?;
    drop(sender);
    Ok(connection.await??)
}

async fn fetch_http2<T>(stream: T, request: Request<Full<Bytes>>) -> Result<(), Error>
where
    T: Read + HyperWrite + Unpin + 'static,
{
    let (mut sender, connection) = http2::Builder::new(Executor).timer(Timer).handshake(stream).await?;
    let connection = spawn(connection);
    show(sender.send_request(request).await?).await?;
    drop(sender);
    Ok(connection.await??)
}

async fn show(response: Response<Incoming>) -> Result<(), Error> {
    let status = response.status();
    eprintln!("{:?} {status}", response.version());
    for (name, value) in response.headers() {
        eprintln!("{name}: {}", String::from_utf8_lossy(value.as_bytes()));
    }
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            io::stdout().write_all(&data)?;
        }
    }
    io::stdout().flush()?;
    if status.is_success() { Ok(()) } else { Err(status.to_string().into()) }
}
