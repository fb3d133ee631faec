//! Typed access to the nodes of a suite's files; the first mistake is an error with its place.

use std::collections::BTreeMap;
use std::path::Path;

use kudo_package::suggest::nearest;
use kudo_package::yaml::{Entry, Mark, Node, NodeKind};
use serde_json::Value;

use crate::SuiteError;

/// A mapping with known fields.
pub(crate) struct Fields<'a> {
    pub(crate) file: &'a Path,
    pub(crate) mark: Mark,
    /// Name of the mapping for messages; empty for the document.
    path: String,
    entries: &'a [Entry],
}

impl<'a> Fields<'a> {
    /// The mapping, if it has no other fields than these.
    pub(crate) fn new(
        file: &'a Path,
        node: &'a Node,
        path: String,
        known: &[&str],
    ) -> Result<Self, SuiteError> {
        let NodeKind::Mapping(entries) = &node.kind else {
            return Err(expected(file, node, &path, "a mapping"));
        };
        for entry in entries {
            if known.contains(&entry.key.as_str()) {
                continue;
            }
            let within = if path.is_empty() {
                String::new()
            } else {
                format!("{path}: ")
            };
            let message = format!("{within}unknown field {:?}", entry.key);
            let hint = match nearest(&entry.key, known.iter().copied()) {
                Some(name) => format!("did you mean {name:?}?"),
                None => format!("the fields here are {}", known.join(", ")),
            };
            return Err(SuiteError::invalid(file, entry.key_mark, message).with_hint(hint));
        }
        Ok(Self {
            file,
            mark: node.mark,
            path,
            entries,
        })
    }

    fn get(&self, key: &str) -> Option<&'a Node> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        (entry.value.kind != NodeKind::Scalar(Value::Null)).then_some(&entry.value)
    }

    fn at(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// An error about a field.
    pub(crate) fn error(&self, key: &str, message: impl std::fmt::Display) -> SuiteError {
        let mark = self.get(key).map_or(self.mark, |node| node.mark);
        SuiteError::invalid(self.file, mark, format!("{}: {message}", self.at(key)))
    }

    /// A text; absent is empty.
    pub(crate) fn text(&self, key: &str) -> Result<String, SuiteError> {
        match self.get(key) {
            None => Ok(String::new()),
            Some(node) => text(self.file, node, &self.at(key)),
        }
    }

    /// True or false; absent is `None`.
    pub(crate) fn boolean(&self, key: &str) -> Result<Option<bool>, SuiteError> {
        match self.get(key).map(|node| (&node.kind, node)) {
            None => Ok(None),
            Some((NodeKind::Scalar(Value::Bool(value)), _)) => Ok(Some(*value)),
            Some((_, node)) => Err(expected(self.file, node, &self.at(key), "true or false")),
        }
    }

    /// A whole number; absent is `None`.
    pub(crate) fn integer(&self, key: &str) -> Result<Option<i64>, SuiteError> {
        let Some(node) = self.get(key) else {
            return Ok(None);
        };
        match &node.kind {
            NodeKind::Scalar(Value::Number(number)) if number.is_i64() => Ok(number.as_i64()),
            _ => Err(expected(self.file, node, &self.at(key), "a whole number")),
        }
    }

    /// A number from 0; absent is `None`.
    pub(crate) fn count(&self, key: &str) -> Result<Option<u32>, SuiteError> {
        match self.integer(key)? {
            None => Ok(None),
            Some(number) => u32::try_from(number)
                .map(Some)
                .map_err(|_| self.error(key, "expected a number from 0")),
        }
    }

    /// A list of texts; absent is empty.
    pub(crate) fn texts(&self, key: &str) -> Result<Vec<String>, SuiteError> {
        self.items(key)?
            .into_iter()
            .map(|(node, path)| text(self.file, node, &path))
            .collect()
    }

    /// A map of texts; absent is empty.
    pub(crate) fn text_map(&self, key: &str) -> Result<BTreeMap<String, String>, SuiteError> {
        let Some(node) = self.get(key) else {
            return Ok(BTreeMap::new());
        };
        let NodeKind::Mapping(entries) = &node.kind else {
            return Err(expected(self.file, node, &self.at(key), "a mapping"));
        };
        entries
            .iter()
            .map(|entry| {
                let path = format!("{}.{}", self.at(key), entry.key);
                Ok((entry.key.clone(), text(self.file, &entry.value, &path)?))
            })
            .collect()
    }

    /// The items of a list with their names; absent is empty.
    pub(crate) fn items(&self, key: &str) -> Result<Vec<(&'a Node, String)>, SuiteError> {
        let Some(node) = self.get(key) else {
            return Ok(Vec::new());
        };
        let NodeKind::Sequence(items) = &node.kind else {
            return Err(expected(self.file, node, &self.at(key), "a list"));
        };
        let path = self.at(key);
        let named = items.iter().enumerate();
        Ok(named
            .map(|(index, item)| (item, format!("{path}[{index}]")))
            .collect())
    }

    /// A mapping within this one.
    pub(crate) fn fields(&self, key: &str, known: &[&str]) -> Result<Option<Self>, SuiteError> {
        self.get(key)
            .map(|node| Self::new(self.file, node, self.at(key), known))
            .transpose()
    }

    /// The node of a field.
    pub(crate) fn node(&self, key: &str) -> Option<&'a Node> {
        self.get(key)
    }
}

fn text(file: &Path, node: &Node, path: &str) -> Result<String, SuiteError> {
    match &node.kind {
        NodeKind::Scalar(Value::String(text)) => Ok(text.clone()),
        NodeKind::Scalar(Value::Null) => Ok(String::new()),
        _ => Err(expected(file, node, path, "a text")),
    }
}

fn expected(file: &Path, node: &Node, path: &str, what: &str) -> SuiteError {
    let found = match &node.kind {
        NodeKind::Scalar(Value::String(text)) if text.chars().count() <= 40 => format!("{text:?}"),
        NodeKind::Scalar(Value::String(_)) => "a long text".to_owned(),
        NodeKind::Scalar(Value::Null) => "nothing".to_owned(),
        NodeKind::Scalar(value) => value.to_string(),
        NodeKind::Sequence(_) => "a list".to_owned(),
        NodeKind::Mapping(_) => "a mapping".to_owned(),
    };
    let at = if path.is_empty() {
        String::new()
    } else {
        format!("{path}: ")
    };
    SuiteError::invalid(
        file,
        node.mark,
        format!("{at}expected {what}, found {found}"),
    )
}
