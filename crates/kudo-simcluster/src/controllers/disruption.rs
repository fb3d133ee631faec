//! The status of disruption budgets: how many healthy pods there are and how many may be spared.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::core::SelectorExt;

use super::claiming::selector;
use super::conditions::{self, Condition, Status};
use super::deployment::scaled;
use super::model::{Content, Deployment, DisruptionBudget, Pod, ReplicaSet, StatefulSet};
use super::note::Note;
use super::replica_set::len;
use super::world::{Entry, Key, Object, PodRef, controller, typed};
use super::{Action, Verdict, View};

pub(super) fn observe(view: &View<'_>, key: &Key) -> Verdict {
    let Some(budget) = view.world.get::<DisruptionBudget>(key) else {
        return Verdict::nothing();
    };
    let wanted = budget.body.spec.selector.as_ref().and_then(selector);
    let pods = view.world.all::<Pod>(Some(budget.namespace()));
    let pods: Vec<PodRef<'_>> = pods
        .filter(|pod| !pod.is_finished())
        .filter(|pod| wanted.as_ref().is_some_and(|s| s.matches(pod.labels())))
        .collect();
    let (expected, desired) = expectation(view, &budget, &pods);
    let healthy = len(pods
        .iter()
        .filter(|pod| pod.is_ready() && !pod.is_deleting()));
    let allowed = if expected > 0 {
        (healthy - desired).max(0)
    } else {
        0
    };
    let old = &budget.body.status;
    let (status, reason) = if allowed > 0 {
        ("True", "SufficientPods")
    } else {
        ("False", "InsufficientPods")
    };
    let mut all = conditions::of(old);
    let condition = Condition {
        kind: "DisruptionAllowed",
        status,
        reason,
        message: String::new(),
    };
    conditions::set(&mut all, &condition, None, view.now);
    for condition in &mut all {
        condition["observedGeneration"] = budget.generation().into();
        condition["message"] = "".into();
    }
    let new = Status::keeping(old, &["disruptedPods"])
        .with("currentHealthy", healthy)
        .with("desiredHealthy", desired)
        .with("disruptionsAllowed", allowed)
        .with("expectedPods", expected)
        .count("observedGeneration", budget.generation())
        .list("conditions", all)
        .done();
    let status = Action::status(&budget, old, &new);
    Verdict::write(status.map(|write| match pods.as_slice() {
        [] => write.noted(Note::about(&budget).normal("NoPods", "No matching pods found")),
        _ => write,
    }))
}

/// How many pods there should be and how many of them healthy.
fn expectation(
    view: &View<'_>,
    budget: &Object<'_, DisruptionBudget>,
    pods: &[PodRef<'_>],
) -> (i64, i64) {
    let spec = &budget.body.spec;
    match (&spec.max_unavailable, &spec.min_available) {
        (Some(most), _) => {
            let expected = scale_of_owners(view, pods);
            (
                expected,
                (expected - scaled(Some(most), expected, true)).max(0),
            )
        }
        (None, Some(least @ IntOrString::Int(_))) => {
            (len(pods.iter()), scaled(Some(least), 0, true))
        }
        (None, Some(share)) => {
            let expected = scale_of_owners(view, pods);
            (expected, scaled(Some(share), expected, true))
        }
        (None, None) => (len(pods.iter()), 1),
    }
}

/// The sizes that those who control the pods are told to have, each counted once.
fn scale_of_owners(view: &View<'_>, pods: &[PodRef<'_>]) -> i64 {
    let mut owners: Vec<&Entry> = Vec::new();
    for pod in pods {
        let Some(mut owner) = pod.controller().and_then(|o| view.world.entry(&o.uid)) else {
            continue;
        };
        let above = controller(&owner.meta).and_then(|o| view.world.entry(&o.uid));
        if let Some(above) = above.filter(|above| typed::<Deployment>(above).is_some()) {
            owner = above;
        }
        if !owners.iter().any(|known| known.meta.uid == owner.meta.uid) {
            owners.push(owner);
        }
    }
    let sizes = owners.into_iter().map(|owner| {
        let deployment = typed::<Deployment>(owner).map(|d| d.body.spec.replicas);
        let set = typed::<ReplicaSet>(owner).map(|s| s.body.spec.replicas);
        let stateful = typed::<StatefulSet>(owner).map(|s| s.body.spec.replicas);
        let plain = match &owner.content {
            Content::ReplicationController(body) => Some(body.spec.replicas),
            _ => None,
        };
        let size = deployment.or(set).or(stateful).or(plain).flatten();
        i64::from(size.unwrap_or(1))
    });
    sizes.sum()
}
