//! The status document of a pod at a stage; pure.

use k8s_openapi::api::core::v1::{Container, Pod};
use serde_json::{Value, json};

use super::behaviour::exit_code;
use super::stage::Stage;

/// How often a crashing container has been restarted: beyond a Job's usual limit of 6.
const RESTARTS: u32 = 7;

/// What a kubelet reports of a container.
#[derive(Clone, Copy)]
enum Report {
    Running { ready: bool },
    Ended { code: u8 },
    Waiting { reason: &'static str, restarts: u32 },
}

/// A strategic merge patch that brings the pod to the stage, valid for this very pod only.
pub(super) fn patch(pod: &Pod, stage: Stage, pod_ip: &str, now: &str) -> Value {
    let (phase, report, init) = match stage {
        Stage::Waiting | Stage::Running => (
            "Running",
            Report::Running { ready: false },
            Report::Ended { code: 0 },
        ),
        Stage::Ready => (
            "Running",
            Report::Running { ready: true },
            Report::Ended { code: 0 },
        ),
        Stage::CrashLoop => {
            let report = Report::Waiting {
                reason: "CrashLoopBackOff",
                restarts: RESTARTS,
            };
            ("Running", report, Report::Ended { code: 0 })
        }
        Stage::ImagePullError => {
            let report = Report::Waiting {
                reason: "ImagePullBackOff",
                restarts: 0,
            };
            ("Pending", report, report)
        }
        Stage::Succeeded => (
            "Succeeded",
            Report::Ended { code: 0 },
            Report::Ended { code: 0 },
        ),
        Stage::Failed => (
            "Failed",
            Report::Ended {
                code: exit_code(pod),
            },
            Report::Ended { code: 0 },
        ),
    };
    let start = pod
        .status
        .as_ref()
        .and_then(|status| status.start_time.as_ref())
        .map_or_else(|| json!(now), |time| json!(time));
    let spec = pod.spec.as_ref();
    let containers = spec.map(|s| s.containers.as_slice()).unwrap_or_default();
    let init_containers = spec
        .and_then(|s| s.init_containers.as_deref())
        .unwrap_or_default();
    let statuses = |containers: &[Container], report: Report| -> Vec<Value> {
        containers
            .iter()
            .map(|c| container_status(pod, c, report, &start, now))
            .collect()
    };
    let mut status = json!({
        "phase": phase,
        "startTime": start,
        "hostIP": "127.0.0.1",
        "conditions": conditions(stage, now),
        "containerStatuses": statuses(containers, report),
    });
    if !init_containers.is_empty() {
        status["initContainerStatuses"] = statuses(init_containers, init).into();
    }
    if phase != "Pending" {
        status["podIP"] = pod_ip.into();
        status["podIPs"] = json!([{ "ip": pod_ip }]);
    }
    json!({ "metadata": { "uid": pod.metadata.uid }, "status": status })
}

/// A strategic merge patch that says why the pod, as it was seen, has no node.
pub(super) fn unschedulable(pod: &Pod, why: &str, now: &str) -> Value {
    let condition = json!({
        "type": "PodScheduled", "status": "False", "lastTransitionTime": now,
        "reason": "Unschedulable", "message": why,
    });
    let (uid, version) = (&pod.metadata.uid, &pod.metadata.resource_version);
    json!({
        "metadata": { "uid": uid, "resourceVersion": version },
        "status": { "conditions": [condition] },
    })
}

/// Whether the pod says so already.
pub(super) fn is_unschedulable(pod: &Pod, why: &str) -> bool {
    let conditions = pod.status.iter().flat_map(|status| &status.conditions);
    conditions.flatten().any(|condition| {
        let said = condition.message.as_deref();
        condition.type_ == "PodScheduled" && condition.status == "False" && said == Some(why)
    })
}

fn conditions(stage: Stage, now: &str) -> Value {
    let initialized = stage != Stage::ImagePullError;
    let reason = match stage {
        Stage::Ready => None,
        Stage::Succeeded => Some("PodCompleted"),
        Stage::Failed => Some("PodFailed"),
        _ => Some("ContainersNotReady"),
    };
    let condition = |kind: &str, holds: bool, reason: Option<&str>| {
        let status = if holds { "True" } else { "False" };
        // A null reason removes the one of an earlier stage.
        json!({ "type": kind, "status": status, "lastTransitionTime": now, "reason": reason })
    };
    json!([
        condition("Initialized", initialized, None),
        condition("ContainersReady", stage == Stage::Ready, reason),
        condition("Ready", stage == Stage::Ready, reason),
    ])
}

fn container_status(
    pod: &Pod,
    container: &Container,
    report: Report,
    start: &Value,
    now: &str,
) -> Value {
    let uid = pod.metadata.uid.as_deref().unwrap_or_default();
    let id = format!("simulated://{uid}/{}", container.name);
    let (state, ready, restarts) = match report {
        Report::Running { ready } => (json!({ "running": { "startedAt": now } }), ready, 0),
        Report::Ended { code } => {
            let reason = if code == 0 { "Completed" } else { "Error" };
            let ended = json!({
                "exitCode": code, "reason": reason, "startedAt": start, "finishedAt": now,
                "containerID": id,
            });
            // A completed init container counts as ready, a completed main container does not;
            // nothing reads the former.
            (json!({ "terminated": ended }), false, 0)
        }
        Report::Waiting { reason, restarts } => {
            (json!({ "waiting": { "reason": reason } }), false, restarts)
        }
    };
    let image = container.image.as_deref().unwrap_or_default();
    json!({
        "name": container.name,
        "image": image,
        "imageID": format!("simulated://{image}"),
        "containerID": id,
        "ready": ready,
        "started": matches!(report, Report::Running { .. }),
        "restartCount": restarts,
        "state": state,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod() -> Pod {
        serde_json::from_value(json!({
            "metadata": { "uid": "u-1" },
            "spec": {
                "containers": [{ "name": "main", "image": "nginx:1" }, { "name": "side" }],
                "initContainers": [{ "name": "prepare", "image": "busybox" }],
            },
        }))
        .unwrap()
    }

    fn condition<'a>(patch: &'a Value, kind: &str) -> &'a str {
        let conditions = patch["status"]["conditions"].as_array().unwrap();
        conditions.iter().find(|c| c["type"] == kind).unwrap()["status"]
            .as_str()
            .unwrap()
    }

    #[test]
    fn every_stage_is_a_pod_status_with_all_containers() {
        for (stage, phase, ready, state) in [
            (Stage::Running, "Running", "False", "running"),
            (Stage::Ready, "Running", "True", "running"),
            (Stage::CrashLoop, "Running", "False", "waiting"),
            (Stage::ImagePullError, "Pending", "False", "waiting"),
            (Stage::Succeeded, "Succeeded", "False", "terminated"),
            (Stage::Failed, "Failed", "False", "terminated"),
        ] {
            let patch = patch(&pod(), stage, "10.0.0.1", "2026-01-01T00:00:00Z");
            let decoded: Pod = serde_json::from_value(patch.clone()).unwrap();
            let status = decoded.status.unwrap();
            assert_eq!(status.phase.as_deref(), Some(phase), "{stage:?}");
            assert_eq!(condition(&patch, "Ready"), ready, "{stage:?}");
            assert_eq!(status.container_statuses.unwrap().len(), 2, "{stage:?}");
            assert_eq!(
                status.init_container_statuses.unwrap().len(),
                1,
                "{stage:?}"
            );
            let reported = &patch["status"]["containerStatuses"][0]["state"];
            assert!(reported.get(state).is_some(), "{stage:?}: {reported}");
            assert_eq!(decoded.metadata.uid.as_deref(), Some("u-1"));
        }
    }

    #[test]
    fn the_start_time_is_kept() {
        let mut started = pod();
        let first = patch(&started, Stage::Running, "10.0.0.1", "2026-01-01T00:00:00Z");
        started.status = serde_json::from_value(first["status"].clone()).unwrap();
        let second = patch(&started, Stage::Ready, "10.0.0.1", "2026-01-01T00:00:09Z");
        assert_eq!(second["status"]["startTime"], "2026-01-01T00:00:00Z");
    }
}
