//! The tree of a parsed template.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::literal::Number;
use crate::error::RenderError;
use crate::format::quote;
use crate::functions::Function;
use crate::value::Text;

/// A parsed template with all that it defines.
#[derive(Debug)]
pub(crate) struct Template {
    /// Name of the template's file.
    pub(crate) name: String,
    /// The text, for finding lines and columns.
    pub(crate) text: String,
    /// What is executed.
    pub(crate) root: Arc<[Node]>,
    /// Templates by name: those of `define` and `block`, and the file itself.
    pub(crate) defined: HashMap<String, Arc<[Node]>>,
    /// What the template names that there is not, in the order of the text: functions and variables,
    /// for which Go refuses the template whole, and templates, which fail only where they are called.
    pub(crate) undefined: Vec<RenderError>,
}

/// A part of a template that does something when executed.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    Text(Text),
    Action(Pipeline),
    /// `if` and the `else if` after it, with what is done if none of them holds.
    If(Box<Choice>),
    With(Box<Branch>),
    Range(Box<Branch>),
    /// `template` or `block`.
    Call {
        position: usize,
        name: String,
        argument: Option<Pipeline>,
    },
    Break,
    Continue,
}

/// Alternatives, the first of which that holds is executed.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    pub(crate) arms: Vec<Arm>,
    pub(crate) otherwise: Vec<Node>,
}

/// A condition and what is done if it holds.
#[derive(Debug, Clone)]
pub(crate) struct Arm {
    pub(crate) condition: Pipeline,
    pub(crate) body: Vec<Node>,
}

/// `with` or `range`.
#[derive(Debug, Clone)]
pub(crate) struct Branch {
    pub(crate) pipeline: Pipeline,
    pub(crate) body: Vec<Node>,
    pub(crate) otherwise: Vec<Node>,
}

/// Commands, each given to the next one as its last argument.
#[derive(Debug, Clone)]
pub(crate) struct Pipeline {
    pub(crate) position: usize,
    /// Whether the variables exist already (`=`) or are declared (`:=`).
    pub(crate) assigns: bool,
    pub(crate) variables: Vec<String>,
    pub(crate) commands: Vec<Command>,
}

/// An operand and the arguments given to it.
#[derive(Debug, Clone)]
pub(crate) struct Command {
    pub(crate) operands: Vec<Operand>,
}

/// One operand and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Operand {
    pub(crate) position: usize,
    pub(crate) kind: OperandKind,
}

/// What an operand is.
#[derive(Debug, Clone)]
pub(crate) enum OperandKind {
    Bool(bool),
    Dot,
    Nil,
    Number(Number),
    Text {
        value: Text,
        /// As it is written.
        source: String,
    },
    /// `.A.B`
    Field(Vec<String>),
    /// `$x.A.B`
    Variable {
        name: String,
        fields: Vec<String>,
    },
    Function(&'static Function),
    /// `(…)`
    Pipeline(Pipeline),
    /// `(…).A.B`
    Chain {
        base: Box<Operand>,
        fields: Vec<String>,
    },
}

impl fmt::Display for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.variables.is_empty() {
            f.write_str(&self.variables.join(", "))?;
            f.write_str(if self.assigns { " = " } else { " := " })?;
        }
        for (index, command) in self.commands.iter().enumerate() {
            if index > 0 {
                f.write_str(" | ")?;
            }
            command.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, operand) in self.operands.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            operand.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            OperandKind::Bool(value) => value.fmt(f),
            OperandKind::Dot => f.write_str("."),
            OperandKind::Nil => f.write_str("nil"),
            OperandKind::Number(number) => f.write_str(&number.text),
            OperandKind::Text { source, .. } => f.write_str(source),
            OperandKind::Field(fields) => write_fields(f, fields),
            OperandKind::Variable { name, fields } => {
                f.write_str(name)?;
                write_fields(f, fields)
            }
            OperandKind::Function(function) => f.write_str(function.name),
            OperandKind::Pipeline(pipeline) => write!(f, "({pipeline})"),
            OperandKind::Chain { base, fields } => {
                base.fmt(f)?;
                write_fields(f, fields)
            }
        }
    }
}

fn write_fields(f: &mut fmt::Formatter<'_>, fields: &[String]) -> fmt::Result {
    for field in fields {
        write!(f, ".{field}")?;
    }
    Ok(())
}

/// The message of a call of a template that is not there, and the nearest name of one that is.
pub(super) fn undefined_template(
    name: &str,
    defined: &HashMap<String, Arc<[Node]>>,
) -> (String, Option<String>) {
    let message = format!("template {} not defined", quote(name.as_bytes(), false));
    let nearest = kudo_package::suggest::nearest(name, defined.keys().map(String::as_str));
    (message, nearest.map(str::to_owned))
}

/// The expression of a `template` action, for errors.
pub(super) fn call_expression(name: &str, argument: Option<&Pipeline>) -> String {
    let name = quote(name.as_bytes(), false);
    match argument {
        Some(pipeline) => format!("{{{{template {name} {pipeline}}}}}"),
        None => format!("{{{{template {name}}}}}"),
    }
}
