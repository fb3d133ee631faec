//! Merging and copying of maps in depth.

use std::collections::BTreeMap;

use super::arguments::map;
use super::{Context, Output};
use crate::budget::Failure;
use crate::value::{List, Map, Value, is_empty};

/// Merges the further maps into the first one, which is changed. Without `overwrite`, only what
/// is missing or empty in it is taken.
pub(super) fn merge(context: &Context, arguments: &[Value], overwrite: bool) -> Output {
    // A nil map can't be changed in place; its merged copy is the result all the same.
    let target = map(arguments, 0).cloned();
    let target = target.unwrap_or_else(|| Map::any(BTreeMap::new()));
    for index in 1..arguments.len() {
        if let Some(source) = map(arguments, index) {
            merge_into(context, &target, source, overwrite, 0)?;
        }
    }
    Ok(Value::Map(target))
}

fn merge_into(
    context: &Context,
    target: &Map,
    source: &Map,
    overwrite: bool,
    depth: usize,
) -> Result<(), Failure> {
    context.budget.depth(depth)?;
    if target.same(source) {
        return Ok(());
    }
    context.note_change(target);
    for (key, value) in source.entries() {
        context.budget.memory(64)?;
        let existing = target.get(key.as_bytes());
        if let (Some(Value::Map(inner)), Value::Map(value)) = (&existing, &value) {
            merge_into(context, inner, value, overwrite, depth + 1)?;
        }
        let missing = existing.as_ref().is_none_or(is_empty);
        let takes = match &value {
            Value::Nil | Value::List(_) => overwrite || missing && !value.is_nil(),
            // A map never replaces anything that is not empty, whatever it is.
            Value::Map(_) => missing,
            _ => overwrite || missing,
        };
        if takes {
            target.set(key, value);
        }
    }
    Ok(())
}

/// Copies maps and slices all the way down.
pub(super) fn deep_copy(context: &Context, value: &Value) -> Output {
    if value.is_nil() {
        // The library behind Sprig's function can't.
        return Err(Failure::new(
            "reflect: call of reflect.Value.Type on zero Value",
        ));
    }
    copy(context, value, 0)
}

fn copy(context: &Context, value: &Value, depth: usize) -> Output {
    context.budget.depth(depth)?;
    context.budget.steps(1)?;
    Ok(match value {
        Value::List(list) if !list.is_nil() => {
            context.budget.list(list.len())?;
            let items = list.items().iter();
            let items = items.map(|item| copy(context, item, depth + 1));
            Value::List(List::new(
                list.list_type(),
                items.collect::<Result<_, _>>()?,
            ))
        }
        Value::Map(map) => {
            context.budget.map(map.len())?;
            let entries = map.entries().into_iter();
            let entries = entries.map(|(key, value)| Ok((key, copy(context, &value, depth + 1)?)));
            let entries = entries.collect::<Result<_, Failure>>()?;
            Value::Map(Map::new(map.map_type(), entries))
        }
        other => other.clone(),
    })
}
