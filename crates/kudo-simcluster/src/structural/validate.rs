//! Validation of objects against a schema, with the server's words and in its order.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::formats::has_format;
use super::{INT_OR_STRING, LIST_KEYS, LIST_TYPE, Structural, embedded, is_on};
use crate::field_error::{Fault, FieldError, go_syntax};
use crate::go_json;

pub(super) fn validate(schema: &Structural, spec: &Value, object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let validator = Validator { schema };
    validator.value(spec, object, "", &mut errors);
    embedded::validate(spec, object, false, &mut errors);
    Validator::lists(spec, object, "", &mut errors);
    errors
}

struct Validator<'a> {
    schema: &'a Structural,
}

impl Validator<'_> {
    fn value(&self, spec: &Value, value: &Value, path: &str, errors: &mut Vec<FieldError>) {
        if value.is_null() {
            if spec["nullable"] != true && !types(spec).is_empty() {
                errors.push(wrong_type(spec, value, path));
            }
            return;
        }
        if !has_type(spec, value) {
            errors.push(wrong_type(spec, value, path));
        }
        self.alternatives(spec, value, path, errors);
        match value {
            Value::String(text) => self.text(spec, text, path, errors),
            Value::Number(_) => number(spec, value, path, errors),
            Value::Array(list) => {
                items_count(spec, list.len(), path, errors);
                if spec["items"].is_object() {
                    for item in list {
                        self.value(&spec["items"], item, path, errors);
                    }
                }
            }
            _ => {}
        }
        if let Some(allowed) = spec["enum"].as_array()
            && !allowed.is_empty()
            && !allowed.contains(value)
        {
            errors.push(unsupported(path, value, allowed));
        }
        if let Value::Object(map) = value {
            self.object(spec, map, path, errors);
        }
    }

    fn object(
        &self,
        spec: &Value,
        map: &Map<String, Value>,
        path: &str,
        errors: &mut Vec<FieldError>,
    ) {
        properties_count(spec, map.len(), path, errors);
        for name in spec["required"].as_array().into_iter().flatten() {
            let name = name.as_str().unwrap_or_default();
            if !map.contains_key(name) {
                errors.push(FieldError::required(join(path, name), ""));
            }
        }
        for (key, value) in map {
            let below = join(path, key);
            let property = &spec["properties"][key.as_str()];
            if property.is_object() {
                self.value(property, value, &below, errors);
            } else if spec["additionalProperties"].is_object() {
                self.value(&spec["additionalProperties"], value, &below, errors);
            }
        }
    }

    fn text(&self, spec: &Value, text: &str, path: &str, errors: &mut Vec<FieldError>) {
        let length = u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
        let value = Value::from(text);
        let mut fault = |words: String| {
            errors.push(FieldError::invalid(
                named(path),
                &value,
                format!("{path} in body {words}"),
            ));
        };
        if let Some(most) = spec["maxLength"].as_u64().filter(|most| length > *most) {
            fault(format!("should be at most {most} chars long"));
        }
        if let Some(least) = spec["minLength"].as_u64().filter(|least| length < *least) {
            fault(format!("should be at least {least} chars long"));
        }
        if let Some(pattern) = spec["pattern"].as_str() {
            let fits = self
                .schema
                .patterns
                .get(pattern)
                .is_none_or(|regex| regex.is_match(text));
            if !fits {
                fault(format!("should match '{pattern}'"));
            }
        }
        if let Some(format) = spec["format"].as_str()
            && !has_format(format, text)
        {
            fault(format!("must be of type {format}: {text:?}"));
        }
    }

    fn alternatives(&self, spec: &Value, value: &Value, path: &str, errors: &mut Vec<FieldError>) {
        let outcomes = |key: &str| -> Vec<Vec<FieldError>> {
            spec[key]
                .as_array()
                .into_iter()
                .flatten()
                .map(|spec| {
                    let mut found = Vec::new();
                    self.value(spec, value, path, &mut found);
                    found
                })
                .collect()
        };
        let fits = |found: &&Vec<FieldError>| found.is_empty();
        let any = outcomes("anyOf");
        if !any.is_empty() && any.iter().filter(fits).count() == 0 {
            let words = "must validate at least one schema (anyOf)";
            errors.push(composite(path, words));
            errors.extend(any.into_iter().next().unwrap_or_default());
        }
        let one = outcomes("oneOf");
        let fitting = one.iter().filter(fits).count();
        if !one.is_empty() && fitting != 1 {
            let found = match fitting {
                0 => "Found none valid".to_owned(),
                many => format!("Found {many} valid alternatives"),
            };
            let words = format!("must validate one and only one schema (oneOf). {found}");
            errors.push(composite(path, &words));
            if fitting == 0 {
                errors.extend(one.into_iter().next().unwrap_or_default());
            }
        }
        let all = outcomes("allOf");
        let fitting = all.iter().filter(fits).count();
        let count = all.len();
        errors.extend(all.into_iter().flatten());
        if fitting < count {
            let none = if fitting == 0 { ". None validated" } else { "" };
            let words = format!("must validate all the schemas (allOf){none}");
            errors.push(composite(path, &words));
        }
        if spec["not"].is_object() {
            let mut found = Vec::new();
            self.value(&spec["not"], value, path, &mut found);
            if found.is_empty() {
                errors.push(composite(path, "must not validate the schema (not)"));
            }
        }
    }

    /// Items of sets and of lists with keys must differ.
    fn lists(spec: &Value, value: &Value, path: &str, errors: &mut Vec<FieldError>) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    let property = &spec["properties"][key.as_str()];
                    let below = if property.is_object() {
                        property
                    } else {
                        &spec["additionalProperties"]
                    };
                    let path = if property.is_object() {
                        join(path, key)
                    } else {
                        format!("{path}[{key}]")
                    };
                    if below.is_object() {
                        Self::lists(below, value, &path, errors);
                    }
                }
            }
            Value::Array(list) => {
                duplicates(spec, list, path, errors);
                for (index, item) in list.iter().enumerate() {
                    Self::lists(&spec["items"], item, &format!("{path}[{index}]"), errors);
                }
            }
            _ => {}
        }
    }
}

fn duplicates(spec: &Value, list: &[Value], path: &str, errors: &mut Vec<FieldError>) {
    let keys: Vec<&str> = match spec[LIST_TYPE].as_str() {
        Some("set") => Vec::new(),
        Some("map") => spec[LIST_KEYS]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect(),
        _ => return,
    };
    let mut seen = BTreeSet::new();
    for (index, item) in list.iter().enumerate() {
        let id = match item {
            Value::Object(map) if !keys.is_empty() => {
                let own = map.iter().filter(|(key, _)| keys.contains(&key.as_str()));
                Value::Object(
                    own.map(|(key, value)| (key.clone(), value.clone()))
                        .collect(),
                )
            }
            other => other.clone(),
        };
        if !seen.insert(id.to_string()) {
            errors.push(FieldError {
                fault: Fault::Duplicate,
                field: format!("{path}[{index}]"),
                value: Some(go_syntax(&id)),
                detail: String::new(),
            });
        }
    }
}

fn number(spec: &Value, value: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let Some(number) = value.as_f64() else { return };
    let mut fault = |words: String| {
        errors.push(FieldError::invalid(
            named(path),
            value,
            format!("{path} in body {words}"),
        ));
    };
    if let Some(factor) = spec["multipleOf"].as_f64() {
        let times = if factor < 1.0 {
            1.0 / factor * number
        } else {
            number / factor
        };
        if !is_nearly_whole(times) {
            fault(format!("should be a multiple of {}", spec["multipleOf"]));
        }
    }
    if let Some(most) = spec["maximum"].as_f64() {
        let limit = &spec["maximum"];
        if spec["exclusiveMaximum"] == true && number >= most {
            fault(format!("should be less than {limit}"));
        } else if number > most {
            fault(format!("should be less than or equal to {limit}"));
        }
    }
    if let Some(least) = spec["minimum"].as_f64() {
        let limit = &spec["minimum"];
        if spec["exclusiveMinimum"] == true && number <= least {
            fault(format!("should be greater than {limit}"));
        } else if number < least {
            fault(format!("should be greater than or equal to {limit}"));
        }
    }
}

/// Whether a number is whole but for what computing with it has lost.
fn is_nearly_whole(number: f64) -> bool {
    let off = (number - number.trunc()).abs();
    number.abs() <= go_json::LARGEST_WHOLE
        && (off == 0.0
            || number.trunc() != 0.0 && off / (number.abs() + number.trunc().abs()) < 1e-9)
}

fn items_count(spec: &Value, count: usize, path: &str, errors: &mut Vec<FieldError>) {
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    let mut fault = |words: String| {
        let words = format!("{path} in body should have {words} items");
        errors.push(FieldError::invalid(named(path), &Value::from(count), words));
    };
    if let Some(least) = spec["minItems"].as_u64().filter(|least| count < *least) {
        fault(format!("at least {least}"));
    }
    if let Some(most) = spec["maxItems"].as_u64().filter(|most| count > *most) {
        fault(format!("at most {most}"));
    }
}

/// The value that is shown is the limit.
fn properties_count(spec: &Value, count: usize, path: &str, errors: &mut Vec<FieldError>) {
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    let mut fault = |limit: u64, words: &str| {
        let words = format!("{path} in body should have {words} {limit} properties");
        errors.push(FieldError::invalid(named(path), &Value::from(limit), words));
    };
    if let Some(least) = spec["minProperties"]
        .as_u64()
        .filter(|least| count < *least)
    {
        fault(least, "at least");
    }
    if let Some(most) = spec["maxProperties"].as_u64().filter(|most| count > *most) {
        fault(most, "at most");
    }
}

/// The types that a value may have; none are given where any will do.
fn types(spec: &Value) -> Vec<&str> {
    if is_on(spec, INT_OR_STRING) {
        return vec!["integer", "string"];
    }
    spec["type"]
        .as_str()
        .filter(|name| !name.is_empty())
        .into_iter()
        .collect()
}

fn has_type(spec: &Value, value: &Value) -> bool {
    let types = types(spec);
    let found = found(value);
    types.is_empty()
        || types.contains(&found)
        || found == "integer" && types.contains(&"number")
        || found == "number"
            && types.contains(&"integer")
            && value
                .as_f64()
                .is_some_and(|number| go_json::whole(number).is_some())
}

fn found(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn wrong_type(spec: &Value, value: &Value, path: &str) -> FieldError {
    let found = found(value);
    let expected = types(spec).join(",");
    let words = format!("{path} in body must be of type {expected}: {found:?}");
    FieldError::invalid(named(path), &Value::from(found), words)
}

fn unsupported(path: &str, value: &Value, allowed: &[Value]) -> FieldError {
    let shown: Vec<String> = allowed
        .iter()
        .map(|value| match value {
            Value::String(text) => format!("{text:?}"),
            other => format!("\"{other}\""),
        })
        .collect();
    FieldError {
        fault: Fault::NotSupported,
        field: named(path),
        value: Some(crate::field_error::shown(value)),
        detail: format!("supported values: {}", shown.join(", ")),
    }
}

/// Alternatives are told without a field.
fn composite(path: &str, words: &str) -> FieldError {
    FieldError::invalid("<nil>", &Value::from(""), format!("{path:?} {words}"))
}

/// The field of a message; the object as a whole is `<nil>`.
fn named(path: &str) -> String {
    if path.is_empty() { "<nil>" } else { path }.to_owned()
}

pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}
