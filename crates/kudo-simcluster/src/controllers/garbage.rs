//! The garbage collector: what becomes of an object whose owners go.
//!
//! The unit of work is one object, by uid.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::PropagationPolicy;
use serde_json::json;

use super::action::{Action, Target};
use super::claiming::owners_patch;
use super::world::{Entry, Key};
use super::{Verdict, View};

const FOREGROUND: &str = "foregroundDeletion";
const ORPHAN: &str = "orphan";

pub(super) fn observe(view: &View<'_>, key: &Key) -> Verdict {
    let Some(entry) = view.world.entry(&key.name) else {
        return Verdict::nothing();
    };
    if entry.meta.deletion_timestamp.is_some() {
        if has_finalizer(entry, ORPHAN) {
            return orphan_dependents(view, entry);
        }
        if has_finalizer(entry, FOREGROUND) {
            return await_dependents(view, entry);
        }
        return Verdict::nothing();
    }
    by_owners(view, entry)
}

fn uid(entry: &Entry) -> &str {
    entry.meta.uid.as_deref().unwrap_or_default()
}

pub(super) fn has_finalizer(entry: &Entry, name: &str) -> bool {
    let mut finalizers = entry.meta.finalizers.iter().flatten();
    finalizers.any(|finalizer| finalizer == name)
}

pub(super) fn without_finalizer(entry: &Entry, name: &str) -> Action {
    let finalizers = entry.meta.finalizers.iter().flatten();
    let kept: Vec<&String> = finalizers.filter(|finalizer| *finalizer != name).collect();
    let patch = json!({ "metadata": { "finalizers": kept } });
    Action::patch(Target::of(entry), patch)
}

/// Takes the owner out of what it owns, then lets it go.
fn orphan_dependents(view: &View<'_>, owner: &Entry) -> Verdict {
    let release = |dependent: &Entry| {
        let patch = owners_patch(&dependent.meta, |other| other != uid(owner), None);
        Action::patch(Target::of(dependent), patch)
    };
    let released = view.world.dependents(uid(owner)).map(release);
    Verdict::write(released.chain([without_finalizer(owner, ORPHAN)]))
}

/// Lets a foreground deletion come to its end once nothing that blocks it is left.
fn await_dependents(view: &View<'_>, owner: &Entry) -> Verdict {
    let blocks = |dependent: &&Entry| {
        let owners = dependent.meta.owner_references.iter().flatten();
        let mut this = owners.filter(|reference| reference.uid == uid(owner));
        this.any(|reference| reference.block_owner_deletion == Some(true))
    };
    if !view.world.dependents(uid(owner)).any(|d| blocks(&d)) {
        return Verdict::write([without_finalizer(owner, FOREGROUND)]);
    }
    // Each dependent goes its own way, but nobody else may have asked it to look.
    let waiting = view.world.dependents(uid(owner));
    let waiting = waiting.filter(|dependent| dependent.meta.deletion_timestamp.is_none());
    Verdict::write(waiting.flat_map(|dependent| by_owners(view, dependent).actions))
}

/// What an owner reference points at.
enum Owner {
    Exists,
    /// It waits for this object's end.
    Waits,
    Absent,
    Unknown(Action),
    /// Of a kind that the server does not have: nobody can tell.
    Obscure,
}

fn classify(view: &View<'_>, dependent: &Entry, reference: &OwnerReference) -> Owner {
    let namespace = dependent.meta.namespace.as_deref().unwrap_or_default();
    if view.world.is_absent(&reference.uid) {
        return Owner::Absent;
    }
    let known = view.world.entry(&reference.uid);
    let resource = known
        .map(|owner| owner.resource)
        .or_else(|| view.world.meant(reference));
    let Some(resource) = resource else {
        return Owner::Obscure;
    };
    let namespaced = view.world.resources()[resource].namespaced;
    // An object without a namespace cannot be owned from within one.
    if namespaced && namespace.is_empty() {
        return Owner::Obscure;
    }
    let key = Key::new(if namespaced { namespace } else { "" }, &reference.name);
    match known {
        Some(owner) if owner.key() == key => {
            if owner.meta.deletion_timestamp.is_some() && has_finalizer(owner, FOREGROUND) {
                Owner::Waits
            } else {
                Owner::Exists
            }
        }
        // The name or namespace is wrong: no such owner.
        Some(_) => Owner::Absent,
        None => Owner::Unknown(Action::Verify {
            resource,
            key,
            uid: reference.uid.clone(),
        }),
    }
}

/// Deletes an object without an owner left, and forgets the owners that are gone.
fn by_owners(view: &View<'_>, entry: &Entry) -> Verdict {
    let references = entry.meta.owner_references.as_deref().unwrap_or_default();
    if references.is_empty() {
        return Verdict::nothing();
    }
    let (mut exist, mut waits) = (false, false);
    let mut lost: Vec<&str> = Vec::new();
    let mut questions = Vec::new();
    for reference in references {
        match classify(view, entry, reference) {
            Owner::Exists | Owner::Obscure => exist = true,
            Owner::Waits => {
                waits = true;
                lost.push(&reference.uid);
            }
            Owner::Absent => lost.push(&reference.uid),
            Owner::Unknown(question) => questions.push(question),
        }
    }
    if !questions.is_empty() {
        return Verdict::write(questions);
    }
    if exist {
        if lost.is_empty() {
            return Verdict::nothing();
        }
        let patch = owners_patch(&entry.meta, |owner| !lost.contains(&owner), None);
        return Verdict::write([Action::patch(Target::of(entry), patch)]);
    }
    let has_dependents = view.world.dependents(uid(entry)).next().is_some();
    let propagation = if has_finalizer(entry, ORPHAN) {
        PropagationPolicy::Orphan
    } else if has_finalizer(entry, FOREGROUND) || waits && has_dependents {
        PropagationPolicy::Foreground
    } else {
        PropagationPolicy::Background
    };
    Verdict::write([Action::Delete {
        target: Target::of_any_version(entry),
        propagation: Some(propagation),
    }])
}

#[cfg(test)]
mod tests;
