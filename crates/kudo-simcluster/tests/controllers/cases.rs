//! The script.

use kube::api::PropagationPolicy::{Background, Foreground, Orphan};
use serde_json::{Value, json};

use crate::compare::Case;
use crate::compare::Step::{Compare, Create, Delete, Gone, Patch, Until};

fn template(app: &str, image: &str) -> Value {
    json!({
        "metadata": { "labels": { "app": app } },
        "spec": { "containers": [{
            "name": "main", "image": image,
            "ports": [{ "name": "http", "containerPort": 8080 }],
        }] },
    })
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "what is given is written in place"
)]
fn workload(kind: &str, name: &str, more: Value) -> Value {
    let mut object = json!({
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": { "name": name },
        "spec": {
            "selector": { "matchLabels": { "app": name } },
            "template": template(name, "nginx:1"),
        },
    });
    let spec = object["spec"].as_object_mut().unwrap();
    spec.extend(more.as_object().unwrap().clone());
    object
}

fn image(image: &str) -> Value {
    json!({ "spec": { "template": { "spec": { "containers": [{ "name": "main", "image": image }] } } } })
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "what is given is written in place"
)]
fn job(name: &str, image: &str, more: Value) -> Value {
    let mut object = json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": { "name": name },
        "spec": { "template": { "spec": {
            "restartPolicy": "Never",
            "containers": [{ "name": "main", "image": image }],
        } } },
    });
    let spec = object["spec"].as_object_mut().unwrap();
    spec.extend(more.as_object().unwrap().clone());
    object
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "what is given is written in place"
)]
fn service(name: &str, more: Value) -> Value {
    let mut object = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": { "name": name, "labels": { "tier": "front" } },
        "spec": {
            "selector": { "app": "web" },
            "ports": [{ "name": "http", "port": 80, "targetPort": "http" }],
        },
    });
    let spec = object["spec"].as_object_mut().unwrap();
    spec.extend(more.as_object().unwrap().clone());
    object
}

fn config(name: &str, owner: Option<(&str, &str)>) -> Value {
    let mut object =
        json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name } });
    if let Some((owner, uid)) = owner {
        object["metadata"]["ownerReferences"] = json!([{
            "apiVersion": "v1", "kind": "ConfigMap", "name": owner, "uid": uid,
        }]);
    }
    object
}

const REASON: &str = "/status/conditions/1/reason";
const DONE: &str = "NewReplicaSetAvailable";

pub(crate) fn all() -> Vec<Case> {
    [deployments(), sets(), jobs(), rest()]
        .into_iter()
        .flatten()
        .collect()
}

fn available(name: &'static str, replicas: i64) -> crate::compare::Step {
    Until(
        "Deployment",
        name,
        "/status/availableReplicas",
        json!(replicas),
    )
}

fn updated(name: &'static str, replicas: i64) -> crate::compare::Step {
    Until(
        "Deployment",
        name,
        "/status/updatedReplicas",
        json!(replicas),
    )
}

#[expect(clippy::too_many_lines, reason = "a table of manifests")]
fn deployments() -> Vec<Case> {
    vec![
        Case {
            name: "deployment-rolls",
            steps: vec![
                Create(workload("Deployment", "web", json!({ "replicas": 3 }))),
                available("web", 3),
                Until("Deployment", "web", REASON, json!(DONE)),
                Compare,
                Patch("Deployment", "web", image("nginx:2")),
                Until("Deployment", "web", "/status/observedGeneration", json!(2)),
                updated("web", 3),
                available("web", 3),
                Compare,
                Patch("Deployment", "web", json!({ "spec": { "replicas": 5 } })),
                updated("web", 5),
                Compare,
                Patch("Deployment", "web", json!({ "spec": { "replicas": 0 } })),
                Until("Deployment", "web", "/status/replicas", Value::Null),
                Compare,
            ],
        },
        Case {
            name: "deployment-back-and-history",
            steps: vec![
                Create(workload(
                    "Deployment",
                    "web",
                    json!({ "replicas": 2, "revisionHistoryLimit": 3 }),
                )),
                available("web", 2),
                Patch("Deployment", "web", image("nginx:2")),
                Until(
                    "Deployment",
                    "web",
                    "/metadata/annotations/deployment.kubernetes.io~1revision",
                    json!("2"),
                ),
                updated("web", 2),
                available("web", 2),
                Compare,
                Patch("Deployment", "web", image("nginx:1")),
                Until(
                    "Deployment",
                    "web",
                    "/metadata/annotations/deployment.kubernetes.io~1revision",
                    json!("3"),
                ),
                updated("web", 2),
                Compare,
                Patch("Deployment", "web", image("nginx:3")),
                Until(
                    "Deployment",
                    "web",
                    "/metadata/annotations/deployment.kubernetes.io~1revision",
                    json!("4"),
                ),
                updated("web", 2),
                Compare,
                // Which of several go first is no case: 1.20 looks at when they were made, newer servers at
                // their revisions.
                Patch(
                    "Deployment",
                    "web",
                    json!({ "spec": { "revisionHistoryLimit": 0 } }),
                ),
                Compare,
            ],
        },
        Case {
            name: "deployment-recreates",
            steps: vec![
                Create(workload(
                    "Deployment",
                    "web",
                    json!({ "replicas": 2, "strategy": { "type": "Recreate" } }),
                )),
                available("web", 2),
                Compare,
                Patch("Deployment", "web", image("nginx:2")),
                Until(
                    "Deployment",
                    "web",
                    "/metadata/annotations/deployment.kubernetes.io~1revision",
                    json!("2"),
                ),
                updated("web", 2),
                available("web", 2),
                Compare,
            ],
        },
        Case {
            name: "deployment-stuck",
            steps: vec![
                Create(workload(
                    "Deployment",
                    "web",
                    json!({
                        "replicas": 4, "progressDeadlineSeconds": 3,
                        "strategy": { "rollingUpdate": { "maxSurge": 1, "maxUnavailable": 1 } },
                    }),
                )),
                available("web", 4),
                Patch("Deployment", "web", image("simulate.kudo.dev/never-ready")),
                Until(
                    "Deployment",
                    "web",
                    REASON,
                    json!("ProgressDeadlineExceeded"),
                ),
                Compare,
                Patch("Deployment", "web", image("nginx:3")),
                updated("web", 4),
                available("web", 4),
                Compare,
            ],
        },
        Case {
            name: "deployment-paused",
            steps: vec![
                Create(workload("Deployment", "web", json!({ "replicas": 2 }))),
                available("web", 2),
                Patch("Deployment", "web", json!({ "spec": { "paused": true } })),
                Patch("Deployment", "web", image("nginx:2")),
                Until("Deployment", "web", "/status/observedGeneration", json!(3)),
                Compare,
                Patch("Deployment", "web", json!({ "spec": { "replicas": 3 } })),
                available("web", 3),
                Compare,
                Patch("Deployment", "web", json!({ "spec": { "paused": false } })),
                updated("web", 3),
                Compare,
            ],
        },
        Case {
            name: "deployment-adopts",
            steps: vec![
                Create(workload("Deployment", "web", json!({ "replicas": 2 }))),
                available("web", 2),
                Delete("Deployment", "web", Orphan),
                Gone("Deployment", "web"),
                Compare,
                Create(workload("Deployment", "web", json!({ "replicas": 2 }))),
                available("web", 2),
                Compare,
                Delete("Deployment", "web", Foreground),
                Gone("Deployment", "web"),
                Compare,
            ],
        },
    ]
}

#[expect(clippy::too_many_lines, reason = "a table of manifests")]
fn sets() -> Vec<Case> {
    let stateful = |more: Value| {
        let mut spec = json!({ "replicas": 3, "serviceName": "web", "volumeClaimTemplates": [{
            "metadata": { "name": "data" },
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": { "requests": { "storage": "1Gi" } },
            },
        }] });
        let fields = spec.as_object_mut().unwrap();
        fields.extend(more.as_object().unwrap().clone());
        Create(workload("StatefulSet", "web", spec))
    };
    let ready = |n: i64| Until("StatefulSet", "web", "/status/readyReplicas", json!(n));
    let updated = |n: i64| Until("StatefulSet", "web", "/status/updatedReplicas", json!(n));
    let generation = |n: i64| Until("StatefulSet", "web", "/status/observedGeneration", json!(n));
    vec![
        Case {
            name: "stateful-set-in-order",
            steps: vec![
                stateful(json!({})),
                ready(3),
                Compare,
                Patch("StatefulSet", "web", image("nginx:2")),
                generation(2),
                updated(3),
                ready(3),
                Compare,
                Patch("StatefulSet", "web", json!({ "spec": { "replicas": 1 } })),
                Until("StatefulSet", "web", "/status/replicas", json!(1)),
                Compare,
                Patch("StatefulSet", "web", json!({ "spec": { "replicas": 2 } })),
                ready(2),
                Compare,
            ],
        },
        Case {
            name: "stateful-set-in-parts",
            steps: vec![
                stateful(json!({ "updateStrategy": {
                    "type": "RollingUpdate", "rollingUpdate": { "partition": 2 },
                } })),
                ready(3),
                Patch("StatefulSet", "web", image("nginx:2")),
                generation(2),
                updated(1),
                ready(3),
                Compare,
                Delete("Pod", "web-0", Background),
                Compare,
                Patch(
                    "StatefulSet",
                    "web",
                    json!({ "spec": { "updateStrategy": { "rollingUpdate": {
                    "partition": 0,
                } } } }),
                ),
                updated(3),
                ready(3),
                Compare,
            ],
        },
        Case {
            name: "stateful-set-parallel-on-delete",
            steps: vec![
                stateful(json!({
                    "podManagementPolicy": "Parallel", "updateStrategy": { "type": "OnDelete" },
                })),
                ready(3),
                Compare,
                Patch("StatefulSet", "web", image("nginx:2")),
                generation(2),
                Compare,
                Delete("Pod", "web-1", Background),
                updated(1),
                ready(3),
                Compare,
            ],
        },
        Case {
            name: "stateful-set-waits",
            steps: vec![
                Create(workload(
                    "StatefulSet",
                    "web",
                    json!({
                        "replicas": 2, "serviceName": "web",
                        "template": template("web", "simulate.kudo.dev/never-ready"),
                    }),
                )),
                Until("Pod", "web-0", "/status/phase", json!("Running")),
                Compare,
            ],
        },
        Case {
            name: "daemon-set",
            steps: vec![
                Create(workload("DaemonSet", "web", json!({}))),
                Until("DaemonSet", "web", "/status/numberAvailable", json!(1)),
                Compare,
                Patch("DaemonSet", "web", image("nginx:2")),
                Until("DaemonSet", "web", "/status/observedGeneration", json!(2)),
                Until(
                    "DaemonSet",
                    "web",
                    "/status/updatedNumberScheduled",
                    json!(1),
                ),
                Until("DaemonSet", "web", "/status/numberAvailable", json!(1)),
                Compare,
                Patch(
                    "DaemonSet",
                    "web",
                    json!({ "spec": { "template": { "spec": {
                    "nodeSelector": { "no": "such" },
                } } } }),
                ),
                Until(
                    "DaemonSet",
                    "web",
                    "/status/desiredNumberScheduled",
                    json!(0),
                ),
                Compare,
            ],
        },
        Case {
            name: "replica-set-and-controller",
            steps: vec![
                Create(workload(
                    "ReplicaSet",
                    "web",
                    json!({ "replicas": 2, "minReadySeconds": 1 }),
                )),
                Until("ReplicaSet", "web", "/status/availableReplicas", json!(2)),
                Create(json!({
                    "apiVersion": "v1", "kind": "ReplicationController",
                    "metadata": { "name": "old" },
                    "spec": {
                        "replicas": 2, "selector": { "app": "old" },
                        "template": template("old", "nginx:1"),
                    },
                })),
                Until(
                    "ReplicationController",
                    "old",
                    "/status/availableReplicas",
                    json!(2),
                ),
                Compare,
                Patch("ReplicaSet", "web", json!({ "spec": { "replicas": 1 } })),
                Until("ReplicaSet", "web", "/status/replicas", json!(1)),
                Compare,
            ],
        },
    ]
}

fn jobs() -> Vec<Case> {
    let newer = |name: &'static str| Until("Job", name, "/status/active", Value::Null);
    vec![
        Case {
            name: "job-completes",
            steps: vec![
                Create(job("once", "busybox", json!({}))),
                Create(job(
                    "often",
                    "busybox",
                    json!({ "completions": 3, "parallelism": 2 }),
                )),
                Until("Job", "once", "/status/succeeded", json!(1)),
                Until("Job", "often", "/status/succeeded", json!(3)),
                newer("often"),
                Compare,
                Delete("Job", "once", Background),
                Gone("Job", "once"),
                Compare,
            ],
        },
        Case {
            name: "job-fails",
            steps: vec![
                Create(job(
                    "broken",
                    "simulate.kudo.dev/fail",
                    json!({ "backoffLimit": 0 }),
                )),
                Until("Job", "broken", "/status/failed", json!(1)),
                Compare,
            ],
        },
    ]
}

fn rest() -> Vec<Case> {
    vec![
        Case {
            name: "services",
            steps: vec![
                Create(service("web", json!({}))),
                Create(service("headless", json!({ "clusterIP": "None" }))),
                Create(service(
                    "eager",
                    json!({ "publishNotReadyAddresses": true }),
                )),
                Create(workload(
                    "StatefulSet",
                    "web",
                    json!({
                        "replicas": 2, "serviceName": "headless",
                    }),
                )),
                Until("StatefulSet", "web", "/status/readyReplicas", json!(2)),
                Compare,
                Patch(
                    "Pod",
                    "web-1",
                    json!({ "metadata": { "annotations": {
                    "simulate.kudo.dev/outcome": "never-ready",
                } } }),
                ),
                Until("StatefulSet", "web", "/status/readyReplicas", json!(1)),
                Compare,
                Delete("Service", "web", Background),
                Gone("Endpoints", "web"),
                Compare,
            ],
        },
        Case {
            name: "budgets",
            steps: vec![
                Create(workload("Deployment", "web", json!({ "replicas": 4 }))),
                Until("Deployment", "web", "/status/availableReplicas", json!(4)),
                Create(json!({
                    "apiVersion": "policy/v1beta1", "kind": "PodDisruptionBudget",
                    "metadata": { "name": "least" },
                    "spec": { "minAvailable": "50%", "selector": { "matchLabels": { "app": "web" } } },
                })),
                Create(json!({
                    "apiVersion": "policy/v1beta1", "kind": "PodDisruptionBudget",
                    "metadata": { "name": "most" },
                    "spec": { "maxUnavailable": 1, "selector": { "matchLabels": { "app": "web" } } },
                })),
                Create(json!({
                    "apiVersion": "policy/v1beta1", "kind": "PodDisruptionBudget",
                    "metadata": { "name": "none" },
                    "spec": { "minAvailable": 2, "selector": { "matchLabels": { "app": "nobody" } } },
                })),
                Until(
                    "PodDisruptionBudget",
                    "most",
                    "/status/disruptionsAllowed",
                    json!(1),
                ),
                Compare,
            ],
        },
        Case {
            name: "garbage",
            steps: vec![
                Create(config("kept", None)),
                Create(config(
                    "lost",
                    Some(("nobody", "00000000-0000-0000-0000-000000000000")),
                )),
                Gone("ConfigMap", "lost"),
                Compare,
            ],
        },
    ]
}
