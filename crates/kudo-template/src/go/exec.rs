//! Execution of a template: walks the tree and writes the output.

use std::fmt::Display;
use std::sync::Arc;

use super::node::{
    Arm, Branch, Choice, Node, Pipeline, Template, call_expression, undefined_template,
};
use super::place::Place;
use crate::budget::Failure;
use crate::error::{RenderError, RenderErrorKind};
use crate::format::sprint;
use crate::functions::Context;
use crate::value::{Text, Value, is_true};

/// Executes a template with `data` as its dot; gives the bytes of the output.
pub(crate) fn execute(
    template: &Template,
    context: &Context,
    data: &Value,
) -> Result<Vec<u8>, RenderError> {
    let refused = |error: &&RenderError| error.kind == RenderErrorKind::Parse;
    if let Some(error) = template.undefined.iter().find(refused) {
        return Err(error.clone());
    }
    let mut state = State {
        template,
        context,
        out: Vec::new(),
        variables: vec![("$".to_owned(), data.clone())],
        depth: 0,
    };
    match state.walk_list(data, &template.root) {
        // The parser lets break and continue stand only within a range.
        Ok(()) | Err(Stop::Break | Stop::Continue) => Ok(state.out),
        Err(Stop::Error(error)) => Err(*error),
    }
}

/// Why a list of nodes was not executed to its end.
#[derive(Debug)]
pub(super) enum Stop {
    Break,
    Continue,
    Error(Box<RenderError>),
}

pub(super) type Run<T> = Result<T, Stop>;

/// The state of an execution.
pub(super) struct State<'a> {
    pub(super) template: &'a Template,
    pub(super) context: &'a Context,
    out: Vec<u8>,
    /// Variables with their values, the innermost last.
    pub(super) variables: Vec<(String, Value)>,
    /// How deep nodes, pipelines and templates are nested at this point.
    depth: usize,
}

impl State<'_> {
    /// The error of an expression at a place.
    pub(super) fn error(
        &self,
        position: usize,
        expression: &dyn Display,
        message: impl Into<String>,
    ) -> Stop {
        self.failure(position, expression, Failure::Message(message.into()))
    }

    /// The error of an expression that failed in a function or hit a limit.
    pub(super) fn failure(
        &self,
        position: usize,
        expression: &dyn Display,
        failure: Failure,
    ) -> Stop {
        let (kind, message) = match failure {
            Failure::Message(message) => (RenderErrorKind::Exec, message),
            Failure::Limit(message) => (RenderErrorKind::Limit, message),
        };
        let place = Place::of(&self.template.text, position);
        Stop::Error(Box::new(RenderError {
            kind,
            template: self.template.name.clone(),
            line: place.line,
            column: place.column,
            expression: Some(expression.to_string()),
            message,
            nearest: None,
        }))
    }

    /// Goes one level deeper for the time of `run`.
    pub(super) fn deeper<T>(
        &mut self,
        position: usize,
        expression: &dyn Display,
        run: impl FnOnce(&mut Self) -> Run<T>,
    ) -> Run<T> {
        self.depth += 1;
        if let Err(failure) = self.context.budget.calls(self.depth) {
            return Err(self.failure(position, expression, failure));
        }
        let result = run(self);
        self.depth -= 1;
        result
    }

    fn walk_list(&mut self, dot: &Value, nodes: &[Node]) -> Run<()> {
        for node in nodes {
            self.walk(dot, node)?;
        }
        Ok(())
    }

    fn walk(&mut self, dot: &Value, node: &Node) -> Run<()> {
        match node {
            Node::Text(text) => self.write_text(text),
            Node::Action(pipeline) => {
                let value = self.pipeline(dot, pipeline)?;
                if pipeline.variables.is_empty() {
                    self.print(pipeline, &value)?;
                }
                Ok(())
            }
            Node::If(choice) => self.walk_if(dot, choice),
            Node::With(branch) => self.walk_with(dot, branch),
            Node::Range(branch) => self.walk_range(dot, branch),
            Node::Call {
                position,
                name,
                argument,
            } => self.walk_call(dot, *position, name, argument.as_ref()),
            Node::Break => Err(Stop::Break),
            Node::Continue => Err(Stop::Continue),
        }
    }

    fn write_text(&mut self, text: &Text) -> Run<()> {
        let written = self
            .context
            .budget
            .steps(1)
            .and_then(|()| self.write(text.as_bytes()));
        written.map_err(|failure| self.failure(0, &self.template.name, failure))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if self.out.len() + bytes.len() > self.context.budget.max_bytes() {
            return Err(self.context.budget.too_long());
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn print(&mut self, pipeline: &Pipeline, value: &Value) -> Run<()> {
        let written = match value {
            Value::Nil => self.write(b"<no value>"),
            Value::Text(text) => self.write(text.as_bytes()),
            other => sprint(&self.context.budget, other).and_then(|bytes| self.write(&bytes)),
        };
        written.map_err(|failure| self.failure(pipeline.position, pipeline, failure))
    }

    fn walk_if(&mut self, dot: &Value, choice: &Choice) -> Run<()> {
        let mark = self.variables.len();
        let mut chosen = &choice.otherwise;
        for arm in &choice.arms {
            if is_true(&self.pipeline(dot, &arm.condition)?) {
                chosen = &arm.body;
                break;
            }
        }
        let result = match choice.arms.first() {
            Some(Arm { condition, .. }) => self.deeper(condition.position, condition, |state| {
                state.walk_list(dot, chosen)
            }),
            None => Ok(()),
        };
        self.leave(mark, result)
    }

    fn walk_with(&mut self, dot: &Value, branch: &Branch) -> Run<()> {
        let mark = self.variables.len();
        let pipeline = &branch.pipeline;
        let value = self.pipeline(dot, pipeline)?;
        let result = self.deeper(pipeline.position, pipeline, |state| {
            if is_true(&value) {
                state.walk_list(&value, &branch.body)
            } else {
                state.walk_list(dot, &branch.otherwise)
            }
        });
        self.leave(mark, result)
    }

    /// Forgets the variables declared since `mark`. The depth is put right by whoever stops a
    /// break or continue.
    fn leave(&mut self, mark: usize, result: Run<()>) -> Run<()> {
        self.variables.truncate(mark);
        result
    }

    fn walk_range(&mut self, dot: &Value, branch: &Branch) -> Run<()> {
        let mark = self.variables.len();
        let pipeline = &branch.pipeline;
        let value = self.pipeline(dot, pipeline)?;
        let depth = self.depth;
        let result = self.deeper(pipeline.position, pipeline, |state| match &value {
            Value::List(list) => {
                let items = list.items().iter().cloned();
                let pairs = items
                    .enumerate()
                    .map(|(index, item)| (Value::size(index), item));
                state.iterate(dot, branch, pairs)
            }
            Value::Map(map) => {
                let entries = map.entries().into_iter();
                let pairs = entries.map(|(key, item)| (Value::Text(key), item));
                state.iterate(dot, branch, pairs)
            }
            Value::Nil => state.iterate(dot, branch, std::iter::empty()),
            other => Err(state.cannot_iterate(pipeline, other)),
        });
        self.depth = depth;
        match self.leave(mark, result) {
            Err(Stop::Break) => Ok(()),
            other => other,
        }
    }

    fn cannot_iterate(&self, pipeline: &Pipeline, value: &Value) -> Stop {
        let shown = sprint(&self.context.budget, value).unwrap_or_default();
        let shown = String::from_utf8_lossy(&shown);
        let message = format!("range can't iterate over {shown}");
        self.error(pipeline.position, pipeline, message)
    }

    fn iterate(
        &mut self,
        dot: &Value,
        branch: &Branch,
        pairs: impl ExactSizeIterator<Item = (Value, Value)>,
    ) -> Run<()> {
        if pairs.len() == 0 {
            return self.walk_list(dot, &branch.otherwise);
        }
        let (mark, depth) = (self.variables.len(), self.depth);
        let pipeline = &branch.pipeline;
        for (index, item) in pairs {
            if let Err(failure) = self.context.budget.steps(1) {
                return Err(self.failure(pipeline.position, pipeline, failure));
            }
            let declared = pipeline.variables.len();
            if declared > 0 {
                self.set_from_top(1, item.clone());
            }
            if declared > 1 {
                self.set_from_top(2, index);
            }
            let result = self.walk_list(&item, &branch.body);
            self.variables.truncate(mark);
            self.depth = depth;
            match result {
                Ok(()) | Err(Stop::Continue) => {}
                Err(stop) => return Err(stop),
            }
        }
        Ok(())
    }

    /// Sets the variable that is so far from the top of the stack.
    fn set_from_top(&mut self, distance: usize, value: Value) {
        let index = self.variables.len().checked_sub(distance);
        if let Some(variable) = index.and_then(|index| self.variables.get_mut(index)) {
            variable.1 = value;
        }
    }

    fn walk_call(
        &mut self,
        dot: &Value,
        position: usize,
        name: &str,
        argument: Option<&Pipeline>,
    ) -> Run<()> {
        let expression = || call_expression(name, argument);
        let Some(nodes) = self.template.defined.get(name) else {
            let (message, nearest) = undefined_template(name, &self.template.defined);
            let mut stop = self.error(position, &expression(), message);
            if let Stop::Error(error) = &mut stop {
                error.nearest = nearest;
            }
            return Err(stop);
        };
        let dot = match argument {
            Some(pipeline) => self.pipeline(dot, pipeline)?,
            None => Value::Nil,
        };
        let nodes = Arc::clone(nodes);
        // A template sees no variables of its caller.
        let own = vec![("$".to_owned(), dot.clone())];
        let variables = std::mem::replace(&mut self.variables, own);
        let steps = self.context.budget.steps(1);
        let result = match steps {
            Ok(()) => self.deeper(position, &name, |state| state.walk_list(&dot, &nodes)),
            Err(failure) => Err(self.failure(position, &expression(), failure)),
        };
        self.variables = variables;
        result
    }
}
