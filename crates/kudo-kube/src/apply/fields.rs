//! Field ownership as the server records it (`fieldsV1`), walked alongside the objects it speaks of.
//!
//! A set of fields is a tree of maps. Its keys say what they name: `f:x` a field, `k:{…}` the list item with
//! those key fields, `v:…` the list item equal to that value, `i:n` the item at a place, and `.` the node
//! itself.

use serde_json::{Map, Value};

/// A tree of fields.
pub(super) type Fields = Map<String, Value>;

/// Whether the set names a path of plain fields.
pub(super) fn names(fields: &Fields, path: &[&str]) -> bool {
    let Some((first, rest)) = path.split_first() else {
        return true;
    };
    fields
        .get(&format!("f:{first}"))
        .and_then(Value::as_object)
        .is_some_and(|child| names(child, rest))
}

/// Adds all of one set to another.
pub(super) fn unite(into: &mut Fields, other: Fields) {
    for (key, value) in other {
        match (into.get_mut(&key), value) {
            (Some(Value::Object(known)), Value::Object(more)) => unite(known, more),
            (None, value) => {
                into.insert(key, value);
            }
            _ => {}
        }
    }
}

/// Whether every field of the set is in the object.
pub(super) fn within(fields: &Fields, object: &Value) -> bool {
    fields.iter().all(|(key, child)| {
        if key == "." {
            return true;
        }
        let Some(part) = part(object, key) else {
            return false;
        };
        child.as_object().is_none_or(|child| within(child, part))
    })
}

/// Splits a set into what of it `previous` had (first) and the rest. Where `desired` lacks a field or item
/// that `previous` had, all below it goes along, defaults included: half an item is not valid.
pub(super) fn split(fields: &Fields, previous: &Value, desired: &Value) -> (Fields, Fields) {
    let mut moved = Fields::new();
    let mut rest = Fields::new();
    for (key, child) in fields {
        if key == "." {
            moved.insert(key.clone(), child.clone());
            continue;
        }
        let Some(before) = part(previous, key) else {
            rest.insert(key.clone(), child.clone());
            continue;
        };
        let (Some(after), Some(inner)) = (part(desired, key), child.as_object()) else {
            moved.insert(key.clone(), child.clone());
            continue;
        };
        let (inner_moved, inner_rest) = split(inner, before, after);
        moved.insert(key.clone(), Value::Object(inner_moved));
        if !inner_rest.is_empty() {
            rest.insert(key.clone(), Value::Object(inner_rest));
        }
    }
    (moved, rest)
}

/// The part of a value that a key of the set names.
fn part<'v>(value: &'v Value, key: &str) -> Option<&'v Value> {
    let (sort, name) = key.split_once(':')?;
    match sort {
        "f" => value.get(name).filter(|part| !part.is_null()),
        "k" => {
            let keys: Map<String, Value> = serde_json::from_str(name).ok()?;
            // A key field that an object leaves to its default (a port's protocol) counts as equal.
            value.as_array()?.iter().find(|item| {
                item.is_object()
                    && keys
                        .iter()
                        .all(|(field, wanted)| item.get(field).is_none_or(|known| known == wanted))
                    && keys.keys().any(|field| item.get(field).is_some())
            })
        }
        "v" => {
            let wanted: Value = serde_json::from_str(name).ok()?;
            value.as_array()?.iter().find(|item| **item == wanted)
        }
        "i" => value.as_array()?.get(name.parse::<usize>().ok()?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(value: Value) -> Fields {
        match value {
            Value::Object(fields) => fields,
            other => panic!("not a map: {other}"),
        }
    }

    #[test]
    fn a_set_lies_within_an_object_that_has_all_its_fields() {
        let object = json!({
            "metadata": {"labels": {"a": "1"}, "finalizers": ["x", "y"]},
            "spec": {"ports": [{"containerPort": 80, "name": "web"}], "empty": null, "list": [1, 2]},
        });
        let cases = [
            (json!({}), true),
            (
                json!({"f:metadata": {"f:labels": {".": {}, "f:a": {}}}}),
                true,
            ),
            (json!({"f:metadata": {"f:labels": {"f:b": {}}}}), false),
            (
                json!({"f:metadata": {"f:finalizers": {"v:\"x\"": {}}}}),
                true,
            ),
            (
                json!({"f:metadata": {"f:finalizers": {"v:\"z\"": {}}}}),
                false,
            ),
            (
                json!({"f:spec": {"f:ports": {"k:{\"containerPort\":80}": {"f:name": {}}}}}),
                true,
            ),
            (
                json!({"f:spec": {"f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {}}}}),
                true,
            ),
            (
                json!({"f:spec": {"f:ports": {"k:{\"containerPort\":81}": {}}}}),
                false,
            ),
            (
                json!({"f:spec": {"f:ports": {"k:{\"containerPort\":80}": {"f:hostPort": {}}}}}),
                false,
            ),
            (json!({"f:spec": {"f:empty": {}}}), false),
            (json!({"f:spec": {"f:list": {"i:1": {}}}}), true),
            (json!({"f:spec": {"f:list": {"i:2": {}}}}), false),
        ];
        for (set, expected) in cases {
            assert_eq!(within(&fields(set.clone()), &object), expected, "{set}");
        }
    }

    #[test]
    fn what_was_applied_before_is_split_from_what_others_added() {
        let owned = json!({"f:metadata": {"f:labels": {".": {}, "f:old": {}, "f:theirs": {}}},
            "f:spec": {"f:clusterIP": {}, "f:ports": {
                "k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}, "f:targetPort": {}},
                "k:{\"port\":81,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}, "f:targetPort": {}}}}});
        let previous = json!({"metadata": {"labels": {"old": "1"}},
            "spec": {"ports": [{"port": 80}, {"port": 81}]}});
        let desired = json!({"metadata": {"labels": {}}, "spec": {"ports": [{"port": 80}]}});
        let (moved, rest) = split(&fields(owned), &previous, &desired);
        assert_eq!(
            Value::Object(moved),
            json!({"f:metadata": {"f:labels": {".": {}, "f:old": {}}}, "f:spec": {"f:ports": {
                "k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}},
                "k:{\"port\":81,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}, "f:targetPort": {}}}}})
        );
        assert_eq!(
            Value::Object(rest),
            json!({"f:metadata": {"f:labels": {"f:theirs": {}}}, "f:spec": {"f:clusterIP": {}, "f:ports": {
                "k:{\"port\":80,\"protocol\":\"TCP\"}": {"f:targetPort": {}}}}})
        );
    }

    #[test]
    fn sets_unite() {
        let mut one = fields(json!({"f:a": {"f:b": {}}, "f:c": {}}));
        unite(
            &mut one,
            fields(json!({"f:a": {"f:d": {}}, "f:e": {".": {}}})),
        );
        assert_eq!(
            Value::Object(one),
            json!({"f:a": {"f:b": {}, "f:d": {}}, "f:c": {}, "f:e": {".": {}}})
        );
    }

    #[test]
    fn a_path_is_found_by_its_names() {
        let set = fields(json!({"f:metadata": {"f:annotations": {".": {}, "f:a.b/c-d": {}}}}));
        assert!(names(&set, &["metadata", "annotations", "a.b/c-d"]));
        assert!(!names(&set, &["metadata", "annotations", "other"]));
        assert!(!names(&set, &["spec"]));
    }
}
