//! Defaults and emptiness.

use super::arguments::any;
use super::{Function, Param, fixed, variadic};
use crate::value::{Value, is_empty};

pub(super) const FUNCTIONS: &[Function] = &[
    variadic("default", &[Param::Any], Param::Any, |_, a| {
        let given = any(a, 1);
        Ok(if is_empty(given) { any(a, 0) } else { given }.clone())
    }),
    fixed("empty", &[Param::Any], |_, a| {
        Ok(Value::Bool(is_empty(any(a, 0))))
    }),
    variadic("coalesce", &[], Param::Any, |_, a| {
        let found = a.iter().find(|value| !is_empty(value));
        Ok(found.cloned().unwrap_or(Value::Nil))
    }),
    variadic("all", &[], Param::Any, |_, a| {
        Ok(Value::Bool(!a.iter().any(is_empty)))
    }),
    variadic("any", &[], Param::Any, |_, a| {
        Ok(Value::Bool(!a.iter().all(is_empty)))
    }),
];
