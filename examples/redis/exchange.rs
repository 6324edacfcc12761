//! What one connection has received and is to send, and how it comes to the data.

use std::{cell::RefCell, io, rc::Rc, time::Instant};

use vigie::{
    channel::{Receiver, Sender, bounded},
    yield_now,
};

use crate::{
    command::perform,
    data::Data,
    reply::Replies,
    request::{Parser, ProtocolError},
};

/// Room for what is read at once, at first and at the least.
const ROOM: usize = 4096;
/// As much of an empty buffer is kept.
const KEPT: usize = 256 << 10;
/// Replies that are written before more requests are performed.
const ENOUGH: usize = 64 << 10;

/// The buffers of one connection, between the system and the data.
#[derive(Debug, Default)]
pub(crate) struct Exchange {
    /// Received up to `filled`; what lies behind has been written to, and is of no meaning.
    input: Vec<u8>,
    filled: usize,
    parser: Parser,
    replies: Replies,
}

/// What is to be done with a connection once the replies are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Perform more of what was received.
    Perform,
    /// Read.
    Read,
    /// End it.
    Part,
}

impl Exchange {
    /// Where to read to; never empty.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        if self.input.len() - self.filled < ROOM / 4 {
            // By half again at least: however large a request is, each byte of it is copied a few times.
            self.input.resize((self.input.len() + self.input.len() / 2).max(ROOM), 0);
        }
        &mut self.input[self.filled..]
    }

    pub(crate) fn received(&mut self, count: usize) {
        self.filled += count;
    }

    pub(crate) fn replies(&self) -> &[u8] {
        self.replies.bytes()
    }

    pub(crate) fn sent(&mut self) {
        self.replies.clear();
    }

    /// Performs the requests that are all there, or as many as have replies enough.
    fn perform(&mut self, data: &mut Data) -> Next {
        let now = Instant::now();
        let mut request = Vec::new();
        let next = loop {
            if self.replies.bytes().len() >= ENOUGH {
                break Next::Perform;
            }
            match self.parser.next(&self.input[..self.filled], &mut request) {
                Ok(false) => break Next::Read,
                Ok(true) => {
                    if perform(data, now, &request, &mut self.replies).is_break() {
                        break Next::Part;
                    }
                }
                Err(ProtocolError(what)) => {
                    self.replies.error(&format!("ERR Protocol error: {what}"));
                    break Next::Part;
                }
            }
        };
        let consumed = self.parser.take_consumed();
        self.input.copy_within(consumed..self.filled, 0);
        self.filled -= consumed;
        if self.filled == 0 && self.input.len() > KEPT {
            self.input = Vec::new();
        }
        next
    }
}

/// How a connection comes to the data: by itself, on their domain, or by a message there and one back.
#[derive(Clone)]
pub(crate) enum Access {
    Here(Rc<RefCell<Data>>),
    There(Sender<Order>),
}

/// An exchange on its way to the data, and where it is to be sent then.
pub(crate) struct Order {
    exchange: Exchange,
    done: Sender<Done>,
}

type Done = (Exchange, Next);

impl Access {
    /// Performs what there is to perform in the exchange.
    ///
    /// # Errors
    ///
    /// The data has gone. That comes after its connections, unless it failed.
    pub(crate) async fn perform(&self, mut exchange: Exchange) -> io::Result<Done> {
        match self {
            Self::Here(data) => {
                let next = exchange.perform(&mut data.borrow_mut());
                Ok((exchange, next))
            }
            Self::There(orders) => {
                let (done, receiver) = bounded(1);
                orders.send(Order { exchange, done }).await.map_err(|_| io::ErrorKind::BrokenPipe)?;
                receiver.recv().await.map_err(io::Error::other)
            }
        }
    }
}

/// Performs what connections on other domains have sent, until the last of these has gone.
pub(crate) async fn keep(data: Rc<RefCell<Data>>, orders: Receiver<Order>) {
    while let Ok(Order { mut exchange, done }) = orders.recv().await {
        let next = exchange.perform(&mut data.borrow_mut());
        // There is room. A connection that has gone needs no reply.
        let _ = done.try_send((exchange, next));
        // The connections of this domain have their turn.
        yield_now().await;
    }
}
