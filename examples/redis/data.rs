//! The data: keys, values, and the times at which they expire.

use std::{
    cell::RefCell,
    collections::{BTreeSet, HashMap},
    rc::Rc,
    time::{Duration, Instant},
};

use vigie::{
    channel::{Receiver, Sender, bounded},
    time::sleep,
    yield_now,
};

/// Between two sweeps.
const PERIOD: Duration = Duration::from_millis(100);
/// Keys deleted between two turns of the others.
const PIECE: usize = 1000;

/// All keys. What has expired is as good as gone: whoever asks for it does not find it, and a sweep deletes
/// it before long.
#[derive(Debug)]
pub(crate) struct Data {
    values: HashMap<Rc<[u8]>, Value>,
    /// Of each key that expires, in order.
    deadlines: BTreeSet<(Instant, Rc<[u8]>)>,
    /// Tells the sweeper that there is a first one.
    expiring: Sender<()>,
}

#[derive(Debug)]
struct Value {
    bytes: Vec<u8>,
    deadline: Option<Instant>,
}

impl Value {
    fn is_live(&self, now: Instant) -> bool {
        self.deadline.is_none_or(|deadline| deadline > now)
    }
}

impl Data {
    /// No keys; the second of the pair is for the [`sweep`].
    pub(crate) fn new() -> (Self, Receiver<()>) {
        let (expiring, receiver) = bounded(1);
        (Self { values: HashMap::new(), deadlines: BTreeSet::new(), expiring }, receiver)
    }

    /// How many keys there are, those included that have just expired.
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// How many of them expire.
    pub(crate) fn expiring(&self) -> usize {
        self.deadlines.len()
    }

    fn live(&self, key: &[u8], now: Instant) -> Option<&Value> {
        self.values.get(key).filter(|value| value.is_live(now))
    }

    pub(crate) fn get(&self, key: &[u8], now: Instant) -> Option<&[u8]> {
        self.live(key, now).map(|value| &*value.bytes)
    }

    /// When the key expires, if ever; `None` if it is not there.
    #[expect(clippy::option_option, reason = "no key, or none that expires")]
    pub(crate) fn deadline(&self, key: &[u8], now: Instant) -> Option<Option<Instant>> {
        self.live(key, now).map(|value| value.deadline)
    }

    /// Sets the value, and the time at which it expires.
    pub(crate) fn set(&mut self, key: &[u8], bytes: &[u8], deadline: Option<Instant>) {
        let before = match self.values.get_mut(key) {
            Some(value) => {
                value.bytes = bytes.to_vec();
                value.deadline
            }
            None => {
                self.values.insert(key.into(), Value { bytes: bytes.to_vec(), deadline: None });
                None
            }
        };
        if before != deadline {
            self.reset(key, deadline);
        }
    }

    /// Sets the time at which the key expires, or that it does not; was it there?
    pub(crate) fn expire(&mut self, key: &[u8], deadline: Option<Instant>, now: Instant) -> bool {
        let live = self.live(key, now).is_some();
        if live {
            self.reset(key, deadline);
        }
        live
    }

    /// Changes the deadline of a key that is there.
    fn reset(&mut self, key: &[u8], deadline: Option<Instant>) {
        let Some((key, _)) = self.values.get_key_value(key) else { return };
        let key = key.clone();
        let Some(value) = self.values.get_mut(&key) else { return };
        let before = std::mem::replace(&mut value.deadline, deadline);
        if let Some(before) = before {
            self.deadlines.remove(&(before, key.clone()));
        }
        if let Some(deadline) = deadline {
            self.deadlines.insert((deadline, key));
            // Full, it has told the sweeper already.
            let _ = self.expiring.try_send(());
        }
    }

    /// Deletes the key; was it there?
    pub(crate) fn delete(&mut self, key: &[u8], now: Instant) -> bool {
        let Some((key, value)) = self.values.remove_entry(key) else { return false };
        let live = value.is_live(now);
        if let Some(deadline) = value.deadline {
            self.deadlines.remove(&(deadline, key));
        }
        live
    }

    pub(crate) fn clear(&mut self) {
        self.values = HashMap::new();
        self.deadlines = BTreeSet::new();
    }

    pub(crate) fn keys(&self, now: Instant) -> impl Iterator<Item = &[u8]> {
        self.values.iter().filter(move |(_, value)| value.is_live(now)).map(|(key, _)| &**key)
    }

    /// Deletes some keys that have expired; are there more?
    fn sweep(&mut self, now: Instant) -> bool {
        for _ in 0..PIECE {
            match self.deadlines.first() {
                Some((deadline, _)) if *deadline <= now => {}
                _ => return false,
            }
            if let Some((_, key)) = self.deadlines.pop_first() {
                self.values.remove(&key);
            }
        }
        true
    }
}

/// Deletes what has expired and nobody asks for. While no key expires it waits, and costs nothing.
pub(crate) async fn sweep(data: Rc<RefCell<Data>>, expiring: Receiver<()>) {
    while expiring.recv().await.is_ok() {
        while data.borrow().expiring() > 0 {
            if sleep(PERIOD).await.is_err() {
                return;
            }
            let now = Instant::now();
            while data.borrow_mut().sweep(now) {
                yield_now().await;
            }
        }
    }
}
