//! The demonstration: server and load as two processes, with the observer and with the pipe.

use std::{
    io::{self, BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use vigie::system::Variant;

use crate::args::Args;

pub(crate) fn demo(args: &Args) -> io::Result<()> {
    println!("The echo server under its own load, on {}:", args.common.poller);
    for variant in [Variant::Observer, Variant::Pipe] {
        let mut server = Server::start(args, variant)?;
        let mut load = Command::new(std::env::current_exe()?);
        load.args(["--load", &server.address, "--poller", &args.common.poller.to_string()]);
        load.args(["--connections", &args.connections.to_string(), "--size", &args.size.to_string()]);
        load.args(["--seconds", &args.duration.as_secs_f64().to_string()]);
        let output = load.stderr(Stdio::inherit()).output()?;
        if !output.status.success() {
            return Err(io::Error::other(format!("the load failed: {}", output.status)));
        }
        print!("{variant:9} {}", String::from_utf8_lossy(&output.stdout));
        server.stop()?;
    }
    Ok(())
}

/// The server's process; killed when this is dropped before it was stopped.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(args: &Args, variant: Variant) -> io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--listen", "127.0.0.1:0", "--events", &variant.to_string()]);
        command.args(["--poller", &args.common.poller.to_string()]);
        if let Some(domains) = args.common.domains {
            command.args(["--domains", &domains.to_string()]);
        }
        let mut server = Self { child: command.stdout(Stdio::piped()).spawn()?, address: String::new() };
        let Some(stdout) = server.child.stdout.as_mut() else {
            return Err(io::Error::other("no output"));
        };
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let address = line.trim_end().strip_prefix("listening on ");
        server.address = address.ok_or_else(|| io::Error::other("the server did not start"))?.to_owned();
        Ok(server)
    }

    /// As Ctrl-C does, and waits for its end.
    fn stop(&mut self) -> io::Result<()> {
        #[cfg(unix)]
        {
            use rustix::process::{Pid, Signal, kill_process};
            kill_process(Pid::from_child(&self.child), Signal::INT)?;
        }
        #[cfg(not(unix))]
        self.child.kill()?;
        self.child.wait().map(drop)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Stopped already, it is gone, and this changes nothing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
