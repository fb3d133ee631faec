//! Checks of autoscalers: their bounds, what they go by, and how fast they are.

use serde_json::Value;

use super::check::{is_nothing, join, list, one_of};
use super::{containers, names};
use crate::field_error::FieldError;

const LONGEST_WINDOW: i64 = 3600;
const LONGEST_PERIOD: i64 = 1800;

/// How many pods there may be of what.
pub(super) fn bounds(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let (least, most) = (&spec["minReplicas"], &spec["maxReplicas"]);
    if least.as_i64().is_some_and(|least| least < 1) {
        let field = join(path, "minReplicas");
        errors.push(FieldError::invalid(
            field,
            least,
            "must be greater than or equal to 1",
        ));
    }
    let field = join(path, "maxReplicas");
    let shown = Value::from(most.as_i64().unwrap_or_default());
    if shown.as_i64().is_some_and(|most| most < 1) {
        errors.push(FieldError::invalid(
            field.clone(),
            &shown,
            "must be greater than 0",
        ));
    }
    if let (Some(least), Some(most)) = (least.as_i64(), shown.as_i64())
        && most < least
    {
        let words = "must be greater than or equal to `minReplicas`";
        errors.push(FieldError::invalid(field, &shown, words));
    }
    if spec["scaleTargetRef"].is_null() {
        for key in ["scaleTargetRef.kind", "scaleTargetRef.name"] {
            errors.push(FieldError::required(join(path, key), ""));
        }
    }
    if *least == 0 && !list(&spec["metrics"]).any(goes_by_others) {
        let words = "must specify at least one Object or External metric to support scaling to \
                     zero replicas";
        errors.push(FieldError::forbidden(join(path, "metrics"), words));
    }
    // What the older version has a field for is a metric among others.
    let share = &spec["targetCPUUtilizationPercentage"];
    if share.as_i64().is_some_and(|share| share < 1) {
        let field = join(path, "metrics[0].resource.target.averageUtilization");
        errors.push(FieldError::invalid(field, share, "must be greater than 0"));
    }
}

/// Whether a metric is one of other things than pods, which is there when there are no pods.
fn goes_by_others(metric: &Value) -> bool {
    metric["type"] == "Object" || metric["type"] == "External"
}

type Check = fn(&Value, &str, &mut Vec<FieldError>);

/// Sources of metrics by their type and field, in the order in which servers look at them.
const SOURCES: &[(&str, &str, Check)] = &[
    ("Object", "object", object),
    ("External", "external", external),
    ("Pods", "pods", pods),
    ("Resource", "resource", resource),
    ("ContainerResource", "containerResource", container_resource),
];

const SOURCE_TYPES: &[&str] = &[
    "ContainerResource",
    "External",
    "Object",
    "Pods",
    "Resource",
];

/// A metric has one source, that of its type.
pub(super) fn metric(metric: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let kind = metric["type"].as_str().unwrap_or_default();
    let unknown = FieldError::not_supported(join(path, "type"), &kind.into(), SOURCE_TYPES);
    if kind.is_empty() {
        let words = "must specify a metric source type";
        errors.push(FieldError::required(join(path, "type"), words));
    }
    let own = SOURCES.iter().find(|(name, ..)| *name == kind);
    if own.is_none() {
        errors.push(unknown.clone());
    }
    let said = SOURCES.iter().filter(|(_, key, _)| !metric[key].is_null());
    let said: Vec<_> = said.collect();
    if let Some((_, key, check)) = said.first() {
        check(&metric[key], &join(path, key), errors);
    }
    match own {
        Some((_, key, _)) if metric[key].is_null() => {
            let words = "must populate information for the given metric source";
            errors.push(FieldError::required(join(path, key), words));
        }
        Some(_) => {}
        None => errors.push(unknown),
    }
    if said.len() > 1 {
        let others = said.iter().filter(|(name, ..)| *name != kind);
        for (_, key, _) in others {
            let words = "must populate the given metric source only";
            errors.push(FieldError::forbidden(join(path, key), words));
        }
    }
}

fn object(source: &Value, path: &str, errors: &mut Vec<FieldError>) {
    for key in ["kind", "name"] {
        let field = join(path, &format!("describedObject.{key}"));
        segment(&source["describedObject"][key], "", &field, errors);
    }
    identifier(source, path, errors);
    target(source, path, errors);
    if !has(source, "value") && !has(source, "averageValue") {
        let words = "must set either a target value or averageValue";
        errors.push(FieldError::required(
            join(path, "target.averageValue"),
            words,
        ));
    }
}

fn external(source: &Value, path: &str, errors: &mut Vec<FieldError>) {
    identifier(source, path, errors);
    target(source, path, errors);
    match (has(source, "value"), has(source, "averageValue")) {
        (false, false) => {
            let words = "must set either a target value for metric or a per-pod target";
            let field = join(path, "target.averageValue");
            errors.push(FieldError::required(field, words));
        }
        (true, true) => {
            let words = "may not set both a target value for metric and a per-pod target";
            errors.push(FieldError::forbidden(join(path, "target.value"), words));
        }
        _ => {}
    }
}

fn pods(source: &Value, path: &str, errors: &mut Vec<FieldError>) {
    identifier(source, path, errors);
    target(source, path, errors);
    if !has(source, "averageValue") {
        let words = "must specify a positive target averageValue";
        errors.push(FieldError::required(
            join(path, "target.averageValue"),
            words,
        ));
    }
}

fn resource(source: &Value, path: &str, errors: &mut Vec<FieldError>) {
    if is_nothing(&source["name"]) {
        let words = "must specify a resource name";
        errors.push(FieldError::required(join(path, "name"), words));
    }
    share_or_amount(source, path, errors);
}

fn container_resource(source: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let field = join(path, "name");
    match source["name"].as_str().unwrap_or_default() {
        "" => {
            let words = "must specify a resource name";
            errors.push(FieldError::required(field, words));
        }
        name => containers::unknown_resource(name, &field, errors),
    }
    let field = join(path, "container");
    match source["container"].as_str().unwrap_or_default() {
        "" => errors.push(FieldError::required(field, "must specify a container")),
        name => {
            for fault in names::label(name) {
                errors.push(FieldError::invalid(&*field, &name.into(), fault));
            }
        }
    }
    share_or_amount(source, path, errors);
}

/// How much of a resource is aimed at: a share of what is asked for, or an amount.
fn share_or_amount(source: &Value, path: &str, errors: &mut Vec<FieldError>) {
    target(source, path, errors);
    match (
        has(source, "averageUtilization"),
        has(source, "averageValue"),
    ) {
        (false, false) => {
            let words = "must set either a target raw value or a target utilization";
            let field = join(path, "target.averageUtilization");
            errors.push(FieldError::required(field, words));
        }
        (true, true) => {
            let words = "may not set both a target raw value and a target utilization";
            let field = join(path, "target.averageValue");
            errors.push(FieldError::forbidden(field, words));
        }
        _ => {}
    }
}

/// Whether a target says something.
fn has(source: &Value, key: &str) -> bool {
    !source["target"][key].is_null()
}

fn identifier(source: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let field = join(path, "metric.name");
    let words = "must specify a metric name";
    segment(&source["metric"]["name"], words, &field, errors);
}

/// What must be there and may be a segment of a path.
fn segment(name: &Value, missing: &str, field: &str, errors: &mut Vec<FieldError>) {
    match name.as_str().unwrap_or_default() {
        "" => errors.push(FieldError::required(field, missing)),
        text => {
            for fault in names::path_segment(text) {
                errors.push(FieldError::invalid(field, name, fault));
            }
        }
    }
}

fn target(source: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let target = &source["target"];
    let path = join(path, "target");
    let kind = target["type"].as_str().unwrap_or_default();
    if kind.is_empty() {
        let words = "must specify a metric target type";
        errors.push(FieldError::required(join(&path, "type"), words));
    }
    if !["Utilization", "Value", "AverageValue"].contains(&kind) {
        let words = "must be either Utilization, Value, or AverageValue";
        let field = join(&path, "type");
        errors.push(FieldError::invalid(field, &kind.into(), words));
    }
    for key in ["value", "averageValue"] {
        let amount = containers::quantity(&target[key]);
        if amount.is_some_and(|amount| amount.is_negative() || amount.to_string() == "0") {
            let field = join(&path, key);
            errors.push(FieldError::invalid(field, &target[key], "must be positive"));
        }
    }
    let share = &target["averageUtilization"];
    if share.as_i64().is_some_and(|share| share < 1) {
        let field = join(&path, "averageUtilization");
        errors.push(FieldError::invalid(field, share, "must be greater than 0"));
    }
}

/// How fast an autoscaler is in one direction.
pub(super) fn rules(rules: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let window = &rules["stabilizationWindowSeconds"];
    let field = join(path, "stabilizationWindowSeconds");
    if window.as_i64().is_some_and(|seconds| seconds < 0) {
        let words = "must be greater than or equal to zero";
        errors.push(FieldError::invalid(field, window, words));
    } else if window.as_i64() > Some(LONGEST_WINDOW) {
        let words = format!("must be less than or equal to {LONGEST_WINDOW}");
        errors.push(FieldError::invalid(field, window, words));
    }
    let known = ["Disabled", "Max", "Min"];
    let field = join(path, "selectPolicy");
    one_of(&rules["selectPolicy"], &field, &known, errors);
    if is_nothing(&rules["policies"]) {
        let words = "must specify at least one Policy";
        errors.push(FieldError::required(join(path, "policies"), words));
    }
}

/// How much may change in how much time.
pub(super) fn policy(policy: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let kind = policy["type"].as_str().unwrap_or_default();
    if !["Percent", "Pods"].contains(&kind) {
        let field = join(path, "type");
        let known = ["Percent", "Pods"];
        errors.push(FieldError::not_supported(field, &kind.into(), &known));
    }
    for key in ["value", "periodSeconds"] {
        let number = policy[key].as_i64().unwrap_or_default();
        if number <= 0 {
            let words = "must be greater than zero";
            errors.push(FieldError::invalid(join(path, key), &number.into(), words));
        }
    }
    let period = &policy["periodSeconds"];
    if period.as_i64() > Some(LONGEST_PERIOD) {
        let words = format!("must be less than or equal to {LONGEST_PERIOD}");
        let field = join(path, "periodSeconds");
        errors.push(FieldError::invalid(field, period, words));
    }
}
