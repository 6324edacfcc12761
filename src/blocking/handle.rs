//! Handles: what blocks to read, write and seek, by one operation at a time on the pool.

use std::{
    io::{self, Cursor, Read, Seek, SeekFrom, Write},
    panic::{Location, resume_unwind},
    task::{Context, Poll, ready},
    thread,
};

use super::Job;

/// The most that one operation moves, in bytes.
const CHUNK: usize = 256 * 1024;

/// A blocking `io`, of which each operation takes a clone along.
///
/// What it has accepted to write is written, even if it is dropped at once: the task that drops it has
/// finished only after that.
pub(crate) struct Handle<T> {
    io: T,
    busy: Option<Busy>,
    /// What was read, and asked for by nobody so far.
    unread: Cursor<Vec<u8>>,
    /// Why the last write failed, until somebody hears of it.
    failed: Option<io::Error>,
    location: &'static Location<'static>,
}

/// The operation under way, whether or not anybody waits for it.
enum Busy {
    Read(Job<Vec<u8>>),
    Write(Job<()>),
    Seek(SeekFrom, Job<u64>),
}

impl<T> Handle<T> {
    /// What is not finished when it is dropped is named by this place.
    pub(crate) fn new(io: T, location: &'static Location<'static>) -> Self {
        Self { io, busy: None, unread: Cursor::default(), failed: None, location }
    }

    pub(crate) fn get(&self) -> &T {
        &self.io
    }

    pub(crate) fn location(&self) -> &'static Location<'static> {
        self.location
    }

    /// Waits until nothing is under way any more. What nobody had waited for is kept where it counts.
    pub(crate) fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &self.busy {
            None => {}
            Some(Busy::Read(job)) => {
                let read = ready!(job.poll(cx));
                self.busy = None;
                // One that failed has taken nothing, and the next will fail as well.
                self.unread = Cursor::new(finished(read).unwrap_or_default());
            }
            Some(Busy::Write(job)) => {
                let written = ready!(job.poll(cx));
                self.busy = None;
                self.failed = finished(written).err();
            }
            Some(Busy::Seek(_, job)) => {
                let sought = ready!(job.poll(cx));
                self.busy = None;
                self.sought(&finished(sought));
            }
        }
        Poll::Ready(())
    }

    /// Where what was read and not taken was going on from has gone.
    fn sought(&mut self, sought: &io::Result<u64>) {
        if sought.is_ok() {
            self.unread = Cursor::default();
        }
    }

    fn unread(&self) -> u64 {
        self.unread.get_ref().len() as u64 - self.unread.position()
    }

    /// Waits until everything is written.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(Busy::Write(_)) = &self.busy {
            ready!(self.poll_idle(cx));
        }
        Poll::Ready(self.failed.take().map_or(Ok(()), Err))
    }

    /// A read that is under way is nobody's any more.
    pub(crate) fn leave_read(&mut self) {
        if let Some(Busy::Read(job)) = self.busy.take_if(|busy| matches!(busy, Busy::Read(_))) {
            // One that has begun is left behind.
            job.withdraw();
        }
    }
}

impl<T: Clone + Send + 'static> Handle<T> {
    fn start<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut T) -> io::Result<R> + Send + 'static,
    ) -> Job<R> {
        let mut io = self.io.clone();
        Job::start(Box::new(move || work(&mut io)))
    }
}

impl<T: Read + Clone + Send + 'static> Handle<T> {
    /// A future that is dropped has lost nothing: the next read gets what came.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if let Some(Busy::Write(_) | Busy::Seek(..)) = &self.busy {
            ready!(self.poll_idle(cx));
        }
        while self.unread() == 0 {
            if let Some(Busy::Read(job)) = &self.busy {
                let read = ready!(job.poll(cx));
                self.busy = None;
                let bytes = finished(read)?;
                if bytes.is_empty() {
                    return Poll::Ready(Ok(0));
                }
                self.unread = Cursor::new(bytes);
            } else {
                let length = buf.len().min(CHUNK);
                self.busy = Some(Busy::Read(self.start(move |io| read(io, length))));
            }
        }
        let count = self.unread.read(buf)?;
        if self.unread() == 0 {
            self.unread = Cursor::default();
        }
        Poll::Ready(Ok(count))
    }
}

/// Reads once, at most `length` bytes.
fn read(io: &mut impl Read, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    let count = loop {
        match io.read(&mut bytes) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => break read?,
        }
    };
    bytes.truncate(count);
    Ok(bytes)
}

impl<T: Write + Clone + Send + 'static> Handle<T> {
    /// Accepts bytes once those before them are written. A future that is dropped has given none.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_idle(cx));
        ready!(self.poll_flush(cx))?;
        let bytes = buf[..buf.len().min(CHUNK)].to_vec();
        let count = bytes.len();
        if count > 0 {
            self.busy = Some(Busy::Write(self.start(move |io| {
                io.write_all(&bytes)?;
                io.flush()
            })));
        }
        Poll::Ready(Ok(count))
    }
}

impl<T: Seek + Clone + Send + 'static> Handle<T> {
    /// Goes back to before what was read and not taken, as if it had not been.
    pub(crate) fn poll_rewind(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(Busy::Read(_) | Busy::Write(_)) = &self.busy {
            ready!(self.poll_idle(cx));
        }
        // No more than a chunk.
        match self.unread() as i64 {
            0 => Poll::Ready(Ok(())),
            unread => match ready!(self.poll_reposition(cx, SeekFrom::Current(-unread))) {
                // It has no position: what was read waits for who reads.
                Err(error) if error.kind() == io::ErrorKind::NotSeekable => Poll::Ready(Ok(())),
                sought => Poll::Ready(sought.map(drop)),
            },
        }
    }

    pub(crate) fn poll_seek(&mut self, cx: &mut Context<'_>, to: SeekFrom) -> Poll<io::Result<u64>> {
        ready!(self.poll_rewind(cx))?;
        self.poll_reposition(cx, to)
    }

    fn poll_reposition(&mut self, cx: &mut Context<'_>, to: SeekFrom) -> Poll<io::Result<u64>> {
        loop {
            match &self.busy {
                Some(Busy::Seek(begun, job)) if *begun == to => {
                    let sought = ready!(job.poll(cx));
                    self.busy = None;
                    let sought = finished(sought);
                    self.sought(&sought);
                    return Poll::Ready(sought);
                }
                Some(_) => ready!(self.poll_idle(cx)),
                None => self.busy = Some(Busy::Seek(to, self.start(move |io| io.seek(to)))),
            }
        }
    }
}

/// A panic goes on in whoever waits.
fn finished<R>(result: thread::Result<R>) -> R {
    result.unwrap_or_else(|panic| resume_unwind(panic))
}

impl<T> Drop for Handle<T> {
    fn drop(&mut self) {
        match self.busy.take() {
            None => {}
            Some(Busy::Read(job)) => job.cancel(self.location),
            Some(Busy::Write(job)) => job.finish(self.location),
            Some(Busy::Seek(_, job)) => job.cancel(self.location),
        }
    }
}
