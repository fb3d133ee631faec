//! Deployments: replica sets by template, and the way from one to the next.
//!
//! One look makes at most one kind of change: create the new set, scale, or clean up. Its events bring
//! the next look.

mod annotations;
mod rollout;
mod status;
#[cfg(test)]
mod tests;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::{Value, json};

use super::claiming::{claim, selector};
use super::conditions::count;
use super::model::{Deployment, Pod, ReplicaSet};
use super::note::Note;
use super::resources::Kind;
use super::template::{hash, set_label};
use super::world::{Key, Object, PodRef};
use super::{Action, Verdict, View};

/// The label that tells a deployment's replica sets and their pods apart.
const HASH_LABEL: &str = "pod-template-hash";

type SetRef<'a> = Object<'a, ReplicaSet>;

pub(super) fn observe(view: &View<'_>, key: &Key) -> Verdict {
    let Some(deployment) = view.world.get::<Deployment>(key) else {
        return Verdict::nothing();
    };
    if selector(&deployment.body.spec.selector).is_none() {
        return Verdict::nothing();
    }
    let claimed = claim::<ReplicaSet, _>(view, &deployment, &deployment.body.spec.selector);
    if !claimed.actions.is_empty() {
        return Verdict::write(claimed.actions);
    }
    Rollout::new(view, deployment, claimed.owned).verdict()
}

/// A deployment with its replica sets.
struct Rollout<'a> {
    view: &'a View<'a>,
    deployment: Object<'a, Deployment>,
    /// The set of today's template.
    new: Option<SetRef<'a>>,
    /// The other sets, oldest first.
    old: Vec<SetRef<'a>>,
}

impl<'a> Rollout<'a> {
    fn new(
        view: &'a View<'a>,
        deployment: Object<'a, Deployment>,
        mut sets: Vec<SetRef<'a>>,
    ) -> Self {
        sets.sort_by(|a, b| (a.created(), a.name()).cmp(&(b.created(), b.name())));
        let wanted = without_hash(&deployment.body.spec.template);
        let new = sets
            .iter()
            .position(|set| without_hash(&set.body.spec.template) == wanted)
            .map(|index| sets.remove(index));
        Self {
            view,
            deployment,
            new,
            old: sets,
        }
    }

    fn verdict(&self) -> Verdict {
        let spec = &self.deployment.body.spec;
        if self.deployment.is_deleting() {
            return self.status_only();
        }
        if let Some(action) = self.pause_condition() {
            return Verdict::write([action]);
        }
        if spec.paused || self.is_scaling() {
            let mut actions: Vec<Action> = self.annotate_new().into_iter().collect();
            actions.extend(self.scale_in_proportion());
            if actions.is_empty() && spec.paused {
                actions = self.clean_up();
            }
            return self.with_status(actions, false);
        }
        if spec.strategy.kind == "Recreate" {
            self.recreate()
        } else {
            self.roll()
        }
    }

    fn roll(&self) -> Verdict {
        if self.new.is_none() {
            return self.create_new();
        }
        let mut actions: Vec<Action> = self.annotate_new().into_iter().collect();
        if actions.is_empty() {
            actions.extend(self.grow_new());
        }
        if actions.is_empty() {
            actions = self.shrink_old();
        }
        if actions.is_empty() && self.is_complete() {
            actions = self.clean_up();
        }
        self.with_status(actions, true)
    }

    fn recreate(&self) -> Verdict {
        let active = self.old.iter().filter(|set| replicas(set) > 0);
        let mut actions: Vec<Action> = active.map(|set| self.scale(set, 0)).collect();
        if actions.is_empty() && !self.old_pods_run() {
            let Some(new) = &self.new else {
                return self.create_new();
            };
            actions.extend(self.annotate_new());
            if actions.is_empty() && replicas(new) != self.replicas() {
                actions.push(self.scale(new, self.replicas()));
            }
            if actions.is_empty() && self.is_complete() {
                actions = self.clean_up();
            }
        }
        self.with_status(actions, true)
    }

    fn old_pods_run(&self) -> bool {
        let pods = |set: &SetRef<'a>| self.view.world.controlled::<Pod>(set.uid());
        self.old
            .iter()
            .any(|set| pods(set).any(|pod: PodRef<'_>| !pod.is_finished()))
    }

    fn create_new(&self) -> Verdict {
        let deployment = &self.deployment;
        let collisions = count(&deployment.body.status, "collisionCount");
        if self.view.failure.is_some_and(|failure| failure.name_taken) {
            // The name is another's: another hash makes another name.
            return self.count_collision(collisions);
        }
        let spec = &deployment.body.spec;
        let hash = hash(&spec.template, collisions);
        let mut template = spec.template.clone();
        set_label(&mut template, HASH_LABEL, &hash);
        let mut selector = spec.selector.clone();
        let labels = selector.match_labels.get_or_insert_default();
        labels.insert(HASH_LABEL.to_owned(), hash.clone());
        let owner = self.view.world.resources()[deployment.resource]
            .controller_reference(deployment.name(), deployment.uid());
        let name = format!("{}-{hash}", deployment.name());
        let replicas = if spec.strategy.kind == "Recreate" {
            self.replicas()
        } else {
            self.new_replicas(0)
        };
        let mut spec = json!({
            "replicas": replicas, "selector": selector, "template": template,
        });
        if self.deployment.body.spec.min_ready_seconds != 0 {
            spec["minReadySeconds"] = self.deployment.body.spec.min_ready_seconds.into();
        }
        let object = json!({
            "metadata": {
                "name": name,
                "labels": spec["template"]["metadata"]["labels"],
                "annotations": self.annotations_of_new(),
                "ownerReferences": [owner],
            },
            "spec": spec,
        });
        let note = Note::about(deployment).on_refusal(
            "ReplicaSetCreateError",
            format!("Failed to create new replica set {name:?}: {{error}}"),
        );
        let create = Action::Create {
            kind: Kind::ReplicaSet,
            namespace: deployment.namespace().to_owned(),
            object,
        };
        let create = create.noted(if replicas > 0 {
            note.normal("ScalingReplicaSet", scaling(&name, 0, replicas))
        } else {
            note
        });
        let mut actions = self
            .failure_to_create(&name)
            .into_iter()
            .collect::<Vec<_>>();
        actions.push(create);
        actions.extend(self.created(&name));
        Verdict::write(actions)
    }

    fn replicas(&self) -> i64 {
        i64::from(self.deployment.body.spec.replicas.unwrap_or(1))
    }

    fn is_rolling(&self) -> bool {
        self.deployment.body.spec.strategy.kind != "Recreate"
    }

    /// Pods above the wanted number while rolling.
    fn max_surge(&self) -> i64 {
        if self.is_rolling() {
            self.bounds().0
        } else {
            0
        }
    }

    /// Pods that may be missing while rolling.
    fn max_unavailable(&self) -> i64 {
        if self.is_rolling() && self.replicas() != 0 {
            self.bounds().1.min(self.replicas())
        } else {
            0
        }
    }

    /// Surge and unavailable pods; not both nought, or nothing could move.
    fn bounds(&self) -> (i64, i64) {
        let rolling = &self.deployment.body.spec.strategy.rolling_update;
        let surge = scaled(rolling.max_surge.as_ref(), self.replicas(), true);
        let unavailable = scaled(rolling.max_unavailable.as_ref(), self.replicas(), false);
        if surge == 0 && unavailable == 0 {
            (0, 1)
        } else {
            (surge, unavailable)
        }
    }

    fn sets(&self) -> impl Iterator<Item = &SetRef<'a>> {
        self.old.iter().chain(&self.new)
    }

    fn scale(&self, set: &SetRef<'_>, replicas: i64) -> Action {
        let patch = json!({
            "metadata": { "annotations": self.size_annotations() },
            "spec": { "replicas": replicas },
        });
        let scale = Action::patch(set, patch);
        let before = self::replicas(set);
        if before == replicas {
            return scale;
        }
        let note = Note::about(&self.deployment);
        scale.noted(note.normal("ScalingReplicaSet", scaling(set.name(), before, replicas)))
    }
}

fn scaling(set: &str, before: i64, after: i64) -> String {
    let way = if after > before { "up" } else { "down" };
    format!("Scaled {way} replica set {set} from {before} to {after}")
}

/// The size that a set is told to have.
fn replicas(set: &SetRef<'_>) -> i64 {
    i64::from(set.body.spec.replicas.unwrap_or(1))
}

fn without_hash(template: &Value) -> Value {
    let mut template = template.clone();
    if let Some(Value::Object(labels)) = template.pointer_mut("/metadata/labels") {
        labels.remove(HASH_LABEL);
    }
    template
}

/// A number or a share of a total, as rolling updates are bounded by; absent means a quarter.
pub(super) fn scaled(value: Option<&IntOrString>, total: i64, round_up: bool) -> i64 {
    let percent = |percent: i64| {
        if round_up {
            (percent * total + 99) / 100
        } else {
            percent * total / 100
        }
    };
    match value {
        None => percent(25),
        Some(IntOrString::Int(number)) => i64::from(*number),
        Some(IntOrString::String(text)) => text
            .strip_suffix('%')
            .and_then(|share| share.parse().ok())
            .map_or(0, percent),
    }
}
