//! The programs themselves: how long they take to start, and how big they are.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::BenchError;
use crate::workspace::Binaries;

const STARTS: u32 = 200;
/// Linux counts in hundredths of a second, whatever the kernel's own clock.
const TICK: Duration = Duration::from_millis(10);

/// What was measured.
#[derive(Debug)]
pub(super) struct Programs {
    pub(super) start_cpu: Duration,
    pub(super) start_wall: Duration,
    pub(super) kubectl_kudo_bytes: u64,
    pub(super) kudo_manager_bytes: u64,
}

pub(super) fn measure(binaries: &Binaries) -> Result<Programs, BenchError> {
    let size = |path: &Path| {
        let data = fs::metadata(path).map_err(BenchError::io("cannot read a release binary"))?;
        Ok::<_, BenchError>(data.len())
    };
    let (kubectl_kudo_bytes, kudo_manager_bytes) =
        (size(&binaries.kubectl_kudo)?, size(&binaries.kudo_manager)?);
    let (cpu, begun) = (children_cpu()?, Instant::now());
    for _ in 0..STARTS {
        let mut version = Command::new(&binaries.kubectl_kudo);
        version
            .arg("version")
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let status = version
            .status()
            .map_err(BenchError::io("cannot run kubectl-kudo"))?;
        if !status.success() {
            return Err(BenchError::Unreadable("what `kubectl-kudo version` prints"));
        }
    }
    Ok(Programs {
        start_cpu: children_cpu()?.saturating_sub(cpu) / STARTS,
        start_wall: begun.elapsed() / STARTS,
        kubectl_kudo_bytes,
        kudo_manager_bytes,
    })
}

/// Processor time of all children that have ended.
fn children_cpu() -> Result<Duration, BenchError> {
    let stat = fs::read_to_string("/proc/self/stat").map_err(BenchError::io("/proc/self/stat"))?;
    let fields = stat
        .rsplit_once(')')
        .map(|(_, fields)| fields)
        .unwrap_or_default();
    // Children's user and system time are the 14th and 15th fields after the name.
    let ticks = fields
        .split_whitespace()
        .skip(13)
        .take(2)
        .map(str::parse::<u32>);
    let ticks = ticks.sum::<Result<u32, _>>();
    ticks
        .map(|ticks| TICK * ticks)
        .map_err(|_| BenchError::Unreadable("/proc/self/stat"))
}
