//! The mutants of calls, of the tree and of the collection. Their `caller-` mutants are in the domain of
//! the models, `loom-tests/domain.rs`, which does what `src/domain` and `src/task` do.

use crate::table::{Mutant, mutant};

const CALL: &str = "src/protocol/call.rs";
const SUBTREE: &str = "src/protocol/subtree.rs";
const FINISHED: &str = "src/protocol/finished.rs";
const INBOX: &str = "src/protocol/inbox.rs";
const SLOTS: &str = "src/slots.rs";
const DOMAIN: &str = "loom-tests/domain.rs";
const COLLECTOR: &str = "loom-tests/finished.rs";

pub(crate) fn mutants() -> Vec<Mutant> {
    [call(), call_callers(), subtree(), subtree_callers(), finished()].into_iter().flatten().collect()
}

fn call() -> Vec<Mutant> {
    vec![
        // C1, C3, C5: the posts.
        mutant(
            "post-no-notify",
            "call::call_awaited",
            1,
            INBOX,
            "pub(crate) fn post(&self, message: M) { self.0.send(message);",
            "pub(crate) fn post(&self, message: M) { self.0.push_all([message]);",
        )
        .also("subtree::subtree_chain", 1)
        .also("finished::finished_two", 1),
        // C2.
        mutant(
            "name-left-out",
            "call::call_cancel_arrives",
            1,
            CALL,
            "let first = self.task.set(task).is_ok();",
            "let (_, first) = (task, true);",
        ),
        mutant(
            "name-of-another-life",
            "call::call_cancelled_late",
            1,
            SLOTS,
            ".filter(|(serial, _)| *serial == key.serial)",
            "",
        ),
        // C4.
        mutant(
            "put-left-out",
            "call::call_awaited",
            1,
            CALL,
            "*self.result.lock() = Some(result);",
            "drop(result);",
        ),
        // C6, by a caller that has cancelled.
        mutant(
            "take-leaves-cancelled-result",
            "call::call_cancelled_late",
            2,
            CALL,
            "self.result.lock().take()",
            "if self.cancelled.get().is_some() { return None; } self.result.lock().take()",
        )
        .and("task: OnceLock<K>,", "task: OnceLock<K>, cancelled: std::sync::OnceLock<()>,")
        .and("Self { task: OnceLock::new(),", "Self { cancelled: Default::default(), task: OnceLock::new(),")
        .and("self.task.get().copied()", "let _ = self.cancelled.set(()); self.task.get().copied()"),
    ]
}

/// What a call asks of the two domains.
fn call_callers() -> Vec<Mutant> {
    vec![
        mutant(
            "caller-cancel-before-start",
            "call::call_cancel_arrives",
            1,
            DOMAIN,
            "self.run.door(self.index).inbox.drain(8, |message| self.receive(message));",
            "let mail: Vec<_> = std::iter::from_fn(|| self.run.door(self.index).inbox.next()).collect();
            mail.into_iter().rev().for_each(|message| self.receive(message));",
        ),
        mutant(
            "caller-names-late",
            "call::call_cancel_arrives",
            1,
            DOMAIN,
            "// C2.
            call.name(key);",
            "let _ = key;",
        )
        .and(
            "let Some(mut body) = place.take() else { return };",
            "let Some(mut body) = place.take() else { return };
            if let Kind::Future { call: Some(call), .. } = &task.kind && call.task().is_none() {
                call.name(task.key);
            }",
        ),
        mutant(
            "caller-no-finished",
            "call::call_awaited",
            1,
            DOMAIN,
            "self.run.post(*domain, Message::Finished(*link));",
            "let _ = (domain, link);",
        )
        .also("call::call_cancel_arrives", 1),
        mutant(
            "caller-no-cancel",
            "call::call_cancel_arrives",
            1,
            DOMAIN,
            "self.run.post(*target, Message::Cancel(call.clone())),",
            "drop((target, call)),",
        ),
        mutant(
            "caller-keeps-cancelled-result",
            "call::call_cancelled_late",
            1,
            DOMAIN,
            "Kind::Link { call, .. } if task.cancelled.get() => drop(call.take()),",
            "",
        )
        .also("call::call_dropped", 1)
        .also("finished::finished_cancelled", 1),
        mutant("caller-keeps-unawaited-result", "call::call_dropped", 1, DOMAIN, "drop(promise.take());", ""),
    ]
}

fn subtree() -> Vec<Mutant> {
    const RELEASE: &str = "self.0.get() == 0";
    const PUBLISH: &str = "self.publish(&task);
            match self.finish(&task) {
                Some(parent) => task = parent,
                None => return,
            }";
    vec![
        // S1.
        mutant(
            "new-without-future",
            "subtree::subtree_chain",
            1,
            SUBTREE,
            "Self(Cell::new(1))",
            "Self(Cell::new(0))",
        ),
        mutant(
            "begin-left-out",
            "subtree::subtree_chain",
            1,
            SUBTREE,
            "self.0.update(|count| count + 1);",
            "",
        ),
        // S2.
        mutant("release-before-last", "subtree::subtree_chain", 1, SUBTREE, RELEASE, "self.0.get() <= 1")
            .also("subtree::subtree_fan", 1)
            .also("finished::finished_two", 1),
        mutant(
            "release-stops-at-grandparent",
            "subtree::subtree_deep",
            1,
            SUBTREE,
            "while self.pending(&task).release() {",
            "for _ in 0..2 { if !self.pending(&task).release() { return; }",
        ),
        mutant(
            "release-counts-nothing",
            "subtree::subtree_chain",
            1,
            SUBTREE,
            "self.0.update(|count| count - 1);",
            "",
        ),
        // S3.
        mutant(
            "publish-after-finish",
            "call::call_awaited",
            1,
            SUBTREE,
            PUBLISH,
            "let parent = self.finish(&task);
            self.publish(&task);
            match parent {
                Some(parent) => task = parent,
                None => return,
            }",
        ),
        mutant("publish-left-out", "call::call_awaited", 1, SUBTREE, "self.publish(&task);", ""),
        // S4.
        mutant(
            "finish-tells-nobody",
            "subtree::subtree_chain",
            1,
            SUBTREE,
            PUBLISH,
            "self.publish(&task);
            return;",
        ),
        mutant(
            "finish-spares-parent",
            "subtree::subtree_chain",
            1,
            SUBTREE,
            "Some(parent) => task = parent,",
            "Some(_) => return,",
        )
        .also("subtree::subtree_back", 1),
    ]
}

/// What the tree asks of the domains.
fn subtree_callers() -> Vec<Mutant> {
    vec![
        mutant(
            "caller-releases-before-end",
            "subtree::subtree_chain",
            1,
            DOMAIN,
            "if let Kind::Future { who, .. } = task.kind {
                self.run.end(who);
            }
            self.release(task.clone());",
            "self.release(task.clone());
            if let Kind::Future { who, .. } = task.kind {
                self.run.end(who);
            }",
        ),
        mutant(
            "caller-link-ends-on-cancel",
            "subtree::subtree_cancelled",
            1,
            DOMAIN,
            "self.run.post(*target, Message::Cancel(call.clone()))",
            "{
                self.run.post(*target, Message::Cancel(call.clone()));
                self.release(task.clone());
            }",
        ),
        mutant(
            "caller-cancel-spares-children",
            "subtree::subtree_cancelled",
            1,
            DOMAIN,
            "self.doom_children(&task);",
            "",
        )
        .also("subtree::subtree_cancelled_below", 1),
        mutant(
            "caller-cancel-stops-at-ended",
            "subtree::subtree_cancelled_below",
            1,
            DOMAIN,
            "self.doom_children(&task);
            if body.take().is_some() {",
            "if body.take().is_some() {
                self.doom_children(&task);",
        ),
    ]
}

fn finished() -> Vec<Mutant> {
    const PUSH: &str = "self.order.borrow_mut().push_back(member);";
    const POP: &str = "self.order.borrow_mut().pop_front()";
    vec![
        // F1.
        mutant("push-left-out", "finished::finished_two", 1, FINISHED, PUSH, "let _ = member;"),
        mutant(
            "push-forgets-older",
            "finished::finished_two",
            1,
            FINISHED,
            PUSH,
            "self.order.replace([member].into());",
        ),
        mutant("push-wakes-nobody", "finished::finished_two", 1, FINISHED, "self.waiter.take() }", "None }"),
        // F2.
        mutant(
            "pop-newest-first",
            "finished::finished_two",
            1,
            FINISHED,
            POP,
            "self.order.borrow_mut().pop_back()",
        ),
        mutant(
            "pop-reorders",
            "finished::finished_order",
            1,
            FINISHED,
            POP,
            "self.order.borrow_mut().swap_remove_back(0)",
        ),
        mutant(
            "pop-leaves-member",
            "finished::finished_two",
            1,
            FINISHED,
            POP,
            "self.order.borrow().front().copied()",
        ),
        // F3.
        mutant(
            "wait-left-out",
            "finished::finished_two",
            1,
            FINISHED,
            "let before = self.waiter.replace(Some(waiter));",
            "let before = Some(waiter);",
        )
        .also("finished::finished_grows", 1),
        mutant(
            "wait-keeps-older-waker",
            "finished::finished_woken_beside",
            1,
            FINISHED,
            "let before = self.waiter.replace(Some(waiter));",
            "let older = self.waiter.take(); let before = self.waiter.replace(older.or(Some(waiter)));",
        ),
        // The caller's part.
        mutant(
            "caller-collects-once-a-wake",
            "finished::finished_two",
            1,
            COLLECTOR,
            "while let Some(member) = self.set.pop() {",
            "if let Some(member) = self.set.pop() {",
        ),
        mutant(
            "caller-waits-once",
            "finished::finished_two",
            1,
            COLLECTOR,
            "self.set.wait(slice.waker());",
            "if self.count == 0 { self.set.wait(slice.waker()); }",
        ),
        mutant(
            "caller-forgets-cancelled",
            "finished::finished_cancelled",
            1,
            DOMAIN,
            "Kind::Link { set: Some((set, member)), .. } => {",
            "Kind::Link { set: Some((set, member)), .. } if !task.cancelled.get() => {",
        ),
    ]
}
