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
    #[expect(clippy::new_without_default, reason = "as in the standard library")]
    pub fn new() -> Self {
        Self(fs::OpenOptions::new())
    }

    /// Is it to be read?
    pub fn read(&mut self, yes: bool) -> &mut Self {
        self.0.read(yes);
        self
    }

    /// Is it to be written?
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
    pub fn truncate(&mut self, yes: bool) -> &mut Self {
        self.0.truncate(yes);
        self
    }

    /// Is it to be made if it is not there?
    pub fn create(&mut self, yes: bool) -> &mut Self {
        self.0.create(yes);
        self
    }

    /// Is it to be made, and must not be there before?
    pub fn create_new(&mut self, yes: bool) -> &mut Self {
        self.0.create_new(yes);
        self
    }

    /// Opens the file. If the future is dropped meanwhile, the file is closed, but may have been made.
    ///
    /// # Errors
    ///
    /// The system's; [`InvalidInput`](std::io::ErrorKind::InvalidInput) for options that do not go together.
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
