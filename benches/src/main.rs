//! The program: the small operations only, so far.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    match words.next().as_deref() {
        Some("micro") => vigie_bench::micro::main(words),
        _ => {
            eprintln!("usage: vigie-bench micro [--help]");
            ExitCode::from(2)
        }
    }
}
