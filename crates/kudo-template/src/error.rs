//! Why a template could not be rendered.

use std::fmt;

/// What kind of failure it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RenderErrorKind {
    /// The template's text is not a template.
    Parse,
    /// The template could not be executed with these values.
    Exec,
    /// The render went beyond its [`Limits`](crate::Limits).
    Limit,
}

impl RenderErrorKind {
    /// The word for the kind: `parse`, `exec` or `limit`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Parse => "parse",
            Self::Exec => "exec",
            Self::Limit => "limit",
        }
    }
}

/// Why a template could not be rendered, and where.
///
/// Shown as `template.yaml:3:14: at <.Params.NODES>: map has no entry for key "NODES"
/// (did you mean "NODE_COUNT"?)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderError {
    /// What kind of failure it was.
    pub kind: RenderErrorKind,
    /// Name of the template.
    pub template: String,
    /// Line, from 1; 0 if unknown.
    pub line: usize,
    /// Column in characters, from 1; 0 if unknown.
    pub column: usize,
    /// The expression that failed, if it is known.
    pub expression: Option<String>,
    /// What is wrong.
    pub message: String,
    /// For a missing name: the existing one nearest to it.
    pub nearest: Option<String>,
}

/// Why a template has no tree.
#[derive(Debug)]
pub(crate) struct Unparsed {
    /// Functions and variables that there are not, found before the reading stopped.
    pub(crate) undefined: Vec<RenderError>,
    /// Why the reading stopped.
    pub(crate) syntax: RenderError,
}

impl Unparsed {
    /// What comes first in the template.
    pub(crate) fn first(self) -> RenderError {
        self.undefined.into_iter().next().unwrap_or(self.syntax)
    }
}

impl From<RenderError> for Box<Unparsed> {
    fn from(syntax: RenderError) -> Self {
        Box::new(Unparsed {
            undefined: Vec::new(),
            syntax,
        })
    }
}

impl fmt::Display for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.template)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if self.column > 0 {
            write!(f, ":{}", self.column)?;
        }
        f.write_str(": ")?;
        if let Some(expression) = &self.expression {
            write!(f, "at <{expression}>: ")?;
        }
        f.write_str(&self.message)?;
        if let Some(nearest) = &self.nearest {
            write!(f, " (did you mean {nearest:?}?)")?;
        }
        Ok(())
    }
}

impl std::error::Error for RenderError {}
