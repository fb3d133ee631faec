//! From what a client sent to what the server keeps: types are checked, fields that the kind does
//! not have are told and dropped, and values get the form in which the server stores them.
//!
//! The words are those of a current API server, whose decoder is Go's.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Number, Value};

use super::quantity::Quantity;
use super::zero::is_left_out;
use super::{Object, Scalar, Type, TypeRef, time};

/// Why a value can't be an object of its kind. The text is what follows
/// `Deployment in version "v1" cannot be handled as a Deployment: `.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A field holds a value of another type.
    #[error(
        "json: cannot unmarshal {found} into Go struct field {owner}.{path} of type {expected}"
    )]
    Field {
        /// What was found, such as `string` or `number 1.5`.
        found: String,
        /// Go's name of the struct that has the field.
        owner: String,
        /// Path of the field, without the places in lists.
        path: String,
        /// Go's name of the type.
        expected: String,
    },
    /// A value that stands alone has another type.
    #[error("json: cannot unmarshal {found} into Go value of type {expected}")]
    Value {
        /// What was found.
        found: String,
        /// Go's name of the type.
        expected: String,
    },
    /// An amount could not be read.
    #[error(transparent)]
    Quantity(#[from] super::QuantityError),
    /// A time could not be read.
    #[error("{0}")]
    Time(String),
    /// Bytes are not written in base64.
    #[error("illegal base64 data at input byte {0}")]
    Base64(usize),
}

/// Turns `value` into the stored form of `ty`; the answer lists the paths of unknown fields, which
/// are gone from the value.
pub fn decode(ty: &TypeRef, value: &mut Value) -> Result<Vec<String>, DecodeError> {
    let mut decoder = Decoder::default();
    decoder.value(ty, value)?;
    Ok(decoder.unknown)
}

#[derive(Default)]
struct Decoder {
    /// Names of fields from the top, without places in lists: how decoding errors tell a place.
    fields: Vec<String>,
    /// The full path: how unknown fields are told.
    path: String,
    owner: String,
    unknown: Vec<String>,
}

impl Decoder {
    fn value(&mut self, ty: &TypeRef, value: &mut Value) -> Result<(), DecodeError> {
        match (ty.get(), &mut *value) {
            (Type::Any, _) => Ok(()),
            (Type::Scalar(scalar), _) => self.scalar(*scalar, value),
            (Type::Object(object), Value::Object(map)) => self.object(object, map),
            (Type::Map { values, .. }, Value::Object(map)) => self.map(values, map),
            (Type::List { items, .. }, Value::Array(list)) => self.list(items, list),
            (_, _) => Err(self.mismatch(value, &go_type(ty))),
        }
    }

    fn object(&mut self, object: &Object, map: &mut Map<String, Value>) -> Result<(), DecodeError> {
        let keys: Vec<String> = map.keys().cloned().collect();
        let owner = std::mem::replace(&mut self.owner, object.go_name.to_string());
        for key in keys {
            let depth = self.enter(&key);
            let Some(field) = object.fields.get(&key) else {
                if object.rest.is_none() {
                    self.unknown.push(self.path.clone());
                    map.remove(&key);
                }
                self.leave(depth);
                continue;
            };
            let gone = match map.get_mut(&key) {
                Some(Value::Null) => !matches!(field.ty.get(), Type::Any),
                Some(value) => {
                    self.fields.push(key.clone());
                    self.value(&field.ty, value)?;
                    self.fields.pop();
                    !field.required && is_left_out(&object.go_name, &key, field.ty.get(), value)
                }
                None => false,
            };
            if gone {
                map.remove(&key);
            }
            self.leave(depth);
        }
        self.owner = owner;
        Ok(())
    }

    fn map(&mut self, values: &TypeRef, map: &mut Map<String, Value>) -> Result<(), DecodeError> {
        for (key, value) in map.iter_mut() {
            let depth = self.enter(key);
            zero(values, value);
            self.value(values, value)?;
            if *values.get() == Type::Scalar(Scalar::Quantity)
                && let Some(Ok(amount)) = value.as_str().map(Quantity::parse)
            {
                *value = Value::from(amount.in_thousandths().to_string());
            }
            self.leave(depth);
        }
        Ok(())
    }

    fn list(&mut self, items: &TypeRef, list: &mut [Value]) -> Result<(), DecodeError> {
        for (index, value) in list.iter_mut().enumerate() {
            let depth = self.path.len();
            let _ = write!(self.path, "[{index}]");
            zero(items, value);
            self.value(items, value)?;
            self.leave(depth);
        }
        Ok(())
    }

    fn scalar(&mut self, scalar: Scalar, value: &mut Value) -> Result<(), DecodeError> {
        match (scalar, &*value) {
            (Scalar::Text | Scalar::IntOrString, Value::String(_))
            | (Scalar::Boolean, Value::Bool(_))
            | (Scalar::Float, Value::Number(_))
            | (Scalar::Untyped, _) => Ok(()),
            (Scalar::Int32, Value::Number(number)) => {
                let whole = whole(number).filter(|whole| i32::try_from(*whole).is_ok());
                self.number(value, whole, "int32")
            }
            (Scalar::Int64, Value::Number(number)) => {
                let whole = whole(number);
                self.number(value, whole, "int64")
            }
            (Scalar::IntOrString, Value::Number(number)) if whole(number).is_some() => Ok(()),
            (Scalar::IntOrString, other) => Err(alone(other, "int32")),
            (Scalar::Bytes, Value::String(text)) => bytes(text),
            (Scalar::Quantity, _) => {
                let text = match &*value {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                *value = Value::from(Quantity::parse(text.trim())?.to_string());
                Ok(())
            }
            (Scalar::Time | Scalar::MicroTime, Value::String(text)) => {
                *value = Value::from(utc(text, scalar)?);
                Ok(())
            }
            (Scalar::Time | Scalar::MicroTime, other) => Err(alone(other, "string")),
            (scalar, other) => Err(self.mismatch(other, go_scalar(scalar))),
        }
    }

    /// A whole number is kept as one, however it was written.
    fn number(&self, value: &mut Value, whole: Option<i64>, ty: &str) -> Result<(), DecodeError> {
        if let Some(whole) = whole {
            *value = Value::from(whole);
            return Ok(());
        }
        let mut error = self.mismatch(value, ty);
        if let DecodeError::Field { found, .. } | DecodeError::Value { found, .. } = &mut error {
            *found = format!("number {value}");
        }
        Err(error)
    }

    fn mismatch(&self, value: &Value, expected: &str) -> DecodeError {
        if self.fields.is_empty() {
            return alone(value, expected);
        }
        DecodeError::Field {
            found: found(value).to_owned(),
            owner: self.owner.clone(),
            path: self.fields.join("."),
            expected: expected.to_owned(),
        }
    }

    fn enter(&mut self, key: &str) -> usize {
        let depth = self.path.len();
        if depth > 0 {
            self.path.push('.');
        }
        self.path.push_str(key);
        depth
    }

    fn leave(&mut self, depth: usize) {
        self.path.truncate(depth);
    }
}

/// A null in a map or a list stands for the zero of its type.
fn zero(ty: &TypeRef, value: &mut Value) {
    if !value.is_null() {
        return;
    }
    *value = match ty.get() {
        Type::Scalar(Scalar::Text | Scalar::Bytes | Scalar::Untyped) => Value::from(""),
        Type::Scalar(Scalar::Int32 | Scalar::Int64 | Scalar::Float | Scalar::IntOrString) => {
            Value::from(0)
        }
        Type::Scalar(Scalar::Quantity) => Value::from("0"),
        Type::Scalar(Scalar::Boolean) => Value::from(false),
        Type::Scalar(Scalar::Time | Scalar::MicroTime) | Type::Any => return,
        Type::List { .. } => Value::Array(Vec::new()),
        Type::Object(_) | Type::Map { .. } => Value::Object(Map::new()),
    };
}

fn whole(number: &Number) -> Option<i64> {
    number.as_i64()
}

fn alone(value: &Value, expected: &str) -> DecodeError {
    DecodeError::Value {
        found: found(value).to_owned(),
        expected: expected.to_owned(),
    }
}

fn found(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn go_scalar(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::Bytes => "[]uint8",
        Scalar::Int32 => "int32",
        Scalar::Int64 => "int64",
        Scalar::Float => "float64",
        Scalar::Boolean => "bool",
        Scalar::IntOrString => "intstr.IntOrString",
        Scalar::Quantity => "resource.Quantity",
        Scalar::Text | Scalar::Time | Scalar::MicroTime | Scalar::Untyped => "string",
    }
}

fn go_type(ty: &TypeRef) -> String {
    match ty.get() {
        Type::Any => "interface {}".to_owned(),
        Type::Scalar(scalar) => go_scalar(*scalar).to_owned(),
        Type::Object(object) if object.go_name.contains('.') => object.go_name.to_string(),
        Type::Object(object) => format!("v1.{}", object.go_name),
        Type::Map { values, .. } => format!("map[string]{}", go_type(values)),
        Type::List { items, .. } => format!("[]{}", go_type(items)),
    }
}

fn bytes(text: &str) -> Result<(), DecodeError> {
    let packed: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    if STANDARD.decode(&packed).is_ok() {
        return Ok(());
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    let wrong = text
        .bytes()
        .position(|byte| !allowed(byte) && !matches!(byte, b'\r' | b'\n'));
    Err(DecodeError::Base64(wrong.unwrap_or(text.len() / 4 * 4)))
}

/// A time in UTC, cut to the precision that the server keeps.
fn utc(text: &str, scalar: Scalar) -> Result<String, DecodeError> {
    let (time, format) = if scalar == Scalar::Time {
        (time::seconds(text), "%Y-%m-%dT%H:%M:%SZ")
    } else {
        (time::microseconds(text), "%Y-%m-%dT%H:%M:%S.%6fZ")
    };
    let time = time.map_err(DecodeError::Time)?;
    Ok(time.strftime(format).to_string())
}
