//! The standard streams, on the pool of threads of [`blocking`](crate::blocking).

use std::{
    fmt,
    io::{self, BufRead, Read, Write},
    panic::Location,
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll},
};

use futures_io::{AsyncRead, AsyncWrite};

use crate::blocking::Handle;

/// The standard input, as [`std::io::stdin`], whose buffer it shares.
#[track_caller]
pub fn stdin() -> Stdin {
    let wanted = Arc::new(());
    let source = Input(Arc::downgrade(&wanted));
    Stdin { handle: Handle::new(source, Location::caller()), _wanted: wanted }
}

/// The standard output, as [`std::io::stdout`], whose buffer it shares.
#[track_caller]
pub fn stdout() -> Stdout {
    Stdout(Handle::new(Output, Location::caller()))
}

/// The standard error output, as [`std::io::stderr`].
///
/// ```
/// use futures_lite::AsyncWriteExt;
///
/// vigie::run(async {
///     let mut stderr = vigie::io::stderr();
///     stderr.write_all(b"leak in the hold\n").await?;
///     stderr.flush().await
/// }).unwrap().unwrap();
/// ```
#[track_caller]
pub fn stderr() -> Stderr {
    Stderr(Handle::new(ErrorOutput, Location::caller()))
}

/// The standard input; see [`stdin()`].
///
/// Reading goes through [`AsyncRead`], and is cancellation-safe: the bytes of a read whose future was dropped
/// are there for the next one by the same handle.
///
/// A read waits on the pool until there is input, and nothing can end that. When the handle is dropped, a
/// read under way is therefore *left behind*: neither its task nor [`run`](crate::run) waits for it, and the
/// process can exit. Its thread stays, and keeps the standard library's input locked, until input comes; it
/// takes none of that: it is there for the next reader, by this type or by the standard library's. So a
/// program keeps one handle rather than to make one for each read.
///
/// ```no_run
/// use futures_lite::{AsyncBufReadExt, StreamExt, io::BufReader};
///
/// vigie::run(async {
///     let mut lines = BufReader::new(vigie::io::stdin()).lines();
///     while let Some(line) = lines.next().await {
///         println!("{}", line?.to_uppercase());
///     }
///     Ok::<_, std::io::Error>(())
/// }).unwrap().unwrap();
/// ```
pub struct Stdin {
    handle: Handle<Input>,
    /// As long as this is there, what comes is taken.
    _wanted: Arc<()>,
}

/// Reads as long as anybody wants it.
#[derive(Clone)]
struct Input(Weak<()>);

impl Read for Input {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut input = io::stdin().lock();
        // Waits, and takes nothing; but it does take the end, which a terminal tells once.
        let come = input.fill_buf()?;
        if self.0.strong_count() == 0 {
            return Ok(0);
        }
        // Who goes at this very moment loses what is read, as what it had read before.
        let count = come.len().min(buf.len());
        buf[..count].copy_from_slice(&come[..count]);
        input.consume(count);
        Ok(count)
    }
}

impl AsyncRead for Stdin {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.get_mut().handle.poll_read(cx, buf)
    }
}

impl Drop for Stdin {
    fn drop(&mut self) {
        self.handle.leave_read();
    }
}

impl fmt::Debug for Stdin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stdin").finish_non_exhaustive()
    }
}

/// The standard output; see [`stdout()`].
///
/// Writing goes through [`AsyncWrite`]. A write gives a copy of its bytes, at most 256 KiB, to the pool and
/// returns; there they go out at once, behind what [`print!`] has left in the buffer, with nothing of others
/// in between. The next write waits until that is done, and so does `flush`; either gives its error. What
/// [`print!`] leaves in the buffer, `flush` leaves there too. `close` flushes, and closes nothing.
///
/// A write that did not return has taken nothing. What was accepted goes out even if the handle is dropped
/// at once: the task that drops it has finished only after that, as in [`blocking`](crate::blocking), named
/// by the place that called [`stdout()`]. If nobody reads the other end of a pipe, that is never. Outside of a
/// task nobody waits, and the end of the process may come first: flush there.
///
/// ```
/// use futures_lite::AsyncWriteExt;
///
/// vigie::run(async {
///     let mut stdout = vigie::io::stdout();
///     stdout.write_all(b"ahoy\n").await?;
///     stdout.flush().await
/// }).unwrap().unwrap();
/// ```
pub struct Stdout(Handle<Output>);

/// The standard error output; see [`stderr()`]. It writes as [`Stdout`] does.
///
/// ```
/// use futures_lite::{AsyncWriteExt, io::BufWriter};
/// use vigie::io::Stderr;
///
/// /// One write for each warning, whatever it is made of.
/// async fn warn(to: &mut BufWriter<Stderr>, words: &[&str]) -> std::io::Result<()> {
///     for word in words {
///         to.write_all(word.as_bytes()).await?;
///     }
///     to.flush().await
/// }
///
/// vigie::run(async {
///     warn(&mut BufWriter::new(vigie::io::stderr()), &["leak ", "in the hold\n"]).await
/// }).unwrap().unwrap();
/// ```
pub struct Stderr(Handle<ErrorOutput>);

#[derive(Clone, Copy)]
struct Output;

#[derive(Clone, Copy)]
struct ErrorOutput;

impl Write for Output {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        io::stdout().write(buf)
    }

    fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
        io::stdout().write_all(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
}

impl Write for ErrorOutput {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        io::stderr().write(buf)
    }

    fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
        io::stderr().write_all(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

macro_rules! async_write {
    ($($stream:ident),*) => {$(
        impl AsyncWrite for $stream {
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                self.get_mut().0.poll_write(cx, buf)
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.get_mut().0.poll_flush(cx)
            }

            fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.poll_flush(cx)
            }
        }

        impl fmt::Debug for $stream {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($stream)).finish_non_exhaustive()
            }
        }
    )*};
}

async_write!(Stdout, Stderr);
