//! What the server serves: axum's routes.

use std::{future::Future, time::Duration};

use async_tungstenite::{
    WebSocketStream,
    tungstenite::{handshake::derive_accept_key, protocol::Role},
};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use futures_channel::oneshot;
use futures_lite::{StreamExt, future::or, stream};
use hyper::{
    rt::Executor as _,
    upgrade::{OnUpgrade, Upgraded},
};
use vigie::{
    hyper::{Executor, Io},
    time::sleep,
    tree,
};

use crate::{Error, stop::Stop};

/// The routes.
pub fn site(stop: Stop) -> Router {
    Router::new()
        .route("/", get("Ahoy from the crow's nest.\n"))
        .route("/echo", post(echo))
        .route("/bytes/{count}", get(bytes))
        .route("/slow/{millis}", get(slow))
        .route("/tasks", get(tasks))
        .route("/ws", any(web_socket))
        .with_state(stop)
}

/// The body, piece by piece, as it comes.
async fn echo(request: Request) -> Body {
    request.into_body()
}

/// So many bytes, of lines that say `vigie`.
async fn bytes(Path(count): Path<u64>) -> impl IntoResponse {
    const LINE: &[u8] = b"vigie\n";
    let piece = Bytes::from(LINE.repeat(10_000));
    let size = piece.len() as u64;
    let pieces = (0..count.div_ceil(size)).map(move |at| {
        let left = size.min(count - at * size);
        // It is no longer than a piece.
        Ok::<_, Error>(piece.slice(..left as usize))
    });
    ([(header::CONTENT_LENGTH, count)], Body::from_stream(stream::iter(pieces)))
}

/// An answer that takes its time.
async fn slow(Path(millis): Path<u64>) -> Result<String, StatusCode> {
    match here(sleep(Duration::from_millis(millis))).await {
        Some(Ok(())) => Ok(format!("after {millis} ms\n")),
        _ => Err(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// How many tasks live, on all domains.
async fn tasks() -> Result<String, StatusCode> {
    match here(tree()).await {
        Some(Ok(tree)) => Ok(format!("{}\n", tree.tasks().len())),
        _ => Err(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// The output of a future that is not `Send`, for a handler, which axum wants to be. It runs as a child of the
/// task that drives the connection, and ends when the handler does.
fn here<F>(future: F) -> impl Future<Output = Option<F::Output>> + Send + use<F>
where
    F: Future<Output: Send> + 'static,
{
    let (mut sender, receiver) = oneshot::channel();
    Executor.execute(async move {
        let output = or(async { Some(future.await) }, async {
            sender.cancellation().await;
            None
        });
        if let Some(output) = output.await {
            // The handler has gone meanwhile.
            let _ = sender.send(output);
        }
    });
    async { receiver.await.ok() }
}

/// Answers each message with itself, until the client or the server has had enough.
async fn web_socket(State(stop): State<Stop>, mut request: Request) -> Response {
    let headers = request.headers();
    let upgrades =
        headers.get(header::UPGRADE).is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket"));
    let accepted = headers.get(header::SEC_WEBSOCKET_KEY).map(|key| derive_accept_key(key.as_bytes()));
    let (true, Some(accepted)) = (upgrades, accepted) else {
        return (StatusCode::UPGRADE_REQUIRED, "this is for web sockets\n").into_response();
    };
    let Ok(accepted) = HeaderValue::try_from(accepted) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let upgrade = hyper::upgrade::on(&mut request);
    // A child of the connection's task, which lasts as long as the socket does.
    Executor.execute(async move {
        if let Err(error) = echo_messages(upgrade, stop).await {
            eprintln!("a web socket: {error}");
        }
    });
    let headers = [
        (header::CONNECTION, HeaderValue::from_static("upgrade")),
        (header::UPGRADE, HeaderValue::from_static("websocket")),
        (header::SEC_WEBSOCKET_ACCEPT, accepted),
    ];
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}

async fn echo_messages(upgrade: OnUpgrade, stop: Stop) -> Result<(), Error> {
    let stream: Io<Upgraded> = Io::new(upgrade.await?);
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
    loop {
        match stop.or(socket.next()).await {
            Some(Some(message)) => {
                let message = message?;
                if message.is_text() || message.is_binary() {
                    socket.send(message).await?;
                }
            }
            Some(None) => return Ok(()),
            None => return Ok(socket.close(None).await?),
        }
    }
}
