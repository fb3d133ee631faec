//! Values seen with their types: which paths they have, how two of them differ, how they merge.
//!
//! The rules are those of structured-merge-diff: a list or map that is atomic is one leaf; items of
//! other lists are told apart by keys or by value; what has no declared type is granular if it is an
//! object and atomic if it is a list.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::set::{FieldSet, shown};
use crate::schema::{Scalar, Topology, Type, TypeRef};

/// What differs between two values.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    pub(super) added: FieldSet,
    pub(super) modified: FieldSet,
    pub(super) removed: FieldSet,
}

/// How a value of a type is walked.
enum Shape<'a> {
    Leaf,
    Map,
    List(&'a TypeRef, &'a Topology),
}

fn shape<'a>(ty: &'a TypeRef, value: &Value) -> Shape<'a> {
    if ty.is_atomic() {
        return Shape::Leaf;
    }
    match (ty.get(), value) {
        (Type::List { items, topology }, Value::Array(_)) => Shape::List(items, topology),
        (Type::Object(_) | Type::Map { .. } | Type::Any, Value::Object(_)) => Shape::Map,
        _ => Shape::Leaf,
    }
}

/// The type below a key; what has none may be anything.
pub(super) fn child(ty: &TypeRef, key: &str) -> TypeRef {
    ty.child(key).cloned().unwrap_or_else(TypeRef::any)
}

/// The path element of a list's item.
pub(super) fn item_element(items: &TypeRef, topology: &Topology, item: &Value) -> String {
    let Topology::Map(keys) = topology else {
        return format!("v:{item}");
    };
    let found: BTreeMap<&String, Value> = keys
        .iter()
        .filter_map(|key| {
            let value = item.get(key).cloned();
            let value = value.or_else(|| items.field(key)?.key_default.clone())?;
            Some((key, value))
        })
        .collect();
    let found: Map<String, Value> = found
        .into_iter()
        .map(|(key, value)| (key.clone(), value))
        .collect();
    format!("k:{}", Value::Object(found))
}

/// Templates have a time that is never set; nobody owns it.
fn is_unset(key: &str, value: &Value) -> bool {
    key == "creationTimestamp" && value.is_null()
}

/// Every path that a value has.
pub(super) fn field_set(ty: &TypeRef, value: &Value) -> FieldSet {
    let mut set = FieldSet::default();
    match (shape(ty, value), value) {
        (Shape::Map, Value::Object(map)) => {
            for (key, value) in map.iter().filter(|(key, value)| !is_unset(key, value)) {
                let element = format!("f:{key}");
                let child = child(ty, key);
                let is_leaf = matches!(shape(&child, value), Shape::Leaf);
                let is_empty = value.is_null() || value.as_object().is_some_and(Map::is_empty);
                if is_leaf || is_empty || ty.field(key).is_none() {
                    set.add(&element);
                }
                set.nest(&element, field_set(&child, value));
            }
        }
        (Shape::List(items, topology), Value::Array(list)) => {
            let elements: Vec<String> = list
                .iter()
                .map(|item| item_element(items, topology, item))
                .collect();
            for (element, item) in elements.iter().zip(list) {
                set.add(element);
                // Items that are there twice are owned as they are, with nothing below them.
                if elements.iter().filter(|other| *other == element).count() == 1 {
                    set.nest(element, field_set(items, item));
                }
            }
        }
        _ => {}
    }
    set
}

/// What differs between two values of a type.
pub(super) fn compare(ty: &TypeRef, old: &Value, new: &Value) -> Comparison {
    differ_below(ty, Some(old), Some(new)).unwrap_or_default()
}

impl Comparison {
    /// Puts what differs below an element.
    fn nest(&mut self, element: &str, below: Self) {
        self.added.nest(element, below.added);
        self.modified.nest(element, below.modified);
        self.removed.nest(element, below.removed);
    }
}

/// Compares two values at an element of what they are in.
fn differ(
    ty: &TypeRef,
    old: Option<&Value>,
    new: Option<&Value>,
    element: &str,
    within: &mut Comparison,
) {
    let Some(below) = differ_below(ty, old, new) else {
        match (old, new) {
            (None, Some(_)) => within.added.add(element),
            (Some(_), None) => within.removed.add(element),
            (Some(old), Some(new)) if old != new => within.modified.add(element),
            _ => {}
        }
        return;
    };
    within.nest(element, below);
    match (old, new) {
        (None, _) => within.added.add(element),
        (_, None) => within.removed.add(element),
        _ => {}
    }
}

/// What differs in two values; none where they are compared as one, and where there is none.
fn differ_below(ty: &TypeRef, old: Option<&Value>, new: Option<&Value>) -> Option<Comparison> {
    let either = new.or(old)?;
    let is_empty = |value: Option<&Value>| match value {
        None | Some(Value::Null) => true,
        Some(Value::Object(map)) => map.is_empty(),
        Some(Value::Array(list)) => list.is_empty(),
        Some(_) => false,
    };
    let both_shapes = match (old, new) {
        (Some(old), Some(new)) => {
            old.is_object() == new.is_object() && old.is_array() == new.is_array()
        }
        _ => true,
    };
    if is_empty(old) && is_empty(new) || !both_shapes {
        return None;
    }
    let mut below = Comparison::default();
    match shape(ty, either) {
        Shape::Leaf => return None,
        Shape::Map => {
            let [old_map, new_map] = [old, new].map(|value| value.and_then(Value::as_object));
            let said = old_map.into_iter().chain(new_map).flatten();
            let said = said.filter(|(key, value)| !is_unset(key, value));
            let keys: BTreeSet<&String> = said.map(|(key, _)| key).collect();
            for key in keys {
                let [old, new] = [old_map, new_map].map(|map| map.and_then(|map| map.get(key)));
                differ(&child(ty, key), old, new, &format!("f:{key}"), &mut below);
            }
        }
        Shape::List(items, topology) => {
            let old = by_element(items, topology, old);
            let new = by_element(items, topology, new);
            let elements: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for element in elements {
                let found = (old.get(element), new.get(element));
                differ_items(items, found, element, &mut below);
            }
        }
    }
    Some(below)
}

fn differ_items<'a>(
    items: &TypeRef,
    (old, new): (Option<&Vec<&'a Value>>, Option<&Vec<&'a Value>>),
    element: &str,
    within: &mut Comparison,
) {
    let one = |list: Option<&Vec<&'a Value>>| match list.map(Vec::as_slice) {
        Some([one]) => Some(*one),
        _ => None,
    };
    let many = |list: Option<&Vec<&Value>>| list.is_some_and(|list| list.len() > 1);
    match (many(old), many(new)) {
        (false, false) => differ(items, one(old), one(new), element, within),
        (true, true) => {
            if old != new {
                within.modified.add(element);
            }
        }
        (true, false) => {
            differ(items, None, one(new), element, within);
            within.removed.add(element);
        }
        (false, true) => {
            differ(items, one(old), None, element, within);
            within.added.add(element);
        }
    }
}

fn by_element<'a>(
    items: &TypeRef,
    topology: &Topology,
    list: Option<&'a Value>,
) -> BTreeMap<String, Vec<&'a Value>> {
    let mut found: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for item in list.and_then(Value::as_array).into_iter().flatten() {
        let element = item_element(items, topology, item);
        found.entry(element).or_default().push(item);
    }
    found
}

/// Merges what an applier says into what is there.
pub(super) fn merge(ty: &TypeRef, live: Option<&Value>, config: Option<&Value>) -> Option<Value> {
    let (Some(old), Some(new)) = (live, config) else {
        return config.or(live).cloned();
    };
    match (shape(ty, new), old, new) {
        (Shape::Map, Value::Object(old), Value::Object(new)) => {
            let keys = old
                .keys()
                .chain(new.keys().filter(|key| !old.contains_key(*key)));
            let merged = keys.filter_map(|key| {
                let value = merge(&child(ty, key), old.get(key), new.get(key));
                Some((key.clone(), value?))
            });
            Some(Value::Object(merged.collect()))
        }
        (Shape::List(items, topology), Value::Array(old), Value::Array(new)) => {
            Some(Value::Array(merge_lists(items, topology, old, new)))
        }
        _ => Some(new.clone()),
    }
}

/// Items that only one side has keep their place among its own; shared items are in the order of
/// the configuration.
fn merge_lists(items: &TypeRef, topology: &Topology, old: &[Value], new: &[Value]) -> Vec<Value> {
    let element = |item: &Value| item_element(items, topology, item);
    let left: Vec<(String, &Value)> = old.iter().map(|item| (element(item), item)).collect();
    let right: Vec<(String, &Value)> = new.iter().map(|item| (element(item), item)).collect();
    let on_right = |key: &str| right.iter().any(|(other, _)| other == key);
    let on_left = |key: &str| {
        let mut found = left.iter().filter(|(other, _)| other == key);
        match (found.next(), found.next()) {
            (Some((_, item)), None) => Some(*item),
            _ => None,
        }
    };
    let mut shared = right
        .iter()
        .map(|(key, _)| key)
        .filter(|key| left.iter().any(|(other, _)| other == *key));
    let mut next_shared = shared.next();
    let mut merged = Vec::new();
    let mut taken: Vec<&String> = Vec::new();
    let (mut l, mut r) = (0, 0);
    while l < left.len() || r < right.len() {
        if let (Some((key, _)), Some((other, item))) = (left.get(l), right.get(r)) {
            if key == other {
                taken.push(key);
                merged.extend(merge(items, on_left(key), Some(item)));
                (l, r) = (l + 1, r + 1);
                next_shared = shared.next();
                continue;
            }
            if on_right(key) && next_shared.is_some_and(|next| next != key) {
                l += 1;
                continue;
            }
        }
        if let Some((key, item)) = left.get(l) {
            if !on_right(key) {
                merged.push((*item).clone());
                l += 1;
                continue;
            }
            if taken.contains(&key) {
                l += 1;
            }
        }
        if let Some((key, item)) = right.get(r) {
            taken.push(key);
            merged.extend(merge(items, on_left(key), Some(item)));
            r += 1;
            if next_shared == Some(key) {
                next_shared = shared.next();
            }
        }
    }
    merged
}

/// The value without what `set` has; lists and objects that become empty are gone.
pub(super) fn remove(ty: &TypeRef, value: &Value, set: &FieldSet) -> Option<Value> {
    match (shape(ty, value), value) {
        (Shape::Map, Value::Object(map)) => {
            let mut kept = Map::new();
            for (key, value) in map {
                let element = format!("f:{key}");
                if set.has(&element) {
                    continue;
                }
                match set.below(&element) {
                    Some(below) => {
                        // What was an object or list and is now empty is null, as upstream has it.
                        let value = remove(&child(ty, key), value, below);
                        kept.extend(value.map(|value| (key.clone(), value)));
                    }
                    None => {
                        kept.insert(key.clone(), value.clone());
                    }
                }
            }
            (!kept.is_empty() || map.is_empty()).then_some(Value::Object(kept))
        }
        (Shape::List(items, topology), Value::Array(list)) => {
            let kept: Vec<Value> = list
                .iter()
                .filter_map(|item| {
                    let element = item_element(items, topology, item);
                    if set.has(&element) {
                        return None;
                    }
                    match set.below(&element) {
                        Some(below) => remove(items, item, below),
                        None => Some(item.clone()),
                    }
                })
                .collect();
            (!kept.is_empty() || list.is_empty()).then_some(Value::Array(kept))
        }
        _ => Some(value.clone()),
    }
}

/// What does not fit the type, each with its path; duplicates in lists are among it.
pub(super) fn problems(ty: &TypeRef, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(ty, value, "", &mut found);
    found
}

fn check(ty: &TypeRef, value: &Value, path: &str, found: &mut Vec<String>) {
    let go = || crate::patch::go_print(value);
    match (ty.get(), value) {
        (Type::Any, _) | (_, Value::Null) => {}
        (Type::Object(_) | Type::Map { .. }, Value::Object(map)) => {
            for (key, value) in map {
                let path = format!("{path}.{key}");
                match ty.child(key) {
                    Some(ty) => check(ty, value, &path, found),
                    None => found.push(format!("{path}: field not declared in schema")),
                }
            }
        }
        (Type::Object(_) | Type::Map { .. }, _) => {
            found.push(format!("{path}: expected map, got &{{{}}}", go()));
        }
        (Type::List { items, topology }, Value::Array(list)) => {
            let mut seen = Vec::new();
            for (index, item) in list.iter().enumerate() {
                let element = match topology {
                    Topology::Atomic => format!("i:{index}"),
                    _ => item_element(items, topology, item),
                };
                if element == "k:{}" {
                    found.push(format!("{path}: element {index}: associative list with keys has an element that omits all key fields {} (and doesn't have default values for any key fields)", keys(topology)));
                    continue;
                }
                let below = format!("{path}{}", shown(&element));
                if seen.contains(&element) {
                    let element = shown(&element);
                    found.push(format!("{path}: duplicate entries for key {element}"));
                }
                seen.push(element);
                check(items, item, &below, found);
            }
        }
        (Type::List { .. }, _) => found.push(format!("{path}: expected list, got &{{{}}}", go())),
        (Type::Scalar(scalar), _) => {
            let expected = match (scalar, value) {
                (
                    Scalar::Untyped | Scalar::IntOrString | Scalar::Quantity,
                    Value::String(_) | Value::Number(_),
                )
                | (Scalar::Untyped | Scalar::Boolean, Value::Bool(_))
                | (Scalar::Int32 | Scalar::Int64 | Scalar::Float, Value::Number(_))
                | (
                    Scalar::Text | Scalar::Bytes | Scalar::Time | Scalar::MicroTime,
                    Value::String(_),
                ) => return,
                (Scalar::Int32 | Scalar::Int64 | Scalar::Float, Value::String(_)) => {
                    "numeric (int or float), got string".to_owned()
                }
                (Scalar::Int32 | Scalar::Int64 | Scalar::Float, Value::Bool(_)) => {
                    "numeric (int or float), got bool".to_owned()
                }
                (Scalar::Int32 | Scalar::Int64 | Scalar::Float, _) => {
                    "numeric (int or float)".to_owned()
                }
                (Scalar::Boolean, _) => {
                    format!("boolean, got &value.valueUnstructured{{Value:{value}}}")
                }
                (Scalar::Untyped | Scalar::IntOrString | Scalar::Quantity, _) => {
                    "any scalar".to_owned()
                }
                _ => format!("string, got &value.valueUnstructured{{Value:{value}}}"),
            };
            found.push(format!("{path}: expected {expected}"));
        }
    }
}

fn keys(topology: &Topology) -> String {
    let keys = match topology {
        Topology::Map(keys) => keys.iter().map(|key| format!("{key:?}")).collect(),
        _ => Vec::new(),
    };
    format!("[{}]", keys.join(" "))
}
