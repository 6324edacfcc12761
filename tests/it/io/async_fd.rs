//! What can be watched, by whom, and what its errors are.

use std::{
    fs::File,
    io::{self, Read, Write},
    net,
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::net::UnixStream,
    },
    process::{Command, Stdio},
    rc::Rc,
};

use futures_lite::{AsyncReadExt, AsyncWriteExt, future::poll_once};
use vigie::{
    Builder, call,
    events::EventsError,
    io::{AsyncFd, Interest},
    spawn,
};

use crate::support::{each, soon, turns};

/// Two ends that do not block, the first of them watched.
pub(super) fn pair() -> (AsyncFd<UnixStream>, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    theirs.set_nonblocking(true).unwrap();
    (AsyncFd::new(ours).unwrap(), theirs)
}

#[test]
fn what_reads_and_writes_does_so() {
    each(|builder| {
        let ran = builder.run(async {
            let (mut ours, theirs) = pair();
            let mut theirs = AsyncFd::new(theirs).unwrap();
            let echo = spawn(async move {
                let mut bytes = [0; 100];
                loop {
                    match theirs.read(&mut bytes).await? {
                        0 => return Ok::<_, io::Error>(()),
                        count => theirs.write_all(&bytes[..count]).await?,
                    }
                }
            });
            for round in 0..100 {
                let sent = vec![round; 1000];
                let mut back = vec![0; 1000];
                ours.write_all(&sent).await.unwrap();
                ours.flush().await.unwrap();
                soon(ours.read_exact(&mut back)).await.unwrap();
                assert_eq!(back, sent);
            }
            drop(ours);
            soon(echo).await.unwrap().unwrap();
        });
        ran.unwrap();
    });
}

#[test]
fn one_task_reads_while_another_writes() {
    each(|builder| {
        let ran = builder.run(async {
            let (ours, theirs) = pair();
            let (ours, theirs) = (Rc::new(ours), Rc::new(AsyncFd::new(theirs).unwrap()));
            let send = |fd: Rc<AsyncFd<UnixStream>>| {
                // More than any buffer holds: each side has to wait for the other one's reader.
                spawn(async move { (&*fd).write_all(&vec![7; 4 << 20]).await })
            };
            let receive = |fd: Rc<AsyncFd<UnixStream>>| {
                spawn(async move {
                    let mut bytes = vec![0; 4 << 20];
                    (&*fd).read_exact(&mut bytes).await?;
                    Ok::<_, io::Error>(bytes.iter().all(|byte| *byte == 7))
                })
            };
            let sent = [send(ours.clone()), send(theirs.clone())];
            let received = [receive(ours), receive(theirs)];
            for task in received {
                assert!(soon(task).await.unwrap().unwrap());
            }
            for task in sent {
                soon(task).await.unwrap().unwrap();
            }
        });
        ran.unwrap();
    });
}

#[test]
fn a_file_is_refused_and_given_back() {
    each(|builder| {
        let ran = builder.run(async {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
            let (mut file, error) = AsyncFd::try_new(File::open(path).unwrap()).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::Unsupported);
            assert!(error.to_string().contains("regular file"), "{error}");
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            assert!(text.contains("vigie"));
        });
        ran.unwrap();
    });
}

#[test]
fn it_is_watched_once_by_each_domain() {
    each(|builder| {
        let ran = builder.run(async {
            let (stream, mut peer) = UnixStream::pair().unwrap();
            stream.set_nonblocking(true).unwrap();
            let first = AsyncFd::new(stream.as_fd()).unwrap();
            let second = AsyncFd::new(stream.as_fd()).unwrap_err();
            assert_eq!(second.kind(), io::ErrorKind::AlreadyExists);
            drop(first);
            let third = AsyncFd::new(stream.as_fd()).unwrap();
            peer.write_all(b"x").unwrap();
            let _guard = soon(third.readable()).await.unwrap();
            assert_eq!(third.as_raw_fd(), stream.as_raw_fd());
        });
        ran.unwrap();
    });
}

#[test]
fn it_follows_its_tasks_to_other_domains() {
    each(|builder| {
        let ran = builder.run(async {
            let (mut ours, mut theirs) = pair();
            for round in 0..10 {
                (ours, theirs) = soon(call(move || async move {
                    assert!(poll_once(ours.readable()).await.is_none(), "nothing has come");
                    theirs.write_all(&[round]).unwrap();
                    let mut bytes = [0; 2];
                    assert_eq!(soon(ours.read(&mut bytes)).await.unwrap(), 1);
                    assert_eq!(bytes[0], round);
                    (ours, theirs)
                }))
                .await
                .unwrap();
                theirs.write_all(b"here").unwrap();
                let mut bytes = [0; 4];
                soon(ours.read_exact(&mut bytes)).await.unwrap();
                assert_eq!(&bytes, b"here");
            }
        });
        ran.unwrap();
    });
}

#[cfg(target_os = "linux")]
#[test]
fn it_is_ready_for_nothing_before_the_poller_says_so() {
    each(|builder| {
        let ran = builder.run(async {
            let mut child = Command::new("sleep").arg("1000").stdout(Stdio::null()).spawn().unwrap();
            let process = rustix::process::Pid::from_child(&child);
            let flags = rustix::process::PidfdFlags::empty();
            let pidfd: OwnedFd = match rustix::process::pidfd_open(process, flags) {
                Ok(pidfd) => pidfd,
                Err(error) => {
                    eprintln!("skipped: no pidfd here ({error})");
                    child.kill().unwrap();
                    child.wait().unwrap();
                    return;
                }
            };
            let pidfd = AsyncFd::new(pidfd).unwrap();
            // Nothing could be tried here: a readiness that is not there would be taken for the end.
            let waits = pidfd.readable();
            let mut waits = std::pin::pin!(waits);
            for _ in 0..100 {
                assert!(poll_once(&mut waits).await.is_none());
                turns(1).await;
            }
            child.kill().unwrap();
            let _guard = soon(waits).await.unwrap();
            assert!(!child.wait().unwrap().success());
        });
        ran.unwrap();
    });
}

#[test]
fn without_the_systems_events_it_is_an_error() {
    let (stream, _peer) = UnixStream::pair().unwrap();
    let (stream, error) = AsyncFd::try_new(stream).unwrap_err();
    assert_eq!(error.downcast::<EventsError>().unwrap(), EventsError::OutsideRuntime);
    let ran = Builder::new().events(|_| Ok(())).run(async move {
        assert!(AsyncFd::new(stream).is_err());
    });
    ran.unwrap();
}

#[test]
fn it_outlives_its_run() {
    each(|builder| {
        let again = builder.clone();
        let (ours, mut theirs) = builder.run(async { pair() }).unwrap();
        let outside = futures_lite::future::block_on(ours.readable());
        assert!(outside.is_err(), "nobody watches it");
        let ran = again.run(async move {
            theirs.write_all(b"again").unwrap();
            let count = soon(ours.read_with(|mut stream| stream.read(&mut [0; 8]))).await.unwrap();
            assert_eq!(count, 5);
            assert_eq!(ours.into_inner().read(&mut [0]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        });
        ran.unwrap();
    });
}

#[test]
fn descriptors_go_from_process_to_process() {
    use rustix::net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
        SendFlags, recvmsg, sendmsg,
    };
    each(|builder| {
        let ran = builder.run(async {
            let (ours, theirs) = pair();
            let theirs = AsyncFd::new(theirs).unwrap();
            let receiver = spawn(async move {
                theirs
                    .read_with(|stream| {
                        let (mut data, mut space) = ([0; 8], [std::mem::MaybeUninit::uninit(); 64]);
                        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
                        let bufs = &mut [io::IoSliceMut::new(&mut data)];
                        recvmsg(stream, bufs, &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
                        let mut descriptors = ancillary.drain().flat_map(|message| match message {
                            RecvAncillaryMessage::ScmRights(descriptors) => descriptors.collect(),
                            _ => Vec::new(),
                        });
                        Ok(descriptors.next())
                    })
                    .await
            });
            turns(3).await;
            let (reader, mut writer) = io::pipe().unwrap();
            let sent = ours.write_with(|stream| {
                let mut space = [std::mem::MaybeUninit::uninit(); 64];
                let mut ancillary = SendAncillaryBuffer::new(&mut space);
                let descriptors = [reader.as_fd()];
                assert!(ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)));
                Ok(sendmsg(stream, &[io::IoSlice::new(b"x")], &mut ancillary, SendFlags::empty())?)
            });
            soon(sent).await.unwrap();
            drop(reader);
            let received = soon(receiver).await.unwrap().unwrap().expect("a descriptor came");
            writer.write_all(b"through it").unwrap();
            drop(writer);
            let mut text = String::new();
            File::from(received).read_to_string(&mut text).unwrap();
            assert_eq!(text, "through it");
        });
        ran.unwrap();
    });
}

#[test]
fn who_waits_for_urgent_data_learns_that_none_will_come() {
    each(|builder| {
        let ran = builder.run(async {
            let (ours, theirs) = pair();
            let mut urgent = std::pin::pin!(ours.ready(Interest::PRIORITY));
            assert!(poll_once(&mut urgent).await.is_none());
            drop(theirs);
            let mut guard = soon(urgent).await.unwrap();
            assert!(!guard.ready().is_priority() && guard.ready().is_read_closed());
            guard.clear_ready();
            assert_eq!(soon(ours.read_with(|mut stream| stream.read(&mut [0]))).await.unwrap(), 0);
        });
        ran.unwrap();
    });
}

#[cfg(target_os = "linux")]
#[test]
fn urgent_data_is_waited_for_by_itself() {
    each(|builder| {
        let ran = builder.run(async {
            let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
            let peer = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (stream, _) = listener.accept().unwrap();
            stream.set_nonblocking(true).unwrap();
            let stream = AsyncFd::new(stream).unwrap();
            let urgent = stream.ready(Interest::PRIORITY);
            let mut urgent = std::pin::pin!(urgent);
            assert!(poll_once(&mut urgent).await.is_none());
            (&peer).write_all(b"as usual").unwrap();
            let _guard = soon(stream.readable()).await.unwrap();
            assert!(poll_once(&mut urgent).await.is_none(), "that is not urgent");
            socket2::SockRef::from(&peer).send_out_of_band(b"!").unwrap();
            let guard = soon(urgent).await.unwrap();
            assert!(guard.ready().is_priority());
            assert!(format!("{guard:?}").contains("PRIORITY"), "{guard:?}");
        });
        ran.unwrap();
    });
}
