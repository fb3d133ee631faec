//! The bare client: the same objects with the least that any program could send.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{ConfigMap, Event};
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt};
use kudo_api::Instance;
use serde_json::json;

use super::BenchError;
use super::cluster::{all, from_json};

const MANAGER: &str = "kudo-bench";

/// Creates objects like the sample, `number` of them, many at a time; gives the time it took.
pub(super) async fn create(
    client: &Client,
    namespace: &str,
    sample: &[ConfigMap],
    number: usize,
) -> Result<Duration, BenchError> {
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let begun = Instant::now();
    let objects = (0..number).map(|i| copy(&sample[i % sample.len()], i));
    let created = objects.map(|object| {
        let api = api.clone();
        async move {
            let created = api.create(&PostParams::default(), &object).await;
            created
                .map(drop)
                .map_err(BenchError::api("the bare client cannot create"))
        }
    });
    all(created).await?;
    Ok(begun.elapsed())
}

/// What the manager made of one instance, as objects to create anew: labels, annotations and owners
/// included.
pub(super) async fn sample(
    client: &Client,
    namespace: &str,
    instance: &str,
) -> Result<Vec<ConfigMap>, BenchError> {
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let label = ListParams::default().labels(&format!("kudo.dev/instance={instance}"));
    let list = api
        .list(&label)
        .await
        .map_err(BenchError::api("cannot list the sample"))?;
    if list.items.is_empty() {
        return Err(BenchError::Unreadable("the objects of the sample instance"));
    }
    Ok(list.items)
}

fn copy(sample: &ConfigMap, index: usize) -> ConfigMap {
    let mut object = sample.clone();
    object.metadata.name = Some(format!("bare-{index}"));
    object.metadata.namespace = None;
    object.metadata.uid = None;
    object.metadata.resource_version = None;
    object.metadata.creation_timestamp = None;
    object.metadata.managed_fields = None;
    object
}

/// The requests of one execution, one after the other: applies with a status write after each, and
/// what is left over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sequence {
    pub(super) applies: u64,
    pub(super) patches: u64,
    pub(super) creates: u64,
}

impl Sequence {
    pub(super) fn total(self) -> u64 {
        self.applies + self.patches + self.creates
    }
}

/// Makes the requests in sequence, about an instance that no manager looks after; gives the time.
pub(super) async fn sequence(
    client: &Client,
    namespace: &str,
    sample: &ConfigMap,
    instance: &Instance,
    sequence: Sequence,
    round: usize,
) -> Result<Duration, BenchError> {
    let configs: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let instances: Api<Instance> = Api::namespaced(client.clone(), namespace);
    let events: Api<Event> = Api::namespaced(client.clone(), namespace);
    let name = instance.name_any();
    let failed = || BenchError::api("the bare client cannot write");
    let most = sequence.applies.max(sequence.patches).max(sequence.creates);
    let begun = Instant::now();
    for index in 0..most {
        if index < sequence.creates {
            let event: Event = from_json(json!({
                "metadata": { "name": format!("bare-{round}-{index}") },
                "involvedObject": { "namespace": namespace, "name": name, "kind": "Instance" },
                "reason": "PlanStarted", "type": "Normal", "message": "a message as long as others",
            }))?;
            events
                .create(&PostParams::default(), &event)
                .await
                .map_err(failed())?;
        }
        if index < sequence.patches {
            let mut status = serde_json::to_value(&instance.status).unwrap_or_default();
            status["planStatus"]["deploy"]["message"] = format!("{round}-{index}").into();
            let patch = json!({ "status": status });
            let (params, patch) = (PatchParams::default(), Patch::Merge(&patch));
            instances
                .patch_status(&name, &params, &patch)
                .await
                .map_err(failed())?;
        }
        if index < sequence.applies {
            let mut object = copy(sample, 0);
            let own = format!("bare-{round}-{index}");
            object.metadata.name = Some(own.clone());
            object.metadata.owner_references = None;
            let params = PatchParams::apply(MANAGER).force();
            configs
                .patch(&own, &params, &Patch::Apply(&object))
                .await
                .map_err(failed())?;
        }
    }
    Ok(begun.elapsed())
}
