//! Sprig's functions over maps. `set`, `unset` and the merging ones change their argument.

use std::collections::BTreeMap;

use super::arguments::{any, bytes, lookup, map, map_to_change};
use super::cast::to_text;
use super::{Context, Function, Output, Param, fixed, merge, variadic};
use crate::budget::Failure;
use crate::value::{List, Map, Text, Value};

const MAP: &[Param] = &[Param::Map];
const MAP_TEXT: &[Param] = &[Param::Map, Param::Text];

pub(super) const FUNCTIONS: &[Function] = &[
    variadic("dict", &[], Param::Any, dict),
    fixed("get", MAP_TEXT, |_, a| {
        let value = lookup(a, 0, &Text::from(bytes(a, 1)));
        Ok(value.unwrap_or_else(|| "".into()))
    }),
    fixed("set", &[Param::Map, Param::Text, Param::Any], set),
    fixed("unset", MAP_TEXT, |_, a| {
        let map = map(a, 0).cloned();
        let map = map.unwrap_or_else(|| Map::any(BTreeMap::new()));
        map.remove(bytes(a, 1));
        Ok(Value::Map(map))
    }),
    fixed("hasKey", MAP_TEXT, |_, a| {
        Ok(Value::Bool(
            map(a, 0).is_some_and(|map| map.contains(bytes(a, 1))),
        ))
    }),
    variadic("pluck", &[Param::Text], Param::Map, |c, a| {
        let key = Text::from(bytes(a, 0));
        let found = (1..a.len()).filter_map(|index| lookup(a, index, &key));
        list(c, found.collect())
    }),
    variadic("keys", &[], Param::Map, keys),
    variadic("pick", MAP, Param::Text, |c, a| chosen(c, a, true)),
    variadic("omit", MAP, Param::Text, |c, a| chosen(c, a, false)),
    fixed("values", MAP, |c, a| {
        let entries = map(a, 0).map(Map::entries).unwrap_or_default();
        list(c, entries.into_iter().map(|(_, value)| value).collect())
    }),
    variadic("merge", MAP, Param::Map, |c, a| merge::merge(c, a, false)),
    variadic("mustMerge", MAP, Param::Map, |c, a| {
        merge::merge(c, a, false)
    }),
    variadic("mergeOverwrite", MAP, Param::Map, |c, a| {
        merge::merge(c, a, true)
    }),
    variadic("mustMergeOverwrite", MAP, Param::Map, |c, a| {
        merge::merge(c, a, true)
    }),
    fixed("deepCopy", &[Param::Any], |c, a| {
        merge::deep_copy(c, any(a, 0))
    }),
    fixed("mustDeepCopy", &[Param::Any], |c, a| {
        merge::deep_copy(c, any(a, 0))
    }),
    variadic("dig", &[], Param::Any, dig),
];

fn list(context: &Context, items: Vec<Value>) -> Output {
    context.budget.list(items.len())?;
    Ok(Value::List(List::any(items)))
}

fn new_map(context: &Context, entries: BTreeMap<Text, Value>) -> Output {
    context.budget.map(entries.len())?;
    Ok(Value::Map(Map::any(entries)))
}

fn dict(context: &Context, arguments: &[Value]) -> Output {
    let mut entries = BTreeMap::new();
    for pair in arguments.chunks(2) {
        let key = Text::from(to_text(context, any(pair, 0))?);
        entries.insert(key, pair.get(1).cloned().unwrap_or_else(|| "".into()));
    }
    new_map(context, entries)
}

fn set(context: &Context, arguments: &[Value]) -> Output {
    let map = map_to_change(arguments, 0)?;
    context.budget.memory(64)?;
    context.note_change(map);
    map.set(Text::from(bytes(arguments, 1)), any(arguments, 2).clone());
    Ok(any(arguments, 0).clone())
}

/// Keys of all maps, those of one map in order. Go gives them in any order.
fn keys(context: &Context, arguments: &[Value]) -> Output {
    let mut keys = Vec::new();
    for index in 0..arguments.len() {
        keys.extend(map(arguments, index).map(Map::keys).unwrap_or_default());
        context.budget.steps(keys.len())?;
    }
    context.budget.list(keys.len())?;
    Ok(Value::List(List::texts(keys)))
}

/// The entries whose keys are among the further arguments, or those whose keys are not.
fn chosen(context: &Context, arguments: &[Value], wanted: bool) -> Output {
    let named = |key: &Text| {
        let names = arguments.iter().skip(1);
        let mut names = names.filter_map(|name| match name {
            Value::Text(name) => Some(name),
            _ => None,
        });
        names.any(|name| name == key)
    };
    let entries = map(arguments, 0).map(Map::entries).unwrap_or_default();
    context
        .budget
        .steps(entries.len().saturating_mul(arguments.len()))?;
    let kept = entries.into_iter().filter(|(key, _)| named(key) == wanted);
    new_map(context, kept.collect())
}

/// Follows keys into nested maps; the last but one argument is the default, the last the map.
fn dig(_: &Context, arguments: &[Value]) -> Output {
    let [keys @ .., default, start] = arguments else {
        return Err(Failure::new("dig needs at least three arguments"));
    };
    if keys.is_empty() {
        return Err(Failure::new("dig needs at least three arguments"));
    }
    let wrong = |value: &Value, wanted: &str| {
        let found = if value.is_nil() {
            "nil"
        } else {
            value.type_name()
        };
        Failure::new(format!(
            "interface conversion: interface {{}} is {found}, not {wanted}"
        ))
    };
    let wrong_map = |value: &Value| wrong(value, "map[string]interface {}");
    let as_map = |value: &Value| match value {
        Value::Map(map) if map.map_type() == crate::value::MapType::Any => Ok(map.clone()),
        other => Err(wrong_map(other)),
    };
    if !keys.iter().all(|key| matches!(key, Value::Text(_))) {
        let key = keys.iter().find(|key| !matches!(key, Value::Text(_)));
        as_map(start)?;
        return Err(wrong(key.unwrap_or(&Value::Nil), "string"));
    }
    let mut value = start.clone();
    for key in keys {
        let Value::Text(key) = key else {
            continue;
        };
        match as_map(&value)?.get(key.as_bytes()) {
            Some(found) => value = found,
            None => return Ok(default.clone()),
        }
    }
    Ok(value)
}
