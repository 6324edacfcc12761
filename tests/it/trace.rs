//! What the feature `tracing` tells, and the example that draws it.

use std::{
    collections::BTreeMap,
    env, fmt, fs,
    process::{self, Command},
    thread,
    time::Duration,
};

use serde_json::Value;
use tracing::{
    Event, Id, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Record},
};
use vigie::{call, spawn, system::Variant, time::sleep, yield_now};

use crate::support::{Shared, alone, plain};

/// A span of a task.
#[derive(Debug, Clone, Default)]
struct Seen {
    parent: Option<u64>,
    fields: BTreeMap<String, String>,
    /// On which threads it was entered.
    entered: Vec<Option<String>>,
    exited: usize,
    handles: usize,
}

/// Hears of everything, for the whole process.
#[derive(Clone, Default)]
struct Ear {
    spans: Shared<BTreeMap<u64, Seen>>,
    /// The messages, and the threads that they came from.
    events: Shared<Vec<(String, Option<String>)>>,
}

fn this_thread() -> Option<String> {
    thread::current().name().map(str::to_owned)
}

struct Fields<'a>(&'a mut BTreeMap<String, String>);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }
}

impl Subscriber for Ear {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "vigie"
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        assert_eq!(span.metadata().name(), "task");
        assert!(!span.is_contextual(), "the parent is named");
        let parent = span.parent().map(Id::into_u64);
        let mut seen = Seen { parent, handles: 1, ..Seen::default() };
        span.record(&mut Fields(&mut seen.fields));
        let mut spans = self.spans.lock();
        let id = spans.len() as u64 + 1;
        spans.insert(id, seen);
        Id::from_u64(id)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let mut fields = BTreeMap::new();
        values.record(&mut Fields(&mut fields));
        // It may name the task in turn.
        if fields.get("name").is_some_and(|name| name == "\"of old\"") {
            vigie::name_task("of late").unwrap();
            panic!("a subscriber that fails harms no task");
        }
        self.spans.lock().get_mut(&span.into_u64()).unwrap().fields.extend(fields);
    }

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = BTreeMap::new();
        event.record(&mut Fields(&mut fields));
        assert!(fields.contains_key("domain"), "{fields:?}");
        self.events.lock().push((fields["message"].clone(), this_thread()));
    }

    fn enter(&self, span: &Id) {
        self.spans.lock().get_mut(&span.into_u64()).unwrap().entered.push(this_thread());
    }

    fn exit(&self, span: &Id) {
        self.spans.lock().get_mut(&span.into_u64()).unwrap().exited += 1;
    }

    fn clone_span(&self, span: &Id) -> Id {
        self.spans.lock().get_mut(&span.into_u64()).unwrap().handles += 1;
        span.clone()
    }

    fn try_close(&self, span: Id) -> bool {
        let mut spans = self.spans.lock();
        let seen = spans.get_mut(&span.into_u64()).unwrap();
        seen.handles -= 1;
        seen.handles == 0
    }
}

#[test]
fn each_task_is_a_span_within_its_parents_on_every_domain() {
    alone("trace::each_task_is_a_span_within_its_parents_on_every_domain", || {
        let ear = Ear::default();
        tracing::subscriber::set_global_default(ear.clone()).unwrap();
        let spans = ear.spans.clone();
        let open = move |at: u64| spans.lock()[&at].handles > 0;
        let line = line!();
        plain()
            .run(async move {
                let child = spawn(async {
                    yield_now().await;
                    yield_now().await;
                });
                let there = call(async || {
                    spawn(async { yield_now().await }).await.unwrap();
                    spawn(std::future::pending::<()>()).cancel().await.unwrap();
                });
                there.await.unwrap();
                let mut child = child;
                (&mut child).await.unwrap();
                assert!(open(1) && !open(2), "closed when it has finished, not when its promise goes");
                drop(child);
            })
            .unwrap();
        let spans: Vec<Seen> = ear.spans.lock().values().cloned().collect();
        assert_eq!(spans.len(), 5, "{spans:#?}");
        let field = |at: usize, name: &str| spans[at].fields[name].clone();
        let parents: Vec<_> = spans.iter().map(|span| span.parent).collect();
        assert_eq!(parents, [None, Some(1), Some(1), Some(3), Some(3)]);
        let domains: Vec<_> = (0..5).map(|at| field(at, "domain")).collect();
        assert_eq!(domains, ["0", "0", "1", "1", "1"]);
        for (at, below) in [(1, 3), (2, 7), (3, 8), (4, 9)] {
            let place = format!("{}:{}:", file!(), line + below);
            assert!(field(at, "location").starts_with(&place), "{}, {place}", field(at, "location"));
        }
        // A slice each time, on the thread of its domain; the last one's is its cancellation.
        assert_eq!(spans[1].entered.len(), 3);
        assert_eq!(spans[3].entered, vec![Some("vigie-1".to_owned()); 2]);
        assert_eq!(spans[4].entered.len(), 1);
        assert!(
            spans.iter().all(|span| span.exited == span.entered.len() && span.handles == 0),
            "{spans:#?}"
        );
    });
}

#[test]
fn the_name_of_a_task_is_a_field_of_its_span() {
    alone("trace::the_name_of_a_task_is_a_field_of_its_span", || {
        let ear = Ear::default();
        tracing::subscriber::set_global_default(ear.clone()).unwrap();
        let spans = ear.spans.clone();
        let name = move |at: u64| spans.lock()[&at].fields.get("name").cloned();
        plain()
            .run(async move {
                assert_eq!(name(1), None);
                vigie::name_task("main").unwrap();
                assert_eq!(name(1).as_deref(), Some("\"main\""));
                let theirs = name.clone();
                let there = call(async move || {
                    vigie::name_task("there").unwrap();
                    vigie::name_task("another").unwrap();
                    assert_eq!(theirs(2).as_deref(), Some("\"another\""));
                    vigie::name_task("of old").unwrap();
                    assert_eq!(theirs(2).as_deref(), Some("\"of late\""));
                });
                there.await.unwrap();
                assert_eq!(name(1).as_deref(), Some("\"main\""));
            })
            .unwrap();
    });
}

#[test]
fn parks_and_hand_overs_are_events() {
    alone("trace::parks_and_hand_overs_are_events", || {
        let ear = Ear::default();
        tracing::subscriber::set_global_default(ear.clone()).unwrap();
        plain()
            .variant(Variant::Observer)
            .run(async {
                let listener = vigie::net::TcpListener::bind("127.0.0.1:0").unwrap();
                let addr = listener.local_addr().unwrap();
                let client = thread::spawn(move || {
                    thread::sleep(Duration::from_millis(20));
                    std::net::TcpStream::connect(addr).unwrap()
                });
                listener.accept().await.unwrap();
                client.join().unwrap();
                sleep(Duration::from_millis(1)).await.unwrap();
            })
            .unwrap();
        let events = ear.events.lock().clone();
        let count = |message: &str| events.iter().filter(|(said, _)| said == message).count();
        assert!(count("park") > 0 && count("park") == count("unpark"), "{events:?}");
        assert!(count("recall") > 0, "{events:?}");
        let pushed = events.iter().find(|(said, _)| said == "push");
        assert_eq!(pushed.and_then(|(_, thread)| thread.as_deref()), Some("vigie-watch-0"));
    });
}

#[test]
fn the_example_writes_a_trace_with_rows_for_domains_and_observers() {
    let me = env::current_exe().unwrap();
    let name = format!("trace{}", env::consts::EXE_SUFFIX);
    let example = me.ancestors().map(|dir| dir.join("examples").join(&name)).find(|path| path.is_file());
    let path = env::temp_dir().join(format!("vigie-trace-{}.json", process::id()));
    let output =
        Command::new(example.expect("to be built by `cargo build --examples`")).arg(&path).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = fs::read_to_string(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let trace: Value = serde_json::from_str(&text).unwrap();
    let events = trace.as_array().unwrap();
    let row = |name: &str| {
        let named = events.iter().find(|event| event["ph"] == "M" && event["args"]["name"] == name);
        named.unwrap_or_else(|| panic!("no row {name}"))["tid"].clone()
    };
    let has = |row: &Value, phase: &str, name: &str| {
        let mut there = events.iter().filter(|event| event["tid"] == *row && event["ph"] == phase);
        there.any(|event| event["name"].as_str().unwrap().contains(name))
    };
    for domain in 0..3 {
        let row = row(&format!("domain {domain}"));
        assert!(has(&row, "X", "trace.rs:"), "slices of domain {domain}");
        assert!(has(&row, "X", ["main, ", "server, ", "sum 2"][domain]), "named slices of domain {domain}");
        assert!(has(&row, "X", "park"), "parks of domain {domain}");
    }
    for observer in 0..2 {
        assert!(has(&row(&format!("observer {observer}")), "i", "push"), "harvests of observer {observer}");
    }
    let slices: Vec<_> = events.iter().filter(|event| event["ph"] == "X").collect();
    assert!(
        slices.iter().all(|slice| slice["ts"].as_f64() >= Some(0.0) && slice["dur"].as_f64() >= Some(0.0))
    );
}
