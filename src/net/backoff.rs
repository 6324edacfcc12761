//! Waiting for what nobody tells of: longer each time.

use std::{io, time::Duration};

use crate::time::sleep;

#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
    longest: Duration,
}

impl Backoff {
    /// Waits for `first`, then twice as long each time, up to `longest`.
    pub(super) fn new(first: Duration, longest: Duration) -> Self {
        Self { next: first, longest }
    }

    pub(super) async fn wait(&mut self) -> io::Result<()> {
        sleep(self.next).await?;
        self.next = self.longest.min(self.next * 2);
        Ok(())
    }
}
