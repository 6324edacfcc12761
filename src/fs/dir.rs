//! Listing directories.

use std::{
    collections::VecDeque,
    ffi::OsString,
    fmt, fs,
    future::poll_fn,
    io,
    panic::{Location, resume_unwind},
    path::{Path, PathBuf},
    task::{Context, Poll, ready},
};

use super::{FileType, Metadata};
use crate::{
    blocking::{Job, Unblocked},
    sync::{Arc, Mutex},
};

/// How many entries are read at a time.
const BATCH: usize = 64;

/// Begins to list a directory, as [`std::fs::read_dir`]: in no order, and without `.` and `..`.
///
/// # Errors
///
/// The system's.
///
/// ```
/// vigie::run(async {
///     let mut entries = vigie::fs::read_dir("src").await?;
///     let mut names = Vec::new();
///     while let Some(entry) = entries.next_entry().await? {
///         names.push(entry.file_name());
///     }
///     assert!(names.iter().any(|name| name == "lib.rs"));
///     Ok::<_, std::io::Error>(())
/// }).unwrap().unwrap();
/// ```
#[track_caller]
pub fn read_dir(path: impl AsRef<Path>) -> Unblocked<ReadDir> {
    let (path, location) = (path.as_ref().to_owned(), Location::caller());
    Unblocked::new(location, move || {
        let dir = Arc::new(Mutex::new(fs::read_dir(path)?));
        Ok(ReadDir { dir, reading: None, ready: VecDeque::new(), is_over: false, location })
    })
}

/// The entries of a directory; see [`read_dir()`].
///
/// ```
/// # let dir = std::env::temp_dir().join(format!("vigie-doc-readdir-{}", std::process::id()));
/// use vigie::fs::{self, ReadDir};
///
/// /// How many there are left.
/// async fn count(mut entries: ReadDir) -> std::io::Result<usize> {
///     let mut count = 0;
///     while entries.next_entry().await?.is_some() {
///         count += 1;
///     }
///     Ok(count)
/// }
///
/// vigie::run(async move {
///     fs::create_dir(&dir).await?;
///     fs::write(dir.join("log"), "").await?;
///     assert_eq!(count(fs::read_dir(&dir).await?).await?, 1);
///     fs::remove_dir_all(&dir).await
/// }).unwrap().unwrap();
/// ```
pub struct ReadDir {
    /// Used by one closure at a time; kept, for one that finds no thread.
    dir: Arc<Mutex<fs::ReadDir>>,
    reading: Option<Job<Batch>>,
    /// What was read already.
    ready: VecDeque<io::Result<DirEntry>>,
    /// Is there nothing more to read?
    is_over: bool,
    location: &'static Location<'static>,
}

struct Batch {
    entries: VecDeque<io::Result<DirEntry>>,
    is_last: bool,
}

impl ReadDir {
    /// The next entry; `None` at the end. Cancellation-safe: dropping this future loses no entry.
    ///
    /// # Errors
    ///
    /// The system's, for this entry; or that the pool has no thread, and the next call tries again.
    pub async fn next_entry(&mut self) -> io::Result<Option<DirEntry>> {
        poll_fn(|cx| self.poll_next_entry(cx)).await
    }

    /// The poll form of [`next_entry`](Self::next_entry).
    ///
    /// # Errors
    ///
    /// The system's, for this entry; or that the pool has no thread, and the next call tries again.
    ///
    /// ```
    /// use std::future::poll_fn;
    ///
    /// vigie::run(async {
    ///     let mut entries = vigie::fs::read_dir("src").await?;
    ///     assert!(poll_fn(|cx| entries.poll_next_entry(cx)).await?.is_some());
    ///     std::io::Result::Ok(())
    /// }).unwrap().unwrap();
    /// ```
    pub fn poll_next_entry(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<DirEntry>>> {
        loop {
            if let Some(entry) = self.ready.pop_front() {
                return Poll::Ready(entry.map(Some));
            }
            if self.is_over {
                return Poll::Ready(Ok(None));
            }
            let job = self.reading.get_or_insert_with(|| {
                let dir = self.dir.clone();
                Job::start(Box::new(move || Ok(batch(&mut dir.lock()))))
            });
            let read = ready!(job.poll(cx));
            self.reading = None;
            let Batch { entries, is_last } = read.unwrap_or_else(|panic| resume_unwind(panic))?;
            self.ready = entries;
            self.is_over = is_last;
        }
    }
}

fn batch(dir: &mut fs::ReadDir) -> Batch {
    let entries: VecDeque<_> =
        dir.take(BATCH).map(|entry| entry.map(|entry| DirEntry(Arc::new(entry)))).collect();
    let is_last = entries.len() < BATCH;
    Batch { entries, is_last }
}

impl Drop for ReadDir {
    fn drop(&mut self) {
        if let Some(job) = self.reading.take() {
            job.cancel(self.location);
        }
    }
}

impl fmt::Debug for ReadDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadDir").finish_non_exhaustive()
    }
}

/// An entry of a directory; see [`read_dir()`].
///
/// ```
/// # let dir = std::env::temp_dir().join(format!("vigie-doc-direntry-{}", std::process::id()));
/// use vigie::fs::{self, DirEntry};
///
/// vigie::run(async move {
///     fs::create_dir(&dir).await?;
///     fs::write(dir.join("log"), "land ho").await?;
///     let entry: DirEntry = fs::read_dir(&dir).await?.next_entry().await?.unwrap();
///     assert_eq!((entry.path(), entry.file_name()), (dir.join("log"), "log".into()));
///     assert!(entry.file_type().await?.is_file());
///     assert_eq!(entry.metadata().await?.len(), 7);
///     fs::remove_dir_all(&dir).await?;
///     // It is a name, and does not keep the file.
///     assert!(entry.metadata().await.is_err());
///     std::io::Result::Ok(())
/// }).unwrap().unwrap();
/// ```
#[derive(Clone)]
pub struct DirEntry(Arc<fs::DirEntry>);

impl DirEntry {
    /// The directory's path, as it was given, with the entry's name.
    pub fn path(&self) -> PathBuf {
        self.0.path()
    }

    /// The name alone.
    pub fn file_name(&self) -> OsString {
        self.0.file_name()
    }

    /// What the system knows of it; of a link itself, if it is one.
    ///
    /// # Errors
    ///
    /// The system's: the entry may be gone.
    #[track_caller]
    pub fn metadata(&self) -> Unblocked<Metadata> {
        let entry = self.0.clone();
        Unblocked::new(Location::caller(), move || entry.metadata())
    }

    /// Is it a file, a directory or a link?
    ///
    /// # Errors
    ///
    /// The system's: the entry may be gone.
    #[track_caller]
    pub fn file_type(&self) -> Unblocked<FileType> {
        let entry = self.0.clone();
        Unblocked::new(Location::caller(), move || entry.file_type())
    }
}

impl fmt::Debug for DirEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DirEntry").field(&self.path()).finish()
    }
}
