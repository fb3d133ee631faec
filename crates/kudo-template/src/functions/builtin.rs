//! The functions of text/template itself.

use std::fmt::Write as _;

use super::arguments::{any, bytes};
use super::{Context, Function, Output, Param, Special, fixed, variadic};
use crate::budget::Failure;
use crate::format::{print, printf, println};
use crate::value::{MapType, UintType, Value, go_equal, go_less, is_true, lossy};

pub(super) const FUNCTIONS: &[Function] = &[
    short_circuit("and", Special::And),
    short_circuit("or", Special::Or),
    fixed("not", &[Param::Reflect], |_, a| {
        Ok(Value::Bool(!is_true(any(a, 0))))
    }),
    variadic("call", &[Param::Reflect], Param::Reflect, call),
    variadic("html", &[], Param::Any, html),
    variadic("js", &[], Param::Any, js),
    variadic("urlquery", &[], Param::Any, url_query),
    variadic("index", &[Param::Reflect], Param::Reflect, index),
    fixed("len", &[Param::Reflect], |_, a| length(any(a, 0))),
    variadic("print", &[], Param::Any, |c, a| {
        Ok(print(&c.budget, a)?.into())
    }),
    variadic("println", &[], Param::Any, |c, a| {
        Ok(println(&c.budget, a)?.into())
    }),
    variadic("printf", &[Param::Text], Param::Any, |c, a| {
        Ok(printf(&c.budget, bytes(a, 0), a.get(1..).unwrap_or_default())?.into())
    }),
    variadic("eq", &[Param::Reflect], Param::Reflect, equal),
    fixed("ne", &[Param::Reflect, Param::Reflect], |_, a| {
        Ok(Value::Bool(!go_equal(any(a, 0), any(a, 1))?))
    }),
    fixed("lt", &[Param::Reflect, Param::Reflect], |_, a| {
        Ok(Value::Bool(go_less(any(a, 0), any(a, 1))?))
    }),
    fixed("le", &[Param::Reflect, Param::Reflect], |_, a| {
        Ok(Value::Bool(less_or_equal(any(a, 0), any(a, 1))?))
    }),
    fixed("gt", &[Param::Reflect, Param::Reflect], |_, a| {
        Ok(Value::Bool(!less_or_equal(any(a, 0), any(a, 1))?))
    }),
    fixed("ge", &[Param::Reflect, Param::Reflect], |_, a| {
        Ok(Value::Bool(!go_less(any(a, 0), any(a, 1))?))
    }),
];

const fn short_circuit(name: &'static str, special: Special) -> Function {
    let call: fn(&Context, &[Value]) -> Output = match special {
        Special::And => |_, a| Ok(first_or_last(a, false)),
        Special::Or => |_, a| Ok(first_or_last(a, true)),
    };
    Function {
        special: Some(special),
        ..variadic(name, &[Param::Reflect], Param::Reflect, call)
    }
}

/// The first argument of that truth, or the last one.
fn first_or_last(arguments: &[Value], truth: bool) -> Value {
    let found = arguments.iter().find(|value| is_true(value) == truth);
    found.or(arguments.last()).cloned().unwrap_or(Value::Nil)
}

fn call(_: &Context, arguments: &[Value]) -> Output {
    let function = any(arguments, 0);
    if function.is_nil() {
        return Err(Failure::new("call of nil"));
    }
    let message = format!("non-function of type {}", function.type_name());
    Err(Failure::new(message))
}

fn equal(_: &Context, arguments: &[Value]) -> Output {
    let (first, others) = (any(arguments, 0), arguments.get(1..).unwrap_or_default());
    if others.is_empty() {
        return Err(Failure::new("missing argument for comparison"));
    }
    for other in others {
        if go_equal(first, other)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

fn less_or_equal(a: &Value, b: &Value) -> Result<bool, Failure> {
    Ok(go_less(a, b)? || go_equal(a, b)?)
}

fn length(value: &Value) -> Output {
    match value {
        Value::Text(text) => Ok(Value::size(text.len())),
        Value::List(list) => Ok(Value::size(list.len())),
        Value::Map(map) => Ok(Value::size(map.len())),
        Value::Nil => Err(Failure::new("len of nil pointer")),
        other => Err(Failure::new(format!("len of type {}", other.type_name()))),
    }
}

fn index(_: &Context, arguments: &[Value]) -> Output {
    let mut item = any(arguments, 0).clone();
    if item.is_nil() {
        return Err(Failure::new("index of untyped nil"));
    }
    for index in arguments.get(1..).unwrap_or_default() {
        item = match &item {
            Value::Nil => return Err(Failure::new("index of nil pointer")),
            Value::Text(text) => {
                let at = index_within(index, text.len())?;
                let byte = text.as_bytes().get(at).copied();
                let byte =
                    byte.ok_or_else(|| Failure::new("reflect: string index out of range"))?;
                Value::Uint(u64::from(byte), UintType::Uint8)
            }
            Value::List(list) => {
                let at = index_within(index, list.len())?;
                let item = list.items().get(at).cloned();
                item.ok_or_else(|| Failure::new("reflect: slice index out of range"))?
            }
            Value::Map(map) => match (index, map.map_type()) {
                (Value::Nil, _) => {
                    return Err(Failure::new("value is nil; should be of type string"));
                }
                (Value::Text(key), MapType::Any) => map.get(key.as_bytes()).unwrap_or(Value::Nil),
                (Value::Text(key), MapType::Text) => {
                    map.get(key.as_bytes()).unwrap_or_else(|| "".into())
                }
                (other, _) => {
                    return Err(Failure::new(format!(
                        "value has type {}; should be string",
                        other.type_name()
                    )));
                }
            },
            other => {
                let message = format!("can't index item of type {}", other.type_name());
                return Err(Failure::new(message));
            }
        };
    }
    Ok(item)
}

fn index_within(index: &Value, length: usize) -> Result<usize, Failure> {
    let (at, shown) = match index {
        Value::Int(at, _) => (usize::try_from(*at).ok(), at.to_string()),
        Value::Uint(at, _) => (usize::try_from(*at).ok(), at.to_string()),
        Value::Nil => return Err(Failure::new("cannot index slice/array with nil")),
        other => {
            let message = format!("cannot index slice/array with type {}", other.type_name());
            return Err(Failure::new(message));
        }
    };
    at.filter(|at| *at <= length)
        .ok_or_else(|| Failure::new(format!("index out of range: {shown}")))
}

/// The arguments as one text, as the escaping functions take them.
fn joined(context: &Context, arguments: &[Value]) -> Result<Vec<u8>, Failure> {
    if let [Value::Text(text)] = arguments {
        return Ok(text.as_bytes().to_vec());
    }
    let shown: Vec<Value> = arguments
        .iter()
        .map(|value| match value {
            Value::Nil => "<no value>".into(),
            other => other.clone(),
        })
        .collect();
    print(&context.budget, &shown)
}

fn html(context: &Context, arguments: &[Value]) -> Output {
    let text = joined(context, arguments)?;
    let mut escaped = Vec::with_capacity(text.len());
    for byte in text {
        match byte {
            0 => escaped.extend_from_slice("\u{fffd}".as_bytes()),
            b'"' => escaped.extend_from_slice(b"&#34;"),
            b'\'' => escaped.extend_from_slice(b"&#39;"),
            b'&' => escaped.extend_from_slice(b"&amp;"),
            b'<' => escaped.extend_from_slice(b"&lt;"),
            b'>' => escaped.extend_from_slice(b"&gt;"),
            other => escaped.push(other),
        }
    }
    context.budget.text(escaped.len())?;
    Ok(escaped.into())
}

fn js(context: &Context, arguments: &[Value]) -> Output {
    let text = joined(context, arguments)?;
    let mut escaped = String::with_capacity(text.len());
    for c in lossy(&text).chars() {
        match c {
            '\\' => escaped.push_str("\\\\"),
            '\'' => escaped.push_str("\\'"),
            '"' => escaped.push_str("\\\""),
            '<' | '>' | '&' | '=' | '\0'..=' ' if c != ' ' => {
                let _ = write!(escaped, "\\u{:04X}", u32::from(c));
            }
            c if c.is_ascii() || crate::format::is_print(c) => escaped.push(c),
            c => {
                let _ = write!(escaped, "\\u{:04X}", u32::from(c));
            }
        }
    }
    context.budget.text(escaped.len())?;
    Ok(escaped.into())
}

fn url_query(context: &Context, arguments: &[Value]) -> Output {
    let text = joined(context, arguments)?;
    let escaped = super::urls::escape_query(&text);
    context.budget.text(escaped.len())?;
    Ok(escaped.into())
}
