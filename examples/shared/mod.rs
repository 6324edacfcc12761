//! What the example servers have in common: the command line, Ctrl-C, accepting on every domain.

#![allow(dead_code, unused_imports, reason = "each of them uses a part of it")]

mod args;
mod serve;
mod stop;

pub(crate) use self::{
    args::{Args, Program, Words, at_least_one, seconds, value},
    serve::{announce, part, raise_descriptor_limit, serve, serve_here},
    stop::{Stop, ctrl_c, stop_reading},
};
