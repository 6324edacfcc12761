//! What the rules say of a program: how each of its tasks ends, if nobody cancels it.

use super::program::{End, Fate, How, Start, Step, Task, Together, When};

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Ending {
    Returns,
    Panics,
    /// It is not even started: there is no domain for it.
    NoDomain,
    /// It does not end, or a descendant does not that it waits for.
    Never,
}

/// Where a task is started from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) extra_domains: usize,
    /// Is it on the main task's domain?
    pub(super) on_main: bool,
}

impl Place {
    /// How many domains a call can go to.
    pub(super) fn available(self) -> usize {
        self.extra_domains - usize::from(!self.on_main)
    }
}

/// How a task ends that is started here.
pub(super) fn started(start: &Start, here: Place) -> Ending {
    match start.how {
        How::Spawn => body(&start.task, here),
        How::Call | How::CallOn(_) if here.available() == 0 => Ending::NoDomain,
        How::Call | How::CallOn(_) => body(&start.task, Place { on_main: false, ..here }),
    }
}

/// How a task ends that runs here.
fn body(task: &Task, here: Place) -> Ending {
    match steps(task, here) {
        Err(ending) => ending,
        Ok(leaked) => match task.end {
            End::Never => Ending::Never,
            // The panic of a destructor is that of the task. Either takes all children along.
            End::Panic => Ending::Panics,
            End::Return if task.bomb => Ending::Panics,
            // Only if it returns does it wait for those.
            End::Return if leaked.contains(&Ending::Never) => Ending::Never,
            End::Return => Ending::Returns,
        },
    }
}

/// The children that it has leaked when it comes to its end, or how it ends before.
fn steps(task: &Task, here: Place) -> Result<Vec<Ending>, Ending> {
    let (mut put_off, mut leaked) = (Vec::new(), Vec::new());
    for step in &task.steps {
        match step {
            Step::Child(start, When::Now, fate) => settle(*fate, started(start, here), &mut leaked)?,
            Step::Child(start, When::Later, fate) => put_off.push((*fate, started(start, here))),
            Step::Group(how, starts) => {
                let never = starts.iter().filter(|start| started(start, here) == Ending::Never).count();
                let ending = starts.len() - never;
                let needed = match how {
                    Together::All => starts.len(),
                    Together::First => 1.min(starts.len()),
                    Together::One(times) => starts.len().min(*times),
                };
                if ending < needed {
                    return Err(Ending::Never);
                }
            }
            Step::Yield(_) | Step::SleepMicros(_) | Step::Wait(_) | Step::Open(_) => {}
        }
    }
    if task.settles {
        for (fate, child) in put_off {
            settle(fate, child, &mut leaked)?;
        }
    }
    Ok(leaked)
}

/// What its child's ending is to a parent: does it go on?
fn settle(fate: Fate, child: Ending, leaked: &mut Vec<Ending>) -> Result<(), Ending> {
    match (fate, child) {
        (Fate::Await | Fate::Twice | Fate::Unwrap, Ending::Never) => Err(Ending::Never),
        (Fate::Unwrap, Ending::Panics | Ending::NoDomain) => Err(Ending::Panics),
        (Fate::Leak, _) => {
            leaked.push(child);
            Ok(())
        }
        // What is cancelled ends, whatever it is about.
        _ => Ok(()),
    }
}
