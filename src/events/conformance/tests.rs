//! The system's own events, behind the recorder.

use std::{collections::BTreeMap, io, time::Duration, time::Instant};

use super::{Report, Subject, Suite};
use crate::{
    events::{Events, Interrupt, Seat, Signals, Uid},
    system::{Backend, System, Variant},
};

struct Subjects(Variant, Backend);

/// The deadlines beside the timers: a `Sleep` keeps its own.
struct Timed {
    system: System,
    deadlines: BTreeMap<Uid, Instant>,
}

impl Events for Timed {
    fn select(&mut self, block: bool, cancelled: &[Uid], signals: &mut Signals) -> io::Result<()> {
        self.system.select(block, cancelled, signals)
    }

    fn interrupt(&self) -> Option<Interrupt> {
        self.system.interrupt()
    }

    fn deadline(&self) -> Option<Instant> {
        self.system.deadline()
    }

    fn busy(&mut self) -> bool {
        self.system.busy()
    }

    fn needs_looks(&self) -> bool {
        self.system.needs_looks()
    }

    fn finalise(&mut self) -> io::Result<()> {
        self.system.finalise()
    }
}

impl Subject for Subjects {
    type Events = Timed;

    fn make(&self, seat: Seat) -> io::Result<Timed> {
        let system = System::new(seat, self.0, self.1)?;
        Ok(Timed { system, deadlines: BTreeMap::new() })
    }

    fn arrange(events: &mut Timed, uid: Uid, after: Duration) -> io::Result<()> {
        let deadline = Instant::now() + after;
        events.deadlines.insert(uid, deadline);
        events.system.timers.start(deadline, uid);
        Ok(())
    }

    fn withdraw(events: &mut Timed, uid: Uid) {
        if let Some(deadline) = events.deadlines.remove(&uid) {
            events.system.timers.cancel(deadline, uid);
        }
    }
}

fn check(variant: Variant) -> Vec<Report> {
    let run = |backend: &Backend| {
        let report = Suite::new(Subjects(variant, *backend)).run();
        report.unwrap_or_else(|failure| panic!("{variant} on {backend}: {failure}"))
    };
    Backend::ALL.iter().map(run).collect()
}

#[test]
fn the_observer_conforms() {
    check(Variant::Observer);
}

#[test]
fn the_observer_that_never_stands_down_conforms() {
    check(Variant::Always);
}

#[test]
fn the_pipe_conforms() {
    check(Variant::Pipe);
}
