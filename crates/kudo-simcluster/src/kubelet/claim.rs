//! Binding claims where no volume controller does.
//!
//! A claim is called Bound with what it asked for; no volume is made, so none is left behind.

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use serde_json::{Value, json};

/// The merge patch of the claim's status, or nothing if it needs none.
pub(super) fn binding(claim: &PersistentVolumeClaim) -> Option<Value> {
    let phase = claim
        .status
        .as_ref()
        .and_then(|status| status.phase.as_deref());
    let spec = claim.spec.as_ref()?;
    if phase == Some("Bound") || claim.metadata.deletion_timestamp.is_some() {
        return None;
    }
    Some(json!({
        "metadata": { "uid": claim.metadata.uid },
        "status": {
            "phase": "Bound",
            "accessModes": spec.access_modes,
            "capacity": spec.resources.as_ref().and_then(|r| r.requests.as_ref()),
        },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_pending_claim_is_bound_and_gets_what_it_asked_for() {
        let mut claim: PersistentVolumeClaim = serde_json::from_value(json!({
            "metadata": { "uid": "u" },
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": { "requests": { "storage": "1Gi" } },
            },
            "status": { "phase": "Pending" },
        }))
        .unwrap();
        let patch = binding(&claim).unwrap();
        assert_eq!(patch["status"]["capacity"]["storage"], "1Gi");
        claim.status = serde_json::from_value(patch["status"].clone()).unwrap();
        assert_eq!(binding(&claim), None);
    }
}
