//! The names that tasks give themselves, and who tells them.

use std::{
    future::{Future, pending},
    io::{self, BufRead, BufReader},
    mem,
    process::Stdio,
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use vigie::{
    Domain, LongSlice, RunError, Stall, TaskError, TaskInfo, TaskSet, TaskState, Tree, call, call_on,
    events::{Events, Signals, Uid},
    name_task, on_tick, spawn, uncancellable, yield_now,
};

use crate::support::{Gate, Log, child, is_child, on_drop, plain, turns};

/// The names of the tasks of the run, in the tree's order.
async fn names() -> Vec<Option<String>> {
    let tree = vigie::tree().await.unwrap();
    tree.tasks().iter().map(|task| task.name().map(str::to_owned)).collect()
}

fn some(names: &[&str]) -> Vec<Option<String>> {
    names.iter().map(|name| Some((*name).to_owned())).collect()
}

/// Names itself, and waits.
fn waiting(name: impl Into<Arc<str>>) -> impl Future<Output = ()> + 'static {
    let name = name.into();
    async move {
        name_task(name).unwrap();
        pending().await
    }
}

#[test]
fn a_task_names_itself_however_it_was_started() {
    plain()
        .run(async {
            name_task("main").unwrap();
            let (gate, named) = (Gate::default(), Gate::default());
            let (open, tell) = (gate.clone(), named.clone());
            let called = call(async move || {
                name_task(String::from("called")).unwrap();
                let _below = spawn(waiting(Arc::<str>::from("below")));
                yield_now().await;
                tell.open();
                open.opened().await;
            });
            let child = spawn(waiting("child"));
            let mut set = TaskSet::new();
            set.spawn(waiting("member"));
            let scope = spawn(vigie::scope(async |scope| {
                scope.spawn(waiting("its part"));
                pending::<()>().await;
            }));
            named.opened().await;
            // Those of this domain.
            turns(4).await;
            assert_eq!(names().await, some(&["main", "called", "below", "child", "member", "its part"]));
            gate.open();
            called.await.unwrap();
            drop((child, set, scope));
        })
        .unwrap();
}

#[test]
fn a_name_replaces_the_one_before_and_goes_with_the_task() {
    plain()
        .extra_domains(0)
        .run(async {
            assert_eq!(names().await, [None]);
            for name in ["first", "second", "second"] {
                name_task(name).unwrap();
                assert_eq!(names().await, some(&[name]));
            }
            let child = spawn(waiting("child"));
            yield_now().await;
            assert_eq!(names().await, some(&["second", "child"]));
            child.cancel().await.unwrap();
            let next = spawn(pending::<()>());
            assert_eq!(
                names().await,
                [Some("second".to_owned()), None],
                "neither its parent's nor another's"
            );
            drop(next);
            name_task("").unwrap();
            assert_eq!(names().await, [None]);
        })
        .unwrap();
}

#[test]
fn the_tree_shows_names_in_their_lines() {
    let name = "two\nlines and \"quotes\"";
    let long = "long ".repeat(100_000);
    let theirs = long.clone();
    plain()
        .extra_domains(0)
        .run(async move {
            let names = ["alike", "alike", "another", name, &theirs];
            let tasks = names.map(|name| spawn(waiting(name)));
            yield_now().await;
            let tree = vigie::tree().await.unwrap();
            assert_eq!(tree.tasks()[4].name(), Some(name));
            let text = tree.to_string();
            let lines: Vec<_> = text.lines().collect();
            let [main, alike, another, escaped, whole] = lines[..] else { panic!("{text}") };
            assert!(main.starts_with(&format!("task {}, {}", number(&tree.tasks()[0]), file!())), "{main}");
            let line = format!("├─ task {} \"alike\", {}", number(&tree.tasks()[1]), file!());
            assert!(alike.starts_with(&line) && alike.ends_with(" (and 1 alike)"), "{alike}");
            assert!(another.contains(" \"another\", ") && !another.contains("alike"), "{another}");
            assert!(escaped.contains(r#" "two\nlines and \"quotes\"", "#), "{escaped}");
            assert!(whole.contains(&format!(" {long:?}, ")));
            drop(tasks);
        })
        .unwrap();
}

/// Of a task, as it is printed.
fn number(task: &TaskInfo) -> String {
    task.id().to_string().trim_start_matches("task ").to_owned()
}

#[test]
fn outside_of_a_task_there_is_none_to_name() {
    /// Names whatever runs while it is asked for signals.
    struct Namer(Log<Result<(), TaskError>>);
    impl Events for Namer {
        fn select(&mut self, _block: bool, _cancelled: &[Uid], _signals: &mut Signals) -> io::Result<()> {
            self.0.push(name_task("events"));
            Ok(())
        }
    }
    let outside = |named: &Result<(), TaskError>| matches!(named, Err(TaskError::OutsideRuntime));
    assert!(outside(&name_task("thread")));
    let told = Log::default();
    let (theirs, hooks) = (told.clone(), told.clone());
    plain()
        .extra_domains(0)
        .events(move |_| Ok(Namer(theirs.clone())))
        .run(async move {
            let _hook = on_tick(move || hooks.push(name_task("hook"))).unwrap();
            thread::spawn(move || assert!(outside(&name_task("thread")))).join().unwrap();
            yield_now().await;
            yield_now().await;
            assert_eq!(names().await, [None]);
        })
        .unwrap();
    let told = told.take();
    assert!(told.len() > 2 && told.iter().all(outside), "{told:?}");
    assert!(outside(&name_task("thread")));
}

#[test]
fn a_destructor_names_the_task_that_ends() {
    plain()
        .extra_domains(0)
        .run(async {
            let gate = Gate::default();
            let open = gate.clone();
            // Also where this fails: the run would wait for the one that is left.
            let opener = on_drop(move || gate.open());
            let task = spawn(async move {
                let _end = on_drop(|| name_task("closing").unwrap());
                // It is left, and keeps its parent.
                mem::forget(spawn(uncancellable(async move { open.opened().await })));
                pending::<()>().await;
            });
            yield_now().await;
            yield_now().await;
            let mut cancelling = Box::pin(task.cancel());
            assert!(futures_lite::future::poll_once(&mut cancelling).await.is_none());
            let tree = vigie::tree().await.unwrap();
            let closing = &tree.tasks()[1];
            assert_eq!((closing.name(), closing.state()), (Some("closing"), TaskState::Ended), "{tree}");
            drop(opener);
            cancelling.await.unwrap();
            assert_eq!(names().await, [None]);
        })
        .unwrap();
}

#[test]
fn a_stall_is_told_with_the_name_that_the_task_has_by_then() {
    const AFTER: Duration = Duration::from_millis(5);
    let (tells, told) = mpsc::channel::<Stall>();
    let told = Mutex::new(told);
    // Until its own slice is told of, which so does not end before.
    let stall = move || {
        let own = vigie::TaskId::current();
        loop {
            let stall = told.lock().unwrap().recv_timeout(Duration::from_secs(60)).expect("it is told");
            if Some(stall.task) == own {
                return stall;
            }
        }
    };
    plain()
        .stall_watch_with(AFTER, move |stall| {
            // Nobody listens after the end.
            let _ = tells.send(stall.clone());
        })
        .run(async move {
            let unnamed = stall();
            assert_eq!(unnamed.name, None);
            assert!(!unnamed.to_string().contains('"'), "{unnamed}");
            yield_now().await;
            // It may be told before this is done; in the next slice it has the name already.
            name_task("main").unwrap();
            yield_now().await;
            let named = stall();
            assert_eq!(named.name.as_deref(), Some("main"));
            assert!(named.to_string().starts_with(&format!("{} \"main\", ", named.task)), "{named}");
            let there = call_on(Domain::available()[1], async move || {
                name_task("there").unwrap();
                yield_now().await;
                stall()
            });
            let there = there.await.unwrap();
            assert_eq!((there.name.as_deref(), there.domain.index()), (Some("there"), 2));
        })
        .unwrap();
}

#[test]
fn the_longest_slice_keeps_the_name_of_a_task_that_has_gone() {
    fn longest() -> LongSlice {
        Domain::current().unwrap().metrics().unwrap().longest_slice.unwrap()
    }
    plain()
        .extra_domains(0)
        .timing(true)
        .run(async {
            // Longer than any until now, however loaded the machine is.
            let slow = |name: Option<&'static str>| {
                spawn(async move {
                    if let Some(name) = name {
                        name_task(name).unwrap();
                    }
                    let before = longest().duration;
                    let began = std::time::Instant::now();
                    while began.elapsed() <= before {
                        thread::sleep(Duration::from_millis(1));
                    }
                    vigie::TaskId::current().unwrap()
                })
            };
            yield_now().await;
            let named = slow(Some("slow")).await.unwrap();
            let slice = longest();
            assert!(!named.is_live());
            assert_eq!((slice.task, slice.name.as_deref()), (named, Some("slow")));
            let unnamed = slow(None).await.unwrap();
            let slice = longest();
            assert_eq!((slice.task, slice.name), (unnamed, None));
        })
        .unwrap();
}

#[test]
fn a_deadlock_tells_names_of_every_domain() {
    let ran = plain().run(async {
        name_task("stuck").unwrap();
        call(async || waiting("stuck there").await).await.unwrap();
    });
    let error = ran.unwrap_err();
    let tree: &Tree = match error.get_ref().and_then(|reason| reason.downcast_ref()) {
        Some(RunError::Deadlock(tree)) => tree,
        _ => panic!("{error}"),
    };
    assert_eq!(
        tree.tasks().iter().map(TaskInfo::name).collect::<Vec<_>>(),
        [Some("stuck"), Some("stuck there")]
    );
    for text in [error.to_string(), format!("{error:?}")] {
        assert!(text.contains(" \"stuck\", ") && text.contains(" \"stuck there\", "), "{text}");
    }
}

#[test]
fn the_shutdown_report_tells_names() {
    const NAME: &str = "names::the_shutdown_report_tells_names";
    if cfg!(miri) {
        return;
    }
    if is_child(NAME) {
        let ran = plain().shutdown_report(Duration::from_millis(5)).run(async {
            mem::forget(spawn(async {
                name_task("straggler").unwrap();
                // Until the parent has read of it.
                vigie::unblock(|| io::stdin().read_line(&mut String::new())).await.unwrap().unwrap();
            }));
        });
        return ran.unwrap();
    }
    let mut child = child(NAME).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains(" \"straggler\", ")));
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}
