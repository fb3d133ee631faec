//! Values as Go's templates see them: typed, with maps that are shared and can be changed.
//!
//! Go templates look at values through reflection, and much of what they print or refuse depends
//! on the Go type: `int` and `int64` are not assignable to each other, `[]string` prints another
//! type name than `[]interface {}`. The types here are those that Sprig's functions and the values
//! of a KUDO template can have.

mod compare;
mod containers;
mod json;
mod object;
mod text;

pub(crate) use compare::{deep_equal, go_equal, go_less, is_empty, is_true};
pub(crate) use containers::{List, ListType, Map, MapType};
pub(crate) use json::{Numbers, from_json, to_json};
pub(crate) use object::{Certificate, Object};
pub(crate) use text::{Text, lossy};

use std::rc::Rc;

/// A value.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// Go's untyped nil.
    Nil,
    Bool(bool),
    Int(i64, IntType),
    Uint(u64, UintType),
    Float(f64),
    Complex(f64, f64),
    Text(Text),
    List(List),
    Map(Map),
    Object(Rc<dyn Object>),
}

/// Signed integer types. The named ones are what methods of times give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IntType {
    Int,
    Int64,
    Month,
    Weekday,
    Duration,
}

/// Unsigned integer types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UintType {
    Uint8,
    Uint64,
}

impl Value {
    pub(crate) fn int(value: i64) -> Self {
        Self::Int(value, IntType::Int)
    }

    pub(crate) fn int64(value: i64) -> Self {
        Self::Int(value, IntType::Int64)
    }

    /// Length and counts: `usize` as Go's `int`.
    pub(crate) fn size(value: usize) -> Self {
        Self::int(i64::try_from(value).unwrap_or(i64::MAX))
    }

    pub(crate) fn text(value: impl Into<Text>) -> Self {
        Self::Text(value.into())
    }

    /// The name of the Go type, as `%T` prints it.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Nil => "<nil>",
            Self::Bool(_) => "bool",
            Self::Int(_, IntType::Int) => "int",
            Self::Int(_, IntType::Int64) => "int64",
            Self::Int(_, IntType::Month) => "time.Month",
            Self::Int(_, IntType::Weekday) => "time.Weekday",
            Self::Int(_, IntType::Duration) => "time.Duration",
            Self::Uint(_, UintType::Uint8) => "uint8",
            Self::Uint(_, UintType::Uint64) => "uint64",
            Self::Float(_) => "float64",
            Self::Complex(..) => "complex128",
            Self::Text(_) => "string",
            Self::List(list) => list.list_type().name(),
            Self::Map(map) => map.map_type().name(),
            Self::Object(object) => object.type_name(),
        }
    }

    /// The name of the Go kind, as `reflect.Kind` prints it.
    pub(crate) fn kind_name(&self) -> &'static str {
        match self {
            Self::Nil => "invalid",
            Self::Int(_, IntType::Int | IntType::Month | IntType::Weekday) => "int",
            Self::Int(..) => "int64",
            Self::List(_) => "slice",
            Self::Map(_) => "map",
            Self::Object(object) => object.kind_name(),
            other => other.type_name(),
        }
    }

    pub(crate) fn is_nil(&self) -> bool {
        matches!(self, Self::Nil)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.into())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value.into())
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Text(value.into())
    }
}
