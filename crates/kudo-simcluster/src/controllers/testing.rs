//! A cache out of documents, for the tables of the controllers' tests.

use k8s_openapi::jiff::Timestamp;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind};
use serde_json::{Value, json};

use super::action::Action;
use super::resources::{Kind, Resource};
use super::runner::Failure;
use super::world::{Key, World};
use super::{ControllerOptions, Verdict, View};

/// When every test is: an hour past midnight.
pub(super) const NOW: &str = "2026-01-01T01:00:00Z";

const KINDS: [(&str, &str, &str, bool); 23] = [
    ("apps/v1", "Deployment", "deployments", true),
    ("apps/v1", "ReplicaSet", "replicasets", true),
    ("apps/v1", "StatefulSet", "statefulsets", true),
    ("apps/v1", "DaemonSet", "daemonsets", true),
    ("apps/v1", "ControllerRevision", "controllerrevisions", true),
    ("batch/v1", "Job", "jobs", true),
    ("batch/v1", "CronJob", "cronjobs", true),
    ("v1", "Pod", "pods", true),
    ("v1", "Node", "nodes", false),
    ("v1", "Service", "services", true),
    ("v1", "Endpoints", "endpoints", true),
    ("v1", "ConfigMap", "configmaps", true),
    ("v1", "Secret", "secrets", true),
    ("v1", "ServiceAccount", "serviceaccounts", true),
    ("v1", "Namespace", "namespaces", false),
    (
        "rbac.authorization.k8s.io/v1",
        "ClusterRole",
        "clusterroles",
        false,
    ),
    (
        "v1",
        "PersistentVolumeClaim",
        "persistentvolumeclaims",
        true,
    ),
    ("v1", "PersistentVolume", "persistentvolumes", false),
    ("storage.k8s.io/v1", "StorageClass", "storageclasses", false),
    (
        "v1",
        "ReplicationController",
        "replicationcontrollers",
        true,
    ),
    (
        "discovery.k8s.io/v1",
        "EndpointSlice",
        "endpointslices",
        true,
    ),
    (
        "policy/v1",
        "PodDisruptionBudget",
        "poddisruptionbudgets",
        true,
    ),
    (
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
        true,
    ),
];

/// A cache under construction.
pub(super) struct Scene {
    world: World,
    version: u64,
    now: Timestamp,
    failure: Option<Failure>,
}

impl Scene {
    pub(super) fn new() -> Self {
        let mut world = World::default();
        for (api_version, kind, plural, namespaced) in KINDS {
            let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
            let gvk = GroupVersionKind::gvk(group, version, kind);
            world.add_resource(Resource {
                kind: Kind::of(group, kind),
                api: ApiResource::from_gvk_with_plural(&gvk, plural),
                namespaced,
            });
        }
        Self {
            world,
            version: 0,
            now: NOW.parse().unwrap(),
            failure: None,
        }
    }

    /// Puts an object in; uid, namespace `ns` and creation time (in order) are filled in if absent.
    pub(super) fn with(mut self, mut object: Value) -> Self {
        self.version += 1;
        let kind = object["kind"].as_str().unwrap().to_owned();
        let position = KINDS
            .iter()
            .position(|(_, known, ..)| *known == kind)
            .unwrap();
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        let meta = object["metadata"].as_object_mut().unwrap();
        meta.entry("uid")
            .or_insert_with(|| format!("uid-{name}").into());
        if KINDS[position].3 {
            meta.entry("namespace").or_insert_with(|| "ns".into());
        }
        meta.entry("generation").or_insert_with(|| 1.into());
        let created = format!("2026-01-01T00:00:{:02}Z", self.version.min(59));
        meta.entry("creationTimestamp")
            .or_insert_with(|| created.into());
        meta.insert(
            "resourceVersion".to_owned(),
            self.version.to_string().into(),
        );
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        assert!(self.world.apply(position, object));
        self
    }

    pub(super) fn with_all(self, objects: impl IntoIterator<Item = Value>) -> Self {
        objects.into_iter().fold(self, Self::with)
    }

    pub(super) fn at(mut self, now: &str) -> Self {
        self.now = now.parse().unwrap();
        self
    }

    pub(super) fn failing(mut self, message: &str, name_taken: bool) -> Self {
        self.failure = Some(Failure {
            message: message.to_owned(),
            name_taken,
            attempts: 1,
        });
        self
    }

    pub(super) fn absent(mut self, uid: &str) -> Self {
        self.world.mark_absent(uid);
        self
    }

    pub(super) fn observe(&self, observe: fn(&View<'_>, &Key) -> Verdict, name: &str) -> Verdict {
        self.observe_key(observe, &Key::new("ns", name))
    }

    pub(super) fn observe_key(
        &self,
        observe: fn(&View<'_>, &Key) -> Verdict,
        key: &Key,
    ) -> Verdict {
        let options = ControllerOptions::default();
        let view = View {
            world: &self.world,
            now: self.now,
            failure: self.failure.as_ref(),
            options: &options,
        };
        observe(&view, key)
    }
}

/// Writes in one line each, such as `create Pod web-`, `delete web-0`, `patch web {"spec":…}`.
pub(super) fn told(verdict: &Verdict) -> Vec<String> {
    writes(verdict).map(tell).collect()
}

/// The writes without what is told of them.
pub(super) fn writes(verdict: &Verdict) -> impl Iterator<Item = &Action> {
    fn bare(action: &Action) -> Option<&Action> {
        match action {
            Action::Tell(_) => None,
            Action::Noted { write, .. } => bare(write),
            write => Some(write),
        }
    }
    verdict.actions.iter().filter_map(bare)
}

/// What is told, such as `Normal SuccessfulDelete: Deleted pod: web-0 | Warning FailedDelete: …`.
pub(super) fn events(verdict: &Verdict) -> Vec<String> {
    let actions = verdict.actions.iter().cloned();
    let notes = actions.flat_map(|action| action.parted().1);
    notes.map(|note| note.to_string()).collect()
}

/// The same without writes of status.
pub(super) fn deeds(verdict: &Verdict) -> Vec<String> {
    let deeds = writes(verdict).filter(|action| !matches!(action, Action::PatchStatus { .. }));
    deeds.map(tell).collect()
}

/// The status that is written, if any.
pub(super) fn status(verdict: &Verdict) -> Value {
    let mut writes = writes(verdict).filter_map(|action| match action {
        Action::PatchStatus { status, .. } => Some(status.clone()),
        _ => None,
    });
    writes.next().unwrap_or(json!({}))
}

/// The objects that are created.
pub(super) fn created(verdict: &Verdict) -> Vec<&Value> {
    let created = writes(verdict).filter_map(|action| match action {
        Action::Create { object, .. } => Some(object),
        _ => None,
    });
    created.collect()
}

fn tell(action: &Action) -> String {
    match action {
        Action::Create { kind, object, .. } => {
            let meta = &object["metadata"];
            let name = meta["name"].as_str().or(meta["generateName"].as_str());
            format!("create {kind:?} {}", name.unwrap_or_default())
        }
        Action::Patch { target, patch } => format!("patch {} {patch}", target.key.name),
        Action::PatchStatus { target, status, .. } => {
            format!("status {} {status}", target.key.name)
        }
        Action::Delete {
            target,
            propagation,
        } => match propagation {
            Some(kube::api::PropagationPolicy::Foreground) => {
                format!("delete {} foreground", target.key.name)
            }
            Some(kube::api::PropagationPolicy::Orphan) => {
                format!("delete {} orphan", target.key.name)
            }
            _ => format!("delete {}", target.key.name),
        },
        Action::DeleteAll { resource, .. } => format!("delete all {}", KINDS[*resource].2),
        Action::FinalizeNamespace { target } => format!("finalize {}", target.key.name),
        Action::Verify { key, .. } => format!("verify {}", key.name),
        Action::Noted { write, .. } => tell(write),
        Action::Tell(note) => format!("tell {note}"),
    }
}

/// A pod of an owner; `state` is `new`, `running`, `ready`, `succeeded`, `failed` or `going`.
pub(super) fn pod(owner: &Value, name: &str, labels: &Value, state: &str) -> Value {
    let (phase, ready) = match state {
        "new" => ("Pending", false),
        "running" => ("Running", false),
        "ready" | "going" => ("Running", true),
        "succeeded" => ("Succeeded", false),
        "failed" => ("Failed", false),
        other => panic!("no such state: {other}"),
    };
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": name, "labels": labels, "ownerReferences": [owner] },
        "spec": { "nodeName": "node" },
        "status": {
            "phase": phase,
            "podIP": "10.0.0.1",
            "conditions": [{
                "type": "Ready", "status": if ready { "True" } else { "False" },
                "lastTransitionTime": "2026-01-01T00:30:00Z",
            }],
        },
    });
    if state == "going" {
        pod["metadata"]["deletionTimestamp"] = NOW.into();
    }
    pod
}

/// An owner reference that controls.
pub(super) fn owner(kind: &str, name: &str) -> Value {
    let (api_version, ..) = KINDS.iter().find(|(_, known, ..)| *known == kind).unwrap();
    json!({
        "apiVersion": api_version, "kind": kind, "name": name, "uid": format!("uid-{name}"),
        "controller": true, "blockOwnerDeletion": true,
    })
}
