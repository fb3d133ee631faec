//! The functions that templates can call: those of Go's text/template, Sprig's, and `toYaml`.
//!
//! Each function is a row in its family's table: name, parameter types, implementation. Both
//! engines look functions up here. Left out of Sprig is what looks at the host: `env`,
//! `expandenv`, `base`, `dir`, `clean`, `ext`, `isAbs` (as upstream does); and `getHostByName`
//! never asks the network.

mod arguments;
mod builtin;
mod case;
mod cast;
mod certificates;
mod crypto;
mod dates;
mod decimal;
mod defaults;
mod der;
mod dicts;
mod durations;
mod encoding;
mod json;
mod keys;
mod layout;
mod layout_parse;
mod lists;
mod merge;
mod numbers;
mod passwords;
mod paths;
mod random;
mod reflection;
mod regex_syntax;
mod regexes;
mod semver;
mod semver_constraint;
mod strings;
mod time;
mod urls;
mod wrap;

pub(crate) use durations::duration_text;
pub(crate) use time::{integer_method, month_name, weekday_name};

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use crate::budget::{Budget, Failure};
use crate::limits::Limits;
use crate::value::{IntType, ListType, Map, MapType, Value};

/// What functions share within one render.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) budget: Budget,
    /// Maps that were changed after they were made; only they can hold cycles.
    changed: RefCell<Vec<Map>>,
    regexes: regexes::Cache,
}

impl Context {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            budget: Budget::new(limits),
            changed: RefCell::default(),
            regexes: regexes::Cache::default(),
        }
    }

    /// Remembers that a map was changed.
    fn note_change(&self, map: &Map) {
        let mut changed = self.changed.borrow_mut();
        if !changed.last().is_some_and(|last| last.same(map)) {
            changed.push(map.clone());
        }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // A map that contains itself would never be freed.
        for map in self.changed.get_mut().drain(..) {
            map.clear();
        }
    }
}

/// What a function gives.
pub(crate) type Output = Result<Value, Failure>;

/// A function that templates can call.
#[derive(Clone, Copy)]
pub(crate) struct Function {
    pub(crate) name: &'static str,
    /// Types of the parameters that are always there.
    pub(crate) params: &'static [Param],
    /// Type of any further arguments, if there may be some.
    pub(crate) variadic: Option<Param>,
    pub(crate) call: fn(&Context, &[Value]) -> Output,
    /// Set for the functions that do not always look at all arguments.
    pub(crate) special: Option<Special>,
}

/// Bytes of text, or elements of a list, that count as one step when a function is given them.
const GIVEN_PER_STEP: usize = 64;

impl Function {
    /// Calls it. It may look at all that it is given, which is counted.
    pub(crate) fn invoke(&self, context: &Context, arguments: &[Value]) -> Output {
        let given = arguments.iter().map(|argument| match argument {
            Value::Text(text) => text.as_bytes().len(),
            Value::List(list) => list.len(),
            _ => 0,
        });
        context
            .budget
            .steps(given.sum::<usize>() / GIVEN_PER_STEP)?;
        (self.call)(context, arguments)
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Functions that stop at the first argument that decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Special {
    And,
    Or,
}

/// Go type of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Param {
    /// `interface {}`
    Any,
    /// `reflect.Value`: anything, as the builtin functions take it.
    Reflect,
    Bool,
    Text,
    Int,
    Uint32,
    Float,
    /// `map[string]interface {}`
    Map,
    /// `[]interface {}`
    List,
    Time,
    Certificate,
}

impl Param {
    pub(crate) fn type_name(self) -> &'static str {
        match self {
            Self::Any => "interface {}",
            Self::Reflect => "reflect.Value",
            Self::Bool => "bool",
            Self::Text => "string",
            Self::Int => "int",
            Self::Uint32 => "uint32",
            Self::Float => "float64",
            Self::Map => MapType::Any.name(),
            Self::List => ListType::Any.name(),
            Self::Time => "time.Time",
            Self::Certificate => "sprig.certificate",
        }
    }

    /// Whether any value can be given.
    pub(crate) fn takes_any(self) -> bool {
        matches!(self, Self::Any | Self::Reflect)
    }

    /// Whether nil can be given.
    pub(crate) fn takes_nil(self) -> bool {
        matches!(self, Self::Any | Self::Reflect | Self::Map | Self::List)
    }

    /// Checks that a value is assignable to the parameter, as Go does.
    pub(crate) fn check(self, value: &Value) -> Result<(), String> {
        let fits = match (self, value) {
            (Self::Any | Self::Reflect, _)
            | (Self::Bool, Value::Bool(_))
            | (Self::Text, Value::Text(_))
            | (Self::Int, Value::Int(_, IntType::Int))
            | (Self::Float, Value::Float(_)) => true,
            (_, Value::Nil) if self.takes_nil() => true,
            (_, Value::Nil) => {
                return Err(format!("invalid value; expected {}", self.type_name()));
            }
            (Self::Map, Value::Map(map)) => map.map_type() == MapType::Any,
            (Self::List, Value::List(list)) => list.list_type() == ListType::Any,
            (Self::Time | Self::Certificate, Value::Object(object)) => {
                object.type_name() == self.type_name()
            }
            _ => false,
        };
        if fits {
            return Ok(());
        }
        Err(format!(
            "wrong type for value; expected {}; got {}",
            self.type_name(),
            value.type_name()
        ))
    }
}

/// A row of a table: a function with a fixed number of arguments.
const fn fixed(
    name: &'static str,
    params: &'static [Param],
    call: fn(&Context, &[Value]) -> Output,
) -> Function {
    Function {
        name,
        params,
        variadic: None,
        call,
        special: None,
    }
}

/// A row of a table: a function that takes any number of arguments after the fixed ones.
const fn variadic(
    name: &'static str,
    params: &'static [Param],
    rest: Param,
    call: fn(&Context, &[Value]) -> Output,
) -> Function {
    Function {
        name,
        params,
        variadic: Some(rest),
        call,
        special: None,
    }
}

/// What stands in a tree for a function that there is not; such a tree is never executed.
pub(crate) static UNDEFINED: Function = fixed("", &[], |_, _| Err(Failure::new("not defined")));

/// All families. A later one overrides functions of the same name, as Sprig's `slice` does.
const FAMILIES: &[&[Function]] = &[
    builtin::FUNCTIONS,
    case::FUNCTIONS,
    certificates::FUNCTIONS,
    crypto::FUNCTIONS,
    dates::FUNCTIONS,
    defaults::FUNCTIONS,
    dicts::FUNCTIONS,
    encoding::FUNCTIONS,
    json::FUNCTIONS,
    lists::FUNCTIONS,
    numbers::FUNCTIONS,
    passwords::FUNCTIONS,
    paths::FUNCTIONS,
    random::FUNCTIONS,
    reflection::FUNCTIONS,
    regexes::FUNCTIONS,
    semver::FUNCTIONS,
    strings::FUNCTIONS,
    urls::FUNCTIONS,
    wrap::FUNCTIONS,
];

static REGISTRY: LazyLock<HashMap<&'static str, &'static Function>> = LazyLock::new(|| {
    let all = FAMILIES.iter().copied().flatten();
    all.map(|function| (function.name, function)).collect()
});

/// Finds a function by its name.
pub(crate) fn find(name: &str) -> Option<&'static Function> {
    REGISTRY.get(name).copied()
}

/// Names of all functions, in no order.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    REGISTRY.keys().copied()
}
