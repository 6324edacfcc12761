//! What only the inside shows: waiting where no `pidfd` can be had, and when a child is watched.

use std::{os::unix::process::ExitStatusExt, rc::Rc};

use futures_lite::future::poll_once;

use super::{Child, Command, Stdio, watch::Watch};
use crate::{
    Builder, call, spawn,
    system::{Backend, Variant},
};

fn each(test: impl Fn(Builder)) {
    for variant in Variant::ALL {
        for backend in Backend::ALL {
            test(Builder::new().variant(variant).backend(*backend).extra_domains(2));
        }
    }
}

/// A child that lasts until its stdin is closed, and that is watched as where there is no `pidfd`.
fn old() -> Child {
    let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.process.watch = Some(Watch::sigchld().unwrap());
    child
}

#[test]
#[cfg_attr(miri, ignore = "it starts processes")]
fn without_pidfd_each_of_several_ends() {
    each(|builder| {
        let ran = builder.run(async {
            let held = Rc::new(());
            let waits: Vec<_> = (0..20)
                .map(|number| {
                    let mut child = old();
                    // Some end before they are awaited.
                    if number % 2 == 0 {
                        child.kill().unwrap();
                    }
                    let held = held.clone();
                    spawn(async move {
                        let ended = child.wait().await.unwrap();
                        assert_eq!(child.wait().await.unwrap(), ended, "the same answer again");
                        drop(held);
                        ended
                    })
                })
                .collect();
            for (number, wait) in waits.into_iter().enumerate() {
                let ended = wait.await.unwrap();
                // Killed, or ended by the end of stdin before that.
                assert!(ended.success() || number % 2 == 0 && ended.signal() == Some(9), "{ended}");
            }
            assert_eq!(Rc::strong_count(&held), 1);
        });
        ran.unwrap();
    });
}

#[test]
#[cfg_attr(miri, ignore = "it starts processes")]
fn without_pidfd_a_wait_is_given_up_and_goes_on_elsewhere() {
    each(|builder| {
        let ran = builder.run(async {
            let mut child = old();
            let stdin = child.stdin.take();
            assert!(poll_once(child.wait()).await.is_none(), "it has not ended");
            let away = call(async move || {
                assert!(poll_once(child.wait()).await.is_none(), "it has not ended");
                drop(stdin);
                child.wait().await.unwrap()
            });
            assert!(away.await.unwrap().success());
        });
        ran.unwrap();
    });
}

#[test]
#[cfg_attr(miri, ignore = "it starts processes")]
fn a_child_is_watched_from_the_first_wait_to_its_end() {
    each(|builder| {
        let ran = builder.run(async {
            let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
            let stdin = child.stdin.take();
            assert!(child.try_wait().unwrap().is_none());
            assert!(child.process.watch.is_none());
            assert!(poll_once(child.wait()).await.is_none());
            assert!(child.process.watch.is_some());
            #[cfg(any(target_os = "linux", target_os = "android"))]
            assert!(matches!(child.process.watch, Some(Watch::Pidfd(_))), "{:?}", child.process.watch);
            drop(stdin);
            assert!(child.wait().await.unwrap().success());
            assert!(child.process.watch.is_none());
        });
        ran.unwrap();
    });
}
