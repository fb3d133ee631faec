//! Files of parameter values: what `-P` reads, and what the parameter file of a child operator
//! renders to.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::yaml::{self, YamlError};

/// Why a text holds no parameter values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValuesError {
    /// It is not YAML.
    #[error("{0}")]
    NotYaml(#[from] YamlError),
    /// It holds something else than a map of names to values.
    #[error("expected a map of parameter names to values, found {found}")]
    NotAMap {
        /// What it holds.
        found: &'static str,
    },
    /// A value is null, which no parameter can be.
    #[error("parameter {name:?} has no value")]
    Null {
        /// Name of the parameter.
        name: String,
    },
}

/// Reads parameter values, as instances store them, from YAML; an empty text holds none.
///
/// ```
/// use kudo_package::parameter::values_from_yaml;
/// let values = values_from_yaml("COUNT: 3\nPORTS: [80, 443]\n")?;
/// assert_eq!(values["COUNT"], "3");
/// assert_eq!(values["PORTS"], "- 80\n- 443\n");
/// # Ok::<(), kudo_package::parameter::ValuesError>(())
/// ```
pub fn values_from_yaml(text: &str) -> Result<BTreeMap<String, String>, ValuesError> {
    let found = match Value::from(yaml::parse_file(text)?) {
        Value::Null => return Ok(BTreeMap::new()),
        Value::Object(map) => {
            return map
                .into_iter()
                .map(|(name, value)| match stored_text(&value) {
                    Some(text) => Ok((name, text)),
                    None => Err(ValuesError::Null { name }),
                })
                .collect();
        }
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
    };
    Err(ValuesError::NotAMap { found })
}

/// A value as instances store it: scalars as they print, lists and maps as YAML; null is nothing.
pub fn stored_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        // Go prints 1.0 as 1.
        Value::Number(number) if number.is_f64() => number.as_f64().map(|float| float.to_string()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Array(_) | Value::Object(_) => Some(yaml::to_string(value)),
    }
}
