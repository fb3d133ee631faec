//! Strategic merge patches: lists are merged by the keys that the kind declares, and directives in
//! the patch say what is replaced, deleted, kept and in which order.

use serde_json::{Map, Value};

use super::PatchError;
use super::go;
use crate::schema::{Patch, TypeRef};

const DIRECTIVE: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const ORDER: &str = "$setElementOrder/";
const DELETE: &str = "$deleteFromPrimitiveList/";

/// Merges `patch` into `object`, whose type says how its lists are merged. Nothing, as `null`, changes
/// nothing.
pub fn strategic_merge(ty: &TypeRef, object: &Value, patch: &Value) -> Result<Value, PatchError> {
    if patch.is_null() {
        return Ok(object.clone());
    }
    let (Value::Object(object), Value::Object(patch)) = (object, patch) else {
        let found = go::kind(patch);
        return Err(PatchError::BadRequest(format!(
            "json: cannot unmarshal {found} into Go value of type map[string]interface {{}}"
        )));
    };
    merge_map(object.clone(), patch.clone(), Some(ty)).map(Value::Object)
}

fn merge_map(
    mut original: Map<String, Value>,
    mut patch: Map<String, Value>,
    ty: Option<&TypeRef>,
) -> Result<Map<String, Value>, PatchError> {
    if let Some(directive) = patch.get(DIRECTIVE) {
        return match directive.as_str() {
            Some("replace") => {
                patch.remove(DIRECTIVE);
                Ok(patch)
            }
            Some("delete") => Ok(Map::new()),
            _ => Err(unknown_directive(directive, &patch)),
        };
    }
    retain_keys(&mut original, &mut patch)?;
    order_lists(&mut original, &mut patch, ty)?;
    for (key, value) in patch {
        let (key, deletes) = match key.strip_prefix(DELETE) {
            Some(field) => (field.to_owned(), true),
            None => (key, false),
        };
        if value.is_null() {
            original.remove(&key);
            continue;
        }
        let Some(old) = original.remove(&key) else {
            if !deletes {
                original.extend(plain(value).map(|value| (key, value)));
            }
            continue;
        };
        let field = ty.and_then(|ty| ty.child(&key));
        let strategy = strategy(ty, &key);
        let merged = match (old, value) {
            (Value::Object(old), Value::Object(new)) => Value::Object(merge_map(old, new, field)?),
            (Value::Array(old), Value::Array(new)) if deletes => {
                Value::Array(old.into_iter().filter(|item| !new.contains(item)).collect())
            }
            (Value::Array(old), Value::Array(new)) if strategy.merge => {
                Value::Array(merge_list(old, new, field, &strategy)?)
            }
            (Value::Array(_), new @ Value::Array(_)) => new,
            (old, _) if deletes => old,
            (_, new) => match plain(new) {
                Some(new) => new,
                None => continue,
            },
        };
        original.insert(key, merged);
    }
    Ok(original)
}

/// Removes what `$retainKeys` does not list; it must list whatever the patch sets.
fn retain_keys(
    original: &mut Map<String, Value>,
    patch: &mut Map<String, Value>,
) -> Result<(), PatchError> {
    let Some(keys) = patch.remove(RETAIN_KEYS) else {
        return Ok(());
    };
    let bad = || PatchError::BadRequest("invalid patch format of retainKeys".to_owned());
    let keys = keys.as_array().ok_or_else(bad)?;
    let listed = |key: &str| keys.iter().any(|listed| listed == key);
    let covered = patch
        .iter()
        .all(|(key, value)| key.starts_with('$') || value.is_null() || listed(key));
    if !covered {
        return Err(bad());
    }
    original.retain(|key, _| listed(key));
    Ok(())
}

/// Merges the lists whose order the patch says, and takes them out of the patch.
fn order_lists(
    original: &mut Map<String, Value>,
    patch: &mut Map<String, Value>,
    ty: Option<&TypeRef>,
) -> Result<(), PatchError> {
    let ordered: Vec<String> = patch
        .keys()
        .filter_map(|key| key.strip_prefix(ORDER).map(ToOwned::to_owned))
        .collect();
    for field in ordered {
        let Some(Value::Array(order)) = patch.remove(&format!("{ORDER}{field}")) else {
            return Err(PatchError::BadRequest(
                "invalid patch format of setElementOrder list".to_owned(),
            ));
        };
        let strategy = strategy(ty, &field);
        let new = match patch.get(&field) {
            Some(Value::Array(_)) => match patch.remove(&field) {
                Some(Value::Array(list)) => Some(list),
                _ => None,
            },
            // Null removes the list, whatever the order.
            Some(_) => continue,
            None => None,
        };
        if let Some(new) = &new {
            check_order(new, &order, &strategy)?;
        }
        let old = match original.get(&field) {
            Some(Value::Array(old)) => Some(old.clone()),
            _ => None,
        };
        let merged = match (old.clone(), new) {
            (Some(old), None) => old,
            (Some(old), Some(new)) => {
                merge_list(old, new, ty.and_then(|ty| ty.child(&field)), &strategy)?
            }
            (None, Some(new)) => new.into_iter().filter_map(plain).collect(),
            (None, None) => continue,
        };
        let merged = arrange(merged, &order, &old.unwrap_or_default(), &strategy);
        original.insert(field, Value::Array(merged));
    }
    Ok(())
}

/// What a patch sets must be in the order that it asks for.
fn check_order(new: &[Value], order: &[Value], strategy: &Patch) -> Result<(), PatchError> {
    let set: Vec<&Value> = new
        .iter()
        .filter(|item| item.get(DIRECTIVE).is_none())
        .collect();
    let mut places = order.iter();
    let fits = set
        .iter()
        .all(|item| places.any(|place| same(place, item, strategy)));
    if fits {
        return Ok(());
    }
    let set = Value::Array(set.into_iter().cloned().collect());
    let order = Value::Array(order.to_vec());
    Err(PatchError::Internal(format!(
        "The order in patch list:\n{}\n doesn't match $setElementOrder list:\n{}\n",
        go::print(&set),
        go::print(&order)
    )))
}

fn merge_list(
    original: Vec<Value>,
    patch: Vec<Value>,
    ty: Option<&TypeRef>,
    strategy: &Patch,
) -> Result<Vec<Value>, PatchError> {
    let all = || original.iter().chain(&patch);
    let maps = all().filter(|item| item.is_object()).count();
    if maps > 0 && maps < all().count() {
        let lists = Value::Array(vec![
            Value::Array(original.clone()),
            Value::Array(patch.clone()),
        ]);
        return Err(PatchError::Internal(format!(
            "list element types are not identical: {}",
            go::print(&lists)
        )));
    }
    let before = original.clone();
    let (merged, order) = if maps == 0 {
        let mut merged: Vec<Value> = Vec::new();
        for item in original.into_iter().chain(patch.iter().cloned()) {
            if !merged.contains(&item) {
                merged.push(item);
            }
        }
        (merged, patch)
    } else {
        merge_maps(original, patch, ty, strategy)?
    };
    Ok(arrange(merged, &order, &before, strategy))
}

/// Merges lists of objects; the answer has the items, and the patch without its directives.
fn merge_maps(
    mut original: Vec<Value>,
    patch: Vec<Value>,
    ty: Option<&TypeRef>,
    strategy: &Patch,
) -> Result<(Vec<Value>, Vec<Value>), PatchError> {
    let Some(key) = &strategy.merge_key else {
        let name = ty.map(|_| "list").unwrap_or_default();
        return Err(PatchError::Internal(format!(
            "cannot merge lists without merge key for {name}"
        )));
    };
    let mut replaces = false;
    let mut items = Vec::new();
    for item in patch {
        let Value::Object(item) = item else { continue };
        match item.get(DIRECTIVE) {
            None => items.push(Value::Object(item)),
            Some(Value::String(word)) if word == "replace" => replaces = true,
            Some(Value::String(word)) if word == "delete" => {
                let id = item.get(key).ok_or_else(|| no_key(&item, key))?;
                original.retain(|old| old.get(key) != Some(id));
            }
            Some(Value::String(word)) if word == "merge" => {
                let words = "merging lists cannot yet be specified in the patch";
                return Err(PatchError::Internal(words.to_owned()));
            }
            Some(other) => return Err(unknown_directive(other, &item)),
        }
    }
    if replaces {
        return Ok((items.clone(), items));
    }
    let item_type = ty.and_then(TypeRef::items);
    for item in &items {
        let Value::Object(item) = item else { continue };
        let id = item.get(key).ok_or_else(|| no_key(item, key))?;
        match original.iter_mut().find(|old| old.get(key) == Some(id)) {
            Some(old) => {
                let Value::Object(before) = old.take() else {
                    continue;
                };
                *old = Value::Object(merge_map(before, item.clone(), item_type)?);
            }
            None => original.extend(plain(Value::Object(item.clone()))),
        }
    }
    Ok((original, items))
}

/// Puts the items that `order` lists into that order; the others stay where they were among them.
fn arrange(items: Vec<Value>, order: &[Value], before: &[Value], strategy: &Patch) -> Vec<Value> {
    let place =
        |list: &[Value], item: &Value| list.iter().position(|other| same(other, item, strategy));
    let (mut listed, mut others): (Vec<Value>, Vec<Value>) = items
        .into_iter()
        .partition(|item| place(order, item).is_some());
    listed.sort_by_key(|item| place(order, item));
    others.sort_by_key(|item| place(before, item).unwrap_or(usize::MAX));
    let mut others = others.into_iter().peekable();
    let mut arranged = Vec::new();
    for item in listed {
        let here = place(before, &item);
        while let Some(other) = others.peek() {
            match (place(before, other), here) {
                (Some(there), Some(here)) if there < here => arranged.extend(others.next()),
                _ => break,
            }
        }
        arranged.push(item);
    }
    arranged.extend(others);
    arranged
}

fn same(left: &Value, right: &Value, strategy: &Patch) -> bool {
    match &strategy.merge_key {
        Some(key) if left.is_object() => left.get(key).is_some() && left.get(key) == right.get(key),
        _ => left == right,
    }
}

fn strategy(ty: Option<&TypeRef>, key: &str) -> Patch {
    ty.and_then(|ty| ty.field(key))
        .map(|field| field.patch.clone())
        .unwrap_or_default()
}

/// What a patch says about something new: without nulls and directives, and without items that it
/// only deletes. `None` where it only deletes.
fn plain(value: Value) -> Option<Value> {
    match value {
        Value::Object(map) => {
            if map.get(DIRECTIVE).is_some_and(|word| word == "delete") {
                return None;
            }
            let kept = map
                .into_iter()
                .filter(|(key, value)| !value.is_null() && !is_directive(key))
                .filter_map(|(key, value)| plain(value).map(|value| (key, value)));
            Some(Value::Object(kept.collect()))
        }
        Value::Array(list) => {
            let kept = list.into_iter().filter(|item| {
                let only_replaces = item.as_object().is_some_and(|map| {
                    map.len() == 1 && map.get(DIRECTIVE).is_some_and(|word| word == "replace")
                });
                !only_replaces
            });
            Some(Value::Array(kept.filter_map(plain).collect()))
        }
        other => Some(other),
    }
}

fn is_directive(key: &str) -> bool {
    key == DIRECTIVE || key == RETAIN_KEYS || key.starts_with(ORDER) || key.starts_with(DELETE)
}

fn no_key(item: &Map<String, Value>, key: &str) -> PatchError {
    let item = go::print(&Value::Object(item.clone()));
    PatchError::Internal(format!(
        "map: {item} does not contain declared merge key: {key}"
    ))
}

fn unknown_directive(directive: &Value, map: &Map<String, Value>) -> PatchError {
    PatchError::Internal(format!(
        "unknown patch type: {} in map: {}",
        go::print_as_text(directive),
        go::print(&Value::Object(map.clone()))
    ))
}
