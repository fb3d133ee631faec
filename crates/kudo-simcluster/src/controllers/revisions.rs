//! The history of a stateful set or a daemon set: one controller revision for each template.

use serde_json::{Value, json};

use super::action::Action;
use super::claiming::claim;
use super::conditions::count;
use super::model::ControllerRevision;
use super::resources::Kind;
use super::template::hash;
use super::world::Object;
use super::{Verdict, View};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

pub(super) type RevisionRef<'a> = Object<'a, ControllerRevision>;

/// What a set says of its templates.
pub(super) struct Templated<'a, T> {
    pub(super) set: Object<'a, T>,
    pub(super) selector: &'a LabelSelector,
    pub(super) template: &'a Value,
    pub(super) status: &'a Value,
    /// The label that holds a revision's hash.
    pub(super) hash_label: &'a str,
}

/// The revisions of a set, oldest first.
pub(super) struct History<'a> {
    all: Vec<RevisionRef<'a>>,
    /// The revision of today's template.
    pub(super) update: RevisionRef<'a>,
}

impl<'a> History<'a> {
    /// The history, or the writes that it lacks.
    pub(super) fn of<T>(view: &View<'a>, of: &Templated<'a, T>) -> Result<Self, Verdict> {
        let claimed = claim::<ControllerRevision, _>(view, &of.set, of.selector);
        if !claimed.actions.is_empty() {
            return Err(Verdict::write(claimed.actions));
        }
        let mut all = claimed.owned;
        all.sort_by_key(|revision| (revision.body.revision, revision.created()));
        let data = data(of.template);
        let next = all.last().map_or(1, |last| last.body.revision + 1);
        let equal = all.iter().rev().find(|known| known.body.data == data);
        match equal.copied() {
            Some(update) if update.body.revision + 1 == next => Ok(Self { all, update }),
            // An old template is today's again: its revision becomes the latest.
            Some(update) => Err(Verdict::write([Action::patch(
                &update,
                json!({ "revision": next }),
            )])),
            None if of.set.is_deleting() => Err(Verdict::nothing()),
            None => Err(create(view, of, &data, next)),
        }
    }

    /// The revision of that name.
    pub(super) fn find(&self, name: &str) -> Option<RevisionRef<'a>> {
        self.all.iter().find(|known| known.name() == name).copied()
    }

    /// Deletes the oldest revisions beyond the limit that nothing uses.
    pub(super) fn clean_up(
        &self,
        limit: Option<i32>,
        is_used: impl Fn(&RevisionRef<'a>) -> bool,
    ) -> Vec<Action> {
        let limit = usize::try_from(limit.unwrap_or(10)).unwrap_or(0);
        let unused: Vec<_> = self.all.iter().filter(|r| !is_used(r)).collect();
        let surplus = unused.len().saturating_sub(limit);
        unused[..surplus]
            .iter()
            .map(|r| Action::delete(*r))
            .collect()
    }
}

/// What a revision holds: the strategic merge patch that brings the template back.
fn data(template: &Value) -> Value {
    let mut template = template.clone();
    template["$patch"] = "replace".into();
    json!({ "spec": { "template": template } })
}

fn create<T>(view: &View<'_>, of: &Templated<'_, T>, data: &Value, number: i64) -> Verdict {
    let collisions = count(of.status, "collisionCount");
    if view.failure.is_some_and(|failure| failure.name_taken) {
        let mut new = of.status.clone();
        new["collisionCount"] = (collisions + 1).into();
        return Verdict::write(Action::status(&of.set, of.status, &new));
    }
    let hash = hash(data, collisions);
    let mut labels = of.template.pointer("/metadata/labels").cloned();
    if !labels.as_ref().is_some_and(Value::is_object) {
        labels = Some(json!({}));
    }
    let mut metadata = json!({
        "name": format!("{}-{hash}", of.set.name()),
        "labels": labels,
        "ownerReferences": [view.world.resources()[of.set.resource]
            .controller_reference(of.set.name(), of.set.uid())],
    });
    metadata["labels"][of.hash_label] = hash.into();
    if let Some(annotations) = &of.set.meta.annotations {
        metadata["annotations"] = json!(annotations);
    }
    Verdict::write([Action::Create {
        kind: Kind::ControllerRevision,
        namespace: of.set.namespace().to_owned(),
        object: json!({ "metadata": metadata, "data": data, "revision": number }),
    }])
}

/// The pod template that a revision holds.
pub(super) fn template(revision: &RevisionRef<'_>) -> Value {
    let mut template = revision.body.data["spec"]["template"].clone();
    if let Value::Object(fields) = &mut template {
        fields.remove("$patch");
    }
    template
}
