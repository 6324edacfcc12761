//! A supervisor: `supervisor PROGRAM [ARGUMENT]...` runs a program until it succeeds.
//!
//! Each time it fails it is started again, after a pause that doubles from 0.1 s to 10 s while it goes on
//! failing soon. SIGTERM, SIGINT and SIGHUP are passed on to it, and then its end is awaited.

#[cfg(unix)]
mod supervise;

use std::process::ExitCode;

#[cfg(unix)]
fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let Some(program) = args.next() else {
        eprintln!("usage: supervisor PROGRAM [ARGUMENT]...");
        return ExitCode::from(2);
    };
    match supervise::supervise(program, args.collect()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("supervisor: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(not(unix))]
fn main() -> ExitCode {
    eprintln!("supervisor: there are no signals to pass on here");
    ExitCode::FAILURE
}
