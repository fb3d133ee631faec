//! Slices and maps.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use super::{Text, Value};

/// Type of a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListType {
    Any,
    Text,
    Int,
    /// `[][]interface {}`, which only `chunk` gives.
    Lists,
}

impl ListType {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Any => "[]interface {}",
            Self::Text => "[]string",
            Self::Int => "[]int",
            Self::Lists => "[][]interface {}",
        }
    }
}

/// A slice. Sprig copies slices rather than changing them, so its elements never change.
#[derive(Clone)]
pub(crate) struct List {
    list_type: ListType,
    /// None is Go's nil slice: prints as an empty one, but is `null` in JSON.
    items: Option<Rc<Items>>,
}

impl List {
    pub(crate) fn new(list_type: ListType, items: Vec<Value>) -> Self {
        Self {
            list_type,
            items: Some(Rc::new(Items(items))),
        }
    }

    pub(crate) fn any(items: Vec<Value>) -> Self {
        Self::new(ListType::Any, items)
    }

    pub(crate) fn texts<T: Into<Text>>(items: impl IntoIterator<Item = T>) -> Self {
        let items = items.into_iter().map(|item| Value::Text(item.into()));
        Self::new(ListType::Text, items.collect())
    }

    pub(crate) fn nil(list_type: ListType) -> Self {
        Self {
            list_type,
            items: None,
        }
    }

    pub(crate) fn list_type(&self) -> ListType {
        self.list_type
    }

    pub(crate) fn is_nil(&self) -> bool {
        self.items.is_none()
    }

    pub(crate) fn items(&self) -> &[Value] {
        self.items.as_ref().map_or(&[], |items| &items.0)
    }

    pub(crate) fn len(&self) -> usize {
        self.items().len()
    }

    /// Whether both are the same slice in memory.
    pub(crate) fn same(&self, other: &Self) -> bool {
        match (&self.items, &other.items) {
            (Some(a), Some(b)) => Rc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        }
    }
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.list_type.name(), self.len())
    }
}

/// Type of a map; keys are strings in all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MapType {
    Any,
    Text,
}

impl MapType {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Any => "map[string]interface {}",
            Self::Text => "map[string]string",
        }
    }
}

/// A map. Clones share the entries, as in Go.
#[derive(Clone)]
pub(crate) struct Map {
    map_type: MapType,
    entries: Rc<Entries>,
}

impl Map {
    pub(crate) fn new(map_type: MapType, entries: BTreeMap<Text, Value>) -> Self {
        Self {
            map_type,
            entries: Rc::new(Entries(RefCell::new(entries))),
        }
    }

    pub(crate) fn any(entries: BTreeMap<Text, Value>) -> Self {
        Self::new(MapType::Any, entries)
    }

    pub(crate) fn map_type(&self) -> MapType {
        self.map_type
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.0.borrow().len()
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<Value> {
        self.entries.0.borrow().get(key).cloned()
    }

    pub(crate) fn contains(&self, key: &[u8]) -> bool {
        self.entries.0.borrow().contains_key(key)
    }

    pub(crate) fn set(&self, key: Text, value: Value) {
        // The old value is dropped after the borrow ends: dropping it may reach this map again.
        let old = self.entries.0.borrow_mut().insert(key, value);
        drop(old);
    }

    pub(crate) fn remove(&self, key: &[u8]) {
        let old = self.entries.0.borrow_mut().remove(key);
        drop(old);
    }

    /// Removes all entries; breaks cycles at the end of a render.
    pub(crate) fn clear(&self) {
        let old = std::mem::take(&mut *self.entries.0.borrow_mut());
        drop(old);
    }

    pub(crate) fn keys(&self) -> Vec<Text> {
        self.entries.0.borrow().keys().cloned().collect()
    }

    /// The entries in the order of their keys, at this moment.
    pub(crate) fn entries(&self) -> Vec<(Text, Value)> {
        let entries = self.entries.0.borrow();
        entries
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }

    /// Whether both are the same map in memory.
    pub(crate) fn same(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.entries, &other.entries)
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.map_type.name(), self.len())
    }
}

struct Items(Vec<Value>);

impl Drop for Items {
    fn drop(&mut self) {
        dismantle(std::mem::take(&mut self.0));
    }
}

struct Entries(RefCell<BTreeMap<Text, Value>>);

impl Drop for Entries {
    fn drop(&mut self) {
        dismantle(std::mem::take(self.0.get_mut()).into_values().collect());
    }
}

/// Drops values without recursion, so that a value nested a million levels deep does not overflow
/// the stack.
fn dismantle(mut pending: Vec<Value>) {
    while let Some(value) = pending.pop() {
        match value {
            Value::List(List {
                items: Some(items), ..
            }) => {
                if let Some(mut items) = Rc::into_inner(items) {
                    pending.append(&mut items.0);
                }
            }
            Value::Map(Map { entries, .. }) => {
                if let Some(mut entries) = Rc::into_inner(entries) {
                    pending.extend(std::mem::take(entries.0.get_mut()).into_values());
                }
            }
            _ => {}
        }
    }
}
