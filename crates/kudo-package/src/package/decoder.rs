//! Typed access to the nodes of a package file: every mistake becomes a diagnostic with its place,
//! and decoding goes on. What could not be read is marked in [`Locations`], so that nothing is said
//! about it a second time.

use serde_json::Value;

use super::Locations;
use super::fields::{Field, Fields, Path, Sorted, is_null, sort};
use super::params_file::scalar_text;
use crate::diagnostic::{Diagnostic, Location};
use crate::suggest::nearest;
use crate::yaml::{self, Entry, Mark, Node, NodeKind, YamlError};

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

impl Decoder<'_> {
    /// Reads the file's text.
    pub(super) fn parse(&mut self, bytes: &[u8]) -> Option<Node> {
        let root = Path::root();
        let text = match text_of(self.file, bytes) {
            Ok(text) => text,
            Err(diagnostic) => {
                self.diagnostics.push(diagnostic);
                self.unread(&root);
                return None;
            }
        };
        match yaml::parse_node(text) {
            Ok(node) => {
                self.locations
                    .insert(self.address(&root), self.file, node.mark);
                if let Err(error) = yaml::refuse_more(text) {
                    self.syntax(error);
                }
                Some(node)
            }
            Err(error) => {
                self.syntax(error);
                self.unread(&root);
                None
            }
        }
    }

    fn syntax(&mut self, error: YamlError) {
        let hint = error.hint();
        let location = Location::at(self.file, error.mark);
        self.diagnostics.push(Diagnostic {
            hint,
            ..Diagnostic::error(SYNTAX, error.message).at(location)
        });
    }

    fn address(&self, path: &Path) -> String {
        format!("{}#{}", self.file, path.pointer)
    }

    /// Remembers that a part could not be read.
    pub(super) fn unread(&mut self, path: &Path) {
        let address = self.address(path);
        self.locations.mark_unread(address);
    }

    pub(super) fn is_unread(&self, path: &Path) -> bool {
        self.locations.is_unread(&self.address(path))
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

    /// Whether a part, or something in it, could not be read.
    pub(super) fn is_partly_unread(&self, path: &Path) -> bool {
        self.locations.is_partly_unread(&self.address(path))
    }

    fn expected(&mut self, expected: &str, node: &Node, path: &Path) {
        let message = format!("expected {expected}, found {}", describe(node));
        self.error(STRUCTURE, path, node.mark, &message);
        self.unread(path);
    }

    /// A mapping of which these fields are known.
    pub(super) fn fields<'n>(
        &mut self,
        node: &'n Node,
        path: &Path,
        known: &'static [Field],
    ) -> Option<Fields<'n>> {
        let entries = self.entries(node, path)?;
        let Sorted {
            fields,
            unknown,
            meant,
            unread,
        } = sort(entries, path, node.mark, known);
        for unknown in unknown {
            let message = format!("{}unknown field {:?}", path.what(), unknown.entry.key);
            let diagnostic = if unknown.prose {
                Diagnostic::warning(UNKNOWN_FIELD, message)
            } else {
                Diagnostic::error(UNKNOWN_FIELD, message)
            };
            let location = Location::at(self.file, unknown.entry.key_mark);
            self.diagnostics
                .push(diagnostic.at(location).hint(unknown.hint));
        }
        for (field, mark) in meant {
            let address = self.address(&path.field(field));
            self.locations.insert(address, self.file, mark);
        }
        for field in unread {
            self.unread(&path.field(field));
        }
        Some(fields)
    }

    /// The entries of a mapping; what is given twice is reported.
    pub(super) fn entries<'n>(&mut self, node: &'n Node, path: &Path) -> Option<&'n [Entry]> {
        let NodeKind::Mapping(entries) = &node.kind else {
            self.expected("a mapping", node, path);
            return None;
        };
        for entry in entries {
            let address = self.address(&path.field(&entry.key));
            self.locations.insert(address, self.file, entry.key_mark);
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
                let address = self.address(&path);
                self.locations.insert(address, self.file, item.mark);
                (item, path)
            })
            .collect()
    }

    /// A list of texts; those that can't be read are empty.
    pub(super) fn texts(&mut self, node: Option<(&Node, Path)>) -> Vec<String> {
        self.items(node)
            .into_iter()
            .map(|(node, path)| {
                if is_null(node) {
                    self.expected("a string", node, &path);
                }
                self.text(Some((node, path))).unwrap_or_default()
            })
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
        let text = self.text(fields.get(key)).unwrap_or_default();
        let path = fields.path.field(key);
        if text.is_empty() && !self.is_unread(&path) {
            self.error(
                STRUCTURE,
                &fields.path,
                fields.mark,
                &format!("{key:?} is missing"),
            );
            self.unread(&path);
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
                crate::parameter::parse_bool(text)
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

    /// One of a few words; one that is nearly one of them is taken for it.
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
        if let Some(value) = parse(&text) {
            return Some(value);
        }
        let message = format!("{text:?} is not one of {}", words.join(", "));
        self.error(STRUCTURE, &path, node.mark, &message);
        let near = nearest(&text, words.iter().copied());
        match near {
            Some(word) => self.hint(format!("did you mean {word:?}?")),
            None => self.unread(&path),
        }
        near.and_then(parse)
    }
}

/// The text of a file, or where it is none.
pub(super) fn text_of<'b>(file: &str, bytes: &'b [u8]) -> Result<&'b str, Diagnostic> {
    std::str::from_utf8(bytes).map_err(|error| {
        let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        let column = good.chars().rev().take_while(|c| *c != '\n').count();
        let mark = Mark {
            line: good.matches('\n').count() + 1,
            column: column + 1,
        };
        Diagnostic::error(SYNTAX, "the file is not UTF-8 text").at(Location::at(file, mark))
    })
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
