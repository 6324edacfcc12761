//! Pipes: their end, their breaking, and their way to the standard library and back.

use std::io::{self, Read, Write};

use futures_lite::{AsyncReadExt, AsyncWriteExt, future::poll_once};
use vigie::{
    PromiseState, call,
    io::{PipeReader, pipe},
    spawn,
};

use crate::support::{each, soon, turns};

#[test]
fn much_goes_through_and_the_end_is_seen() {
    each(|builder| {
        let ran = builder.run(async {
            let (mut reader, mut writer) = pipe().unwrap();
            let sent: Vec<u8> = (0..1 << 20).map(|at: u32| (at ^ (at >> 8)) as u8).collect();
            let expected = sent.clone();
            let write = call(move || async move { writer.write_all(&sent).await });
            let mut bytes = Vec::new();
            soon(reader.read_to_end(&mut bytes)).await.unwrap();
            assert!(bytes == expected);
            soon(write).await.unwrap().unwrap();
        });
        ran.unwrap();
    });
}

#[test]
fn it_ends_when_the_last_writer_is_closed() {
    each(|builder| {
        let ran = builder.run(async {
            let (mut reader, mut writer) = pipe().unwrap();
            let second = writer.try_clone().unwrap();
            writer.close().await.unwrap();
            writer.close().await.unwrap();
            assert_eq!(writer.write(b"x").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
            assert_eq!(writer.try_clone().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
            assert!(writer.into_std().is_err());
            let read = spawn(async move { reader.read(&mut [0]).await });
            turns(5).await;
            assert_eq!(read.state(), PromiseState::Running, "one can still write");
            drop(second);
            assert_eq!(soon(read).await.unwrap().unwrap(), 0);
        });
        ran.unwrap();
    });
}

#[test]
fn it_breaks_under_a_writer_that_waits() {
    each(|builder| {
        let ran = builder.run(async {
            let (reader, mut writer) = pipe().unwrap();
            let write = spawn(async move { writer.write_all(&vec![0; 1 << 20]).await });
            turns(5).await;
            drop(reader);
            assert_eq!(soon(write).await.unwrap().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        });
        ran.unwrap();
    });
}

#[test]
fn a_writer_waits_for_room_and_giving_up_writes_nothing() {
    each(|builder| {
        let ran = builder.run(async {
            let (mut reader, mut writer) = pipe().unwrap();
            let mut held = 0;
            while let Some(count) = poll_once(writer.write(&[0; 4096])).await {
                held += count.unwrap();
            }
            assert!(poll_once(writer.write(&[1; 4096])).await.is_none());
            writer.close().await.unwrap();
            let mut bytes = Vec::new();
            assert_eq!(soon(reader.read_to_end(&mut bytes)).await.unwrap(), held);
            assert!(bytes.iter().all(|byte| *byte == 0));
        });
        ran.unwrap();
    });
}

#[test]
fn the_standard_library_gets_ends_that_block() {
    each(|builder| {
        let ran = builder.run(async {
            let (mut reader, mut writer) = pipe().unwrap();
            writer.write_all(b"to and fro").await.unwrap();
            let mut bytes = [0; 3];
            soon(reader.read_exact(&mut bytes)).await.unwrap();
            let (mut reader, mut writer) = (reader.into_std().unwrap(), writer.into_std().unwrap());
            // It would fail if it did not wait.
            let read = std::thread::spawn(move || {
                let mut text = String::new();
                reader.read_to_string(&mut text).map(|_| text)
            });
            for _ in 0..100 {
                writer.write_all(&[b'.'; 4096]).unwrap();
            }
            drop(writer);
            let text = read.join().unwrap().unwrap();
            assert!(text.starts_with("and fro."));
            assert_eq!(text.len(), 7 + 100 * 4096);
        });
        ran.unwrap();
    });
}

/// In a pipe of packets a read ends where its packet does, and comes short with more behind it.
#[cfg(target_os = "linux")]
#[test]
fn packets_are_all_read() {
    use rustix::pipe::{PipeFlags, pipe_with};
    each(|builder| {
        let ran = builder.run(async {
            let (reader, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::DIRECT).unwrap();
            let mut reader = PipeReader::from_std(reader.into()).unwrap();
            let mut writer = io::PipeWriter::from(writer);
            let mut buf = [0; 64];
            assert!(poll_once(reader.read(&mut buf)).await.is_none());
            for packet in 1..=10 {
                writer.write_all(&[packet; 5]).unwrap();
            }
            for packet in 1..=10 {
                assert_eq!(soon(reader.read(&mut buf)).await.unwrap(), 5);
                assert_eq!(buf[..5], [packet; 5]);
            }
        });
        ran.unwrap();
    });
}
