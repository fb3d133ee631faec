//! Label selectors of workloads: well formed, not empty, and matching the template.

use serde_json::Value;

use super::check::join;
use super::metadata;
use super::names;
use crate::field_error::FieldError;

pub(super) fn deployment(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let template = join(path, "template.metadata.labels");
    workload(spec, path, &template, "deployment", errors);
}

pub(super) fn stateful_set(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let template = join(path, "template.metadata.labels");
    workload(spec, path, &template, "statefulset", errors);
}

pub(super) fn replica_set(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let template = join(path, "template.metadata.labels");
    // The server's own words.
    workload(spec, path, &template, "deployment", errors);
}

pub(super) fn daemon_set(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let template = join(path, "template.metadata.labels");
    workload(spec, path, &template, "daemonset", errors);
}

fn workload(spec: &Value, path: &str, template: &str, kind: &str, errors: &mut Vec<FieldError>) {
    let selector = &spec["selector"];
    let field = join(path, "selector");
    if selector.is_null() {
        // A daemon set without one is told of its labels alone.
        if kind != "daemonset" {
            errors.push(FieldError::required(field.clone(), ""));
        }
    } else {
        let before = errors.len();
        validate(selector, &field, errors);
        if is_empty(selector) {
            let words = format!("empty selector is invalid for {kind}");
            errors.push(FieldError::invalid_shown(field, go(selector), words));
            return;
        }
        if errors.len() > before {
            let words = "invalid label selector";
            errors.push(FieldError::invalid_shown(field, go(selector), words));
            return;
        }
    }
    let labels = &spec["template"]["metadata"]["labels"];
    if selector.is_null() || !matches(selector, labels) {
        let words = "`selector` does not match template `labels`";
        let shown = go_labels(labels);
        errors.push(FieldError::invalid_shown(template, shown, words));
    }
}

/// What is wrong with a label selector.
pub(super) fn validate(selector: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let labels = join(path, "matchLabels");
    metadata::labels(&selector["matchLabels"], &labels, errors);
    let expressions = selector["matchExpressions"].as_array();
    for (index, expression) in expressions.into_iter().flatten().enumerate() {
        let path = join(path, &format!("matchExpressions[{index}]"));
        let has_values = expression["values"]
            .as_array()
            .is_some_and(|list| !list.is_empty());
        let values = format!("{path}.values");
        match expression["operator"].as_str().unwrap_or_default() {
            "In" | "NotIn" => {
                if !has_values {
                    let words = "must be specified when `operator` is 'In' or 'NotIn'";
                    errors.push(FieldError::required(values, words));
                }
            }
            "Exists" | "DoesNotExist" => {
                if has_values {
                    let words =
                        "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
                    errors.push(FieldError::forbidden(values, words));
                }
            }
            _ => {
                let words = "not a valid selector operator";
                let operator = expression["operator"].as_str().unwrap_or_default();
                let field = format!("{path}.operator");
                errors.push(FieldError::invalid(field, &operator.into(), words));
            }
        }
        let key = expression["key"].as_str().unwrap_or_default();
        for fault in names::qualified(key) {
            let field = format!("{path}.key");
            errors.push(FieldError::invalid(field, &Value::from(key), fault));
        }
    }
}

/// Whether labels match a selector.
pub(super) fn matches(selector: &Value, labels: &Value) -> bool {
    let exact = selector["matchLabels"].as_object().into_iter().flatten();
    let mut expressions = selector["matchExpressions"]
        .as_array()
        .into_iter()
        .flatten();
    let exact_fit = exact
        .into_iter()
        .all(|(key, value)| labels.get(key) == Some(value));
    exact_fit
        && expressions.all(|expression| {
            let label = labels.get(expression["key"].as_str().unwrap_or_default());
            let listed = || {
                expression["values"]
                    .as_array()
                    .is_some_and(|list| label.is_some_and(|label| list.contains(label)))
            };
            match expression["operator"].as_str() {
                Some("In") => listed(),
                Some("NotIn") => !listed(),
                Some("Exists") => label.is_some(),
                Some("DoesNotExist") => label.is_none(),
                _ => false,
            }
        })
}

fn is_empty(selector: &Value) -> bool {
    ["matchLabels", "matchExpressions"]
        .iter()
        .all(|key| super::check::is_nothing(&selector[*key]))
}

/// A selector as Go prints it.
pub(super) fn go(selector: &Value) -> String {
    let expressions = match selector["matchExpressions"].as_array() {
        None => "[]v1.LabelSelectorRequirement(nil)".to_owned(),
        Some(list) => {
            let list: Vec<String> = list.iter().map(go_requirement).collect();
            format!("[]v1.LabelSelectorRequirement{{{}}}", list.join(", "))
        }
    };
    let labels = go_labels(&selector["matchLabels"]);
    format!("v1.LabelSelector{{MatchLabels:{labels}, MatchExpressions:{expressions}}}")
}

fn go_requirement(requirement: &Value) -> String {
    let text = |key: &str| requirement[key].as_str().unwrap_or_default();
    let values = match requirement["values"].as_array() {
        None => "[]string(nil)".to_owned(),
        Some(list) => {
            let list: Vec<String> = list.iter().map(ToString::to_string).collect();
            format!("[]string{{{}}}", list.join(", "))
        }
    };
    format!(
        "v1.LabelSelectorRequirement{{Key:{:?}, Operator:{:?}, Values:{values}}}",
        text("key"),
        text("operator")
    )
}

/// Labels as Go prints them.
pub(super) fn go_labels(labels: &Value) -> String {
    match labels.as_object() {
        None => "map[string]string(nil)".to_owned(),
        Some(map) => {
            let list: Vec<String> = map
                .iter()
                .map(|(key, value)| format!("{key:?}:{value}"))
                .collect();
            format!("map[string]string{{{}}}", list.join(", "))
        }
    }
}
