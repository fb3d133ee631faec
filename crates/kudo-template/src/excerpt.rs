//! The line of a rendered text at which something is wrong, for messages to who wrote the template.

use std::fmt;

use serde_json::Value;

use kudo_package::yaml::{Collection, Mark, YamlError};

/// Characters of a line that are shown.
const SHOWN: usize = 100;

/// A line of a rendered text, and the parameters whose values stand on it.
///
/// Shown as `line 7 is "greeting: a: b" (parameter GREETING)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// Number of the line, from 1.
    pub line: usize,
    /// What of the line is shown.
    pub text: String,
    /// Names of the parameters.
    pub parameters: Vec<String>,
}

impl Excerpt {
    /// The line at a place. There is none of an empty line, nor of a text that holds a Secret: errors
    /// end up in events and logs.
    pub(crate) fn at(text: &str, mark: Mark) -> Option<Self> {
        let line = text.lines().nth(mark.line.checked_sub(1)?)?;
        if line.trim().is_empty() || holds_secret(text) {
            return None;
        }
        Some(Self {
            line: mark.line,
            text: shown(line, mark.column),
            parameters: Vec::new(),
        })
    }

    /// The line of a mistake: where a bracket is still open, the line of the bracket.
    pub(crate) fn of(text: &str, error: &YamlError) -> Option<Self> {
        let mark = match error.open {
            Some(open) if matches!(open.collection, Collection::Brackets | Collection::Braces) => {
                open.mark
            }
            _ => error.mark,
        };
        Self::at(text, mark)
    }

    /// The same with those of these parameters whose values stand on what is shown.
    pub(crate) fn naming(mut self, parameters: &[(&str, &Value)]) -> Self {
        let standing = parameters
            .iter()
            .filter(|(_, value)| stands_on(&self.text, value));
        self.parameters = standing.map(|(name, _)| (*name).to_owned()).collect();
        self
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} is {:?}", self.line, self.text)?;
        match self.parameters.as_slice() {
            [] => Ok(()),
            [name] => write!(f, " (parameter {name})"),
            names => write!(f, " (parameters {})", names.join(", ")),
        }
    }
}

/// The excerpt as the end of a message.
pub(crate) fn ending(excerpt: Option<&Excerpt>) -> String {
    excerpt
        .map(|excerpt| format!("; {excerpt}"))
        .unwrap_or_default()
}

/// The error without what it quotes of a text that holds a Secret.
pub(crate) fn discreet(text: &str, error: YamlError) -> YamlError {
    if !holds_secret(text) {
        return error;
    }
    let parts = error.message.split('"').enumerate();
    let kept = parts.map(|(index, part)| if index % 2 == 0 { part } else { "…" });
    YamlError {
        message: kept.collect::<Vec<_>>().join("\""),
        ..error
    }
}

/// Whether some object may be a Secret. The text can't be read as YAML, so any likeness is enough.
fn holds_secret(text: &str) -> bool {
    let squeezed: String = text
        .chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '"' | '\''))
        .collect();
    squeezed.contains("kind:Secret")
        || text
            .lines()
            .any(|line| line.contains("kind") && line.contains("Secret"))
}

/// The line, or what is around the column if it is long.
fn shown(line: &str, column: usize) -> String {
    let trimmed = line.trim();
    let length = line.chars().count();
    if trimmed.chars().count() <= SHOWN {
        return trimmed.to_owned();
    }
    let start = column
        .saturating_sub(SHOWN / 2)
        .min(length.saturating_sub(SHOWN));
    let part: String = line.chars().skip(start).take(SHOWN).collect();
    let (before, after) = (start > 0, start + SHOWN < length);
    let dots = |there| if there { "…" } else { "" };
    format!("{}{}{}", dots(before), part.trim(), dots(after))
}

/// Whether a line of the value's text stands on the line, by itself and not within a word.
fn stands_on(line: &str, value: &Value) -> bool {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return false,
    };
    let mut parts = text.lines().map(str::trim).filter(|part| !part.is_empty());
    parts.any(|part| {
        line.match_indices(part).any(|(at, _)| {
            let (before, after) = (&line[..at], &line[at + part.len()..]);
            let joins = |a: Option<char>, b: Option<char>| match (a, b) {
                (Some(a), Some(b)) => a.is_alphanumeric() && b.is_alphanumeric(),
                _ => false,
            };
            !joins(before.chars().next_back(), part.chars().next())
                && !joins(part.chars().next_back(), after.chars().next())
        })
    })
}
