//! A parent with many children: whether their plans overlap.

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::{Duration, Instant};

use futures::StreamExt;
use kube::api::PostParams;
use kube::runtime::watcher::{self, Event};
use kube::{Api, ResourceExt};
use kudo_api::Instance;
use serde_json::json;

use super::BenchError;
use super::cluster::{Cluster, from_json};
use super::packages::{CHILDREN, LONELY, lonely, parent, wide};

const NAMESPACE: &str = "bench-children";
const PATIENCE: Duration = Duration::from_mins(1);
const ROUNDS: usize = 5;

/// What was measured, of the round whose parent was the median one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Children {
    /// From the request that creates the parent to the news that its plan is complete.
    pub(super) whole: Duration,
    /// From the news of a child to the news that its plan is complete, the longest of all children.
    pub(super) slowest: Duration,
    /// The same as `whole`, for a parent without children.
    pub(super) own: Duration,
}

pub(super) async fn measure(cluster: &Cluster) -> Result<Children, BenchError> {
    cluster.create_namespace(NAMESPACE).await?;
    for version in [wide()?, lonely()?] {
        cluster.create_version(NAMESPACE, &version).await?;
    }
    family(cluster, "warm").await?;
    let mut rounds = Vec::new();
    for round in 0..ROUNDS {
        let alone = run(cluster, LONELY, &format!("alone-{round}"), 1).await?;
        let name = format!("family-{round}");
        let times = family(cluster, &name).await?;
        let of_children = times.iter().filter(|(instance, _)| **instance != name);
        rounds.push(Children {
            whole: times[&name],
            slowest: of_children.map(|(_, took)| *took).max().unwrap_or_default(),
            own: alone.into_values().max().unwrap_or_default(),
        });
    }
    rounds.sort_unstable_by_key(|round| round.whole);
    Ok(rounds[ROUNDS / 2])
}

/// Installs a parent of this name with its children.
async fn family(cluster: &Cluster, name: &str) -> Result<BTreeMap<String, Duration>, BenchError> {
    cluster.create_version(NAMESPACE, &parent(name)?).await?;
    run(cluster, name, name, CHILDREN + 1).await
}

/// Creates an instance, and gives for each of the instances that come of it how long its plan took.
async fn run(
    cluster: &Cluster,
    version: &str,
    name: &str,
    expected: usize,
) -> Result<BTreeMap<String, Duration>, BenchError> {
    let instances: Api<Instance> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    let mut news = pin!(watcher::watcher(
        instances.clone(),
        watcher::Config::default()
    ));
    // What was there before is none of this.
    while let Some(event) = news.next().await {
        if matches!(event, Ok(Event::InitDone)) {
            break;
        }
    }
    let instance = from_json(json!({
        "metadata": { "name": name },
        "spec": { "operatorVersion": { "name": version } },
    }))?;
    let mut begun = BTreeMap::from([(name.to_owned(), Instant::now())]);
    let created = instances.create(&PostParams::default(), &instance).await;
    created.map_err(BenchError::api("cannot create an instance"))?;
    let mut took = BTreeMap::new();
    let all = async {
        while let Some(event) = news.next().await {
            let Ok(Event::Apply(instance)) = event else {
                continue;
            };
            let name = instance.name_any();
            let start = *begun.entry(name.clone()).or_insert_with(Instant::now);
            if is_complete(&instance) {
                took.entry(name).or_insert_with(|| start.elapsed());
            }
            if took.len() == expected {
                break;
            }
        }
    };
    let timed_out = |_| BenchError::TimedOut {
        what: format!("the plans of {name} and its children are complete"),
        within: PATIENCE,
        log_tail: String::new(),
    };
    tokio::time::timeout(PATIENCE, all)
        .await
        .map_err(timed_out)?;
    Ok(took)
}

fn is_complete(instance: &Instance) -> bool {
    let status = instance.status.as_ref();
    let plan = status.and_then(|status| status.plan_status.get("deploy"));
    plan.is_some_and(|plan| plan.status == "COMPLETE")
}
