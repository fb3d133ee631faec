//! Values as Go prints them in messages.

use std::fmt::Write as _;

use serde_json::Value;

/// A value as `%v` writes it: `map[image:z]`, `[a b]`.
pub(crate) fn print(value: &Value) -> String {
    let mut text = String::new();
    write(&mut text, value);
    text
}

fn write(text: &mut String, value: &Value) {
    match value {
        Value::Null => text.push_str("<nil>"),
        Value::String(word) => text.push_str(word),
        Value::Array(list) => {
            text.push('[');
            for (index, item) in list.iter().enumerate() {
                if index > 0 {
                    text.push(' ');
                }
                write(text, item);
            }
            text.push(']');
        }
        Value::Object(map) => {
            text.push_str("map[");
            for (index, (key, item)) in map.iter().enumerate() {
                if index > 0 {
                    text.push(' ');
                }
                let _ = write!(text, "{key}:");
                write(text, item);
            }
            text.push(']');
        }
        other => {
            let _ = write!(text, "{other}");
        }
    }
}

/// A value as `%s` writes it: what is no text is told with its type.
pub(crate) fn print_as_text(value: &Value) -> String {
    match value {
        Value::Number(number) if number.is_f64() => format!("%!s(float64={number})"),
        Value::Number(number) => format!("%!s(int64={number})"),
        Value::Bool(value) => format!("%!s(bool={value})"),
        Value::Null => "%!s(<nil>)".to_owned(),
        other => print(other),
    }
}

/// A value's type as `%T` writes it.
pub(crate) fn ty(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

/// What JSON calls a value.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
