//! A composed tree to resolved nodes: aliases followed, merge keys merged, keys made text.

use std::collections::{HashMap, HashSet};

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Number, Value};

use super::compose::{NodeId, RawKind, Tree};
use super::resolve::{Scalar, TAG_PREFIX, resolve, resolve_tagged};
use super::{Entry, MAX_DEPTH, Mark, Node, NodeKind, YamlError};

/// Nodes up to which nearly all may come from aliases.
const FREE_NODES: f64 = 400_000.0;
/// Nodes from which on only a tenth may come from aliases.
const MANY_NODES: f64 = 4_000_000.0;

/// Padding is needed, bits that mean nothing are not looked at, as in Go.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// Resolves a whole document. A text without a document is null.
pub(super) fn decode(tree: &Tree) -> Result<Node, YamlError> {
    let Some(root) = tree.root else {
        let mark = Mark { line: 1, column: 1 };
        return Ok(Node {
            kind: NodeKind::Scalar(Value::Null),
            mark,
            written: None,
        });
    };
    let mut decoder = Decoder {
        tree,
        nodes: 1.0,
        alias_nodes: 0.0,
        open_aliases: HashSet::new(),
        depth: 0,
    };
    decoder.node(root)
}

struct Decoder<'t> {
    tree: &'t Tree,
    /// Nodes decoded so far, each time an alias repeats them counted.
    nodes: f64,
    /// Those of them that are there through aliases.
    alias_nodes: f64,
    open_aliases: HashSet<NodeId>,
    depth: usize,
}

impl Decoder<'_> {
    fn node(&mut self, id: NodeId) -> Result<Node, YamlError> {
        let raw = &self.tree.nodes[id];
        let mark = raw.mark;
        self.count(mark)?;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(YamlError::too_deep(mark));
        }
        let kind = match &raw.kind {
            RawKind::Alias { name, target } => self.alias(id, name, *target)?,
            RawKind::Scalar { value, tag, plain } => {
                NodeKind::Scalar(scalar_value(value, tag, *plain, mark)?)
            }
            RawKind::Sequence(items) => NodeKind::Sequence(self.sequence(items)?),
            RawKind::Mapping(pairs) => NodeKind::Mapping(self.mapping(pairs)?.entries),
        };
        self.depth -= 1;
        let written = match (&kind, &raw.kind) {
            (
                NodeKind::Scalar(Value::Number(_) | Value::Bool(_)),
                RawKind::Scalar { value, .. },
            ) => Some(value.clone()),
            _ => None,
        };
        Ok(Node {
            kind,
            mark,
            written,
        })
    }

    // A loop and not `collect`, which would need many frames of the stack for each level.
    fn sequence(&mut self, items: &[NodeId]) -> Result<Vec<Node>, YamlError> {
        let mut nodes = Vec::with_capacity(items.len());
        for item in items {
            nodes.push(self.node(*item)?);
        }
        Ok(nodes)
    }

    /// Bounds what aliases may blow up: nearly everything may come from them in small documents,
    /// little of it in large ones.
    fn count(&mut self, mark: Mark) -> Result<(), YamlError> {
        self.nodes += 1.0;
        if !self.open_aliases.is_empty() {
            self.alias_nodes += 1.0;
        }
        let beyond = ((self.nodes - FREE_NODES) / (MANY_NODES - FREE_NODES)).clamp(0.0, 1.0);
        let allowed = 0.99 - 0.89 * beyond;
        if self.alias_nodes > 100.0
            && self.nodes > 1000.0
            && self.alias_nodes / self.nodes > allowed
        {
            return Err(YamlError::new(
                mark,
                "aliases make this document far too large",
            ));
        }
        Ok(())
    }

    fn alias(&mut self, id: NodeId, name: &str, target: NodeId) -> Result<NodeKind, YamlError> {
        if !self.open_aliases.insert(id) {
            let mark = self.tree.nodes[id].mark;
            return Err(YamlError::new(
                mark,
                format!("anchor {name:?} contains itself"),
            ));
        }
        let node = self.node(target)?;
        self.open_aliases.remove(&id);
        Ok(node.kind)
    }

    fn mapping(&mut self, pairs: &[(NodeId, NodeId)]) -> Result<Entries, YamlError> {
        let mut entries = Entries::default();
        for (key, value) in pairs {
            if self.is_merge(*key) {
                self.merge(*value, &mut entries)?;
                continue;
            }
            let key = self.key(*key)?;
            let value = self.node(*value)?;
            entries.set(Entry {
                key: key.0,
                key_mark: key.1,
                value,
                replaced: None,
            });
        }
        Ok(entries)
    }

    fn is_merge(&self, key: NodeId) -> bool {
        match &self.tree.nodes[key].kind {
            RawKind::Scalar { value, tag, plain } => {
                value == "<<" && (*plain || tag.strip_prefix(TAG_PREFIX) == Some("merge"))
            }
            _ => false,
        }
    }

    /// Sets the entries of a mapping, or of a list of mappings, the earlier of which win.
    fn merge(&mut self, value: NodeId, entries: &mut Entries) -> Result<(), YamlError> {
        let sources = match &self.tree.nodes[value].kind {
            RawKind::Sequence(items) => items.iter().rev().copied().collect(),
            _ => vec![value],
        };
        for source in sources {
            let target = match &self.tree.nodes[source].kind {
                RawKind::Alias { target, .. } => *target,
                _ => source,
            };
            if !matches!(self.tree.nodes[target].kind, RawKind::Mapping(_)) {
                let mark = self.tree.nodes[source].mark;
                return Err(YamlError::new(
                    mark,
                    "'<<' needs a mapping or a list of mappings",
                ));
            }
            let node = self.node(source)?;
            if let NodeKind::Mapping(merged) = node.kind {
                for entry in merged {
                    entries.merge(entry);
                }
            }
        }
        Ok(())
    }

    /// A key as the text that JSON needs.
    fn key(&mut self, id: NodeId) -> Result<(String, Mark), YamlError> {
        let mark = self.tree.nodes[id].mark;
        let raw = match &self.tree.nodes[id].kind {
            RawKind::Alias { target, .. } => &self.tree.nodes[*target].kind,
            kind => kind,
        };
        self.count(mark)?;
        let RawKind::Scalar { value, tag, plain } = raw else {
            return Err(YamlError::new(mark, "a mapping or list can't be a key"));
        };
        let scalar = scalar_of(value, tag, *plain, mark)?;
        let text = match scalar {
            Scalar::Null => return Err(YamlError::new(mark, "null can't be a key")),
            Scalar::Uint(_) => {
                return Err(YamlError::new(mark, "this number is too large for a key"));
            }
            Scalar::Bool(bool) => bool.to_string(),
            Scalar::Int(int) => int.to_string(),
            Scalar::Float(float) => float_key(float),
            Scalar::Str | Scalar::Timestamp => string_value(value, tag, mark)?,
        };
        Ok((text, mark))
    }
}

/// The entries of a mapping in order, with fast access by key.
#[derive(Default)]
struct Entries {
    entries: Vec<Entry>,
    by_key: HashMap<String, usize>,
}

impl Entries {
    /// Sets an entry; one with the same key is replaced and remembered as a mistake.
    fn set(&mut self, mut entry: Entry) {
        if let Some(&index) = self.by_key.get(&entry.key) {
            entry.replaced = Some(self.entries[index].key_mark);
            self.entries[index] = entry;
        } else {
            self.by_key.insert(entry.key.clone(), self.entries.len());
            self.entries.push(entry);
        }
    }

    /// Sets an entry from a merge, where replacing is no mistake.
    fn merge(&mut self, entry: Entry) {
        let entry = Entry {
            replaced: None,
            ..entry
        };
        if let Some(&index) = self.by_key.get(&entry.key) {
            self.entries[index] = entry;
        } else {
            self.set(entry);
        }
    }
}

fn scalar_of(value: &str, tag: &str, plain: bool, mark: Mark) -> Result<Scalar, YamlError> {
    if tag.is_empty() {
        return Ok(if plain { resolve(value) } else { Scalar::Str });
    }
    resolve_tagged(tag, value).ok_or_else(|| {
        let short = tag.replacen(TAG_PREFIX, "!!", 1);
        YamlError::new(mark, format!("{value:?} is not of type {short}"))
    })
}

fn scalar_value(value: &str, tag: &str, plain: bool, mark: Mark) -> Result<Value, YamlError> {
    Ok(match scalar_of(value, tag, plain, mark)? {
        Scalar::Null => Value::Null,
        Scalar::Bool(bool) => Value::Bool(bool),
        Scalar::Int(int) => Value::from(int),
        Scalar::Uint(uint) => Value::from(uint),
        Scalar::Float(float) => json_number(float).map(Value::Number).ok_or_else(|| {
            YamlError::new(
                mark,
                format!("{value} has no place in JSON, so Kubernetes refuses it"),
            )
        })?,
        Scalar::Str | Scalar::Timestamp => Value::String(string_value(value, tag, mark)?),
    })
}

fn string_value(value: &str, tag: &str, mark: Mark) -> Result<String, YamlError> {
    if tag.strip_prefix(TAG_PREFIX) != Some("binary") {
        return Ok(value.to_owned());
    }
    let packed: String = value
        .chars()
        .filter(|c| !matches!(c, '\r' | '\n'))
        .collect();
    let bytes = BASE64
        .decode(packed)
        .map_err(|_| YamlError::new(mark, "!!binary needs valid base64"))?;
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    Ok(text)
}

/// The number that JSON text of this float is read as: an integer if it has no fraction and is
/// not written with an exponent. `None` for what JSON can't hold.
fn json_number(float: f64) -> Option<Number> {
    let integral = float.fract() == 0.0 && float.abs() < 1e21;
    if integral && !(float == 0.0 && float.is_sign_negative()) {
        let text = float.to_string();
        if let Ok(int) = text.parse::<i64>() {
            return Some(int.into());
        }
        if let Ok(uint) = text.parse::<u64>() {
            return Some(uint.into());
        }
    }
    Number::from_f64(float)
}

/// A float as a key: with the precision of 32 bits, as Kubernetes writes it.
#[expect(clippy::cast_possible_truncation, reason = "the precision is 32 bits")]
fn float_key(float: f64) -> String {
    match float as f32 {
        f32::INFINITY => ".inf".to_owned(),
        f32::NEG_INFINITY => "-.inf".to_owned(),
        float if float.is_nan() => ".nan".to_owned(),
        float => super::float::shortest(&format!("{float:e}")),
    }
}
