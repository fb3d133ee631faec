//! Fields that a kind has no place for.
//!
//! The original created and patched objects, and the server dropped what it did not know; packages lived with
//! such fields. A server-side apply is refused as a whole, and names them: without them it goes through. Pure.

use serde_json::{Deserializer, Value};

/// What a server says of each field.
const UNDECLARED: &str = ": field not declared in schema";

/// A step down into an object.
#[derive(Debug, PartialEq)]
enum Step {
    /// A field of a mapping.
    Field(String),
    /// The elements of a list that have these values; one that lacks a key may have it by default.
    Keys(Vec<(String, Value)>),
    /// One element of a list.
    Index(usize),
}

/// The object without the fields that a refusal names, and how the server wrote these; `None` if it names none
/// that the object has.
pub(super) fn without(object: &Value, refusal: &str) -> Option<(Value, Vec<String>)> {
    let mut rest = object.clone();
    let mut dropped = Vec::new();
    for line in refusal.lines() {
        let Some((before, _)) = line.split_once(UNDECLARED) else {
            continue;
        };
        // The path is the last word, but texts within it may have spaces.
        let start = before.find(" .").map_or(0, |space| space + 1);
        let path = &before[start..];
        if steps(path).is_some_and(|steps| remove(&mut rest, &steps)) {
            dropped.push(path.to_owned());
        }
    }
    (!dropped.is_empty()).then_some((rest, dropped))
}

/// Reads a path such as `.spec.containers[name="a"].nmae`.
fn steps(path: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        let step;
        (step, rest) = if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            (Step::Field(after[..end].to_owned()), &after[end..])
        } else {
            element(rest.strip_prefix('[')?)?
        };
        steps.push(step);
    }
    Some(steps)
}

/// Reads what stands in brackets; gives what follows them.
fn element(text: &str) -> Option<(Step, &str)> {
    let end = text.find(']')?;
    if let Ok(index) = text[..end].parse() {
        return Some((Step::Index(index), &text[end + 1..]));
    }
    let mut keys = Vec::new();
    let mut rest = text;
    loop {
        let (key, value) = rest.split_once('=')?;
        let mut values = Deserializer::from_str(value).into_iter::<Value>();
        keys.push((key.to_owned(), values.next()?.ok()?));
        let after = &value[values.byte_offset()..];
        match after.strip_prefix(',') {
            Some(more) => rest = more,
            None => return Some((Step::Keys(keys), after.strip_prefix(']')?)),
        }
    }
}

/// Removes the field that the last step names, wherever the others lead; tells whether there was one.
fn remove(value: &mut Value, steps: &[Step]) -> bool {
    match (value, steps) {
        (Value::Object(fields), [Step::Field(name)]) => fields.remove(name).is_some(),
        (Value::Object(fields), [Step::Field(name), below @ ..]) => fields
            .get_mut(name)
            .is_some_and(|value| remove(value, below)),
        (Value::Array(items), [Step::Index(index), below @ ..]) => items
            .get_mut(*index)
            .is_some_and(|item| remove(item, below)),
        (Value::Array(items), [Step::Keys(keys), below @ ..]) => {
            let fits = |item: &Value| {
                let mut keys = keys.iter();
                keys.all(|(key, value)| item.get(key).is_none_or(|found| found == value))
            };
            let mut removed = false;
            for item in items.iter_mut().filter(|item| fits(item)) {
                removed |= remove(item, below);
            }
            removed
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn named_fields_are_left_out() {
        let object = json!({
            "initializers": 1,
            "spec": {
                "a": { "b": 1, "c": 2 },
                "containers": [
                    { "name": "x", "imag": "i", "ports": [{ "containerPort": 80, "x": 1 }] },
                    { "name": "a ]=.b", "imag": "i" },
                ],
                "plain": [{ "y": 1 }, { "y": 2, "z": 3 }],
            },
        });
        let refused = "failed to create typed patch object";
        let cases = [
            (
                format!("{refused}: .initializers: field not declared in schema"),
                vec!["/initializers"],
            ),
            (
                format!(
                    "{refused} (ns/a; apps/v1, Kind=Deployment): .spec.a.b: field not declared in schema"
                ),
                vec!["/spec/a/b"],
            ),
            (
                format!(
                    "{refused}: errors:\n  .spec.a.b: field not declared in schema\n  .spec.a.c: field not declared in schema"
                ),
                vec!["/spec/a/b", "/spec/a/c"],
            ),
            (
                format!(
                    "{refused}: .spec.containers[name=\"x\"].imag: field not declared in schema"
                ),
                vec!["/spec/containers/0/imag"],
            ),
            (
                format!(
                    "{refused}: .spec.containers[name=\"a ]=.b\"].imag: field not declared in schema"
                ),
                vec!["/spec/containers/1/imag"],
            ),
            (
                format!(
                    "{refused}: .spec.containers[name=\"x\"].ports[containerPort=80,protocol=\"TCP\"].x: field not declared in schema"
                ),
                vec!["/spec/containers/0/ports/0/x"],
            ),
            (
                format!("{refused}: .spec.plain[1].z: field not declared in schema"),
                vec!["/spec/plain/1/z"],
            ),
        ];
        for (refusal, removed) in cases {
            let mut expected = object.clone();
            for place in &removed {
                let (parent, field) = place.rsplit_once('/').unwrap();
                expected
                    .pointer_mut(parent)
                    .unwrap()
                    .as_object_mut()
                    .unwrap()
                    .remove(field);
            }
            let (rest, dropped) = without(&object, &refusal).unwrap();
            assert_eq!(rest, expected, "{refusal}");
            assert_eq!(dropped.len(), removed.len(), "{refusal}");
        }
    }

    #[test]
    fn other_refusals_leave_the_object_as_it_is() {
        let object = json!({ "spec": { "a": [{ "name": "x" }] } });
        for refusal in [
            "",
            "the server is busy",
            ".spec.b: field not declared in schema",
            ".spec.a[name=\"y\"].b: field not declared in schema",
            ".spec.a[name=].b: field not declared in schema",
            ".spec.a[name=\"x\".b: field not declared in schema",
            ".spec.a[: field not declared in schema",
            "spec: field not declared in schema",
            ": field not declared in schema",
        ] {
            assert_eq!(without(&object, refusal), None, "{refusal}");
        }
    }
}
