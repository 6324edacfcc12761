//! The command line.

use std::{net::SocketAddr, process::ExitCode, time::Duration};

use crate::shared::{self, Program, at_least_one, seconds, value};

pub(crate) const PROGRAM: Program = Program {
    name: "echo",
    help: "\
An echo server on every domain, and a load to measure it with.

Usage: echo [OPTIONS]                serve until Ctrl-C
       echo --load ADDR [OPTIONS]    load the server at ADDR, and check every byte
       echo --demo [OPTIONS]         both, with the observer and with the pipe, side by side

Options:
  --listen ADDR        where to serve                        [127.0.0.1:7007; port 0: any]
  --events NAME        observer, always or pipe              [observer]
  --poller NAME        mio or polling, as far as built in    [mio]
  --domains N          domains, the first included           [one per processor]
  --grace SECONDS      how long Ctrl-C waits for open connections [1]
  --connections N      the load's connections                [16]
  --seconds N          how long the load runs                [3]
  --size BYTES         of each message                       [64]
  --help               this text",
};

/// What every server is told, and what this program is told besides.
#[derive(Debug)]
pub(crate) struct Args {
    pub(crate) common: shared::Args,
    pub(crate) mode: Mode,
    pub(crate) connections: usize,
    pub(crate) duration: Duration,
    pub(crate) size: usize,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Mode {
    Serve,
    Load(SocketAddr),
    Demo,
}

impl Args {
    /// # Errors
    ///
    /// Those of [`Program::args`].
    pub(crate) fn read() -> Result<Self, ExitCode> {
        let (mut mode, mut connections) = (Mode::Serve, 16);
        let (mut duration, mut size) = (Duration::from_secs(3), 64);
        let common = PROGRAM.args(7007, |flag, words| {
            match flag {
                "--load" => mode = Mode::Load(value(flag, words)?),
                "--demo" => mode = Mode::Demo,
                "--connections" => connections = at_least_one(flag, words)?,
                "--seconds" => duration = seconds(flag, words)?,
                "--size" => size = at_least_one(flag, words)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(Self { common, mode, connections, duration, size })
    }
}
