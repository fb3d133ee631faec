//! Which kinds a server has, and which of them the controllers read the content of.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{APIResourceList, OwnerReference};
use kube::Client;
use kube::api::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};

/// A kind whose objects the controllers know more of than the metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Kind {
    Autoscaler,
    Claim,
    ClusterRole,
    ConfigMap,
    ControllerRevision,
    CronJob,
    DaemonSet,
    Definition,
    Deployment,
    DisruptionBudget,
    Endpoints,
    EndpointSlice,
    Job,
    Namespace,
    Node,
    Pod,
    ReplicaSet,
    ReplicationController,
    Secret,
    Service,
    ServiceAccount,
    StatefulSet,
    StorageClass,
    Volume,
    /// Anything else, custom resources too: only the metadata matters.
    Other,
}

impl Kind {
    const NAMES: [(&'static str, &'static str, Self); 24] = [
        ("autoscaling", "HorizontalPodAutoscaler", Self::Autoscaler),
        ("", "PersistentVolumeClaim", Self::Claim),
        ("", "PersistentVolume", Self::Volume),
        (
            "rbac.authorization.k8s.io",
            "ClusterRole",
            Self::ClusterRole,
        ),
        ("", "ConfigMap", Self::ConfigMap),
        ("apps", "ControllerRevision", Self::ControllerRevision),
        ("batch", "CronJob", Self::CronJob),
        ("apps", "DaemonSet", Self::DaemonSet),
        (
            "apiextensions.k8s.io",
            "CustomResourceDefinition",
            Self::Definition,
        ),
        ("apps", "Deployment", Self::Deployment),
        ("policy", "PodDisruptionBudget", Self::DisruptionBudget),
        ("", "Endpoints", Self::Endpoints),
        ("discovery.k8s.io", "EndpointSlice", Self::EndpointSlice),
        ("batch", "Job", Self::Job),
        ("", "Namespace", Self::Namespace),
        ("", "Node", Self::Node),
        ("", "Pod", Self::Pod),
        ("apps", "ReplicaSet", Self::ReplicaSet),
        ("", "ReplicationController", Self::ReplicationController),
        ("", "Secret", Self::Secret),
        ("", "Service", Self::Service),
        ("", "ServiceAccount", Self::ServiceAccount),
        ("apps", "StatefulSet", Self::StatefulSet),
        ("storage.k8s.io", "StorageClass", Self::StorageClass),
    ];

    /// The kind of that group and name.
    pub(super) fn of(group: &str, kind: &str) -> Self {
        let known = Self::NAMES
            .iter()
            .find(|(g, k, _)| *g == group && *k == kind);
        known.map_or(Self::Other, |(_, _, kind)| *kind)
    }

    /// Whether the controllers read more than the metadata.
    pub(super) fn has_content(self) -> bool {
        !matches!(self, Self::Other | Self::ConfigMap | Self::ServiceAccount)
    }
}

/// One kind as the server serves it.
#[derive(Clone, Debug)]
pub(super) struct Resource {
    pub(super) kind: Kind,
    pub(super) api: ApiResource,
    pub(super) namespaced: bool,
}

impl Resource {
    /// A reference to an object that controls others, as `metadata.ownerReferences` holds it.
    pub(super) fn controller_reference(&self, name: &str, uid: &str) -> Value {
        json!({
            "apiVersion": self.api.api_version,
            "kind": self.api.kind,
            "name": name,
            "uid": uid,
            "controller": true,
            "blockOwnerDeletion": true,
        })
    }

    /// Whether an owner reference means this kind, in whatever version.
    pub(super) fn is_meant_by(&self, owner: &OwnerReference) -> bool {
        let group = owner.api_version.rsplit_once('/').map_or("", |(g, _)| g);
        self.api.group == group && self.api.kind == owner.kind
    }
}

/// Kinds that come and go in masses and own nothing: the garbage collector leaves them alone, as the
/// real one does, and so do the watches.
fn is_ignored(group: &str, kind: &str) -> bool {
    kind == "Event" || group == "events.k8s.io" || group == "metrics.k8s.io"
}

/// Asks the server which kinds can be listed, watched and deleted, each in the version it prefers.
///
/// Kinds of custom resources are left out: their definitions tell of them.
pub(super) async fn discover(client: &Client) -> kube::Result<Vec<Resource>> {
    let mut found = listed("", &client.list_core_api_resources("v1").await?);
    for group in client.list_api_groups().await?.groups {
        // `extensions` shows objects of other groups a second time.
        if group.name == "extensions" {
            continue;
        }
        let preferred = group.preferred_version.iter();
        let mut kinds: BTreeMap<String, Resource> = BTreeMap::new();
        for version in preferred.chain(&group.versions) {
            let resources = client
                .list_api_group_resources(&version.group_version)
                .await;
            let resources = match resources {
                Ok(resources) => resources,
                // An aggregated group without its server is no reason to stop.
                Err(error) => {
                    tracing::warn!(group = version.group_version, %error, "cannot be discovered");
                    continue;
                }
            };
            for resource in listed(&group.name, &resources) {
                kinds.entry(resource.api.plural.clone()).or_insert(resource);
            }
        }
        found.extend(kinds.into_values());
    }
    Ok(found)
}

fn listed(group: &str, list: &APIResourceList) -> Vec<Resource> {
    let usable = list.resources.iter().filter(|resource| {
        let can = |verb: &str| resource.verbs.iter().any(|v| v == verb);
        !resource.name.contains('/')
            && can("list")
            && can("watch")
            && can("delete")
            && !is_ignored(group, &resource.kind)
    });
    let resources = usable.map(|resource| {
        let version = list.group_version.rsplit('/').next().unwrap_or_default();
        let kind = GroupVersionKind::gvk(group, version, &resource.kind);
        Resource {
            kind: Kind::of(group, &resource.kind),
            api: ApiResource::from_gvk_with_plural(&kind, &resource.name),
            namespaced: resource.namespaced,
        }
    });
    resources.collect()
}

/// The kind that an established definition serves, in the version it stores.
pub(super) fn defined(definition: &super::model::Definition) -> Option<Resource> {
    let established = definition
        .status
        .conditions
        .iter()
        .any(|condition| condition.kind == "Established" && condition.status == "True");
    let spec = &definition.spec;
    let version = spec.versions.iter().filter(|version| version.served);
    let version = version.max_by_key(|version| version.storage)?;
    let kind = GroupVersionKind::gvk(&spec.group, &version.name, &spec.names.kind);
    established.then(|| Resource {
        kind: Kind::Other,
        api: ApiResource::from_gvk_with_plural(&kind, &spec.names.plural),
        namespaced: spec.scope == "Namespaced",
    })
}
