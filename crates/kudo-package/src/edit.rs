//! Edits of package files that leave the rest of the file as it is, comments and order included.
//!
//! An edit is made on the text and proven on the meaning: what the new text says must be what the
//! old one said and the addition, or the edit is refused.

use serde_json::{Map, Value};

use crate::yaml::{self, Entry, Node, NodeKind, YamlError};

/// Why a file could not be edited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The file is not YAML.
    #[error(transparent)]
    Yaml(#[from] YamlError),
    /// The part to be added to is something else than it should be.
    #[error("expected {key} to be {expected}")]
    Type {
        /// The field at the top of the file.
        key: String,
        /// What it should be.
        expected: &'static str,
    },
    /// The file is written in a way that cannot be added to.
    #[error("{key} is written in a way that cannot be added to; write it in lines of its own")]
    Style {
        /// The field at the top of the file.
        key: String,
    },
}

/// Adds an item to the list `key` at the top of a file.
pub fn add_item(text: &str, key: &str, item: &Value) -> Result<String, EditError> {
    let new = Addition {
        key,
        value: Value::Array(vec![item.clone()]),
    };
    new.to(text)
}

/// Adds an entry to the map `key` at the top of a file.
pub fn add_entry(text: &str, key: &str, name: &str, value: &Value) -> Result<String, EditError> {
    let new = Addition {
        key,
        value: Value::Object(Map::from_iter([(name.to_owned(), value.clone())])),
    };
    new.to(text)
}

/// A list or map of one, to be joined with what is at a key.
struct Addition<'a> {
    key: &'a str,
    value: Value,
}

impl Addition<'_> {
    fn to(&self, text: &str) -> Result<String, EditError> {
        let root = yaml::parse_node(text)?;
        let wanted = self.wanted(&root)?;
        let mut tries = vec![self.at_the_end(text)];
        if let NodeKind::Mapping(entries) = &root.kind
            && let Some(index) = entries.iter().position(|entry| entry.key == self.key)
        {
            let place = Place::of(text, entries, index);
            tries = vec![
                self.in_block(&place, &entries[index].value, place.content_end),
                self.in_block(&place, &entries[index].value, place.end),
                self.anew(&place, &wanted),
            ];
        }
        let windows = text.contains("\r\n");
        tries
            .into_iter()
            .map(|text| {
                if windows {
                    text.replace("\r\n", "\n").replace('\n', "\r\n")
                } else {
                    text
                }
            })
            .find(|text| yaml::parse(text).is_ok_and(|value| value == wanted))
            .ok_or_else(|| EditError::Style {
                key: self.key.to_owned(),
            })
    }

    /// What the file is to say.
    fn wanted(&self, root: &Node) -> Result<Value, EditError> {
        let wrong = |key: &str, expected| {
            Err(EditError::Type {
                key: key.to_owned(),
                expected,
            })
        };
        let mut wanted = match root.to_value() {
            Value::Null => Value::Object(Map::new()),
            value @ Value::Object(_) => value,
            _ => return wrong("the file", "a map"),
        };
        match (&mut wanted[self.key], self.value.clone()) {
            (slot @ Value::Null, value) => *slot = value,
            (Value::Array(items), Value::Array(more)) => items.extend(more),
            (Value::Object(map), Value::Object(more)) => map.extend(more),
            (_, Value::Array(_)) => return wrong(self.key, "a list"),
            _ => return wrong(self.key, "a map"),
        }
        Ok(wanted)
    }

    /// The field with a value, in lines of its own.
    fn field(&self, value: &Value) -> String {
        let field = Map::from_iter([(self.key.to_owned(), value.clone())]);
        yaml::to_string(&Value::Object(field))
    }

    /// The text with a new key behind everything else.
    fn at_the_end(&self, text: &str) -> String {
        let newline = if text.is_empty() || text.ends_with('\n') {
            ""
        } else {
            "\n"
        };
        format!("{text}{newline}{}", self.field(&self.value))
    }

    /// The text with the addition inserted at a line, indented as what is there.
    fn in_block(&self, place: &Place<'_>, old: &Node, line: usize) -> String {
        let indent = match &old.kind {
            NodeKind::Sequence(items) if !items.is_empty() => old.mark.column - 1,
            NodeKind::Mapping(entries) => {
                entries.first().map_or(2, |entry| entry.key_mark.column - 1)
            }
            NodeKind::Sequence(_) => 0,
            NodeKind::Scalar(_) => match self.value {
                Value::Array(_) => 0,
                _ => 2,
            },
        };
        let block = indented(&yaml::to_string(&self.value), indent);
        place.joined(line, &block, line)
    }

    /// The text with the whole value written anew, in lines of its own.
    fn anew(&self, place: &Place<'_>, wanted: &Value) -> String {
        let block = self.field(&wanted[self.key]);
        place.joined(place.start, &block, place.content_end)
    }
}

/// The lines of one field at the top of a file.
struct Place<'t> {
    lines: Vec<&'t str>,
    /// Its first line.
    start: usize,
    /// Behind its last line that is no comment of what follows, and not empty.
    content_end: usize,
    /// The first line of the next field.
    end: usize,
}

impl<'t> Place<'t> {
    fn of(text: &'t str, entries: &[Entry], index: usize) -> Self {
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let start = entries[index].key_mark.line - 1;
        let end = entries
            .iter()
            .map(|entry| entry.key_mark.line - 1)
            .filter(|line| *line > start)
            .min()
            .unwrap_or(lines.len());
        let belongs = |line: &&str| !(line.trim().is_empty() || line.starts_with('#'));
        let content_end = (start..end)
            .rev()
            .find(|line| belongs(&lines[*line]))
            .map_or(start + 1, |line| line + 1);
        Self {
            lines,
            start,
            content_end,
            end,
        }
    }

    /// The lines before `until`, then the block, then the lines from `from` on.
    fn joined(&self, until: usize, block: &str, from: usize) -> String {
        let mut text = self.lines[..until].concat();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(block);
        text.push_str(&self.lines[from..].concat());
        text
    }
}

fn indented(text: &str, indent: usize) -> String {
    let indent = " ".repeat(indent);
    text.split_inclusive('\n')
        .map(|line| match line.trim_end() {
            "" => line.to_owned(),
            _ => format!("{indent}{line}"),
        })
        .collect()
}
