//! An echo server on every domain, and a load to measure it with.
//!
//! `echo` serves until Ctrl-C. `echo --load ADDR` loads a server, its own or another's, from another
//! process, and checks every byte. `echo --demo` does both, with the observer and with the pipe, and
//! prints the two side by side.

mod args;
mod demo;
mod load;
mod server;
#[path = "../shared/mod.rs"]
mod shared;

use std::process::ExitCode;

use args::{Args, Mode, PROGRAM};

fn main() -> ExitCode {
    let args = match Args::read() {
        Ok(args) => args,
        Err(status) => return status,
    };
    PROGRAM.end(match args.mode {
        Mode::Serve => server::serve(args.common),
        Mode::Load(address) => load::load(&args, address).map(|report| println!("{report}")),
        Mode::Demo => demo::demo(&args),
    })
}
