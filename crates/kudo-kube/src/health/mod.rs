//! Whether an object is as it should be, read off the object alone.
//!
//! Deployments, stateful sets and daemon sets are judged as `kubectl rollout status` judges them;
//! custom resources by the conventions of kstatus (`observedGeneration`, `Ready`, `Reconciling`,
//! `Stalled`); kinds that have no notion of health are healthy once they exist.
//!
//! [`Health::Failed`] is kept for what no waiting can mend: a Job or a bare Pod that has failed, a custom
//! resource that says it is stalled, a child instance whose plan ended in a fatal error. A Deployment
//! that missed its progress deadline is still awaited, because it may yet come up.

mod instances;
mod network;
mod pods;
mod resources;
mod workloads;

#[cfg(test)]
mod tests;

use serde_json::Value;

use crate::discovery::is_builtin_group;
use crate::identity::{kind_of, name_of, text};

/// Whether an object is as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Health {
    /// It is.
    Healthy,
    /// Not yet; the text is a whole sentence such as `waiting for StatefulSet "x": 1 of 3 pods ready`.
    Progressing(String),
    /// It never will be; the text is a whole sentence.
    Failed(String),
}

impl Health {
    /// Whether it is healthy.
    pub const fn is_healthy(&self) -> bool {
        matches!(self, Self::Healthy)
    }

    /// What is missing or wrong; empty for a healthy object.
    pub fn message(&self) -> &str {
        match self {
            Self::Healthy => "",
            Self::Progressing(message) | Self::Failed(message) => message,
        }
    }
}

/// Judges an object by its own `apiVersion` and `kind`.
pub fn health(object: &Value) -> Health {
    let api_version = text(object, "/apiVersion");
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    health_of(group, kind_of(object), object)
}

/// Judges an object of a kind, whatever it says of itself: items of lists say nothing.
pub fn health_of(group: &str, kind: &str, object: &Value) -> Health {
    let object = Judged { kind, object };
    if object.is_deleting() {
        return object.waiting("it is being deleted");
    }
    match (group, kind) {
        ("apps" | "extensions", "Deployment") => workloads::deployment(object),
        ("apps", "StatefulSet") => workloads::stateful_set(object),
        ("apps" | "extensions", "DaemonSet") => workloads::daemon_set(object),
        ("apps" | "extensions", "ReplicaSet") | ("", "ReplicationController") => {
            workloads::replica_set(object)
        }
        ("batch", "Job") => workloads::job(object),
        ("", "Pod") => pods::pod(object),
        ("", "Namespace") => resources::namespace(object),
        ("", "PersistentVolumeClaim") => resources::volume_claim(object),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => resources::definition(object),
        ("policy", "PodDisruptionBudget") => resources::disruption_budget(object),
        ("autoscaling", "HorizontalPodAutoscaler") => resources::autoscaler(object),
        ("", "Service") => network::service(object),
        ("networking.k8s.io" | "extensions", "Ingress") => network::ingress(object),
        (kudo_api::GROUP, "Instance") => instances::instance(object),
        (kudo_api::GROUP, _) => Health::Healthy,
        (group, _) if is_builtin_group(group) => Health::Healthy,
        _ => resources::custom(object),
    }
}

/// Why an instance of KUDO is not acted upon as its spec says; `None` for all other kinds.
pub(crate) fn refusal_of(group: &str, kind: &str, object: &Value) -> Option<String> {
    let judged = Judged { kind, object };
    ((group, kind) == (kudo_api::GROUP, "Instance"))
        .then(|| instances::refusal(judged))
        .flatten()
}

/// Why a pod is not ready and will not be soon, in its own words; `None` for one that is fine or just
/// starting, and for all other kinds.
pub(crate) fn trouble_of(group: &str, kind: &str, object: &Value) -> Option<String> {
    let judged = Judged { kind, object };
    let is_pod = (group, kind) == ("", "Pod") && !judged.is_deleting();
    is_pod.then(|| pods::trouble(judged)).flatten()
}

/// Whether the health of a kind can be read off its metadata alone, so that a watch need not carry
/// the content.
pub fn needs_content(group: &str, kind: &str) -> bool {
    match group {
        "" => matches!(
            kind,
            "Pod" | "Namespace" | "PersistentVolumeClaim" | "Service" | "ReplicationController"
        ),
        "apps" => kind != "ControllerRevision",
        "batch" => kind == "Job",
        "extensions" => matches!(kind, "Deployment" | "DaemonSet" | "ReplicaSet" | "Ingress"),
        "apiextensions.k8s.io" => kind == "CustomResourceDefinition",
        "policy" => kind == "PodDisruptionBudget",
        "autoscaling" => kind == "HorizontalPodAutoscaler",
        "networking.k8s.io" => kind == "Ingress",
        kudo_api::GROUP => kind == "Instance",
        group => !is_builtin_group(group),
    }
}

/// An object under judgement.
#[derive(Clone, Copy)]
struct Judged<'a> {
    kind: &'a str,
    object: &'a Value,
}

impl<'a> Judged<'a> {
    fn text(self, pointer: &str) -> &'a str {
        text(self.object, pointer)
    }

    fn value(self, pointer: &str) -> Option<&'a Value> {
        self.object
            .pointer(pointer)
            .filter(|value| !value.is_null())
    }

    fn number(self, pointer: &str) -> Option<i64> {
        self.object.pointer(pointer).and_then(Value::as_i64)
    }

    /// A counter of the status: absent means nought.
    fn count(self, pointer: &str) -> i64 {
        self.number(pointer).unwrap_or(0)
    }

    fn list(self, pointer: &str) -> &'a [Value] {
        self.object
            .pointer(pointer)
            .and_then(Value::as_array)
            .map_or(&[], Vec::as_slice)
    }

    fn is_deleting(self) -> bool {
        self.value("/metadata/deletionTimestamp").is_some()
    }

    /// Whether the controller has yet to look at the object as it is now.
    fn is_unobserved(self) -> bool {
        self.count("/status/observedGeneration") < self.count("/metadata/generation")
    }

    /// The condition of a type in `status.conditions`.
    fn condition(self, kind: &str) -> Option<Condition<'a>> {
        self.list("/status/conditions")
            .iter()
            .find(|condition| text(condition, "/type") == kind)
            .map(|condition| Condition { condition })
    }

    fn waiting(self, detail: impl AsRef<str>) -> Health {
        Health::Progressing(format!(
            "waiting for {} {:?}: {}",
            self.kind,
            name_of(self.object),
            detail.as_ref()
        ))
    }

    fn failed(self, detail: impl AsRef<str>) -> Health {
        Health::Failed(format!(
            "{} {:?} has failed: {}",
            self.kind,
            name_of(self.object),
            detail.as_ref()
        ))
    }

    fn unobserved(self) -> Health {
        self.waiting("its controller has not seen the change yet")
    }
}

/// One of `status.conditions`.
#[derive(Clone, Copy)]
struct Condition<'a> {
    condition: &'a Value,
}

impl<'a> Condition<'a> {
    fn status(self) -> &'a str {
        text(self.condition, "/status")
    }

    fn is_true(self) -> bool {
        self.status() == "True"
    }

    fn is_false(self) -> bool {
        self.status() == "False"
    }

    fn reason(self) -> &'a str {
        text(self.condition, "/reason")
    }

    /// Message and reason, as far as they are there.
    fn detail(self) -> String {
        match (text(self.condition, "/message"), self.reason()) {
            ("", "") => format!("{} is {}", text(self.condition, "/type"), self.status()),
            (message, "") => message.to_owned(),
            ("", reason) => reason.to_owned(),
            (message, reason) => format!("{message} ({reason})"),
        }
    }
}

/// `1 of 3 pods ready`.
fn portion(have: i64, want: i64, what: &str) -> String {
    format!("{have} of {want} pods {what}")
}
