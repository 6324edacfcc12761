//! Connections that stay: each sends a request, reads it back, and again.

use std::{
    io,
    time::{Duration, Instant},
};

use rustix::event::epoll::{self, EventData, EventFlags};

use super::{Latencies, Loaded, Poller, connection::Connection};
use crate::args;

/// Connections that are opened before the first of them has been answered.
const OPENING: usize = 128;

/// How long all of them may take to be answered for the first time, beyond what is measured.
const OPENING_LIMIT: Duration = Duration::from_secs(10);

/// Connections, each of which has been answered once unless it is one of the unanswered.
pub(super) struct Open {
    poller: Poller,
    connections: Vec<Connection>,
    answered: Vec<bool>,
}

/// Opens all connections, and has each echo once.
///
/// A server that starves its connections answers late or never: after as long as would be measured, those of
/// the first batch are left as they are, for [`run`] to find out. Of more than a batch that is an error.
pub(super) fn open(options: &args::Load) -> io::Result<Open> {
    let count = options.connections;
    let mut open =
        Open { poller: Poller::new()?, connections: Vec::with_capacity(count), answered: vec![false; count] };
    let patience = if count > OPENING { OPENING_LIMIT } else { options.duration };
    let mut ready = Vec::new();
    while open.connections.len() < count {
        let first = open.connections.len();
        let mut waiting = 0;
        for number in first..count.min(first + OPENING) {
            let mut connection = Connection::open(options.address, number)?;
            let name = EventData::new_u64(number as u64);
            epoll::add(&open.poller.epoll, &connection.stream, name, EventFlags::IN | EventFlags::ET)?;
            connection.send()?;
            open.connections.push(connection);
            waiting += 1;
        }
        let end = Instant::now() + patience;
        while waiting > 0 && Instant::now() < end {
            open.poller.wait(end, &mut ready)?;
            for &name in &ready {
                if open.connections[name].receive()?.is_some() {
                    open.answered[name] = true;
                    waiting -= 1;
                }
            }
        }
        if waiting > 0 && count > OPENING {
            let done = open.connections.len() - waiting;
            return Err(io::Error::other(format!("only {done} of {count} connections were answered")));
        }
    }
    Ok(open)
}

/// The closed loop: the warm-up, and then what counts.
pub(super) fn run(options: &args::Load) -> io::Result<Loaded> {
    let Open { mut poller, mut connections, mut answered } = open(options)?;
    let mut latencies = Latencies::new()?;
    let mut ready = Vec::new();
    // Those that were never answered still have their first request under way.
    for (connection, answered) in connections.iter_mut().zip(&answered) {
        if *answered {
            connection.send()?;
        }
    }
    let start = Instant::now() + options.warm_up;
    let end = start + options.duration;
    let ended = loop {
        poller.wait(end, &mut ready)?;
        let now = Instant::now();
        if now >= end {
            break now;
        }
        for &name in &ready {
            let connection = &mut connections[name];
            if let Some(latency) = connection.receive()? {
                answered[name] = true;
                if now >= start {
                    latencies.record(latency);
                }
                connection.send()?;
            }
        }
    };
    let unanswered = answered.iter().filter(|answered| !**answered).count();
    Ok(latencies.loaded(ended - start, unanswered))
}
