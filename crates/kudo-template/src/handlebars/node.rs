//! The tree of a parsed template.

use std::fmt;

use super::exec::Fault;
use crate::budget::Failure;
use crate::error::{RenderError, RenderErrorKind};
use crate::go::Place;
use crate::value::{Text, Value};

/// A parsed template.
#[derive(Debug)]
pub(crate) struct Template {
    /// Name of the template's file.
    pub(crate) name: String,
    /// The text, for finding lines and columns.
    pub(crate) text: String,
    pub(crate) nodes: Vec<Node>,
}

impl Template {
    /// The error of an expression at a place.
    pub(crate) fn error(
        &self,
        position: usize,
        expression: Option<&dyn fmt::Display>,
        fault: Fault,
    ) -> RenderError {
        let (kind, message) = match fault.failure {
            Failure::Message(message) => (RenderErrorKind::Exec, message),
            Failure::Limit(message) => (RenderErrorKind::Limit, message),
        };
        let place = Place::of(&self.text, position);
        RenderError {
            kind,
            template: self.name.clone(),
            line: place.line,
            column: place.column,
            expression: expression.map(ToString::to_string),
            message,
            nearest: fault.nearest,
        }
    }
}

/// A part of a template.
#[derive(Debug)]
pub(crate) enum Node {
    Text(Text),
    /// `{{expression}}`
    Output(Expression),
    Block(Block),
    /// `{{#*inline "name"}}`: makes the nodes known as a partial.
    Inline {
        name: String,
        nodes: Vec<Node>,
    },
    /// `{{> name}}`
    Partial(Partial),
}

/// `{{#helper …}} … {{else}} … {{/helper}}`
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) position: usize,
    pub(crate) call: Expression,
    /// Names in `as |a b|`.
    pub(crate) params: Vec<String>,
    pub(crate) body: Vec<Node>,
    pub(crate) otherwise: Vec<Node>,
}

/// The use of a partial.
#[derive(Debug)]
pub(crate) struct Partial {
    pub(crate) position: usize,
    /// The name, or an expression in parentheses that gives it.
    pub(crate) name: Expression,
    pub(crate) context: Option<Expression>,
    pub(crate) named: Vec<(String, Expression)>,
    /// Spaces before each line, if the partial stands alone on its line.
    pub(crate) indent: String,
}

/// An expression and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Expression {
    pub(crate) position: usize,
    pub(crate) kind: ExpressionKind,
}

/// What an expression is.
#[derive(Debug, Clone)]
pub(crate) enum ExpressionKind {
    Literal(Literal),
    Path(Path),
    /// A helper with arguments, or a name in parentheses.
    Call {
        name: Path,
        arguments: Vec<Expression>,
        named: Vec<(String, Expression)>,
    },
}

/// A constant.
#[derive(Debug, Clone)]
pub(crate) enum Literal {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Text),
}

impl Literal {
    pub(crate) fn value(&self) -> Value {
        match self {
            Self::Nil => Value::Nil,
            Self::Bool(value) => Value::Bool(*value),
            Self::Int(value) => Value::int(*value),
            Self::Float(value) => Value::Float(*value),
            Self::Text(text) => Value::Text(text.clone()),
        }
    }
}

/// A path to a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    pub(crate) root: Root,
    /// How many `../` there are.
    pub(crate) up: usize,
    pub(crate) segments: Vec<String>,
    /// As it is written.
    pub(crate) source: String,
}

/// Where a path begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Root {
    /// At the context, or at a block parameter of that name.
    Context,
    /// `this` or `.`, with or without fields.
    This,
    /// `@index` and its like.
    Data,
}

impl Path {
    /// The name, if the path is nothing but one.
    pub(crate) fn simple_name(&self) -> Option<&str> {
        match (self.root, self.up, self.segments.as_slice()) {
            (Root::Context, 0, [name]) => Some(name),
            _ => None,
        }
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExpressionKind::Literal(literal) => match literal {
                Literal::Nil => f.write_str("null"),
                Literal::Bool(value) => value.fmt(f),
                Literal::Int(value) => value.fmt(f),
                Literal::Float(value) => value.fmt(f),
                Literal::Text(text) => f.write_str(&crate::format::quote(text.as_bytes(), false)),
            },
            ExpressionKind::Path(path) => f.write_str(&path.source),
            ExpressionKind::Call {
                name,
                arguments,
                named,
            } => {
                f.write_str(&name.source)?;
                for argument in arguments {
                    f.write_str(" ")?;
                    write_argument(f, argument)?;
                }
                for (key, argument) in named {
                    write!(f, " {key}=")?;
                    write_argument(f, argument)?;
                }
                Ok(())
            }
        }
    }
}

fn write_argument(f: &mut fmt::Formatter<'_>, argument: &Expression) -> fmt::Result {
    match &argument.kind {
        ExpressionKind::Call { .. } => write!(f, "({argument})"),
        _ => fmt::Display::fmt(argument, f),
    }
}
