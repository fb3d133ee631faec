//! The JSON merge patch (RFC 7386) that makes one value of another.

use serde_json::{Map, Value};

/// The patch from `old` to `new`, or `None` if they are equal.
///
/// Lists are replaced as a whole, and what is gone becomes `null`. Within `new`, `null` is taken for
/// absent, as a merge patch cannot say otherwise.
pub fn difference(
    old: &Map<String, Value>,
    new: &Map<String, Value>,
) -> Option<Map<String, Value>> {
    let mut patch = Map::new();
    for (key, value) in new {
        match (old.get(key), value) {
            (Some(before), after) if before == after => {}
            (None, Value::Null) => {}
            (Some(Value::Object(before)), Value::Object(after)) => {
                if let Some(inner) = difference(before, after) {
                    patch.insert(key.clone(), Value::Object(inner));
                }
            }
            (_, after) => {
                patch.insert(key.clone(), without_nulls(after));
            }
        }
    }
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    (!patch.is_empty()).then_some(patch)
}

/// A value that is put in whole: `null`s in its objects would mean nothing there.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .filter(|(_, inner)| !inner.is_null())
            .map(|(key, inner)| (key.clone(), without_nulls(inner)))
            .collect(),
        other => other.clone(),
    }
}
