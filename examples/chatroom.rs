//! A chat room: connections on every domain, in one room. `cargo run --features sync --example chatroom`
//! serves it, and `nc 127.0.0.1 7009` is a client.
//!
//! The first line is a name, each later one goes to everybody; `/who` lists the names, `/quit` leaves. Lines
//! end with a newline and have at most 1024 bytes.
//!
//! One task is the room. It knows the names, and puts everything in one order, which is the same for all; even
//! who asks for something is answered by way of it.
//! From every connection messages go to it, and from it to each domain, where they are copied to the members
//! on that domain:
//!
//! ```text
//! connection ─┐                      ┌─► domain 0 ─► queue of a member ─► its connection
//! connection ─┼─► the room's channel ┼─► domain 1 ─► …
//! connection ─┘                      └─► …
//! ```
//!
//! All channels are bounded. A connection waits where the room is behind, so that whoever talks faster than
//! the room listens is held back. Nothing waits for a member: **one whose queue is full, since it does not
//! read what it is sent, is dropped.** So nobody stops the others, and memory is bounded by the queues.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, HashMap},
    io,
    net::Shutdown,
    process::ExitCode,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use futures_lite::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, io::BufReader};
use vigie::{
    Domain,
    channel::{Receiver, Sender, bounded},
    name_task,
    net::{TcpListener, TcpStream},
    spawn,
    time::timeout,
    yield_now,
};

#[path = "shared/mod.rs"]
mod shared;

use shared::{
    Args, Program, Stop, announce, at_least_one, ctrl_c, part, raise_descriptor_limit, serve, stop_reading,
};

const PROGRAM: Program = Program {
    name: "chatroom",
    help: "\
A chat room: a name on the first line, then lines to everybody; /who, /quit.

Usage: chatroom [OPTIONS]              serve until Ctrl-C

Options:
  --queue LINES        kept for a slow member, before it is dropped [256]
  --listen ADDR        where to serve                        [127.0.0.1:7009; port 0: any]
  --events NAME        observer, always or pipe              [observer]
  --poller NAME        mio or polling, as far as built in    [mio]
  --domains N          domains, the first included           [one per processor]
  --grace SECONDS      how long Ctrl-C waits for the last lines to be read [1]
  --help               this text",
};

/// Bytes of a line, with its end.
const MAX_LINE: u64 = 1024;
const MAX_NAME: usize = 24;
const WELCOME: &str = "* welcome: lines go to everybody; /who, /quit\n";
/// How long a connection may take to give a name.
const NAMING: Duration = Duration::from_secs(60);
/// Messages that wait for the room, or for a domain.
const WAITING: usize = 256;
/// Messages after which the members have their turn, so that one which reads is not found to be slow.
const TURN: usize = 16;
/// Bytes that are written at once, where lines have queued up.
const BATCH: usize = 16 << 10;

fn main() -> ExitCode {
    let mut queue = 256;
    let args = PROGRAM.args(7009, |flag, words| {
        match flag {
            "--queue" => queue = at_least_one(flag, words)?,
            _ => return Ok(false),
        }
        Ok(true)
    });
    match args {
        Ok(args) => PROGRAM.end(open(args, queue)),
        Err(status) => status,
    }
}

fn open(args: Args, queue: usize) -> io::Result<()> {
    raise_descriptor_limit();
    args.builder().run(async move {
        let listener = TcpListener::bind(args.listen)?;
        let stop = ctrl_c()?;
        announce(listener.local_addr()?)?;
        let (to_room, inbox) = bounded(WAITING);
        let (posts, receivers): (Vec<_>, Vec<_>) = Domain::all().iter().map(|_| bounded(WAITING)).unzip();
        let room = spawn(Room::new(posts).keep(inbox, stop.clone()));
        let served = {
            serve(&args, listener, stop, move || {
                let domain = Domain::current().map_or(0, |domain| domain.index());
                let here = Rc::new(Here::new(domain, queue, to_room.clone()));
                // It lives as long as this closure does: longer than the connections.
                let distributor = spawn(distribute(here.clone(), receivers[domain].clone()));
                move |stream, stop| {
                    let _ = &distributor;
                    attend(stream, here.clone(), stop)
                }
            })
            .await?
        };
        let Room { lines, slow, .. } = room.await?;
        println!("{served} connections, {lines} lines, {slow} too slow");
        Ok(())
    })?
}

// --- The room -------------------------------------------------------------------------------------

/// A connection: its domain, and its number there.
type Member = (usize, u64);
type Line = Arc<str>;

enum ToRoom {
    /// The answer: is the name free?
    Join {
        member: Member,
        name: String,
        joined: Sender<bool>,
    },
    Say {
        member: Member,
        text: String,
    },
    Who {
        member: Member,
    },
    /// A command that there is not.
    Unknown {
        member: Member,
    },
    Leave {
        member: Member,
    },
    /// As `Leave`, because it was dropped.
    Slow {
        member: Member,
    },
}

/// From the room to a domain.
enum Post {
    /// Whether this member has joined: from here on it gets what is for all.
    Joined(u64, bool, Sender<bool>),
    /// For all members but one.
    All(Line, Option<Member>),
    One(Line, u64),
    /// This member has left: nothing more is for it.
    Left(u64),
}

struct Room {
    names: BTreeMap<String, Member>,
    members: HashMap<Member, String>,
    domains: Vec<Sender<Post>>,
    lines: u64,
    slow: u64,
}

impl Room {
    fn new(domains: Vec<Sender<Post>>) -> Self {
        Self { names: BTreeMap::new(), members: HashMap::new(), domains, lines: 0, slow: 0 }
    }

    /// Until all connections have gone.
    async fn keep(mut self, inbox: Receiver<ToRoom>, stop: Stop) -> Self {
        let mut turn = 0;
        while let Some(Ok(message)) = stop.unless(inbox.recv()).await {
            self.hear(message).await;
            turn += 1;
            if turn % TURN == 0 {
                yield_now().await;
            }
        }
        self.tell_all("* the room closes\n", None).await;
        // Whoever is here leaves now.
        while let Ok(message) = inbox.recv().await {
            match message {
                ToRoom::Leave { member } | ToRoom::Slow { member } => {
                    self.post(member.0, Post::Left(member.1)).await
                }
                // What was said before the end is still heard.
                message => self.hear(message).await,
            }
        }
        self
    }

    async fn hear(&mut self, message: ToRoom) {
        match message {
            ToRoom::Join { member, name, joined } => {
                let free = !self.names.contains_key(&name);
                let answer = if free { WELCOME } else { "* that name is taken; another?\n" };
                self.tell(member, answer).await;
                self.post(member.0, Post::Joined(member.1, free, joined)).await;
                if free {
                    self.tell_all(&format!("* {name} is here\n"), Some(member)).await;
                    self.names.insert(name.clone(), member);
                    self.members.insert(member, name);
                }
            }
            ToRoom::Say { member, text } => {
                let Some(name) = self.members.get(&member) else { return };
                let line = format!("{name}: {text}\n");
                self.lines += 1;
                self.tell_all(&line, Some(member)).await;
            }
            ToRoom::Who { member } => {
                let names: Vec<_> = self.names.keys().map(String::as_str).collect();
                self.tell(member, &format!("* here: {}\n", names.join(" "))).await;
            }
            ToRoom::Unknown { member } => self.tell(member, "* /who and /quit are known\n").await,
            ToRoom::Leave { member } => self.leave(member, "has left").await,
            ToRoom::Slow { member } => {
                self.slow += 1;
                self.leave(member, "was too slow, and has been dropped").await;
            }
        }
    }

    async fn leave(&mut self, member: Member, how: &str) {
        self.post(member.0, Post::Left(member.1)).await;
        if let Some(name) = self.members.remove(&member) {
            self.names.remove(&name);
            self.tell_all(&format!("* {name} {how}\n"), None).await;
        }
    }

    async fn tell(&self, member: Member, text: &str) {
        self.post(member.0, Post::One(text.into(), member.1)).await;
    }

    async fn tell_all(&self, text: &str, except: Option<Member>) {
        let line = Line::from(text);
        for domain in 0..self.domains.len() {
            self.post(domain, Post::All(line.clone(), except)).await;
        }
    }

    async fn post(&self, domain: usize, post: Post) {
        // Where nobody receives, the connections have gone.
        let _ = self.domains[domain].send(post).await;
    }
}

// --- A domain -------------------------------------------------------------------------------------

/// What the connections of one domain share.
struct Here {
    domain: usize,
    /// Lines that a member's queue takes.
    queue: usize,
    to_room: Sender<ToRoom>,
    /// The number of the next connection.
    next: Cell<u64>,
    members: RefCell<HashMap<u64, Entry>>,
}

/// A member, as the distributor sees it.
struct Entry {
    joined: bool,
    slow: bool,
    queue: Sender<Line>,
    stream: Rc<TcpStream>,
}

impl Entry {
    /// Never waits.
    fn deliver(&mut self, line: &Line) {
        if !self.slow && self.queue.try_send(line.clone()).is_err_and(|error| error.is_full()) {
            self.slow = true;
            // Its connection sees that, and leaves. An error says that it is gone already.
            let _ = self.stream.shutdown(Shutdown::Both);
        }
    }
}

/// Copies what the room sends to the members of this domain.
async fn distribute(here: Rc<Here>, posts: Receiver<Post>) {
    let mut turn = 0;
    while let Ok(post) = posts.recv().await {
        here.distribute(post);
        turn += 1;
        if turn % TURN == 0 {
            yield_now().await;
        }
    }
}

impl Here {
    fn new(domain: usize, queue: usize, to_room: Sender<ToRoom>) -> Self {
        Self { domain, queue, to_room, next: Cell::new(0), members: RefCell::default() }
    }

    fn distribute(&self, post: Post) {
        let mut members = self.members.borrow_mut();
        match post {
            Post::All(line, except) => {
                for (number, entry) in members.iter_mut() {
                    if entry.joined && except != Some((self.domain, *number)) {
                        entry.deliver(&line);
                    }
                }
            }
            Post::One(line, number) => {
                if let Some(entry) = members.get_mut(&number) {
                    entry.deliver(&line);
                }
            }
            Post::Joined(number, free, joined) => {
                if let Some(entry) = members.get_mut(&number) {
                    entry.joined = free;
                }
                // It has room for the answer. A connection that has gone needs none.
                let _ = joined.try_send(free);
            }
            // Its queue ends after what is in it.
            Post::Left(number) => drop(members.remove(&number)),
        }
    }

    async fn send(&self, message: ToRoom) -> io::Result<()> {
        self.to_room.send(message).await.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

// --- A connection ---------------------------------------------------------------------------------

/// One connection, to its end.
async fn attend(stream: TcpStream, here: Rc<Here>, stop: Stop) {
    let stream = Rc::new(stream);
    // Children: they are cancelled when the connection ends.
    let _stopping = spawn(stop_reading(stream.clone(), stop));
    let (queue, lines) = bounded(here.queue);
    let writer = spawn(write_lines(stream.clone(), lines));
    let number = here.next.replace(here.next.get() + 1);
    let entry = Entry { joined: false, slow: false, queue: queue.clone(), stream: stream.clone() };
    here.members.borrow_mut().insert(number, entry);

    let member = (here.domain, number);
    if let Err(error) = talk(&stream, &here, member, &queue).await {
        // The queue is full only if it is too late for that.
        let _ = queue.try_send(format!("* {error}\n").into());
    }
    drop(queue);
    let slow = here.members.borrow().get(&number).is_some_and(|entry| entry.slow);
    let leave = if slow { ToRoom::Slow { member } } else { ToRoom::Leave { member } };
    // An answer to this ends the queue, after all that was for this member before it left.
    if here.send(leave).await.is_ok() && !slow {
        // A peer that takes no more is left alone with that.
        let _ = timeout(Duration::from_secs(1), writer).await;
        let _ = part(&stream).await;
    }
}

/// Has the peer join, and passes its lines on, until it leaves.
async fn talk(stream: &TcpStream, here: &Here, member: Member, queue: &Sender<Line>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(MAX_LINE as usize, stream);
    let tell = |text: &str| {
        // Full, it is slow, which the distributor will see.
        let _ = queue.try_send(text.into());
    };
    tell("* your name?\n");
    let named = timeout(NAMING, async {
        while let Some(name) = next_line(&mut reader).await? {
            let (joined, answer) = bounded(1);
            if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(char::is_alphanumeric) {
                tell("* a name has letters and digits, at most 24 bytes; yours?\n");
                continue;
            }
            here.send(ToRoom::Join { member, name: name.clone(), joined }).await?;
            if answer.recv().await.unwrap_or(false) {
                // The connection's task is called as its member is.
                name_task(name)?;
                return Ok(true);
            }
        }
        io::Result::Ok(false)
    });
    if !named.await?? {
        return Ok(());
    }
    while let Some(text) = next_line(&mut reader).await? {
        match &*text {
            "" => {}
            "/quit" => return Ok(()),
            "/who" => here.send(ToRoom::Who { member }).await?,
            command if command.starts_with('/') => here.send(ToRoom::Unknown { member }).await?,
            _ => here.send(ToRoom::Say { member, text }).await?,
        }
    }
    Ok(())
}

/// The next line, without its end and without what could move a terminal's cursor; `None` at the end.
async fn next_line(reader: &mut BufReader<&TcpStream>) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    reader.take(MAX_LINE).read_until(b'\n', &mut line).await?;
    if line.len() as u64 == MAX_LINE && !line.ends_with(b"\n") {
        return Err(io::Error::other("a line has at most 1024 bytes"));
    }
    let text = String::from_utf8_lossy(&line);
    // One that the peer did not end counts as well.
    Ok((!line.is_empty()).then(|| text.chars().filter(|char| !char.is_control()).collect()))
}

/// Writes what is in the queue, until that ends.
async fn write_lines(stream: Rc<TcpStream>, lines: Receiver<Line>) {
    let mut batch = Vec::new();
    while let Ok(line) = lines.recv().await {
        batch.clear();
        batch.extend_from_slice(line.as_bytes());
        while let Some(line) = (batch.len() < BATCH).then(|| lines.try_recv().ok()).flatten() {
            batch.extend_from_slice(line.as_bytes());
        }
        if (&*stream).write_all(&batch).await.is_err() {
            // The peer has gone: whoever reads from it sees the end.
            let _ = stream.shutdown(Shutdown::Both);
            return;
        }
    }
}
