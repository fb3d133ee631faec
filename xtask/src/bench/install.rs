//! Many instances at once: throughput, and what each costs.

use std::time::{Duration, Instant};

use kube::Api;
use kube::api::ListParams;
use kudo_api::Instance;

use super::bare::Means;
use super::cluster::Cluster;
use super::manager::{Requests, Usage};
use super::packages::{OBJECTS, WIDE, wide};
use super::{BenchError, bare};

/// Where the instances are.
pub(super) const NAMESPACE: &str = "bench-install";
const CREATED_NAMESPACE: &str = "bench-created";
const APPLIED_NAMESPACE: &str = "bench-applied";
const WARM_UP: usize = 20;
const PATIENCE: Duration = Duration::from_mins(10);

/// What was measured.
#[derive(Debug)]
pub(super) struct Install {
    pub(super) instances: usize,
    pub(super) took: Duration,
    pub(super) requests: Requests,
    pub(super) cpu: Duration,
    pub(super) usage: Usage,
    pub(super) bare_objects: usize,
    pub(super) bare_took: Duration,
    /// The same objects by server-side apply.
    pub(super) bare_applied_took: Duration,
}

pub(super) async fn measure(cluster: &Cluster, instances: usize) -> Result<Install, BenchError> {
    cluster.create_namespace(NAMESPACE).await?;
    cluster.create_namespace(CREATED_NAMESPACE).await?;
    cluster.create_namespace(APPLIED_NAMESPACE).await?;
    cluster.create_version(NAMESPACE, &wide()?).await?;
    let mut manager = cluster.manager.lock().await;

    // The first instances open watches and warm the server up; their objects are the sample.
    let names = (0..WARM_UP).map(|i| format!("warm-{i}"));
    cluster.create_instances(NAMESPACE, WIDE, names).await?;
    manager.wait_for_plans(WARM_UP, PATIENCE).await?;
    let sample = bare::sample(&cluster.client, NAMESPACE, "warm-0").await?;

    let bare_objects = instances * OBJECTS;
    let (client, sample) = (&cluster.client, &sample);
    let applied = bare::write(
        client,
        APPLIED_NAMESPACE,
        sample,
        bare_objects,
        Means::Apply,
    );
    let bare_applied_took = applied.await?;
    let created = bare::write(
        client,
        CREATED_NAMESPACE,
        sample,
        bare_objects,
        Means::Create,
    );
    let bare_took = created.await?;

    let (before, used) = (manager.requests()?, manager.usage()?);
    let begun = Instant::now();
    let names = (0..instances).map(|i| format!("instance-{i}"));
    cluster.create_instances(NAMESPACE, WIDE, names).await?;
    manager
        .wait_for_plans(WARM_UP + instances, PATIENCE)
        .await?;
    let took = begun.elapsed();
    // Events may trail the plans.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (requests, usage) = (manager.requests()?.since(&before), manager.usage()?);
    check_complete(cluster, WARM_UP + instances).await?;
    let cpu = usage.cpu.saturating_sub(used.cpu);
    Ok(Install {
        instances,
        took,
        requests,
        cpu,
        usage,
        bare_objects,
        bare_took,
        bare_applied_took,
    })
}

/// The manager's own count is good; the server's word is better.
async fn check_complete(cluster: &Cluster, expected: usize) -> Result<(), BenchError> {
    let api: Api<Instance> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    let list = api.list(&ListParams::default()).await;
    let list = list.map_err(BenchError::api("cannot list the instances"))?;
    let complete = |instance: &&Instance| {
        let status = instance.status.as_ref();
        let plan = status.and_then(|status| status.plan_status.get("deploy"));
        plan.is_some_and(|plan| plan.status == "COMPLETE")
    };
    if list.items.iter().filter(complete).count() == expected {
        Ok(())
    } else {
        Err(BenchError::Unreadable(
            "COMPLETE in the status of every instance",
        ))
    }
}
