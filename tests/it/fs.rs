//! Files and directories: that all is as in the standard library, and what a task leaves behind.

use std::{
    fs as std_fs,
    io::{ErrorKind, SeekFrom},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicUsize, Ordering},
};

use futures_lite::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt, future::block_on};
use vigie::{
    call,
    fs::{self, File, OpenOptions},
};

use crate::support::{each, plain, soon};

#[cfg(unix)]
mod slow;

/// A directory of a test's own.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Self {
        static DIRS: AtomicUsize = AtomicUsize::new(0);
        let serial = DIRS.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("vigie-fs-{}-{serial}", process::id()));
        std_fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        // What a failed test has left open on Windows stays.
        let _ = std_fs::remove_dir_all(&self.0);
    }
}

/// Bytes of which each is where it is for a reason.
fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|at| (at ^ (at >> 8) ^ (at >> 16)) as u8).collect()
}

#[test]
fn the_functions_do_as_those_of_the_standard_library() {
    each(|builder| {
        let dir = Dir::new();
        builder
            .run(async move {
                let (one, two) = (dir.join("one"), dir.join("two"));
                fs::write(&one, "ahoy").await.unwrap();
                assert_eq!(fs::read(&one).await.unwrap(), b"ahoy");
                assert_eq!(fs::read_to_string(one.to_str().unwrap()).await.unwrap(), "ahoy");
                assert_eq!(fs::copy(&one, &two).await.unwrap(), 4);
                fs::remove_file(&one).await.unwrap();
                assert!(!fs::try_exists(&one).await.unwrap() && fs::try_exists(&two).await.unwrap());
                fs::rename(&two, &one).await.unwrap();
                assert_eq!(fs::metadata(&one).await.unwrap().len(), 4);
                let mut permissions = fs::metadata(&one).await.unwrap().permissions();
                permissions.set_readonly(true);
                fs::set_permissions(&one, permissions).await.unwrap();
                assert!(std_fs::metadata(&one).unwrap().permissions().readonly());
                fs::hard_link(&one, &two).await.unwrap();
                assert!(fs::symlink_metadata(&two).await.unwrap().is_file());

                let deep = dir.join("a/b/c");
                assert_eq!(fs::create_dir(&deep).await.unwrap_err().kind(), ErrorKind::NotFound);
                fs::create_dir_all(&deep).await.unwrap();
                assert_eq!(fs::create_dir(&deep).await.unwrap_err().kind(), ErrorKind::AlreadyExists);
                let roundabout = deep.join("../../..");
                assert_eq!(
                    fs::canonicalize(roundabout).await.unwrap(),
                    std_fs::canonicalize(&dir.0).unwrap()
                );
                fs::remove_dir(&deep).await.unwrap();
                fs::remove_dir_all(dir.join("a")).await.unwrap();
                assert!(!dir.join("a").exists());
                #[cfg(unix)]
                {
                    fs::symlink("one", dir.join("link")).await.unwrap();
                    assert_eq!(fs::read_link(dir.join("link")).await.unwrap(), Path::new("one"));
                }
                let error = fs::read(dir.join("none")).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::NotFound);
                fs::write(dir.join("odd"), [0xff]).await.unwrap();
                let error = fs::read_to_string(dir.join("odd")).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidData);
            })
            .unwrap();
    });
}

#[test]
fn a_file_is_written_sought_in_and_read() {
    each(|builder| {
        let dir = Dir::new();
        builder
            .run(async move {
                let path = dir.join("file");
                let all = bytes(1 << 20);
                let mut file = File::create_new(&path).await.unwrap();
                assert_eq!(File::create_new(&path).await.unwrap_err().kind(), ErrorKind::AlreadyExists);
                file.write_all(&all).await.unwrap();
                // What was written comes before what is asked then.
                assert_eq!(file.seek(SeekFrom::Current(0)).await.unwrap(), 1 << 20);
                assert_eq!(file.seek(SeekFrom::Start(0)).await.unwrap(), 0);
                let mut read = Vec::new();
                file.read_to_end(&mut read).await.unwrap();
                assert!(read == all);
                assert_eq!(file.seek(SeekFrom::End(-3)).await.unwrap(), (1 << 20) - 3);
                assert!(file.seek(SeekFrom::Start(u64::MAX)).await.is_err());
                file.write_all(b"xyz").await.unwrap();
                file.close().await.unwrap();
                let mut expected = all.clone();
                expected[(1 << 20) - 3..].copy_from_slice(b"xyz");
                assert!(std_fs::read(&path).unwrap() == expected);
                file.set_len(5).await.unwrap();
                file.sync_all().await.unwrap();
                file.sync_data().await.unwrap();
                assert_eq!(file.metadata().await.unwrap().len(), 5);
                let permissions = file.metadata().await.unwrap().permissions();
                file.set_permissions(permissions).await.unwrap();
                assert_eq!(file.read(&mut []).await.unwrap(), 0);
                assert_eq!(file.write(&[]).await.unwrap(), 0);

                let mut log = OpenOptions::new().append(true).open(&path).await.unwrap();
                log.write_all(b"!").await.unwrap();
                log.flush().await.unwrap();
                assert_eq!(std_fs::read(&path).unwrap().len(), 6);
                assert!(OpenOptions::new().open(&path).await.is_err(), "no way to use it");
            })
            .unwrap();
    });
}

#[test]
fn what_a_dropped_file_has_accepted_is_written_before_the_run_ends() {
    each(|builder| {
        let dir = Dir::new();
        let path = dir.join("file");
        builder
            .run(async move {
                let mut file = File::create(path).await.unwrap();
                file.write_all(&bytes(100_000)).await.unwrap();
            })
            .unwrap();
        assert!(std_fs::read(dir.join("file")).unwrap() == bytes(100_000));
    });
}

#[test]
fn a_file_goes_to_another_domain_and_to_the_standard_library() {
    each(|builder| {
        let dir = Dir::new();
        builder
            .run(async move {
                let path = dir.join("file");
                let mut file = File::create_new(&path).await.unwrap();
                file.write_all(b"one ").await.unwrap();
                // With the write under way.
                let there = call(async move || {
                    file.write_all(b"two").await?;
                    std::io::Result::Ok(file)
                });
                let file = there.await.unwrap().unwrap();
                let mut file = file.into_std().await.unwrap();
                assert_eq!(std_fs::read(&path).unwrap(), b"one two");
                std::io::Write::write_all(&mut file, b" three").unwrap();
                let mut file = File::from_std(file);
                file.seek(SeekFrom::Start(4)).await.unwrap();
                let mut rest = String::new();
                file.read_to_string(&mut rest).await.unwrap();
                assert_eq!(rest, "two three");
            })
            .unwrap();
    });
}

#[test]
fn a_directory_is_listed() {
    each(|builder| {
        let dir = Dir::new();
        for name in 0..200 {
            std_fs::write(dir.join(name.to_string()), []).unwrap();
        }
        std_fs::create_dir(dir.join("dir")).unwrap();
        builder
            .run(async move {
                let mut entries = fs::read_dir(&dir.0).await.unwrap();
                let mut names = Vec::new();
                loop {
                    // One that is given up has lost nothing.
                    let given_up = futures_lite::future::poll_once(entries.next_entry()).await;
                    let entry = match given_up {
                        Some(entry) => entry.unwrap(),
                        None => entries.next_entry().await.unwrap(),
                    };
                    let Some(entry) = entry else { break };
                    assert_eq!(entry.path(), dir.join(entry.file_name()));
                    if names.len() % 50 == 0 || entry.file_name() == "dir" {
                        let is_dir = entry.file_name() == "dir";
                        assert_eq!(entry.file_type().await.unwrap().is_dir(), is_dir);
                        assert_eq!(entry.metadata().await.unwrap().is_dir(), is_dir);
                    }
                    names.push(entry.file_name().into_string().unwrap());
                }
                assert!(entries.next_entry().await.unwrap().is_none(), "it stays at its end");
                names.sort();
                let mut expected: Vec<_> = (0..200).map(|name| name.to_string()).collect();
                expected.push("dir".to_owned());
                expected.sort();
                assert_eq!(names, expected);
                assert!(fs::read_dir(dir.join("none")).await.is_err());
                // One that nobody lists to its end.
                drop(futures_lite::future::poll_once(fs::read_dir(&dir.0).await.unwrap().next_entry()).await);
            })
            .unwrap();
    });
}

#[test]
fn files_need_no_run_and_no_events() {
    let dir = Dir::new();
    let path = dir.join("file");
    let body = async {
        let mut file = File::create_new(&path).await.unwrap();
        file.write_all(b"ahoy").await.unwrap();
        file.seek(SeekFrom::Start(1)).await.unwrap();
        let mut rest = String::new();
        file.read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, "hoy");
        fs::remove_file(&path).await.unwrap();
    };
    block_on(body);
    plain()
        .without_events()
        .run(async move {
            fs::write(&path, "ahoy").await.unwrap();
            assert_eq!(fs::read(&path).await.unwrap(), b"ahoy");
        })
        .unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn the_error_of_a_write_comes_with_what_follows_it() {
    plain()
        .run(async move {
            let options = OpenOptions::from(std_fs::OpenOptions::new().write(true).clone());
            let mut file = options.open("/dev/full").await.unwrap();
            for _ in 0..2 {
                file.write_all(b"x").await.unwrap();
                assert_eq!(soon(file.flush()).await.unwrap_err().kind(), ErrorKind::StorageFull);
                file.flush().await.unwrap();
            }
            file.write_all(b"x").await.unwrap();
            assert_eq!(file.write_all(b"x").await.unwrap_err().kind(), ErrorKind::StorageFull);
            file.write_all(b"x").await.unwrap();
            assert_eq!(file.sync_all().await.unwrap_err().kind(), ErrorKind::StorageFull);
            file.write_all(b"x").await.unwrap();
            assert_eq!(file.into_std().await.unwrap_err().kind(), ErrorKind::StorageFull);
        })
        .unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn no_descriptor_is_left_open() {
    use crate::support::{alone, eventually, proc};

    alone("fs::no_descriptor_is_left_open", || {
        let dir = Dir::new();
        let path = dir.join("file");
        let before = proc::descriptors();
        plain()
            .run(async move {
                for _ in 0..20 {
                    let mut file = File::create(&path).await.unwrap();
                    file.write_all(&[0; 100]).await.unwrap();
                    drop(file);
                    // One that is opened for nobody.
                    let task = vigie::spawn(File::open(path.clone()));
                    vigie::yield_now().await;
                    task.cancel().await.unwrap();
                    let mut entries = fs::read_dir(&dir.0).await.unwrap();
                    entries.next_entry().await.unwrap().unwrap();
                }
            })
            .unwrap();
        assert!(eventually(|| proc::descriptors() == before));
    });
}
