//! From what an instance gives to the values that templates see: defaults, types, allowed values.

use std::collections::{BTreeMap, HashSet};
use std::num::IntErrorKind;

use serde_json::Value;

use super::{Parameter, ValueType};
use crate::suggest::nearest;
use crate::yaml;

/// Unknown names for which the nearest known one is looked for; the search is not cheap.
const SUGGESTIONS: usize = 5;
/// Characters of a value that a message shows.
const SHOWN: usize = 60;

/// What is wrong with a parameter's value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// A value for a parameter that is not defined.
    #[error("unknown parameter {name:?}{}", did_you_mean(.nearest.as_deref()))]
    Unknown {
        /// Name given.
        name: String,
        /// The defined name nearest to it.
        nearest: Option<String>,
    },
    /// A required parameter without a value.
    #[error("parameter {name:?} is required but has no value")]
    Missing {
        /// Name of the parameter.
        name: String,
    },
    /// A value that is not of the parameter's type.
    #[error("parameter {name:?}: {} is not {}: {reason}", shown(.value), article(*.value_type))]
    Type {
        /// Name of the parameter.
        name: String,
        /// Value given.
        value: String,
        /// Type expected.
        value_type: ValueType,
        /// What is wrong with the value, or what is allowed.
        reason: String,
    },
    /// A value that is not among the allowed ones.
    #[error(
        "parameter {name:?}: {} is not allowed, must be one of {}{}",
        shown(.value),
        list(.allowed),
        did_you_mean(.nearest.as_deref())
    )]
    Enum {
        /// Name of the parameter.
        name: String,
        /// Value given.
        value: String,
        /// Values allowed.
        allowed: Vec<String>,
        /// The allowed value nearest to it.
        nearest: Option<String>,
    },
}

impl ParameterError {
    /// Name of the parameter.
    pub fn parameter(&self) -> &str {
        match self {
            Self::Unknown { name, .. }
            | Self::Missing { name }
            | Self::Type { name, .. }
            | Self::Enum { name, .. } => name,
        }
    }
}

/// Fills in defaults and checks every value; tells all that is wrong.
///
/// Scalars stay text, arrays and maps become structured, as templates see them. A parameter that
/// [needs no value](Parameter::needs_value) and has none is the empty text, the empty list, or null
/// for a map, as in upstream.
pub fn resolve(
    definitions: &[Parameter],
    given: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, Value>, Vec<ParameterError>> {
    let mut errors = unknown(definitions, given);
    let mut values = BTreeMap::new();
    for definition in definitions {
        match resolve_one(definition, given.get(&definition.name)) {
            Ok(value) => {
                values.insert(definition.name.clone(), value);
            }
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() {
        Ok(values)
    } else {
        Err(errors)
    }
}

/// Checks one value against its parameter's type and allowed values, and gives it as templates
/// see it.
pub fn check_value(definition: &Parameter, text: &str) -> Result<Value, ParameterError> {
    let value = typed(definition.value_type, text).map_err(|reason| ParameterError::Type {
        name: definition.name.clone(),
        value: text.to_owned(),
        value_type: definition.value_type,
        reason,
    })?;
    match &definition.enum_values {
        Some(allowed) if !allowed.iter().any(|choice| choice == text) => {
            Err(ParameterError::Enum {
                name: definition.name.clone(),
                value: text.to_owned(),
                nearest: nearest(text, allowed.iter().map(String::as_str)).map(str::to_owned),
                allowed: allowed.clone(),
            })
        }
        _ => Ok(value),
    }
}

/// Reads a boolean in any of the spellings that Go's `strconv.ParseBool` takes.
pub fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

fn unknown(definitions: &[Parameter], given: &BTreeMap<String, String>) -> Vec<ParameterError> {
    let known: HashSet<&str> = definitions
        .iter()
        .map(|parameter| parameter.name.as_str())
        .collect();
    given
        .keys()
        .filter(|name| !known.contains(name.as_str()))
        .enumerate()
        .map(|(index, name)| ParameterError::Unknown {
            name: name.clone(),
            nearest: (index < SUGGESTIONS)
                .then(|| nearest(name, known.iter().copied()).map(str::to_owned))
                .flatten(),
        })
        .collect()
}

fn resolve_one(definition: &Parameter, given: Option<&String>) -> Result<Value, ParameterError> {
    match given.or(definition.default.as_ref()) {
        Some(text) if !text.is_empty() => check_value(definition, text),
        _ if definition.needs_value() => Err(ParameterError::Missing {
            name: definition.name.clone(),
        }),
        _ => Ok(match definition.value_type {
            ValueType::Array => Value::Array(Vec::new()),
            ValueType::Map => Value::Null,
            _ => Value::String(String::new()),
        }),
    }
}

/// The value as templates see it, or what is wrong with it.
fn typed(value_type: ValueType, text: &str) -> Result<Value, String> {
    match value_type {
        ValueType::String => {}
        ValueType::Integer => {
            text.parse::<i64>()
                .map_err(|error| integer_problem(*error.kind()).to_owned())?;
        }
        ValueType::Number => {
            let number = text.parse::<f64>();
            let number = number.map_err(|_| "write digits, as in 3 or 0.5".to_owned())?;
            // What JSON and YAML cannot hold as a number is none.
            if !number.is_finite() {
                return Err("it is not finite".to_owned());
            }
        }
        ValueType::Boolean => {
            parse_bool(text).ok_or("write true or false")?;
        }
        ValueType::Array => {
            return match structured(text)? {
                Value::Null => Ok(Value::Array(Vec::new())),
                list @ Value::Array(_) => Ok(list),
                other => Err(format!("it is {}", kind(&other))),
            };
        }
        ValueType::Map => {
            return match structured(text)? {
                map @ (Value::Object(_) | Value::Null) => Ok(map),
                other => Err(format!("it is {}", kind(&other))),
            };
        }
    }
    Ok(Value::String(text.to_owned()))
}

fn integer_problem(problem: IntErrorKind) -> &'static str {
    match problem {
        IntErrorKind::PosOverflow => "the largest is 9223372036854775807",
        IntErrorKind::NegOverflow => "the smallest is -9223372036854775808",
        _ => "write digits, as in 3 or -3",
    }
}

fn structured(text: &str) -> Result<Value, String> {
    yaml::parse(text).map_err(|error| format!("its YAML is wrong in {error}"))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

fn article(value_type: ValueType) -> &'static str {
    match value_type {
        ValueType::String => "a string",
        ValueType::Integer => "an integer",
        ValueType::Number => "a number",
        ValueType::Boolean => "a boolean",
        ValueType::Array => "an array",
        ValueType::Map => "a map",
    }
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest
        .map(|name| format!(" (did you mean {name:?}?)"))
        .unwrap_or_default()
}

fn list(values: &[String]) -> String {
    values
        .iter()
        .map(|value| format!("{value:?}"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn shown(value: &str) -> String {
    if value.chars().count() <= SHOWN {
        return format!("{value:?}");
    }
    let start: String = value.chars().take(SHOWN).collect();
    format!("{start:?}…")
}
