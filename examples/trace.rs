//! Writes down what a small run does, for <https://ui.perfetto.dev> or chrome://tracing: a row for each
//! domain and for each observer, with the slices of the tasks, by their names and by where they were started,
//! the parks, and what the observers push.
//!
//! `trace [FILE]` writes to FILE, by default `trace.json`. The subscriber below is all that it takes.

#![allow(clippy::disallowed_types, reason = "a program")]

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    env, fmt,
    fs::File,
    io::{self, BufWriter, Write},
    net::SocketAddr,
    process::ExitCode,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use tracing::{
    Event, Id, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Record},
};
use vigie::{
    Builder, TaskSet, call, name_task,
    net::{TcpListener, TcpStream},
    parallel, spawn,
    time::sleep,
    yield_if_needed,
};

fn main() -> ExitCode {
    let path = env::args_os().nth(1).unwrap_or_else(|| "trace.json".into());
    let trace = Arc::new(Trace::new());
    let recorded = tracing::subscriber::set_global_default(Recorder(trace.clone())).map_err(io::Error::other);
    let ran = recorded.and_then(|()| Builder::new().extra_domains(2).run(work())?);
    match ran.and_then(|()| trace.write(File::create(&path)?)) {
        Ok(events) => {
            println!("{events} events in {}: open it at https://ui.perfetto.dev", path.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("trace: {error}");
            ExitCode::FAILURE
        }
    }
}

const CONNECTIONS: usize = 4;

/// An echo server with a few connections, beside tasks that compute, on all domains.
async fn work() -> io::Result<()> {
    name_task("main")?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?;
    let server = call(move || serve(listener));
    let mut clients = TaskSet::new();
    for _ in 0..CONNECTIONS {
        clients.spawn(talk(addr));
    }
    let computing = spawn(parallel(0..4, |n| compute(n + 20)));
    while let Some(talked) = clients.next().await {
        talked??;
    }
    for computed in computing.await? {
        computed??;
    }
    server.await?
}

async fn serve(listener: TcpListener) -> io::Result<()> {
    name_task("server")?;
    let mut connections = TaskSet::new();
    for _ in 0..CONNECTIONS {
        let (stream, _) = listener.accept().await?;
        connections.spawn(async move { futures_lite::io::copy(&stream, &stream).await });
    }
    while let Some(copied) = connections.next().await {
        copied??;
    }
    Ok(())
}

async fn talk(addr: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(addr).await?;
    for _ in 0..20 {
        stream.write_all(b"ahoy").await?;
        stream.read_exact(&mut [0; 4]).await?;
        sleep(Duration::from_millis(1)).await?;
    }
    Ok(())
}

/// Gives way when there is news.
async fn compute(n: u32) -> io::Result<u64> {
    name_task(format!("sum {n}"))?;
    let mut sum = 0u64;
    for k in 0..1u64 << n {
        sum = sum.wrapping_add(std::hint::black_box(k * k));
        if k % 1024 == 0 {
            yield_if_needed().await;
        }
    }
    Ok(sum)
}

/// The events of the trace, as JSON, and what the spans are called.
struct Trace {
    start: Instant,
    events: Mutex<Vec<String>>,
    spans: Mutex<HashMap<u64, Called>>,
    next: AtomicU64,
}

/// What a task is called.
#[derive(Clone)]
struct Called {
    /// Empty as long as it has none.
    name: String,
    location: String,
}

thread_local! {
    /// This thread's row, once it has one.
    static ROW: Cell<Option<u64>> = const { Cell::new(None) };
    /// When the spans were entered that this thread is in, and when it parked.
    static ENTERED: RefCell<Vec<Instant>> = const { RefCell::new(Vec::new()) };
    static PARKED: Cell<Option<Instant>> = const { Cell::new(None) };
}

impl Trace {
    fn new() -> Self {
        let (events, spans) = Default::default();
        Self { start: Instant::now(), events, spans, next: AtomicU64::new(1) }
    }

    fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Something that took from `since` until now.
    fn lasted(&self, name: &str, since: Instant) {
        let duration = micros(since.elapsed());
        self.push("X", name, since, &format!(r#","dur":{duration}"#));
    }

    /// Something that happened now.
    fn happened(&self, name: &str) {
        self.push("i", name, Instant::now(), r#","s":"t""#);
    }

    fn push(&self, phase: &str, name: &str, at: Instant, more: &str) {
        let (row, at) = (self.row(), micros(at - self.start));
        let event = format!(r#"{{"ph":"{phase}","pid":1,"tid":{row},"ts":{at},"name":"{name}"{more}}}"#);
        self.events.lock().unwrap().push(event);
    }

    /// This thread's row, named after the thread.
    fn row(&self) -> u64 {
        ROW.get().unwrap_or_else(|| {
            let row = self.number();
            ROW.set(Some(row));
            let thread = thread::current();
            let name = thread.name().unwrap_or_default();
            let name = if let Some(index) = name.strip_prefix("vigie-watch-") {
                format!("observer {index}")
            } else {
                format!("domain {}", name.strip_prefix("vigie-").unwrap_or("0"))
            };
            let event = format!(
                r#"{{"ph":"M","pid":1,"tid":{row},"name":"thread_name","args":{{"name":"{name}"}}}}"#
            );
            self.events.lock().unwrap().push(event);
            row
        })
    }

    fn write(&self, file: File) -> io::Result<usize> {
        let (mut file, events) = (BufWriter::new(file), self.events.lock().unwrap());
        write!(file, "[\n{}\n]\n", events.join(",\n"))?;
        file.flush()?;
        Ok(events.len())
    }
}

fn micros(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1000.0
}

/// The subscriber: it hears of spans and events on the threads where they happen.
struct Recorder(Arc<Trace>);

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "vigie"
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let id = self.0.number();
        let location = Text::of("location", |text| span.record(text));
        self.0.spans.lock().unwrap().insert(id, Called { name: String::new(), location });
        Id::from_u64(id)
    }

    /// The task has a name now, or another one.
    fn record(&self, span: &Id, values: &Record<'_>) {
        if let Some(called) = self.0.spans.lock().unwrap().get_mut(&span.into_u64()) {
            called.name = Text::of("name", |text| values.record(text));
        }
    }

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        match Text::of("message", |text| event.record(text)).as_str() {
            "park" => PARKED.set(Some(Instant::now())),
            "unpark" => {
                if let Some(since) = PARKED.take() {
                    self.0.lasted("park", since);
                }
            }
            name => self.0.happened(name),
        }
    }

    fn enter(&self, _span: &Id) {
        ENTERED.with_borrow_mut(|entered| entered.push(Instant::now()));
    }

    fn exit(&self, span: &Id) {
        let since = ENTERED.with_borrow_mut(Vec::pop);
        let called = self.0.spans.lock().unwrap().get(&span.into_u64()).cloned();
        if let (Some(since), Some(Called { name, location })) = (since, called) {
            let label = if name.is_empty() { location } else { format!("{name}, {location}") };
            self.0.lasted(&label, since);
        }
    }
}

/// The text of one field, fit to stand in JSON.
struct Text {
    field: &'static str,
    text: String,
}

impl Text {
    fn of(field: &'static str, record: impl FnOnce(&mut dyn Visit)) -> String {
        let mut found = Self { field, text: String::new() };
        record(&mut found);
        found.text.replace('\\', "/").replace('"', "'")
    }
}

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == self.field {
            self.text = value.escape_debug().to_string();
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == self.field {
            self.text = format!("{value:?}");
        }
    }
}
