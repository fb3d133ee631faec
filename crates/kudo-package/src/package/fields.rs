//! The fields that a mapping of a package file may have, and what stands in their places.
//!
//! A field whose name is nearly that of one that is not there is taken for it: the mistake is
//! reported once, and what the field holds is looked at all the same.

use serde_json::Value;

use crate::suggest::nearest;
use crate::yaml::{Entry, Mark, Node, NodeKind};

/// A field that a mapping may have.
pub(super) struct Field {
    pub(super) name: &'static str,
    shape: Shape,
    /// Whether something is missing without it.
    needed: bool,
    /// Whether it is for people alone: nothing that runs depends on it.
    prose: bool,
}

/// What a field holds.
#[derive(Clone, Copy, PartialEq)]
enum Shape {
    Scalar,
    List,
    Mapping,
    Any,
}

impl Field {
    /// A text, number or boolean.
    pub(super) const fn scalar(name: &'static str) -> Self {
        Self::new(name, Shape::Scalar, false)
    }

    /// A text that must be there.
    pub(super) const fn needed(name: &'static str) -> Self {
        Self::new(name, Shape::Scalar, true)
    }

    /// A text for people, on which nothing depends that runs.
    pub(super) const fn prose(name: &'static str) -> Self {
        Self {
            prose: true,
            ..Self::new(name, Shape::Scalar, false)
        }
    }

    pub(super) const fn list(name: &'static str) -> Self {
        Self::new(name, Shape::List, false)
    }

    pub(super) const fn mapping(name: &'static str) -> Self {
        Self::new(name, Shape::Mapping, false)
    }

    pub(super) const fn any(name: &'static str) -> Self {
        Self::new(name, Shape::Any, false)
    }

    const fn new(name: &'static str, shape: Shape, needed: bool) -> Self {
        Self {
            name,
            shape,
            needed,
            prose: false,
        }
    }

    /// Whether a value could be this field's.
    fn fits(&self, value: &Node) -> bool {
        match &value.kind {
            NodeKind::Scalar(Value::Null) => false,
            NodeKind::Scalar(_) => matches!(self.shape, Shape::Scalar | Shape::Any),
            NodeKind::Sequence(_) => matches!(self.shape, Shape::List | Shape::Any),
            NodeKind::Mapping(_) => matches!(self.shape, Shape::Mapping | Shape::Any),
        }
    }
}

/// A place in the tree: the address by which it is found again, and a name for people.
#[derive(Clone)]
pub(super) struct Path {
    pub(super) pointer: String,
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
        self.field_as(key, key)
    }

    /// A field that is written otherwise than it should be.
    fn field_as(&self, key: &str, written: &str) -> Self {
        let dot = if self.name.is_empty() { "" } else { "." };
        let escaped = key.replace('~', "~0").replace('/', "~1");
        Self {
            pointer: format!("{}/{escaped}", self.pointer),
            name: format!("{}{dot}{written}", self.name),
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

    /// What a message about the place begins with.
    pub(super) fn what(&self) -> String {
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
    /// Fields that are not there, with the entries that were meant to be them.
    meant: Vec<(&'static str, &'n Entry)>,
    pub(super) path: Path,
    pub(super) mark: Mark,
}

impl<'n> Fields<'n> {
    /// The value of a field, unless it is absent or null.
    pub(super) fn get(&self, key: &str) -> Option<(&'n Node, Path)> {
        if let Some(entry) = self.entries.iter().find(|entry| entry.key == key) {
            return (!is_null(&entry.value)).then(|| (&entry.value, self.path.field(key)));
        }
        let (_, entry) = self.meant.iter().find(|(name, _)| *name == key)?;
        Some((&entry.value, self.path.field_as(key, &entry.key)))
    }
}

/// What is to be said about a field that does not exist.
pub(super) struct Unknown<'n> {
    pub(super) entry: &'n Entry,
    pub(super) hint: String,
    /// Whether it was taken for a text for people.
    pub(super) prose: bool,
}

/// The fields of a mapping, compared with those that it may have.
pub(super) struct Sorted<'n> {
    pub(super) fields: Fields<'n>,
    pub(super) unknown: Vec<Unknown<'n>>,
    /// Fields that an entry was taken for, with the place of that entry's key.
    pub(super) meant: Vec<(&'static str, Mark)>,
    /// Fields that are not there, but that one of the unknown ones may be meant to be.
    pub(super) unread: Vec<&'static str>,
}

/// Tells known fields from unknown ones.
pub(super) fn sort<'n>(
    entries: &'n [Entry],
    path: &Path,
    mark: Mark,
    known: &'static [Field],
) -> Sorted<'n> {
    let mut sorting = Sorting {
        known,
        absent: known
            .iter()
            .filter(|field| !entries.iter().any(|entry| entry.key == field.name))
            .collect(),
        sorted: Sorted {
            fields: Fields {
                entries,
                meant: Vec::new(),
                path: path.clone(),
                mark,
            },
            unknown: Vec::new(),
            meant: Vec::new(),
            unread: Vec::new(),
        },
    };
    let is_known = |entry: &Entry| known.iter().any(|field| field.name == entry.key);
    let unknown: Vec<&Entry> = entries.iter().filter(|entry| !is_known(entry)).collect();
    // What is needed first: another unknown field may be near to it too.
    let mut hints: Vec<Option<String>> = unknown
        .iter()
        .map(|entry| sorting.take_for_needed(entry))
        .collect();
    for (entry, hint) in unknown.iter().zip(&mut hints) {
        if hint.is_none() {
            *hint = sorting.take_for_optional(entry);
        }
    }
    for (entry, hint) in unknown.into_iter().zip(hints) {
        let hint = hint.unwrap_or_else(|| sorting.leave(entry));
        let prose = sorting.is_prose(entry);
        sorting.sorted.unknown.push(Unknown { entry, hint, prose });
    }
    sorting.sorted
}

struct Sorting<'n> {
    known: &'static [Field],
    /// Fields that are not there, and for which no entry was taken yet.
    absent: Vec<&'static Field>,
    sorted: Sorted<'n>,
}

impl<'n> Sorting<'n> {
    /// Takes an entry for a field that is missing; gives the hint if there is one.
    fn take_for_needed(&mut self, entry: &'n Entry) -> Option<String> {
        let needed = self.absent.iter().filter(|field| field.needed);
        let near = nearest(&entry.key, needed.map(|field| field.name))?;
        Some(self.take(entry, near))
    }

    /// The same for any field that is not there, if it can't be one that is missing.
    fn take_for_optional(&mut self, entry: &'n Entry) -> Option<String> {
        if !self.missing(entry).is_empty() {
            return None;
        }
        let near = nearest(&entry.key, self.absent.iter().map(|field| field.name))?;
        Some(self.take(entry, near))
    }

    fn take(&mut self, entry: &'n Entry, near: &'static str) -> String {
        if let Some(index) = self.absent.iter().position(|field| field.name == near) {
            let field = self.absent.remove(index);
            if field.fits(&entry.value) {
                self.sorted.fields.meant.push((field.name, entry));
                self.sorted.meant.push((field.name, entry.key_mark));
            } else {
                self.sorted.unread.push(field.name);
            }
        }
        did_you_mean(near)
    }

    /// Whether an entry was taken for a text for people.
    fn is_prose(&self, entry: &Entry) -> bool {
        let mut meant = self.sorted.fields.meant.iter();
        let taken = meant.find(|(_, taken)| std::ptr::eq(*taken, entry));
        let mut known = self.known.iter();
        taken.is_some_and(|(name, _)| known.any(|field| field.prose && field.name == *name))
    }

    /// Leaves an entry alone, which may be any of the fields that are not there.
    fn leave(&mut self, entry: &Entry) -> String {
        let names = || self.known.iter().map(|field| field.name);
        let absent = self.absent.iter().map(|field| field.name);
        let near_absent = nearest(&entry.key, absent);
        let near = near_absent.or_else(|| nearest(&entry.key, names()));
        if let Some(near) = near.filter(|_| near_absent.is_none()) {
            return did_you_mean(near);
        }
        let missing = self.missing(entry);
        let hint = near.map_or_else(
            || {
                format!(
                    "the fields here are {}",
                    names().collect::<Vec<_>>().join(", ")
                )
            },
            did_you_mean,
        );
        let fitting = self.absent.iter().filter(|field| field.fits(&entry.value));
        self.sorted.unread.extend(fitting.map(|field| field.name));
        match missing.len() {
            0 => hint,
            1 => format!("{} is missing; {hint}", missing.concat()),
            _ => format!("{} are missing; {hint}", missing.join(" and ")),
        }
    }

    /// The needed fields, as they are quoted, that are missing and that an entry could be.
    fn missing(&self, entry: &Entry) -> Vec<String> {
        let absent = self.absent.iter();
        absent
            .filter(|field| field.needed && field.fits(&entry.value))
            .map(|field| format!("{:?}", field.name))
            .collect()
    }
}

fn did_you_mean(name: &str) -> String {
    format!("did you mean {name:?}?")
}

pub(super) fn is_null(node: &Node) -> bool {
    matches!(node.kind, NodeKind::Scalar(Value::Null))
}
