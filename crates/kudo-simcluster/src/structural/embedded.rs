//! Objects within custom resources: each has a version, a kind and metadata of its own.

use serde_json::Value;

use super::validate::join;
use super::{EMBEDDED, is_on};
use crate::builtin::{label_1035, validate_embedded};
use crate::field_error::{FieldError, go_syntax};
use crate::schema;

/// Acts on every embedded object in a value, with its path.
fn each<'a>(
    spec: &Value,
    value: &'a Value,
    path: &str,
    act: &mut impl FnMut(&'a serde_json::Map<String, Value>, &str),
) {
    match value {
        Value::Object(map) => {
            if is_on(spec, EMBEDDED) {
                act(map, path);
            }
            for (key, value) in map {
                let property = &spec["properties"][key.as_str()];
                if property.is_object() {
                    each(property, value, &join(path, key), act);
                } else if spec["additionalProperties"].is_object() {
                    let below = format!("{path}[{key}]");
                    each(&spec["additionalProperties"], value, &below, act);
                }
            }
        }
        Value::Array(list) if spec["items"].is_object() => {
            for (index, item) in list.iter().enumerate() {
                each(&spec["items"], item, &format!("{path}[{index}]"), act);
            }
        }
        _ => {}
    }
}

/// What of embedded objects has another type than theirs; such an object cannot be read.
pub(super) fn misfit(spec: &Value, value: &Value) -> Option<FieldError> {
    let mut found = None;
    each(spec, value, "", &mut |map, path| {
        let mut note = |key: &str, shown: String, words: String| {
            found.get_or_insert(FieldError::invalid_shown(join(path, key), shown, words));
        };
        for key in ["apiVersion", "kind"] {
            if let Some(value) = map.get(key).filter(|value| !value.is_string()) {
                note(key, go_syntax(value), "must be a string".to_owned());
            }
        }
        if let Some(metadata) = map.get("metadata").filter(|value| !value.is_null())
            && let Err(error) = schema::decode(&schema::metadata(), &mut metadata.clone())
        {
            note("metadata", go_syntax(metadata), error.to_string());
        }
    });
    found
}

/// What is wrong with the embedded objects in a value; `whole` takes the value as one.
pub(super) fn validate(spec: &Value, value: &Value, whole: bool, errors: &mut Vec<FieldError>) {
    if let (true, Value::Object(map)) = (whole && !is_on(spec, EMBEDDED), value) {
        validate_one(map, "", errors);
    }
    each(spec, value, "", &mut |map, path| {
        validate_one(map, path, errors);
    });
}

fn validate_one(map: &serde_json::Map<String, Value>, path: &str, errors: &mut Vec<FieldError>) {
    let text = |key: &str| map.get(key).and_then(Value::as_str).unwrap_or_default();
    let (version, kind) = (text("apiVersion"), text("kind"));
    for (key, text) in [("apiVersion", version), ("kind", kind)] {
        if text.is_empty() {
            errors.push(FieldError::required(join(path, key), "must not be empty"));
        }
    }
    if version.matches('/').count() > 1 {
        let words = format!("unexpected GroupVersion string: {version}");
        let field = join(path, "apiVersion");
        errors.push(FieldError::invalid(field, &version.into(), words));
    }
    let faults = label_1035(&kind.to_lowercase());
    if !kind.is_empty() && !faults.is_empty() {
        let words = format!(
            "may have mixed case, but should otherwise match: {}",
            faults.join(",")
        );
        errors.push(FieldError::invalid(join(path, "kind"), &kind.into(), words));
    }
    if let Some(metadata) = map.get("metadata") {
        validate_embedded(metadata, &join(path, "metadata"), errors);
    }
}
