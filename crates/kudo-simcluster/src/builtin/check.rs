//! Walks an object by its types and checks each field by the [table](super::rules) of rules.

use serde_json::Value;

use super::names;
use super::rules::RULES;
use crate::field_error::FieldError;
use crate::schema::{Type, TypeRef};

/// One thing that a field must be.
pub(super) enum Rule {
    /// It must be there, and hold something; the text says more where servers do.
    Required(&'static str),
    /// If it is there, it must be one of these.
    OneOf(&'static [&'static str]),
    /// It must not be below zero.
    NotNegative,
    /// It must be above zero.
    Positive,
    /// It must be a port; zero counts as missing where it may be.
    Port,
    /// It must be named so.
    Named(fn(&str) -> Vec<String>),
    /// The same, and it must be there.
    NamedThere(fn(&str) -> Vec<String>),
    /// What lies below it is not looked at.
    Closed,
    /// The object that has the field must pass; the field is not looked at.
    Whole(fn(&Value, &str, &mut Vec<FieldError>)),
}

use Rule::{Closed, Named, NamedThere, NotNegative, OneOf, Port, Positive, Required, Whole};

/// Rules of one type: a field and what it must be. A field with several rules is there several
/// times; `""` stands for the object itself. What lies below a field is checked after its last rule.
pub(super) type Rules = &'static [(&'static str, Rule)];

/// Checks a value of a type and what is below it.
pub(super) fn check(ty: &TypeRef, value: &Value, path: &str, errors: &mut Vec<FieldError>) {
    match (ty.get(), value) {
        (Type::Object(object), Value::Object(map)) => {
            let name: &str = match &*object.go_name {
                "EphemeralContainer" => "Container",
                name => name,
            };
            let rules = RULES.iter().find(|(owner, _)| *owner == name);
            let rules: Rules = rules.map_or(&[], |(_, rules)| *rules);
            for (index, (field, rule)) in rules.iter().enumerate() {
                let path = join(path, field);
                match rule {
                    Whole(whole) if field.is_empty() => {
                        whole(value, path.trim_end_matches('.'), errors);
                    }
                    rule => check_field(rule, map.get(*field), &path, errors),
                }
                let is_closed = matches!(rule, Closed);
                let is_last =
                    !is_closed && !rules[index + 1..].iter().any(|(other, _)| other == field);
                if let (true, Some(known), Some(value)) =
                    (is_last, object.fields.get(*field), map.get(*field))
                {
                    check(&known.ty, value, &path, errors);
                }
            }
            for (key, value) in map {
                let is_done = rules.iter().any(|(field, _)| field == key);
                if let (false, Some(field)) = (is_done, object.fields.get(key)) {
                    // Status is written by controllers, and is not validated by most servers.
                    if key != "status" && key != "metadata" {
                        check(&field.ty, value, &join(path, key), errors);
                    }
                }
            }
        }
        (Type::Map { values, .. }, Value::Object(map)) => {
            for (key, value) in map {
                check(values, value, &format!("{path}[{key}]"), errors);
            }
        }
        (Type::List { items, .. }, Value::Array(list)) => {
            for (index, value) in list.iter().enumerate() {
                check(items, value, &format!("{path}[{index}]"), errors);
            }
        }
        _ => {}
    }
}

fn check_field(rule: &Rule, value: Option<&Value>, path: &str, errors: &mut Vec<FieldError>) {
    let value = value.filter(|value| !is_nothing(value));
    let is_zero = value.is_some_and(|value| *value == 0);
    let Some(value) = value.filter(|_| !(is_zero && matches!(rule, Required(_) | Port))) else {
        match rule {
            Required(words) => errors.push(FieldError::required(path, *words)),
            NamedThere(faults) => {
                for fault in faults("") {
                    errors.push(FieldError::invalid(path, &"".into(), fault));
                }
            }
            _ => {}
        }
        return;
    };
    match (rule, value) {
        (OneOf(allowed), Value::Array(list)) => {
            let wrong = list
                .iter()
                .find(|item| !allowed.iter().any(|word| *item == word));
            errors.extend(wrong.map(|item| FieldError::not_supported(path, item, allowed)));
        }
        (OneOf(allowed), value) if !allowed.iter().any(|word| value == word) => {
            errors.push(FieldError::not_supported(path, value, allowed));
        }
        (NotNegative, Value::Number(number)) if number.as_i64().is_some_and(|n| n < 0) => {
            errors.push(not_negative(path, value));
        }
        (Positive, Value::Number(number)) if number.as_i64().is_some_and(|n| n <= 0) => {
            errors.push(FieldError::invalid(path, value, "must be greater than 0"));
        }
        (Port, value) => port(value, path, errors),
        (Named(faults) | NamedThere(faults), Value::String(text)) => {
            for fault in faults(text) {
                errors.push(FieldError::invalid(path, value, fault));
            }
        }
        _ => {}
    }
}

/// A text that, if it is there, must be one of those.
pub(super) fn one_of(value: &Value, path: &str, allowed: &[&str], errors: &mut Vec<FieldError>) {
    if let Some(text) = value.as_str()
        && !allowed.contains(&text)
    {
        errors.push(FieldError::not_supported(path, value, allowed));
    }
}

/// A number that must be a port.
pub(super) fn port(value: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let fits = value
        .as_i64()
        .is_some_and(|port| (1..=65535).contains(&port));
    if !fits {
        let words = "must be between 1 and 65535, inclusive";
        errors.push(FieldError::invalid(path, value, words));
    }
}

/// A port by number or name.
pub(super) fn port_or_name(value: &Value, path: &str, errors: &mut Vec<FieldError>) {
    match value {
        Value::String(text) => {
            for fault in names::port_name(text) {
                errors.push(FieldError::invalid(path, value, fault));
            }
        }
        Value::Null => port(&Value::from(0), path, errors),
        number => port(number, path, errors),
    }
}

pub(super) fn not_negative(path: &str, value: &Value) -> FieldError {
    FieldError::invalid(path, value, "must be greater than or equal to 0")
}

/// Whether a value is what a field holds that nobody set.
pub(super) fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Number(_) | Value::Bool(_) => false,
    }
}

pub(super) fn join(path: &str, key: &str) -> String {
    match (path, key) {
        (path, "") => path.to_owned(),
        ("", key) => key.to_owned(),
        (path, key) => format!("{path}.{key}"),
    }
}

pub(super) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// A list of texts as Go prints it.
pub(super) fn go_texts(texts: &Value) -> String {
    let texts: Vec<String> = list(texts).map(ToString::to_string).collect();
    format!("[]string{{{}}}", texts.join(", "))
}
