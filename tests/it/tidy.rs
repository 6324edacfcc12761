//! The repository's own habits.

mod docs;

use std::{
    fs,
    path::{Path, PathBuf},
};

fn sources() -> Vec<(PathBuf, String)> {
    fn walk(dir: &Path, found: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    let mut found = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    assert!(found.len() > 40, "the sources are where they are looked for");
    found
}

/// The lines that are code, with their numbers.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim_start()));
    lines.filter(|(_, line)| !line.starts_with("//"))
}

#[test]
fn only_the_facade_names_the_atomics_and_the_queue() {
    for (path, text) in sources() {
        if path.components().any(|part| part.as_os_str() == "sync") {
            continue;
        }
        for (number, line) in code(&text) {
            for name in ["sync::atomic", "crossbeam_queue", "parking_lot", "thread::park", "loom::"] {
                assert!(!line.contains(name), "{}:{number} names {name}", path.display());
            }
        }
    }
}

#[test]
fn each_ordering_that_is_not_relaxed_names_its_partner() {
    for (path, text) in sources() {
        let lines: Vec<&str> = text.lines().collect();
        for (number, line) in code(&text) {
            let ordered = ["Ordering::Acquire", "Ordering::Release", "Ordering::AcqRel", "Ordering::SeqCst"];
            if !ordered.iter().any(|name| line.contains(name)) {
                continue;
            }
            let before = &lines[number.saturating_sub(8)..number];
            assert!(
                before.iter().any(|line| line.contains("ORDERING:")),
                "{}:{number}: an ordering without its reason",
                path.display(),
            );
        }
    }
}

#[test]
fn files_have_one_job() {
    for (path, text) in sources() {
        let lines = text.lines().count();
        assert!(lines <= 500, "{}: {lines} lines", path.display());
    }
}
