//! What is wrong with a field, in the server's words, and the status that tells it.

use std::fmt::{self, Write as _};

use serde_json::{Value, json};

/// One thing that is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// What sort of thing.
    pub fault: Fault,
    /// Path of the field, such as `spec.containers[0].name`.
    pub field: String,
    /// The value as Go prints it, where the message shows one.
    pub value: Option<String>,
    /// What is wrong, beyond the sort.
    pub detail: String,
}

/// Sorts of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Something must be there.
    Required,
    /// The value is not allowed.
    Invalid,
    /// The value is none of those that are supported.
    NotSupported,
    /// The field must not be set, or not be changed.
    Forbidden,
    /// The value is there twice.
    Duplicate,
    /// What the value names is not there.
    NotFound,
    /// The value is too long.
    TooLong,
    /// There are too many values.
    TooMany,
    /// The value is of another type.
    Type,
}

impl Fault {
    /// The reason of a cause in a status.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Required => "FieldValueRequired",
            Self::Invalid => "FieldValueInvalid",
            Self::NotSupported => "FieldValueNotSupported",
            Self::Forbidden => "FieldValueForbidden",
            Self::Duplicate => "FieldValueDuplicate",
            Self::NotFound => "FieldValueNotFound",
            Self::TooLong => "FieldValueTooLong",
            Self::TooMany => "FieldValueTooMany",
            Self::Type => "FieldValueTypeInvalid",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Required => "Required value",
            Self::Invalid | Self::Type => "Invalid value",
            Self::NotSupported => "Unsupported value",
            Self::Forbidden => "Forbidden",
            Self::Duplicate => "Duplicate value",
            Self::NotFound => "Not found",
            Self::TooLong => "Too long",
            Self::TooMany => "Too many",
        }
    }
}

impl FieldError {
    /// Something must be there.
    pub fn required(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::plain(Fault::Required, field, detail)
    }

    /// The value, shown as Go does, is not allowed.
    pub fn invalid(field: impl Into<String>, value: &Value, detail: impl Into<String>) -> Self {
        Self::shown(Fault::Invalid, field, shown(value), detail)
    }

    /// The value is not allowed; it is shown as given, for values that Go shows in its own way.
    pub fn invalid_shown(
        field: impl Into<String>,
        value: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Self::shown(Fault::Invalid, field, value.into(), detail)
    }

    /// The value is not allowed; it is not shown.
    pub fn invalid_unshown(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::plain(Fault::Invalid, field, detail)
    }

    /// There are more items than may be.
    pub fn too_many(field: impl Into<String>, count: usize, most: usize) -> Self {
        let detail = format!("must have at most {most} items");
        Self::shown(Fault::TooMany, field, count.to_string(), detail)
    }

    /// The value is none of those that are supported, which are told in the given order.
    pub fn not_supported(field: impl Into<String>, value: &Value, supported: &[&str]) -> Self {
        Self::not_supported_shown(field, shown(value), supported)
    }

    /// The value is none of those that are supported; it is shown as given.
    pub fn not_supported_shown(
        field: impl Into<String>,
        value: impl Into<String>,
        supported: &[&str],
    ) -> Self {
        let quoted: Vec<String> = supported.iter().map(|name| format!("{name:?}")).collect();
        let detail = format!("supported values: {}", quoted.join(", "));
        Self::shown(Fault::NotSupported, field, value.into(), detail)
    }

    /// The field must not be set, or not be changed.
    pub fn forbidden(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::plain(Fault::Forbidden, field, detail)
    }

    /// The value is there twice.
    pub fn duplicate(field: impl Into<String>, value: &Value) -> Self {
        Self::shown(Fault::Duplicate, field, shown(value), "")
    }

    /// The value, shown as given, is there twice.
    pub fn duplicate_shown(field: impl Into<String>, value: impl Into<String>) -> Self {
        Self::shown(Fault::Duplicate, field, value.into(), "")
    }

    /// What the value names is not there.
    pub fn not_found(field: impl Into<String>, value: &Value) -> Self {
        Self::shown(Fault::NotFound, field, shown(value), "")
    }

    /// The text has more than `limit` bytes.
    pub fn too_long(field: impl Into<String>, limit: usize) -> Self {
        let detail = format!("must have at most {limit} bytes");
        Self::plain(Fault::TooLong, field, detail)
    }

    /// The message without the field.
    pub fn body(&self) -> String {
        let mut text = self.fault.words().to_owned();
        if let Some(value) = &self.value {
            text.push_str(": ");
            text.push_str(value);
        }
        if !self.detail.is_empty() {
            text.push_str(": ");
            text.push_str(&self.detail);
        }
        text
    }

    fn plain(fault: Fault, field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            fault,
            field: field.into(),
            value: None,
            detail: detail.into(),
        }
    }

    fn shown(
        fault: Fault,
        field: impl Into<String>,
        value: String,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            value: Some(value),
            ..Self::plain(fault, field, detail)
        }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.body())
    }
}

/// A value as messages show it: text in quotes, lists and objects as JSON.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::Null => "\"null\"".to_owned(),
        Value::String(text) => quoted(text),
        other => other.to_string(),
    }
}

/// A text in quotes, as Go's `%q` writes it.
fn quoted(text: &str) -> String {
    let mut shown = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => shown.push_str("\\\""),
            '\\' => shown.push_str("\\\\"),
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            '\x07' => shown.push_str("\\a"),
            '\x08' => shown.push_str("\\b"),
            '\x0b' => shown.push_str("\\v"),
            '\x0c' => shown.push_str("\\f"),
            letter if letter.is_ascii_control() => {
                let _ = write!(shown, "\\x{:02x}", u32::from(letter));
            }
            letter => shown.push(letter),
        }
    }
    shown.push('"');
    shown
}

/// The status that refuses an object: 422, reason `Invalid`, one cause per error.
pub fn invalid_status(group: &str, kind: &str, name: &str, errors: &[FieldError]) -> Value {
    let dot = if group.is_empty() { "" } else { "." };
    let mut told: Vec<String> = Vec::new();
    for error in errors {
        let text = error.to_string();
        if !told.contains(&text) {
            told.push(text);
        }
    }
    let list = match told.as_slice() {
        [one] => one.clone(),
        many => format!("[{}]", many.join(", ")),
    };
    let causes: Vec<Value> = errors
        .iter()
        .map(|error| {
            json!({
                "reason": error.fault.reason(),
                "message": error.body(),
                "field": error.field,
            })
        })
        .collect();
    let mut details = json!({ "causes": causes });
    for (key, value) in [("name", name), ("kind", kind)] {
        if !value.is_empty() {
            details[key] = Value::from(value);
        }
    }
    if !group.is_empty() {
        details["group"] = Value::from(group);
    }
    json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": format!("{kind}{dot}{group} {name:?} is invalid: {list}"),
        "reason": "Invalid",
        "details": details,
        "code": 422,
    })
}

/// A value as Go's `%#v` writes it, as some messages do: `map[string]interface {}{"k":"a"}`.
pub(crate) fn go_syntax(value: &Value) -> String {
    match value {
        Value::Null => "interface {}(nil)".to_owned(),
        Value::Object(map) => {
            let fields: Vec<String> = map
                .iter()
                .map(|(key, value)| format!("{key:?}:{}", go_syntax(value)))
                .collect();
            format!("map[string]interface {{}}{{{}}}", fields.join(", "))
        }
        Value::Array(list) => {
            let items: Vec<String> = list.iter().map(go_syntax).collect();
            format!("[]interface {{}}{{{}}}", items.join(", "))
        }
        other => other.to_string(),
    }
}
