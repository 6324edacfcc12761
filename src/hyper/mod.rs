//! HTTP/1 and HTTP/2: what [hyper] asks of a runtime.
//!
//! [`Executor`] starts the tasks of an HTTP/2 connection, as children of the task that drives it. [`Io`]
//! carries a connection from the traits of `futures-io` to hyper's and back: a
//! [`TcpStream`](crate::net::TcpStream), or what TLS makes of one. `Timer`, there with the system's events,
//! gives hyper its timeouts.
//!
//! Services and bodies need not be `Send`: a connection stays on the domain of the task that drives it.
//! Only hyper's upgrades ask that of the stream, which a `TcpStream` is.
//!
//! ```
//! use http_body_util::{BodyExt, Full};
//! use hyper::{Request, Response, body::Bytes, client, server, service::service_fn};
//! use vigie::{
//!     hyper::{Executor, Io, Timer},
//!     net::{TcpListener, TcpStream},
//!     spawn,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! vigie::run(async {
//!     let listener = TcpListener::bind("127.0.0.1:0")?;
//!     let address = listener.local_addr()?;
//!     let server = spawn(async move {
//!         let (stream, _) = listener.accept().await?;
//!         let answer = service_fn(|request: Request<_>| async move {
//!             Ok::<_, hyper::Error>(Response::new(Full::<Bytes>::from(request.uri().path().to_owned())))
//!         });
//!         let mut builder = server::conn::http2::Builder::new(Executor);
//!         builder.timer(Timer).serve_connection(Io::new(stream), answer).await?;
//!         Ok::<_, Box<dyn std::error::Error>>(())
//!     });
//!
//!     let stream = Io::new(TcpStream::connect(address).await?);
//!     let (mut client, connection) = client::conn::http2::handshake(Executor, stream).await?;
//!     let connection = spawn(connection);
//!     let request = Request::get("http://localhost/ahoy").body(Full::<Bytes>::default())?;
//!     let answer = client.send_request(request).await?.into_body().collect().await?;
//!     assert_eq!(answer.to_bytes(), "/ahoy");
//!     drop(client);
//!     connection.await??;
//!     server.await?
//! })?
//! # }
//! ```

mod io;
#[cfg(feature = "system")]
mod timer;

use std::{future::Future, panic::Location};

pub use self::io::Io;
#[cfg(feature = "system")]
pub use self::timer::Timer;
use crate::task::spawn_unheld;

/// Starts what hyper has run beside a connection: for a server each stream of HTTP/2, for a client its
/// connection and its streams. HTTP/1 starts nothing.
///
/// Each becomes a child of the task that runs at that moment, as by [`spawn`](crate::spawn()), but nobody
/// holds its promise: that is the task that drives the connection, or for a client's connection the one that
/// awaits the handshake. So this task has finished only when they have, and when it is cancelled or panics
/// they are cancelled. A panic in one is reported by the panic hook, and ends that stream alone.
///
/// A client that keeps connections for whoever comes next has them as children of the task by whose request
/// they were opened; that task then lasts as long as they do.
///
/// Where no task can be started, outside of a run or in a destructor of a task that ends, the future is
/// dropped, and nobody is told: hyper expects no answer here. Its connection fails then, or is going anyway.
///
/// ```
/// use std::{cell::Cell, rc::Rc};
/// use hyper::rt::Executor as _;
/// use vigie::{hyper::Executor, spawn, yield_now};
///
/// vigie::run(async {
///     let steps = Rc::new(Cell::new(0));
///     let counts = steps.clone();
///     let connection = spawn(async move {
///         Executor.execute(async move {
///             counts.set(1);
///             yield_now().await;
///             counts.set(2);
///         });
///     });
///     connection.await.unwrap();
///     assert_eq!(steps.get(), 2);
/// }).unwrap();
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Executor;

impl<F> ::hyper::rt::Executor<F> for Executor
where
    F: Future + 'static,
    F::Output: 'static,
{
    #[track_caller]
    fn execute(&self, future: F) {
        // Nobody could be told of an error: hyper expects no answer.
        let _ = spawn_unheld(Location::caller(), future);
    }
}
