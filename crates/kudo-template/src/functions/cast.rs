//! Conversions between types as the library behind Sprig's `int`, `float64` and arithmetic does
//! them: whatever can't be converted is zero.

use super::Context;
use crate::budget::Failure;
use crate::format::{parse_float, parse_int, sprint};
use crate::value::{Value, lossy};

/// The text of a value as Sprig's `toString` gives it.
pub(super) fn to_text(context: &Context, value: &Value) -> Result<Vec<u8>, Failure> {
    sprint(&context.budget, value)
}

/// Any value as a 64-bit integer.
pub(super) fn to_int(value: &Value) -> i64 {
    match value {
        Value::Bool(value) => i64::from(*value),
        Value::Int(value, int_type) => match int_type {
            // A duration is none of the types that the library knows.
            crate::value::IntType::Duration => 0,
            _ => *value,
        },
        Value::Uint(value, _) => value.cast_signed(),
        Value::Float(value) => truncated(*value),
        Value::Text(text) => text_to_int(&lossy(text.as_bytes())),
        _ => 0,
    }
}

/// A float as Go converts it on amd64: what does not fit is the smallest integer.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the range is checked, and cutting the fraction off is the point"
)]
pub(super) fn truncated(value: f64) -> i64 {
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&value) {
        value as i64
    } else {
        i64::MIN
    }
}

/// Reads an integer with an optional prefix for its base; zeros after a point are left out.
pub(super) fn text_to_int(text: &str) -> i64 {
    parse_int(trim_zero_fraction(text), 0).unwrap_or(0)
}

fn trim_zero_fraction(text: &str) -> &str {
    let without_zeros = text.trim_end_matches('0');
    if without_zeros.len() == text.len() {
        return text;
    }
    without_zeros.strip_suffix('.').unwrap_or(text)
}

/// Any value as a float.
#[expect(
    clippy::cast_precision_loss,
    reason = "Go's conversion rounds likewise"
)]
pub(super) fn to_float(value: &Value) -> f64 {
    match value {
        Value::Bool(value) => f64::from(u8::from(*value)),
        Value::Int(value, int_type) => match int_type {
            crate::value::IntType::Duration => 0.0,
            _ => *value as f64,
        },
        Value::Uint(value, _) => *value as f64,
        Value::Float(value) => *value,
        Value::Text(text) => parse_float(&lossy(text.as_bytes())).unwrap_or(0.0),
        _ => 0.0,
    }
}
