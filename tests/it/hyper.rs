//! HTTP by hyper: both versions, and the parts that they are served by.

mod http1;
mod http2;
mod runtime;

use std::convert::Infallible;

use ::hyper::{
    Request, Response,
    body::{Body, Bytes, Incoming},
};
use http_body_util::{BodyExt, Full};
use vigie::net::{TcpListener, TcpStream};

use crate::support::soon;

/// Awaits a connection until `stop` opens, then has it end gracefully, and awaits its end.
macro_rules! serve_until {
    ($stop:expr, $connection:expr) => {{
        let mut connection = std::pin::pin!($connection);
        let ended = futures_lite::future::or(async { Some(connection.as_mut().await) }, async {
            $stop.opened().await;
            None
        });
        match ended.await {
            Some(ended) => ended,
            None => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    }};
}
use serve_until;

/// Two ends of a connection: a client's and a server's.
async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (far, _) = listener.accept().await.unwrap();
    near.set_nodelay(true).unwrap();
    far.set_nodelay(true).unwrap();
    (near, far)
}

/// A service that gives the body back, piece by piece.
async fn echo(request: Request<Incoming>) -> Result<Response<Incoming>, Infallible> {
    Ok(Response::new(request.into_body()))
}

fn request(path: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    // A client of HTTP/2 takes the host from here.
    Request::post(format!("http://test{path}")).header("host", "test").body(Full::new(body.into())).unwrap()
}

fn answer(body: impl Into<Bytes>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::new(body.into())))
}

async fn bytes<B: Body<Error: std::fmt::Debug>>(message: Response<B>) -> Bytes {
    soon(message.into_body().collect()).await.unwrap().to_bytes()
}

async fn live_tasks() -> usize {
    vigie::tree().await.unwrap().tasks().len()
}
