//! The status of disruption budgets: how many healthy pods there are and how many may be spared.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::core::SelectorExt;
use serde_json::{Map, Value};

use super::claiming::selector;
use super::clock::left;
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
    let disrupted = Disrupted::of(view, &budget, &pods);
    let healthy = len(pods.iter().filter(|pod| {
        pod.is_ready() && !pod.is_deleting() && !disrupted.pods.contains_key(pod.name())
    }));
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
    let mut new = Status::keeping(old, &[]);
    if !disrupted.pods.is_empty() {
        new = new.with("disruptedPods", Value::Object(disrupted.pods));
    }
    let new = new
        .with("currentHealthy", healthy)
        .with("desiredHealthy", desired)
        .with("disruptionsAllowed", allowed)
        .with("expectedPods", expected)
        .count("observedGeneration", budget.generation())
        .list("conditions", all)
        .done();
    let status = Action::status(&budget, old, &new);
    let written = Verdict::write(status.map(|write| match pods.as_slice() {
        [] => write.noted(Note::about(&budget).normal("NoPods", "No matching pods found")),
        _ => write,
    }));
    written.again_after(disrupted.until)
}

/// How long a pod that was evicted may take to go, before it counts again.
const LONGEST_EVICTION: Duration = Duration::from_mins(2);

/// Pods that were evicted and are still there.
struct Disrupted {
    /// When each of them was evicted, by name.
    pods: Map<String, Value>,
    /// When the first of them counts again.
    until: Option<Duration>,
}

impl Disrupted {
    fn of(view: &View<'_>, budget: &Object<'_, DisruptionBudget>, pods: &[PodRef<'_>]) -> Self {
        let mut disrupted = Self {
            pods: Map::new(),
            until: None,
        };
        let noted = budget.body.status["disruptedPods"].as_object();
        for (name, time) in noted.into_iter().flatten() {
            let is_there = |pod: &&PodRef<'_>| pod.name() == name && !pod.is_deleting();
            let since = time.as_str().and_then(|time| time.parse().ok());
            let wait = since.and_then(|since| left(since, LONGEST_EVICTION, view.now));
            if let Some(wait) = wait.filter(|_| pods.iter().any(|pod| is_there(&pod))) {
                disrupted.pods.insert(name.clone(), time.clone());
                disrupted.until = Some(disrupted.until.map_or(wait, |until| until.min(wait)));
            }
        }
        disrupted
    }
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
