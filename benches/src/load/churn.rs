//! Connections that come and go: connect, echo once, close.
//!
//! They are closed by a reset: else each would hold its port for a minute, and soon there were none left.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use rustix::event::epoll::{self, EventData, EventFlags};
use socket2::SockRef;

use super::{Latencies, Loaded, Poller, connection::Connection};
use crate::args;

struct Visit {
    connection: Connection,
    began: Instant,
}

/// So many connections at any time; what counts is one from its opening to its end.
pub(super) fn run(options: &args::Load) -> io::Result<Loaded> {
    let mut poller = Poller::new()?;
    let mut visits = Vec::with_capacity(options.connections);
    for name in 0..options.connections {
        visits.push(visit(&poller, options.address, name)?);
    }
    let mut answered = vec![false; options.connections];
    let mut latencies = Latencies::new()?;
    let mut ready = Vec::new();
    let start = Instant::now() + options.warm_up;
    let end = start + options.duration;
    let ended = loop {
        poller.wait(end, &mut ready)?;
        let now = Instant::now();
        if now >= end {
            break now;
        }
        for &name in &ready {
            if visits[name].connection.receive()?.is_none() {
                continue;
            }
            answered[name] = true;
            if now >= start {
                latencies.record(visits[name].began.elapsed());
            }
            visits[name] = visit(&poller, options.address, name)?;
        }
    };
    let unanswered = answered.iter().filter(|answered| !**answered).count();
    Ok(latencies.loaded(ended - start, unanswered))
}

fn visit(poller: &Poller, address: SocketAddr, name: usize) -> io::Result<Visit> {
    let began = Instant::now();
    let mut connection = Connection::open(address, name)?;
    SockRef::from(&connection.stream).set_linger(Some(Duration::ZERO))?;
    let data = EventData::new_u64(name as u64);
    epoll::add(&poller.epoll, &connection.stream, data, EventFlags::IN | EventFlags::ET)?;
    connection.send()?;
    Ok(Visit { connection, began })
}
