//! The bell: how an owner that blocks in a poller is interrupted, by a byte in a pipe.

/// A pipe neither end of which blocks. A poller watches the reading end; it need not report it more than
/// once each time that the pipe is no longer empty.
pub(crate) trait Pipe {
    type Error;

    /// Puts a byte in; one that does not fit finds enough of them there. `false` if that has to be tried
    /// again.
    fn put(&self) -> bool;

    /// Takes out some bytes; `false` if the pipe is empty now.
    fn take(&self) -> Result<bool, Self::Error>;
}

/// B1. A notifier that found the owner in the poller, or about to be there.
pub(crate) fn ring(pipe: &impl Pipe) {
    while !pipe.put() {}
}

/// B3. The owner, whose poll has reported the pipe: empties it, or the poller would never report it again.
pub(crate) fn silence<P: Pipe>(pipe: &P) -> Result<(), P::Error> {
    while pipe.take()? {}
    Ok(())
}
