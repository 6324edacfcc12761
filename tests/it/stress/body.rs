//! What a task does: it plays its part of the program, and checks what comes of it.

use std::{future::pending, mem, sync::Arc, time::Duration};

use futures_lite::future::or;
use vigie::{Domain, Promise, TaskError, await_all, await_first, await_one, call, call_on, spawn};

use super::{
    model::{Ending, started},
    program::{End, Fate, How, Start, Step, Task, Together, When, numbered},
    world::{Child, Ticket, Value, World},
};
use crate::support::turns;

/// A child, and what its parent holds of it.
pub(super) struct Held {
    pub(super) child: Child,
    pub(super) promise: Promise<Value>,
}

/// Starts a task; `parent` is the one this code runs in, unless that is the main task.
pub(super) fn start(world: &Arc<World>, id: usize, start: &Start, parent: Option<usize>) -> Held {
    let Start { how, task } = start.clone();
    let child = Child { id, how, ending: started(start, world.here()), task: task.clone() };
    let ticket = Ticket::new(world, id, parent, how);
    let there = world.clone();
    let bomb = task.bomb;
    let future = move || ticket.future(bomb, body(there, id, task));
    let promise = match how {
        How::Spawn => spawn(future()),
        How::Call => call(future),
        How::CallOn(at) => {
            let available = Domain::available();
            let domain = available.get(at % available.len().max(1)).copied();
            call_on(domain.unwrap_or_else(|| Domain::current().expect("within a task")), future)
        }
    };
    Held { child, promise }
}

/// The main task: starts all trees, waits for those that must end, and then cancels the others.
pub(super) async fn main(world: Arc<World>, trees: Vec<Start>) {
    let trees: Vec<_> = numbered(&trees, 0).map(|(id, begin)| start(&world, id, begin, None)).collect();
    let (ending, endless): (Vec<_>, Vec<_>) =
        trees.into_iter().partition(|held| held.child.ending != Ending::Never);
    for Held { child, promise } in ending {
        world.check_result(&child, &promise.await);
    }
    for Held { child, promise } in endless {
        let cancel = promise.cancel();
        world.note_doomed(&child);
        cancel.await.unwrap();
        world.check_cancelled(&child);
    }
}

async fn body(world: Arc<World>, id: usize, task: Arc<Task>) {
    let mut children = task.children(id);
    let mut put_off = Vec::new();
    for step in &task.steps {
        match step {
            Step::Yield(count) => turns(*count).await,
            // Miri has no clock of the system's.
            Step::SleepMicros(_) if cfg!(miri) => turns(1).await,
            Step::SleepMicros(micros) => {
                let slept = vigie::time::sleep(Duration::from_micros(*micros)).await;
                world.check(slept.is_ok(), || format!("task {id} cannot sleep: {slept:?}"));
            }
            Step::Wait(gate) => world.gates[*gate].opened().await,
            Step::Open(gate) => world.gates[*gate].open(),
            Step::Child(_, when, fate) => {
                let (child, begin) = children.next().expect("the child of this step");
                let held = start(&world, child, begin, Some(id));
                match when {
                    When::Now => settle(&world, id, held, *fate).await,
                    When::Later => put_off.push((held, *fate)),
                }
            }
            Step::Group(how, starts) => {
                let children = children.by_ref().take(starts.len());
                let held = children.map(|(child, begin)| start(&world, child, begin, Some(id)));
                let (children, promises) = held.map(|held| (held.child, held.promise)).unzip();
                together(&world, *how, children, promises).await;
            }
        }
    }
    if task.settles {
        for (held, fate) in put_off {
            settle(&world, id, held, fate).await;
        }
    }
    match task.end {
        End::Return => {}
        End::Panic => world.panic(id),
        End::Never => pending().await,
    }
}

/// Does with a child what its fate is.
async fn settle(world: &World, id: usize, held: Held, fate: Fate) {
    let Held { child, mut promise } = held;
    match fate {
        Fate::Await => world.check_result(&child, &promise.await),
        Fate::Unwrap => {
            let result = promise.await;
            world.check_result(&child, &result);
            if result.is_err() {
                world.panic(id);
            }
        }
        Fate::Twice => {
            world.check_result(&child, &(&mut promise).await);
            let again = matches!(promise.await, Err(TaskError::Cancelled));
            world.check(again, || format!("task {} gave a second result", child.id));
        }
        Fate::GiveUp(count) => {
            let result = async { Some(promise.await) };
            let patience = async {
                turns(count).await;
                None
            };
            match or(result, patience).await {
                Some(result) => world.check_result(&child, &result),
                None => world.note_doomed(&child),
            }
        }
        Fate::Cancel => {
            let cancel = promise.cancel();
            world.note_doomed(&child);
            cancel.await.unwrap();
            world.check_cancelled(&child);
        }
        Fate::CancelUnawaited => {
            drop(promise.cancel());
            world.note_doomed(&child);
        }
        Fate::Drop => {
            drop(promise);
            world.note_doomed(&child);
        }
        Fate::Leak => {
            mem::forget(promise);
            world.note_leaked(&child);
        }
        Fate::GiveAway => {
            let result = spawn(promise).await;
            let refused = matches!(result, Ok(Err(TaskError::NotAChild))) || child.ending == Ending::NoDomain;
            world.check(refused, || format!("task {} was awaited by another", child.id));
            world.note_doomed(&child);
        }
    }
}

/// Waits for several children.
async fn together(world: &World, how: Together, mut children: Vec<Child>, mut promises: Vec<Promise<Value>>) {
    match how {
        Together::All => match await_all(promises).await {
            Ok(results) => {
                world.check(results.len() == children.len(), || "results are missing".into());
                for (child, result) in children.iter().zip(results) {
                    world.check_result(child, &result);
                }
            }
            Err(error) => world.check(children.is_empty(), || format!("await_all says {error}")),
        },
        Together::First => {
            let result = await_first(promises).await;
            if let Some(winner) = who_gave(world, &result, &children) {
                world.check_result(&children[winner], &result);
                drop(result);
                children.iter().for_each(|child| world.check_cancelled(child));
            }
        }
        Together::One(times) => {
            for _ in 0..times {
                let result = await_one(&mut promises).await;
                if let Some(first) = who_gave(world, &result, &children) {
                    world.check_result(&children.remove(first), &result);
                }
            }
            drop(promises);
            children.iter().for_each(|child| world.note_doomed(child));
        }
    }
}

/// Whose result this is of several children.
fn who_gave(world: &World, result: &Result<Value, TaskError>, children: &[Child]) -> Option<usize> {
    let giver = children.iter().position(|child| child.may_have_given(result));
    let none = children.is_empty() && matches!(result, Err(TaskError::Empty));
    world.check(giver.is_some() || none, || "a result that no child can have given".into());
    giver
}
