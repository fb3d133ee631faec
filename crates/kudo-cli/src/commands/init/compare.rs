//! Whether an object in the cluster is as it should be. Pure.

use serde_json::Value;

/// The place, as in `/spec/replicas`, of the first thing that is not as wanted; `None` if all is. What the
/// server or others have added to maps does not matter; lists must have the same length.
pub(super) fn difference(wanted: &Value, present: &Value) -> Option<String> {
    match (wanted, present) {
        (Value::Object(wanted), Value::Object(present)) => {
            wanted.iter().find_map(|(name, value)| {
                let inner = match present.get(name) {
                    Some(present) => difference(value, present),
                    // What is empty need not be stored.
                    None if is_empty(value) => None,
                    None => Some(String::new()),
                };
                inner.map(|place| format!("/{name}{place}"))
            })
        }
        (Value::Array(wanted), Value::Array(present)) if wanted.len() == present.len() => {
            let both = wanted.iter().zip(present).enumerate();
            both.map(|(index, (wanted, present))| {
                difference(wanted, present).map(|place| format!("/{index}{place}"))
            })
            .find_map(|place| place)
        }
        // A schema's `0.0` comes back as `0`.
        (Value::Number(wanted), Value::Number(present)) => {
            let same = wanted == present || wanted.as_f64() == present.as_f64();
            (!same).then(String::new)
        }
        (wanted, present) => (wanted != present).then(String::new),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.values().all(is_empty),
        Value::Array(list) => list.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn where_objects_differ() {
        let wanted = json!({ "a": { "b": [1, { "c": 2 }] }, "e": {}, "d": "x" });
        let place = |present: Value| difference(&wanted, &present);
        assert_eq!(
            difference(&json!({ "minimum": 0.0 }), &json!({ "minimum": 0 })),
            None
        );
        assert_eq!(
            place(json!({ "a": { "b": [1, { "c": 2, "more": 3 }] }, "d": "x", "f": 1 })),
            None
        );
        let cases = [
            (
                json!({ "a": { "b": [1, { "c": 3 }] }, "d": "x" }),
                "/a/b/1/c",
            ),
            (json!({ "a": { "b": [1] }, "d": "x" }), "/a/b"),
            (json!({ "a": {}, "d": "x" }), "/a/b"),
            (json!({ "a": { "b": [1, { "c": 2 }] } }), "/d"),
            (json!("text"), ""),
        ];
        for (present, expected) in cases {
            assert_eq!(
                place(present.clone()).as_deref(),
                Some(expected),
                "{present}"
            );
        }
    }
}
