//! Types of values.

use super::arguments::{any, bytes};
use super::{Function, Param, fixed};
use crate::value::{Value, deep_equal};

const TEXT_ANY: &[Param] = &[Param::Text, Param::Any];

pub(super) const FUNCTIONS: &[Function] = &[
    fixed("typeOf", &[Param::Any], |_, a| {
        Ok(any(a, 0).type_name().into())
    }),
    fixed("typeIs", TEXT_ANY, |_, a| {
        Ok(Value::Bool(any(a, 1).type_name().as_bytes() == bytes(a, 0)))
    }),
    fixed("typeIsLike", TEXT_ANY, |_, a| {
        let (wanted, name) = (bytes(a, 0), any(a, 1).type_name().as_bytes());
        Ok(Value::Bool(
            name == wanted || name.strip_prefix(b"*") == Some(wanted),
        ))
    }),
    fixed("kindOf", &[Param::Any], |_, a| {
        Ok(any(a, 0).kind_name().into())
    }),
    fixed("kindIs", TEXT_ANY, |_, a| {
        Ok(Value::Bool(any(a, 1).kind_name().as_bytes() == bytes(a, 0)))
    }),
    fixed("deepEqual", &[Param::Any, Param::Any], |c, a| {
        Ok(Value::Bool(deep_equal(&c.budget, any(a, 0), any(a, 1))?))
    }),
];
