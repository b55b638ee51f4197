//! CPU time and memory of a process, as Linux tells them in `/proc` (proc(5)); zero elsewhere.

use std::time::Duration;

/// Clock ticks a second in `/proc`: 100 on every Linux.
const TICKS: u64 = 100;

/// What a process has used since its start.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Used {
    /// User and system time of all its threads.
    pub(crate) cpu: Duration,
    /// The most resident memory it ever had, MiB.
    pub(crate) peak_mib: f64,
}

/// Of a process by its id.
pub(crate) fn used(process: u32) -> Used {
    let read = |file: &str| std::fs::read_to_string(format!("/proc/{process}/{file}")).unwrap_or_default();
    Used { cpu: cpu(&read("stat")).unwrap_or_default(), peak_mib: peak(&read("status")).unwrap_or_default() }
}

/// `utime` and `stime`, fields 14 and 15; the name in field 2 may hold spaces, so they are counted from its end.
fn cpu(stat: &str) -> Option<Duration> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let ticks = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 1_000 / TICKS))
}

fn peak(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.split_ascii_whitespace().next()?.parse::<f64>().ok()? / 1024.0)
}
