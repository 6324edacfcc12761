//! Vigie's three variants beside other runtimes and a raw epoll loop.

#![cfg(target_os = "linux")]

pub mod amount;
pub mod figures;
pub mod micro;
