//! Vigie's three variants beside other runtimes and a raw epoll loop.
//!
//! `micro` measures small operations; the other `sections` measure `servers` under `load`, each a process of
//! its own (`child`). `run` goes through the sections, and `report` makes tables and plots of the `figures`, held
//! against `marks`.

#![cfg(target_os = "linux")]

pub mod amount;
pub mod args;
pub mod child;
pub mod figures;
pub mod gather;
pub mod load;
pub mod machine;
pub mod marks;
pub mod micro;
mod order;
pub mod pin;
pub mod proc;
pub mod report;
pub mod results;
pub mod run;
pub mod sections;
pub mod servers;
pub mod syscalls;

use std::{env, error::Error, process::ExitCode};

use args::{Command, Refused};

/// What the program does: see [`args::HELP`].
pub fn main() -> ExitCode {
    let mut words = env::args().skip(1);
    if words.next().as_deref() == Some("micro") {
        return micro::main(words);
    }
    let command = match Command::parse() {
        Ok(command) => command,
        Err(Refused::Help) => {
            println!("{}", args::HELP);
            return ExitCode::SUCCESS;
        }
        Err(Refused::Bad(why)) => {
            eprintln!("vigie-bench: {why}\nTry --help.");
            return ExitCode::from(2);
        }
    };
    match execute(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("vigie-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn execute(command: Command) -> Result<(), Box<dyn Error>> {
    match command {
        Command::Run(options) => run::run(&options),
        Command::Report(options) => report::report(&options),
        Command::Serve(options) => Ok(servers::serve(&options)?),
        Command::Load(options) => Ok(load::load(&options)?),
        Command::Start(options) => Ok(servers::start(&options)?),
        Command::Wait(options) => Ok(servers::vigie::wait(&options)?),
        Command::Compute(options) => Ok(servers::vigie::compute(&options)?),
    }
}
