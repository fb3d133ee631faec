//! Claims and volumes that are deleted go once nothing uses them any more.

use super::action::Action;
use super::garbage::{has_finalizer, without_finalizer};
use super::model::Pod;
use super::resources::Kind;
use super::world::{Entry, Key};
use super::{Verdict, View};

const CLAIM: &str = "kubernetes.io/pvc-protection";
const VOLUME: &str = "kubernetes.io/pv-protection";

pub(super) fn observe(view: &View<'_>, key: &Key) -> Verdict {
    if key.namespace.is_empty() {
        let volume = view.world.find(Kind::Volume, key);
        return Verdict::write(volume.and_then(|volume| released(volume, VOLUME)));
    }
    let claim = view.world.find(Kind::Claim, key);
    let is_used = || {
        let mut pods = view.world.all::<Pod>(Some(&key.namespace));
        // A pod without a node does not start with a claim that is being deleted.
        pods.any(|pod| {
            !pod.body.spec.node_name.is_empty() && pod.body.spec.claims().any(|c| *c == *key.name)
        })
    };
    let released = claim.and_then(|claim| released(claim, CLAIM));
    Verdict::write(released.filter(|_| !is_used()))
}

fn released(entry: &Entry, finalizer: &str) -> Option<Action> {
    let goes = entry.meta.deletion_timestamp.is_some() && has_finalizer(entry, finalizer);
    goes.then(|| without_finalizer(entry, finalizer))
}
