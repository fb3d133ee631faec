//! Helpers: those of Handlebars itself, and the functions that both engines share.

use super::exec::{Fault, State};
use super::node::{Block, Expression, ExpressionKind, Path};
use super::resolve::Scope;
use crate::budget::Failure;
use crate::error::RenderError;
use crate::functions::{self, Function, Param};
use crate::value::{IntType, UintType, Value, go_equal, go_less, is_true};

type Named = [(String, Expression)];

/// Helpers that need a body.
const BLOCKS: [&str; 4] = ["if", "unless", "each", "with"];

/// Handlebars' comparisons.
const COMPARISONS: [&str; 8] = ["eq", "ne", "lt", "lte", "le", "gt", "gte", "ge"];

/// What a name with arguments stands for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Helper<'a> {
    Comparison(&'a str),
    Lookup,
    Function(&'static Function),
}

impl<'a> Helper<'a> {
    /// Finds the helper; the fault is one whatever the values of the arguments are.
    pub(crate) fn find(name: &'a Path, named: &Named) -> Result<Self, Fault> {
        let Some(helper) = name.simple_name() else {
            let message = format!("{} is not a helper and takes no arguments", name.source);
            return Err(message.into());
        };
        if let Some((key, _)) = named.first() {
            return Err(format!("{helper} takes no argument {key:?}").into());
        }
        match helper {
            "lookup" => Ok(Self::Lookup),
            _ if COMPARISONS.contains(&helper) => Ok(Self::Comparison(helper)),
            _ if BLOCKS.contains(&helper) => {
                Err(format!("{helper} is a block: {{{{#{helper} …}}}}").into())
            }
            _ => match functions::find(helper) {
                Some(function) => Ok(Self::Function(function)),
                None => Err(unknown(helper)),
            },
        }
    }
}

impl<'a> State<'a> {
    /// A function that a name without arguments stands for: one that needs none, unless the
    /// context has a value of that name.
    pub(super) fn bare_function(&self, name: &str) -> Option<&'static Function> {
        let function = functions::find(name)?;
        let needs_none = function.params.is_empty();
        (needs_none && !self.is_known(name)).then_some(function)
    }

    /// Calls what a name with arguments stands for.
    pub(super) fn call_by_name(
        &mut self,
        expression: &Expression,
        name: &Path,
        arguments: &[Expression],
        named: &Named,
    ) -> Result<Value, RenderError> {
        let fail = |fault| self.error(expression.position, expression, fault);
        let helper = Helper::find(name, named).map_err(fail)?;
        let mut values = Vec::with_capacity(arguments.len());
        for argument in arguments {
            values.push(self.deeper(argument, |state| state.evaluate(argument))?);
        }
        let fail = |failure| self.error(expression.position, expression, failure);
        match helper {
            Helper::Comparison(helper) => compare(helper, &values).map_err(fail),
            Helper::Lookup => match values.as_slice() {
                [container, key] => Ok(lookup(container, key)),
                _ => Err(fail(Failure::new("lookup takes two arguments"))),
            },
            Helper::Function(function) => self.call(function, values, expression),
        }
    }

    /// Calls one of the shared functions.
    pub(super) fn call(
        &mut self,
        function: &'static Function,
        mut values: Vec<Value>,
        expression: &Expression,
    ) -> Result<Value, RenderError> {
        let name = function.name;
        let (fixed, count) = (function.params.len(), values.len());
        let fits = if function.variadic.is_some() {
            count >= fixed
        } else {
            count == fixed
        };
        let position = expression.position;
        if !fits {
            let least = if function.variadic.is_some() {
                "at least "
            } else {
                ""
            };
            let message =
                format!("wrong number of args for {name}: want {least}{fixed} got {count}");
            return Err(self.error(position, expression, message));
        }
        for (index, value) in values.iter_mut().enumerate() {
            let param = function.params.get(index).copied();
            let param = param.or(function.variadic).unwrap_or(Param::Any);
            adapt(value, param);
            if let Err(message) = param.check(value)
                && !matches!((param, &value), (Param::Uint32, Value::Uint(..)))
            {
                let message = format!("argument {} of {name}: {message}", index + 1);
                return Err(self.error(position, expression, message));
            }
        }
        function.invoke(self.context, &values).map_err(|failure| {
            let failure = match failure {
                Failure::Message(message) => {
                    Failure::Message(format!("error calling {name}: {message}"))
                }
                limit @ Failure::Limit(_) => limit,
            };
            self.error(position, expression, failure)
        })
    }

    /// Executes a block.
    pub(super) fn run_block(&mut self, block: &'a Block) -> Result<(), RenderError> {
        let (name, arguments, named): (&Path, &[Expression], &Named) = match &block.call.kind {
            ExpressionKind::Path(name) => (name, &[], &[]),
            ExpressionKind::Call {
                name,
                arguments,
                named,
            } => (name, arguments, named),
            ExpressionKind::Literal(_) => {
                let message = "a block needs a helper or a value";
                return Err(self.error(block.position, &block.call, message));
            }
        };
        let helper = name.simple_name().unwrap_or("");
        if !BLOCKS.contains(&helper) || arguments.is_empty() {
            return self.value_block(block);
        }
        let [argument] = arguments else {
            let message = format!("{helper} takes one argument");
            return Err(self.error(block.position, &block.call, message));
        };
        let include_zero = self.include_zero(block, helper, named)?;
        let value = self.deeper(argument, |state| state.evaluate(argument))?;
        match helper {
            "each" => self.each(block, &value),
            "with" => {
                if !is_true(&value) {
                    return self.without_scope(&block.otherwise);
                }
                let mut scope = Scope::new(value.clone());
                scope.params = block
                    .params
                    .iter()
                    .take(1)
                    .cloned()
                    .map(|name| (name, value.clone()))
                    .collect();
                self.within(scope, &block.body)
            }
            _ => {
                let zero = include_zero && matches!(value, Value::Int(0, _) | Value::Uint(0, _));
                let chosen = if (is_true(&value) || zero) == (helper == "if") {
                    &block.body
                } else {
                    &block.otherwise
                };
                self.without_scope(chosen)
            }
        }
    }

    fn include_zero(
        &mut self,
        block: &Block,
        helper: &str,
        named: &Named,
    ) -> Result<bool, RenderError> {
        match named {
            [] => Ok(false),
            [(key, value)] if key == "includeZero" && matches!(helper, "if" | "unless") => {
                Ok(is_true(&self.evaluate(value)?))
            }
            [(key, _), ..] => {
                let message = format!("{helper} takes no argument {key:?}");
                Err(self.error(block.position, &block.call, message))
            }
        }
    }

    /// `{{#value}}`: repeats for each element of a list, otherwise goes into the value.
    fn value_block(&mut self, block: &'a Block) -> Result<(), RenderError> {
        let value = self.evaluate(&block.call)?;
        match &value {
            Value::List(_) => self.each(block, &value),
            Value::Bool(true) => self.without_scope(&block.body),
            other if is_true(other) => self.within(Scope::new(value.clone()), &block.body),
            _ => self.without_scope(&block.otherwise),
        }
    }

    fn each(&mut self, block: &'a Block, value: &Value) -> Result<(), RenderError> {
        let pairs: Vec<(Value, Value)> = match value {
            Value::List(list) => {
                let items = list.items().iter().cloned().enumerate();
                items
                    .map(|(index, item)| (Value::size(index), item))
                    .collect()
            }
            Value::Map(map) => {
                let entries = map.entries().into_iter();
                entries
                    .map(|(key, item)| (Value::Text(key), item))
                    .collect()
            }
            Value::Nil => Vec::new(),
            other => {
                let message = format!("each can't iterate over {}", other.type_name());
                return Err(self.error(block.position, &block.call, message));
            }
        };
        if pairs.is_empty() {
            return self.without_scope(&block.otherwise);
        }
        let last = pairs.len() - 1;
        for (index, (key, item)) in pairs.into_iter().enumerate() {
            let mut scope = Scope::new(item.clone());
            scope.data.insert("index", Value::size(index));
            scope.data.insert("key", key.clone());
            scope.data.insert("first", Value::Bool(index == 0));
            scope.data.insert("last", Value::Bool(index == last));
            let values = [item, key];
            scope.params = block.params.iter().cloned().zip(values).collect();
            let counted = self.context.budget.steps(1);
            counted.map_err(|failure| self.error(block.position, &block.call, failure))?;
            self.within(scope, &block.body)?;
        }
        Ok(())
    }
}

fn unknown(helper: &str) -> Fault {
    let own = BLOCKS.into_iter().chain(COMPARISONS).chain(["lookup"]);
    let nearest = kudo_package::suggest::nearest(helper, functions::names().chain(own));
    Fault {
        failure: Failure::new(format!("helper {helper:?} not defined")),
        nearest: nearest.map(str::to_owned),
    }
}

/// Handlebars' comparisons, which know neither types of integers nor errors: values that can't be
/// compared are not equal.
fn compare(helper: &str, values: &[Value]) -> Result<Value, Failure> {
    let wrong_number = || Failure::new(format!("{helper} takes two arguments"));
    let [a, b, others @ ..] = values else {
        return Err(wrong_number());
    };
    if helper != "eq" && !others.is_empty() {
        return Err(wrong_number());
    }
    let less = |a: &Value, b: &Value| match (number(a), number(b)) {
        (Some(a), Some(b)) => Ok(a < b),
        _ => go_less(a, b),
    };
    let result = match helper {
        "eq" => Ok(std::iter::once(b).chain(others).any(|b| equal(a, b))),
        "ne" => Ok(!equal(a, b)),
        "lt" => less(a, b),
        "gt" => less(b, a),
        "le" | "lte" => less(b, a).map(|less| !less),
        _ => less(a, b).map(|less| !less),
    };
    result.map(Value::Bool)
}

#[expect(clippy::float_cmp, reason = "equality of numbers is meant to be exact")]
fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Float(_), _) | (_, Value::Float(_)) => match (number(a), number(b)) {
            (Some(a), Some(b)) => a == b,
            _ => false,
        },
        _ => go_equal(a, b).unwrap_or(false),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "integers are compared with floats as floats"
)]
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(value, _) => Some(*value as f64),
        Value::Uint(value, _) => Some(*value as f64),
        Value::Float(value) => Some(*value),
        _ => None,
    }
}

/// An element by a key that is calculated; null if there is none.
fn lookup(container: &Value, key: &Value) -> Value {
    match (container, key) {
        (Value::Map(map), Value::Text(key)) => map.get(key.as_bytes()).unwrap_or(Value::Nil),
        (Value::List(list), Value::Int(index, _)) => {
            let item = usize::try_from(*index)
                .ok()
                .and_then(|index| list.items().get(index));
            item.cloned().unwrap_or(Value::Nil)
        }
        _ => Value::Nil,
    }
}

/// Makes any integer the one that the parameter wants: Handlebars knows only numbers.
fn adapt(value: &mut Value, param: Param) {
    let adapted = match (param, &*value) {
        (Param::Int, Value::Int(number, _)) => Some(Value::Int(*number, IntType::Int)),
        (Param::Int, Value::Uint(number, _)) => i64::try_from(*number).ok().map(Value::int),
        (Param::Uint32, Value::Int(number, _)) => {
            let number = u32::try_from(*number).ok().map(u64::from);
            number.map(|number| Value::Uint(number, UintType::Uint64))
        }
        (Param::Float, number @ (Value::Int(..) | Value::Uint(..))) => {
            self::number(number).map(Value::Float)
        }
        _ => None,
    };
    if let Some(adapted) = adapted {
        *value = adapted;
    }
}
