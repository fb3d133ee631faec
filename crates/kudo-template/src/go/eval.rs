//! Evaluation of pipelines, commands and operands.

use std::fmt::Display;

use super::exec::{Run, State, Stop};
use super::literal::Number;
use super::node::{Command, Operand, OperandKind, Pipeline};
use crate::budget::Failure;
use crate::format::quote;
use crate::functions::{Function, Param, Special};
use crate::value::{Object, UintType, Value, is_true};

impl State<'_> {
    /// Evaluates a pipeline and declares or sets its variables.
    pub(super) fn pipeline(&mut self, dot: &Value, pipeline: &Pipeline) -> Run<Value> {
        if let Err(failure) = self.context.budget.steps(1) {
            return Err(self.failure(pipeline.position, pipeline, failure));
        }
        let mut value = None;
        for command in &pipeline.commands {
            value = Some(self.command(dot, command, value)?);
        }
        let value = value.unwrap_or(Value::Nil);
        for name in &pipeline.variables {
            if pipeline.assigns {
                self.assign(pipeline, name, value.clone())?;
            } else {
                self.variables.push((name.clone(), value.clone()));
            }
        }
        Ok(value)
    }

    fn assign(&mut self, pipeline: &Pipeline, name: &str, value: Value) -> Run<()> {
        match self
            .variables
            .iter_mut()
            .rfind(|variable| variable.0 == name)
        {
            Some(variable) => {
                variable.1 = value;
                Ok(())
            }
            None => Err(self.undefined(pipeline.position, pipeline, name)),
        }
    }

    fn undefined(&self, position: usize, expression: &dyn Display, name: &str) -> Stop {
        self.error(position, expression, format!("undefined variable: {name}"))
    }

    /// Evaluates a command; `last` is what the command before it gave.
    fn command(&mut self, dot: &Value, command: &Command, last: Option<Value>) -> Run<Value> {
        let Some((first, arguments)) = command.operands.split_first() else {
            return Ok(Value::Nil);
        };
        let position = first.position;
        let given = Given { arguments, last };
        match &first.kind {
            OperandKind::Function(function) => {
                // Errors of the call itself show the whole command.
                self.call(dot, function, first, position, command, given)
            }
            OperandKind::Field(fields) => {
                let receiver = dot.clone();
                self.fields(dot, receiver, first, fields, given)
            }
            OperandKind::Chain { base, fields } => {
                let receiver = self.chain_base(dot, first, base)?;
                self.fields(dot, receiver, first, fields, given)
            }
            OperandKind::Variable { name, fields } if !fields.is_empty() => {
                let receiver = self.variable(first, name)?;
                self.fields(dot, receiver, first, fields, given)
            }
            _ if !given.is_empty() => Err(self.error(
                position,
                first,
                format!("can't give argument to non-function {first}"),
            )),
            OperandKind::Nil => Err(self.error(position, first, "nil is not a command")),
            _ => self.operand(dot, first),
        }
    }

    /// Evaluates an operand that stands alone.
    fn operand(&mut self, dot: &Value, operand: &Operand) -> Run<Value> {
        match &operand.kind {
            OperandKind::Bool(value) => Ok(Value::Bool(*value)),
            OperandKind::Dot => Ok(dot.clone()),
            OperandKind::Nil => Ok(Value::Nil),
            OperandKind::Number(number) => self.constant(operand, number),
            OperandKind::Text { value, .. } => Ok(Value::Text(value.clone())),
            OperandKind::Field(fields) => {
                self.fields(dot, dot.clone(), operand, fields, Given::none())
            }
            OperandKind::Variable { name, fields } => {
                let value = self.variable(operand, name)?;
                self.fields(dot, value, operand, fields, Given::none())
            }
            OperandKind::Function(function) => self.call(
                dot,
                function,
                operand,
                operand.position,
                operand,
                Given::none(),
            ),
            OperandKind::Pipeline(pipeline) => self.deeper(operand.position, operand, |state| {
                state.pipeline(dot, pipeline)
            }),
            OperandKind::Chain { base, fields } => {
                let receiver = self.chain_base(dot, operand, base)?;
                self.fields(dot, receiver, operand, fields, Given::none())
            }
        }
    }

    fn chain_base(&mut self, dot: &Value, chain: &Operand, base: &Operand) -> Run<Value> {
        if matches!(base.kind, OperandKind::Nil) {
            let message = format!("indirection through explicit nil in {chain}");
            return Err(self.error(chain.position, chain, message));
        }
        self.operand(dot, base)
    }

    fn variable(&self, operand: &Operand, name: &str) -> Run<Value> {
        let found = self.variables.iter().rfind(|variable| variable.0 == name);
        match found {
            Some((_, value)) => Ok(value.clone()),
            None => Err(self.undefined(operand.position, operand, name)),
        }
    }

    /// The value of a number where any type would do: its form decides.
    fn constant(&self, operand: &Operand, number: &Number) -> Run<Value> {
        if let Some((re, im)) = number.complex {
            return Ok(Value::Complex(re, im));
        }
        if let Some(float) = number.float.filter(|_| number.looks_like_float()) {
            return Ok(Value::Float(float));
        }
        match number.int {
            Some(int) => Ok(Value::int(int)),
            None => Err(self.error(
                operand.position,
                operand,
                format!("{} overflows int", number.text),
            )),
        }
    }

    /// Reads fields one after the other; the last may be a method and take the arguments.
    fn fields(
        &mut self,
        dot: &Value,
        receiver: Value,
        operand: &Operand,
        fields: &[String],
        given: Given<'_>,
    ) -> Run<Value> {
        let mut value = receiver;
        let Some((last, before)) = fields.split_last() else {
            return Ok(value);
        };
        for (index, field) in before.iter().enumerate() {
            value = self.field(dot, &value, index > 0, operand, field, Given::none())?;
        }
        self.field(dot, &value, !before.is_empty(), operand, last, given)
    }

    /// Reads one field. `element` tells that the receiver came out of a map, so that Go knows it
    /// as an interface.
    fn field(
        &mut self,
        dot: &Value,
        receiver: &Value,
        element: bool,
        operand: &Operand,
        name: &str,
        given: Given<'_>,
    ) -> Run<Value> {
        let position = operand.position;
        let quoted = || quote(name.as_bytes(), false);
        match receiver {
            Value::Nil => {
                let message = if element {
                    format!("nil pointer evaluating interface {{}}.{name}")
                } else {
                    format!("nil data; no entry for key {}", quoted())
                };
                return Err(self.error(position, operand, message));
            }
            Value::Map(map) => {
                if !given.is_empty() {
                    let message = format!("{name} is not a method but has arguments");
                    return Err(self.error(position, operand, message));
                }
                if let Some(value) = map.get(name.as_bytes()) {
                    return Ok(value);
                }
                let message = format!("map has no entry for key {}", quoted());
                let mut stop = self.error(position, operand, message);
                if let Stop::Error(error) = &mut stop {
                    let keys = map.keys();
                    let keys: Vec<_> = keys.iter().map(|key| key.to_str()).collect();
                    let known = keys.iter().map(AsRef::as_ref);
                    error.nearest = kudo_package::suggest::nearest(name, known).map(str::to_owned);
                }
                return Err(stop);
            }
            Value::Object(object) => {
                if let Some(count) = object.method(name) {
                    return self.method(dot, object.as_ref(), operand, name, count, given);
                }
                if let Some(value) = object.field(name) {
                    if given.is_empty() {
                        return Ok(value);
                    }
                    let message = format!("{name} has arguments but cannot be invoked as function");
                    return Err(self.error(position, operand, message));
                }
            }
            _ => {
                if let Some(value) = crate::functions::integer_method(receiver, name) {
                    return Ok(value);
                }
            }
        }
        let type_name = if element {
            "interface {}"
        } else {
            receiver.type_name()
        };
        let message = format!("can't evaluate field {name} in type {type_name}");
        Err(self.error(position, operand, message))
    }

    fn method(
        &mut self,
        dot: &Value,
        object: &dyn Object,
        operand: &Operand,
        name: &str,
        count: usize,
        given: Given<'_>,
    ) -> Run<Value> {
        let position = operand.position;
        if given.count() != count {
            let message = format!(
                "wrong number of args for {name}: want {count} got {}",
                given.count()
            );
            return Err(self.error(position, operand, message));
        }
        let mut values = Vec::with_capacity(count);
        for argument in given.arguments {
            values.push(self.argument(dot, Param::Any, argument)?);
        }
        values.extend(given.last);
        object
            .call(name, &values)
            .map_err(|failure| self.failure(position, operand, calling(name, failure)))
    }

    /// Calls a function. `word` is its name where it stands, `whole` what errors of the call show.
    fn call(
        &mut self,
        dot: &Value,
        function: &'static Function,
        word: &Operand,
        position: usize,
        whole: &dyn Display,
        given: Given<'_>,
    ) -> Run<Value> {
        let name = function.name;
        let count = given.count();
        let fixed = function.params.len();
        if function.variadic.is_some() && count < fixed {
            let message = format!(
                "wrong number of args for {name}: want at least {fixed} got {}",
                given.arguments.len()
            );
            return Err(self.error(word.position, word, message));
        }
        if function.variadic.is_none() && count != fixed {
            let message = format!("wrong number of args for {name}: want {fixed} got {count}");
            return Err(self.error(word.position, word, message));
        }
        if let Some(special) = function.special {
            return self.short_circuit(dot, special, given);
        }
        let param = |index: usize| {
            let fixed = function.params.get(index).copied();
            fixed.or(function.variadic).unwrap_or(Param::Any)
        };
        let mut values = Vec::with_capacity(count);
        for (index, argument) in given.arguments.iter().enumerate() {
            values.push(self.argument(dot, param(index), argument)?);
        }
        if let Some(last) = given.last {
            let place = given.arguments.last().unwrap_or(word);
            values.push(self.valid(last, param(values.len()), place)?);
        }
        function
            .invoke(self.context, &values)
            .map_err(|failure| self.failure(position, whole, calling(name, failure)))
    }

    /// `and` and `or` look at no more arguments than they need.
    fn short_circuit(&mut self, dot: &Value, special: Special, given: Given<'_>) -> Run<Value> {
        let mut value = Value::Nil;
        for argument in given.arguments {
            value = self.argument(dot, Param::Reflect, argument)?;
            if is_true(&value) == (special == Special::Or) {
                return Ok(value);
            }
        }
        Ok(given.last.unwrap_or(value))
    }

    /// Evaluates an argument for a parameter; a literal takes the parameter's type if it can.
    fn argument(&mut self, dot: &Value, param: Param, operand: &Operand) -> Run<Value> {
        let expected = |state: &Self, what: &str| {
            let message = format!("expected {what}; found {operand}");
            Err(state.error(operand.position, operand, message))
        };
        match &operand.kind {
            OperandKind::Nil => {
                if param.takes_nil() {
                    return Ok(Value::Nil);
                }
                let message = format!("cannot assign nil to {}", param.type_name());
                return Err(self.error(operand.position, operand, message));
            }
            OperandKind::Dot
            | OperandKind::Field(_)
            | OperandKind::Variable { .. }
            | OperandKind::Pipeline(_)
            | OperandKind::Function(_)
            | OperandKind::Chain { .. } => {
                let value = self.operand(dot, operand)?;
                if value.is_nil() && is_element(operand) && !param.takes_any() {
                    let message = format!(
                        "wrong type for value; expected {}; got interface {{}}",
                        param.type_name()
                    );
                    return Err(self.error(operand.position, operand, message));
                }
                return self.valid(value, param, operand);
            }
            OperandKind::Bool(_) | OperandKind::Number(_) | OperandKind::Text { .. } => {}
        }
        match (param, &operand.kind) {
            (Param::Any | Param::Reflect, _) => self.operand(dot, operand),
            (Param::Bool, OperandKind::Bool(value)) => Ok(Value::Bool(*value)),
            (Param::Bool, _) => expected(self, "bool"),
            (Param::Text, OperandKind::Text { value, .. }) => Ok(Value::Text(value.clone())),
            (Param::Text, _) => expected(self, "string"),
            (Param::Float, OperandKind::Number(number)) => match number.float {
                Some(float) => Ok(Value::Float(float)),
                None => expected(self, "float"),
            },
            (Param::Float, _) => expected(self, "float"),
            (Param::Int, OperandKind::Number(number)) => match number.int {
                Some(int) => Ok(Value::int(int)),
                None => expected(self, "integer"),
            },
            (Param::Int, _) => expected(self, "integer"),
            (Param::Uint32, OperandKind::Number(number)) => match number.uint {
                // Go cuts what does not fit.
                Some(uint) => Ok(Value::Uint(uint & 0xffff_ffff, UintType::Uint64)),
                None => expected(self, "unsigned integer"),
            },
            (Param::Uint32, _) => expected(self, "unsigned integer"),
            (Param::Map | Param::List | Param::Time | Param::Certificate, _) => {
                let message = format!(
                    "can't handle {operand} for arg of type {}",
                    param.type_name()
                );
                Err(self.error(operand.position, operand, message))
            }
        }
    }

    /// Checks that a value can be given to a parameter.
    fn valid(&self, value: Value, param: Param, operand: &Operand) -> Run<Value> {
        match param.check(&value) {
            Ok(()) => Ok(value),
            Err(message) => Err(self.error(operand.position, operand, message)),
        }
    }
}

/// What a command is given: arguments in the text, and the value of the command before it.
struct Given<'a> {
    arguments: &'a [Operand],
    last: Option<Value>,
}

impl Given<'_> {
    fn none() -> Self {
        Self {
            arguments: &[],
            last: None,
        }
    }

    fn count(&self) -> usize {
        self.arguments.len() + usize::from(self.last.is_some())
    }

    fn is_empty(&self) -> bool {
        self.count() == 0
    }
}

/// Whether an operand is read out of a map: nil then is one of Go's interfaces, which is not
/// assignable to any other type, as nil itself would be.
fn is_element(operand: &Operand) -> bool {
    match &operand.kind {
        OperandKind::Field(_) | OperandKind::Chain { .. } => true,
        OperandKind::Variable { fields, .. } => !fields.is_empty(),
        _ => false,
    }
}

fn calling(name: &str, failure: Failure) -> Failure {
    match failure {
        Failure::Message(message) => Failure::Message(format!("error calling {name}: {message}")),
        limit @ Failure::Limit(_) => limit,
    }
}
