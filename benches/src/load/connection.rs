//! One connection of the load, with at most one request under way.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

/// Bytes of a request.
pub(super) const SIZE: usize = 64;

pub(super) struct Connection {
    pub(super) stream: TcpStream,
    /// Makes what is sent another on each connection and in each round.
    round: usize,
    sent: [u8; SIZE],
    sent_at: Instant,
    received: usize,
}

impl Connection {
    /// Connects, which does not wait for the server: the system accepts for it.
    pub(super) fn open(address: SocketAddr, number: usize) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self { stream, round: number, sent: [0; SIZE], sent_at: Instant::now(), received: 0 })
    }

    /// Sends the next request.
    pub(super) fn send(&mut self) -> io::Result<()> {
        self.round = self.round.wrapping_add(1);
        for (at, byte) in self.sent.iter_mut().enumerate() {
            *byte = self.round.wrapping_mul(31).wrapping_add(at) as u8;
        }
        self.received = 0;
        self.sent_at = Instant::now();
        // The one before was answered, so that there is room for this one.
        match self.stream.write(&self.sent)? {
            SIZE => Ok(()),
            count => Err(io::Error::other(format!("only {count} bytes of a request could be sent"))),
        }
    }

    /// Reads what there is, and compares it; once the answer is whole, what it took.
    pub(super) fn receive(&mut self) -> io::Result<Option<Duration>> {
        // One byte more than is due, to see one that is too many.
        let mut buffer = [0; SIZE + 1];
        loop {
            let room = SIZE + 1 - self.received;
            let count = match self.stream.read(&mut buffer[..room]) {
                Ok(0) => {
                    return Err(io::Error::new(ErrorKind::UnexpectedEof, "the server closed a connection"));
                }
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            };
            let due = &self.sent[self.received..];
            if due.get(..count) != Some(&buffer[..count]) {
                return Err(io::Error::new(ErrorKind::InvalidData, "other bytes came back than were sent"));
            }
            self.received += count;
            if self.received == SIZE {
                return Ok(Some(self.sent_at.elapsed()));
            }
        }
    }
}
