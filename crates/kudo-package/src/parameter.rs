//! Parameters: their definitions, and the values that an instance gives them.

mod file;
mod resolve;
mod schema;
mod values;

use std::fmt;
use std::str::FromStr;

pub use self::file::{ValuesError, stored_text, values_from_yaml};
pub use self::resolve::{ParameterError, check_value, parse_bool, resolve};
pub use self::schema::json_schema;
pub use self::values::{value_of_text, values_file};
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

impl Parameter {
    /// Whether an instance cannot be without a value of its own.
    ///
    /// Arrays and maps can: upstream stores a default that is not there as `null`, which is an empty
    /// one, and packages rely on it.
    pub fn needs_value(&self) -> bool {
        self.required
            && self.default.is_none()
            && !matches!(self.value_type, ValueType::Array | ValueType::Map)
    }
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
