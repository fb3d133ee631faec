//! Claims get volumes, and volumes that are left are released.
//!
//! A binding is made in steps, each a write of its own: the volume names the claim, says that it is bound,
//! then the claim names the volume and says so. Each makes whoever has to do the next one look again.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::action::Action;
use super::model::{Claim, StorageClass, Volume};
use super::note::Note;
use super::resources::Kind;
use super::world::{Entry, Key, Object, typed};
use super::{Verdict, View};
use crate::storage::{
    BIND_COMPLETED, BOUND_BY_CONTROLLER, Of, PROVISIONED_BY, PROVISIONER, PROVISIONER_BETA,
    marks_default, storage,
};

type ClaimRef<'a> = Object<'a, Claim>;
type VolumeRef<'a> = Object<'a, Volume>;

pub(super) fn observe(view: &View<'_>, key: &Key) -> Verdict {
    if key.namespace.is_empty() {
        let volume = view.world.get::<Volume>(key);
        return Verdict::write(volume.and_then(|volume| volume_write(view, &volume)));
    }
    let claim = view.world.get::<Claim>(key);
    let claim = claim.filter(|claim| !claim.is_deleting());
    Verdict::write(claim.and_then(|claim| claim_write(view, &claim)))
}

impl<'a, T> Object<'a, T> {
    fn of(&self) -> Of<'a, T> {
        Of {
            meta: self.meta,
            body: self.body,
        }
    }
}

/// What a claim needs next.
fn claim_write(view: &View<'_>, claim: &ClaimRef<'_>) -> Option<Action> {
    let named = &claim.body.spec.volume_name;
    let volume = view.world.get::<Volume>(&Key::new("", named));
    if claim.annotation(BIND_COMPLETED).is_some() {
        return once_bound(claim, volume.as_ref());
    }
    if named.is_empty() {
        return anyhow_bound(view, claim);
    }
    let Some(volume) = volume else {
        return pending(claim, None);
    };
    let note = Note::about(claim);
    match &volume.body.spec.claim_ref {
        None => match claim.of().mismatch(volume.of()) {
            None => bind(claim, &volume),
            Some(why) => {
                let message = format!("Cannot bind to requested volume {named:?}: {why}");
                pending(claim, Some(note.warning("VolumeMismatch", message)))
            }
        },
        Some(_) if volume.of().is_reserved_for(claim.meta) => bind(claim, &volume),
        Some(_) => {
            let message = format!("volume {named:?} already bound to a different claim.");
            pending(claim, Some(note.warning("FailedBinding", message)))
        }
    }
}

/// What a claim needs that names no volume.
fn anyhow_bound(view: &View<'_>, claim: &ClaimRef<'_>) -> Option<Action> {
    let named = claim.of().class();
    let class = view.world.get::<StorageClass>(&Key::new("", named));
    let waits = class.is_some_and(|class| class.body.waits_for_pod());
    let volumes = view.world.all::<Volume>(None);
    if let Some(chosen) = claim.of().choose(volumes.map(|volume| volume.of()), waits)
        && let Some(volume) = view.world.get::<Volume>(&Key::new("", chosen.name()))
    {
        return bind(claim, &volume);
    }
    let note = Note::about(claim);
    if waits && claim.annotation(crate::storage::SELECTED_NODE).is_none() {
        let message = "waiting for first consumer to be created before binding";
        return pending(claim, Some(note.normal("WaitForFirstConsumer", message)));
    }
    if named.is_empty() {
        if let Some(class) = default_class(view).filter(|_| claim.of().leaves_class_open()) {
            let patch = json!({ "spec": { "storageClassName": class } });
            return Some(Action::patch(claim, patch));
        }
        let message = "no persistent volumes available for this claim and no storage class is set";
        return pending(claim, Some(note.normal("FailedBinding", message)));
    }
    let Some(class) = class else {
        let message = format!("storageclass.storage.k8s.io {named:?} not found");
        return pending(claim, Some(note.warning("ProvisioningFailed", message)));
    };
    match class.body.driver() {
        Ok(driver) => ask_driver(claim, driver),
        Err(why) => pending(claim, Some(note.warning("ProvisioningFailed", why))),
    }
}

/// Lets a driver know that it is to make a volume.
fn ask_driver(claim: &ClaimRef<'_>, driver: &str) -> Option<Action> {
    if claim.annotation(PROVISIONER) == Some(driver) {
        return None;
    }
    let message = format!(
        "Waiting for a volume to be created either by the external provisioner '{driver}' or manually by \
         the system administrator. If volume creation is delayed, please verify that the provisioner is \
         running and correctly registered."
    );
    let annotations = json!({ PROVISIONER: driver, PROVISIONER_BETA: driver });
    let patch = json!({ "metadata": { "annotations": annotations } });
    let note = Note::about(claim).normal("ExternalProvisioning", message);
    Some(Action::patch(claim, patch).noted(note))
}

/// The class of claims that name none, the youngest of several.
fn default_class<'a>(view: &View<'a>) -> Option<&'a str> {
    let classes = view.world.all::<StorageClass>(None);
    let default = classes.filter(|class| marks_default(|name| class.annotation(name)));
    let youngest = default.min_by_key(|class| (std::cmp::Reverse(class.created()), class.name()));
    youngest.map(|class| class.name())
}

/// A claim waits, and tells why.
fn pending(claim: &ClaimRef<'_>, note: Option<Note>) -> Option<Action> {
    let write = claim_status(claim, "Pending", None);
    match (write, note) {
        (Some(write), Some(note)) => Some(write.noted(note)),
        (None, Some(note)) => Some(Action::Tell(note)),
        (write, None) => write,
    }
}

/// What a claim needs whose binding was done.
fn once_bound(claim: &ClaimRef<'_>, volume: Option<&VolumeRef<'_>>) -> Option<Action> {
    let lost = |reason, message: &str| {
        let note = Note::about(claim).warning(reason, message);
        claim_status(claim, "Lost", None).map(|write| write.noted(note))
    };
    if claim.body.spec.volume_name.is_empty() {
        return lost(
            "ClaimLost",
            "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!",
        );
    }
    let Some(volume) = volume else {
        return lost(
            "ClaimLost",
            "Bound claim has lost its PersistentVolume. Data on the volume is lost!",
        );
    };
    match &volume.body.spec.claim_ref {
        Some(reference) if reference.uid != claim.uid() => lost(
            "ClaimMisbound",
            "Two claims are bound to the same volume, this one is bound incorrectly",
        ),
        _ => bind(claim, volume),
    }
}

/// The next step of a binding.
fn bind(claim: &ClaimRef<'_>, volume: &VolumeRef<'_>) -> Option<Action> {
    volume_names_claim(claim, volume)
        .or_else(|| volume_status(volume, "Bound", None))
        .or_else(|| claim_names_volume(claim, volume))
        .or_else(|| claim_status(claim, "Bound", Some(volume.body)))
}

fn volume_names_claim(claim: &ClaimRef<'_>, volume: &VolumeRef<'_>) -> Option<Action> {
    let reference = volume.body.spec.claim_ref.as_ref();
    if reference.is_some_and(|reference| reference.uid == claim.uid()) {
        return None;
    }
    let mut patch = json!({ "spec": { "claimRef": claim.of().reference() } });
    if !volume.of().is_reserved_for(claim.meta) {
        patch["metadata"]["annotations"][BOUND_BY_CONTROLLER] = "yes".into();
    }
    Some(Action::patch(volume, patch))
}

fn claim_names_volume(claim: &ClaimRef<'_>, volume: &VolumeRef<'_>) -> Option<Action> {
    let named = claim.body.spec.volume_name == volume.name();
    if named && claim.annotation(BIND_COMPLETED).is_some() {
        return None;
    }
    let mut annotations = json!({ BIND_COMPLETED: "yes" });
    if !named {
        annotations[BOUND_BY_CONTROLLER] = "yes".into();
    }
    let spec = json!({ "volumeName": volume.name() });
    let patch = json!({ "metadata": { "annotations": annotations }, "spec": spec });
    Some(Action::patch(claim, patch))
}

fn claim_status(claim: &ClaimRef<'_>, phase: &str, volume: Option<&Volume>) -> Option<Action> {
    let old = &claim.body.status;
    let modes = volume.map(|volume| &volume.spec.access_modes);
    let capacity = volume.map(|volume| &volume.spec.capacity);
    let none = BTreeMap::default();
    // A claim that has been made larger keeps what it has got.
    let same_size = capacity.map_or(old.capacity.is_empty(), |capacity| {
        storage(capacity) == storage(&old.capacity)
    });
    let same_modes = modes.map_or(old.access_modes.is_empty(), |modes| {
        *modes == old.access_modes
    });
    if old.phase == phase && same_size && same_modes {
        return None;
    }
    let capacity = match capacity {
        Some(_) if same_size => &old.capacity,
        Some(capacity) => capacity,
        None => &none,
    };
    let filled = |value: Value| {
        let empty = value.as_array().is_none_or(Vec::is_empty)
            && value.as_object().is_none_or(serde_json::Map::is_empty);
        if empty { Value::Null } else { value }
    };
    Some(Action::PatchStatus {
        target: claim.into(),
        status: json!({
            "phase": phase, "accessModes": filled(json!(modes)), "capacity": filled(json!(capacity)),
        }),
        annotations: Value::Null,
    })
}

fn volume_status(volume: &VolumeRef<'_>, phase: &str, message: Option<&str>) -> Option<Action> {
    (volume.body.status.phase != phase).then(|| Action::PatchStatus {
        target: volume.into(),
        status: json!({ "phase": phase, "message": message }),
        annotations: Value::Null,
    })
}

/// What a volume needs next.
fn volume_write(view: &View<'_>, volume: &VolumeRef<'_>) -> Option<Action> {
    let reference = volume.body.spec.claim_ref.as_ref();
    let Some(reference) = reference.filter(|reference| !reference.uid.is_empty()) else {
        return volume_status(volume, "Available", None);
    };
    let key = Key::new(&reference.namespace, &reference.name);
    let claim = view.world.get::<Claim>(&key);
    let claim = claim.filter(|claim| claim.uid() == reference.uid);
    let Some(claim) = claim else {
        return released(volume);
    };
    let of_claim = &claim.body.spec.volume_name;
    if of_claim.is_empty() {
        // The binding is under way.
        return None;
    }
    if of_claim == volume.name() {
        return volume_status(volume, "Bound", None);
    }
    if volume.annotation(PROVISIONED_BY).is_some() && volume.body.spec.reclaim_policy == "Delete" {
        return released(volume);
    }
    Some(unbind(volume))
}

/// A volume whose claim has gone.
fn released(volume: &VolumeRef<'_>) -> Option<Action> {
    match volume.body.status.phase.as_str() {
        "Failed" => None,
        "Released" => reclaim(volume),
        _ => volume_status(volume, "Released", None),
    }
}

fn reclaim(volume: &VolumeRef<'_>) -> Option<Action> {
    let spec = &volume.body.spec;
    let failed = |reason, message: &str| {
        let note = Note::about(volume).warning(reason, message);
        volume_status(volume, "Failed", Some(message)).map(|write| write.noted(note))
    };
    match (spec.reclaim_policy.as_str(), &spec.host_path) {
        ("Recycle", path) if path.is_some() || spec.nfs.is_some() => {
            let note = Note::about(volume).normal("VolumeRecycled", "Volume recycled");
            Some(unbind(volume).noted(note))
        }
        ("Recycle", _) => failed(
            "VolumeFailedRecycle",
            "No recycler plugin found for the volume!",
        ),
        // Whoever has made it takes it away.
        ("Delete", _) if volume.annotation(PROVISIONED_BY).is_some() => None,
        ("Delete", Some(path)) if path.path.len() > 5 && path.path.starts_with("/tmp/") => {
            (!volume.is_deleting()).then(|| Action::delete(volume))
        }
        ("Delete", Some(path)) => failed(
            "VolumeFailedDelete",
            &format!(
                "host_path deleter only supports /tmp/.+ but received provided {}",
                path.path
            ),
        ),
        ("Delete", None) => failed(
            "VolumeFailedDelete",
            &format!(
                "error getting deleter volume plugin for volume {:?}: no deletable volume plugin matched",
                volume.name()
            ),
        ),
        _ => None,
    }
}

/// Takes a binding back; a claim that somebody has reserved the volume for can still have it.
fn unbind(volume: &VolumeRef<'_>) -> Action {
    let patch = if volume.annotation(BOUND_BY_CONTROLLER).is_some() {
        let annotations = json!({ BOUND_BY_CONTROLLER: null });
        json!({ "metadata": { "annotations": annotations }, "spec": { "claimRef": null } })
    } else {
        json!({ "spec": { "claimRef": { "uid": null } } })
    };
    Action::patch(volume, patch)
}

/// Whether a claim still waits for a volume.
pub(super) fn waits(entry: &Entry) -> bool {
    typed::<Claim>(entry).is_some_and(|claim| !claim.of().is_bound())
}

/// The volumes that a claim is about: the one it names, or those that name it.
pub(super) fn of_claim<'a>(view: &'a super::World, entry: &'a Entry) -> Vec<Key> {
    let Some(claim) = typed::<Claim>(entry) else {
        return Vec::new();
    };
    let named = &claim.body.spec.volume_name;
    if !named.is_empty() {
        return vec![Key::new("", named)];
    }
    let volumes = view.all::<Volume>(None);
    let naming = volumes.filter(|volume| {
        let reference = volume.body.spec.claim_ref.as_ref();
        reference.is_some_and(|r| r.name == claim.name() && r.namespace == claim.namespace())
    });
    naming.map(|volume| Key::new("", volume.name())).collect()
}

/// The claims that a volume is about: the one it names, or all that wait.
pub(super) fn of_volume(view: &super::World, entry: &Entry) -> Vec<Key> {
    let reference = typed::<Volume>(entry).and_then(|volume| volume.body.spec.claim_ref.as_ref());
    match reference {
        Some(reference) => vec![Key::new(&reference.namespace, &reference.name)],
        None => waiting(view),
    }
}

/// All claims that wait.
pub(super) fn waiting(world: &super::World) -> Vec<Key> {
    let claims = world.resource(Kind::Claim).into_iter();
    let claims = claims.flat_map(|claims| world.entries(claims, None));
    claims
        .filter(|claim| waits(claim))
        .map(Entry::key)
        .collect()
}
