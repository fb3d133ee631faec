//! The difference between what is asserted and what is there, for people.

use kudo_package::yaml;
use serde_json::{Map, Value};
use similar::TextDiff;

/// A unified diff of the asserted fields: `-` is asserted, `+` is there. Fields of the object that
/// the assert does not mention are left out. `None` if there is no difference.
pub fn diff(expected: &Value, actual: &Value, expected_name: &str, name: &str) -> Option<String> {
    let actual = mentioned(expected, actual);
    if *expected == actual {
        return None;
    }
    let (expected, actual) = (yaml::to_string(expected), yaml::to_string(&actual));
    let text = TextDiff::from_lines(&expected, &actual)
        .unified_diff()
        .context_radius(4)
        .header(expected_name, name)
        .to_string();
    Some(text)
}

/// The part of an object that an assert speaks of.
fn mentioned(expected: &Value, actual: &Value) -> Value {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => {
            let kept = expected.iter().filter_map(|(key, expected)| {
                let actual = actual.get(key)?;
                Some((key.clone(), mentioned(expected, actual)))
            });
            Value::Object(kept.collect::<Map<_, _>>())
        }
        (Value::Array(expected), Value::Array(actual)) => {
            let pairs = actual.iter().enumerate();
            Value::Array(
                pairs
                    .map(|(index, actual)| match expected.get(index) {
                        Some(expected) => mentioned(expected, actual),
                        None => actual.clone(),
                    })
                    .collect(),
            )
        }
        (_, actual) => actual.clone(),
    }
}
