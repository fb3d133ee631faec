//! Checks of pods that look at more than one field.

use std::collections::BTreeSet;

use serde_json::Value;

use super::rules::{join, port_or_name};
use crate::field_error::FieldError;
use crate::schema::Quantity;

/// Marks a place in the order of checks: what is below the field comes here.
pub(super) fn nothing(_: &Value, _: &str, _: &mut Vec<FieldError>) {}

/// A volume has one source.
pub(super) fn volume(volume: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let sources: Vec<&String> = volume
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| *key != "name")
        .map(|(key, _)| key)
        .collect();
    // The server takes `emptyDir` first; any other order is that of the alphabet.
    let first = sources
        .iter()
        .find(|key| **key == "emptyDir")
        .or(sources.first());
    for source in &sources {
        if Some(source) != first {
            let words = "may not specify more than 1 volume type";
            errors.push(FieldError::forbidden(join(path, source), words));
        }
    }
    let needed = [("configMap", "name"), ("secret", "secretName")];
    for (source, field) in needed {
        let found = &volume[source];
        if found.is_object() && found[field].is_null() && Some(&&source.to_owned()) == first {
            let field = join(path, &format!("{source}.{field}"));
            errors.push(FieldError::required(field, ""));
        }
    }
}

pub(super) fn volume_names(pod: &Value, path: &str, errors: &mut Vec<FieldError>) {
    duplicates(&pod["volumes"], &join(path, "volumes"), errors);
}

/// Names of containers, of both sorts, differ.
pub(super) fn container_names(pod: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let mut seen = BTreeSet::new();
    for key in ["containers", "initContainers"] {
        for (index, container) in list(&pod[key]).enumerate() {
            let Some(name) = container["name"].as_str().filter(|name| !name.is_empty()) else {
                continue;
            };
            if !seen.insert(name) {
                let field = join(path, &format!("{key}[{index}].name"));
                errors.push(FieldError::duplicate(field, &container["name"]));
            }
        }
    }
}

fn duplicates(items: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let mut seen = BTreeSet::new();
    for (index, item) in list(items).enumerate() {
        let Some(name) = item["name"].as_str().filter(|name| !name.is_empty()) else {
            continue;
        };
        if !seen.insert(name) {
            let field = format!("{path}[{index}].name");
            errors.push(FieldError::duplicate(field, &item["name"]));
        }
    }
}

/// Mounts name volumes of the pod, each at a path of its own.
pub(super) fn mounts(pod: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let known: BTreeSet<&str> = list(&pod["volumes"])
        .filter_map(|volume| volume["name"].as_str())
        .collect();
    for key in ["containers", "initContainers"] {
        for (index, container) in list(&pod[key]).enumerate() {
            let mut paths = BTreeSet::new();
            for (place, mount) in list(&container["volumeMounts"]).enumerate() {
                let path = join(path, &format!("{key}[{index}].volumeMounts[{place}]"));
                let name = mount["name"].as_str().unwrap_or_default();
                if !name.is_empty() && !known.contains(name) {
                    let field = format!("{path}.name");
                    errors.push(FieldError::not_found(field, &mount["name"]));
                }
                let at = mount["mountPath"].as_str().unwrap_or_default();
                if !at.is_empty() && !paths.insert(at) {
                    let field = format!("{path}.mountPath");
                    let words = "must be unique";
                    errors.push(FieldError::invalid(field, &mount["mountPath"], words));
                }
            }
        }
    }
}

/// Named ports differ, and so do ports of the node.
pub(super) fn ports(container: &Value, path: &str, errors: &mut Vec<FieldError>) {
    duplicates(&container["ports"], &join(path, "ports"), errors);
}

/// A variable has a value or a source, and the source is one.
pub(super) fn env(variable: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let Some(from) = variable["valueFrom"].as_object() else {
        return;
    };
    let field = join(path, "valueFrom");
    let nothing = Value::from("");
    let value = variable["value"].as_str().unwrap_or_default();
    let words = match (value.is_empty(), from.len()) {
        (false, _) => "may not be specified when `value` is not empty",
        (true, 0) => {
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or \
             `secretKeyRef`"
        }
        (true, 1) => return,
        (true, _) => "may not have more than one field specified at a time",
    };
    errors.push(FieldError::invalid(field, &nothing, words));
}

/// A probe has one handler.
pub(super) fn handler(probe: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let handlers: Vec<&str> = ["exec", "httpGet", "tcpSocket", "grpc"]
        .into_iter()
        .filter(|key| !probe[*key].is_null())
        .collect();
    if handlers.is_empty() {
        let words = "must specify a handler type";
        errors.push(FieldError::required(path, words));
    }
    for key in handlers.iter().skip(1) {
        let words = "may not specify more than 1 handler type";
        errors.push(FieldError::forbidden(join(path, key), words));
    }
}

/// A container that is alive or has started is so after one success.
pub(super) fn liveness(container: &Value, path: &str, errors: &mut Vec<FieldError>) {
    for key in ["livenessProbe", "startupProbe"] {
        let threshold = &container[key]["successThreshold"];
        if threshold.is_i64() && *threshold != 1 {
            let field = join(path, &format!("{key}.successThreshold"));
            errors.push(FieldError::invalid(field, threshold, "must be 1"));
        }
    }
}

pub(super) fn probe_port(action: &Value, path: &str, errors: &mut Vec<FieldError>) {
    port_or_name(&action["port"], &join(path, "port"), errors);
}

/// Amounts are not negative, and requests stay within limits.
pub(super) fn resources(resources: &Value, path: &str, errors: &mut Vec<FieldError>) {
    for side in ["limits", "requests"] {
        for (name, amount) in resources[side].as_object().into_iter().flatten() {
            let Some(quantity) = quantity(amount) else {
                continue;
            };
            let field = join(path, &format!("{side}[{name}]"));
            unknown_resource(name, &field, errors);
            if quantity.is_negative() {
                let words = "must be greater than or equal to 0";
                errors.push(FieldError::invalid(field.clone(), amount, words));
            }
            let limit = &resources["limits"][name.as_str()];
            if side == "requests" && self::quantity(limit).is_some_and(|limit| quantity > limit) {
                let words = format!("must be less than or equal to {name} limit");
                let field = join(path, "requests");
                errors.push(FieldError::invalid(field, amount, words));
            }
        }
    }
}

/// A resource without a domain must be one that containers have.
fn unknown_resource(name: &str, field: &str, errors: &mut Vec<FieldError>) {
    let known = ["cpu", "memory", "ephemeral-storage"].contains(&name);
    if known || name.contains('/') || name.starts_with("hugepages-") {
        return;
    }
    let name = Value::from(name);
    for words in [
        "must be a standard resource type or fully qualified",
        "must be a standard resource for containers",
    ] {
        errors.push(FieldError::invalid(field, &name, words));
    }
}

pub(super) fn quantity(value: &Value) -> Option<Quantity> {
    Quantity::parse(value.as_str()?).ok()
}

/// Pods of most workloads are always started again.
pub(super) fn always_restarts(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let policy = &spec["template"]["spec"]["restartPolicy"];
    if policy.is_string() && *policy != "Always" {
        let field = join(path, "template.spec.restartPolicy");
        errors.push(FieldError::not_supported(field, policy, &["Always"]));
    }
}

/// Pods of jobs are not.
pub(super) fn job_restarts(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let policy = &spec["template"]["spec"]["restartPolicy"];
    let field = join(path, "template.spec.restartPolicy");
    match policy.as_str() {
        Some("OnFailure" | "Never") => {}
        // What is no policy at all has been told already.
        Some(other) if other != "Always" => {}
        _ => {
            let words = "valid values: \"OnFailure\", \"Never\"";
            errors.push(FieldError::required(field, words));
        }
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
