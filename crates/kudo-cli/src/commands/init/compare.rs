//! How an object in the cluster differs from what it should be. Pure.

use std::fmt;

use serde_json::Value;

/// Characters of a value that are shown.
const SHOWN: usize = 80;

/// One thing that is not as wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// Where it is, as in `/spec/replicas`.
    pub(super) place: String,
    wanted: String,
    present: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} instead of {}",
            self.place, self.present, self.wanted
        )
    }
}

/// All that is not as wanted. What the server or others have added to maps does not matter, nor does the order of
/// items that have names; lists must have the same length.
pub(super) fn differences(wanted: &Value, present: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(wanted, Some(present), "", &mut found);
    found
}

fn compare(wanted: &Value, present: Option<&Value>, place: &str, found: &mut Vec<Difference>) {
    let same = match (wanted, present) {
        (Value::Object(wanted), Some(Value::Object(present))) => {
            for (name, value) in wanted {
                compare(value, present.get(name), &format!("{place}/{name}"), found);
            }
            return;
        }
        (Value::Array(wanted), Some(Value::Array(present))) if wanted.len() == present.len() => {
            for (index, wanted) in wanted.iter().enumerate() {
                let present = counterpart(wanted, present).or(present.get(index));
                compare(wanted, present, &format!("{place}/{index}"), found);
            }
            return;
        }
        // What is empty need not be stored.
        (wanted, None) => is_empty(wanted),
        // A schema's `0.0` comes back as `0`.
        (Value::Number(wanted), Some(Value::Number(present))) => {
            wanted == present || wanted.as_f64() == present.as_f64()
        }
        (wanted, Some(present)) => wanted == present,
    };
    if !same {
        found.push(Difference {
            place: place.to_owned(),
            wanted: shown(wanted),
            present: present.map_or_else(|| "nothing".to_owned(), shown),
        });
    }
}

/// The item of the same name: the server merges lists of named things, and keeps the order that it knew.
fn counterpart<'a>(wanted: &Value, present: &'a [Value]) -> Option<&'a Value> {
    let name = wanted.get("name")?;
    present.iter().find(|item| item.get("name") == Some(name))
}

fn shown(value: &Value) -> String {
    let mut text = value.to_string();
    if let Some((end, _)) = text.char_indices().nth(SHOWN) {
        text.truncate(end);
        text.push('…');
    }
    text
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

    fn told(wanted: &Value, present: &Value) -> Vec<String> {
        let found = differences(wanted, present);
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn where_objects_differ() {
        let wanted = json!({ "a": { "b": [1, { "c": 2 }] }, "e": {}, "d": "x" });
        let cases = [
            (
                json!({ "a": { "b": [1, { "c": 2, "more": 3 }] }, "d": "x", "f": 1 }),
                vec![],
            ),
            (
                json!({ "a": { "b": [1, { "c": 3 }] }, "d": "y" }),
                vec!["/a/b/1/c: 3 instead of 2", "/d: \"y\" instead of \"x\""],
            ),
            (
                json!({ "a": { "b": [1] }, "d": "x" }),
                vec!["/a/b: [1] instead of [1,{\"c\":2}]"],
            ),
            (
                json!({ "a": {}, "d": "x" }),
                vec!["/a/b: nothing instead of [1,{\"c\":2}]"],
            ),
            (
                json!({ "a": { "b": [1, { "c": 2 }] } }),
                vec!["/d: nothing instead of \"x\""],
            ),
        ];
        for (present, expected) in cases {
            assert_eq!(told(&wanted, &present), expected, "{present}");
        }
        let ports = json!([{ "name": "a", "port": 1 }, { "name": "b", "port": 2 }]);
        let merged = json!([{ "name": "b", "port": 2 }, { "name": "a", "port": 3 }]);
        assert_eq!(told(&ports, &merged), ["/0/port: 3 instead of 1"]);
        let number = told(&json!({ "minimum": 0.0 }), &json!({ "minimum": 0 }));
        assert!(number.is_empty(), "{number:?}");
        let long = told(&json!("x".repeat(100)), &json!(1));
        assert_eq!(long, [format!(": 1 instead of \"{}…", "x".repeat(79))]);
    }
}
