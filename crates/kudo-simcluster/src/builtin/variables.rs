//! Checks of the variables of containers, and of what they are taken from.

use serde_json::Value;

use super::check::{join, list};
use super::names;
use crate::field_error::FieldError;

/// Variables of a whole config map or secret.
pub(super) fn env_from(container: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let all = join(path, "envFrom");
    for (index, source) in list(&container["envFrom"]).enumerate() {
        let own = format!("{all}[{index}]");
        let prefix = source["prefix"].as_str().unwrap_or_default();
        if !prefix.is_empty() {
            for fault in names::env_name(prefix) {
                let field = join(&own, "prefix");
                errors.push(FieldError::invalid(field, &source["prefix"], fault));
            }
        }
        let mut sources = 0;
        for key in ["configMapRef", "secretRef"] {
            if source[key].is_null() {
                continue;
            }
            sources += 1;
            let name = &source[key]["name"];
            for fault in names::subdomain(name.as_str().unwrap_or_default()) {
                errors.push(FieldError::invalid(
                    format!("{own}.{key}.name"),
                    name,
                    fault,
                ));
            }
        }
        let words = match sources {
            0 => "must specify one of: `configMapRef` or `secretRef`",
            1 => continue,
            _ => "may not have more than one field specified at a time",
        };
        errors.push(FieldError::invalid(all.as_str(), &"".into(), words));
    }
}

/// What a variable may be taken from: fields of the pod.
const ENV_FIELDS: &[&str] = &[
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

/// Fields of a pod that can be named, but not all of them for everything.
const OTHER_FIELDS: &[&str] = &[
    "metadata.annotations",
    "metadata.labels",
    "spec.restartPolicy",
    "spec.schedulerName",
    "status.phase",
];

/// Fields of a pod that a file may be made of.
pub(super) const FILE_FIELDS: &[&str] = &[
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
];

fn field_for_variable(from: &Value, path: &str, errors: &mut Vec<FieldError>) {
    field_of_pod(from, ENV_FIELDS, path, errors);
}

/// A field of the pod, and one of those allowed.
pub(super) fn field_of_pod(
    from: &Value,
    allowed: &[&str],
    path: &str,
    errors: &mut Vec<FieldError>,
) {
    let text = |field: &str| from[field].as_str().unwrap_or_default();
    let (version, named) = (text("apiVersion"), text("fieldPath"));
    let field = join(path, "fieldPath");
    if named.is_empty() {
        errors.push(FieldError::required(field, ""));
        return;
    }
    let (whole, subscript) = match named.split_once("['") {
        Some((whole, rest)) => (whole, rest.strip_suffix("']")),
        None => (named, None),
    };
    let is_known = ENV_FIELDS.contains(&whole) || OTHER_FIELDS.contains(&whole);
    if version != "v1" || !is_known {
        let problem = if version == "v1" {
            format!("field label not supported: {named}")
        } else {
            format!("unsupported pod version: {version}")
        };
        let words = format!("error converting fieldPath: {problem}");
        errors.push(FieldError::invalid(field, &from["fieldPath"], words));
        return;
    }
    match subscript {
        Some(key) if ["metadata.annotations", "metadata.labels"].contains(&whole) => {
            for fault in names::qualified(key) {
                errors.push(FieldError::invalid(path, &key.into(), fault));
            }
        }
        Some(_) => {
            let words = "does not support subscript";
            errors.push(FieldError::invalid(path, &whole.into(), words));
        }
        None if !allowed.contains(&whole) => {
            errors.push(FieldError::not_supported(field, &whole.into(), allowed));
        }
        None => {}
    }
}

/// What a variable may be taken from: amounts of the container.
const ENV_RESOURCES: &[&str] = &[
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];

/// An amount of a container.
pub(super) fn amount_of_container(from: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let resource = from["resource"].as_str().unwrap_or_default();
    if resource.is_empty() {
        errors.push(FieldError::required(join(path, "resource"), ""));
        return;
    }
    let is_huge = |name: &str| {
        name.split_once('.')
            .is_some_and(|(_, n)| n.starts_with("hugepages-"))
    };
    if !ENV_RESOURCES.contains(&resource) && !is_huge(resource) {
        let field = join(path, "resource");
        errors.push(FieldError::not_supported(
            field,
            &resource.into(),
            ENV_RESOURCES,
        ));
        return;
    }
    let divisor = from["divisor"].as_str().unwrap_or("0");
    let name = resource.split('.').nth(1).unwrap_or_default();
    let (allowed, shown): (&[&str], &str) = if name == "cpu" {
        (&["1m", "1"], "1m and 1")
    } else {
        (
            &[
                "1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei",
            ],
            "1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei",
        )
    };
    if divisor != "0" && !allowed.contains(&divisor) {
        let words = format!("only divisor's values {shown} are supported with the {name} resource");
        errors.push(FieldError::invalid(
            join(path, "divisor"),
            &resource.into(),
            words,
        ));
    }
}

/// A variable has a value or a source, and the source is one.
pub(super) fn env(variable: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let Some(from) = variable["valueFrom"].as_object() else {
        return;
    };
    let field = join(path, "valueFrom");
    let nothing = Value::from("");
    for (key, check) in [
        (
            "fieldRef",
            field_for_variable as fn(&Value, &str, &mut Vec<FieldError>),
        ),
        ("resourceFieldRef", amount_of_container),
    ] {
        if let Some(source) = from.get(key).filter(|source| !source.is_null()) {
            check(source, &join(&field, key), errors);
        }
    }
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
