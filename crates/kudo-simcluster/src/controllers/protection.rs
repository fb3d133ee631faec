//! Claims and volumes that are deleted go once nothing uses them any more.

use super::action::Action;
use super::garbage::{has_finalizer, without_finalizer};
use super::model::{Pod, Volume};
use super::resources::Kind;
use super::world::{Entry, Key};
use super::{Verdict, View};

const CLAIM: &str = "kubernetes.io/pvc-protection";
const VOLUME: &str = "kubernetes.io/pv-protection";

pub(super) fn observe(view: &View<'_>, key: &Key) -> Verdict {
    if key.namespace.is_empty() {
        let volume = view.world.get::<Volume>(key);
        let free = volume.is_some_and(|volume| volume.body.status.phase != "Bound");
        let volume = view.world.find(Kind::Volume, key).filter(|_| free);
        return Verdict::write(volume.and_then(|volume| released(volume, VOLUME)));
    }
    let claim = view.world.find(Kind::Claim, key);
    let is_used = || {
        let mut pods = view.world.all::<Pod>(Some(&key.namespace));
        // A pod without a node does not start with a claim that is being deleted.
        pods.any(|pod| {
            let mut claims = pod.body.spec.claims(pod.name());
            !pod.body.spec.node_name.is_empty() && claims.any(|claim| *claim == *key.name)
        })
    };
    let released = claim.and_then(|claim| released(claim, CLAIM));
    Verdict::write(released.filter(|_| !is_used()))
}

fn released(entry: &Entry, finalizer: &str) -> Option<Action> {
    let goes = entry.meta.deletion_timestamp.is_some() && has_finalizer(entry, finalizer);
    goes.then(|| without_finalizer(entry, finalizer))
}
