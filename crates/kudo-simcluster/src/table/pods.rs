//! Cells of pods.

use jiff::Timestamp;
use serde_json::Value;

use super::cells::{has_condition, list};

pub(super) fn ready(pod: &Value, _: Timestamp) -> Value {
    let all = list(&pod["spec"]["containers"]).len();
    let ready = list(&pod["status"]["containerStatuses"]);
    let ready = ready
        .iter()
        .filter(|status| status["ready"] == true && !status["state"]["running"].is_null());
    format!("{}/{all}", ready.count()).into()
}

pub(super) fn restarts(pod: &Value, _: Timestamp) -> Value {
    let statuses = list(&pod["status"]["containerStatuses"]).iter();
    let restarts: i64 = statuses
        .filter_map(|status| status["restartCount"].as_i64())
        .sum();
    restarts.to_string().into()
}

pub(super) fn status(pod: &Value, _: Timestamp) -> Value {
    let text = |value: &Value| {
        value
            .as_str()
            .filter(|text| !text.is_empty())
            .map(ToOwned::to_owned)
    };
    let mut reason = text(&pod["status"]["phase"]).unwrap_or_default();
    reason = text(&pod["status"]["reason"]).unwrap_or(reason);
    if is_held_back(pod) {
        HELD_BACK.clone_into(&mut reason);
    }
    let count = list(&pod["spec"]["initContainers"]).len();
    let mut initializing = false;
    for (index, status) in list(&pod["status"]["initContainerStatuses"])
        .iter()
        .enumerate()
    {
        let state = &status["state"];
        if state["terminated"]["exitCode"] == 0 {
            continue;
        }
        initializing = true;
        let why = why_ended(&state["terminated"]).or_else(|| {
            text(&state["waiting"]["reason"]).filter(|reason| reason != "PodInitializing")
        });
        reason = why.map_or_else(
            || format!("Init:{index}/{count}"),
            |why| format!("Init:{why}"),
        );
        break;
    }
    if !initializing {
        let mut running = false;
        for status in list(&pod["status"]["containerStatuses"]).iter().rev() {
            let state = &status["state"];
            let why = text(&state["waiting"]["reason"]).or_else(|| why_ended(&state["terminated"]));
            running |= why.is_none() && status["ready"] == true && !state["running"].is_null();
            reason = why.unwrap_or(reason);
        }
        // Some have ended, and others go on.
        if reason == "Completed" && running {
            let is_ready = has_condition(pod, "Ready");
            (if is_ready { "Running" } else { "NotReady" }).clone_into(&mut reason);
        }
    }
    if pod["metadata"]["deletionTimestamp"].is_string() {
        let lost = pod["status"]["reason"] == "NodeLost";
        (if lost { "Unknown" } else { "Terminating" }).clone_into(&mut reason);
    }
    reason.into()
}

const HELD_BACK: &str = "SchedulingGated";

/// Whether a pod is put on no node for its gates.
fn is_held_back(pod: &Value) -> bool {
    let mut conditions = list(&pod["status"]["conditions"]).iter();
    conditions
        .any(|condition| condition["type"] == "PodScheduled" && condition["reason"] == HELD_BACK)
}

/// How a container that has ended has done so.
fn why_ended(ended: &Value) -> Option<String> {
    let reason = ended["reason"].as_str().filter(|reason| !reason.is_empty());
    let signal = ended["signal"].as_i64().filter(|signal| *signal != 0);
    match (reason, signal) {
        _ if ended.is_null() => None,
        (Some(reason), _) => Some(reason.to_owned()),
        (None, Some(signal)) => Some(format!("Signal:{signal}")),
        (None, None) => Some(format!(
            "ExitCode:{}",
            ended["exitCode"].as_i64().unwrap_or(0)
        )),
    }
}

/// How many of a pod's own conditions of readiness are met.
pub(super) fn readiness_gates(pod: &Value, _: Timestamp) -> Value {
    let gates = list(&pod["spec"]["readinessGates"]);
    if gates.is_empty() {
        return "<none>".into();
    }
    let met = gates
        .iter()
        .filter_map(|gate| gate["conditionType"].as_str());
    let met = met
        .filter(|condition| has_condition(pod, condition))
        .count();
    format!("{met}/{}", gates.len()).into()
}
