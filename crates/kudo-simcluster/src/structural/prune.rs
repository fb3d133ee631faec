//! Removing what a schema does not specify.

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
    path: &str,
    removed: &mut Vec<String>,
) {
    match value {
        Value::Array(list) => {
            for (index, item) in list.iter_mut().enumerate() {
                let path = format!("{path}[{index}]");
                prune(&spec["items"], item, Place::Inside, &path, removed);
            }
        }
        Value::Object(map) => {
            let is_embedded = is_on(spec, EMBEDDED);
            let is_object = place == Place::Root || is_embedded;
            let keys: Vec<String> = map.keys().cloned().collect();
            for key in keys {
                let dot = if path.is_empty() { "" } else { "." };
                let below = format!("{path}{dot}{key}");
                let Some(value) = map.get_mut(&key) else {
                    continue;
                };
                if is_object && key == "metadata" {
                    if is_embedded {
                        prune_metadata(value, &below, removed);
                    }
                    continue;
                }
                if is_object && (key == "apiVersion" || key == "kind") {
                    continue;
                }
                let additional = &spec["additionalProperties"];
                match &spec["properties"][key.as_str()] {
                    Value::Object(property) => {
                        let property = Value::Object(property.clone());
                        prune(&property, value, Place::Inside, &below, removed);
                    }
                    _ if additional.is_object() => {
                        prune(additional, value, Place::Inside, &below, removed);
                    }
                    _ if is_on(spec, PRESERVE) || *additional == true => {}
                    _ => {
                        map.remove(&key);
                        removed.push(below);
                    }
                }
            }
        }
        _ => {}
    }
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
