//! YAML as Kubernetes reads and writes it: YAML 1.1 as Go's `yaml.v2` understands it, behind
//! `sigs.k8s.io/yaml`.
//!
//! Text goes through four stages: `reader` (characters), `scanner` (tokens; also `indicators`,
//! `scalar`, `tag`), `compose` (a tree; also `collections`) and `decode` (meaning, by the rules of
//! `resolve`). Every node keeps the place where it is written, so that whoever reads it can point
//! there. `emit` is the way back.
//!
//! ```
//! use kudo_package::yaml;
//!
//! let value = yaml::parse("defaultMode: 0755\nenabled: yes\n")?;
//! assert_eq!(value["defaultMode"], 493);
//! assert_eq!(value["enabled"], true);
//! assert_eq!(yaml::to_string(&value), "defaultMode: 493\nenabled: true\n");
//! # Ok::<(), yaml::YamlError>(())
//! ```

mod collections;
mod compose;
mod decode;
mod documents;
mod emit;
mod float;
mod indicators;
mod reader;
mod resolve;
mod scalar;
mod scanner;
mod tag;
mod text;

use serde_json::{Number, Value};

/// Nesting beyond which a document is refused, so that reading and dropping it fits a thread's
/// stack. Go's reader goes to 10,000.
pub const MAX_DEPTH: usize = 200;

/// A place in a text, both from 1. Columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, PartialOrd, Ord)]
pub struct Mark {
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
}

/// A node with the place where it begins; scalars are already resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What the node is.
    pub kind: NodeKind,
    /// Where it begins.
    pub mark: Mark,
    /// The text as it is written, of a number or boolean.
    pub written: Option<String>,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeKind {
    /// Null, boolean, number or string.
    Scalar(Value),
    /// A list.
    Sequence(Vec<Node>),
    /// A map in the order of the text, keys as text; merge keys and duplicates are resolved.
    Mapping(Vec<Entry>),
}

/// One entry of a mapping.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key as text.
    pub key: String,
    /// Where the key begins.
    pub key_mark: Mark,
    /// The value.
    pub value: Node,
    /// Where an earlier entry with the same key begins, whose value this one replaced.
    pub replaced: Option<Mark>,
}

/// One document of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// The document's content.
    pub value: Value,
    /// Where the document's content begins in the stream.
    pub mark: Mark,
}

/// Text that Kubernetes would refuse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {}, column {}: {message}{}", .mark.line, .mark.column, in_brackets(self.hint()))]
pub struct YamlError {
    /// Where.
    pub mark: Mark,
    /// What is wrong.
    pub message: String,
    /// The innermost list or mapping that has not ended there, where that tells what is wrong.
    pub open: Option<Open>,
}

/// A list or mapping that has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open {
    /// How it is written.
    pub collection: Collection,
    /// Where it begins.
    pub mark: Mark,
}

/// How a list or mapping is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collection {
    /// `[a, b]`
    Brackets,
    /// `{a: b}`
    Braces,
    /// Items after dashes, one below the other.
    Items,
    /// Keys, one below the other.
    Keys,
}

fn in_brackets(hint: Option<String>) -> String {
    hint.map(|hint| format!(" ({hint})")).unwrap_or_default()
}

impl YamlError {
    fn new(mark: Mark, message: impl Into<String>) -> Self {
        Self {
            mark,
            message: message.into(),
            open: None,
        }
    }

    /// What helps to see the mistake.
    pub fn hint(&self) -> Option<String> {
        let Open { collection, mark } = self.open?;
        let Mark { line, column } = mark;
        let place = format!("line {line}, column {column}");
        Some(match collection {
            Collection::Brackets => format!("the '[' in {place} is still open"),
            Collection::Braces => format!("the '{{' in {place} is still open"),
            Collection::Items => {
                format!("the list begins in {place}; all its items begin in that column")
            }
            Collection::Keys => {
                format!("the mapping begins in {place}; all its keys begin in that column")
            }
        })
    }

    fn too_deep(mark: Mark) -> Self {
        Self::new(mark, format!("nested more than {MAX_DEPTH} levels deep"))
    }
}

impl Node {
    /// The node's content without marks.
    pub fn to_value(&self) -> Value {
        self.clone().into()
    }

    /// The value of a mapping's entry.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.kind {
            NodeKind::Mapping(entries) => entries
                .iter()
                .find(|entry| entry.key == key)
                .map(|entry| &entry.value),
            _ => None,
        }
    }
}

impl From<Node> for Value {
    // Loops and not `collect`, which would need many frames of the stack for each level.
    fn from(node: Node) -> Self {
        match node.kind {
            NodeKind::Scalar(value) => value,
            NodeKind::Sequence(items) => {
                let mut values = Vec::with_capacity(items.len());
                for item in items {
                    values.push(Self::from(item));
                }
                Self::Array(values)
            }
            NodeKind::Mapping(entries) => {
                let mut map = serde_json::Map::with_capacity(entries.len());
                for entry in entries {
                    map.insert(entry.key, Self::from(entry.value));
                }
                Self::Object(map)
            }
        }
    }
}

/// Reads one document as `sigs.k8s.io/yaml` does: text after the first document is not looked at.
pub fn parse(text: &str) -> Result<Value, YamlError> {
    parse_node(text).map(Value::from)
}

/// Reads one document into a tree with marks.
pub fn parse_node(text: &str) -> Result<Node, YamlError> {
    decode::decode(&compose::compose(text)?)
}

/// Reads the one document of a file: as [`parse_node`] does, but a second document is an error.
pub fn parse_file(text: &str) -> Result<Node, YamlError> {
    let node = parse_node(text)?;
    refuse_more(text)?;
    Ok(node)
}

/// Refuses anything behind the first document that [`parse`] would pass over; empty documents and
/// comments may stand there.
pub fn refuse_more(text: &str) -> Result<(), YamlError> {
    compose::refuse_more(text)
}

/// Reads a stream of documents, split at `---` lines as Kubernetes' YAML reader splits it; empty
/// ones are dropped.
pub fn parse_documents(text: &str) -> Result<Vec<Document>, YamlError> {
    documents::parse_documents(text)
}

/// The same as [`parse_documents`], as trees whose marks are places in the stream.
pub fn parse_document_nodes(text: &str) -> Result<Vec<Node>, YamlError> {
    documents::parse_document_nodes(text)
}

/// Writes a value as Go's `yaml.v2` does: sorted keys, its quoting and indentation, a newline at
/// the end.
pub fn to_string(value: &Value) -> String {
    emit::to_string(value)
}

/// Writes a number as Go does: integers in full, floats with the fewest digits that tell them
/// apart, as `1.5e+06` from a million on.
pub fn number_text(number: &Number) -> String {
    emit::number_text(number)
}
