//! Children that were dropped before they ended: one thread of the process reaps them.
//!
//! It is there only while there are any, and looks at all of them at each SIGCHLD. Where it could not be
//! started, whoever starts or drops a child does.

use std::{io, process::Child, thread};

use signal_hook::{consts::SIGCHLD, iterator::Signals};

use crate::{forks, sync::Mutex};

struct Orphans {
    children: Vec<Child>,
    /// Is the thread there, or about to be?
    has_reaper: bool,
    /// Whose children they are: a forked child has none of them, and not that thread.
    generation: u32,
}

static ORPHANS: Mutex<Orphans> =
    Mutex::new(Orphans { children: Vec::new(), has_reaper: false, generation: 0 });

/// Has a child reaped when it ends.
pub(super) fn adopt(mut child: Child) {
    let mut orphans = ORPHANS.lock();
    orphans.look();
    if is_running(&mut child) {
        orphans.children.push(child);
    }
    orphans.tend();
}

/// Reaps those that have ended.
pub(super) fn tend() {
    let mut orphans = ORPHANS.lock();
    orphans.look();
    orphans.tend();
}

impl Orphans {
    /// Is this still the same process?
    fn look(&mut self) {
        if self.generation != forks::generation() {
            *self = Self { children: Vec::new(), has_reaper: false, generation: forks::generation() };
        }
    }

    fn tend(&mut self) {
        // Where there is a thread, it looks at all of them.
        if !self.has_reaper {
            self.reap();
        }
        // Whatever ends from here on finds a thread that listens, and that takes the lock after this.
        if !self.children.is_empty() && !self.has_reaper {
            // Refused, it is tried again the next time.
            self.has_reaper = start().is_ok();
        }
    }

    fn reap(&mut self) {
        self.children.retain_mut(is_running);
    }
}

/// Reaps it if it has ended. One that another part of the process has reaped is gone as well.
fn is_running(child: &mut Child) -> bool {
    matches!(child.try_wait(), Ok(None))
}

fn start() -> io::Result<()> {
    let mut signals = Signals::new([SIGCHLD])?;
    let reap = move || {
        // First those that have ended before it listened.
        while !is_done() {
            signals.wait();
        }
    };
    thread::Builder::new().name("vigie-reaper".to_owned()).spawn(reap).map(drop)
}

/// Reaps; is none left? Then the thread ends, and the next orphan starts another.
fn is_done() -> bool {
    let mut orphans = ORPHANS.lock();
    orphans.reap();
    orphans.has_reaper = !orphans.children.is_empty();
    !orphans.has_reaper
}
