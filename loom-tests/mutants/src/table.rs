//! The mutants: every non-relaxed ordering and every step of the protocols, each weakened or left
//! out, and the obligations of the protocols' callers, broken in the models that keep them.
//!
//! A mutant's `bound` is the least preemption bound, from 1 on, at which the model catches it.

use crate::{bell, calls, rest, shutdown, suspend, tokens};

const PARK: &str = "src/protocol/park.rs";
const READY: &str = "src/protocol/ready.rs";
const INBOX: &str = "src/protocol/inbox.rs";
const WATCH: &str = "src/protocol/watch.rs";
/// The stand-ins. Litmus models catch the mutants that make them stronger.
const STAND_IN: &str = "src/sync/loom.rs";
/// The models, where they do what the library's callers do.
const READY_MODEL: &str = "loom-tests/ready.rs";
const INBOX_MODEL: &str = "loom-tests/inbox.rs";
const WATCH_MODEL: &str = "loom-tests/watch.rs";

pub(crate) struct Mutant {
    pub(crate) name: &'static str,
    pub(crate) edits: Vec<Edit>,
    /// The models that have to catch it, each with the bound at which it does.
    pub(crate) models: Vec<(&'static str, u32)>,
}

/// Replaces a text that is in `file` exactly once, not counting white space.
pub(crate) struct Edit {
    pub(crate) file: &'static str,
    pub(crate) find: &'static str,
    pub(crate) put: &'static str,
}

pub(crate) fn mutant(
    name: &'static str,
    model: &'static str,
    bound: u32,
    file: &'static str,
    find: &'static str,
    put: &'static str,
) -> Mutant {
    Mutant { name, edits: vec![Edit { file, find, put }], models: vec![(model, bound)] }
}

impl Mutant {
    /// A further edit of the same file.
    pub(crate) fn and(mut self, find: &'static str, put: &'static str) -> Self {
        let file = self.edits[0].file;
        self.edits.push(Edit { file, find, put });
        self
    }

    /// A further model that has to catch it.
    pub(crate) fn also(mut self, model: &'static str, bound: u32) -> Self {
        self.models.push((model, bound));
        self
    }
}

pub(crate) fn mutants() -> Vec<Mutant> {
    [
        park(),
        ready(),
        inbox(),
        watch(),
        watch_callers(),
        stand_ins(),
        bell::mutants(),
        shutdown::mutants(),
        calls::mutants(),
        rest::mutants(),
        suspend::mutants(),
        tokens::mutants(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn park() -> Vec<Mutant> {
    const SWAP: &str = "self.word.swap(NOTIFIED, Ordering::AcqRel)";
    const MATCH: &str = "match self.word.swap(NOTIFIED, Ordering::AcqRel) {";
    const TAKE: &str = "self.word.swap(AWAKE, Ordering::Acquire); true";
    const REFUSE: &str = "self.word.swap(AWAKE, Ordering::Acquire); false";
    const FINISH: &str = "self.word.swap(AWAKE, Ordering::Acquire); }";
    const ANNOUNCE: &str = ".compare_exchange(AWAKE, asleep, Ordering::Release, Ordering::Relaxed).is_ok()";
    const INTERRUPT: &str = "BLOCKED => {
                if let Some(interrupt) = self.interrupt.get() {
                    interrupt();
                }
            }";
    vec![
        // N1.
        mutant(
            "notify-no-release",
            "park::park_again",
            1,
            PARK,
            SWAP,
            "self.word.swap(NOTIFIED, Ordering::Acquire)",
        ),
        mutant(
            "notify-no-acquire",
            "park::park_interrupt",
            1,
            PARK,
            SWAP,
            "self.word.swap(NOTIFIED, Ordering::Release)",
        ),
        mutant(
            "notify-skipped-if-notified",
            "ready::ready_two_producers",
            1,
            PARK,
            MATCH,
            "if self.is_notified() { return false; } match self.word.swap(NOTIFIED, Ordering::AcqRel) {",
        ),
        mutant(
            "notify-skipped-if-awake",
            "park::park_again",
            1,
            PARK,
            MATCH,
            "if self.word.load(Ordering::Acquire) == AWAKE { return false; }
            match self.word.swap(NOTIFIED, Ordering::AcqRel) {",
        ),
        // N2.
        mutant(
            "notify-no-wake",
            "park::park_again",
            1,
            PARK,
            "PARKED => self.futex.wake(&self.word),",
            "PARKED => {}",
        ),
        mutant("notify-no-interrupt", "park::park_interrupt", 1, PARK, "interrupt();", "drop(interrupt);"),
        mutant(
            "notify-wakes-blocked",
            "park::park_interrupt",
            1,
            PARK,
            INTERRUPT,
            "BLOCKED => self.futex.wake(&self.word),",
        ),
        mutant(
            "notify-interrupts-parked",
            "park::park_after_interrupt",
            1,
            PARK,
            "PARKED => self.futex.wake(&self.word), BLOCKED => {",
            "PARKED | BLOCKED => {",
        ),
        mutant("notify-found-always", "park::park_found_asleep", 1, PARK, "_ => return false,", "_ => {}"),
        mutant(
            "notify-found-never",
            "park::park_found_asleep",
            1,
            PARK,
            "true }\n /// Any thread: is there news?",
            "false }\n /// Any thread: is there news?",
        ),
        // P1.
        mutant(
            "take-relaxed",
            "park::park_tick",
            1,
            PARK,
            TAKE,
            "self.word.swap(AWAKE, Ordering::Relaxed); true",
        ),
        mutant("take-leaves-token", "park::park_token", 1, PARK, TAKE, "true"),
        mutant(
            "refuse-relaxed",
            "park::park_again",
            1,
            PARK,
            REFUSE,
            "self.word.swap(AWAKE, Ordering::Relaxed); false",
        ),
        mutant("refuse-leaves-token", "park::park_again", 1, PARK, REFUSE, "false"),
        // P2.
        mutant(
            "announce-no-release",
            "park::park_interrupt",
            1,
            PARK,
            ANNOUNCE,
            ".compare_exchange(AWAKE, asleep, Ordering::Relaxed, Ordering::Relaxed).is_ok()",
        ),
        mutant(
            "announce-over-token",
            "park::park_again",
            1,
            PARK,
            ANNOUNCE,
            ".swap(asleep, Ordering::AcqRel) <= NOTIFIED",
        ),
        mutant(
            "prepare-sleeps-on-token",
            "park::park_interrupt",
            1,
            PARK,
            "self.announce(BLOCKED)",
            "{ self.announce(BLOCKED); true }",
        ),
        // P4.
        mutant(
            "finish-relaxed",
            "park::park_again",
            1,
            PARK,
            FINISH,
            "self.word.swap(AWAKE, Ordering::Relaxed); }",
        )
        .also("park::park_interrupt_beside_event", 1),
        mutant("finish-left-out", "park::park_token", 1, PARK, FINISH, "}"),
    ]
}

fn ready() -> Vec<Mutant> {
    const SEND: &str = "// R2. self.parker.notify();";
    vec![
        mutant("send-notifies-first", "ready::ready_two_producers", 1, READY, SEND, "")
            .and("for item in items { batch", "self.parker.notify(); for item in items { batch")
            .also("ready::ready_send_all", 1),
        mutant("send-no-notify", "ready::ready_two_producers", 1, READY, SEND, "")
            .also("ready::ready_send_all", 1),
        mutant(
            "drain-no-notify",
            "ready::ready_limit",
            1,
            READY,
            "the token that says so was taken. self.parker.notify();",
            "the token that says so was taken.",
        ),
        // The caller's part.
        mutant("caller-batch-no-notify", "ready::ready_batch", 1, READY_MODEL, "one.parker.notify();", ""),
        mutant(
            "caller-batch-notifies-early",
            "ready::ready_batch",
            1,
            READY_MODEL,
            "one.parker.notify();",
            "",
        )
        .and("one.ready.push_all([0, 1]);", "one.parker.notify(); one.ready.push_all([0, 1]);"),
        mutant(
            "caller-looks-before-take",
            "ready::ready_two_producers",
            1,
            READY_MODEL,
            "if self.parker.take() {
                self.read_mail(&mut delivered, limit);
            }",
            "self.read_mail(&mut delivered, limit);
            self.parker.take();",
        ),
    ]
}

fn inbox() -> Vec<Mutant> {
    const REQUEST: &str = "!self.0.swap(true, Ordering::Release)";
    const TAKE: &str = "self.0.swap(false, Ordering::Acquire);";
    vec![
        mutant(
            "wake-no-message",
            "inbox::inbox_two_wakers",
            1,
            INBOX,
            "if word.request() { // W2. self.0.send(message);",
            "if word.request() {",
        ),
        mutant(
            "request-relaxed",
            "inbox::inbox_two_wakers",
            1,
            INBOX,
            REQUEST,
            "!self.0.swap(true, Ordering::Relaxed)",
        ),
        mutant(
            "request-load-first",
            "inbox::inbox_two_wakers",
            1,
            INBOX,
            REQUEST,
            "!self.0.load(Ordering::Acquire) && !self.0.swap(true, Ordering::Release)",
        ),
        mutant(
            "request-always",
            "inbox::inbox_coalesces",
            1,
            INBOX,
            REQUEST,
            "{ self.0.swap(true, Ordering::Release); true }",
        )
        .also("inbox::inbox_completed", 1),
        mutant(
            "word-take-relaxed",
            "inbox::inbox_two_wakers",
            1,
            INBOX,
            TAKE,
            "self.0.swap(false, Ordering::Relaxed);",
        ),
        mutant("word-take-left-out", "inbox::inbox_two_wakers", 1, INBOX, TAKE, ""),
        // The caller's part.
        mutant(
            "caller-takes-word-after-run",
            "inbox::inbox_two_wakers",
            1,
            INBOX_MODEL,
            "self.word.take(); woken = true;",
            "woken = true;",
        )
        .and("if woken && task() {", "let done = woken && task(); self.word.take(); if done {"),
    ]
}

fn watch() -> Vec<Mutant> {
    const CHECK: &str = "if self.word.load(Ordering::Relaxed) == STOP {";
    const STAND_DOWN: &str = "let down = watchman.stands_down() && self.give_up();
            // O4.
            self.domain.notify();";
    const GIVE_UP: &str = ".compare_exchange(OBSERVER, FREE, Ordering::Release, Ordering::Relaxed).is_ok()";
    const HARVEST: &str = "self.word
            .compare_exchange(FREE, DOMAIN, Ordering::Acquire, Ordering::Relaxed)
            .ok()?;";
    const RECALL: &str = ".compare_exchange(FREE, OBSERVER, Ordering::Relaxed, Ordering::Relaxed).is_ok()";
    const FAIL: &str = "self.word.swap(STOP, Ordering::Relaxed);
                self.domain.notify();";
    const STOP: &str = "self.word.swap(STOP, Ordering::Relaxed);
        self.observer.notify();";
    vec![
        // The observer between its turns.
        mutant(
            "observe-relaxed",
            "watch::watch_stands_down",
            1,
            WATCH,
            "match self.word.load(Ordering::Acquire) {",
            "match self.word.load(Ordering::Relaxed) {",
        ),
        mutant("observe-past-stop", "watch::watch_stop", 1, WATCH, "STOP => return,", ""),
        mutant("observe-no-park", "watch::watch_stop", 1, WATCH, "_ => self.observer.park(None),", "_ => {}"),
        // O1, O2.
        mutant("stop-unseen", "watch::watch_stop", 1, WATCH, CHECK, "if false {"),
        mutant(
            "stop-unseen-beside-event",
            "watch::watch_stop",
            1,
            WATCH,
            CHECK,
            "if !ready && self.word.load(Ordering::Relaxed) == STOP {",
        ),
        mutant("fail-no-stop", "watch::watch_fails", 1, WATCH, FAIL, "self.domain.notify();"),
        mutant(
            "fail-no-notify",
            "watch::watch_fails",
            1,
            WATCH,
            FAIL,
            "self.word.swap(STOP, Ordering::Relaxed);",
        ),
        // O3.
        mutant(
            "free-for-nothing",
            "watch::watch_vain",
            1,
            WATCH,
            "if !ready { continue; }",
            "if !ready { if watchman.stands_down() && self.give_up() { return; } continue; }",
        ),
        mutant(
            "free-after-notify",
            "watch::watch_stands_down",
            3,
            WATCH,
            STAND_DOWN,
            "self.domain.notify();
            let down = watchman.stands_down() && self.give_up();",
        )
        .also("watch::watch_busy", 3),
        mutant(
            "give-up-relaxed",
            "watch::watch_busy",
            2,
            WATCH,
            GIVE_UP,
            ".compare_exchange(OBSERVER, FREE, Ordering::Relaxed, Ordering::Relaxed).is_ok()",
        )
        .also("watch::watch_mail", 2),
        mutant(
            "give-up-over-stop",
            "watch::watch_stop",
            2,
            WATCH,
            GIVE_UP,
            ".swap(FREE, Ordering::Release) == OBSERVER",
        ),
        // O4.
        mutant("observer-no-notify", "watch::watch_always", 1, WATCH, "// O4. self.domain.notify();", ""),
        // D2.
        mutant(
            "harvest-relaxed",
            "watch::watch_busy",
            2,
            WATCH,
            "compare_exchange(FREE, DOMAIN, Ordering::Acquire, Ordering::Relaxed)",
            "compare_exchange(FREE, DOMAIN, Ordering::Relaxed, Ordering::Relaxed)",
        )
        .also("watch::watch_mail", 2),
        mutant("harvest-unasked", "watch::watch_always", 1, WATCH, HARVEST, ""),
        mutant(
            "harvest-unclaimed",
            "watch::watch_stands_down",
            1,
            WATCH,
            HARVEST,
            "if self.word.load(Ordering::Acquire) != FREE { return None; }",
        )
        .and("self.word.swap(FREE, Ordering::Release);", ""),
        mutant(
            "harvest-end-relaxed",
            "watch::watch_stands_down",
            1,
            WATCH,
            "self.word.swap(FREE, Ordering::Release);",
            "self.word.swap(FREE, Ordering::Relaxed);",
        )
        .also("watch::watch_mail", 1)
        .also("watch::watch_adaptive", 1),
        mutant(
            "harvest-end-left-out",
            "watch::watch_stands_down",
            1,
            WATCH,
            "self.word.swap(FREE, Ordering::Release);",
            "",
        ),
        // D3.
        mutant(
            "recall-no-notify",
            "watch::watch_stands_down",
            1,
            WATCH,
            ".is_ok() { self.observer.notify(); }",
            ".is_ok() {}",
        )
        .also("watch::watch_busy", 1)
        .also("watch::watch_mail", 1),
        mutant(
            "recall-no-word",
            "watch::watch_stands_down",
            1,
            WATCH,
            RECALL,
            ".load(Ordering::Relaxed) == FREE",
        ),
        mutant(
            "recall-over-stop",
            "watch::watch_fails",
            2,
            WATCH,
            RECALL,
            ".swap(OBSERVER, Ordering::Relaxed) != OBSERVER",
        ),
        // D6.
        mutant(
            "stop-no-notify",
            "watch::watch_stop",
            2,
            WATCH,
            STOP,
            "self.word.swap(STOP, Ordering::Relaxed);",
        ),
        mutant("stop-no-word", "watch::watch_stop", 1, WATCH, STOP, "self.observer.notify();"),
    ]
}

/// What `Watch` asks of the domain.
fn watch_callers() -> Vec<Mutant> {
    const RECALL: &str = "// D3.
            self.watch.recall();";
    vec![
        mutant("caller-no-recall", "watch::watch_stands_down", 1, WATCH_MODEL, RECALL, ""),
        mutant(
            "caller-no-recall-after-harvest",
            "watch::watch_stands_down",
            2,
            WATCH_MODEL,
            "continue;",
            "if delivered.is_complete() { return; }
                self.parker.park(None);
                self.read_news(&mut delivered);
                continue;",
        ),
        mutant(
            "caller-no-recall-after-news",
            "watch::watch_stands_down",
            2,
            WATCH_MODEL,
            "self.parker.park(None);
            self.read_news(&mut delivered);
        }",
            "self.parker.park(None);
            self.read_news(&mut delivered);
            if delivered.is_complete() { return; }
            self.parker.park(None);
            self.read_news(&mut delivered);
        }",
        ),
        mutant("caller-stop-no-wake", "watch::watch_stop", 1, WATCH_MODEL, "self.kernel.wake();", ""),
        mutant("caller-wakes-before-stop", "watch::watch_stop", 1, WATCH_MODEL, "self.kernel.wake();", "")
            .and("self.watch.stop();", "self.kernel.wake(); self.watch.stop();"),
    ]
}

fn stand_ins() -> Vec<Mutant> {
    vec![
        // Weaker: the sleeper's lock is there for a reason.
        mutant("sleeper-no-lock", "park::park_again", 1, STAND_IN, "drop(self.lock.lock());", ""),
        // Stronger.
        mutant(
            "queue-locked",
            "litmus::litmus_flag_loses_wake",
            1,
            STAND_IN,
            "tail: AtomicUsize, head: AtomicUsize,",
            "lock: Mutex<()>, tail: AtomicUsize, head: AtomicUsize,",
        )
        .and("tail: AtomicUsize::new(0),", "lock: Mutex::new(()), tail: AtomicUsize::new(0),")
        .and(
            "let place = &self.places[self.tail",
            "let _lock = self.lock.lock();
            let place = &self.places[self.tail",
        )
        .and(
            "let head = self.head.load(Ordering::Relaxed); let place",
            "let _lock = self.lock.lock();
            let head = self.head.load(Ordering::Relaxed); let place",
        )
        .and(
            "let head = self.head.load(Ordering::Relaxed); self.places",
            "let _lock = self.lock.lock();
            let head = self.head.load(Ordering::Relaxed); self.places",
        )
        .also("litmus::litmus_relaxed_token_overtakes", 1)
        .also("litmus::litmus_push_hides_behind_push", 2),
        mutant(
            "queue-fenced",
            "litmus::litmus_flag_loses_wake",
            1,
            STAND_IN,
            "place.full.store(true, Ordering::Release);",
            "place.full.store(true, Ordering::Release);
            loom::sync::atomic::fence(Ordering::SeqCst);",
        )
        .and(
            "pub(crate) fn is_empty(&self) -> bool {",
            "pub(crate) fn is_empty(&self) -> bool { loom::sync::atomic::fence(Ordering::SeqCst);",
        ),
        mutant(
            "queue-always-newest",
            "litmus::litmus_relaxed_token_overtakes",
            1,
            STAND_IN,
            "if !place.full.load(Ordering::Acquire) {",
            "if !place.full.fetch_or(false, Ordering::AcqRel) {",
        ),
    ]
}
