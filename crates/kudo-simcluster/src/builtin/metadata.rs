//! What every object's metadata must be, and how objects of each kind may be named.

use serde_json::Value;

use super::check::{go_texts, list};
use super::{Gvk, names};
use crate::field_error::FieldError;

/// How names of a kind are formed, where they are not DNS subdomains.
fn name_faults(gvk: Gvk<'_>, name: &str) -> Vec<String> {
    match (gvk.group, gvk.kind) {
        ("", "Namespace") => names::label(name),
        ("", "Service") => names::label_1035(name),
        ("rbac.authorization.k8s.io" | "authentication.k8s.io", _) => names::path_segment(name),
        _ => names::subdomain(name),
    }
}

/// What is wrong with the metadata of a new object.
pub(super) fn validate(gvk: Gvk<'_>, metadata: &Value, errors: &mut Vec<FieldError>) {
    let text = |key: &str| metadata[key].as_str().unwrap_or_default();
    let prefix = text("generateName");
    if !prefix.is_empty() {
        // The server appends to it, so it may end with what a name may not.
        let whole = format!("{}a", prefix.trim_end_matches('-'));
        for fault in name_faults(gvk, &whole) {
            let field = "metadata.generateName";
            errors.push(FieldError::invalid(field, &metadata["generateName"], fault));
        }
    }
    let name = text("name");
    if name.is_empty() {
        let words = "name or generateName is required";
        errors.push(FieldError::required("metadata.name", words));
    } else {
        for fault in name_faults(gvk, name) {
            errors.push(FieldError::invalid(
                "metadata.name",
                &metadata["name"],
                fault,
            ));
        }
    }
    validate_parts(metadata, "metadata", errors);
}

/// What is wrong with the metadata of an object within another.
pub(crate) fn validate_embedded(metadata: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let parts = ["generateName", "name"].map(|key| (key, metadata[key].as_str()));
    for (key, text) in parts {
        for fault in text.map(names::path_segment).unwrap_or_default() {
            let field = format!("{path}.{key}");
            errors.push(FieldError::invalid(field, &metadata[key], fault));
        }
    }
    if let Some(namespace) = metadata["namespace"]
        .as_str()
        .filter(|name| !name.is_empty())
    {
        for fault in names::label(namespace) {
            let field = format!("{path}.namespace");
            errors.push(FieldError::invalid(field, &metadata["namespace"], fault));
        }
    }
    validate_parts(metadata, path, errors);
}

/// What is wrong with metadata beside the name; pod templates have it, too.
pub(super) fn validate_parts(metadata: &Value, path: &str, errors: &mut Vec<FieldError>) {
    labels(&metadata["labels"], &format!("{path}.labels"), errors);
    annotations(
        &metadata["annotations"],
        &format!("{path}.annotations"),
        errors,
    );
    owners(
        &metadata["ownerReferences"],
        &format!("{path}.ownerReferences"),
        errors,
    );
    finalizers(
        &metadata["finalizers"],
        &format!("{path}.finalizers"),
        errors,
    );
}

/// What is wrong with a change of metadata.
pub(super) fn validate_update(old: &Value, new: &Value, errors: &mut Vec<FieldError>) {
    for key in [
        "name",
        "namespace",
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    ] {
        if new[key].is_null() || old[key] == new[key] {
            continue;
        }
        let field = format!("metadata.{key}");
        let shown = match new[key].as_str() {
            Some(time) if key.ends_with("Timestamp") => go_time(time),
            _ => crate::field_error::shown(&new[key]),
        };
        errors.push(FieldError::invalid_shown(
            field,
            shown,
            "field is immutable",
        ));
    }
    if !old["deletionTimestamp"].is_null() {
        let had = |name: &Value| list(&old["finalizers"]).any(|old| old == name);
        let added: Vec<&Value> = list(&new["finalizers"]).filter(|name| !had(name)).collect();
        if !added.is_empty() {
            let shown: Vec<String> = added.iter().map(ToString::to_string).collect();
            let words = format!(
                "no new finalizers can be added if the object is being deleted, found new \
                 finalizers []string{{{}}}",
                shown.join(", ")
            );
            errors.push(FieldError::forbidden("metadata.finalizers", words));
        }
    }
}

/// Labels, as of objects and selectors.
pub(super) fn labels(labels: &Value, path: &str, errors: &mut Vec<FieldError>) {
    for (key, value) in labels.as_object().into_iter().flatten() {
        for fault in names::qualified(key) {
            errors.push(FieldError::invalid(path, &Value::from(key.as_str()), fault));
        }
        for fault in names::label_value(value.as_str().unwrap_or_default()) {
            errors.push(FieldError::invalid(path, value, fault));
        }
    }
}

pub(super) fn annotations(annotations: &Value, path: &str, errors: &mut Vec<FieldError>) {
    const LIMIT: usize = 256 * 1024;
    let mut size = 0;
    for (key, value) in annotations.as_object().into_iter().flatten() {
        for fault in names::qualified(&key.to_lowercase()) {
            errors.push(FieldError::invalid(path, &Value::from(key.as_str()), fault));
        }
        size += key.len() + value.as_str().map_or(0, str::len);
    }
    if size > LIMIT {
        errors.push(FieldError::too_long(path, LIMIT));
    }
}

fn owners(owners: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let mut controllers = Vec::new();
    for owner in list(owners) {
        let text = |key: &str| owner[key].as_str().unwrap_or_default();
        let checks = [
            ("apiVersion", "version must not be empty"),
            ("kind", "kind must not be empty"),
            ("name", "name must not be empty"),
            ("uid", "uid must not be empty"),
        ];
        for (key, words) in checks {
            if text(key).is_empty() {
                let field = format!("{path}.{key}");
                errors.push(FieldError::invalid(field, &Value::from(""), words));
            }
        }
        if text("apiVersion") == "v1" && text("kind") == "Event" {
            let words = "/v1, Kind=Event is disallowed from being an owner";
            errors.push(FieldError::invalid_shown(path, go_owner(owner), words));
        }
        if owner["controller"] == true {
            controllers.push(text("name"));
        }
    }
    if let [first, second, ..] = controllers.as_slice() {
        let words = format!(
            "Only one reference can have Controller set to true. Found \"true\" in references for \
             {first} and {second}"
        );
        let shown: Vec<String> = list(owners).map(go_owner).collect();
        let shown = format!("[]v1.OwnerReference{{{}}}", shown.join(", "));
        errors.push(FieldError::invalid_shown(path, shown, words));
    }
}

fn go_owner(owner: &Value) -> String {
    let text = |key: &str| owner[key].as_str().unwrap_or_default();
    // Go shows where a truth value lies, not what it is.
    let pointer = |key: &str| {
        let place = if owner[key].is_boolean() {
            "0xc000000000"
        } else {
            "nil"
        };
        format!("(*bool)({place})")
    };
    format!(
        "v1.OwnerReference{{APIVersion:{:?}, Kind:{:?}, Name:{:?}, UID:{:?}, Controller:{}, \
         BlockOwnerDeletion:{}}}",
        text("apiVersion"),
        text("kind"),
        text("name"),
        text("uid"),
        pointer("controller"),
        pointer("blockOwnerDeletion"),
    )
}

/// A time as Go prints it.
fn go_time(text: &str) -> String {
    let plain = text.trim_end_matches('Z').replace('T', " ");
    format!("{plain} +0000 UTC")
}

fn finalizers(finalizers: &Value, path: &str, errors: &mut Vec<FieldError>) {
    for value in list(finalizers) {
        for fault in names::qualified(value.as_str().unwrap_or_default()) {
            errors.push(FieldError::invalid(path, value, fault));
        }
    }
    let has = |name: &str| list(finalizers).any(|finalizer| finalizer == name);
    if has("orphan") && has("foregroundDeletion") {
        let words = "finalizer orphan and foregroundDeletion cannot be both set";
        let shown = go_texts(finalizers);
        errors.push(FieldError::invalid_shown(path, shown, words));
    }
}

/// What built-in kinds demand of finalizers beyond that; custom resources have had others for too long.
pub(super) fn built_in_finalizers(metadata: &Value, path: &str, errors: &mut Vec<FieldError>) {
    const STANDARD: &[&str] = &["kubernetes", "orphan", "foregroundDeletion"];
    for (index, value) in list(&metadata["finalizers"]).enumerate() {
        let name = value.as_str().unwrap_or_default();
        if !name.contains('/') && !STANDARD.contains(&name) {
            let words = "name is neither a standard finalizer name nor is it fully qualified";
            let field = format!("{path}.finalizers[{index}]");
            errors.push(FieldError::invalid(field, value, words));
        }
    }
}
