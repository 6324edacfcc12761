//! Files and directories, on the pool of threads of [`blocking`](crate::blocking).
//!
//! Systems have no way to wait for a file as for a socket: to read one blocks the thread. So each function
//! here is that of [`std::fs`], run as by [`unblock`](crate::unblock), with the same arguments and errors. It
//! begins when its future is first polled; no domain's thread touches the file system, but to close what is
//! dropped. It needs none of the system's events, and works outside of a run, too.
//!
//! Each is a hop to another thread and back. Several small operations in a row go faster as one closure of
//! std's functions, given to [`unblock`](crate::unblock).
//!
//! # Cancellation
//!
//! When a future is dropped, an operation that has not begun never happens. One that is under way cannot be
//! stopped: it has its effect, nobody hears of its result, and the task that dropped the future has finished
//! only when it has ended; [`tree()`](crate::tree()) names it by the place of the call. What a [`File`]
//! reads and writes belongs to the file rather than to one future: see there.
//!
//! ```
//! use futures_lite::{AsyncReadExt, AsyncWriteExt};
//! use vigie::fs::{self, File};
//!
//! # fn main() -> std::io::Result<()> {
//! # let dir = std::env::temp_dir().join(format!("vigie-doc-fs-{}", std::process::id()));
//! vigie::run(async move {
//!     fs::create_dir_all(&dir).await?;
//!     let mut log = File::create(dir.join("log")).await?;
//!     log.write_all(b"land ho").await?;
//!     // Only now it is certain to be written.
//!     log.flush().await?;
//!
//!     let mut log = File::open(dir.join("log")).await?;
//!     let mut start = [0; 4];
//!     log.read_exact(&mut start).await?;
//!     assert_eq!(&start, b"land");
//!     fs::remove_dir_all(&dir).await
//! })?
//! # }
//! ```

mod dir;
mod file;
mod options;

use std::{
    fs, io,
    panic::Location,
    path::{Path, PathBuf},
};

#[doc(no_inline)]
pub use std::fs::{FileType, Metadata, Permissions};

pub use self::{
    dir::{DirEntry, ReadDir, read_dir},
    file::File,
    options::OpenOptions,
};
use crate::blocking::Unblocked;

/// Reads a whole file, as [`std::fs::read`].
///
/// # Errors
///
/// The system's.
///
/// ```
/// vigie::run(async {
///     let bytes = vigie::fs::read("Cargo.toml").await.unwrap();
///     assert!(!bytes.is_empty());
///     assert!(vigie::fs::read("no such file").await.is_err());
/// }).unwrap();
/// ```
#[track_caller]
pub fn read(path: impl AsRef<Path>) -> Unblocked<Vec<u8>> {
    on(path, |path| fs::read(path))
}

/// Reads a whole file as text, as [`std::fs::read_to_string`].
///
/// # Errors
///
/// The system's; [`InvalidData`](io::ErrorKind::InvalidData) if it is not UTF-8.
///
/// ```
/// # let path = std::env::temp_dir().join(format!("vigie-doc-text-{}", std::process::id()));
/// use vigie::fs;
///
/// vigie::run(async move {
///     assert!(fs::read_to_string("Cargo.toml").await?.contains("[package]"));
///     fs::write(&path, [0xff]).await?;
///     let error = fs::read_to_string(&path).await.unwrap_err();
///     assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
///     fs::remove_file(&path).await
/// }).unwrap().unwrap();
/// ```
#[track_caller]
pub fn read_to_string(path: impl AsRef<Path>) -> Unblocked<String> {
    on(path, |path| fs::read_to_string(path))
}

/// Writes a whole file, which is made, or emptied before, as [`std::fs::write`]. The contents are copied.
///
/// Once this is under way, all of it is written, even if the future is dropped.
///
/// # Errors
///
/// The system's; part of it may be written then.
///
/// ```
/// # let path = std::env::temp_dir().join(format!("vigie-doc-write-{}", std::process::id()));
/// vigie::run(async move {
///     vigie::fs::write(&path, "sail ho").await?;
///     assert_eq!(vigie::fs::read_to_string(&path).await?, "sail ho");
///     vigie::fs::remove_file(&path).await
/// }).unwrap().unwrap();
/// ```
#[track_caller]
pub fn write(path: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> Unblocked<()> {
    let contents = contents.as_ref().to_owned();
    on(path, move |path| fs::write(path, contents))
}

/// Copies a file's contents and permissions, as [`std::fs::copy`]; how many bytes.
///
/// # Errors
///
/// The system's.
///
/// ```
/// # let dir = std::env::temp_dir().join(format!("vigie-doc-copy-{}", std::process::id()));
/// # std::fs::create_dir(&dir).unwrap();
/// use vigie::fs;
///
/// vigie::run(async move {
///     fs::write(dir.join("log"), "land ho").await?;
///     assert_eq!(fs::copy(dir.join("log"), dir.join("copy")).await?, 7);
///     assert_eq!(fs::read(dir.join("copy")).await?, b"land ho");
///     fs::remove_dir_all(&dir).await
/// }).unwrap().unwrap();
/// ```
#[track_caller]
pub fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Unblocked<u64> {
    on_both(from, to, |from, to| fs::copy(from, to))
}

/// Renames a file or a directory, as [`std::fs::rename`]: what was at the new name is replaced.
///
/// # Errors
///
/// The system's, as for two names that are not on the same file system.
///
/// ```
/// # let dir = std::env::temp_dir().join(format!("vigie-doc-rename-{}", std::process::id()));
/// # std::fs::create_dir(&dir).unwrap();
/// use vigie::fs;
///
/// vigie::run(async move {
///     fs::write(dir.join("new"), "v2").await?;
///     fs::write(dir.join("current"), "v1").await?;
///     // Who opens it finds the old one or the new one, and nothing between.
///     fs::rename(dir.join("new"), dir.join("current")).await?;
///     assert_eq!(fs::read(dir.join("current")).await?, b"v2");
///     fs::remove_dir_all(&dir).await
/// }).unwrap().unwrap();
/// ```
#[track_caller]
pub fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Unblocked<()> {
    on_both(from, to, |from, to| fs::rename(from, to))
}

/// Removes a file, as [`std::fs::remove_file`].
///
/// # Errors
///
/// The system's.
///
/// ```
/// # let path = std::env::temp_dir().join(format!("vigie-doc-remove-{}", std::process::id()));
/// use vigie::fs;
///
/// vigie::run(async move {
///     fs::write(&path, "").await?;
///     fs::remove_file(&path).await?;
///     let again = fs::remove_file(&path).await.unwrap_err();
///     assert_eq!(again.kind(), std::io::ErrorKind::NotFound);
///     std::io::Result::Ok(())
/// }).unwrap().unwrap();
/// ```
#[track_caller]
pub fn remove_file(path: impl AsRef<Path>) -> Unblocked<()> {
    on(path, |path| fs::remove_file(path))
}

/// Makes a directory, as [`std::fs::create_dir`].
///
/// # Errors
///
/// The system's: [`AlreadyExists`](io::ErrorKind::AlreadyExists) if there is something.
///
/// ```
/// # let dir = std::env::temp_dir().join(format!("vigie-doc-mkdir-{}", std::process::id()));
/// use vigie::fs;
///
/// vigie::run(async move {
///     fs::create_dir(&dir).await?;
///     let again = fs::create_dir(&dir).await.unwrap_err();
///     assert_eq!(again.kind(), std::io::ErrorKind::AlreadyExists);
///     fs::remove_dir(&dir).await
/// }).unwrap().unwrap();
/// ```
#[track_caller]
pub fn create_dir(path: impl AsRef<Path>) -> Unblocked<()> {
    on(path, |path| fs::create_dir(path))
}

/// Makes a directory and those above it that are missing, as [`std::fs::create_dir_all`].
///
/// # Errors
///
/// The system's.
///
/// ```
/// # let dir = std::env::temp_dir().join(format!("vigie-doc-mkdirs-{}", std::process::id()));
/// use vigie::fs;
///
/// vigie::run(async move {
///     fs::create_dir_all(dir.join("deck/cabin")).await?;
///     // What is there is no error.
///     fs::create_dir_all(dir.join("deck")).await?;
///     assert!(fs::metadata(dir.join("deck/cabin")).await?.is_dir());
///     fs::remove_dir_all(&dir).await
/// }).unwrap().unwrap();
/// ```
#[track_caller]
pub fn create_dir_all(path: impl AsRef<Path>) -> Unblocked<()> {
    on(path, |path| fs::create_dir_all(path))
}

/// Removes an empty directory, as [`std::fs::remove_dir`].
///
/// # Errors
///
/// The system's.
///
/// ```
/// # let dir = std::env::temp_dir().join(format!("vigie-doc-rmdir-{}", std::process::id()));
/// use vigie::fs;
///
/// vigie::run(async move {
///     fs::create_dir_all(dir.join("hold")).await?;
///     assert!(fs::remove_dir(&dir).await.is_err(), "there is something in it");
///     fs::remove_dir(dir.join("hold")).await?;
///     fs::remove_dir(&dir).await
/// }).unwrap().unwrap();
/// ```
#[track_caller]
pub fn remove_dir(path: impl AsRef<Path>) -> Unblocked<()> {
    on(path, |path| fs::remove_dir(path))
}

/// Removes a directory with all that is in it, as [`std::fs::remove_dir_all`].
///
/// # Errors
///
/// The system's; part of it may be gone then.
///
/// ```
/// # let dir = std::env::temp_dir().join(format!("vigie-doc-rmdirs-{}", std::process::id()));
/// use vigie::fs;
///
/// vigie::run(async move {
///     fs::create_dir_all(dir.join("deck/cabin")).await?;
///     fs::write(dir.join("deck/log"), "").await?;
///     fs::remove_dir_all(&dir).await?;
///     assert!(!fs::try_exists(&dir).await?);
///     std::io::Result::Ok(())
/// }).unwrap().unwrap();
/// ```
#[track_caller]
pub fn remove_dir_all(path: impl AsRef<Path>) -> Unblocked<()> {
    on(path, |path| fs::remove_dir_all(path))
}

/// What the system knows of a file, links being followed, as [`std::fs::metadata`].
///
/// # Errors
///
/// The system's: [`NotFound`](io::ErrorKind::NotFound) if there is none.
///
/// ```
/// use vigie::fs;
///
/// vigie::run(async {
///     assert!(fs::metadata("src").await?.is_dir());
///     assert!(fs::metadata("Cargo.toml").await?.len() > 0);
///     std::io::Result::Ok(())
/// }).unwrap().unwrap();
/// ```
#[track_caller]
pub fn metadata(path: impl AsRef<Path>) -> Unblocked<Metadata> {
    on(path, |path| fs::metadata(path))
}

/// What the system knows of a file, or of a link itself, as [`std::fs::symlink_metadata`].
///
/// # Errors
///
/// The system's.
///
/// ```
/// # #[cfg(unix)] {
/// # let path = std::env::temp_dir().join(format!("vigie-doc-lstat-{}", std::process::id()));
/// use vigie::fs;
///
/// vigie::run(async move {
///     fs::symlink("nowhere", &path).await?;
///     assert!(fs::symlink_metadata(&path).await?.is_symlink());
///     // There is nothing that it leads to.
///     assert!(fs::metadata(&path).await.is_err());
///     fs::remove_file(&path).await
/// }).unwrap().unwrap();
/// # }
/// ```
#[track_caller]
pub fn symlink_metadata(path: impl AsRef<Path>) -> Unblocked<Metadata> {
    on(path, |path| fs::symlink_metadata(path))
}

/// Is there something at this path? As [`std::fs::exists`].
///
/// # Errors
///
/// The system's, if that cannot be told.
///
/// ```
/// use vigie::fs;
///
/// vigie::run(async {
///     assert!(fs::try_exists("Cargo.toml").await?);
///     assert!(!fs::try_exists("no such file").await?);
///     std::io::Result::Ok(())
/// }).unwrap().unwrap();
/// ```
#[track_caller]
pub fn try_exists(path: impl AsRef<Path>) -> Unblocked<bool> {
    on(path, |path| fs::exists(path))
}

/// Sets who may do what with a file, as [`std::fs::set_permissions`].
///
/// # Errors
///
/// The system's.
///
/// ```
/// # let path = std::env::temp_dir().join(format!("vigie-doc-chmod-{}", std::process::id()));
/// use vigie::fs;
///
/// vigie::run(async move {
///     fs::write(&path, "").await?;
///     let mut permissions = fs::metadata(&path).await?.permissions();
///     permissions.set_readonly(true);
///     fs::set_permissions(&path, permissions.clone()).await?;
///     assert!(fs::metadata(&path).await?.permissions().readonly());
/// # #[cfg(windows)] permissions.set_readonly(false);
/// # #[cfg(windows)] fs::set_permissions(&path, permissions).await?;
///     fs::remove_file(&path).await
/// }).unwrap().unwrap();
/// ```
#[track_caller]
pub fn set_permissions(path: impl AsRef<Path>, permissions: Permissions) -> Unblocked<()> {
    on(path, move |path| fs::set_permissions(path, permissions))
}

/// The absolute path, without links, as [`std::fs::canonicalize`].
///
/// # Errors
///
/// The system's: [`NotFound`](io::ErrorKind::NotFound) if there is no such file.
///
/// ```
/// use vigie::fs;
///
/// vigie::run(async {
///     let path = fs::canonicalize("src/../Cargo.toml").await?;
///     assert_eq!(path, std::env::current_dir()?.canonicalize()?.join("Cargo.toml"));
///     std::io::Result::Ok(())
/// }).unwrap().unwrap();
/// ```
#[track_caller]
pub fn canonicalize(path: impl AsRef<Path>) -> Unblocked<PathBuf> {
    on(path, |path| fs::canonicalize(path))
}

/// Where a link points to, as [`std::fs::read_link`].
///
/// # Errors
///
/// The system's.
///
/// ```
/// # #[cfg(unix)] {
/// # let path = std::env::temp_dir().join(format!("vigie-doc-readlink-{}", std::process::id()));
/// use vigie::fs;
///
/// vigie::run(async move {
///     fs::symlink("../harbour", &path).await?;
///     assert_eq!(fs::read_link(&path).await?.to_str(), Some("../harbour"));
///     fs::remove_file(&path).await
/// }).unwrap().unwrap();
/// # }
/// ```
#[track_caller]
pub fn read_link(path: impl AsRef<Path>) -> Unblocked<PathBuf> {
    on(path, |path| fs::read_link(path))
}

/// Gives a file a second name, as [`std::fs::hard_link`].
///
/// # Errors
///
/// The system's.
///
/// ```
/// # let dir = std::env::temp_dir().join(format!("vigie-doc-link-{}", std::process::id()));
/// # std::fs::create_dir(&dir).unwrap();
/// use vigie::fs;
///
/// vigie::run(async move {
///     fs::write(dir.join("one"), "land ho").await?;
///     fs::hard_link(dir.join("one"), dir.join("other")).await?;
///     // The file goes with its last name.
///     fs::remove_file(dir.join("one")).await?;
///     assert_eq!(fs::read(dir.join("other")).await?, b"land ho");
///     fs::remove_dir_all(&dir).await
/// }).unwrap().unwrap();
/// ```
#[track_caller]
pub fn hard_link(original: impl AsRef<Path>, link: impl AsRef<Path>) -> Unblocked<()> {
    on_both(original, link, |original, link| fs::hard_link(original, link))
}

/// Makes a symbolic link, as [`std::os::unix::fs::symlink`].
///
/// # Errors
///
/// The system's.
///
/// ```
/// # let dir = std::env::temp_dir().join(format!("vigie-doc-symlink-{}", std::process::id()));
/// # std::fs::create_dir(&dir).unwrap();
/// use vigie::fs;
///
/// vigie::run(async move {
///     fs::write(dir.join("v2"), "land ho").await?;
///     // It leads there from the directory that it is in.
///     fs::symlink("v2", dir.join("current")).await?;
///     assert_eq!(fs::read(dir.join("current")).await?, b"land ho");
///     fs::remove_dir_all(&dir).await
/// }).unwrap().unwrap();
/// ```
#[cfg(unix)]
#[track_caller]
pub fn symlink(original: impl AsRef<Path>, link: impl AsRef<Path>) -> Unblocked<()> {
    on_both(original, link, |original, link| std::os::unix::fs::symlink(original, link))
}

#[track_caller]
fn on<T: Send + 'static>(
    path: impl AsRef<Path>,
    operation: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
) -> Unblocked<T> {
    let path = path.as_ref().to_owned();
    Unblocked::new(Location::caller(), move || operation(&path))
}

#[track_caller]
fn on_both<T: Send + 'static>(
    one: impl AsRef<Path>,
    other: impl AsRef<Path>,
    operation: impl FnOnce(&Path, &Path) -> io::Result<T> + Send + 'static,
) -> Unblocked<T> {
    let (one, other) = (one.as_ref().to_owned(), other.as_ref().to_owned());
    Unblocked::new(Location::caller(), move || operation(&one, &other))
}
