//! Random programs: trees of tasks, how they are made, and how a failing one is printed.

use std::{fmt, sync::Arc};

use proptest::{
    bool::weighted,
    collection::vec,
    option,
    prelude::{Just, Strategy, any},
    prop_oneof,
};

/// How many gates a program has. A thread of no domain opens each of them some time.
pub(super) const GATES: usize = 3;

/// A run: how it is built, and what its main task starts all at once.
#[derive(Clone)]
pub(super) struct Program {
    pub(super) extra_domains: usize,
    pub(super) quanta: u32,
    pub(super) seed: Option<u64>,
    pub(super) trees: Vec<Start>,
}

/// A task, and where it is started.
#[derive(Debug, Clone)]
pub(super) struct Start {
    pub(super) how: How,
    pub(super) task: Arc<Task>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum How {
    Spawn,
    Call,
    /// To one of the domains that are available, counted round.
    CallOn(usize),
}

/// What a task does: its steps, then what it put off, then its end.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) steps: Vec<Step>,
    /// Does it settle what it put off, in the order in which it was started? Else it just ends.
    pub(super) settles: bool,
    pub(super) end: End,
    /// Does its future panic when it is dropped?
    pub(super) bomb: bool,
    /// How many tasks it and its descendants are.
    pub(super) size: usize,
}

#[derive(Debug)]
pub(super) enum Step {
    Yield(usize),
    SleepMicros(u64),
    Wait(usize),
    Open(usize),
    /// Starts a child, whose fate is settled at once or put off.
    Child(Start, When, Fate),
    /// Starts several, and waits for them together.
    Group(Together, Vec<Start>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum When {
    Now,
    Later,
}

/// What becomes of a child's promise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fate {
    Await,
    /// Awaited, and the parent panics if the child has failed.
    Unwrap,
    /// Awaited, and awaited again.
    Twice,
    /// Awaited for so many turns, then dropped.
    GiveUp(usize),
    /// The cancellation is awaited.
    Cancel,
    CancelUnawaited,
    Drop,
    Leak,
    /// Given to another task, which awaits it in vain.
    GiveAway,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Together {
    All,
    First,
    /// `await_one` so many times; those that are left are dropped.
    One(usize),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum End {
    Return,
    Panic,
    /// Waits for what never comes.
    Never,
}

impl Step {
    /// The children that it starts, in order.
    pub(super) fn starts(&self) -> &[Start] {
        match self {
            Self::Child(start, ..) => std::slice::from_ref(start),
            Self::Group(_, starts) => starts,
            _ => &[],
        }
    }
}

impl Task {
    /// Its children, with their numbers, if its own is `id`.
    pub(super) fn children(&self, id: usize) -> impl Iterator<Item = (usize, &Start)> {
        numbered(self.steps.iter().flat_map(Step::starts), id + 1)
    }
}

impl Program {
    /// How many tasks it has.
    pub(super) fn size(&self) -> usize {
        sizes(&self.trees)
    }
}

fn sizes(starts: &[Start]) -> usize {
    starts.iter().map(|start| start.task.size).sum()
}

/// Numbers of `starts` whose first has the number `id`: a task's descendants follow it at once, so that
/// a subtree is a range.
pub(super) fn numbered<'a>(
    starts: impl IntoIterator<Item = &'a Start>,
    mut id: usize,
) -> impl Iterator<Item = (usize, &'a Start)> {
    starts.into_iter().map(move |start| {
        let own = id;
        id += start.task.size;
        (own, start)
    })
}

pub(super) fn programs() -> impl Strategy<Value = Program> {
    let trees = vec(start(task()), 1..40);
    let extra_domains = prop_oneof![1 => Just(0), 2 => Just(1), 4 => Just(2), 2 => Just(3usize)];
    (extra_domains, 1..4u32, option::of(any::<u64>()), trees)
        .prop_map(|(extra_domains, quanta, seed, trees)| Program { extra_domains, quanta, seed, trees })
}

fn start(task: impl Strategy<Value = Arc<Task>>) -> impl Strategy<Value = Start> {
    let how = prop_oneof![
        5 => Just(How::Spawn),
        3 => Just(How::Call),
        1 => (0..3usize).prop_map(How::CallOn),
    ];
    (how, task).prop_map(|(how, task)| Start { how, task })
}

fn task() -> impl Strategy<Value = Arc<Task>> {
    finish(vec(quiet(), 0..4)).prop_recursive(5, 16, 3, |inner| {
        let child = (start(inner.clone()), when(), fate())
            .prop_map(|(start, when, fate)| Step::Child(start, when, fate));
        let group = (together(), vec(start(inner), 0..4)).prop_map(|(how, starts)| Step::Group(how, starts));
        finish(vec(prop_oneof![2 => quiet(), 4 => child, 1 => group], 1..6))
    })
}

/// Steps that concern no other task.
fn quiet() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (1..5usize).prop_map(Step::Yield),
        1 => (0..400u64).prop_map(Step::SleepMicros),
        2 => (0..GATES).prop_map(Step::Wait),
        1 => (0..GATES).prop_map(Step::Open),
    ]
}

fn finish(steps: impl Strategy<Value = Vec<Step>>) -> impl Strategy<Value = Arc<Task>> {
    let end = prop_oneof![32 => Just(End::Return), 4 => Just(End::Panic), 1 => Just(End::Never)];
    (steps, weighted(0.1), end, weighted(0.05)).prop_map(|(steps, leaves, end, bomb)| {
        let size = 1 + steps.iter().map(|step| sizes(step.starts())).sum::<usize>();
        Arc::new(Task { steps, settles: !leaves, end, bomb, size })
    })
}

fn when() -> impl Strategy<Value = When> {
    prop_oneof![Just(When::Now), Just(When::Later)]
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        8 => Just(Fate::Await),
        2 => Just(Fate::Unwrap),
        1 => Just(Fate::Twice),
        2 => (0..8usize).prop_map(Fate::GiveUp),
        2 => Just(Fate::Cancel),
        1 => Just(Fate::CancelUnawaited),
        1 => Just(Fate::Drop),
        3 => Just(Fate::Leak),
        1 => Just(Fate::GiveAway),
    ]
}

fn together() -> impl Strategy<Value = Together> {
    prop_oneof![Just(Together::All), Just(Together::First), (1..4usize).prop_map(Together::One)]
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { extra_domains, quanta, seed, trees } = self;
        writeln!(f, "main on domain 0 of {}, quanta {quanta}, seed {seed:?}", extra_domains + 1)?;
        numbered(trees, 0).try_for_each(|(id, start)| write(f, id, start, "", 1))
    }
}

/// One line for each task, after what its parent does with it, and one for each of its steps.
fn write(f: &mut fmt::Formatter<'_>, id: usize, start: &Start, fate: &str, depth: usize) -> fmt::Result {
    let Start { how, task } = start;
    let indent = "  ".repeat(depth);
    let bomb = if task.bomb { ", a bomb in its future" } else { "" };
    writeln!(f, "{indent}{fate}task {id}, {how:?}{bomb}")?;
    let mut next = id + 1;
    for step in &task.steps {
        match step {
            Step::Child(start, when, fate) => {
                write(f, next, start, &format!("{fate:?} {when:?}: "), depth + 1)?
            }
            Step::Group(together, starts) => {
                writeln!(f, "{indent}  await {together:?} of")?;
                numbered(starts, next).try_for_each(|(id, start)| write(f, id, start, "", depth + 2))?;
            }
            Step::Yield(turns) => writeln!(f, "{indent}  yield {turns}")?,
            Step::SleepMicros(micros) => writeln!(f, "{indent}  sleep {micros} us")?,
            Step::Wait(gate) => writeln!(f, "{indent}  wait for gate {gate}")?,
            Step::Open(gate) => writeln!(f, "{indent}  open gate {gate}")?,
        }
        next += sizes(step.starts());
    }
    let unsettled = if task.settles { "" } else { ", unsettled" };
    writeln!(f, "{indent}  {:?}{unsettled}", task.end)
}
