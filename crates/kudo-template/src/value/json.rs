//! Values from and to JSON values.

use std::collections::BTreeMap;

use serde_json::{Map as JsonMap, Number, Value as Json};

use super::text::lossy;
use super::{List, Map, Text, Value};
use crate::budget::{Budget, Failure};

/// How numbers of JSON become Go numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Numbers {
    /// Integers become `int`, others `float64`: for values given to a template.
    Typed,
    /// All become `float64`: what Go's decoder gives for `fromJson`.
    Floats,
}

/// Makes a value of a JSON value; integers become Go's `int`.
pub(crate) fn from_json(budget: &Budget, json: &Json, numbers: Numbers) -> Result<Value, Failure> {
    convert(budget, json, numbers, 0)
}

fn convert(budget: &Budget, json: &Json, numbers: Numbers, depth: usize) -> Result<Value, Failure> {
    budget.depth(depth)?;
    budget.steps(1)?;
    Ok(match json {
        Json::Null => Value::Nil,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => convert_number(number, numbers),
        Json::String(text) => {
            budget.memory(text.len() + 32)?;
            Value::text(text.as_str())
        }
        Json::Array(items) => {
            budget.list(items.len())?;
            let items = items
                .iter()
                .map(|item| convert(budget, item, numbers, depth + 1));
            Value::List(List::any(items.collect::<Result<_, _>>()?))
        }
        Json::Object(entries) => {
            budget.map(entries.len())?;
            let entries = entries.iter().map(|(key, value)| {
                Ok((
                    Text::from(key.as_str()),
                    convert(budget, value, numbers, depth + 1)?,
                ))
            });
            Value::Map(Map::any(
                entries.collect::<Result<BTreeMap<_, _>, Failure>>()?,
            ))
        }
    })
}

fn convert_number(number: &Number, numbers: Numbers) -> Value {
    match (numbers, number.as_i64()) {
        (Numbers::Typed, Some(value)) => Value::int(value),
        _ => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
    }
}

/// Makes a JSON value of a value, as Go's encoders walk it. Not a number and infinity can't be
/// encoded.
pub(crate) fn to_json(budget: &Budget, value: &Value) -> Result<Json, Failure> {
    encode(budget, value, 0)
}

fn encode(budget: &Budget, value: &Value, depth: usize) -> Result<Json, Failure> {
    budget.depth(depth)?;
    budget.steps(1)?;
    Ok(match value {
        Value::Nil => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Int(value, _) => Json::from(*value),
        Value::Uint(value, _) => Json::from(*value),
        Value::Float(value) => Number::from_f64(*value).map(Json::Number).ok_or_else(|| {
            Failure::new(format!(
                "json: unsupported value: {}",
                crate::format::float(*value, b'g', None)
            ))
        })?,
        Value::Complex(..) => return Err(Failure::new("json: unsupported type: complex128")),
        Value::Text(text) => {
            budget.memory(text.len() + 32)?;
            Json::String(lossy(text.as_bytes()).into_owned())
        }
        Value::List(list) if list.is_nil() => Json::Null,
        Value::List(list) => {
            budget.list(list.len())?;
            let items = list.items().iter();
            let items = items.map(|item| encode(budget, item, depth + 1));
            Json::Array(items.collect::<Result<_, _>>()?)
        }
        Value::Map(map) => {
            budget.map(map.len())?;
            let mut entries = JsonMap::new();
            for (key, value) in map.entries() {
                budget.memory(key.len())?;
                entries.insert(
                    key.to_str().into_owned(),
                    encode(budget, &value, depth + 1)?,
                );
            }
            Json::Object(entries)
        }
        Value::Object(object) => {
            let json = object.json();
            budget.memory(256)?;
            json
        }
    })
}
