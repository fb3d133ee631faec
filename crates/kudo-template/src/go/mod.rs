//! Go's text/template as of Go 1.19, with `missingkey=error`.
//!
//! Written anew rather than taken from a crate: see docs/decisions/0001-template-engines.md. The
//! parts follow each other: [`lexer`] → [`parser`] → [`node`] (the tree) → [`exec`] and [`eval`].

mod eval;
mod exec;
mod lexer;
mod literal;
mod node;
mod parser;
mod place;

pub(crate) use exec::execute;
pub(crate) use node::{Node, Operand, OperandKind, Pipeline, Template};
pub(crate) use parser::parse;
pub(crate) use place::Place;
