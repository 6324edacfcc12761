//! The hash of a directory tree: a file's is that of what it holds, a directory's that of the names and
//! hashes in it. A call for each, so that all domains but the first take part.

use std::{
    collections::BTreeSet,
    env, fs,
    future::Future,
    hash::{DefaultHasher, Hasher},
    io,
    path::{Path, PathBuf},
    pin::Pin,
    process,
};

use vigie::{Domain, Promise, await_all, call};

use crate::support::{Shared, each};

type Seen = Shared<BTreeSet<usize>>;

/// The entries of a directory, in the order of their names.
fn entries(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn of_file(path: &Path) -> io::Result<u64> {
    let mut hasher = DefaultHasher::new();
    hasher.write(b"file");
    hasher.write(&fs::read(path)?);
    Ok(hasher.finish())
}

fn of_directory(hashes: impl IntoIterator<Item = (PathBuf, u64)>) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(b"directory");
    for (path, hash) in hashes {
        hasher.write(path.file_name().unwrap_or_default().as_encoded_bytes());
        hasher.write_u64(hash);
    }
    hasher.finish()
}

fn in_sequence(path: &Path) -> io::Result<u64> {
    if !path.is_dir() {
        return of_file(path);
    }
    let mut hashes = Vec::new();
    for entry in entries(path)? {
        let hash = in_sequence(&entry)?;
        hashes.push((entry, hash));
    }
    Ok(of_directory(hashes))
}

fn in_parallel(path: PathBuf, seen: Seen) -> Pin<Box<dyn Future<Output = io::Result<u64>>>> {
    Box::pin(async move {
        seen.lock().extend(Domain::current().map(|domain| domain.index()));
        if !path.is_dir() {
            return of_file(&path);
        }
        let entries = entries(&path)?;
        if entries.is_empty() {
            return Ok(of_directory([]));
        }
        let parts = await_all(entries.iter().map(|entry| hash_there(entry, &seen))).await?;
        let hashes = parts.into_iter().map(|part| part?).collect::<io::Result<Vec<_>>>()?;
        Ok(of_directory(entries.into_iter().zip(hashes)))
    })
}

/// On another domain.
fn hash_there(path: &Path, seen: &Seen) -> Promise<io::Result<u64>> {
    let (path, seen) = (path.to_owned(), seen.clone());
    call(move || in_parallel(path, seen))
}

/// A directory that is removed in the end.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("vigie-{name}-{}", process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

/// Fills `dir` with files of all sizes, and with directories down to `depth`, the last of them empty.
fn fill(dir: &Path, depth: usize) {
    for n in 0..6 {
        let bytes = (0..n * 1000).map(|at| (at * depth + n) as u8);
        fs::write(dir.join(format!("file {n}")), bytes.collect::<Vec<_>>()).unwrap();
    }
    for n in 0..3 {
        let below = dir.join(format!("directory {n}"));
        fs::create_dir(&below).unwrap();
        if depth > 0 && n > 0 {
            fill(&below, depth - 1);
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "Miri has no file system")]
fn a_merkle_tree_over_all_domains_has_the_hash_of_a_sequential_one() {
    let directory = Directory::new("merkle");
    let root = directory.0.clone();
    fill(&root, 3);
    let deep = root.join("directory 2").join("directory 1").join("file 5");
    let bytes = fs::read(&deep).unwrap();
    let mut changed = bytes.clone();
    changed[4000] ^= 1;
    each(|builder| {
        let hash = || {
            let (root, seen) = (root.clone(), Seen::default());
            let hash = builder.clone().run(in_parallel(root, seen.clone())).unwrap().unwrap();
            assert_eq!(Vec::from_iter(seen.lock().iter().copied()), [0, 1, 2], "all domains take part");
            hash
        };
        let before = hash();
        assert_eq!(before, in_sequence(&root).unwrap());
        // One bit, far below.
        fs::write(&deep, &changed).unwrap();
        let after = hash();
        assert_eq!(after, in_sequence(&root).unwrap());
        assert_ne!(after, before);
        fs::write(&deep, &bytes).unwrap();
        assert_eq!(hash(), before);
    });
}

#[test]
#[cfg(all(unix, not(miri)))]
fn a_file_that_cannot_be_read_is_the_result_of_the_whole() {
    let directory = Directory::new("merkle-lost");
    let root = directory.0.clone();
    fill(&root, 1);
    std::os::unix::fs::symlink("nowhere", root.join("directory 1").join("lost")).unwrap();
    each(|builder| {
        let lost = builder.run(in_parallel(root.clone(), Seen::default())).unwrap().unwrap_err();
        assert_eq!(lost.kind(), io::ErrorKind::NotFound);
    });
}
