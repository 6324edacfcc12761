//! What was measured, kept section by section, so that a run that was interrupted goes on.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use serde::{Deserialize, Serialize};

use crate::{figures::Outcome, machine::Machine};

/// A section that was measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Stored {
    pub section: String,
    /// Which program measured it: a new build measures anew.
    pub program: String,
    pub machine: Machine,
    pub smoke: bool,
    pub seconds: f64,
    pub outcome: Outcome,
}

/// The directory that they are kept in.
#[derive(Clone, Debug)]
pub struct Results {
    pub dir: PathBuf,
}

impl Results {
    /// In the directory given, or beside the program.
    pub fn at(dir: Option<&Path>, smoke: bool) -> io::Result<Self> {
        if let Some(dir) = dir {
            return Ok(Self { dir: dir.to_owned() });
        }
        let program = env::current_exe()?;
        // The program is in target/release.
        let target = program.ancestors().nth(2).ok_or_else(|| io::Error::other("where is the program?"))?;
        Ok(Self { dir: target.join(if smoke { "vigie-bench-smoke" } else { "vigie-bench" }) })
    }

    fn file(&self, section: &str) -> PathBuf {
        self.dir.join("sections").join(format!("{section}.json"))
    }

    pub fn load(&self, section: &str) -> io::Result<Option<Stored>> {
        match fs::read(self.file(section)) {
            Ok(json) => Ok(Some(serde_json::from_slice(&json)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whole or not at all, whenever the run is interrupted.
    pub fn store(&self, stored: &Stored) -> io::Result<()> {
        let file = self.file(&stored.section);
        fs::create_dir_all(self.dir.join("sections"))?;
        let unfinished = file.with_extension("unfinished");
        fs::write(&unfinished, serde_json::to_vec_pretty(stored)?)?;
        fs::rename(unfinished, file)
    }

    pub fn forget(&self, section: &str) -> io::Result<()> {
        match fs::remove_file(self.file(section)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// This program, told from its other builds.
pub fn this_program() -> io::Result<String> {
    let data = fs::metadata(env::current_exe()?)?;
    let built = data.modified()?.duration_since(UNIX_EPOCH).map_err(io::Error::other)?;
    Ok(format!("{} bytes, built at {}", data.len(), built.as_millis()))
}
