//! The bare client: the same objects with the least that any program could send.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{ConfigMap, Event};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, Resource, ResourceExt};
use kudo_api::Instance;
use serde_json::json;

use super::BenchError;
use super::cluster::{all, from_json};

const MANAGER: &str = "kudo-bench";

/// How the bare client writes an object that is not there yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Means {
    /// A create: the least that a server can be asked.
    Create,
    /// A server-side apply: what the manager sends, as it must be able to take fields away later.
    Apply,
}

/// Writes objects like the sample, `number` of them, many at a time; gives the time it took.
pub(super) async fn write(
    client: &Client,
    namespace: &str,
    sample: &[ConfigMap],
    number: usize,
    means: Means,
) -> Result<Duration, BenchError> {
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let owner = owner(&api).await?;
    let own: Vec<ConfigMap> = sample
        .iter()
        .map(|object| disowned(object, &owner))
        .collect();
    let begun = Instant::now();
    let objects = (0..number).map(|i| copy(&own[i % own.len()], i));
    let written = objects.map(|object| {
        let api = api.clone();
        async move {
            let written = match means {
                Means::Create => api.create(&PostParams::default(), &object).await,
                Means::Apply => {
                    let params = PatchParams::apply(MANAGER).force();
                    let name = object.name_any();
                    api.patch(&name, &params, &Patch::Apply(&object)).await
                }
            };
            written
                .map(drop)
                .map_err(BenchError::api("the bare client cannot write"))
        }
    });
    all(written).await?;
    Ok(begun.elapsed())
}

/// An object of the bare client's own, for its objects to belong to.
async fn owner(api: &Api<ConfigMap>) -> Result<OwnerReference, BenchError> {
    let owner: ConfigMap = from_json(json!({ "metadata": { "name": "bare-owner" } }))?;
    let created = api.create(&PostParams::default(), &owner).await;
    let owner = created.map_err(BenchError::api("the bare client cannot create"))?;
    owner
        .owner_ref(&())
        .ok_or(BenchError::Unreadable("the uid of the bare client's owner"))
}

/// The object as large as it was, but nothing to the manager, which would watch it, nor to the garbage
/// collector, which would delete what belongs to an owner in another namespace.
fn disowned(sample: &ConfigMap, owner: &OwnerReference) -> ConfigMap {
    let mut object = sample.clone();
    for reference in object.owner_references_mut() {
        reference.clone_from(owner);
    }
    let labels = std::mem::take(object.labels_mut());
    let renamed = labels.into_iter().map(|(key, value)| {
        (
            key.replacen("kudo", "bare", 1),
            value.replacen("kudo", "bare", 1),
        )
    });
    object.labels_mut().extend(renamed);
    object
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
