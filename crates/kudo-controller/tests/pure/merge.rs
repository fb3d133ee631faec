//! Merge patches: what they say, and that applying them gives what they were made for.

use kudo_controller::merge::difference;
use serde_json::{Value, json};

/// RFC 7386, section 2.
fn apply(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let map = target.as_object_mut().unwrap();
    for (key, value) in patch {
        if value.is_null() {
            map.remove(key);
        } else {
            apply(map.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

#[test]
fn patches_are_as_small_as_they_can_be() {
    let cases = [
        (json!({}), json!({}), json!(null)),
        (json!({"a": 1}), json!({"a": 1}), json!(null)),
        (json!({}), json!({"a": 1}), json!({"a": 1})),
        (json!({"a": 1}), json!({}), json!({"a": null})),
        (
            json!({"a": 1, "b": 2}),
            json!({"a": 1, "b": 3}),
            json!({"b": 3}),
        ),
        (
            json!({"a": {"b": 1, "c": 2}}),
            json!({"a": {"b": 1}}),
            json!({"a": {"c": null}}),
        ),
        (json!({"a": [1, 2]}), json!({"a": [2]}), json!({"a": [2]})),
        (
            json!({"a": [1]}),
            json!({"a": {"b": 1}}),
            json!({"a": {"b": 1}}),
        ),
        (json!({"a": {"b": 1}}), json!({"a": 1}), json!({"a": 1})),
        (
            json!({"a": {"b": {}}}),
            json!({"a": {"b": {}}}),
            json!(null),
        ),
        (
            json!({"a": {}}),
            json!({"a": {"b": {"c": null}}}),
            json!({"a": {"b": {}}}),
        ),
        (
            json!({"a": "x"}),
            json!({"a": "y", "n": null}),
            json!({"a": "y"}),
        ),
        (
            json!({"plans": {"deploy": {"status": "IN_PROGRESS", "message": "x"}}}),
            json!({"plans": {"deploy": {"status": "COMPLETE"}}}),
            json!({"plans": {"deploy": {"status": "COMPLETE", "message": null}}}),
        ),
    ];
    for (old, new, expected) in cases {
        let patch = difference(old.as_object().unwrap(), new.as_object().unwrap());
        let patch = patch.map_or(Value::Null, Value::Object);
        assert_eq!(patch, expected, "{old} -> {new}");
        let mut result = old.clone();
        if !patch.is_null() {
            apply(&mut result, &patch);
        }
        let again = difference(result.as_object().unwrap(), new.as_object().unwrap());
        assert_eq!(again, None, "{old} -> {new} gave {result}");
    }
}
