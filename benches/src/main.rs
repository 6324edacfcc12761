//! The program; what it does is in the library.

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    vigie_bench::main()
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    eprintln!(
        "vigie-bench: the benchmark runs on Linux: some of the peers, and its look into /proc, are of there"
    );
    ExitCode::FAILURE
}
