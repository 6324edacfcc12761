//! Descriptors of any kind, and pipes.

mod async_fd;
mod guards;
mod pipe;
