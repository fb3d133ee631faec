//! Checks of where pods may run: tolerations, affinities and how they spread.

use serde_json::Value;

use super::check::{go_texts, is_nothing, join, list};
use super::{names, selectors};
use crate::field_error::{Fault, FieldError};

const SYSTEM_CLASSES: &[&str] = &["system-cluster-critical", "system-node-critical"];
const EFFECTS: &[&str] = &["NoSchedule", "PreferNoSchedule", "NoExecute"];
const OPERATORS: &[&str] = &["Equal", "Exists"];
const UNSATISFIABLE: &[&str] = &["DoNotSchedule", "ScheduleAnyway"];

pub(super) fn toleration(toleration: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let text = |field: &str| toleration[field].as_str().unwrap_or_default();
    let (key, value, effect) = (text("key"), text("value"), text("effect"));
    if !key.is_empty() {
        label_key(key, &join(path, "key"), errors);
    }
    let field = join(path, "operator");
    let operator = text("operator");
    if key.is_empty() && operator != "Exists" {
        let words = "operator must be Exists when `key` is empty, which means \"match all values \
                     and all keys\"";
        errors.push(FieldError::invalid(field.as_str(), &operator.into(), words));
    }
    let seconds = &toleration["tolerationSeconds"];
    if !seconds.is_null() && effect != "NoExecute" {
        let words = "effect must be 'NoExecute' when `tolerationSeconds` is set";
        errors.push(FieldError::invalid(
            join(path, "effect"),
            &effect.into(),
            words,
        ));
    }
    match operator {
        "" | "Equal" => {
            for fault in names::label_value(value) {
                errors.push(FieldError::invalid(field.as_str(), &value.into(), fault));
            }
        }
        "Exists" if !value.is_empty() => {
            let words = "value must be empty when `operator` is 'Exists'";
            let seconds = seconds.as_i64().map_or("nil", |_| "<pointer>");
            let shown = format!(
                "core.Toleration{{Key:{key:?}, Operator:\"Exists\", Value:{value:?}, \
                 Effect:{effect:?}, TolerationSeconds:(*int64)({seconds})}}"
            );
            errors.push(FieldError::invalid_shown(field, shown, words));
        }
        "Exists" => {}
        other => errors.push(FieldError::not_supported(field, &other.into(), OPERATORS)),
    }
    if !effect.is_empty() && !EFFECTS.contains(&effect) {
        let field = join(path, "effect");
        errors.push(FieldError::not_supported(field, &effect.into(), EFFECTS));
    }
}

pub(super) fn node(node: &Value, _: &str, errors: &mut Vec<FieldError>) {
    taints(node, errors);
    pod_ranges(&node["spec"]["podCIDRs"], errors);
}

/// Taints, each of which keeps pods away in its own way.
pub(super) fn taints(node: &Value, errors: &mut Vec<FieldError>) {
    let mut seen = Vec::new();
    for (index, taint) in list(&node["spec"]["taints"]).enumerate() {
        let path = format!("metadata.taints[{index}]");
        let text = |field: &str| taint[field].as_str().unwrap_or_default();
        let (key, value, effect) = (text("key"), text("value"), text("effect"));
        label_key(key, &join(&path, "key"), errors);
        for fault in names::label_value(value) {
            errors.push(FieldError::invalid(
                join(&path, "value"),
                &value.into(),
                fault,
            ));
        }
        let field = join(&path, "effect");
        if effect.is_empty() {
            errors.push(FieldError::required(field, ""));
        } else if !EFFECTS.contains(&effect) {
            errors.push(FieldError::not_supported(field, &effect.into(), EFFECTS));
        }
        if seen.contains(&(key, effect)) {
            let time = taint["timeAdded"].as_str().unwrap_or("<nil>");
            let shown = format!(
                "core.Taint{{Key:{key:?}, Value:{value:?}, Effect:{effect:?}, TimeAdded:{time}}}"
            );
            let words = "taints must be unique by key and effect pair";
            errors.push(FieldError {
                fault: Fault::Duplicate,
                ..FieldError::invalid_shown(path, shown, words)
            });
        }
        seen.push((key, effect));
    }
}

/// The addresses of a node's pods: one range, or one of each family.
fn pod_ranges(ranges: &Value, errors: &mut Vec<FieldError>) {
    let texts: Vec<&str> = list(ranges).filter_map(Value::as_str).collect();
    let shown = go_texts(ranges);
    let mut families = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        if let Some((.., family)) = super::network::range(&Value::from(*text)) {
            families.push(family);
        } else {
            let field = format!("spec.podCIDRs[{index}]");
            let words = "must be valid CIDR";
            errors.push(FieldError::invalid_shown(field, shown.as_str(), words));
        }
    }
    if texts.len() > 2 || (texts.len() == 2 && families.windows(2).any(|two| two[0] == two[1])) {
        let words = "may specify no more than one CIDR for each IP family";
        errors.push(FieldError::invalid_shown("spec.podCIDRs", shown, words));
    }
}

fn label_key(key: &str, path: &str, errors: &mut Vec<FieldError>) {
    for fault in names::qualified(key) {
        errors.push(FieldError::invalid(path, &key.into(), fault));
    }
}

pub(super) fn node_selector(selector: &Value, path: &str, errors: &mut Vec<FieldError>) {
    if is_nothing(&selector["nodeSelectorTerms"]) {
        let words = "must have at least one node selector term";
        errors.push(FieldError::required(join(path, "nodeSelectorTerms"), words));
    }
}

pub(super) fn node_term(term: &Value, path: &str, errors: &mut Vec<FieldError>) {
    for (index, expression) in list(&term["matchExpressions"]).enumerate() {
        let path = join(path, &format!("matchExpressions[{index}]"));
        node_expression(expression, &path, errors);
    }
    for (index, fields) in list(&term["matchFields"]).enumerate() {
        let path = join(path, &format!("matchFields[{index}]"));
        node_field(fields, &path, errors);
    }
}

fn node_expression(expression: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let values = join(path, "values");
    let count = list(&expression["values"]).count();
    match expression["operator"].as_str().unwrap_or_default() {
        "In" | "NotIn" if count == 0 => {
            let words = "must be specified when `operator` is 'In' or 'NotIn'";
            errors.push(FieldError::required(values, words));
        }
        "Exists" | "DoesNotExist" if count > 0 => {
            let words = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            errors.push(FieldError::forbidden(values, words));
        }
        "Gt" | "Lt" if count != 1 => {
            let words = "must be specified single value when `operator` is 'Lt' or 'Gt'";
            errors.push(FieldError::required(values, words));
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
        other => {
            let words = "not a valid selector operator";
            errors.push(FieldError::invalid(
                join(path, "operator"),
                &other.into(),
                words,
            ));
        }
    }
    let key = expression["key"].as_str().unwrap_or_default();
    label_key(key, &join(path, "key"), errors);
}

fn node_field(fields: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let operator = &fields["operator"];
    if operator != "In" && operator != "NotIn" {
        let words = "not a valid selector operator";
        let operator = Value::from(operator.as_str().unwrap_or_default());
        errors.push(FieldError::invalid(
            join(path, "operator"),
            &operator,
            words,
        ));
    } else if list(&fields["values"]).count() != 1 {
        let words =
            "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
        errors.push(FieldError::required(join(path, "values"), words));
    }
    if fields["key"] != "metadata.name" {
        let words = "not a valid field selector key";
        let key = Value::from(fields["key"].as_str().unwrap_or_default());
        errors.push(FieldError::invalid(join(path, "key"), &key, words));
    }
}

/// How much something is preferred.
pub(super) fn weight(preferred: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let weight = &preferred["weight"];
    if weight
        .as_i64()
        .is_none_or(|weight| !(1..=100).contains(&weight))
    {
        let words = "must be in the range 1-100";
        errors.push(FieldError::invalid(join(path, "weight"), weight, words));
    }
}

pub(super) fn pod_term(term: &Value, path: &str, errors: &mut Vec<FieldError>) {
    for key in ["labelSelector", "namespaceSelector"] {
        selectors::validate(&term[key], &join(path, key), errors);
    }
    for name in list(&term["namespaces"]) {
        for fault in names::label(name.as_str().unwrap_or_default()) {
            errors.push(FieldError::invalid(join(path, "namespace"), name, fault));
        }
    }
    let field = join(path, "topologyKey");
    if is_nothing(&term["topologyKey"]) {
        errors.push(FieldError::required(field.as_str(), "can not be empty"));
    }
    label_key(
        term["topologyKey"].as_str().unwrap_or_default(),
        &field,
        errors,
    );
}

/// A preference that names no term.
pub(super) fn weighted_term(preferred: &Value, path: &str, errors: &mut Vec<FieldError>) {
    if preferred["podAffinityTerm"].is_null() {
        pod_term(&Value::Null, &join(path, "podAffinityTerm"), errors);
    }
}

/// The highest priorities are those of the system.
pub(super) fn priority(class: &Value, _: &str, errors: &mut Vec<FieldError>) {
    const HIGHEST: i64 = 1_000_000_000;
    let name = class["metadata"]["name"].as_str().unwrap_or_default();
    if name.starts_with("system-") {
        if !SYSTEM_CLASSES.contains(&name) {
            let words = format!(
                "priority class names with 'system-' prefix are reserved for system use only. error: \
                 {name} is not a known system priority class"
            );
            errors.push(FieldError::forbidden("metadata.name", words));
        }
    } else if class["value"].as_i64().is_some_and(|value| value > HIGHEST) {
        let words = format!("maximum allowed value of a user defined priority is {HIGHEST}");
        errors.push(FieldError::forbidden("value", words));
    }
}

/// What a pod waits for before it may get a node.
pub(super) fn gates(pod: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let gates: Vec<&str> = list(&pod["schedulingGates"])
        .map(|gate| gate["name"].as_str().unwrap_or_default())
        .collect();
    for (index, gate) in gates.iter().enumerate() {
        let field = join(path, &format!("schedulingGates[{index}]"));
        for fault in names::qualified(gate) {
            errors.push(FieldError::invalid(&*field, &(*gate).into(), fault));
        }
        if gates[..index].contains(gate) {
            errors.push(FieldError::duplicate(field, &(*gate).into()));
        }
    }
}

/// Constraints on how pods spread, of which no two are about the same.
pub(super) fn spread(pod: &Value, path: &str, errors: &mut Vec<FieldError>) {
    for (index, constraint) in list(&pod["topologySpreadConstraints"]).enumerate() {
        let path = join(path, &format!("topologySpreadConstraints[{index}]"));
        let skew = &constraint["maxSkew"];
        if skew.as_i64().unwrap_or_default() <= 0 {
            let words = "must be greater than zero";
            errors.push(FieldError::invalid(join(&path, "maxSkew"), skew, words));
        }
        let key = constraint["topologyKey"].as_str().unwrap_or_default();
        if key.is_empty() {
            let field = join(&path, "topologyKey");
            errors.push(FieldError::required(field, "can not be empty"));
        }
        let action = constraint["whenUnsatisfiable"].as_str().unwrap_or_default();
        if !UNSATISFIABLE.contains(&action) {
            let field = join(&path, "whenUnsatisfiable");
            errors.push(FieldError::not_supported(
                field,
                &action.into(),
                UNSATISFIABLE,
            ));
        }
        let same = |other: &Value| {
            other["topologyKey"] == constraint["topologyKey"]
                && other["whenUnsatisfiable"] == constraint["whenUnsatisfiable"]
        };
        let mut later = list(&pod["topologySpreadConstraints"]).skip(index + 1);
        if later.any(same) {
            let both = format!("{{{key}, {action}}}");
            let field = join(&path, "{topologyKey, whenUnsatisfiable}");
            errors.push(FieldError::duplicate(field, &both.into()));
        }
    }
}
