//! An echo server on every domain, and a load to measure it with.
//!
//! `echo` serves until Ctrl-C. `echo --load ADDR` loads a server, its own or another's, from another
//! process, and checks every byte. `echo --demo` does both, with the observer and with the pipe, and
//! prints the two side by side.

mod args;
mod demo;
mod load;
mod server;

use std::process::ExitCode;

use args::{Args, Mode};

fn main() -> ExitCode {
    let args = match Args::parse(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(args::Refused::Help) => {
            println!("{}", args::HELP);
            return ExitCode::SUCCESS;
        }
        Err(args::Refused::Bad(why)) => {
            eprintln!("echo: {why}\nTry --help.");
            return ExitCode::from(2);
        }
    };
    let done = match args.mode {
        Mode::Serve(address) => server::serve(&args, address),
        Mode::Load(address) => load::load(&args, address).map(|report| println!("{report}")),
        Mode::Demo => demo::demo(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("echo: {error}");
            ExitCode::FAILURE
        }
    }
}
