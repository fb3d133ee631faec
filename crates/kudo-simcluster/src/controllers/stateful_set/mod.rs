//! Stateful sets: numbered pods with claims of their own, in order.

mod identity;
mod retention;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::Value;

use super::claiming::claim;
use super::conditions::{Status, count, text};
use super::model::{Pod, StatefulSet};
use super::note::Note;
use super::pods::next_available;
use super::replica_set::len;
use super::revisions::{History, RevisionRef, Templated};
use super::world::{Key, Object, PodRef};
use super::{Action, Verdict, View};
use identity::ordinal;

/// The label of a pod that names its revision.
pub(super) const REVISION_LABEL: &str = "controller-revision-hash";

type SetRef<'a> = Object<'a, StatefulSet>;

pub(super) fn observe(view: &View<'_>, key: &Key) -> Verdict {
    let Some(set) = view.world.get::<StatefulSet>(key) else {
        return Verdict::nothing();
    };
    let spec = &set.body.spec;
    let claimed = claim::<Pod, _>(view, &set, &spec.selector);
    if !claimed.actions.is_empty() {
        return Verdict::write(claimed.actions);
    }
    let history = History::of(
        view,
        &Templated {
            set,
            selector: &spec.selector,
            template: &spec.template,
            status: &set.body.status,
            hash_label: "controller.kubernetes.io/hash",
        },
    );
    let history = match history {
        Ok(history) => history,
        Err(verdict) => return verdict,
    };
    let current = history
        .find(text(&set.body.status, "currentRevision"))
        .unwrap_or(history.update);
    Sync {
        view,
        set,
        update: history.update,
        current,
        pods: pods(&set, claimed.owned),
    }
    .verdict(&history)
}

/// The pods by ordinal; those of other names are left alone.
fn pods<'a>(set: &SetRef<'_>, owned: Vec<PodRef<'a>>) -> BTreeMap<i64, PodRef<'a>> {
    let numbered = owned.into_iter();
    numbered
        .filter_map(|pod| Some((ordinal(set.name(), pod.name())?, pod)))
        .collect()
}

/// A set with its pods.
struct Sync<'a> {
    view: &'a View<'a>,
    set: SetRef<'a>,
    update: RevisionRef<'a>,
    current: RevisionRef<'a>,
    pods: BTreeMap<i64, PodRef<'a>>,
}

/// What a look has found out: writes, and pods that are as good as there or gone.
#[derive(Default)]
struct Plan {
    actions: Vec<Action>,
    created: Vec<String>,
    deleted: Vec<i64>,
}

impl Sync<'_> {
    fn verdict(&self, history: &History<'_>) -> Verdict {
        let mut plan = Plan::default();
        if !self.set.is_deleting() {
            self.plan(&mut plan);
        }
        let mut actions: Vec<Action> = self.status(&plan).into_iter().collect();
        if !self.set.is_deleting() {
            actions.extend(self.retained_claims());
        }
        actions.append(&mut plan.actions);
        let used = |revision: &RevisionRef<'_>| {
            let name = revision.name();
            name == self.update.name()
                || name == self.current.name()
                || self.pods.values().any(|pod| is_of(pod, revision))
        };
        if !self.set.is_deleting() {
            actions.extend(history.clean_up(self.set.body.spec.revision_history_limit, used));
        }
        let pods: Vec<PodRef<'_>> = self.pods.values().copied().collect();
        let wait = next_available(&pods, self.min_ready(), self.view.now);
        Verdict::write(actions).again_after(wait)
    }

    fn ordinals(&self) -> std::ops::Range<i64> {
        let start = i64::from(self.set.body.spec.ordinals.start);
        start..start + self.replicas()
    }

    fn replicas(&self) -> i64 {
        i64::from(self.set.body.spec.replicas.unwrap_or(1))
    }

    fn min_ready(&self) -> i32 {
        self.set.body.spec.min_ready_seconds
    }

    fn is_parallel(&self) -> bool {
        self.set.body.spec.pod_management_policy == "Parallel"
    }

    fn is_available(&self, pod: &PodRef<'_>) -> bool {
        pod.phase() == "Running" && pod.is_available(self.min_ready(), self.view.now)
    }

    fn is_healthy(&self, pod: &PodRef<'_>) -> bool {
        self.is_available(pod) && !pod.is_deleting()
    }

    /// One step towards the wanted pods: in order unless they may come and go in parallel.
    fn plan(&self, plan: &mut Plan) {
        let wanted = self.ordinals();
        for ordinal in wanted.clone() {
            if !self.keep_up(ordinal, plan) && !self.is_parallel() {
                return;
            }
        }
        let condemned = self.pods.iter().filter(|(o, _)| !wanted.contains(o));
        let first_unhealthy = condemned
            .clone()
            .find(|(_, pod)| !self.is_healthy(pod))
            .map(|(ordinal, _)| *ordinal);
        for (ordinal, pod) in condemned.rev() {
            if pod.is_deleting() {
                if self.is_parallel() {
                    continue;
                }
                return;
            }
            let in_order = self.is_available(pod) || first_unhealthy == Some(*ordinal);
            if !in_order && !self.is_parallel() {
                return;
            }
            plan.actions.push(self.delete(pod));
            plan.deleted.push(*ordinal);
            if !self.is_parallel() {
                return;
            }
        }
        if plan.actions.is_empty() {
            self.roll(plan);
        }
    }

    /// Sees to one wanted pod; whether the next may follow.
    fn keep_up(&self, ordinal: i64, plan: &mut Plan) -> bool {
        let Some(pod) = self.pods.get(&ordinal) else {
            let revision = self.revision_of_new(ordinal);
            plan.actions.extend(self.create(ordinal, &revision));
            plan.created.push(revision.name().to_owned());
            return false;
        };
        if pod.is_finished() && !pod.is_deleting() {
            plan.actions.push(self.delete_ended(pod));
            plan.deleted.push(ordinal);
            return false;
        }
        if pod.phase() == "Pending" {
            plan.actions.extend(self.missing_claims(ordinal, "update"));
        }
        self.is_healthy(pod)
    }

    /// Replaces the highest pod of an old revision, once all above it are healthy.
    fn roll(&self, plan: &mut Plan) {
        if self.set.body.spec.update_strategy.kind == "OnDelete" {
            return;
        }
        let wanted = self.ordinals();
        let first = wanted.start.max(self.partition());
        for ordinal in (first..wanted.end).rev() {
            let Some(pod) = self.pods.get(&ordinal) else {
                return;
            };
            if !is_of(pod, &self.update) && !pod.is_deleting() {
                plan.actions.push(self.delete(pod));
                plan.deleted.push(ordinal);
                return;
            }
            if !self.is_healthy(pod) {
                return;
            }
        }
    }

    /// The first ordinal that a rolling update reaches.
    fn partition(&self) -> i64 {
        let rolling = &self.set.body.spec.update_strategy.rolling_update;
        i64::from(rolling.partition.unwrap_or(0))
    }

    /// Below the partition, and with none among the first of the old pods, a pod comes back as it was.
    fn revision_of_new(&self, ordinal: i64) -> RevisionRef<'_> {
        let strategy = &self.set.body.spec.update_strategy;
        let current = strategy.kind != "OnDelete"
            && if let Some(partition) = strategy.rolling_update.partition {
                ordinal < i64::from(partition)
            } else {
                let current = count(&self.set.body.status, "currentReplicas");
                ordinal < self.ordinals().start + current
            };
        if current { self.current } else { self.update }
    }

    fn status(&self, plan: &Plan) -> Option<Action> {
        let pods = || self.pods.iter().filter(|(_, pod)| !pod.phase().is_empty());
        let living = || {
            pods().filter(|(ordinal, pod)| !pod.is_deleting() && !plan.deleted.contains(ordinal))
        };
        let of = |revision: &RevisionRef<'_>| {
            let new = plan.created.iter().filter(|name| *name == revision.name());
            len(living().filter(|(_, pod)| is_of(pod, revision))) + len(new)
        };
        let replicas = len(pods()) + len(plan.created.iter());
        let ready = len(pods().filter(|(_, pod)| pod.is_running_and_ready()));
        let available = len(pods().filter(|(_, pod)| self.is_available(pod)));
        let mut current = (self.current.name(), of(&self.current));
        let updated = of(&self.update);
        let rolling = self.set.body.spec.update_strategy.kind != "OnDelete";
        if rolling && updated == replicas && ready == replicas {
            current = (self.update.name(), updated);
        }
        let old = &self.set.body.status;
        let new = Status::keeping(old, &["conditions"])
            .with("collisionCount", count(old, "collisionCount"))
            .with("replicas", replicas)
            .with("availableReplicas", available)
            .count("readyReplicas", ready)
            .count("currentReplicas", current.1)
            .count("updatedReplicas", updated)
            .count("observedGeneration", self.set.generation())
            .with("currentRevision", current.0)
            .with("updateRevision", self.update.name())
            .done();
        Action::status(&self.set, old, &new)
    }

    /// The pod and whatever of its claims is missing.
    fn create(&self, ordinal: i64, revision: &RevisionRef<'_>) -> Vec<Action> {
        let mut actions = self.missing_claims(ordinal, "create");
        let pod = identity::pod_name(self.set.name(), ordinal);
        let create = Action::Create {
            kind: super::Kind::Pod,
            namespace: self.set.namespace().to_owned(),
            object: identity::pod(self.view, &self.set, ordinal, revision),
        };
        actions.push(create.noted(self.note("create", &pod)));
        actions
    }

    /// Whether something could be done to a pod, as events tell it.
    fn note(&self, verb: &str, pod: &str) -> Note {
        let subject = format!("{verb} Pod {pod} in StatefulSet {}", self.set.name());
        let (done, refused) = match verb {
            "create" => ("SuccessfulCreate", "FailedCreate"),
            "delete" => ("SuccessfulDelete", "FailedDelete"),
            _ => ("SuccessfulUpdate", "FailedUpdate"),
        };
        Note::about(&self.set)
            .normal(done, format!("{subject} successful"))
            .on_refusal(refused, format!("{subject} failed error: {{error}}"))
    }

    fn delete(&self, pod: &PodRef<'_>) -> Action {
        Action::delete(pod).noted(self.note("delete", pod.name()))
    }

    fn delete_ended(&self, pod: &PodRef<'_>) -> Action {
        let (set, namespace) = (self.set.name(), self.set.namespace());
        let subject = format!("StatefulSet {namespace}/{set} is recreating");
        let note = Note::about(&self.set);
        let note = if pod.phase() == "Failed" {
            let message = format!("{subject} failed Pod {}", pod.name());
            note.warning("RecreatingFailedPod", message)
        } else {
            let message = format!("{subject} terminated Pod {}", pod.name());
            note.normal("RecreatingTerminatedPod", message)
        };
        let deleted = self.note("delete", pod.name());
        Action::delete(pod).noted(note).noted(deleted)
    }

    /// Claims belong to whom they are to go with before that goes.
    fn retained_claims(&self) -> impl Iterator<Item = Action> {
        let wanted = self.ordinals();
        self.pods.iter().flat_map(move |(ordinal, pod)| {
            let is_wanted = wanted.contains(ordinal);
            retention::claims(self.view, &self.set, (*ordinal, pod), is_wanted)
        })
    }

    /// The claims that a pod lacks, which is to be created or is there already: `verb` says which.
    fn missing_claims(&self, ordinal: i64, verb: &str) -> Vec<Action> {
        let templates = self.set.body.spec.volume_claim_templates.iter();
        let claims = templates.map(|template| identity::claim(&self.set, template, ordinal));
        let missing = claims.filter(|claim: &Value| {
            let name = claim["metadata"]["name"].as_str().unwrap_or_default();
            let key = Key::new(self.set.namespace(), name);
            self.view.world.find(super::Kind::Claim, &key).is_none()
        });
        let (set, pod) = (
            self.set.name(),
            identity::pod_name(self.set.name(), ordinal),
        );
        let create = |claim: Value| {
            let name = claim["metadata"]["name"].as_str().unwrap_or_default();
            let of_claim = Note::about(&self.set)
                .normal(
                    "SuccessfulCreate",
                    format!("create Claim {name} Pod {pod} in StatefulSet {set} success"),
                )
                .on_refusal(
                    "FailedCreate",
                    format!(
                        "create Claim {name} for Pod {pod} in StatefulSet {set} failed error: \
                         {{error}}"
                    ),
                );
            let of_pod = Note::about(&self.set).on_refusal(
                if verb == "create" {
                    "FailedCreate"
                } else {
                    "FailedUpdate"
                },
                format!(
                    "{verb} Pod {pod} in StatefulSet {set} failed error: failed to create PVC \
                     {name}: {{error}}"
                ),
            );
            let create = Action::Create {
                kind: super::Kind::Claim,
                namespace: self.set.namespace().to_owned(),
                object: claim,
            };
            create.noted(of_claim).noted(of_pod)
        };
        missing.map(create).collect()
    }
}

fn is_of(pod: &PodRef<'_>, revision: &RevisionRef<'_>) -> bool {
    pod.label(REVISION_LABEL) == Some(revision.name())
}
