//! What `init` puts into the cluster: definitions, namespace, service account, RBAC, Service and
//! the manager itself. Pure; the names are upstream's.

use serde_json::{Value, json};

use crate::commands::version::VERSION;

/// The namespace that KUDO makes for itself; any other must exist.
pub(crate) const NAMESPACE: &str = "kudo-system";
/// The service account that KUDO makes for itself; any other must exist.
pub(crate) const SERVICE_ACCOUNT: &str = "kudo-manager";
/// Name of the manager's `StatefulSet`.
pub(crate) const MANAGER: &str = "kudo-controller-manager";
/// Name of the manager's Service.
pub(crate) const SERVICE: &str = "kudo-controller-manager-service";
/// Name of the binding that lets the manager act on everything operators are made of.
pub(crate) const ROLE_BINDING: &str = "kudo-manager-rolebinding";
/// Upstream's webhook: with no manager behind it, it refuses every instance.
pub(crate) const UPSTREAM_WEBHOOK: &str = "kudo-manager-instance-admission-webhook-config";

const METRICS_PORT: u16 = 8080;
const PROBE_PORT: u16 = 8081;

/// What can be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choices {
    pub(crate) namespace: String,
    pub(crate) service_account: String,
    pub(crate) image: String,
    pub(crate) pull_policy: &'static str,
}

/// The image of a version of the manager.
pub(crate) fn image(version: Option<&str>) -> String {
    let version = version.unwrap_or(VERSION);
    format!("kudo-manager:v{}", version.trim_start_matches('v'))
}

/// The parts of an installation, in the order in which they are applied, with a name for people.
pub(crate) fn parts(choices: &Choices, crd_only: bool) -> Vec<(&'static str, Vec<Value>)> {
    let crds = kudo_api::crds()
        .iter()
        .flat_map(serde_json::to_value)
        .collect();
    let mut parts = vec![("crds", crds)];
    if crd_only {
        return parts;
    }
    if choices.namespace == NAMESPACE {
        parts.push(("namespace", vec![namespace(choices)]));
    }
    if choices.service_account == SERVICE_ACCOUNT {
        parts.push((
            "service account",
            vec![service_account(choices), role_binding(choices)],
        ));
    }
    parts.push((
        "kudo controller",
        vec![service(choices), stateful_set(choices)],
    ));
    parts
}

fn namespace(choices: &Choices) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": { "name": choices.namespace, "labels": { "app": "kudo-manager" } },
    })
}

fn service_account(choices: &Choices) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {
            "name": choices.service_account,
            "namespace": choices.namespace,
            "labels": { "app": "kudo-manager" },
        },
    })
}

/// An operator may be made of anything, so its manager may do anything, as upstream's.
fn role_binding(choices: &Choices) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": { "name": ROLE_BINDING, "labels": { "app": "kudo-manager" } },
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "cluster-admin",
        },
        "subjects": [{
            "kind": "ServiceAccount",
            "name": choices.service_account,
            "namespace": choices.namespace,
        }],
    })
}

fn labels() -> Value {
    json!({ "app": "kudo-manager", "control-plane": "controller-manager" })
}

fn service(choices: &Choices) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": { "name": SERVICE, "namespace": choices.namespace, "labels": labels() },
        "spec": {
            "selector": labels(),
            "ports": [{
                "name": "metrics",
                "port": METRICS_PORT,
                "protocol": "TCP",
                "targetPort": "metrics",
            }],
        },
    })
}

fn stateful_set(choices: &Choices) -> Value {
    let probe = |path: &str| json!({ "httpGet": { "path": path, "port": "probes" } });
    json!({
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": { "name": MANAGER, "namespace": choices.namespace, "labels": labels() },
        "spec": {
            "replicas": 1,
            "selector": { "matchLabels": labels() },
            "serviceName": SERVICE,
            "template": {
                "metadata": { "labels": labels() },
                "spec": {
                    "serviceAccountName": choices.service_account,
                    "terminationGracePeriodSeconds": 10,
                    "containers": [{
                        "name": "manager",
                        "image": choices.image,
                        "imagePullPolicy": choices.pull_policy,
                        "command": ["kudo-manager"],
                        "args": [
                            format!("--metrics-address=0.0.0.0:{METRICS_PORT}"),
                            format!("--probe-address=0.0.0.0:{PROBE_PORT}"),
                        ],
                        "ports": [
                            { "name": "metrics", "containerPort": METRICS_PORT, "protocol": "TCP" },
                            { "name": "probes", "containerPort": PROBE_PORT, "protocol": "TCP" },
                        ],
                        "livenessProbe": probe("/healthz"),
                        "readinessProbe": probe("/readyz"),
                        "resources": { "requests": { "cpu": "100m", "memory": "50Mi" } },
                    }],
                },
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(choices: &Choices, crd_only: bool) -> String {
        let kinds: Vec<String> = parts(choices, crd_only)
            .iter()
            .flat_map(|(_, objects)| objects)
            .map(|object| object["kind"].as_str().unwrap().to_owned())
            .collect();
        kinds.join(" ")
    }

    fn choices() -> Choices {
        Choices {
            namespace: NAMESPACE.to_owned(),
            service_account: SERVICE_ACCOUNT.to_owned(),
            image: image(None),
            pull_policy: "IfNotPresent",
        }
    }

    #[test]
    fn what_is_made_depends_on_what_must_exist() {
        let crds = "CustomResourceDefinition CustomResourceDefinition CustomResourceDefinition";
        let all = choices();
        assert_eq!(kinds(&all, true), crds);
        let expected =
            format!("{crds} Namespace ServiceAccount ClusterRoleBinding Service StatefulSet");
        assert_eq!(kinds(&all, false), expected);
        let given = Choices {
            namespace: "elsewhere".to_owned(),
            service_account: "mine".to_owned(),
            ..all
        };
        assert_eq!(kinds(&given, false), format!("{crds} Service StatefulSet"));
    }

    #[test]
    fn images() {
        assert_eq!(image(Some("0.2.0")), "kudo-manager:v0.2.0");
        assert_eq!(image(Some("v0.2.0")), "kudo-manager:v0.2.0");
        assert_eq!(image(None), format!("kudo-manager:{VERSION}"));
    }
}
