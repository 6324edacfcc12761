//! No runtime: an edge-triggered epoll loop, as a measure of what the others add to the system calls, which it makes
//! without the C library.
//!
//! Burners are a slice after each look at the poller, so that events come first.

use std::{
    io::{self, ErrorKind},
    net::{TcpListener, TcpStream},
    os::fd::{AsRawFd, OwnedFd},
};

use rustix::{
    buffer::spare_capacity,
    event::{
        Timespec,
        epoll::{self, CreateFlags, Event, EventData, EventFlags},
    },
    io::Errno,
    net::{RecvFlags, SendFlags, SocketFlags, accept_with, recv, send},
};

use super::common;
use crate::args;

/// The listener; a connection is named by its descriptor.
const LISTENER: u64 = u64::MAX;

pub(super) fn serve(job: &args::Serve) -> io::Result<()> {
    if job.idle_tasks > 0 {
        return Err(io::Error::other("there are no tasks without a runtime"));
    }
    let mut server = Server {
        listener: common::listen()?,
        poller: epoll::create(CreateFlags::CLOEXEC)?,
        connections: Vec::new(),
    };
    let Server { listener, poller, .. } = &server;
    epoll::add(poller, listener, EventData::new_u64(LISTENER), EventFlags::IN | EventFlags::ET)?;
    common::ready(listener.local_addr()?)?;

    let burning = job.burners > 0;
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    let mut events: Vec<Event> = Vec::with_capacity(1024);
    let mut buffer = vec![0; common::BUFFER];
    loop {
        match epoll::wait(&server.poller, spare_capacity(&mut events), burning.then_some(&at_once)) {
            // By whoever attaches to look on.
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in events.drain(..) {
            match event.data.u64() {
                LISTENER => server.accept_all(&mut buffer)?,
                name => server.serve(name as usize, event.flags, &mut buffer),
            }
        }
        if burning {
            common::burn();
        }
    }
}

struct Server {
    listener: TcpListener,
    poller: OwnedFd,
    /// By descriptor.
    connections: Vec<Option<Connection>>,
}

struct Connection {
    stream: TcpStream,
    /// What was read and could not be written yet.
    unsent: Vec<u8>,
}

impl Server {
    fn accept_all(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        loop {
            let stream = match accept_with(&self.listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
                Ok(stream) => TcpStream::from(stream),
                Err(Errno::AGAIN) => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            stream.set_nodelay(true)?;
            let name = stream.as_raw_fd() as usize;
            let interest = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
            epoll::add(&self.poller, &stream, EventData::new_u64(name as u64), interest)?;
            if self.connections.len() <= name {
                self.connections.resize_with(name + 1, || None);
            }
            self.connections[name] = Some(Connection { stream, unsent: Vec::new() });
            // The first request may be there already.
            self.serve(name, EventFlags::empty(), buffer);
        }
    }

    /// Where the end or an error is reported there will be no other event, so that all is read then.
    fn serve(&mut self, name: usize, flags: EventFlags, buffer: &mut [u8]) {
        let ending = flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR);
        let Some(connection) = self.connections.get_mut(name).and_then(Option::as_mut) else { return };
        match connection.echo(ending, buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Ok(Open::Yes) => {}
            // An error ends the connection, as its end does.
            Ok(Open::No) | Err(_) => self.connections[name] = None,
        }
    }
}

enum Open {
    Yes,
    No,
}

impl Connection {
    /// Echoes until there is nothing to read, or no room to write.
    fn echo(&mut self, ending: bool, buffer: &mut [u8]) -> io::Result<Open> {
        while !self.unsent.is_empty() {
            let written = send(&self.stream, &self.unsent, SendFlags::NOSIGNAL)?;
            self.unsent.drain(..written);
        }
        loop {
            let (count, _) = recv(&self.stream, &mut *buffer, RecvFlags::empty())?;
            if count == 0 {
                return Ok(Open::No);
            }
            let mut rest = &buffer[..count];
            while !rest.is_empty() {
                match send(&self.stream, rest, SendFlags::NOSIGNAL) {
                    Ok(written) => rest = &rest[written..],
                    Err(Errno::AGAIN) => {
                        self.unsent = rest.to_vec();
                        return Err(Errno::AGAIN.into());
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            // Less than there was room for: there is no more, as long as the connection goes on.
            if count < buffer.len() && !ending {
                return Ok(Open::Yes);
            }
        }
    }
}
