//! The annotations by which a deployment remembers revisions and sizes.

use serde_json::{Map, Value, json};

use super::{Action, Rollout, SetRef};

const REVISION: &str = "deployment.kubernetes.io/revision";
const REVISION_HISTORY: &str = "deployment.kubernetes.io/revision-history";
pub(super) const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
pub(super) const MAX: &str = "deployment.kubernetes.io/max-replicas";

/// Annotations of a deployment that are not its sets'.
const OWN: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    REVISION_HISTORY,
    DESIRED,
    MAX,
    "deprecated.deployment.rollback.to",
];

impl Rollout<'_> {
    pub(super) fn size_annotations(&self) -> Value {
        json!({
            DESIRED: self.replicas().to_string(),
            MAX: (self.replicas() + self.max_surge()).to_string(),
        })
    }

    /// The annotations that the new set is created with.
    pub(super) fn annotations_of_new(&self) -> Value {
        let mut annotations = self.size_annotations();
        for (name, value) in self.copied() {
            annotations[name] = value.into();
        }
        annotations[REVISION] = self.next_revision().to_string().into();
        annotations
    }

    /// The annotation by which the deployment tells its revision, where it is to change.
    pub(super) fn own_annotation(&self) -> Option<Value> {
        let revision = self.revision_of_new(self.new.as_ref()?).to_string();
        let changed = self.deployment.annotation(REVISION) != Some(&revision);
        changed.then(|| json!({ REVISION: revision }))
    }

    fn revision_of_new(&self, new: &SetRef<'_>) -> i64 {
        self.next_revision().max(revision(new))
    }

    /// Brings the annotations of the new set and its readiness time up to date.
    pub(super) fn annotate_new(&self) -> Option<Action> {
        let new = self.new.as_ref()?;
        let mut annotations = Map::new();
        for (name, value) in self.copied() {
            if new.annotation(name) != Some(value) {
                annotations.insert(name.to_owned(), value.into());
            }
        }
        let had = new.annotation(REVISION);
        let revision = self.revision_of_new(new);
        if had.is_none() || revision > self::revision(new) {
            annotations.insert(REVISION.to_owned(), revision.to_string().into());
            // An old set that is the new one again keeps the numbers it had.
            if let Some(had) = had {
                let history = new.annotation(REVISION_HISTORY).filter(|h| !h.is_empty());
                let history = history.map_or_else(|| had.to_owned(), |h| format!("{h},{had}"));
                annotations.insert(REVISION_HISTORY.to_owned(), history.into());
            }
        }
        let min_ready = self.deployment.body.spec.min_ready_seconds;
        let mut patch = json!({});
        if !annotations.is_empty() {
            patch["metadata"]["annotations"] = Value::Object(annotations);
        }
        if new.body.spec.min_ready_seconds != min_ready {
            patch["spec"]["minReadySeconds"] = min_ready.into();
        }
        (patch != json!({})).then(|| Action::patch(new, patch))
    }

    fn copied(&self) -> impl Iterator<Item = (&str, &str)> {
        let annotations = self.deployment.meta.annotations.iter().flatten();
        annotations
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .filter(|(name, _)| !OWN.contains(name))
    }

    fn next_revision(&self) -> i64 {
        self.old.iter().map(revision).max().unwrap_or(0) + 1
    }
}

/// The revision of a set; none counts as nought.
pub(super) fn revision(set: &SetRef<'_>) -> i64 {
    let revision = set.annotation(REVISION);
    revision.and_then(|r| r.parse().ok()).unwrap_or(0)
}

/// A size that was annotated.
pub(super) fn size(set: &SetRef<'_>, annotation: &str) -> Option<i64> {
    set.annotation(annotation)?.parse().ok()
}
