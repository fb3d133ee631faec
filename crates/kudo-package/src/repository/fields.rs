//! Typed access to the maps of repository files. Fields that are not known are passed over, since
//! newer tools may write them.

use serde_json::Value;

use crate::yaml::{Mark, Node, NodeKind, YamlError};

/// A repository file that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RepositoryFileError {
    /// It is not YAML.
    #[error(transparent)]
    Yaml(#[from] YamlError),
    /// Something in it is of another type than it should be.
    #[error("line {}, column {}: {field}: expected {expected}, found {found}", .mark.line, .mark.column)]
    Type {
        /// Where.
        mark: Mark,
        /// Path of the field.
        field: String,
        /// What belongs there.
        expected: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// A field is missing that must be there.
    #[error("line {}, column {}: {field} is missing", .mark.line, .mark.column)]
    Missing {
        /// Where the map begins that lacks it.
        mark: Mark,
        /// Path of the field.
        field: String,
    },
    /// A package stands under the name of another operator.
    #[error("line {}, column {}: {field} is {found:?}, but it stands under {expected:?}", .mark.line, .mark.column)]
    Name {
        /// Where the package's entry begins.
        mark: Mark,
        /// Path of the field.
        field: String,
        /// The name it gives.
        found: String,
        /// The name it stands under.
        expected: String,
    },
    /// It is of a version that is not known.
    #[error("{field} is {found:?}, expected \"v1\"")]
    Version {
        /// Name of the field.
        field: &'static str,
        /// What it says.
        found: String,
    },
}

/// A node and its path, for errors.
#[derive(Clone)]
pub(super) struct Field<'a> {
    pub(super) node: &'a Node,
    pub(super) path: String,
}

impl<'a> Field<'a> {
    /// The whole file.
    pub(super) fn root(node: &'a Node, name: &str) -> Self {
        Self {
            node,
            path: name.to_owned(),
        }
    }

    /// The entry of a map, unless it is absent or null.
    pub(super) fn get(&self, key: &str) -> Option<Self> {
        let node = self.node.get(key)?;
        if matches!(node.kind, NodeKind::Scalar(Value::Null)) {
            return None;
        }
        let path = format!("{}.{key}", self.path);
        Some(Self { node, path })
    }

    /// Makes sure that it is a map.
    pub(super) fn map(self) -> Result<Self, RepositoryFileError> {
        match self.node.kind {
            NodeKind::Mapping(_) => Ok(self),
            _ => Err(self.wrong("a map")),
        }
    }

    /// The entries of a map with their keys.
    pub(super) fn entries(&self) -> Result<Vec<(String, Self)>, RepositoryFileError> {
        let NodeKind::Mapping(entries) = &self.node.kind else {
            return Err(self.wrong("a map"));
        };
        let entry = |entry: &'a crate::yaml::Entry| {
            let path = format!("{}.{}", self.path, entry.key);
            let node = &entry.value;
            (entry.key.clone(), Self { node, path })
        };
        Ok(entries.iter().map(entry).collect())
    }

    /// The items of a list; nothing for null.
    pub(super) fn items(&self) -> Result<Vec<Self>, RepositoryFileError> {
        match &self.node.kind {
            NodeKind::Scalar(Value::Null) => Ok(vec![]),
            NodeKind::Sequence(items) => Ok(items
                .iter()
                .enumerate()
                .map(|(index, node)| Self {
                    node,
                    path: format!("{}[{index}]", self.path),
                })
                .collect()),
            _ => Err(self.wrong("a list")),
        }
    }

    /// A text. A number or boolean is the text as it is written.
    pub(super) fn text(&self) -> Result<String, RepositoryFileError> {
        match (&self.node.kind, &self.node.written) {
            (NodeKind::Scalar(Value::String(text)), _) => Ok(text.clone()),
            (NodeKind::Scalar(_), Some(written)) => Ok(written.clone()),
            _ => Err(self.wrong("a text")),
        }
    }

    /// The text of a map's entry; nothing if it is absent or empty.
    pub(super) fn optional(&self, key: &str) -> Result<Option<String>, RepositoryFileError> {
        let text = self.get(key).map(|field| field.text()).transpose()?;
        Ok(text.filter(|text| !text.is_empty()))
    }

    /// The text of a map's entry that must be there.
    pub(super) fn required(&self, key: &str) -> Result<String, RepositoryFileError> {
        self.optional(key)?
            .ok_or_else(|| RepositoryFileError::Missing {
                mark: self.node.mark,
                field: format!("{}.{key}", self.path),
            })
    }

    /// The boolean of a map's entry; false if it is absent.
    pub(super) fn boolean(&self, key: &str) -> Result<bool, RepositoryFileError> {
        match self.get(key) {
            None => Ok(false),
            Some(field) => match field.node.kind {
                NodeKind::Scalar(Value::Bool(value)) => Ok(value),
                _ => Err(field.wrong("true or false")),
            },
        }
    }

    fn wrong(&self, expected: &'static str) -> RepositoryFileError {
        RepositoryFileError::Type {
            mark: self.node.mark,
            field: self.path.clone(),
            expected,
            found: match &self.node.kind {
                NodeKind::Scalar(Value::Null) => "nothing",
                NodeKind::Scalar(Value::Bool(_)) => "a boolean",
                NodeKind::Scalar(Value::Number(_)) => "a number",
                NodeKind::Scalar(_) => "a text",
                NodeKind::Sequence(_) => "a list",
                NodeKind::Mapping(_) => "a map",
            },
        }
    }
}
