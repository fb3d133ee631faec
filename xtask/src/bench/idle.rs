//! Many instances with nothing to do: what the manager costs then.

use std::time::{Duration, Instant};

use super::BenchError;
use super::cluster::Cluster;
use super::manager::{Manager, Requests, Usage};

/// Time for what still trails after the last plan.
const SETTLE: Duration = Duration::from_secs(5);
const RESTART_PATIENCE: Duration = Duration::from_mins(2);
const POLL: Duration = Duration::from_millis(200);

/// What was measured.
#[derive(Debug)]
pub(super) struct Idle {
    pub(super) instances: usize,
    pub(super) watched: Duration,
    pub(super) requests: Requests,
    pub(super) cpu: Duration,
    /// After all the instances were installed.
    pub(super) usage: Usage,
    /// Requests that a manager makes that finds all the instances installed.
    pub(super) restart_requests: Requests,
    /// What it then uses.
    pub(super) restart_usage: Usage,
}

/// Gives the cluster back with another manager.
pub(super) async fn measure(
    cluster: Cluster,
    instances: usize,
    watched: Duration,
) -> Result<(Cluster, Idle), BenchError> {
    tokio::time::sleep(SETTLE).await;
    let manager = cluster.manager.lock().await;
    let (before, used) = (manager.requests()?, manager.usage()?);
    tokio::time::sleep(watched).await;
    let (requests, usage) = (manager.requests()?.since(&before), manager.usage()?);
    drop(manager);
    let cluster = cluster.restart_manager()?;
    let mut manager = cluster.manager.lock().await;
    let restart_requests = settled_requests(&mut manager).await?;
    let restart_usage = manager.usage()?;
    drop(manager);
    let cpu = usage.cpu.saturating_sub(used.cpu);
    let idle = Idle {
        instances,
        watched,
        requests,
        cpu,
        usage,
        restart_requests,
        restart_usage,
    };
    Ok((cluster, idle))
}

/// Waits until the number of requests has stayed the same for a while.
async fn settled_requests(manager: &mut Manager) -> Result<Requests, BenchError> {
    let begun = Instant::now();
    let (mut last, mut since) = (manager.requests()?, Instant::now());
    while since.elapsed() < SETTLE {
        manager.check(
            "the manager settles after its start",
            begun,
            RESTART_PATIENCE,
        )?;
        tokio::time::sleep(POLL).await;
        let now = manager.requests()?;
        if now != last {
            (last, since) = (now, Instant::now());
        }
    }
    Ok(last)
}
