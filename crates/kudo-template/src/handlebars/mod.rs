//! Handlebars: strict, without escaping, over the same values and functions as Go templates.
//!
//! Written anew for the same reasons as the Go engine: see
//! docs/decisions/0001-template-engines.md. The parts follow each other: [`tags`] →
//! [`whitespace`] → [`expression`] and [`parser`] → [`node`] (the tree) → [`exec`], [`helpers`].
//!
//! Strict means that a name that does not exist is an error wherever it stands. Partials are those
//! that the template itself defines; there are no files.

mod exec;
mod expression;
mod helpers;
mod node;
mod parser;
mod resolve;
mod tags;
mod whitespace;

pub(crate) use exec::{execute, undefined_partial};
pub(crate) use helpers::Helper;
pub(crate) use node::{
    Block, Expression, ExpressionKind, Literal, Node, Partial, Path, Root, Template,
};
pub(crate) use parser::parse;
