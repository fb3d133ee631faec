//! Where a pod is and what happens to it next; pure.

use std::time::Duration;

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};

use super::behaviour::{Behaviour, Outcome};
use super::node::is_simulated;
use super::storage::Choice;

/// What a pod's status says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing reported yet.
    Waiting,
    Running,
    Ready,
    CrashLoop,
    ImagePullError,
    Succeeded,
    Failed,
}

/// One request about a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Bind it to a node.
    Bind,
    /// Say that it cannot be scheduled, as it was seen: it might have been meanwhile.
    Refuse {
        why: String,
        version: Option<String>,
    },
    /// Have a volume for a claim of its.
    Choose(Choice),
    /// Report that stage.
    Report(Stage),
    /// Remove it for good.
    Remove,
}

/// The next step of a pod and how long to wait before it; nothing when it is where it should be.
pub(super) fn next(pod: &Pod, behaviour: &Behaviour) -> Option<(Duration, Step)> {
    let spec = pod.spec.as_ref()?;
    let node = spec.node_name.as_deref().unwrap_or_default();
    if !node.is_empty() && !is_simulated(node) {
        return None;
    }
    if pod.metadata.deletion_timestamp.is_some() {
        // Grace zero means removed already: all that can hold it are finalizers, which are others'
        // to remove, or a removal that was broken off and needs to be done again.
        let removed = pod.metadata.deletion_grace_period_seconds == Some(0);
        let held = removed
            && pod
                .metadata
                .finalizers
                .as_ref()
                .is_some_and(|f| !f.is_empty());
        return (!held).then_some((behaviour.termination_delay, Step::Remove));
    }
    if node.is_empty() {
        let gated = spec
            .scheduling_gates
            .as_ref()
            .is_some_and(|gates| !gates.is_empty());
        let scheduler = spec.scheduler_name.as_deref().unwrap_or_default();
        let ours = matches!(scheduler, "" | "default-scheduler");
        return (ours && !gated).then_some((Duration::ZERO, Step::Bind));
    }
    let (current, target) = (stage(pod), target(pod, behaviour.outcome));
    if current == target || matches!(current, Stage::Succeeded | Stage::Failed) {
        return None;
    }
    let delayed = matches!(
        target,
        Stage::Ready | Stage::Succeeded | Stage::Failed | Stage::CrashLoop
    );
    Some(match (current, target) {
        (_, Stage::Waiting) => return None,
        (Stage::Waiting, _) if delayed && !behaviour.delay.is_zero() => {
            (Duration::ZERO, Step::Report(Stage::Running))
        }
        (Stage::Running, _) if delayed => (behaviour.delay, Step::Report(target)),
        _ => (Duration::ZERO, Step::Report(target)),
    })
}

fn target(pod: &Pod, outcome: Outcome) -> Stage {
    let policy = pod
        .spec
        .as_ref()
        .and_then(|spec| spec.restart_policy.as_deref());
    match outcome {
        Outcome::Ready => Stage::Ready,
        Outcome::Succeed => Stage::Succeeded,
        Outcome::Fail if policy == Some("Never") => Stage::Failed,
        Outcome::Fail | Outcome::CrashLoop => Stage::CrashLoop,
        Outcome::NeverReady => Stage::Running,
        Outcome::ImagePullError => Stage::ImagePullError,
        Outcome::Pending => Stage::Waiting,
    }
}

/// What a pod's status says.
pub(super) fn stage(pod: &Pod) -> Stage {
    let Some(status) = &pod.status else {
        return Stage::Waiting;
    };
    let waits_for = |reason: &str| {
        status
            .container_statuses
            .iter()
            .flatten()
            .any(|c| waiting_reason(c) == Some(reason))
    };
    let ready = status
        .conditions
        .iter()
        .flatten()
        .any(|c| c.type_ == "Ready" && c.status == "True");
    match status.phase.as_deref() {
        Some("Succeeded") => Stage::Succeeded,
        Some("Failed") => Stage::Failed,
        Some("Running") if ready => Stage::Ready,
        Some("Running") if waits_for("CrashLoopBackOff") => Stage::CrashLoop,
        Some("Running") => Stage::Running,
        _ if waits_for("ImagePullBackOff") => Stage::ImagePullError,
        _ => Stage::Waiting,
    }
}

fn waiting_reason(container: &ContainerStatus) -> Option<&str> {
    container
        .state
        .as_ref()?
        .waiting
        .as_ref()?
        .reason
        .as_deref()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubelet::NODE;
    use serde_json::{Value, json};

    const DELAY: Duration = Duration::from_secs(2);
    const TERMINATION: Duration = Duration::from_secs(3);

    fn check(pod: &Value, outcome: Outcome, delay: Duration, expected: Option<&(Duration, Step)>) {
        let parsed: Pod = serde_json::from_value(pod.clone()).unwrap();
        let behaviour = Behaviour {
            outcome,
            delay,
            termination_delay: TERMINATION,
        };
        assert_eq!(
            next(&parsed, &behaviour).as_ref(),
            expected,
            "{outcome:?} of {pod}"
        );
    }

    fn bound(status: &Value) -> Value {
        json!({ "spec": { "containers": [], "nodeName": NODE }, "status": status })
    }

    fn running() -> Value {
        bound(&json!({ "phase": "Running" }))
    }

    fn ready() -> Value {
        bound(&json!({ "phase": "Running", "conditions": [{ "type": "Ready", "status": "True" }] }))
    }

    fn waiting(phase: &str, reason: &str) -> Value {
        bound(&json!({ "phase": phase, "containerStatuses": [{
            "name": "a", "image": "", "imageID": "", "ready": false, "restartCount": 0,
            "state": { "waiting": { "reason": reason } },
        }]}))
    }

    #[test]
    fn a_pod_goes_its_way() {
        use Stage::{CrashLoop, Failed, ImagePullError, Ready, Running, Succeeded};
        let now = Duration::ZERO;
        let report = |after: Duration, stage: Stage| Some((after, Step::Report(stage)));
        let pending = || bound(&json!({ "phase": "Pending" }));
        let unbound = json!({ "spec": { "containers": [] } });
        let gated = json!({ "spec": { "containers": [], "schedulingGates": [{ "name": "g" }] } });
        let foreign = json!({ "spec": { "containers": [], "nodeName": "other" } });
        let scheduled = json!({ "spec": { "containers": [], "schedulerName": "other" } });
        for (pod, outcome, delay, expected) in [
            (unbound, Outcome::Ready, now, Some((now, Step::Bind))),
            (gated, Outcome::Ready, now, None),
            (foreign, Outcome::Ready, now, None),
            (scheduled, Outcome::Ready, now, None),
            (pending(), Outcome::Ready, now, report(now, Ready)),
            (pending(), Outcome::Ready, DELAY, report(now, Running)),
            (running(), Outcome::Ready, DELAY, report(DELAY, Ready)),
            (ready(), Outcome::Ready, DELAY, None),
            (pending(), Outcome::Succeed, now, report(now, Succeeded)),
            (pending(), Outcome::Succeed, DELAY, report(now, Running)),
            (running(), Outcome::Succeed, DELAY, report(DELAY, Succeeded)),
            (pending(), Outcome::NeverReady, DELAY, report(now, Running)),
            (running(), Outcome::NeverReady, DELAY, None),
            (ready(), Outcome::NeverReady, DELAY, report(now, Running)),
            (pending(), Outcome::CrashLoop, now, report(now, CrashLoop)),
            (
                waiting("Running", "CrashLoopBackOff"),
                Outcome::CrashLoop,
                now,
                None,
            ),
            (
                waiting("Running", "CrashLoopBackOff"),
                Outcome::Ready,
                DELAY,
                report(now, Ready),
            ),
            (pending(), Outcome::Fail, now, report(now, CrashLoop)),
            (
                pending(),
                Outcome::ImagePullError,
                DELAY,
                report(now, ImagePullError),
            ),
            (
                waiting("Pending", "ImagePullBackOff"),
                Outcome::ImagePullError,
                now,
                None,
            ),
            (
                waiting("Pending", "ImagePullBackOff"),
                Outcome::Ready,
                now,
                report(now, Ready),
            ),
            (pending(), Outcome::Pending, now, None),
            (
                bound(&json!({ "phase": "Succeeded" })),
                Outcome::Ready,
                now,
                None,
            ),
            (
                bound(&json!({ "phase": "Failed" })),
                Outcome::Ready,
                now,
                None,
            ),
        ] {
            check(&pod, outcome, delay, expected.as_ref());
        }
        let mut never = pending();
        never["spec"]["restartPolicy"] = "Never".into();
        check(&never, Outcome::Fail, now, report(now, Failed).as_ref());
    }

    #[test]
    fn a_deleted_pod_goes_after_its_termination_delay_unless_a_finalizer_holds_it() {
        for mut pod in [
            running(),
            ready(),
            bound(&json!({})),
            waiting("Pending", "ImagePullBackOff"),
        ] {
            pod["metadata"] = json!({
                "deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": 30,
            });
            check(
                &pod,
                Outcome::Ready,
                DELAY,
                Some(&(TERMINATION, Step::Remove)),
            );
            pod["metadata"]["deletionGracePeriodSeconds"] = 0.into();
            check(
                &pod,
                Outcome::Ready,
                DELAY,
                Some(&(TERMINATION, Step::Remove)),
            );
            pod["metadata"]["finalizers"] = json!(["example.com/hold"]);
            check(&pod, Outcome::Ready, DELAY, None);
        }
    }
}
