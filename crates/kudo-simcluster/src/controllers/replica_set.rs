//! Replica sets and replication controllers: so many pods of one template.

use serde_json::Value;

use super::claiming::claim;
use super::conditions::{self, Condition, Status};
use super::model::{Body, Content, Pod, ReplicaSet};
use super::note::Note;
use super::pods::{next_available, sort_for_deletion};
use super::resources::Kind;
use super::template::{create_pod, pod};
use super::world::{Key, Object, PodRef};
use super::{Action, Verdict, View};

/// Pods that are created or deleted at a time.
const BURST: usize = 500;

pub(super) fn observe(view: &View<'_>, key: &Key, kind: Kind) -> Verdict {
    let Some(entry) = view.world.find(kind, key) else {
        return Verdict::nothing();
    };
    let body = match &entry.content {
        Content::ReplicationController(body) => body,
        content => match ReplicaSet::of(content) {
            Some(body) => body,
            None => return Verdict::nothing(),
        },
    };
    let set = Object {
        resource: entry.resource,
        meta: &entry.meta,
        body,
    };
    let claimed = claim::<Pod, _>(view, &set, &body.spec.selector);
    if !claimed.actions.is_empty() {
        return Verdict::write(claimed.actions);
    }
    let mut pods = claimed.owned;
    pods.retain(PodRef::is_active);
    let mut actions: Vec<Action> = status(view, &set, &pods).into_iter().collect();
    if !set.is_deleting() {
        actions.extend(scale(view, &set, &mut pods));
    }
    let wait = next_available(&pods, body.spec.min_ready_seconds, view.now);
    Verdict::write(actions).again_after(wait)
}

fn wanted(set: &Object<'_, ReplicaSet>) -> usize {
    usize::try_from(set.body.spec.replicas.unwrap_or(1)).unwrap_or(0)
}

fn scale(view: &View<'_>, set: &Object<'_, ReplicaSet>, pods: &mut [PodRef<'_>]) -> Vec<Action> {
    let wanted = wanted(set);
    if pods.len() > wanted {
        sort_for_deletion(pods);
        let surplus = (pods.len() - wanted).min(BURST);
        let delete = |pod: &PodRef<'_>| {
            let note = Note::pod_deleted(set, pod.name());
            Action::delete(pod).noted(note)
        };
        return pods[..surplus].iter().map(delete).collect();
    }
    let owner = view.world.resources()[set.resource].controller_reference(set.name(), set.uid());
    let missing = (wanted - pods.len()).min(BURST);
    let new = || {
        let pod = pod(&set.body.spec.template, &owner);
        create_pod(set.namespace(), set.name(), pod).noted(Note::pod_created(set))
    };
    std::iter::repeat_with(new).take(missing).collect()
}

fn status(view: &View<'_>, set: &Object<'_, ReplicaSet>, pods: &[PodRef<'_>]) -> Option<Action> {
    let spec = &set.body.spec;
    let old = &set.body.status;
    let template_labels = spec.template.pointer("/metadata/labels");
    let fully_labeled = |pod: &&PodRef<'_>| {
        let wanted = template_labels.and_then(Value::as_object);
        wanted.into_iter().flatten().all(|(name, value)| {
            pod.label(name)
                .is_some_and(|label| value.as_str() == Some(label))
        })
    };
    let available = |pod: &&PodRef<'_>| pod.is_available(spec.min_ready_seconds, view.now);
    let mut conditions = conditions::of(old);
    let message = view.failure.map_or("", |failure| &failure.message);
    if message.is_empty() {
        conditions::remove(&mut conditions, "ReplicaFailure");
    } else if conditions::find(old, "ReplicaFailure").is_none() {
        let reason = if pods.len() < wanted(set) {
            "FailedCreate"
        } else {
            "FailedDelete"
        };
        let failure = Condition {
            kind: "ReplicaFailure",
            status: "True",
            reason,
            message: message.to_owned(),
        };
        conditions::set(&mut conditions, &failure, None, view.now);
    }
    let new = Status::keeping(old, &["terminatingReplicas"])
        .with("replicas", pods.len())
        .count(
            "fullyLabeledReplicas",
            len(pods.iter().filter(fully_labeled)),
        )
        .count(
            "readyReplicas",
            len(pods.iter().filter(|pod| pod.is_ready())),
        )
        .count("availableReplicas", len(pods.iter().filter(available)))
        .count("observedGeneration", set.generation())
        .list("conditions", conditions)
        .done();
    Action::status(set, old, &new)
}

/// How many there are, as a status counts.
pub(super) fn len<T>(items: impl Iterator<Item = T>) -> i64 {
    i64::try_from(items.count()).unwrap_or(i64::MAX)
}
