//! Sets of field paths, in the form in which objects carry them (`fieldsV1`).
//!
//! An element of a path is its text there: `f:spec` for a field, `k:{"name":"web"}` for an item that
//! is told apart by keys, `v:"a"` for an item of a set. A path may be a member without its parents
//! being members.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::schema::TypeRef;

/// A set of paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FieldSet {
    members: BTreeSet<String>,
    children: BTreeMap<String, FieldSet>,
}

impl FieldSet {
    /// Reads `fieldsV1`; what is no object holds nothing.
    pub(super) fn from_fields(fields: &Value) -> Self {
        let mut set = Self::default();
        for (element, below) in fields.as_object().into_iter().flatten() {
            if element == "." {
                continue;
            }
            let inner = Self::from_fields(below);
            let is_leaf = below.as_object().is_none_or(Map::is_empty);
            if is_leaf || below.get(".").is_some() {
                set.members.insert(element.clone());
            }
            if !inner.is_empty() {
                set.children.insert(element.clone(), inner);
            }
        }
        set
    }

    /// Writes `fieldsV1`.
    pub(super) fn to_fields(&self) -> Value {
        let mut fields = Map::new();
        for member in &self.members {
            fields.insert(member.clone(), Value::Object(Map::new()));
        }
        for (element, inner) in &self.children {
            let mut below = inner.to_fields();
            if self.members.contains(element) {
                below["."] = Value::Object(Map::new());
            }
            fields.insert(element.clone(), below);
        }
        Value::Object(fields)
    }

    /// What is below an element is never empty, so nothing below need be asked.
    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty() && self.children.is_empty()
    }

    /// Takes the element itself as a member.
    pub(super) fn add(&mut self, element: &str) {
        self.members.insert(element.to_owned());
    }

    /// Puts a set below an element that has nothing below it yet.
    pub(super) fn nest(&mut self, element: &str, below: Self) {
        if !below.is_empty() {
            self.children.insert(element.to_owned(), below);
        }
    }

    pub(super) fn insert(&mut self, path: &[String]) {
        match path {
            [] => {}
            [last] => {
                self.members.insert(last.clone());
            }
            [first, rest @ ..] => self.children.entry(first.clone()).or_default().insert(rest),
        }
    }

    /// Whether a path is a member.
    pub(super) fn contains(&self, path: &[String]) -> bool {
        match path {
            [] => false,
            [last] => self.has(last),
            [first, rest @ ..] => self.below(first).is_some_and(|below| below.contains(rest)),
        }
    }

    /// Whether the element itself is a member.
    pub(super) fn has(&self, element: &str) -> bool {
        self.members.contains(element)
    }

    /// What is below an element.
    pub(super) fn below(&self, element: &str) -> Option<&Self> {
        self.children.get(element)
    }

    pub(super) fn union(&self, other: &Self) -> Self {
        let mut set = self.clone();
        set.extend(other);
        set
    }

    fn extend(&mut self, other: &Self) {
        self.members.extend(other.members.iter().cloned());
        for (element, inner) in &other.children {
            let own = self.children.entry(element.clone()).or_default();
            own.extend(inner);
        }
    }

    pub(super) fn intersection(&self, other: &Self) -> Self {
        Self {
            members: self.members.intersection(&other.members).cloned().collect(),
            children: self.children(|element, inner| {
                other
                    .children
                    .get(element)
                    .map(|other| inner.intersection(other))
            }),
        }
    }

    pub(super) fn difference(&self, other: &Self) -> Self {
        Self {
            members: self.members.difference(&other.members).cloned().collect(),
            children: self.children(|element, inner| {
                Some(match other.children.get(element) {
                    Some(other) => inner.difference(other),
                    None => inner.clone(),
                })
            }),
        }
    }

    /// The set with each declared field above a member as a member of its own.
    pub(super) fn with_declared(&self, ty: &TypeRef) -> Self {
        let mut set = Self {
            members: self.members.clone(),
            children: BTreeMap::new(),
        };
        for (element, inner) in &self.children {
            let name = element.strip_prefix("f:");
            if name.is_some_and(|name| ty.field(name).is_some()) {
                set.add(element);
            }
            let below = match name {
                Some(name) => ty.child(name),
                None => ty.items(),
            };
            let inner = match below {
                Some(below) => inner.with_declared(below),
                None => inner.clone(),
            };
            set.nest(element, inner);
        }
        set
    }

    /// Every member, as messages show it: `.spec.containers[name="web"].image`.
    pub(super) fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.collect(&mut paths, &mut String::new());
        paths
    }

    fn collect(&self, paths: &mut Vec<String>, prefix: &mut String) {
        for member in &self.members {
            paths.push(format!("{prefix}{}", shown(member)));
        }
        let above = prefix.len();
        for (element, inner) in &self.children {
            prefix.push_str(&shown(element));
            inner.collect(paths, prefix);
            prefix.truncate(above);
        }
    }

    fn children(&self, change: impl Fn(&String, &Self) -> Option<Self>) -> BTreeMap<String, Self> {
        self.children
            .iter()
            .filter_map(|(element, inner)| Some((element.clone(), change(element, inner)?)))
            .filter(|(_, inner)| !inner.is_empty())
            .collect()
    }
}

/// An element as messages show it.
pub(super) fn shown(element: &str) -> String {
    let (kind, rest) = element.split_once(':').unwrap_or_default();
    match kind {
        "f" => format!(".{rest}"),
        "v" => format!("[={rest}]"),
        "k" => {
            let keys: Map<String, Value> = serde_json::from_str(rest).unwrap_or_default();
            let keys: Vec<String> = keys
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            format!("[{}]", keys.join(","))
        }
        _ => format!("[{rest}]"),
    }
}
