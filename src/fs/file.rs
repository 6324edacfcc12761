//! Files.

use std::{
    fmt, fs,
    future::poll_fn,
    io::{self, SeekFrom},
    panic::Location,
    path::Path,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures_io::{AsyncRead, AsyncSeek, AsyncWrite};

use super::{Metadata, OpenOptions, Permissions};
use crate::blocking::{Handle, Unblocked};

/// An open file.
///
/// Bytes go through [`AsyncRead`], [`AsyncWrite`] and [`AsyncSeek`], at most 256 KiB at a time. Each read and
/// each write is a hop to the pool: small ones go better through a `BufReader` or `BufWriter`. A file belongs
/// to no domain, and may go from one to another with an operation under way.
///
/// # Writing
///
/// A write takes a copy of its bytes, gives it to the pool and returns; the next operation waits until that
/// is done. So a write is only certain once one of `flush`, `close`, [`sync_all`](Self::sync_all) and
/// [`sync_data`](Self::sync_data) has returned, and only that, or a later write, gives its error. What was
/// accepted is written even if the file is dropped at once, or its task cancelled: the task has finished,
/// and [`run`](crate::run) returns, only after that. But nobody hears of its error then. Outside of a task
/// nobody waits either, and the end of the process may come first. `close` leaves the file open until it is
/// dropped.
///
/// # Cancellation
///
/// Reading and writing are cancellation-safe: the bytes of a read whose future was dropped are there for the
/// next one, and a write that did not return has taken none. A seek that did not return may have
/// happened. Since an operation that is under way belongs to the file, it is when the file is dropped that
/// the task waits for its end, as in [`blocking`](crate::blocking), named by the place that opened it; a
/// read or a seek that has not begun by then never does.
///
/// ```
/// # let path = std::env::temp_dir().join(format!("vigie-doc-file-{}", std::process::id()));
/// use std::io::SeekFrom;
/// use futures_lite::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
/// use vigie::fs::{self, File};
///
/// vigie::run(async move {
///     let mut file = File::options().read(true).write(true).create_new(true).open(&path).await?;
///     file.write_all(b"crow's nest").await?;
///     file.seek(SeekFrom::Start(7)).await?;
///     let mut nest = String::new();
///     file.read_to_string(&mut nest).await?;
///     assert_eq!(nest, "nest");
///     fs::remove_file(&path).await
/// }).unwrap().unwrap();
/// ```
pub struct File(Handle<Arc<fs::File>>);

impl File {
    pub(super) fn new(file: fs::File, location: &'static Location<'static>) -> Self {
        Self(Handle::new(Arc::new(file), location))
    }

    /// Opens a file to be read.
    ///
    /// # Errors
    ///
    /// The system's: [`NotFound`](io::ErrorKind::NotFound) if there is none.
    ///
    /// ```
    /// use futures_lite::AsyncReadExt;
    /// use vigie::fs::File;
    ///
    /// vigie::run(async {
    ///     let mut text = String::new();
    ///     File::open("Cargo.toml").await?.read_to_string(&mut text).await?;
    ///     assert!(text.contains("[package]"));
    ///     let missing = File::open("no such file").await.unwrap_err();
    ///     assert_eq!(missing.kind(), std::io::ErrorKind::NotFound);
    ///     std::io::Result::Ok(())
    /// }).unwrap().unwrap();
    /// ```
    #[track_caller]
    pub fn open(path: impl AsRef<Path>) -> Unblocked<Self> {
        Self::options().read(true).open(path)
    }

    /// Makes a file to be written, or empties the one that is there.
    ///
    /// # Errors
    ///
    /// The system's.
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("vigie-doc-create-{}", std::process::id()));
    /// use vigie::fs::{self, File};
    ///
    /// vigie::run(async move {
    ///     fs::write(&path, "old news").await?;
    ///     let file = File::create(&path).await?;
    ///     assert_eq!(file.metadata().await?.len(), 0);
    ///     fs::remove_file(&path).await
    /// }).unwrap().unwrap();
    /// ```
    #[track_caller]
    pub fn create(path: impl AsRef<Path>) -> Unblocked<Self> {
        Self::options().write(true).create(true).truncate(true).open(path)
    }

    /// Makes a file to be read and written.
    ///
    /// # Errors
    ///
    /// The system's: [`AlreadyExists`](io::ErrorKind::AlreadyExists) if there is something.
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("vigie-doc-createnew-{}", std::process::id()));
    /// use vigie::fs::{self, File};
    ///
    /// vigie::run(async move {
    ///     let _file = File::create_new(&path).await?;
    ///     let second = File::create_new(&path).await.unwrap_err();
    ///     assert_eq!(second.kind(), std::io::ErrorKind::AlreadyExists);
    ///     fs::remove_file(&path).await
    /// }).unwrap().unwrap();
    /// ```
    #[track_caller]
    pub fn create_new(path: impl AsRef<Path>) -> Unblocked<Self> {
        Self::options().read(true).write(true).create_new(true).open(path)
    }

    /// Any other way of opening a file.
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    /// Takes a file of the standard library.
    ///
    /// ```
    /// use futures_lite::AsyncReadExt;
    /// use vigie::fs::File;
    ///
    /// let file = std::fs::File::open("Cargo.toml").unwrap();
    /// vigie::run(async {
    ///     let mut text = String::new();
    ///     File::from_std(file).read_to_string(&mut text).await.unwrap();
    ///     assert!(text.contains("vigie"));
    /// }).unwrap();
    /// ```
    #[track_caller]
    pub fn from_std(file: fs::File) -> Self {
        Self::new(file, Location::caller())
    }

    /// Gives the file to the standard library, once nothing is under way. What was read, by a future that was
    /// dropped, is read again there, if the file can be sought in.
    ///
    /// # Errors
    ///
    /// That of an earlier write; the system's, if an operation whose future was dropped is still under way, and
    /// there is no descriptor left for a second handle.
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("vigie-doc-intostd-{}", std::process::id()));
    /// use futures_lite::AsyncWriteExt;
    /// use vigie::fs::{self, File};
    ///
    /// vigie::run(async move {
    ///     let mut file = File::create(&path).await?;
    ///     file.write_all(b"anchored").await?;
    ///     // It is written by then.
    ///     let file: std::fs::File = file.into_std().await?;
    ///     assert_eq!(file.metadata()?.len(), 8);
    ///     fs::remove_file(&path).await
    /// }).unwrap().unwrap();
    /// ```
    pub async fn into_std(mut self) -> io::Result<fs::File> {
        poll_fn(|cx| {
            ready!(self.0.poll_idle(cx));
            // Nothing that could be done about it.
            let _ = ready!(self.0.poll_rewind(cx));
            self.0.poll_flush(cx)
        })
        .await?;
        let file = self.0.get().clone();
        drop(self);
        Arc::try_unwrap(file).or_else(|shared| shared.try_clone())
    }

    /// Waits until everything that was written, the data and what the system keeps of it, is on the disk.
    ///
    /// # Errors
    ///
    /// That of an earlier write, and the system's.
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("vigie-doc-sync-{}", std::process::id()));
    /// use futures_lite::AsyncWriteExt;
    /// use vigie::fs::{self, File};
    ///
    /// vigie::run(async move {
    ///     let mut file = File::create(&path).await?;
    ///     file.write_all(b"logged").await?;
    ///     file.sync_all().await?;
    ///     assert_eq!(file.metadata().await?.len(), 6);
    ///     fs::remove_file(&path).await
    /// }).unwrap().unwrap();
    /// ```
    pub async fn sync_all(&mut self) -> io::Result<()> {
        self.written().await?;
        self.on(|file| file.sync_all()).await
    }

    /// As [`sync_all`](Self::sync_all), without what is not needed to read the data again.
    ///
    /// # Errors
    ///
    /// That of an earlier write, and the system's.
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("vigie-doc-syncdata-{}", std::process::id()));
    /// use futures_lite::AsyncWriteExt;
    /// use vigie::fs::{self, File};
    ///
    /// vigie::run(async move {
    ///     let mut file = File::create(&path).await?;
    ///     file.write_all(b"logged").await?;
    ///     file.sync_data().await?;
    ///     assert_eq!(fs::read(&path).await?, b"logged");
    ///     fs::remove_file(&path).await
    /// }).unwrap().unwrap();
    /// ```
    pub async fn sync_data(&mut self) -> io::Result<()> {
        self.written().await?;
        self.on(|file| file.sync_data()).await
    }

    /// Cuts the file off, or fills it up with zeros, once what was written before is. The position stays.
    ///
    /// # Errors
    ///
    /// That of an earlier write, and the system's.
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("vigie-doc-setlen-{}", std::process::id()));
    /// use futures_lite::AsyncWriteExt;
    /// use vigie::fs::{self, File};
    ///
    /// vigie::run(async move {
    ///     let mut file = File::create(&path).await?;
    ///     file.write_all(b"crow's nest").await?;
    ///     file.set_len(4).await?;
    ///     // The position stayed: what lies between is filled with zeros.
    ///     file.write_all(b"!").await?;
    ///     file.flush().await?;
    ///     assert_eq!(fs::read(&path).await?, b"crow\0\0\0\0\0\0\0!");
    ///     fs::remove_file(&path).await
    /// }).unwrap().unwrap();
    /// ```
    pub async fn set_len(&mut self, bytes: u64) -> io::Result<()> {
        self.written().await?;
        self.on(move |file| file.set_len(bytes)).await
    }

    /// What the system knows of the file. A write under way may not be in it.
    ///
    /// # Errors
    ///
    /// The system's.
    ///
    /// ```
    /// vigie::run(async {
    ///     let file = vigie::fs::File::open("Cargo.toml").await?;
    ///     assert!(file.metadata().await?.is_file());
    ///     std::io::Result::Ok(())
    /// }).unwrap().unwrap();
    /// ```
    pub fn metadata(&self) -> Unblocked<Metadata> {
        self.on(|file| file.metadata())
    }

    /// Sets who may do what with the file.
    ///
    /// # Errors
    ///
    /// The system's.
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("vigie-doc-fileperm-{}", std::process::id()));
    /// use vigie::fs::{self, File};
    ///
    /// vigie::run(async move {
    ///     let file = File::create(&path).await?;
    ///     let mut permissions = file.metadata().await?.permissions();
    ///     permissions.set_readonly(true);
    ///     file.set_permissions(permissions.clone()).await?;
    ///     assert!(fs::metadata(&path).await?.permissions().readonly());
    /// # #[cfg(windows)] permissions.set_readonly(false);
    /// # #[cfg(windows)] file.set_permissions(permissions).await?;
    ///     fs::remove_file(&path).await
    /// }).unwrap().unwrap();
    /// ```
    pub fn set_permissions(&self, permissions: Permissions) -> Unblocked<()> {
        self.on(move |file| file.set_permissions(permissions))
    }

    async fn written(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.0.poll_flush(cx)).await
    }

    fn on<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&fs::File) -> io::Result<T> + Send + 'static,
    ) -> Unblocked<T> {
        let file = self.0.get().clone();
        Unblocked::new(self.0.location(), move || operation(&file))
    }
}

impl AsyncRead for File {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.get_mut().0.poll_read(cx, buf)
    }
}

impl AsyncWrite for File {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let file = &mut self.get_mut().0;
        ready!(file.poll_rewind(cx))?;
        file.poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().0.poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

impl AsyncSeek for File {
    fn poll_seek(self: Pin<&mut Self>, cx: &mut Context<'_>, to: SeekFrom) -> Poll<io::Result<u64>> {
        self.get_mut().0.poll_seek(cx, to)
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.get().fmt(f)
    }
}

#[cfg(unix)]
mod fd {
    use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

    use super::File;

    impl AsFd for File {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.0.get().as_fd()
        }
    }

    impl AsRawFd for File {
        fn as_raw_fd(&self) -> RawFd {
            self.0.get().as_raw_fd()
        }
    }
}

#[cfg(windows)]
mod handle {
    use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, RawHandle};

    use super::File;

    impl AsHandle for File {
        fn as_handle(&self) -> BorrowedHandle<'_> {
            self.0.get().as_handle()
        }
    }

    impl AsRawHandle for File {
        fn as_raw_handle(&self) -> RawHandle {
            self.0.get().as_raw_handle()
        }
    }
}
