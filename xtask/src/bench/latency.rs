//! One plan of many steps: how long the manager takes from step to step.

use std::time::{Duration, Instant};

use kube::api::PostParams;
use kube::runtime::wait::await_condition;
use kube::{Api, ResourceExt};
use kudo_api::Instance;
use serde_json::json;

use super::BenchError;
use super::bare::{self, Sequence};
use super::cluster::{Cluster, from_json};
use super::packages::{LONG, STEPS, long};

const NAMESPACE: &str = "bench-latency";
/// In another group of names, so that no manager ever looks at its instance.
const BARE_NAMESPACE: &str = "bench-latency-bare";
const PATIENCE: Duration = Duration::from_mins(1);
/// Time for the events that trail a plan.
const TRAIL: Duration = Duration::from_millis(300);

/// What was measured.
#[derive(Debug)]
pub(super) struct Latency {
    pub(super) steps: usize,
    pub(super) rounds: usize,
    pub(super) median: Duration,
    pub(super) fastest: Duration,
    pub(super) sequence: Sequence,
    pub(super) bare_median: Duration,
    pub(super) bare_fastest: Duration,
}

pub(super) async fn measure(cluster: &Cluster, rounds: usize) -> Result<Latency, BenchError> {
    cluster.create_namespace(NAMESPACE).await?;
    cluster.create_namespace(BARE_NAMESPACE).await?;
    cluster.create_version(NAMESPACE, &long()?).await?;
    run_plan(cluster, "warm").await?;
    tokio::time::sleep(TRAIL).await;
    let sample = bare::sample(&cluster.client, NAMESPACE, "warm").await?;
    let instance = unmanaged_copy(cluster).await?;

    let (mut times, mut bare_times) = (Vec::new(), Vec::new());
    let mut sequence = Sequence::default();
    for round in 0..rounds.max(1) {
        let before = cluster.manager.lock().await.requests()?;
        times.push(run_plan(cluster, &format!("round-{round}")).await?);
        tokio::time::sleep(TRAIL).await;
        let requests = cluster.manager.lock().await.requests()?.since(&before);
        let creates = requests.of("create");
        let applies = requests.of("apply");
        sequence = Sequence {
            applies,
            creates,
            patches: requests.writes() - applies - creates,
        };
        let client = &cluster.client;
        let bare = bare::sequence(
            client,
            BARE_NAMESPACE,
            &sample[0],
            &instance,
            sequence,
            round,
        )
        .await?;
        bare_times.push(bare);
    }
    times.sort_unstable();
    bare_times.sort_unstable();
    Ok(Latency {
        steps: STEPS,
        rounds: times.len(),
        median: times[times.len() / 2],
        fastest: times[0],
        sequence,
        bare_median: bare_times[bare_times.len() / 2],
        bare_fastest: bare_times[0],
    })
}

/// The time from the request that creates an instance to the news that its plan is complete.
async fn run_plan(cluster: &Cluster, name: &str) -> Result<Duration, BenchError> {
    let instances: Api<Instance> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    let instance = from_json(json!({
        "metadata": { "name": name },
        "spec": { "operatorVersion": { "name": LONG } },
    }))?;
    let complete = await_condition(instances.clone(), name, |instance: Option<&Instance>| {
        let status = instance.and_then(|instance| instance.status.as_ref());
        let plan = status.and_then(|status| status.plan_status.get("deploy"));
        plan.is_some_and(|plan| plan.status == "COMPLETE")
    });
    let begun = Instant::now();
    let params = PostParams::default();
    let created = instances.create(&params, &instance);
    created
        .await
        .map_err(BenchError::api("cannot create an instance"))?;
    let waited = tokio::time::timeout(PATIENCE, complete).await;
    let took = begun.elapsed();
    match waited {
        Ok(Ok(_)) => Ok(took),
        _ => Err(BenchError::TimedOut {
            what: format!("the plan of {name} is complete"),
            within: PATIENCE,
            log_tail: String::new(),
        }),
    }
}

/// An instance with a status like that of a real one, whose operator version does not exist.
async fn unmanaged_copy(cluster: &Cluster) -> Result<Instance, BenchError> {
    let real: Api<Instance> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    let bare: Api<Instance> = Api::namespaced(cluster.client.clone(), BARE_NAMESPACE);
    let finished = real
        .get("warm")
        .await
        .map_err(BenchError::api("cannot read an instance"))?;
    let instance: Instance = from_json(json!({ "metadata": { "name": "bare" }, "spec": {} }))?;
    let created = bare.create(&PostParams::default(), &instance).await;
    let mut instance = created.map_err(BenchError::api("cannot create an instance"))?;
    instance.status = finished.status;
    debug_assert_eq!(instance.name_any(), "bare");
    Ok(instance)
}
