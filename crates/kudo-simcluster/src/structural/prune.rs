//! Removing what a schema does not specify.

use std::fmt::Write as _;

use serde_json::Value;

use super::{EMBEDDED, PRESERVE, is_on};
use crate::schema;

/// Where a value is: objects have fields of their own that schemas need not mention.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Place {
    Root,
    Inside,
}

pub(super) fn prune(
    spec: &Value,
    value: &mut Value,
    place: Place,
    path: &mut String,
    removed: &mut Vec<String>,
) {
    let above = path.len();
    match value {
        Value::Array(list) => {
            for (index, item) in list.iter_mut().enumerate() {
                let _ = write!(path, "[{index}]");
                prune(&spec["items"], item, Place::Inside, path, removed);
                path.truncate(above);
            }
        }
        Value::Object(map) => {
            let is_embedded = is_on(spec, EMBEDDED);
            let is_object = place == Place::Root || is_embedded;
            map.retain(|key, value| {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(key);
                let kept = if is_object && ["apiVersion", "kind", "metadata"].contains(&&**key) {
                    if is_embedded && key == "metadata" {
                        prune_metadata(value, path, removed);
                    }
                    true
                } else {
                    prune_field(spec, key, value, path, removed)
                };
                path.truncate(above);
                kept
            });
        }
        _ => {}
    }
}

/// Prunes what is in a field; the answer is whether the field itself is specified.
fn prune_field(
    spec: &Value,
    key: &str,
    value: &mut Value,
    path: &mut String,
    removed: &mut Vec<String>,
) -> bool {
    let (property, additional) = (&spec["properties"][key], &spec["additionalProperties"]);
    let known = [property, additional]
        .into_iter()
        .find(|known| known.is_object());
    if let Some(known) = known {
        prune(known, value, Place::Inside, path, removed);
        return true;
    }
    let kept = is_on(spec, PRESERVE) || *additional == true;
    if !kept {
        removed.push(path.clone());
    }
    kept
}

/// The metadata of an embedded object has the fields that every object's metadata has.
fn prune_metadata(value: &mut Value, path: &str, removed: &mut Vec<String>) {
    let known = schema::metadata();
    if let Value::Object(map) = value {
        map.retain(|key, _| {
            let keep = known.field(key).is_some();
            if !keep {
                removed.push(format!("{path}.{key}"));
            }
            keep
        });
    }
}
