//! Rest: how a run finds out that nothing can happen in it any more.
//!
//! Each domain that is about to sleep, and knows of nothing outside that could wake it, is at rest.
//! Whoever brings the last one to rest asks all of them, twice. If all are at rest both times and
//! nothing has happened to any of them in between, no message is under way, and none will be.

use crate::sync::{Arc, Mutex};

/// How many domains of one run are at rest.
#[derive(Debug)]
pub(crate) struct Rest {
    domains: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    resting: usize,
    /// Is a census under way?
    asking: bool,
}

impl Rest {
    pub(crate) fn new(domains: usize) -> Self {
        Self { domains, state: Mutex::new(State { resting: 0, asking: false }) }
    }

    /// E1. A domain comes to rest. If it is the last one, and none of the others has a token, it goes on
    /// to `begin`.
    pub(crate) fn enter(&self) -> bool {
        let mut state = self.state.lock();
        state.resting += 1;
        state.resting == self.domains
    }

    /// E2. Whether a census is to be begun: there is at most one. Not part of `enter`: a domain that
    /// only looked at the others' tokens must not keep another from asking.
    pub(crate) fn begin(&self) -> bool {
        !std::mem::replace(&mut self.state.lock().asking, true)
    }

    /// E3. A domain that came to rest is awake again.
    pub(crate) fn leave(&self) {
        self.state.lock().resting -= 1;
    }

    /// E4. The census has found that something may happen yet. Whoever says so is awake, and comes to
    /// rest after this.
    pub(crate) fn give_up(&self) {
        self.state.lock().asking = false;
    }
}

/// One round of questions. Each domain answers once, with what else is to be known of it.
#[derive(Debug)]
pub(crate) struct Census<R> {
    /// What was counted in the first round, if this is the second.
    before: Option<Vec<u64>>,
    answers: Mutex<Vec<Option<Answer<R>>>>,
}

/// A domain's answer.
#[derive(Debug)]
pub(crate) struct Answer<R> {
    /// Is it at rest?
    pub(crate) at_rest: bool,
    /// How much has happened there so far.
    pub(crate) count: u64,
    pub(crate) report: R,
}

/// What the answers together say.
#[derive(Debug)]
pub(crate) enum Verdict<R> {
    /// Something may happen yet.
    Alive,
    /// All were at rest: ask again.
    Again(Arc<Census<R>>),
    /// Nothing will ever happen.
    Dead(Vec<R>),
}

impl<R> Census<R> {
    /// The first round among so many domains.
    pub(crate) fn new(domains: usize) -> Arc<Self> {
        Self::round(domains, None)
    }

    fn round(domains: usize, before: Option<Vec<u64>>) -> Arc<Self> {
        let answers = (0..domains).map(|_| None).collect();
        Arc::new(Self { before, answers: Mutex::new(answers) })
    }

    /// Is this the second round?
    pub(crate) fn is_last(&self) -> bool {
        self.before.is_some()
    }

    /// The answer of one domain; what to do, if it is the last.
    pub(crate) fn answer(&self, domain: usize, answer: Answer<R>) -> Option<Verdict<R>> {
        let mut answers = self.answers.lock();
        answers[domain] = Some(answer);
        if answers.iter().any(Option::is_none) {
            return None;
        }
        let answers: Vec<_> = answers.drain(..).flatten().collect();
        let counts: Vec<_> = answers.iter().map(|answer| answer.count).collect();
        if !answers.iter().all(|answer| answer.at_rest) {
            return Some(Verdict::Alive);
        }
        Some(match &self.before {
            None => Verdict::Again(Self::round(counts.len(), Some(counts))),
            Some(before) if *before == counts => {
                Verdict::Dead(answers.into_iter().map(|answer| answer.report).collect())
            }
            Some(_) => Verdict::Alive,
        })
    }
}

/// How many outside of the run's domains could still bring news to one of them. Under a lock, so that
/// whoever finds none left has the tokens of all of them before its next look.
#[derive(Debug)]
pub(crate) struct Outsiders(Mutex<usize>);

impl Outsiders {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(0))
    }

    /// One more; made by the domain, or by one that is here already.
    pub(crate) fn enter(&self) {
        *self.0.lock() += 1;
    }

    /// One has brought its last news; `true` if it was the last one, who then has to notify the domain.
    #[must_use = "the domain may have parked in the hope of news"]
    pub(crate) fn leave(&self) -> bool {
        let mut count = self.0.lock();
        *count -= 1;
        *count == 0
    }

    /// The domain: is there any?
    pub(crate) fn any(&self) -> bool {
        *self.0.lock() > 0
    }
}
