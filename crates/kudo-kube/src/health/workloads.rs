//! What makes pods.

use serde_json::Value;

use super::{Health, Judged, portion};

pub(super) fn deployment(object: Judged<'_>) -> Health {
    if object.is_unobserved() {
        return object.unobserved();
    }
    if object
        .condition("Progressing")
        .is_some_and(|condition| condition.reason() == "ProgressDeadlineExceeded")
    {
        return object.waiting("it exceeded its progress deadline");
    }
    let wanted = object.number("/spec/replicas").unwrap_or(1);
    let updated = object.count("/status/updatedReplicas");
    if updated < wanted {
        return object.waiting(portion(updated, wanted, "updated"));
    }
    let old = object.count("/status/replicas") - updated;
    if old > 0 {
        let pods = if old == 1 {
            "1 old pod is"
        } else {
            &format!("{old} old pods are")
        };
        return object.waiting(format!("{pods} still to be terminated"));
    }
    let available = object.count("/status/availableReplicas");
    if available < updated {
        return object.waiting(portion(available, updated, "available"));
    }
    Health::Healthy
}

pub(super) fn stateful_set(object: Judged<'_>) -> Health {
    if object.is_unobserved() || object.count("/status/observedGeneration") == 0 {
        return object.unobserved();
    }
    let wanted = object.number("/spec/replicas").unwrap_or(1);
    let ready = object.count("/status/readyReplicas");
    if ready < wanted {
        return object.waiting(portion(ready, wanted, "ready"));
    }
    let surplus = object.count("/status/replicas") - wanted;
    if surplus > 0 {
        let pods = if surplus == 1 {
            "1 pod is"
        } else {
            &format!("{surplus} pods are")
        };
        return object.waiting(format!("{pods} still to be terminated"));
    }
    // Under OnDelete pods are replaced when somebody deletes them: nothing to wait for.
    if object.text("/spec/updateStrategy/type") == "OnDelete" {
        return Health::Healthy;
    }
    let updated = object.count("/status/updatedReplicas");
    let partition = object.count("/spec/updateStrategy/rollingUpdate/partition");
    if partition > 0 {
        let wanted = (wanted - partition).max(0);
        return if updated < wanted {
            object.waiting(portion(updated, wanted, "updated"))
        } else {
            Health::Healthy
        };
    }
    if object.text("/status/updateRevision") != object.text("/status/currentRevision") {
        return object.waiting(portion(updated, wanted, "updated"));
    }
    Health::Healthy
}

pub(super) fn daemon_set(object: Judged<'_>) -> Health {
    if object.is_unobserved() {
        return object.unobserved();
    }
    let wanted = object.count("/status/desiredNumberScheduled");
    let updated = object.count("/status/updatedNumberScheduled");
    if object.text("/spec/updateStrategy/type") != "OnDelete" && updated < wanted {
        return object.waiting(portion(updated, wanted, "updated"));
    }
    let available = object.count("/status/numberAvailable");
    if available < wanted {
        return object.waiting(portion(available, wanted, "available"));
    }
    Health::Healthy
}

/// Also replication controllers, whose fields are the same.
pub(super) fn replica_set(object: Judged<'_>) -> Health {
    if object.is_unobserved() {
        return object.unobserved();
    }
    let wanted = object.number("/spec/replicas").unwrap_or(1);
    let ready = object.count("/status/readyReplicas");
    if ready < wanted {
        return object.waiting(portion(ready, wanted, "ready"));
    }
    Health::Healthy
}

pub(super) fn job(object: Judged<'_>) -> Health {
    if let Some(failed) = object
        .condition("Failed")
        .filter(|condition| condition.is_true())
    {
        return object.failed(failed.detail());
    }
    if object
        .condition("Complete")
        .is_some_and(super::Condition::is_true)
    {
        return Health::Healthy;
    }
    let succeeded = object.count("/status/succeeded");
    // Without `completions` any one success ends the job, once its other pods have ended too.
    let wanted = object.number("/spec/completions").unwrap_or(1);
    if succeeded >= wanted && object.count("/status/active") == 0 {
        return Health::Healthy;
    }
    if object.value("/spec/suspend").and_then(Value::as_bool) == Some(true) {
        return object.waiting("it is suspended");
    }
    let mut detail = portion(succeeded, wanted, "succeeded");
    let failed = object.count("/status/failed");
    if failed > 0 {
        detail = format!("{detail}, {failed} failed");
    }
    object.waiting(detail)
}
