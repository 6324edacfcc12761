//! Where it was measured, and with which versions.

use std::{fs, process::Command, thread};

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    pub processor: String,
    pub processors: usize,
    pub kernel: String,
    /// What was measured, of the sources' history, and whether they were changed since.
    #[serde(default)]
    pub commit: String,
    /// What else ran as the measuring began: the load averages.
    pub load: String,
}

impl Machine {
    pub fn here() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpuinfo.lines().find(|line| line.starts_with("model name"));
        let processor = model.and_then(|line| line.split_once(": ")).map_or("unknown", |(_, name)| name);
        let uname = rustix::system::uname();
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        Self {
            processor: processor.to_owned(),
            processors: thread::available_parallelism().map_or(0, usize::from),
            kernel: format!("{} {}", uname.sysname().to_string_lossy(), uname.release().to_string_lossy()),
            commit: commit().unwrap_or_else(|| "unknown".to_owned()),
            load: load.split_whitespace().take(3).collect::<Vec<_>>().join(" "),
        }
    }
}

fn commit() -> Option<String> {
    let mut git = Command::new("git");
    git.args(["-C", env!("CARGO_MANIFEST_DIR"), "describe", "--always", "--dirty"]);
    let described = git.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(described.stdout).ok()?.trim().to_owned())
}

/// The crates that are measured, and those that they stand on.
const CRATES: [&str; 13] = [
    "vigie",
    "mio",
    "polling",
    "tokio",
    "async-executor",
    "async-io",
    "monoio",
    "compio",
    "compio-runtime",
    "compio-driver",
    "glommio",
    "may",
    "io-uring",
];

/// Names and versions, as this program was built with them.
pub fn versions() -> Vec<(&'static str, String)> {
    CRATES.into_iter().map(|name| (name, versions_of(name).join(", "))).collect()
}

fn versions_of(name: &str) -> Vec<&'static str> {
    let lock = include_str!("../../Cargo.lock");
    let entry = format!("name = \"{name}\"\nversion = \"");
    lock.split("[[package]]")
        .filter_map(|package| package.trim_start().strip_prefix(&entry)?.split('"').next())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crate_has_a_version() {
        for (name, versions) in versions() {
            assert!(!versions.is_empty(), "{name}");
        }
    }
}
