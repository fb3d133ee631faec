//! Cells of several kinds, and of those with one of their own.

use jiff::Timestamp;
use serde_json::Value;

use super::age;

pub(super) fn or_none(value: &Value) -> Value {
    match value.as_str() {
        None | Some("") => "<none>".into(),
        Some(text) => text.into(),
    }
}

pub(super) fn or_na(value: &Value) -> Value {
    match value {
        Value::Null => "N/A".into(),
        Value::String(text) => text.as_str().into(),
        other => other.to_string().into(),
    }
}

pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

pub(super) fn labels(value: &Value) -> Value {
    let parts: Vec<String> = value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()))
        .collect();
    if parts.is_empty() {
        "<none>".into()
    } else {
        parts.join(",").into()
    }
}

/// The subjects of a kind that a binding gives rights to.
pub(super) fn subjects(binding: &Value, kind: &str) -> Value {
    let subjects = list(&binding["subjects"]).iter();
    let names = subjects
        .filter(|subject| subject["kind"] == kind)
        .map(|subject| {
            let text = |field: &str| subject[field].as_str().unwrap_or_default();
            if kind == "ServiceAccount" {
                format!("{}/{}", text("namespace"), text("name"))
            } else {
                text("name").to_owned()
            }
        });
    names.collect::<Vec<_>>().join(", ").into()
}

pub(super) fn phase(object: &Value, _: Timestamp) -> Value {
    if object["metadata"]["deletionTimestamp"].is_string() {
        return "Terminating".into();
    }
    object["status"]["phase"]
        .as_str()
        .unwrap_or_default()
        .into()
}

pub(super) fn data(object: &Value, _: Timestamp) -> Value {
    let count = |field: &str| object[field].as_object().map_or(0, serde_json::Map::len);
    (count("data") + count("binaryData")).into()
}

/// What a quota allows of requests and objects, or of limits, and what is used of it.
pub(super) fn quota(quota: &Value, limits: bool) -> Value {
    let status = &quota["status"];
    let hard = status["hard"].as_object().into_iter().flatten();
    let hard = hard.filter(|(name, _)| name.starts_with("limits.") == limits);
    let parts = hard.map(|(name, hard)| {
        let used = status["used"][name].as_str().unwrap_or("0");
        format!("{name}: {used}/{}", hard.as_str().unwrap_or_default())
    });
    parts.collect::<Vec<_>>().join(", ").into()
}

/// Whether a condition is met.
pub(super) fn has_condition(object: &Value, name: &str) -> bool {
    let mut conditions = list(&object["status"]["conditions"]).iter();
    conditions.any(|condition| condition["type"] == name && condition["status"] == "True")
}

/// Who serves a group of an API: a service, or the server itself.
pub(super) fn service_of_group(group: &Value, _: Timestamp) -> Value {
    let service = &group["spec"]["service"];
    if service.is_null() {
        return "Local".into();
    }
    let text = |field: &str| service[field].as_str().unwrap_or_default();
    format!("{}/{}", text("namespace"), text("name")).into()
}

/// Whether a group of an API is served, and why not.
pub(super) fn is_available(group: &Value, _: Timestamp) -> Value {
    let mut conditions = list(&group["status"]["conditions"]).iter();
    let Some(found) = conditions.find(|condition| condition["type"] == "Available") else {
        return "Unknown".into();
    };
    let text = |field: &str| found[field].as_str().unwrap_or_default();
    match (text("status"), text("reason")) {
        (status @ "True", _) | (status, "") => status.into(),
        (status, reason) => format!("{status} ({reason})").into(),
    }
}

/// For how long a certificate is asked for.
pub(super) fn requested_duration(request: &Value, _: Timestamp) -> Value {
    match request["spec"]["expirationSeconds"].as_i64() {
        Some(seconds) => age::duration(seconds).into(),
        None => "<none>".into(),
    }
}

/// What has become of a request for a certificate.
pub(super) fn request_status(request: &Value, _: Timestamp) -> Value {
    // What is said of it is met, whatever its status.
    let has = |name: &str| {
        let mut conditions = list(&request["status"]["conditions"]).iter();
        conditions.any(|condition| condition["type"] == name)
    };
    let decided = ["Denied", "Approved"].into_iter().find(|name| has(name));
    let mut status = decided.unwrap_or("Pending").to_owned();
    if has("Failed") {
        status.push_str(",Failed");
    }
    if request["status"]["certificate"].is_string() {
        status.push_str(",Issued");
    }
    status.into()
}

/// What an admission policy takes parameters from.
pub(super) fn kind_of_parameters(policy: &Value, _: Timestamp) -> Value {
    let kind = &policy["spec"]["paramKind"];
    let text = |field: &str| kind[field].as_str().unwrap_or_default();
    if kind.is_null() {
        "<unset>".into()
    } else {
        format!("{}/{}", text("apiVersion"), text("kind")).into()
    }
}

/// The parameters that a binding gives to an admission policy.
pub(super) fn parameters(binding: &Value, _: Timestamp) -> Value {
    let given = &binding["spec"]["paramRef"];
    let text = |field: &str| given[field].as_str().unwrap_or_default();
    match (text("namespace"), text("name")) {
        (_, "") => "<unset>".into(),
        ("", name) => format!("*/{name}").into(),
        (namespace, name) => format!("{namespace}/{name}").into(),
    }
}
