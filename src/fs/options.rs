//! How a file is opened.

use std::{fs, panic::Location, path::Path};

use super::File;
use crate::blocking::Unblocked;

/// How a file is to be opened, as [`std::fs::OpenOptions`], to which each method passes on. What that has
/// on one system only is set there, and goes through [`From`].
///
/// ```
/// # let path = std::env::temp_dir().join(format!("vigie-doc-options-{}", std::process::id()));
/// use futures_lite::AsyncWriteExt;
/// use vigie::fs::{self, OpenOptions};
///
/// vigie::run(async move {
///     for line in ["one\n", "two\n"] {
///         let mut log = OpenOptions::new().append(true).create(true).open(&path).await?;
///         log.write_all(line.as_bytes()).await?;
///         log.flush().await?;
///     }
///     assert_eq!(fs::read_to_string(&path).await?, "one\ntwo\n");
///     fs::remove_file(&path).await
/// }).unwrap().unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct OpenOptions(fs::OpenOptions);

impl OpenOptions {
    /// None is set.
    ///
    /// ```
    /// use vigie::fs::OpenOptions;
    ///
    /// vigie::run(async {
    ///     let error = OpenOptions::new().open("Cargo.toml").await.unwrap_err();
    ///     assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    /// }).unwrap();
    /// ```
    #[expect(clippy::new_without_default, reason = "as in the standard library")]
    pub fn new() -> Self {
        Self(fs::OpenOptions::new())
    }

    /// Is it to be read?
    ///
    /// ```
    /// use futures_lite::AsyncReadExt;
    /// use vigie::fs::OpenOptions;
    ///
    /// vigie::run(async {
    ///     let mut manifest = OpenOptions::new().read(true).open("Cargo.toml").await?;
    ///     manifest.read_exact(&mut [0; 9]).await
    /// }).unwrap().unwrap();
    /// ```
    pub fn read(&mut self, yes: bool) -> &mut Self {
        self.0.read(yes);
        self
    }

    /// Is it to be written?
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("vigie-doc-optwrite-{}", std::process::id()));
    /// use futures_lite::AsyncWriteExt;
    /// use vigie::fs::{self, OpenOptions};
    ///
    /// vigie::run(async move {
    ///     fs::write(&path, "crow's nest").await?;
    ///     // What is there is overwritten from the start.
    ///     let mut file = OpenOptions::new().write(true).open(&path).await?;
    ///     file.write_all(b"bird").await?;
    ///     file.flush().await?;
    ///     assert_eq!(fs::read(&path).await?, b"bird's nest");
    ///     fs::remove_file(&path).await
    /// }).unwrap().unwrap();
    /// ```
    pub fn write(&mut self, yes: bool) -> &mut Self {
        self.0.write(yes);
        self
    }

    /// Is each write to go to the end of the file?
    pub fn append(&mut self, yes: bool) -> &mut Self {
        self.0.append(yes);
        self
    }

    /// Is it to be emptied?
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("vigie-doc-opttrunc-{}", std::process::id()));
    /// use vigie::fs::{self, OpenOptions};
    ///
    /// vigie::run(async move {
    ///     fs::write(&path, "old news").await?;
    ///     let file = OpenOptions::new().write(true).truncate(true).open(&path).await?;
    ///     assert_eq!(file.metadata().await?.len(), 0);
    ///     fs::remove_file(&path).await
    /// }).unwrap().unwrap();
    /// ```
    pub fn truncate(&mut self, yes: bool) -> &mut Self {
        self.0.truncate(yes);
        self
    }

    /// Is it to be made if it is not there?
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("vigie-doc-optcreate-{}", std::process::id()));
    /// use vigie::fs::{self, OpenOptions};
    ///
    /// vigie::run(async move {
    ///     let mut options = OpenOptions::new();
    ///     assert!(options.write(true).open(&path).await.is_err(), "there is none");
    ///     options.create(true).open(&path).await?;
    ///     assert!(fs::try_exists(&path).await?);
    ///     fs::remove_file(&path).await
    /// }).unwrap().unwrap();
    /// ```
    pub fn create(&mut self, yes: bool) -> &mut Self {
        self.0.create(yes);
        self
    }

    /// Is it to be made, and must not be there before?
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("vigie-doc-optnew-{}", std::process::id()));
    /// use std::io::ErrorKind;
    /// use vigie::fs::{self, OpenOptions};
    ///
    /// vigie::run(async move {
    ///     // Of those that try to take a lock file, one succeeds.
    ///     let mut options = OpenOptions::new();
    ///     let lock = options.write(true).create_new(true);
    ///     lock.open(&path).await?;
    ///     assert_eq!(lock.open(&path).await.unwrap_err().kind(), ErrorKind::AlreadyExists);
    ///     fs::remove_file(&path).await
    /// }).unwrap().unwrap();
    /// ```
    pub fn create_new(&mut self, yes: bool) -> &mut Self {
        self.0.create_new(yes);
        self
    }

    /// Opens the file. If the future is dropped meanwhile, the file is closed, but may have been made.
    ///
    /// # Errors
    ///
    /// The system's; [`InvalidInput`](std::io::ErrorKind::InvalidInput) for options that do not go together.
    ///
    /// ```
    /// use std::io::ErrorKind;
    /// use vigie::fs::OpenOptions;
    ///
    /// vigie::run(async {
    ///     let error = OpenOptions::new().read(true).open("no such file").await.unwrap_err();
    ///     assert_eq!(error.kind(), ErrorKind::NotFound);
    ///     let error = OpenOptions::new().read(true).truncate(true).open("Cargo.toml").await.unwrap_err();
    ///     assert_eq!(error.kind(), ErrorKind::InvalidInput);
    /// }).unwrap();
    /// ```
    #[track_caller]
    pub fn open(&self, path: impl AsRef<Path>) -> Unblocked<File> {
        let (options, path, location) = (self.0.clone(), path.as_ref().to_owned(), Location::caller());
        Unblocked::new(location, move || Ok(File::new(options.open(path)?, location)))
    }
}

impl From<fs::OpenOptions> for OpenOptions {
    fn from(options: fs::OpenOptions) -> Self {
        Self(options)
    }
}
