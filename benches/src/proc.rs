//! What the system knows of a process: /proc.

use std::{fs, time::Duration};

use rustix::{param::page_size, process::Pid};

use crate::child::Result;

/// CPU time of all its threads that live, in nanoseconds.
pub fn cpu_time(pid: Pid) -> Result<Duration> {
    let spent = of_threads(pid, "schedstat")?;
    let nanos = spent.iter().map(|spent| spent.split_whitespace().next()?.parse::<u64>().ok());
    nanos.sum::<Option<u64>>().map(Duration::from_nanos).ok_or_else(|| "no /proc/PID/schedstat".to_owned())
}

/// Times that any of its threads gave up the processor, or was made to.
pub fn context_switches(pid: Pid) -> Result<u64> {
    let statuses = of_threads(pid, "status")?;
    let lines =
        statuses.iter().flat_map(|status| status.lines()).filter(|line| line.contains("ctxt_switches"));
    Ok(lines.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).sum())
}

/// The file of each of its threads.
fn of_threads(pid: Pid, file: &str) -> Result<Vec<String>> {
    let tasks = format!("/proc/{}/task", pid.as_raw_nonzero());
    let tasks = fs::read_dir(&tasks).map_err(|error| format!("{tasks}: {error}"))?;
    // A thread that has just ended has none.
    Ok(tasks.flatten().filter_map(|task| fs::read_to_string(task.path().join(file)).ok()).collect())
}

/// Bytes of memory that it really has.
pub fn resident(pid: Pid) -> Result<u64> {
    let statm = read(pid, "statm")?;
    let pages: Option<u64> = statm.split_whitespace().nth(1).and_then(|word| word.parse().ok());
    Ok(pages.ok_or("/proc/PID/statm is not as expected")? * page_size() as u64)
}

fn read(pid: Pid, file: &str) -> Result<String> {
    let path = format!("/proc/{}/{file}", pid.as_raw_nonzero());
    fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::getpid;

    #[test]
    fn this_process_can_be_read() {
        assert!(resident(getpid()).unwrap() > 100_000);
        assert!(context_switches(getpid()).is_ok());
        assert!(cpu_time(getpid()).unwrap() < Duration::from_secs(3600));
    }
}
