//! Descriptors of any kind, and pipes.

mod async_fd;
mod datagrams;
mod guards;
mod pipe;
