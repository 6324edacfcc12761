//! Answers that are still good.

use std::{
    collections::HashMap,
    rc::Rc,
    time::{Duration, Instant},
};

use crate::message::Answer;

/// However long an answer says that it is good.
const LONGEST: u32 = 24 * 60 * 60;

/// So many answers at the most; where one too many comes, that one goes which would expire first.
#[derive(Debug)]
pub(crate) struct Cache {
    room: usize,
    entries: HashMap<Vec<u8>, Entry>,
}

#[derive(Debug)]
struct Entry {
    answer: Rc<Answer>,
    since: Instant,
    until: Instant,
}

impl Cache {
    pub(crate) fn new(room: usize) -> Self {
        Self { room, entries: HashMap::new() }
    }

    /// The answer, and how many seconds old it is.
    pub(crate) fn get(&self, key: &[u8], now: Instant) -> Option<(Rc<Answer>, u32)> {
        let entry = self.entries.get(key).filter(|entry| entry.until > now)?;
        let age = (now - entry.since).as_secs();
        Some((entry.answer.clone(), age.try_into().unwrap_or(u32::MAX)))
    }

    pub(crate) fn put(&mut self, key: Vec<u8>, answer: Rc<Answer>, now: Instant) {
        let lifetime = answer.lifetime().min(LONGEST);
        if self.room == 0 || lifetime == 0 {
            return;
        }
        self.entries.remove(&key);
        if self.entries.len() == self.room {
            self.make_room(now);
        }
        let until = now + Duration::from_secs(lifetime.into());
        self.entries.insert(key, Entry { answer, since: now, until });
    }

    fn make_room(&mut self, now: Instant) {
        self.entries.retain(|_, entry| entry.until > now);
        if self.entries.len() == self.room {
            let first = self.entries.iter().min_by_key(|(_, entry)| entry.until).map(|(key, _)| key.clone());
            first.map(|key| self.entries.remove(&key));
        }
    }
}
