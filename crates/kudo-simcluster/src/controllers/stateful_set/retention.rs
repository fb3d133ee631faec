//! Claims that go with their stateful set, or with the pod that is no longer wanted: they belong to it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use serde_json::Value;

use super::SetRef;
use super::identity::claim_name;
use crate::controllers::View;
use crate::controllers::action::{Action, Target};
use crate::controllers::claiming::owners_patch;
use crate::controllers::resources::Kind;
use crate::controllers::world::{Key, Object, PodRef};

/// The writes that give the claims of a pod to whom they belong by the set's policy. Claims with another
/// controller, or of a set or pod that is no more, are left alone.
pub(super) fn claims(
    view: &View<'_>,
    set: &SetRef<'_>,
    (ordinal, pod): (i64, &PodRef<'_>),
    is_wanted: bool,
) -> Vec<Action> {
    let policy = &set.body.spec.persistent_volume_claim_retention_policy;
    let owner: Option<Value> = if policy.when_scaled == "Delete" && !is_wanted {
        Some(reference(view, pod))
    } else {
        (policy.when_deleted == "Delete").then(|| reference(view, set))
    };
    let templates = set.body.spec.volume_claim_templates.iter();
    let keys = templates.map(|template| {
        let name = claim_name(set, template, ordinal);
        Key::new(set.namespace(), &name)
    });
    let claims = keys.filter_map(|key| view.world.find(Kind::Claim, &key));
    claims
        .filter_map(|claim| {
            let owners = || claim.meta.owner_references.iter().flatten();
            let own = |owner: &&OwnerReference| names(view, owner, set) || names(view, owner, pod);
            let is_stale =
                |owner: &OwnerReference| owner.uid != set.uid() && owner.uid != pod.uid();
            let is_foreign =
                |owner: &OwnerReference| owner.controller == Some(true) && !own(&owner);
            if owners().filter(own).any(is_stale) || (owner.is_some() && owners().any(is_foreign)) {
                return None;
            }
            let uids = owners().filter(own).map(|owner| &*owner.uid);
            let settled = uids.eq(owner.iter().filter_map(|owner| owner["uid"].as_str()));
            (!settled).then(|| {
                let others = |uid: &str| uid != set.uid() && uid != pod.uid();
                let patch = owners_patch(&claim.meta, others, owner.clone());
                Action::patch(Target::of(claim), patch)
            })
        })
        .collect()
}

fn reference<T>(view: &View<'_>, object: &Object<'_, T>) -> Value {
    view.world.resources()[object.resource].controller_reference(object.name(), object.uid())
}

/// Whether a reference names an object, or one of its name before it.
fn names<T>(view: &View<'_>, owner: &OwnerReference, object: &Object<'_, T>) -> bool {
    owner.name == object.name() && view.world.resources()[object.resource].is_meant_by(owner)
}
