//! Instances of other operators: healthy when no plan of theirs is scheduled or under way.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Health, Judged};
use crate::identity::text;

pub(super) fn instance(object: Judged<'_>) -> Health {
    if let Some(busy) = busy(object) {
        return object.waiting(busy);
    }
    if let Some(refusal) = refused(object) {
        return object.waiting(refusal);
    }
    if !is_accepted(object) {
        return object.waiting("its last change has not been taken up yet");
    }
    if let Some((name, plan)) = plans(object).and_then(last_run)
        && text(plan, "/status") == "FATAL_ERROR"
    {
        let said = failure_of(plan);
        return object.failed(format!("plan {name:?} ended in a fatal error{said}"));
    }
    Health::Healthy
}

/// Why the manager does not act upon the spec, if that is so and no plan is under way whose end it waits
/// for.
pub(super) fn refusal(object: Judged<'_>) -> Option<String> {
    if busy(object).is_some() {
        return None;
    }
    refused(object)
}

/// The plan that is scheduled or under way, in words.
fn busy(object: Judged<'_>) -> Option<String> {
    let mut plans = plans(object).into_iter().flatten();
    let is_running =
        |plan: &Value| matches!(text(plan, "/status"), "PENDING" | "IN_PROGRESS" | "ERROR");
    let Some((name, plan)) = plans.find(|(_, plan)| is_running(plan)) else {
        let scheduled = object.text("/spec/planExecution/planName");
        return (!scheduled.is_empty()).then(|| format!("plan {scheduled:?} is scheduled"));
    };
    let message = trouble_of(plan);
    Some(format!(
        "plan {name:?} is {}{message}",
        text(plan, "/status")
    ))
}

fn refused(object: Judged<'_>) -> Option<String> {
    let condition = object.condition("Accepted")?;
    condition.is_false().then(|| condition.detail())
}

fn plans(object: Judged<'_>) -> Option<&Map<String, Value>> {
    object
        .value("/status/planStatus")
        .and_then(Value::as_object)
}

/// Whether the manager has taken up the spec as it is. An instance that the original left behind has no
/// record of that; it is taken for accepted once a plan of it has run.
fn is_accepted(object: Judged<'_>) -> bool {
    let Some(accepted) = object.value("/status/accepted") else {
        return plans(object).and_then(last_run).is_some();
    };
    let empty = Map::new();
    let values = |value: Option<&Value>| -> BTreeMap<String, Value> {
        let map = value.and_then(Value::as_object).unwrap_or(&empty);
        map.clone().into_iter().collect()
    };
    text(accepted, "/operatorVersion") == wanted_version(object)
        && values(object.value("/spec/parameters")) == values(accepted.get("parameters"))
}

/// The operator version that the spec names, as the status records it: with its namespace if that is
/// another than the instance's.
fn wanted_version(object: Judged<'_>) -> String {
    let name = object.text("/spec/operatorVersion/name");
    let namespace = object.text("/spec/operatorVersion/namespace");
    if namespace.is_empty() || namespace == object.text("/metadata/namespace") {
        name.to_owned()
    } else {
        format!("{namespace}/{name}")
    }
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
    let message = step_message(plan, "FATAL_ERROR").unwrap_or(text(plan, "/message"));
    after_colon(message)
}

/// The message of a step that is tried again or waits, after a colon; empty if there is none.
fn trouble_of(plan: &Value) -> String {
    let told = step_message(plan, "ERROR").or_else(|| step_message(plan, "IN_PROGRESS"));
    after_colon(told.unwrap_or_default())
}

fn step_message<'a>(plan: &'a Value, status: &str) -> Option<&'a str> {
    let phases = plan.pointer("/phases").and_then(Value::as_array);
    let steps = phases
        .into_iter()
        .flatten()
        .filter_map(|phase| phase.get("steps")?.as_array())
        .flatten();
    steps
        .filter(|step| text(step, "/status") == status)
        .map(|step| text(step, "/message"))
        .find(|message| !message.is_empty())
}

fn after_colon(message: &str) -> String {
    if message.is_empty() {
        String::new()
    } else {
        format!(": {message}")
    }
}
