//! What `init` puts into the cluster: definitions, namespace, service account, RBAC, webhook, Service
//! and the manager itself. Pure; the names are upstream's.

use serde_json::{Value, json};

use super::webhook::{self, SECRET, Webhook};
use crate::commands::version::VERSION;
use crate::rbac::{Account, ROLE, ROLE_BINDING, Rules, SYSTEM_ROLE, bind, role};

/// The namespace that KUDO makes for itself; any other must exist.
pub(crate) const NAMESPACE: &str = "kudo-system";
/// The service account that KUDO makes for itself; any other must exist.
pub(crate) const SERVICE_ACCOUNT: &str = "kudo-manager";
/// Label of all that `init` installs, as a selector.
pub(crate) const LABEL: &str = "app=kudo-manager";
/// Name of the manager's `StatefulSet`.
pub(crate) const MANAGER: &str = "kudo-controller-manager";
/// The part of an installation with the manager itself.
pub(crate) const CONTROLLER: &str = "kudo controller";
/// Name of the manager's Service.
pub(crate) const SERVICE: &str = "kudo-controller-manager-service";
const METRICS_PORT: u16 = 8080;
const PROBE_PORT: u16 = 8081;
const WEBHOOK_PORT: u16 = 9443;
/// Where cert-manager's certificate is mounted, as upstream's is.
const CERTIFICATE_FOLDER: &str = "/tmp/cert";

/// What can be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choices {
    pub(crate) namespace: String,
    pub(crate) service_account: String,
    pub(crate) image: String,
    pub(crate) pull_policy: &'static str,
    /// Namespaces that the manager looks after and may act in; empty means all.
    pub(crate) namespaces: Vec<String>,
    pub(crate) webhook: Webhook,
}

impl Choices {
    fn account(&self) -> Account {
        Account {
            name: self.service_account.clone(),
            namespace: self.namespace.clone(),
        }
    }
}

#[cfg(test)]
impl Default for Choices {
    fn default() -> Self {
        Self {
            namespace: NAMESPACE.to_owned(),
            service_account: SERVICE_ACCOUNT.to_owned(),
            image: image(None),
            pull_policy: "IfNotPresent",
            namespaces: Vec::new(),
            webhook: Webhook::SelfManaged,
        }
    }
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
        let mut objects = vec![service_account(choices)];
        objects.extend(roles(choices));
        parts.push(("service account", objects));
    }
    let webhook = webhook::objects(choices);
    if !webhook.is_empty() {
        parts.push(("webhook", webhook));
    }
    parts.push((CONTROLLER, vec![service(choices), stateful_set(choices)]));
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

/// An operator may be made of anything, so its manager may do anything, as upstream's: everywhere, or within
/// the namespaces that it looks after.
fn roles(choices: &Choices) -> Vec<Value> {
    let account = choices.account();
    if choices.namespaces.is_empty() {
        let metadata = json!({ "name": ROLE_BINDING, "labels": { "app": "kudo-manager" } });
        let kind = "ClusterRoleBinding";
        return vec![bind(
            kind,
            &metadata,
            "ClusterRole",
            "cluster-admin",
            &account,
        )];
    }
    let mut roles = role(
        SYSTEM_ROLE,
        &choices.namespace,
        &Rules::of_the_system(),
        &account,
    );
    for namespace in &choices.namespaces {
        roles.extend(role(ROLE, namespace, &Rules::everything(), &account));
    }
    roles
}

fn labels() -> Value {
    json!({ "app": "kudo-manager", "control-plane": "controller-manager" })
}

fn service(choices: &Choices) -> Value {
    let port = |name: &str, port: u16, target: &str| json!({ "name": name, "port": port, "protocol": "TCP", "targetPort": target });
    let mut ports = Vec::new();
    if choices.webhook != Webhook::None {
        ports.push(port("kudo", 443, "webhook-server"));
    }
    ports.push(port("metrics", METRICS_PORT, "metrics"));
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": { "name": SERVICE, "namespace": choices.namespace, "labels": labels() },
        "spec": { "selector": labels(), "ports": ports },
    })
}

/// The manager itself.
pub(crate) fn stateful_set(choices: &Choices) -> Value {
    let mut spec = json!({
        "serviceAccountName": choices.service_account,
        "terminationGracePeriodSeconds": 10,
        "containers": [container(choices)],
    });
    if choices.webhook == Webhook::CertManager {
        spec["volumes"] = json!([{ "name": "cert", "secret": { "secretName": SECRET } }]);
        spec["containers"][0]["volumeMounts"] =
            json!([{ "name": "cert", "mountPath": CERTIFICATE_FOLDER, "readOnly": true }]);
    }
    json!({
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": { "name": MANAGER, "namespace": choices.namespace, "labels": labels() },
        "spec": {
            "replicas": 1,
            "selector": { "matchLabels": labels() },
            "serviceName": SERVICE,
            "template": { "metadata": { "labels": labels() }, "spec": spec },
        },
    })
}

fn container(choices: &Choices) -> Value {
    let port =
        |name: &str, port: u16| json!({ "name": name, "containerPort": port, "protocol": "TCP" });
    let probe = |path: &str| json!({ "httpGet": { "path": path, "port": "probes" } });
    let mut arguments = vec![
        "--leader-elect".to_owned(),
        format!("--metrics-address=0.0.0.0:{METRICS_PORT}"),
        format!("--probe-address=0.0.0.0:{PROBE_PORT}"),
    ];
    let mut ports = vec![port("metrics", METRICS_PORT), port("probes", PROBE_PORT)];
    if !choices.namespaces.is_empty() {
        arguments.push(format!("--namespaces={}", choices.namespaces.join(",")));
    }
    if choices.webhook != Webhook::None {
        arguments.push(format!("--webhook-address=0.0.0.0:{WEBHOOK_PORT}"));
        ports.push(port("webhook-server", WEBHOOK_PORT));
    }
    if choices.webhook == Webhook::CertManager {
        arguments.push(format!("--webhook-cert-dir={CERTIFICATE_FOLDER}"));
    }
    let namespace = json!({ "fieldRef": { "fieldPath": "metadata.namespace" } });
    json!({
        "name": "manager",
        "image": choices.image,
        "imagePullPolicy": choices.pull_policy,
        "command": ["kudo-manager"],
        "args": arguments,
        "env": [
            { "name": "POD_NAMESPACE", "valueFrom": namespace },
            { "name": "SECRET_NAME", "value": SECRET },
        ],
        "ports": ports,
        "livenessProbe": probe("/healthz"),
        "readinessProbe": probe("/readyz"),
        "resources": { "requests": { "cpu": "100m", "memory": "50Mi" } },
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

    #[test]
    fn what_is_made_depends_on_what_must_exist() {
        let crds = "CustomResourceDefinition CustomResourceDefinition CustomResourceDefinition";
        let all = Choices::default();
        assert_eq!(kinds(&all, true), crds);
        let expected = format!(
            "{crds} Namespace ServiceAccount ClusterRoleBinding MutatingWebhookConfiguration Service \
             StatefulSet"
        );
        assert_eq!(kinds(&all, false), expected);
        let given = Choices {
            namespace: "elsewhere".to_owned(),
            service_account: "mine".to_owned(),
            webhook: Webhook::None,
            ..all
        };
        assert_eq!(kinds(&given, false), format!("{crds} Service StatefulSet"));
    }

    #[test]
    fn a_manager_of_a_few_namespaces_may_do_nothing_elsewhere() {
        let few = Choices {
            namespaces: vec!["a".to_owned(), "b".to_owned()],
            webhook: Webhook::None,
            ..Choices::default()
        };
        let found = kinds(&few, false);
        assert!(
            !found.contains("ClusterRole") && !found.contains("Webhook"),
            "{found}"
        );
        assert_eq!(found.matches("Role RoleBinding").count(), 3, "{found}");
    }

    #[test]
    fn images() {
        assert_eq!(image(Some("0.2.0")), "kudo-manager:v0.2.0");
        assert_eq!(image(Some("v0.2.0")), "kudo-manager:v0.2.0");
        assert_eq!(image(None), format!("kudo-manager:{VERSION}"));
    }
}
