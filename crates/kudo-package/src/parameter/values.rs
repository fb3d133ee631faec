//! Writing values files: a map of parameter names to values, as `-P` takes it. [`super::file`] reads
//! them.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

use serde_json::Value;

use super::{Parameter, ValueType, parse_bool, stored_text};
use crate::yaml;

/// Characters of a comment's line.
const WIDTH: usize = 96;

/// What [`stored_text`] turns into exactly this text: of the parameter's type if it can be, a
/// text otherwise.
pub fn value_of_text(value_type: ValueType, text: &str) -> Value {
    let value = typed_value(value_type, text);
    value
        .filter(|value| stored_text(value).as_deref() == Some(text))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

/// A text as a value of a type, if it is one.
pub(super) fn typed_value(value_type: ValueType, text: &str) -> Option<Value> {
    match value_type {
        ValueType::String => Some(Value::String(text.to_owned())),
        ValueType::Integer => text.parse::<i64>().ok().map(Value::from),
        ValueType::Number => {
            let whole = text.parse::<i64>().ok().map(Value::from);
            whole.or_else(|| {
                let float = text.parse::<f64>().ok()?;
                serde_json::Number::from_f64(float).map(Value::Number)
            })
        }
        ValueType::Boolean => parse_bool(text).map(Value::Bool),
        ValueType::Array => yaml::parse(text).ok().filter(Value::is_array),
        ValueType::Map => yaml::parse(text).ok().filter(Value::is_object),
    }
}

/// Writes a values file with what each parameter is for as comments.
///
/// What `given` has is written as it is. Of the rest, defaults are written if `with_defaults`, and
/// otherwise stand there as comments, so that they stay the operator's to change; a parameter
/// without any value stands there as a comment too.
pub fn values_file(
    definitions: &[Parameter],
    given: &BTreeMap<String, String>,
    with_defaults: bool,
) -> String {
    let mut file = String::new();
    // An empty line after a text that ends with one would be read as part of it.
    let mut ends_with_line = false;
    for definition in definitions {
        if !file.is_empty() && !ends_with_line {
            file.push('\n');
        }
        describe(&mut file, definition);
        let default = definition.default.as_ref();
        ends_with_line = given
            .get(&definition.name)
            .or(default.filter(|_| with_defaults))
            .is_some_and(|text| text.ends_with('\n'));
        match (given.get(&definition.name), default) {
            (Some(text), _) => file.push_str(&entry(definition, text)),
            (None, Some(text)) if with_defaults => file.push_str(&entry(definition, text)),
            (None, Some(text)) => comment(&mut file, &entry(definition, text), false),
            (None, None) => comment(&mut file, &format!("{}:", definition.name), false),
        }
    }
    // An instance may have values that its operator no longer knows.
    let known: HashSet<&str> = definitions.iter().map(|one| one.name.as_str()).collect();
    for (name, text) in given {
        if !known.contains(name.as_str()) {
            let unknown = Parameter {
                name: name.clone(),
                ..Parameter::default()
            };
            let gap = if ends_with_line { "" } else { "\n" };
            let _ = writeln!(file, "{gap}# Not a parameter of this version.");
            ends_with_line = false;
            comment(&mut file, &entry(&unknown, text), false);
        }
    }
    file
}

fn describe(file: &mut String, definition: &Parameter) {
    if let Some(name) = &definition.display_name {
        comment(file, name, true);
    }
    if let Some(description) = &definition.description {
        comment(file, description, true);
    }
    if let Some(hint) = &definition.hint {
        comment(file, hint, true);
    }
    let mut facts = vec![definition.value_type.to_string()];
    if definition.needs_value() {
        facts.push("required".to_owned());
    }
    if definition.immutable {
        facts.push("immutable".to_owned());
    }
    if let Some(choices) = &definition.enum_values {
        facts.push(format!("one of {}", choices.join(", ")));
    }
    comment(file, &format!("({})", facts.join("; ")), true);
}

fn entry(definition: &Parameter, text: &str) -> String {
    let value = value_of_text(definition.value_type, text);
    let map = serde_json::Map::from_iter([(definition.name.clone(), value)]);
    yaml::to_string(&Value::Object(map))
}

/// Writes lines as comments; words are wrapped, if they are for people.
fn comment(file: &mut String, text: &str, wrap: bool) {
    for line in text.lines() {
        let mut written = String::from("#");
        if wrap {
            for word in line.split_whitespace() {
                if written.len() > 1 && written.chars().count() + word.chars().count() >= WIDTH {
                    let _ = writeln!(file, "{written}");
                    "#".clone_into(&mut written);
                }
                written.push(' ');
                written.extend(word.chars().map(printable));
            }
        } else {
            written.push(' ');
            written.push_str(line);
        }
        let _ = writeln!(file, "{}", written.trim_end());
    }
}

/// A character as it may stand in a comment: YAML allows no control characters.
fn printable(c: char) -> char {
    match c {
        '\u{fffe}' | '\u{ffff}' => char::REPLACEMENT_CHARACTER,
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    }
}
