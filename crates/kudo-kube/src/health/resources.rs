//! Kinds that are neither workloads nor network: namespaces, claims, definitions, custom resources.

use serde_json::Value;

use super::{Condition, Health, Judged, portion};
use crate::identity::text;

pub(super) fn namespace(object: Judged<'_>) -> Health {
    match object.text("/status/phase") {
        "Active" => Health::Healthy,
        "" => object.waiting("not active yet"),
        phase => object.waiting(phase.to_lowercase()),
    }
}

/// Whether a claim that is not bound is worth waiting for depends on its storage class: see
/// [`crate::provision`].
pub(super) fn volume_claim(object: Judged<'_>) -> Health {
    match object.text("/status/phase") {
        "Bound" => Health::Healthy,
        "Lost" => object.waiting("the volume it was bound to is lost"),
        _ => object.waiting("not bound to a volume yet"),
    }
}

pub(super) fn definition(object: Judged<'_>) -> Health {
    if object
        .condition("Established")
        .is_some_and(Condition::is_true)
    {
        return Health::Healthy;
    }
    let refused = object
        .condition("NamesAccepted")
        .filter(|condition| condition.is_false());
    match refused {
        Some(condition) => object.waiting(condition.detail()),
        None => object.waiting("not established yet"),
    }
}

/// A budget protects nothing while no pod matches it, so one that is applied before its pods does not
/// block the plan.
pub(super) fn disruption_budget(object: Judged<'_>) -> Health {
    if object.is_unobserved() {
        return object.unobserved();
    }
    let wanted = object.count("/status/desiredHealthy");
    let healthy = object.count("/status/currentHealthy");
    if object.count("/status/expectedPods") > 0 && healthy < wanted {
        return object.waiting(portion(healthy, wanted, "healthy"));
    }
    Health::Healthy
}

/// An autoscaler works unless it says that it cannot scale its target. It says so in its conditions, or
/// in version v1 in an annotation that holds them.
pub(super) fn autoscaler(object: Judged<'_>) -> Health {
    let annotation =
        object.text("/metadata/annotations/autoscaling.alpha.kubernetes.io~1conditions");
    let annotated: Vec<Value> = serde_json::from_str(annotation).unwrap_or_default();
    let conditions = object.list("/status/conditions").iter().chain(&annotated);
    let unable = conditions
        .map(|condition| Condition { condition })
        .find(|condition| {
            text(condition.condition, "/type") == "AbleToScale" && condition.is_false()
        });
    match unable {
        Some(condition) => object.waiting(condition.detail()),
        None => Health::Healthy,
    }
}

/// Custom resources by the conventions of kstatus: one that says nothing of itself is healthy.
pub(super) fn custom(object: Judged<'_>) -> Health {
    if object.value("/status/observedGeneration").is_some() && object.is_unobserved() {
        return object.unobserved();
    }
    let holds = |kind: &str| {
        object
            .condition(kind)
            .filter(|condition| condition.is_true())
    };
    if let Some(stalled) = holds("Stalled") {
        return object.failed(stalled.detail());
    }
    if let Some(reconciling) = holds("Reconciling") {
        return object.waiting(reconciling.detail());
    }
    match object.condition("Ready") {
        Some(ready) if !ready.is_true() => object.waiting(ready.detail()),
        _ => Health::Healthy,
    }
}
