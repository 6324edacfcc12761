//! A copy of the crate under `target`, to break and to build.

use std::{
    env, fs,
    ops::Range,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Result, table::Edit};

pub(crate) struct CrateCopy {
    root: PathBuf,
    logs: PathBuf,
    target: PathBuf,
}

pub(crate) enum Build {
    /// The test binary.
    Done(PathBuf),
    /// What the compiler said.
    Failed(String),
}

impl CrateCopy {
    /// Copies the whole crate, since its manifest may name any part of it, but not what is built or
    /// hidden.
    pub(crate) fn make() -> Result<Self> {
        let original = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
        let target = match env::var_os("CARGO_TARGET_DIR") {
            Some(dir) => env::current_dir()?.join(dir),
            None => original.join("target/loom"),
        };
        let home = original.join("target/mutants");
        let copy = Self { root: home.join("copy"), logs: home.join("logs"), target };
        for dir in [&copy.root, &copy.logs] {
            if dir.exists() {
                fs::remove_dir_all(dir)?;
            }
            fs::create_dir_all(dir)?;
        }
        copy_dir(&original, &copy.root)?;
        Ok(copy)
    }

    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.logs.join(format!("{name}.txt"))
    }

    /// Applies the edits until the answer is dropped. Each text must be there exactly once.
    pub(crate) fn apply(&self, edits: &[Edit]) -> Result<Restored> {
        let mut restored = Restored(Vec::new());
        for edit in edits {
            let path = self.root.join(edit.file);
            let mut text = fs::read_to_string(&path)?;
            let place = place(&text, edit)?;
            restored.0.push((path.clone(), text.clone()));
            text.replace_range(place, edit.put);
            fs::write(&path, text)?;
        }
        Ok(restored)
    }

    /// The text of a file.
    pub(crate) fn read(&self, file: impl AsRef<Path>) -> Result<String> {
        Ok(fs::read_to_string(self.root.join(file))?)
    }

    /// The Rust files in a directory, but not those in directories in it, by their paths in the crate.
    pub(crate) fn sources(&self, dir: &str) -> Result<Vec<String>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(self.root.join(dir))? {
            let name = entry?.file_name().into_string().map_err(|name| format!("{name:?} is no text"))?;
            if name.ends_with(".rs") {
                files.push(format!("{dir}/{name}"));
            }
        }
        files.sort();
        Ok(files)
    }

    /// Builds the models. The crate itself is built anew each time, so that is made quick; its
    /// dependencies are built as for `ci/loom.sh`.
    pub(crate) fn build(&self) -> Result<Build> {
        let output = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()))
            .args(["test", "--profile", "loom", "--lib", "--no-run"])
            .args(["--message-format", "json-render-diagnostics"])
            .args(["--config", "profile.loom.opt-level=0"])
            .args(["--config", "profile.loom.incremental=true"])
            .current_dir(&self.root)
            .env("RUSTFLAGS", "--cfg vigie_loom")
            .env("CARGO_TARGET_DIR", &self.target)
            .output()?;
        if !output.status.success() {
            return Ok(Build::Failed(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        let messages = String::from_utf8(output.stdout)?;
        let test = messages
            .rsplit_once("\"executable\":\"")
            .and_then(|(_, rest)| rest.split_once('"'))
            .ok_or("cargo built no test")?;
        Ok(Build::Done(test.0.replace(r"\\", r"\").into()))
    }
}

/// The texts of the files that an edit changed, to be put back in reverse.
pub(crate) struct Restored(Vec<(PathBuf, String)>);

impl Drop for Restored {
    fn drop(&mut self) {
        for (path, text) in self.0.iter().rev() {
            fs::write(path, text).expect("the copy can be written");
        }
    }
}

/// Where an edit applies in the text of its file: exactly once.
pub(crate) fn place(text: &str, edit: &Edit) -> Result<Range<usize>> {
    match <[_; 1]>::try_from(find_all(text, edit.find)) {
        Ok([place]) => Ok(place),
        Err(places) => Err(format!("found {} times in {}: {}", places.len(), edit.file, edit.find).into()),
    }
}

/// Where `text` contains `find`, whatever white space either has, so that a change of format does not
/// matter.
fn find_all(text: &str, find: &str) -> Vec<Range<usize>> {
    let solid = |text: &str| -> Vec<(usize, char)> {
        text.char_indices().filter(|(_, char)| !char.is_whitespace()).collect()
    };
    let (text, find) = (solid(text), solid(find));
    text.windows(find.len())
        .filter(|window| window.iter().zip(&find).all(|((_, here), (_, there))| here == there))
        .map(|window| {
            let ((start, _), (last, char)) = (window[0], window[window.len() - 1]);
            start..last + char.len_utf8()
        })
        .collect()
}

fn copy_dir(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == "target" || name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let (from, to) = (entry.path(), to.join(name));
        if entry.file_type()?.is_dir() {
            fs::create_dir_all(&to)?;
            copy_dir(&from, &to)?;
        } else {
            fs::copy(&from, &to)?;
        }
    }
    Ok(())
}
