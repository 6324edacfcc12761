//! The loop: start, wait, pause.

use std::{
    ffi::OsString,
    io,
    os::unix::process::ExitStatusExt,
    process::{ExitCode, ExitStatus},
    time::{Duration, Instant},
};

use futures_lite::future::or;
use vigie::{
    Builder,
    process::{Child, Command},
    signal::{SIGHUP, SIGINT, SIGTERM, Signals},
    time::sleep,
};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(10);

/// Runs the program until it succeeds, or until a signal ends it; the code to exit with.
pub(crate) fn supervise(program: OsString, args: Vec<OsString>) -> io::Result<ExitCode> {
    Builder::new().extra_domains(0).run(async move {
        let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
        let mut command = Command::new(&program);
        command.args(args);
        let mut pause = FIRST_PAUSE;
        loop {
            let started = Instant::now();
            let mut child = command.spawn()?;
            let status = match until_signal(child.wait(), &mut signals).await? {
                Ok(status) => status,
                Err(signal) => return pass_on(signal, child, &mut signals).await,
            };
            if status.success() {
                return Ok(ExitCode::SUCCESS);
            }
            if started.elapsed() > LAST_PAUSE {
                // It has worked for a while: this is another failure than the last one.
                pause = FIRST_PAUSE;
            }
            eprintln!("supervisor: {}: {status}; again in {pause:?}", program.display());
            let pausing = async { sleep(pause).await.map_err(io::Error::from) };
            if let Err(signal) = until_signal(pausing, &mut signals).await? {
                return Ok(code(ExitStatus::from_raw(signal)));
            }
            pause = LAST_PAUSE.min(2 * pause);
        }
    })?
}

/// The output, or the signal that came before.
async fn until_signal<T>(
    wait: impl Future<Output = io::Result<T>>,
    signals: &mut Signals,
) -> io::Result<Result<T, i32>> {
    or(async { wait.await.map(Ok) }, async { signals.next().await.map(Err) }).await
}

/// Tells the program, and waits for its end; every further signal, too.
async fn pass_on(mut signal: i32, mut child: Child, signals: &mut Signals) -> io::Result<ExitCode> {
    loop {
        child.send_signal(signal)?;
        match until_signal(child.wait(), signals).await? {
            Ok(status) => return Ok(code(status)),
            Err(another) => signal = another,
        }
    }
}

/// As a shell has it: the program's own code, or 128 and the signal that ended it.
fn code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}
