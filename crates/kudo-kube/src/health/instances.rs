//! Instances of other operators: healthy when no plan of theirs is scheduled or under way.

use serde_json::{Map, Value};

use super::{Health, Judged};
use crate::identity::text;

pub(super) fn instance(object: Judged<'_>) -> Health {
    let scheduled = object.text("/spec/planExecution/planName");
    if !scheduled.is_empty() {
        return object.waiting(format!("plan {scheduled:?} is scheduled"));
    }
    let refusal = object
        .condition("Accepted")
        .filter(|condition| condition.is_false());
    if let Some(refusal) = refusal {
        return object.waiting(refusal.detail());
    }
    let plans = object
        .value("/status/planStatus")
        .and_then(Value::as_object);
    let running = plans
        .into_iter()
        .flatten()
        .find(|(_, plan)| matches!(text(plan, "/status"), "PENDING" | "IN_PROGRESS" | "ERROR"));
    if let Some((name, plan)) = running {
        return object.waiting(format!("plan {name:?} is {}", text(plan, "/status")));
    }
    if !is_accepted(object) {
        return object.waiting("its last change has not been taken up yet");
    }
    if let Some((name, plan)) = plans.and_then(last_run)
        && text(plan, "/status") == "FATAL_ERROR"
    {
        let said = failure_of(plan);
        return object.failed(format!("plan {name:?} ended in a fatal error{said}"));
    }
    Health::Healthy
}

/// Whether the manager has taken up the spec as it is. An instance that the original left behind has no
/// record of that; it is taken for accepted once a plan of it has run.
fn is_accepted(object: Judged<'_>) -> bool {
    let Some(accepted) = object.value("/status/accepted") else {
        let plans = object
            .value("/status/planStatus")
            .and_then(Value::as_object);
        return plans.and_then(last_run).is_some();
    };
    let same_version =
        text(accepted, "/operatorVersion") == object.text("/spec/operatorVersion/name");
    let given = object.value("/spec/parameters").and_then(Value::as_object);
    same_version
        && given.into_iter().flatten().all(|(name, value)| {
            accepted.get("parameters").and_then(|known| known.get(name)) == Some(value)
        })
}

/// The plan that ran last. Timestamps of one format and zone order as text.
fn last_run(plans: &Map<String, Value>) -> Option<(&String, &Value)> {
    plans
        .iter()
        .filter(|(_, plan)| !matches!(text(plan, "/status"), "" | "NEVER_RUN"))
        .max_by_key(|(_, plan)| text(plan, "/lastUpdatedTimestamp"))
}

/// The innermost message of a failed plan, after a colon; empty if there is none.
fn failure_of(plan: &Value) -> String {
    let own = text(plan, "/message");
    let steps = plan
        .pointer("/phases")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|phase| phase.get("steps")?.as_array())
        .flatten();
    let message = steps
        .filter(|step| text(step, "/status") == "FATAL_ERROR")
        .map(|step| text(step, "/message"))
        .find(|message| !message.is_empty())
        .unwrap_or(own);
    if message.is_empty() {
        String::new()
    } else {
        format!(": {message}")
    }
}
