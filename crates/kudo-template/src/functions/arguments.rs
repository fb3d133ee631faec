//! Reading of arguments that the engines have checked against the parameters' types.
//!
//! An argument of another type than the parameter's can't come here; the readers then give the
//! type's zero value, as Go would for nil.

use crate::budget::Failure;
use crate::value::{List, Map, Text, Value};

/// Reads a string's bytes.
pub(super) fn bytes(arguments: &[Value], index: usize) -> &[u8] {
    match arguments.get(index) {
        Some(Value::Text(text)) => text.as_bytes(),
        _ => &[],
    }
}

/// Reads a string as characters.
pub(super) fn text(arguments: &[Value], index: usize) -> std::borrow::Cow<'_, str> {
    match arguments.get(index) {
        Some(Value::Text(text)) => text.to_str(),
        _ => std::borrow::Cow::Borrowed(""),
    }
}

/// Reads an integer.
pub(super) fn int(arguments: &[Value], index: usize) -> i64 {
    match arguments.get(index) {
        Some(Value::Int(value, _)) => *value,
        Some(Value::Uint(value, _)) => i64::try_from(*value).unwrap_or(i64::MAX),
        _ => 0,
    }
}

/// Reads a boolean.
pub(super) fn flag(arguments: &[Value], index: usize) -> bool {
    matches!(arguments.get(index), Some(Value::Bool(true)))
}

/// Reads any value.
pub(super) fn any(arguments: &[Value], index: usize) -> &Value {
    arguments.get(index).unwrap_or(&Value::Nil)
}

/// Reads a map; none for nil.
pub(super) fn map(arguments: &[Value], index: usize) -> Option<&Map> {
    match arguments.get(index) {
        Some(Value::Map(map)) => Some(map),
        _ => None,
    }
}

/// Reads a map that is to be changed.
pub(super) fn map_to_change(arguments: &[Value], index: usize) -> Result<&Map, Failure> {
    map(arguments, index).ok_or_else(|| Failure::new("assignment to entry in nil map"))
}

/// Reads a map's value as Sprig's functions over `map[string]interface {}` do.
pub(super) fn lookup(arguments: &[Value], index: usize, key: &Text) -> Option<Value> {
    map(arguments, index)?.get(key.as_bytes())
}

/// Reads a slice's items.
pub(super) fn list(arguments: &[Value], index: usize) -> Option<&List> {
    match arguments.get(index) {
        Some(Value::List(list)) => Some(list),
        _ => None,
    }
}
