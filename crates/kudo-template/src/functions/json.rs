//! JSON and YAML.

use std::fmt::Write as _;

use serde_json::Value as Json;

use super::arguments::{any, bytes};
use super::{Context, Function, Output, Param, fixed};
use crate::budget::Failure;
use crate::format::float;
use crate::value::{Numbers, Value, from_json, to_json};

const ANY: &[Param] = &[Param::Any];

pub(super) const FUNCTIONS: &[Function] = &[
    fixed("fromJson", &[Param::Text], |c, a| {
        lenient(decoded(c, a), Value::Nil)
    }),
    fixed("mustFromJson", &[Param::Text], decoded),
    fixed("toJson", ANY, |c, a| {
        lenient(encoded(c, a, Style::ESCAPED), "".into())
    }),
    fixed("mustToJson", ANY, |c, a| encoded(c, a, Style::ESCAPED)),
    fixed("toPrettyJson", ANY, |c, a| {
        lenient(encoded(c, a, Style::PRETTY), "".into())
    }),
    fixed("mustToPrettyJson", ANY, |c, a| encoded(c, a, Style::PRETTY)),
    fixed("toRawJson", ANY, |c, a| encoded(c, a, Style::RAW)),
    fixed("mustToRawJson", ANY, |c, a| encoded(c, a, Style::RAW)),
    fixed("toYaml", ANY, to_yaml),
];

/// Turns failures into a value, but not limits.
fn lenient(output: Output, otherwise: Value) -> Output {
    match output {
        Err(Failure::Message(_)) => Ok(otherwise),
        other => other,
    }
}

fn decoded(context: &Context, arguments: &[Value]) -> Output {
    let text = bytes(arguments, 0);
    // The tree takes much more than the text, most of all if it is full of small maps.
    context.budget.memory(text.len().saturating_mul(96))?;
    let json: Json = serde_json::from_slice(text)
        .map_err(|error| Failure::new(format!("invalid JSON: {error}")))?;
    from_json(&context.budget, &json, Numbers::Floats)
}

/// How JSON is written.
#[derive(Debug, Clone, Copy)]
struct Style {
    /// Escapes `<`, `>` and `&`.
    html: bool,
    indented: bool,
}

impl Style {
    const ESCAPED: Self = Self {
        html: true,
        indented: false,
    };
    const PRETTY: Self = Self {
        html: true,
        indented: true,
    };
    const RAW: Self = Self {
        html: false,
        indented: false,
    };
}

fn encoded(context: &Context, arguments: &[Value], style: Style) -> Output {
    let json = to_json(&context.budget, any(arguments, 0))?;
    let mut writer = Writer {
        context,
        style,
        out: String::new(),
    };
    writer.value(&json, 0)?;
    context.budget.text(writer.out.len())?;
    Ok(writer.out.into())
}

/// Writes JSON as Go's encoder does.
struct Writer<'a> {
    context: &'a Context,
    style: Style,
    out: String,
}

impl Writer<'_> {
    fn value(&mut self, json: &Json, depth: usize) -> Result<(), Failure> {
        if self.out.len() > self.context.budget.max_bytes() {
            return Err(self.context.budget.too_long());
        }
        match json {
            Json::Null => self.out.push_str("null"),
            Json::Bool(value) => self.out.push_str(if *value { "true" } else { "false" }),
            Json::Number(number) => self.number(number),
            Json::String(text) => self.text(text),
            Json::Array(items) => {
                self.out.push('[');
                for (index, item) in items.iter().enumerate() {
                    self.between(index, depth + 1);
                    self.value(item, depth + 1)?;
                }
                self.close(items.is_empty(), depth, ']');
            }
            Json::Object(entries) => {
                self.out.push('{');
                for (index, (key, item)) in entries.iter().enumerate() {
                    self.between(index, depth + 1);
                    self.text(key);
                    self.out
                        .push_str(if self.style.indented { ": " } else { ":" });
                    self.value(item, depth + 1)?;
                }
                self.close(entries.is_empty(), depth, '}');
            }
        }
        Ok(())
    }

    fn between(&mut self, index: usize, depth: usize) {
        if index > 0 {
            self.out.push(',');
        }
        self.new_line(depth);
    }

    fn close(&mut self, empty: bool, depth: usize, bracket: char) {
        if !empty {
            self.new_line(depth);
        }
        self.out.push(bracket);
    }

    fn new_line(&mut self, depth: usize) {
        if self.style.indented {
            self.out.push('\n');
            self.out.push_str(&"  ".repeat(depth));
        }
    }

    fn number(&mut self, number: &serde_json::Number) {
        if number.is_i64() || number.is_u64() {
            self.out.push_str(&number.to_string());
            return;
        }
        let value = number.as_f64().unwrap_or(0.0);
        let size = value.abs();
        if size != 0.0 && !(1e-6..1e21).contains(&size) {
            // e-09 is written e-9.
            let text = float(value, b'e', None);
            self.out.push_str(&text.replace("e-0", "e-"));
        } else {
            self.out.push_str(&float(value, b'f', None));
        }
    }

    fn text(&mut self, text: &str) {
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '<' | '>' | '&' if self.style.html => self.escape(c),
                '\0'..='\x1f' | '\u{2028}' | '\u{2029}' => self.escape(c),
                _ => self.out.push(c),
            }
        }
        self.out.push('"');
    }

    fn escape(&mut self, c: char) {
        let _ = write!(self.out, "\\u{:04x}", u32::from(c));
    }
}

fn to_yaml(context: &Context, arguments: &[Value]) -> Output {
    let json = match any(arguments, 0) {
        // A nil slice is null in JSON, but a list in YAML.
        Value::List(list) if list.is_nil() => Json::Array(Vec::new()),
        value => to_json(&context.budget, value)?,
    };
    if let (Value::Object(object), Json::String(text)) = (any(arguments, 0), &json)
        && object.type_name() == "time.Time"
    {
        // A time is a timestamp and not a text that looks like one.
        return Ok(format!("{text}\n").into());
    }
    let text = kudo_package::yaml::to_string(&json);
    context.budget.text(text.len())?;
    Ok(text.into())
}
