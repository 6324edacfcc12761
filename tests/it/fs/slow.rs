//! Named pipes stand for slow files: they are read and written when the test says so.

use std::{
    io::{Read, SeekFrom, Write},
    thread,
};

use futures_lite::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt, future::poll_once};
use vigie::{Deadlocks, fs::File, spawn};

use super::{Dir, std_fs};
use crate::support::{Sleeper, each, plain, soon, turns};

/// A pipe, of which the test has the other end.
fn pipe(dir: &Dir) -> (File, std_fs::File) {
    let path = dir.join("pipe");
    if !path.exists() {
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
    }
    // Both can be opened at once, and neither ever sees the end.
    let open = || std_fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    (File::from_std(open()), open())
}

#[test]
fn a_read_that_was_dropped_has_lost_nothing() {
    each(|builder| {
        let dir = Dir::new();
        builder
            .run(async move {
                let (mut file, mut peer) = pipe(&dir);
                let mut buf = [0; 8];
                assert!(poll_once(file.read(&mut buf)).await.is_none());
                turns(3).await;
                assert!(poll_once(file.read(&mut buf)).await.is_none());
                peer.write_all(b"ahoy").unwrap();
                // Whatever the one had asked for, the other gets what it has room for.
                let mut small = [0; 3];
                assert_eq!(soon(file.read(&mut small)).await.unwrap(), 3);
                assert_eq!(&small, b"aho");
                assert_eq!(soon(file.read(&mut buf)).await.unwrap(), 1);
                assert_eq!(buf[0], b'y');
            })
            .unwrap();
    });
}

#[test]
fn what_was_read_and_not_taken_is_read_again_by_others() {
    each(|builder| {
        let dir = Dir::new();
        let path = dir.join("file");
        builder
            .run(async move {
                for seeks in [false, true] {
                    std_fs::write(&path, "0123456789").unwrap();
                    let mut file = File::options().read(true).write(true).open(&path).await.unwrap();
                    let mut buf = [0; 4];
                    file.read_exact(&mut buf).await.unwrap();
                    // One that was given up: begun at least, and maybe done.
                    while poll_once(file.read(&mut buf)).await.is_some() {
                        file.seek(SeekFrom::Start(4)).await.unwrap();
                    }
                    if seeks {
                        assert_eq!(file.seek(SeekFrom::Current(1)).await.unwrap(), 5);
                    } else {
                        file.write_all(b"x").await.unwrap();
                    }
                    file.write_all(b"y").await.unwrap();
                    file.read_exact(&mut buf[..1]).await.unwrap();
                    let mut file = file.into_std().await.unwrap();
                    let mut rest = String::new();
                    file.read_to_string(&mut rest).unwrap();
                    let text = if seeks { "01234y6789" } else { "0123xy6789" };
                    assert_eq!((buf[0], rest.as_str()), (b'6', "789"));
                    assert_eq!(std_fs::read_to_string(&path).unwrap(), text);
                }
            })
            .unwrap();
    });
}

#[test]
fn a_write_under_way_is_waited_for() {
    each(|builder| {
        let dir = Dir::new();
        builder
            .run(async move {
                let (mut file, mut peer) = pipe(&dir);
                // More than a pipe holds, which is 64 KiB.
                let task = spawn(async move {
                    file.write_all(&[7; 200_000]).await.unwrap();
                });
                turns(3).await;
                let mut cancel = task.cancel();
                turns(10).await;
                assert!(poll_once(&mut cancel).await.is_none());
                let reader = thread::spawn(move || {
                    let mut read = vec![0; 200_000];
                    peer.read_exact(&mut read).unwrap();
                    read
                });
                soon(cancel).await.unwrap();
                assert!(reader.join().unwrap().iter().all(|byte| *byte == 7));
            })
            .unwrap();
    });
}

#[test]
fn a_task_that_waits_for_a_file_is_not_stuck() {
    plain()
        .deadlocks(Deadlocks::ClosedWorld)
        .run(async move {
            let dir = Dir::new();
            let (mut file, mut peer) = pipe(&dir);
            let here = Sleeper::here();
            let thread = thread::spawn(move || {
                here.wait();
                peer.write_all(b"ahoy").unwrap();
                peer
            });
            let mut buf = [0; 8];
            assert_eq!(file.read(&mut buf).await.unwrap(), 4);
            thread.join().unwrap();
        })
        .unwrap();
}
