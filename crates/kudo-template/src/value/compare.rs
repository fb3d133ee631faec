//! Truth, emptiness, equality and order as Go's templates define them.

use super::Value;
use crate::budget::{Budget, Failure};

/// Truth in `if`, `with`, `and`, `or` and `not`: not the zero value of its type.
pub(crate) fn is_true(value: &Value) -> bool {
    match value {
        Value::Nil => false,
        Value::Bool(value) => *value,
        Value::Int(value, _) => *value != 0,
        Value::Uint(value, _) => *value != 0,
        Value::Float(value) => *value != 0.0,
        Value::Complex(re, im) => *re != 0.0 || *im != 0.0,
        Value::Text(text) => !text.is_empty(),
        Value::List(list) => list.len() > 0,
        Value::Map(map) => map.len() > 0,
        Value::Object(_) => true,
    }
}

/// Emptiness as Sprig's `empty` and `default` have it.
pub(crate) fn is_empty(value: &Value) -> bool {
    !is_true(value)
}

/// The kinds that Go's comparison functions tell apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum BasicKind {
    Invalid,
    Bool,
    Complex,
    Int,
    Float,
    Text,
    Uint,
}

fn basic_kind(value: &Value) -> BasicKind {
    match value {
        Value::Bool(_) => BasicKind::Bool,
        Value::Int(..) => BasicKind::Int,
        Value::Uint(..) => BasicKind::Uint,
        Value::Float(_) => BasicKind::Float,
        Value::Complex(..) => BasicKind::Complex,
        Value::Text(_) => BasicKind::Text,
        Value::Nil | Value::List(_) | Value::Map(_) | Value::Object(_) => BasicKind::Invalid,
    }
}

fn bad_comparison() -> Failure {
    Failure::new("incompatible types for comparison")
}

fn bad_comparison_type() -> Failure {
    Failure::new("invalid type for comparison")
}

/// `eq` of two values: an error if their types can't be compared.
#[expect(
    clippy::float_cmp,
    reason = "Go compares floats exactly, and so must we"
)]
pub(crate) fn go_equal(a: &Value, b: &Value) -> Result<bool, Failure> {
    match (a, b) {
        (Value::Int(a, _), Value::Uint(b, _)) | (Value::Uint(b, _), Value::Int(a, _)) => {
            Ok(u64::try_from(*a).is_ok_and(|a| a == *b))
        }
        (Value::Bool(a), Value::Bool(b)) => Ok(a == b),
        (Value::Int(a, _), Value::Int(b, _)) => Ok(a == b),
        (Value::Uint(a, _), Value::Uint(b, _)) => Ok(a == b),
        (Value::Float(a), Value::Float(b)) => Ok(a == b),
        (Value::Complex(a, b), Value::Complex(c, d)) => Ok(a == c && b == d),
        (Value::Text(a), Value::Text(b)) => Ok(a == b),
        _ if basic_kind(a) != basic_kind(b) => {
            if a.is_nil() || b.is_nil() {
                Ok(false)
            } else {
                Err(bad_comparison())
            }
        }
        (Value::Nil, Value::Nil) => Ok(true),
        _ => equal_without_basic_kind(a, b),
    }
}

/// Compares values that are slices, maps, structs or nil.
fn equal_without_basic_kind(a: &Value, b: &Value) -> Result<bool, Failure> {
    let nil = |value: &Value| match value {
        Value::Nil => true,
        Value::List(list) => list.is_nil(),
        _ => false,
    };
    if !(a.is_nil() || b.is_nil()) && a.kind_name() != b.kind_name() {
        return Err(Failure::new(format!(
            "non-comparable types {}, {}",
            a.type_name(),
            b.type_name()
        )));
    }
    if nil(a) || nil(b) {
        return Ok(nil(a) == nil(b));
    }
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => Ok(a.equals(b.as_ref())),
        _ => Err(Failure::new(format!(
            "non-comparable type {}",
            b.type_name()
        ))),
    }
}

/// `lt` of two values: an error if their types have no order.
pub(crate) fn go_less(a: &Value, b: &Value) -> Result<bool, Failure> {
    let (kind_a, kind_b) = (basic_kind(a), basic_kind(b));
    if kind_a == BasicKind::Invalid || kind_b == BasicKind::Invalid {
        return Err(bad_comparison_type());
    }
    match (a, b) {
        (Value::Int(a, _), Value::Uint(b, _)) => {
            Ok(u64::try_from(*a).is_ok_and(|a| a < *b) || *a < 0)
        }
        (Value::Uint(a, _), Value::Int(b, _)) => Ok(u64::try_from(*b).is_ok_and(|b| *a < b)),
        (Value::Int(a, _), Value::Int(b, _)) => Ok(a < b),
        (Value::Uint(a, _), Value::Uint(b, _)) => Ok(a < b),
        (Value::Float(a), Value::Float(b)) => Ok(a < b),
        (Value::Text(a), Value::Text(b)) => Ok(a < b),
        _ if kind_a != kind_b => Err(bad_comparison()),
        _ => Err(bad_comparison_type()),
    }
}

/// `reflect.DeepEqual`: same types and same content all the way down.
pub(crate) fn deep_equal(budget: &Budget, a: &Value, b: &Value) -> Result<bool, Failure> {
    equal_at(budget, a, b, 0)
}

#[expect(
    clippy::float_cmp,
    reason = "Go compares floats exactly, and so must we"
)]
fn equal_at(budget: &Budget, a: &Value, b: &Value, depth: usize) -> Result<bool, Failure> {
    budget.depth(depth)?;
    budget.steps(1)?;
    Ok(match (a, b) {
        (Value::Nil, Value::Nil) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Int(a, s), Value::Int(b, t)) => a == b && s == t,
        (Value::Uint(a, s), Value::Uint(b, t)) => a == b && s == t,
        (Value::Float(a), Value::Float(b)) => a == b,
        (Value::Complex(a, b), Value::Complex(c, d)) => a == c && b == d,
        (Value::Text(a), Value::Text(b)) => a == b,
        (Value::List(a), Value::List(b)) => {
            if a.list_type() != b.list_type() || a.is_nil() != b.is_nil() || a.len() != b.len() {
                return Ok(false);
            }
            if a.same(b) {
                return Ok(true);
            }
            for (a, b) in a.items().iter().zip(b.items()) {
                if !equal_at(budget, a, b, depth + 1)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Map(a), Value::Map(b)) => {
            if a.map_type() != b.map_type() || a.len() != b.len() {
                return Ok(false);
            }
            if a.same(b) {
                return Ok(true);
            }
            for ((key_a, a), (key_b, b)) in a.entries().iter().zip(&b.entries()) {
                if key_a != key_b || !equal_at(budget, a, b, depth + 1)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Object(a), Value::Object(b)) => a.equals(b.as_ref()),
        _ => false,
    })
}
