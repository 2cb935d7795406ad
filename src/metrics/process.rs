//! What Linux tells of this process, under the names that every Prometheus client gives it.

use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage};
use nix::sys::time::TimeVal;
use std::time::{SystemTime, UNIX_EPOCH};

/// Looks again. What cannot be read keeps its last value.
pub fn refresh(started: SystemTime) {
    let since = started.duration_since(UNIX_EPOCH).unwrap_or_default();
    metrics::gauge!(crate::metrics::PROCESS_START.name).set(since.as_secs_f64());
    if let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) {
        let seconds = |time: TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
        let sum = seconds(usage.user_time()) + seconds(usage.system_time());
        metrics::gauge!(crate::metrics::PROCESS_CPU.name).set(sum);
    }
    if let Some(kibibytes) = std::fs::read_to_string("/proc/self/status").ok().as_deref().and_then(resident) {
        metrics::gauge!(crate::metrics::PROCESS_RESIDENT.name).set(kibibytes * 1024.0);
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        // One of them is the folder's own.
        let count = u32::try_from(open.count().saturating_sub(1)).unwrap_or(u32::MAX);
        metrics::gauge!(crate::metrics::PROCESS_FDS.name).set(f64::from(count));
    }
    if let Ok((soft, _)) = getrlimit(Resource::RLIMIT_NOFILE) {
        metrics::gauge!(crate::metrics::PROCESS_MAX_FDS.name).set(soft as f64);
    }
}

fn resident(status: &str) -> Option<f64> {
    status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Registry;

    #[test]
    fn this_process() {
        let registry = Registry::new();
        metrics::with_local_recorder(&registry, || refresh(SystemTime::now()));
        let text = registry.render();
        for name in
            ["process_start_time_seconds", "process_resident_memory_bytes", "process_open_fds", "process_max_fds"]
        {
            let line = text.lines().find(|line| line.starts_with(name)).expect("a line");
            let value: f64 = line.split(' ').nth(1).expect("a value").parse().expect("a number");
            assert!(value > 1.0, "{line}");
        }
    }
}
