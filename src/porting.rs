//! From other runtimes to this one: what becomes of what.
//!
//! This module holds no code.
//!
//! # From tokio
//!
//! Two things change in a program, and most of the rest is a matter of names.
//!
//! **A task is in somebody's hands.** A `JoinHandle` that is dropped leaves its task running; a
//! [`Promise`](crate::Promise) that is dropped cancels it, and no task outlives the one that started it. So a
//! server keeps its connections in a [`TaskSet`](crate::TaskSet), and what is to go on in the background is
//! started where it may end: in the main task, in the task that owns the connection.
//!
//! **A task stays on its domain.** Nothing is stolen, so a future need not be `Send`, and tasks of one domain share by
//! `Rc` and `Cell`. Work goes to another domain by [`call`](crate::call), to which only a closure
//! travels: a server that used the multi-threaded scheduler calls a task for each connection, or listens on
//! every domain.
//!
//! ```
//! use vigie::{TaskSet, TryNext, net::TcpListener};
//!
//! # async fn serve(_: vigie::net::TcpStream) {}
//! // tokio: loop { let (stream, _) = listener.accept().await?; tokio::spawn(serve(stream)); }
//! async fn server(listener: TcpListener) -> std::io::Result<()> {
//!     let mut connections = TaskSet::new();
//!     loop {
//!         let (stream, _) = listener.accept().await?;
//!         connections.call(move || serve(stream));
//!         while let TryNext::Ready(_ended) = connections.try_next() {}
//!     }
//! }
//! ```
//!
//! | tokio | here |
//! |---|---|
//! | `#[tokio::main]`, `Runtime::block_on` | [`run`](crate::run), [`Builder::run`](crate::Builder::run) |
//! | `worker_threads(n)` | [`Builder::extra_domains(n - 1)`](crate::Builder::extra_domains): the calling thread is a domain too |
//! | `tokio::spawn` | [`call`](crate::call), a task elsewhere; or [`spawn`](crate::spawn()), one here |
//! | `spawn_local`, `LocalSet` | [`spawn`](crate::spawn()) |
//! | `JoinHandle::abort` | [`Promise::cancel`](crate::Promise::cancel), which can be awaited until all has ended; dropping does the same |
//! | a detached task | a member of a [`TaskSet`](crate::TaskSet) of whoever is to outlive it |
//! | `JoinSet` | [`TaskSet`](crate::TaskSet) |
//! | `JoinError` | [`TaskError`](crate::TaskError) |
//! | `tokio::join!`, `try_join!` | [`scope`](crate::scope()) for futures that borrow, [`both`](crate::both) and [`await_all`](crate::await_all) for tasks; or futures-lite's `zip` |
//! | `tokio::select!` | [`await_first`](crate::await_first) and [`await_one`](crate::await_one) for tasks; or futures-lite's `or`, `race` |
//! | `task::Builder::name` | [`name_task`](crate::name_task), called by the task itself |
//! | `task::yield_now` | [`yield_now`](crate::yield_now) |
//! | `task::consume_budget`, `coop` | [`yield_if_needed`](crate::yield_if_needed), [`should_yield`](crate::should_yield) in computations; [`events::charged`](crate::events::charged) in operations |
//! | `task_local!`, `thread_local!` | [`TaskLocal`](crate::TaskLocal), [`DomainLocal`](crate::DomainLocal) |
//! | `CancellationToken`, a `select!` around a section | [`uncancellable`](crate::uncancellable), [`protect`](crate::protect) |
//! | `time::{sleep, timeout, interval}` | the same in [`time`](crate::time); they can fail, since the events are injected |
//! | `net::{TcpListener, TcpStream, UdpSocket, Unix…}` | the same in [`net`](crate::net), with the traits of `futures-io` |
//! | `AsyncRead`, `AsyncWrite` of tokio | by `tokio-util`'s `compat`: `examples/web/src/bin/compat.rs` |
//! | `into_split` | [`TcpStream::split`](crate::net::TcpStream::split), on one domain; [`try_clone`](crate::net::TcpStream::try_clone) for two |
//! | `io::unix::AsyncFd` | [`io::AsyncFd`](crate::io::AsyncFd) |
//! | `sync::{Mutex, RwLock, Semaphore, Barrier, Notify, OnceCell}` | the same in [`lock`](crate::lock), where `Notify` is `Event` |
//! | `task::spawn_blocking` | [`unblock`](crate::unblock): an error is that of a thread that cannot be had; a panic goes on in who awaits it |
//! | `fs`, `io::stdin` | [`fs`](crate::fs), [`io`](crate::io) |
//! | `net::lookup_host` | the same in [`net`](crate::net) |
//! | `signal`, `process` | the modules of the same names |
//! | `RuntimeMetrics`, `tokio-console` | [`Domain::metrics`](crate::Domain::metrics), [`tree()`](crate::tree()), [`Builder::stall_watch`](crate::Builder::stall_watch), the feature `tracing` |
//! | `hyper-util`'s `TokioExecutor`, `TokioTimer`, `TokioIo` | the module `hyper` |
//! | `sync::mpsc`, `broadcast`, `watch`, `oneshot` | [`channel`](crate::channel); the result of a task takes the place of most `oneshot`s |
//! | `runtime::Handle` on another thread | [`SignalSender`](crate::events::SignalSender), or a channel |
//!
//! ## What does not come along
//!
//! What moves sockets and timers between threads as it likes. `quinn` is such a crate: its `Runtime` spawns futures
//! that are `Send`, from any thread, and hands them a socket that has to be `Send + Sync` and timers that have to be
//! `Send`; a socket here is not `Sync`, since one domain at a time watches it, and a future that waits does not leave its domain. An
//! implementation would have to pass each datagram and each deadline through a channel to the task that has the
//! socket, and would lose by that what the socket is good for. What lies beneath works as it is: `quinn-udp` on an
//! [`io::AsyncFd`](crate::io::AsyncFd), whose docs show it, and `quinn-proto`, which does no input or output.
//!
//! # From Miou
//!
//! | Miou | here |
//! |---|---|
//! | `Miou.run`, `~domains` | [`run`](crate::run), [`Builder::extra_domains`](crate::Builder::extra_domains) |
//! | `async` | [`spawn`](crate::spawn()) |
//! | `call`; `No_domain_available` | [`call`](crate::call), [`call_on`](crate::call_on); [`TaskError::NoDomainAvailable`](crate::TaskError::NoDomainAvailable) |
//! | `await`, `await_exn` | awaiting the [`Promise`](crate::Promise), which gives a `Result` |
//! | `await_all`, `await_one`, `await_first`, `both`, `parallel` | the same names |
//! | `cancel` | [`Promise::cancel`](crate::Promise::cancel); or dropping the promise |
//! | a child that was forgotten is an error (`Still_has_children`) | it is cancelled: its promise was dropped |
//! | `Not_a_child` | [`TaskError::NotAChild`](crate::TaskError::NotAChild); on another domain a type error |
//! | `orphans`, `care` | [`TaskSet`](crate::TaskSet), [`try_next`](crate::TaskSet::try_next) |
//! | `Ownership` | values, and their destructors |
//! | `Miou.protect` | [`protect`](crate::protect), [`uncancellable`](crate::uncancellable) |
//! | `yield`; quanta | [`yield_now`](crate::yield_now); [`Builder::quanta`](crate::Builder::quanta) |
//! | `Miou.Hook` | [`on_tick`](crate::on_tick) |
//! | `Mutex`, `Condition`, `Lazy` | [`lock`](crate::lock) |
//! | `run ~g` | [`Builder::seed`](crate::Builder::seed) |
//! | `syscall`, `suspend`, `uid` | [`Syscall`](crate::events::Syscall), [`Uid`](crate::events::Uid) |
//! | `events`: `select`, `interrupt`, `finaliser` | [`Events`](crate::events::Events) |
//! | the pipe by which `interrupt` ends a `select` that blocks | not needed: an observer pushes, and a parked domain is woken; [`Variant::Pipe`](crate::system::Variant::Pipe) has it still |
//! | `Miou_unix.{read, write, accept, connect}` | [`net`](crate::net), [`io`](crate::io) |
//! | `sys_signal` | `signal` |
//! | `Miou_unix.sleep` | [`time::sleep`](crate::time::sleep) |
