//! Checks of containers that look at more than one field.

use serde_json::Value;

use super::check::{join, list, port_or_name};
use super::names;
use super::pods::duplicates;
use crate::field_error::FieldError;
use crate::schema::Quantity;

/// Named ports differ, and so do ports of the node.
pub(super) fn ports(container: &Value, path: &str, errors: &mut Vec<FieldError>) {
    duplicates(&container["ports"], &join(path, "ports"), errors);
}

/// An image has no space around its name, unless a template brings it.
pub(super) fn image(container: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let image = container["image"].as_str().unwrap_or_default();
    let is_of_pod = path.starts_with("spec.containers") || path.starts_with("spec.initContainers");
    if is_of_pod && image.trim() != image {
        let words = "must not have leading or trailing whitespace";
        errors.push(FieldError::invalid(
            join(path, "image"),
            &container["image"],
            words,
        ));
    }
}

pub(super) fn termination_message(container: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let policy = &container["terminationMessagePolicy"];
    if policy.is_string() && policy != "File" && policy != "FallbackToLogsOnError" {
        let words = "must be 'File' or 'FallbackToLogsOnError'";
        let field = join(path, "terminationMessagePolicy");
        errors.push(FieldError::invalid(field, policy, words));
    }
}

pub(super) fn http_headers(action: &Value, path: &str, errors: &mut Vec<FieldError>) {
    for header in list(&action["httpHeaders"]) {
        for fault in names::http_header(header["name"].as_str().unwrap_or_default()) {
            let field = join(path, "httpHeaders");
            errors.push(FieldError::invalid(field, &header["name"], fault));
        }
    }
}

/// A probe has one handler.
pub(super) fn handler(probe: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let handlers: Vec<&str> = ["exec", "httpGet", "tcpSocket", "grpc", "sleep"]
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

/// A container sleeps no longer than its pod has time to end.
pub(super) fn sleeps(pod: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let grace = pod["terminationGracePeriodSeconds"].as_i64();
    let Some(grace) = grace else { return };
    for key in ["containers", "initContainers"] {
        for (index, container) in list(&pod[key]).enumerate() {
            for hook in ["postStart", "preStop"] {
                let seconds = &container["lifecycle"][hook]["sleep"]["seconds"];
                if seconds.as_i64().is_some_and(|s| s < 0 || s > grace) {
                    let field = join(path, &format!("{key}[{index}].lifecycle.{hook}.sleep"));
                    let words = format!(
                        "must be non-negative and less than terminationGracePeriodSeconds ({grace})"
                    );
                    errors.push(FieldError::invalid(field, seconds, words));
                }
            }
        }
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
            if is_extended(name) && !quantity.is_whole() {
                errors.push(FieldError::invalid(field, amount, "must be an integer"));
            }
            if side == "requests" {
                let limit = self::quantity(&resources["limits"][name.as_str()]);
                within_limit(name, amount, (quantity, limit), path, errors);
            }
        }
    }
    let asks_for = |wanted: &dyn Fn(&str) -> bool| {
        let sides = ["limits", "requests"].iter();
        let mut amounts = sides.flat_map(|side| resources[*side].as_object().into_iter().flatten());
        amounts.any(|(name, _)| wanted(name))
    };
    if asks_for(&|name| name.starts_with("hugepages-"))
        && !asks_for(&|name| name == "cpu" || name == "memory")
    {
        let words = "HugePages require cpu or memory";
        errors.push(FieldError::forbidden(path, words));
    }
}

/// Whether a resource is none of Kubernetes' own.
pub(super) fn is_extended(name: &str) -> bool {
    name.contains('/') && !name.contains("kubernetes.io/")
}

/// What is asked for is no more than the limit, and just that of what cannot be shared.
fn within_limit(
    name: &str,
    amount: &Value,
    (asked, limit): (Quantity, Option<Quantity>),
    path: &str,
    errors: &mut Vec<FieldError>,
) {
    let is_shared = !is_extended(name) && !name.starts_with("hugepages-");
    let relation = match limit {
        None if is_shared => return,
        None => {
            let words = "Limit must be set for non overcommitable resources";
            errors.push(FieldError::required(join(path, "limits"), words));
            return;
        }
        Some(limit) if is_shared && asked > limit => "less than or equal to",
        Some(limit) if !is_shared && asked != limit => "equal to",
        Some(_) => return,
    };
    let words = format!("must be {relation} {name} limit");
    errors.push(FieldError::invalid(join(path, "requests"), amount, words));
}

/// A resource without a domain must be one that containers have.
pub(super) fn unknown_resource(name: &str, field: &str, errors: &mut Vec<FieldError>) {
    if is_extended(name) {
        let faults = names::qualified(name);
        let is_ill_formed = !faults.is_empty();
        for fault in faults {
            errors.push(FieldError::invalid(field, &name.into(), fault));
        }
        if is_ill_formed {
            let words = "doesn't follow extended resource name standard";
            errors.push(FieldError::invalid(field, &name.into(), words));
        }
    }
    let known = ["cpu", "memory", "ephemeral-storage"].contains(&name);
    if known || name.contains('/') || name.starts_with("hugepages-") {
        return;
    }
    let name = Value::from(name);
    for words in [
        super::quotas::STANDARD,
        "must be a standard resource for containers",
    ] {
        errors.push(FieldError::invalid(field, &name, words));
    }
}

pub(super) fn quantity(value: &Value) -> Option<Quantity> {
    Quantity::parse(value.as_str()?).ok()
}
