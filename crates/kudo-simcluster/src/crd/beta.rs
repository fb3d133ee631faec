//! Definitions as `apiextensions.k8s.io/v1beta1` writes them: what all versions share stands beside them, and
//! objects may hold what no schema knows.

use serde_json::{Map, Value, json};

use crate::field_error::FieldError;
use crate::structural::Structural;

/// What a version may share with all others: its name there, and beside the versions.
const SHARED: [(&str, &str); 3] = [
    ("schema", "validation"),
    ("subresources", "subresources"),
    ("additionalPrinterColumns", "additionalPrinterColumns"),
];

/// The only version of a definition, and the first of several, say the same.
pub(super) fn default_versions(object: &mut Value) {
    let Some(spec) = object["spec"].as_object_mut() else {
        return;
    };
    let first = versions(spec)
        .next()
        .and_then(|first| first.get("name").cloned());
    let only = spec
        .get("version")
        .and_then(Value::as_str)
        .filter(|name| !name.is_empty());
    match (first, only) {
        (None, Some(name)) => {
            let only = json!([{ "name": name, "served": true, "storage": true }]);
            spec.insert("versions".to_owned(), only);
        }
        (Some(first), None) => {
            spec.insert("version".to_owned(), first);
        }
        _ => {}
    }
}

/// What is wrong with a definition in the shape of this version and would be lost in that of the newer one.
pub(super) fn validate(object: &Value) -> Vec<FieldError> {
    let spec = &object["spec"];
    let versions = spec["versions"].as_array().map_or(&[][..], Vec::as_slice);
    let mut errors = Vec::new();
    let first = versions.first().map(|version| &version["name"]);
    if first.is_some_and(|first| *first != spec["version"]) {
        let detail = "must match the first version in spec.versions";
        errors.push(FieldError::invalid(
            "spec.version",
            &spec["version"],
            detail,
        ));
    }
    for ((own, shared), words) in
        SHARED
            .iter()
            .zip(["schemas", "subresources", "additionalPrinterColumns"])
    {
        let both =
            !spec[*shared].is_null() && versions.iter().any(|version| !version[*own].is_null());
        if both {
            let detail = format!("top-level and per-version {words} are mutually exclusive");
            errors.push(FieldError::forbidden(format!("spec.{shared}"), detail));
        }
    }
    errors
}

/// Turns a definition of this version into the newer shape.
pub(crate) fn to_v1(object: &mut Value) {
    let Some(spec) = object["spec"].as_object_mut() else {
        return;
    };
    spec.remove("version");
    if spec.get("preserveUnknownFields") == Some(&Value::Bool(false)) {
        spec.remove("preserveUnknownFields");
    }
    let shared = SHARED.map(|(own, shared)| (own, spec.remove(shared)));
    for version in versions(spec) {
        for (own, shared) in &shared {
            if let Some(shared) = shared {
                version.entry(*own).or_insert_with(|| shared.clone());
            }
        }
        rename_paths(version, "JSONPath", "jsonPath");
    }
    if let Some(conversion) = spec.get_mut("conversion").and_then(Value::as_object_mut) {
        let client = conversion.remove("webhookClientConfig");
        let reviews = conversion.remove("conversionReviewVersions");
        if client.is_some() || reviews.is_some() {
            let mut webhook = Map::new();
            webhook.extend(client.map(|client| ("clientConfig".to_owned(), client)));
            webhook.extend(reviews.map(|list| ("conversionReviewVersions".to_owned(), list)));
            conversion.insert("webhook".to_owned(), webhook.into());
        }
    }
}

/// Turns a definition of the newer version into the shape of this one.
pub(crate) fn from_v1(object: &mut Value) {
    let Some(spec) = object["spec"].as_object_mut() else {
        return;
    };
    spec.entry("preserveUnknownFields").or_insert(false.into());
    versions(spec).for_each(|version| rename_paths(version, "jsonPath", "JSONPath"));
    let all = |spec: &mut Map<String, Value>, key: &str| -> Vec<Option<Value>> {
        let values = versions(spec).map(|version| version.get(key).cloned());
        values.collect()
    };
    if let Some(Some(first)) = all(spec, "name").first() {
        spec.insert("version".to_owned(), first.clone());
    }
    for (own, shared) in SHARED {
        let values = all(spec, own);
        if let Some((Some(first), others)) = values.split_first()
            && others.iter().all(|other| other.as_ref() == Some(first))
        {
            versions(spec).for_each(|version| drop(version.remove(own)));
            spec.insert(shared.to_owned(), first.clone());
        }
    }
    if let Some(conversion) = spec.get_mut("conversion").and_then(Value::as_object_mut)
        && let Some(Value::Object(mut webhook)) = conversion.remove("webhook")
    {
        let parts = [
            ("clientConfig", "webhookClientConfig"),
            ("conversionReviewVersions", "conversionReviewVersions"),
        ];
        for (from, to) in parts {
            conversion.extend(webhook.remove(from).map(|value| (to.to_owned(), value)));
        }
    }
}

fn versions(spec: &mut Map<String, Value>) -> impl Iterator<Item = &mut Map<String, Value>> {
    let versions = spec.get_mut("versions").and_then(Value::as_array_mut);
    versions
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
}

fn rename_paths(version: &mut Map<String, Value>, from: &str, to: &str) {
    let columns = version
        .get_mut("additionalPrinterColumns")
        .and_then(Value::as_array_mut);
    for column in columns
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
    {
        if let Some(path) = column.remove(from) {
            column.insert(to.to_owned(), path);
        }
    }
}

/// Why the schemas of a definition, in the newer shape, are not structural.
pub(super) fn violations(spec: &Value) -> Option<String> {
    if spec["preserveUnknownFields"] != true {
        return None;
    }
    let mut errors = vec![FieldError::invalid(
        "spec.preserveUnknownFields",
        &Value::Bool(true),
        "must be false",
    )];
    for (index, version) in spec["versions"]
        .as_array()
        .into_iter()
        .flatten()
        .enumerate()
    {
        let schema = &version["schema"]["openAPIV3Schema"];
        if !schema.is_null() {
            let field = format!("spec.versions[{index}].schema.openAPIV3Schema");
            errors.extend(
                Structural::compile(schema, &field)
                    .err()
                    .unwrap_or_default(),
            );
        }
    }
    let words: Vec<String> = errors.iter().map(ToString::to_string).collect();
    Some(match &words[..] {
        [only] => only.clone(),
        several => format!("[{}]", several.join(", ")),
    })
}

/// A structural schema that checks what the given one knows, and allows the rest; without one, anything.
pub(super) fn lenient(schema: &Value) -> Value {
    let mut schema = match schema {
        Value::Object(_) => schema.clone(),
        _ => json!({}),
    };
    loosen(&mut schema);
    schema["type"] = "object".into();
    schema
}

fn loosen(schema: &mut Value) {
    let Some(members) = schema.as_object_mut() else {
        return;
    };
    let kind = members
        .get("type")
        .and_then(Value::as_str)
        .map(ToOwned::to_owned);
    let holds_fields =
        members.contains_key("properties") || members.contains_key("additionalProperties");
    if kind.is_none() && holds_fields {
        members.insert("type".to_owned(), "object".into());
    } else if kind.is_none() && members.contains_key("items") {
        members.insert("type".to_owned(), "array".into());
    }
    let typed = members.get("type").and_then(Value::as_str);
    if typed.is_none_or(|kind| kind == "object") && !members.contains_key("additionalProperties") {
        members.insert(
            "x-kubernetes-preserve-unknown-fields".to_owned(),
            true.into(),
        );
    }
    if let Some(fields) = members.get_mut("properties").and_then(Value::as_object_mut) {
        fields.values_mut().for_each(loosen);
    }
    for below in ["additionalProperties", "items"] {
        if let Some(schema) = members.get_mut(below) {
            loosen(schema);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both shapes of one definition's `spec`.
    fn cases() -> Vec<(Value, Value)> {
        let column = |key: &str| json!([{ "name": "A", "type": "string", key: ".a" }]);
        let schema = json!({ "openAPIV3Schema": { "type": "object" } });
        vec![
            (
                json!({ "preserveUnknownFields": true, "version": "v1",
                    "versions": [{ "name": "v1" }] }),
                json!({ "preserveUnknownFields": true, "versions": [{ "name": "v1" }] }),
            ),
            (
                json!({ "preserveUnknownFields": false, "version": "v1", "validation": schema,
                    "subresources": { "status": {} }, "additionalPrinterColumns": column("JSONPath"),
                    "versions": [{ "name": "v1" }, { "name": "v2" }] }),
                json!({ "versions": [
                    { "name": "v1", "schema": schema, "subresources": { "status": {} },
                      "additionalPrinterColumns": column("jsonPath") },
                    { "name": "v2", "schema": schema, "subresources": { "status": {} },
                      "additionalPrinterColumns": column("jsonPath") },
                ] }),
            ),
            (
                json!({ "preserveUnknownFields": false, "version": "v1", "versions": [
                    { "name": "v1", "schema": schema },
                    { "name": "v2", "additionalPrinterColumns": column("JSONPath") },
                ] }),
                json!({ "versions": [
                    { "name": "v1", "schema": schema },
                    { "name": "v2", "additionalPrinterColumns": column("jsonPath") },
                ] }),
            ),
            (
                json!({ "preserveUnknownFields": false, "conversion": { "strategy": "Webhook",
                    "webhookClientConfig": { "url": "u" }, "conversionReviewVersions": ["v1"] } }),
                json!({ "conversion": { "strategy": "Webhook",
                    "webhook": { "clientConfig": { "url": "u" }, "conversionReviewVersions": ["v1"] } } }),
            ),
        ]
    }

    #[test]
    fn both_ways() {
        for (beta, v1) in cases() {
            let mut there = json!({ "spec": beta });
            to_v1(&mut there);
            assert_eq!(there["spec"], v1);
            from_v1(&mut there);
            assert_eq!(there["spec"], beta);
        }
    }

    #[test]
    fn what_is_left_open() {
        let cases = [
            (json!({}), json!({})),
            (
                json!({ "version": "v1" }),
                json!({ "version": "v1", "versions": [{ "name": "v1", "served": true, "storage": true }] }),
            ),
            (
                json!({ "versions": [{ "name": "v2" }] }),
                json!({ "version": "v2", "versions": [{ "name": "v2" }] }),
            ),
        ];
        for (given, expected) in cases {
            let mut object = json!({ "spec": given });
            default_versions(&mut object);
            assert_eq!(object["spec"], expected);
        }
    }

    #[test]
    fn hostile_shapes_change_nothing() {
        for spec in [
            json!(null),
            json!([]),
            json!("a"),
            json!({ "versions": 1, "conversion": [] }),
        ] {
            let mut object = json!({ "spec": spec });
            default_versions(&mut object);
            to_v1(&mut object);
            from_v1(&mut object);
            let _ = validate(&object);
            let _ = lenient(&object["spec"]);
        }
    }
}
