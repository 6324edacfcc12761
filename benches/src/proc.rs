//! What the system knows of a process: /proc.

use std::{fs, time::Duration};

use rustix::{
    param::{clock_ticks_per_second, page_size},
    process::Pid,
};

use crate::child::Result;

/// CPU time of all its threads, as fine as the clock's ticks.
pub fn cpu_time(pid: Pid) -> Result<Duration> {
    let stat = read(pid, "stat")?;
    // The name in brackets may have spaces; user and system time are the 12th and 13th word after it.
    let words = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = words.skip(11).take(2).filter_map(|word| word.parse::<u64>().ok()).sum();
    Ok(Duration::from_secs_f64(ticks as f64 / clock_ticks_per_second() as f64))
}

/// Times that any of its threads gave up the processor, or was made to.
pub fn context_switches(pid: Pid) -> Result<u64> {
    let tasks = format!("/proc/{}/task", pid.as_raw_nonzero());
    let mut switches = 0;
    for task in fs::read_dir(&tasks).map_err(|error| format!("{tasks}: {error}"))?.flatten() {
        // A thread that has just ended has none.
        let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
        let lines = status.lines().filter(|line| line.contains("ctxt_switches"));
        switches += lines.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).sum::<u64>();
    }
    Ok(switches)
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
