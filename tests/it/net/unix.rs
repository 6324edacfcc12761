//! Unix sockets.

mod datagram;
mod listener;
mod stream;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicUsize, Ordering},
};

/// A directory of the test's own, which goes with it.
pub(super) struct Dir(PathBuf);

impl Dir {
    pub(super) fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("vigie-{}-{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let dir = env::temp_dir().join(name);
        fs::create_dir(&dir).unwrap();
        Self(dir)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        // What is left of it is the system's to tidy up.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Is it a socket's file?
fn is_socket(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket())
}

/// An abstract name of the test's own.
#[cfg(target_os = "linux")]
fn abstract_name() -> std::os::unix::net::SocketAddr {
    use std::os::linux::net::SocketAddrExt;
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("vigie-{}-{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    std::os::unix::net::SocketAddr::from_abstract_name(name).unwrap()
}
