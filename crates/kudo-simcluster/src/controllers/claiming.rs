//! Adopting and releasing: who controls what a selector selects.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use kube::core::{Selector, SelectorExt};
use serde_json::{Value, json};

use super::View;
use super::action::Action;
use super::model::Body;
use super::world::Object;

/// The selector, unless it is empty or makes no sense: neither may select anything.
pub(super) fn selector(wanted: &LabelSelector) -> Option<Selector> {
    let empty = wanted.match_labels.as_ref().is_none_or(BTreeMap::is_empty)
        && wanted.match_expressions.as_ref().is_none_or(Vec::is_empty);
    (!empty)
        .then(|| Selector::try_from(wanted.clone()).ok())
        .flatten()
}

/// What an owner controls, and the writes that make it so.
pub(super) struct Claimed<'a, T> {
    pub(super) owned: Vec<Object<'a, T>>,
    pub(super) actions: Vec<Action>,
}

/// Sorts out which objects of a kind belong to the owner: its own that still match stay, its own that do
/// not match are released, orphans that match are adopted.
pub(super) fn claim<'a, T: Body, O>(
    view: &View<'a>,
    owner: &Object<'a, O>,
    wanted: &LabelSelector,
) -> Claimed<'a, T> {
    let mut claimed = Claimed {
        owned: Vec::new(),
        actions: Vec::new(),
    };
    let Some(wanted) = selector(wanted) else {
        return claimed;
    };
    for object in view.world.controlled::<T>(owner.uid()) {
        if wanted.matches(object.labels()) {
            claimed.owned.push(object);
        } else if !object.is_deleting() && !owner.is_deleting() {
            let patch = owners_patch(object.meta, |uid| uid != owner.uid(), None);
            claimed.actions.push(Action::patch(&object, patch));
        }
    }
    if owner.is_deleting() {
        return claimed;
    }
    let reference =
        view.world.resources()[owner.resource].controller_reference(owner.name(), owner.uid());
    for object in view.world.orphans::<T>(owner.namespace()) {
        if !object.is_deleting() && wanted.matches(object.labels()) {
            let patch = owners_patch(
                object.meta,
                |uid| uid != owner.uid(),
                Some(reference.clone()),
            );
            claimed.actions.push(Action::patch(&object, patch));
        }
    }
    claimed
}

/// The merge patch that keeps some owners and adds another.
pub(super) fn owners_patch(
    meta: &ObjectMeta,
    keep: impl Fn(&str) -> bool,
    add: Option<Value>,
) -> Value {
    let owners = meta.owner_references.iter().flatten();
    let kept = owners.filter(|owner| keep(&owner.uid)).map(|o| json!(o));
    let owners: Vec<Value> = kept.chain(add).collect();
    json!({ "metadata": { "ownerReferences": owners } })
}
