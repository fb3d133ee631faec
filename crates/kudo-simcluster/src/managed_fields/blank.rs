//! What an object is before it is made: of built-in kinds, what a server holds where nothing was said.
//!
//! Structures that are no pointers in the API types are there from the start, so that nobody comes to own
//! them as such by making the object; lists are there and empty.

use serde_json::{Value, json};

/// The object that one of this kind grows from.
pub(super) fn object(made: &Value) -> Value {
    let mut blank = json!({
        "apiVersion": made["apiVersion"], "kind": made["kind"], "metadata": {},
    });
    let version = made["apiVersion"].as_str().unwrap_or_default();
    let group = version.split_once('/').map_or("", |(group, _)| group);
    if !group.is_empty() && group.contains('.') && !group.ends_with(".k8s.io") {
        return blank;
    }
    let pod = || json!({ "metadata": {}, "spec": { "containers": [] } });
    let (spec, status) = match made["kind"].as_str().unwrap_or_default() {
        "Pod" => (json!({ "containers": [] }), json!({})),
        "Deployment" => (json!({ "template": pod(), "strategy": {} }), json!({})),
        "StatefulSet" => (
            json!({ "template": pod(), "updateStrategy": {} }),
            json!({ "replicas": 0 }),
        ),
        "DaemonSet" => (
            json!({ "template": pod(), "updateStrategy": {} }),
            json!({}),
        ),
        "ReplicaSet" => (json!({ "template": pod() }), json!({ "replicas": 0 })),
        "Job" => (json!({ "template": pod() }), json!({})),
        "CronJob" => {
            let job = json!({ "metadata": {}, "spec": { "template": pod() } });
            (json!({ "jobTemplate": job }), json!({}))
        }
        "Service" | "Ingress" => (json!({}), json!({ "loadBalancer": {} })),
        "PersistentVolumeClaim" => (json!({ "resources": {} }), json!({})),
        "NetworkPolicy" => (json!({ "podSelector": {} }), json!({})),
        "HorizontalPodAutoscaler" => (json!({ "scaleTargetRef": {} }), json!({})),
        "Namespace"
        | "PersistentVolume"
        | "PodDisruptionBudget"
        | "ResourceQuota"
        | "ReplicationController"
        | "Lease"
        | "Node" => (json!({}), json!({})),
        "Role" | "ClusterRole" => {
            blank["rules"] = json!([]);
            return blank;
        }
        "RoleBinding" | "ClusterRoleBinding" => {
            blank["roleRef"] = json!({});
            return blank;
        }
        _ => return blank,
    };
    blank["spec"] = spec;
    blank["status"] = status;
    blank
}
