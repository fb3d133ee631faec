//! Typed access to the nodes of a package file: every mistake becomes a diagnostic with its place,
//! and decoding goes on.

use serde_json::Value;

use super::Locations;
use super::params_file::scalar_text;
use crate::diagnostic::{Diagnostic, Location};
use crate::suggest::nearest;
use crate::yaml::{Entry, Mark, Node, NodeKind, YamlError};

/// Rule name of what can't be read as YAML.
pub(super) const SYNTAX: &str = "yaml";
/// Rule name of what is not where or what it should be.
pub(super) const STRUCTURE: &str = "structure";
/// Rule name of fields that do not exist.
pub(super) const UNKNOWN_FIELD: &str = "unknown-field";
/// Rule name of keys that are given twice.
const DUPLICATE_KEY: &str = "duplicate-key";
/// Rule name of texts that were read as something else.
const UNQUOTED_TEXT: &str = "unquoted-text";

/// Decodes one file.
pub(super) struct Decoder<'a> {
    pub(super) file: &'static str,
    pub(super) locations: &'a mut Locations,
    pub(super) diagnostics: &'a mut Vec<Diagnostic>,
}

/// A place in the tree: the address by which it is found again, and a name for people.
#[derive(Clone)]
pub(super) struct Path {
    pointer: String,
    name: String,
}

impl Path {
    pub(super) fn root() -> Self {
        Self {
            pointer: String::new(),
            name: String::new(),
        }
    }

    pub(super) fn field(&self, key: &str) -> Self {
        let dot = if self.name.is_empty() { "" } else { "." };
        let escaped = key.replace('~', "~0").replace('/', "~1");
        Self {
            pointer: format!("{}/{escaped}", self.pointer),
            name: format!("{}{dot}{key}", self.name),
        }
    }

    pub(super) fn item(&self, index: usize) -> Self {
        Self {
            pointer: format!("{}/{index}", self.pointer),
            name: format!("{}[{index}]", self.name),
        }
    }

    /// Follows a path such as `pipe[0].kind`.
    pub(super) fn follow(&self, path: &str) -> Self {
        path.split(['.', '['])
            .fold(self.clone(), |at, part| match part.strip_suffix(']') {
                Some(index) => at.item(index.parse().unwrap_or_default()),
                None => at.field(part),
            })
    }

    fn what(&self) -> String {
        if self.name.is_empty() {
            String::new()
        } else {
            format!("{}: ", self.name)
        }
    }
}

/// A mapping with known fields.
pub(super) struct Fields<'n> {
    entries: &'n [Entry],
    pub(super) path: Path,
    pub(super) mark: Mark,
}

impl<'n> Fields<'n> {
    /// The value of a field, unless it is absent or null.
    pub(super) fn get(&self, key: &str) -> Option<(&'n Node, Path)> {
        self.entries
            .iter()
            .find(|entry| entry.key == key && !is_null(&entry.value))
            .map(|entry| (&entry.value, self.path.field(key)))
    }
}

impl Decoder<'_> {
    /// Reads the file's text.
    pub(super) fn parse(&mut self, bytes: &[u8]) -> Option<Node> {
        let Ok(text) = std::str::from_utf8(bytes) else {
            self.report(Diagnostic::error(SYNTAX, "the file is not UTF-8 text"));
            return None;
        };
        match crate::yaml::parse_node(text) {
            Ok(node) => Some(node),
            Err(YamlError { mark, message }) => {
                let location = Location::at(self.file, mark);
                self.diagnostics
                    .push(Diagnostic::error(SYNTAX, message).at(location));
                None
            }
        }
    }

    /// Reports something about the whole file.
    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics
            .push(diagnostic.at(Location::file(self.file)));
    }

    /// Reports an error at a place of the tree.
    pub(super) fn error(&mut self, rule: &'static str, path: &Path, mark: Mark, message: &str) {
        let message = format!("{}{message}", path.what());
        self.diagnostics
            .push(Diagnostic::error(rule, message).at(Location::at(self.file, mark)));
    }

    /// Adds a hint to what was reported last.
    pub(super) fn hint(&mut self, hint: String) {
        if let Some(last) = self.diagnostics.last_mut() {
            last.hint = Some(hint);
        }
    }

    fn expected(&mut self, expected: &str, node: &Node, path: &Path) {
        let message = format!("expected {expected}, found {}", describe(node));
        self.error(STRUCTURE, path, node.mark, &message);
    }

    /// A mapping of which these fields are known.
    pub(super) fn fields<'n>(
        &mut self,
        node: &'n Node,
        path: &Path,
        known: &[&str],
    ) -> Option<Fields<'n>> {
        let entries = self.entries(node, path)?;
        for entry in entries {
            if !known.contains(&entry.key.as_str()) {
                let message = format!("unknown field {:?}", entry.key);
                self.error(UNKNOWN_FIELD, path, entry.key_mark, &message);
                match nearest(&entry.key, known.iter().copied()) {
                    Some(name) => self.hint(format!("did you mean {name:?}?")),
                    None => self.hint(format!("the fields here are {}", known.join(", "))),
                }
            }
        }
        Some(Fields {
            entries,
            path: path.clone(),
            mark: node.mark,
        })
    }

    /// The entries of a mapping; what is given twice is reported.
    pub(super) fn entries<'n>(&mut self, node: &'n Node, path: &Path) -> Option<&'n [Entry]> {
        let NodeKind::Mapping(entries) = &node.kind else {
            self.expected("a mapping", node, path);
            return None;
        };
        for entry in entries {
            let pointer = path.field(&entry.key).pointer;
            self.locations.insert(
                format!("{}#{pointer}", self.file),
                self.file,
                entry.key_mark,
            );
            if let Some(first) = entry.replaced {
                let message = format!(
                    "{:?} is given twice; the first, in line {}, is ignored",
                    entry.key, first.line
                );
                let location = Location::at(self.file, entry.key_mark);
                self.diagnostics
                    .push(Diagnostic::warning(DUPLICATE_KEY, message).at(location));
            }
        }
        Some(entries)
    }

    /// The items of a list with their paths. Absent or null is the empty list.
    pub(super) fn items<'n>(&mut self, node: Option<(&'n Node, Path)>) -> Vec<(&'n Node, Path)> {
        let Some((node, path)) = node else {
            return Vec::new();
        };
        let NodeKind::Sequence(items) = &node.kind else {
            self.expected("a list", node, &path);
            return Vec::new();
        };
        items
            .iter()
            .enumerate()
            .map(|(index, item)| {
                let path = path.item(index);
                let address = format!("{}#{}", self.file, path.pointer);
                self.locations.insert(address, self.file, item.mark);
                (item, path)
            })
            .collect()
    }

    /// A list of texts.
    pub(super) fn texts(&mut self, node: Option<(&Node, Path)>) -> Vec<String> {
        self.items(node)
            .into_iter()
            .filter_map(|(node, path)| self.text(Some((node, path))))
            .collect()
    }

    /// A text. Numbers and booleans are taken as upstream takes them, with a warning where that
    /// may not be what was meant.
    pub(super) fn text(&mut self, node: Option<(&Node, Path)>) -> Option<String> {
        let (node, path) = node?;
        match &node.kind {
            NodeKind::Scalar(Value::String(text)) => Some(text.clone()),
            NodeKind::Scalar(Value::Null) => None,
            NodeKind::Scalar(value @ (Value::Number(_) | Value::Bool(_))) => {
                self.warn_if_changed(node, &path);
                Some(scalar_text(value))
            }
            _ => {
                self.expected("a string", node, &path);
                None
            }
        }
    }

    /// Warns about a number or boolean that stands where a text is wanted, if it is not the text
    /// that is written: `1.20` is 1.2, and `0755` is 493.
    pub(super) fn warn_if_changed(&mut self, node: &Node, path: &Path) {
        let (NodeKind::Scalar(value), Some(written)) = (&node.kind, &node.written) else {
            return;
        };
        let text = scalar_text(value);
        if text == *written {
            return;
        }
        let message = format!("{}{written} is read as {text:?}", path.what());
        let warning = Diagnostic::warning(UNQUOTED_TEXT, message)
            .at(Location::at(self.file, node.mark))
            .hint("put it in quotes to have it as it is written");
        self.diagnostics.push(warning);
    }

    /// A text that must be there and not be empty.
    pub(super) fn required_text(&mut self, fields: &Fields<'_>, key: &str) -> String {
        let node = fields.get(key);
        let wrong_type = node
            .as_ref()
            .is_some_and(|(node, _)| !matches!(node.kind, NodeKind::Scalar(_)));
        let text = self.text(node).unwrap_or_default();
        if text.is_empty() && !wrong_type {
            self.error(
                STRUCTURE,
                &fields.path,
                fields.mark,
                &format!("{key:?} is missing"),
            );
        }
        text
    }

    /// True or false.
    pub(super) fn boolean(&mut self, node: Option<(&Node, Path)>) -> Option<bool> {
        let (node, path) = node?;
        match &node.kind {
            NodeKind::Scalar(Value::Bool(value)) => Some(*value),
            NodeKind::Scalar(Value::String(text))
                if crate::parameter::parse_bool(text).is_some() =>
            {
                self.expected("true or false", node, &path);
                self.hint("leave the quotes out".to_owned());
                None
            }
            _ => {
                self.expected("true or false", node, &path);
                None
            }
        }
    }

    /// A whole number.
    pub(super) fn integer(&mut self, node: Option<(&Node, Path)>) -> Option<i64> {
        let (node, path) = node?;
        if let NodeKind::Scalar(Value::Number(number)) = &node.kind
            && let Some(value) = number.as_i64()
        {
            return Some(value);
        }
        self.expected("an integer", node, &path);
        None
    }

    /// One of a few words.
    pub(super) fn word<T>(
        &mut self,
        node: Option<(&Node, Path)>,
        words: &[&str],
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let (node, path) = node?;
        let text = self.text(Some((node, path.clone())))?;
        if text.is_empty() {
            return None;
        }
        let value = parse(&text);
        if value.is_none() {
            let message = format!("{text:?} is not one of {}", words.join(", "));
            self.error(STRUCTURE, &path, node.mark, &message);
            if let Some(word) = nearest(&text, words.iter().copied()) {
                self.hint(format!("did you mean {word:?}?"));
            }
        }
        value
    }
}

fn is_null(node: &Node) -> bool {
    matches!(node.kind, NodeKind::Scalar(Value::Null))
}

fn describe(node: &Node) -> String {
    match &node.kind {
        NodeKind::Scalar(Value::String(text)) if text.chars().count() <= 40 => {
            format!("the string {text:?}")
        }
        NodeKind::Scalar(Value::String(_)) => "a long string".to_owned(),
        NodeKind::Scalar(Value::Null) => "nothing".to_owned(),
        NodeKind::Scalar(value) => value.to_string(),
        NodeKind::Sequence(_) => "a list".to_owned(),
        NodeKind::Mapping(_) => "a mapping".to_owned(),
    }
}
