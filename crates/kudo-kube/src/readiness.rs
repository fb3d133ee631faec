//! Whether all that runs for an instance is ready: the substance of its `Ready` condition.
//!
//! It counts the Deployments, stateful sets, replica sets, daemon sets and pods that carry the
//! instance's labels, and custom resources that the instance itself applied. Pods of Jobs do not count,
//! nor do pods that ended or are ending while something else keeps their number up.

use crate::health::Health;

/// What readiness needs to know of one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Component<'a> {
    /// API group.
    pub group: &'a str,
    /// Kind.
    pub kind: &'a str,
    /// Its health.
    pub health: &'a Health,
    /// Kind of the controller that owns it, if any.
    pub controller: Option<&'a str>,
    /// Whether it is being deleted.
    pub deleting: bool,
}

/// Whether all that runs for an instance is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It is.
    Ready,
    /// It is not; the text lists what is missing.
    NotReady(String),
}

/// Whether objects of a kind can count.
pub fn concerns(group: &str, kind: &str) -> bool {
    match group {
        "apps" | "extensions" => {
            matches!(
                kind,
                "Deployment" | "StatefulSet" | "ReplicaSet" | "DaemonSet"
            )
        }
        "" => kind == "Pod",
        kudo_api::GROUP => false,
        group => !crate::discovery::is_builtin_group(group),
    }
}

/// Judges the objects of one instance. The messages come in alphabetical order, so that equal states give
/// equal texts.
pub fn readiness<'a>(components: impl IntoIterator<Item = Component<'a>>) -> Readiness {
    let mut missing: Vec<&str> = components
        .into_iter()
        .filter(|component| counts(component))
        .map(|component| component.health.message())
        .filter(|message| !message.is_empty())
        .collect();
    if missing.is_empty() {
        return Readiness::Ready;
    }
    missing.sort_unstable();
    Readiness::NotReady(missing.join(", "))
}

fn counts(component: &Component<'_>) -> bool {
    if component.deleting || !concerns(component.group, component.kind) {
        return false;
    }
    let owner = component.controller.filter(|kind| *kind != "Instance");
    match (component.group, component.kind, owner) {
        ("", "Pod", Some("Job")) => false,
        // What a workload leaves behind when a pod fails is not missing: it has made another.
        ("", "Pod", Some(_)) => !matches!(component.health, Health::Failed(_)),
        ("" | "apps" | "extensions", _, _) => true,
        // What some other operator makes of a custom resource is that operator's affair.
        (_, _, owner) => owner.is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PENDING: &str = "waiting for it";

    fn not_ready(group: &str, kind: &str, controller: Option<&str>, deleting: bool) -> bool {
        let health = Health::Progressing(PENDING.to_owned());
        let component = Component {
            group,
            kind,
            health: &health,
            controller,
            deleting,
        };
        readiness([component]) == Readiness::NotReady(PENDING.to_owned())
    }

    #[test]
    fn what_is_not_healthy_makes_an_instance_unready_only_if_it_counts() {
        let cases = [
            ("apps", "Deployment", Some("Instance"), false, true),
            ("apps", "StatefulSet", Some("Instance"), false, true),
            ("apps", "DaemonSet", Some("Instance"), false, true),
            ("apps", "ReplicaSet", Some("Deployment"), false, true),
            ("apps", "ReplicaSet", Some("Deployment"), true, false),
            ("apps", "Deployment", Some("Instance"), true, false),
            (
                "apps",
                "ControllerRevision",
                Some("StatefulSet"),
                false,
                false,
            ),
            ("", "Pod", Some("StatefulSet"), false, true),
            ("", "Pod", Some("ReplicaSet"), false, true),
            ("", "Pod", Some("ReplicaSet"), true, false),
            ("", "Pod", Some("Job"), false, false),
            ("", "Pod", Some("Instance"), false, true),
            ("", "Pod", None, false, true),
            ("", "Service", Some("Instance"), false, false),
            ("", "PersistentVolumeClaim", Some("Instance"), false, false),
            ("batch", "Job", Some("Instance"), false, false),
            (
                "policy",
                "PodDisruptionBudget",
                Some("Instance"),
                false,
                false,
            ),
            ("kudo.dev", "Instance", Some("Instance"), false, false),
            ("example.com", "Widget", Some("Instance"), false, true),
            ("example.com", "Widget", Some("Gadget"), false, false),
            ("example.com", "Widget", Some("Instance"), true, false),
        ];
        for (group, kind, controller, deleting, expected) in cases {
            let seen = not_ready(group, kind, controller, deleting);
            assert_eq!(
                seen, expected,
                "{group}/{kind} of {controller:?}, deleting {deleting}"
            );
        }
    }

    #[test]
    fn a_failed_pod_counts_only_if_nothing_replaces_it() {
        let health = Health::Failed("it failed".to_owned());
        for (controller, ready) in [
            (Some("ReplicaSet"), true),
            (Some("StatefulSet"), true),
            (Some("Job"), true),
            (Some("Instance"), false),
            (None, false),
        ] {
            let component = Component {
                group: "",
                kind: "Pod",
                health: &health,
                controller,
                deleting: false,
            };
            let seen = readiness([component]) == Readiness::Ready;
            assert_eq!(seen, ready, "{controller:?}");
        }
    }

    #[test]
    fn messages_are_listed_in_order() {
        let healths = [
            Health::Progressing("b".into()),
            Health::Healthy,
            Health::Progressing("a".into()),
        ];
        let components = healths.iter().map(|health| Component {
            group: "apps",
            kind: "Deployment",
            health,
            controller: Some("Instance"),
            deleting: false,
        });
        assert_eq!(readiness(components), Readiness::NotReady("a, b".into()));
        assert_eq!(readiness([]), Readiness::Ready);
    }
}
