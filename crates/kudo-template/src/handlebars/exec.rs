//! Execution of a template: walks the tree and writes the output.

use std::collections::HashMap;
use std::fmt::Display;

use super::node::{Block, Expression, ExpressionKind, Node, Partial, Template};
use super::resolve::Scope;
use crate::budget::Failure;
use crate::error::RenderError;
use crate::format::{float, sprint};
use crate::functions::Context;
use crate::value::{Map, Text, Value};

/// Executes a template with `data` as its root; gives the bytes of the output.
pub(crate) fn execute(
    template: &Template,
    context: &Context,
    data: &Value,
) -> Result<Vec<u8>, RenderError> {
    let mut state = State {
        template,
        context,
        out: Vec::new(),
        scopes: vec![Scope::new(data.clone())],
        root: data.clone(),
        partials: HashMap::new(),
        depth: 0,
    };
    state.nodes(&template.nodes)?;
    Ok(state.out)
}

/// Why an expression has no value.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(super) failure: Failure,
    pub(super) nearest: Option<String>,
}

/// The fault of using a partial that is not among those that are known.
pub(crate) fn undefined_partial<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Fault {
    let message =
        format!("there is no partial {name:?}: a template can use only those that it defines");
    Fault {
        failure: Failure::new(message),
        nearest: kudo_package::suggest::nearest(name, known).map(str::to_owned),
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            nearest: None,
        }
    }
}

impl From<&str> for Fault {
    fn from(message: &str) -> Self {
        Failure::new(message).into()
    }
}

impl From<String> for Fault {
    fn from(message: String) -> Self {
        Failure::new(message).into()
    }
}

/// The state of an execution.
pub(super) struct State<'a> {
    template: &'a Template,
    pub(super) context: &'a Context,
    out: Vec<u8>,
    /// The scopes around this point, the innermost last.
    pub(super) scopes: Vec<Scope>,
    root: Value,
    partials: HashMap<&'a str, &'a [Node]>,
    depth: usize,
}

impl<'a> State<'a> {
    pub(super) fn root(&self) -> &Value {
        &self.root
    }

    /// The error of an expression at a place.
    pub(super) fn error(
        &self,
        position: usize,
        expression: &dyn Display,
        fault: impl Into<Fault>,
    ) -> RenderError {
        self.template
            .error(position, Some(expression), fault.into())
    }

    fn nodes(&mut self, nodes: &'a [Node]) -> Result<(), RenderError> {
        for node in nodes {
            if let Err(failure) = self.context.budget.steps(1) {
                return Err(self.error(0, &self.template.name, failure));
            }
            match node {
                Node::Text(text) => {
                    let written = self.write(text.as_bytes());
                    written.map_err(|failure| self.error(0, &self.template.name, failure))?;
                }
                Node::Output(expression) => self.output(expression)?,
                Node::Block(block) => self.block(block)?,
                Node::Inline { name, nodes } => {
                    self.partials.insert(name, nodes);
                }
                Node::Partial(partial) => self.partial(partial)?,
            }
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if self.out.len() + bytes.len() > self.context.budget.max_bytes() {
            return Err(self.context.budget.too_long());
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn output(&mut self, expression: &Expression) -> Result<(), RenderError> {
        let value = self.evaluate(expression)?;
        let bytes = match &value {
            Value::Nil => Ok(Vec::new()),
            // As a number in YAML is best written.
            Value::Float(number) => Ok(float(*number, b'f', None).into_bytes()),
            other => sprint(&self.context.budget, other),
        };
        bytes
            .and_then(|bytes| self.write(&bytes))
            .map_err(|failure| self.error(expression.position, expression, failure))
    }

    /// The value of an expression.
    pub(super) fn evaluate(&mut self, expression: &Expression) -> Result<Value, RenderError> {
        let position = expression.position;
        match &expression.kind {
            ExpressionKind::Literal(literal) => Ok(literal.value()),
            ExpressionKind::Path(path) => {
                if let Some(name) = path.simple_name()
                    && let Some(function) = self.bare_function(name)
                {
                    return self.call(function, Vec::new(), expression);
                }
                self.resolve(path)
                    .map_err(|fault| self.error(position, expression, fault))
            }
            ExpressionKind::Call {
                name,
                arguments,
                named,
            } => self.call_by_name(expression, name, arguments, named),
        }
    }

    /// Goes one level deeper for the time of `run`.
    pub(super) fn deeper<T>(
        &mut self,
        expression: &Expression,
        run: impl FnOnce(&mut Self) -> Result<T, RenderError>,
    ) -> Result<T, RenderError> {
        self.depth += 1;
        let result = match self.context.budget.depth(self.depth) {
            Ok(()) => run(self),
            Err(failure) => Err(self.error(expression.position, expression, failure)),
        };
        self.depth -= 1;
        result
    }

    fn block(&mut self, block: &'a Block) -> Result<(), RenderError> {
        self.deeper(&block.call, |state| state.run_block(block))
    }

    /// Executes nodes within a scope of their own.
    pub(super) fn within(&mut self, scope: Scope, nodes: &'a [Node]) -> Result<(), RenderError> {
        self.scopes.push(scope);
        let result = self.nodes(nodes);
        self.scopes.pop();
        result
    }

    /// Executes nodes in the scope that is there.
    pub(super) fn without_scope(&mut self, nodes: &'a [Node]) -> Result<(), RenderError> {
        self.nodes(nodes)
    }

    fn partial(&mut self, partial: &'a Partial) -> Result<(), RenderError> {
        let name = self.partial_name(partial)?;
        let Some(nodes) = self.partials.get(name.as_str()).copied() else {
            let fault = undefined_partial(&name, self.partials.keys().copied());
            return Err(self.error(partial.position, &name, fault));
        };
        let mut context = match &partial.context {
            Some(expression) => self.evaluate(expression)?,
            None => self.current(),
        };
        if !partial.named.is_empty() {
            let mut entries = match &context {
                Value::Map(map) => map.entries().into_iter().collect(),
                _ => std::collections::BTreeMap::new(),
            };
            for (key, expression) in &partial.named {
                entries.insert(Text::from(key.as_str()), self.evaluate(expression)?);
            }
            context = Value::Map(Map::any(entries));
        }
        let start = self.out.len();
        self.deeper(&partial.name, |state| {
            // A partial sees nothing of what is around it.
            let scopes = std::mem::take(&mut state.scopes);
            let result = state.within(Scope::new(context), nodes);
            state.scopes = scopes;
            result
        })?;
        if partial.indent.is_empty() {
            return Ok(());
        }
        let written = self.out.split_off(start);
        for line in written.split_inclusive(|byte| *byte == b'\n') {
            let indented = self
                .write(partial.indent.as_bytes())
                .and_then(|()| self.write(line));
            indented.map_err(|failure| self.error(partial.position, &name, failure))?;
        }
        Ok(())
    }

    fn partial_name(&mut self, partial: &Partial) -> Result<String, RenderError> {
        if let ExpressionKind::Path(path) = &partial.name.kind {
            Ok(path.source.clone())
        } else {
            let value = self.evaluate(&partial.name)?;
            let bytes = sprint(&self.context.budget, &value)
                .map_err(|failure| self.error(partial.position, &partial.name, failure))?;
            Ok(crate::value::lossy(&bytes).into_owned())
        }
    }

    /// The innermost context.
    pub(super) fn current(&self) -> Value {
        let scope = self.scopes.iter().rfind(|scope| scope.opens_context);
        scope.map_or(Value::Nil, |scope| scope.context.clone())
    }
}
