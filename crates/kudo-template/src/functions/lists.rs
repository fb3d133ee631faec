//! Sprig's functions over slices. None changes its argument.

use super::arguments::{any, int, list};
use super::cast::{to_int, truncated};
use super::{Context, Function, Output, Param, fixed, variadic};
use crate::budget::Failure;
use crate::value::{List, ListType, Text, Value, deep_equal, is_empty};

const ANY: &[Param] = &[Param::Any];
const ANY_ANY: &[Param] = &[Param::Any, Param::Any];

pub(super) const FUNCTIONS: &[Function] = &[
    variadic("list", &[], Param::Any, made),
    variadic("tuple", &[], Param::Any, made),
    fixed("append", ANY_ANY, push),
    fixed("push", ANY_ANY, push),
    fixed("mustAppend", ANY_ANY, push),
    fixed("mustPush", ANY_ANY, push),
    fixed("prepend", ANY_ANY, prepend),
    fixed("mustPrepend", ANY_ANY, prepend),
    fixed("first", ANY, first),
    fixed("mustFirst", ANY, first),
    fixed("last", ANY, last),
    fixed("mustLast", ANY, last),
    fixed("rest", ANY, rest),
    fixed("mustRest", ANY, rest),
    fixed("initial", ANY, initial),
    fixed("mustInitial", ANY, initial),
    fixed("reverse", ANY, reverse),
    fixed("mustReverse", ANY, reverse),
    fixed("compact", ANY, compact),
    fixed("mustCompact", ANY, compact),
    fixed("uniq", ANY, uniq),
    fixed("mustUniq", ANY, uniq),
    variadic("without", ANY, Param::Any, without),
    variadic("mustWithout", ANY, Param::Any, without),
    fixed("has", ANY_ANY, has),
    fixed("mustHas", ANY_ANY, has),
    variadic("slice", ANY, Param::Any, slice),
    variadic("mustSlice", ANY, Param::Any, slice),
    variadic("concat", &[], Param::Any, concat),
    fixed("chunk", &[Param::Int, Param::Any], chunk),
    fixed("mustChunk", &[Param::Int, Param::Any], chunk),
];

/// The slice argument at `index`, or the failure to `act` on anything else.
fn items<'a>(arguments: &'a [Value], index: usize, act: &str) -> Result<&'a [Value], Failure> {
    if let Some(list) = list(arguments, index) {
        return Ok(list.items());
    }
    let value = any(arguments, index);
    if value.is_nil() {
        return Err(Failure::new(
            "runtime error: invalid memory address or nil pointer dereference",
        ));
    }
    Err(Failure::new(format!("{act} type {}", value.kind_name())))
}

/// A new slice of any values, counted.
fn counted(context: &Context, items: Vec<Value>) -> Output {
    context.budget.list(items.len())?;
    Ok(Value::List(List::any(items)))
}

fn made(context: &Context, arguments: &[Value]) -> Output {
    counted(context, arguments.to_vec())
}

fn push(context: &Context, arguments: &[Value]) -> Output {
    let items = items(arguments, 0, "Cannot push on")?;
    context.budget.memory(std::mem::size_of_val(items))?;
    let mut items = items.to_vec();
    items.push(any(arguments, 1).clone());
    counted(context, items)
}

fn prepend(context: &Context, arguments: &[Value]) -> Output {
    let rest = items(arguments, 0, "Cannot prepend on")?;
    context.budget.memory(std::mem::size_of_val(rest))?;
    let mut items = vec![any(arguments, 1).clone()];
    items.extend_from_slice(rest);
    counted(context, items)
}

fn first(_: &Context, arguments: &[Value]) -> Output {
    let items = items(arguments, 0, "Cannot find first on")?;
    Ok(items.first().cloned().unwrap_or(Value::Nil))
}

fn last(_: &Context, arguments: &[Value]) -> Output {
    let items = items(arguments, 0, "Cannot find last on")?;
    Ok(items.last().cloned().unwrap_or(Value::Nil))
}

fn rest(context: &Context, arguments: &[Value]) -> Output {
    match items(arguments, 0, "Cannot find rest on")? {
        [] => Ok(Value::List(List::nil(ListType::Any))),
        [_, rest @ ..] => counted(context, rest.to_vec()),
    }
}

fn initial(context: &Context, arguments: &[Value]) -> Output {
    match items(arguments, 0, "Cannot find initial on")? {
        [] => Ok(Value::List(List::nil(ListType::Any))),
        [initial @ .., _] => counted(context, initial.to_vec()),
    }
}

fn reverse(context: &Context, arguments: &[Value]) -> Output {
    let items = items(arguments, 0, "Cannot find reverse on")?;
    counted(context, items.iter().rev().cloned().collect())
}

fn compact(context: &Context, arguments: &[Value]) -> Output {
    let items = items(arguments, 0, "Cannot compact on")?;
    let kept = items.iter().filter(|item| !is_empty(item));
    counted(context, kept.cloned().collect())
}

fn contains(context: &Context, items: &[Value], wanted: &Value) -> Result<bool, Failure> {
    for item in items {
        if deep_equal(&context.budget, wanted, item)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn uniq(context: &Context, arguments: &[Value]) -> Output {
    let mut kept = Vec::new();
    for item in items(arguments, 0, "Cannot find uniq on")? {
        if !contains(context, &kept, item)? {
            kept.push(item.clone());
        }
    }
    counted(context, kept)
}

fn without(context: &Context, arguments: &[Value]) -> Output {
    let omitted = arguments.get(1..).unwrap_or_default();
    let mut kept = Vec::new();
    for item in items(arguments, 0, "Cannot find without on")? {
        if !contains(context, omitted, item)? {
            kept.push(item.clone());
        }
    }
    counted(context, kept)
}

fn has(context: &Context, arguments: &[Value]) -> Output {
    if any(arguments, 1).is_nil() {
        return Ok(Value::Bool(false));
    }
    let items = items(arguments, 1, "Cannot find has on")?;
    contains(context, items, any(arguments, 0)).map(Value::Bool)
}

fn slice(context: &Context, arguments: &[Value]) -> Output {
    let items = items(arguments, 0, "list should be type of slice or array but")?;
    if items.is_empty() {
        return Ok(Value::Nil);
    }
    let bound = |index: usize, default: usize| match arguments.get(index) {
        Some(value) => usize::try_from(to_int(value)).ok(),
        None => Some(default),
    };
    let kept = bound(1, 0)
        .zip(bound(2, items.len()))
        .and_then(|(start, end)| items.get(start..end))
        .ok_or_else(|| Failure::new("reflect.Value.Slice: slice index out of bounds"))?;
    context.budget.memory(std::mem::size_of_val(kept))?;
    let list_type = list(arguments, 0).map_or(ListType::Any, List::list_type);
    Ok(Value::List(List::new(list_type, kept.to_vec())))
}

fn concat(context: &Context, arguments: &[Value]) -> Output {
    let mut all = Vec::new();
    for index in 0..arguments.len() {
        let items = items(arguments, index, "Cannot concat").map_err(|failure| match failure {
            Failure::Message(message) if message.starts_with("Cannot") => {
                Failure::Message(format!("{message} as list"))
            }
            other => other,
        })?;
        context.budget.memory(std::mem::size_of_val(items))?;
        all.extend_from_slice(items);
    }
    if all.is_empty() {
        return Ok(Value::List(List::nil(ListType::Any)));
    }
    counted(context, all)
}

/// Parts of so many elements. The arithmetic on floats is the original's, whose results for sizes
/// below one matter only because they are errors.
fn chunk(context: &Context, arguments: &[Value]) -> Output {
    let size = int(arguments, 0);
    let items = items(arguments, 1, "Cannot chunk")?;
    let Some(size) = usize::try_from(size).ok().filter(|size| *size > 0) else {
        return chunk_of_no_size(items.len(), size);
    };
    context.budget.list(items.len())?;
    context
        .budget
        .memory(items.len().div_ceil(size).saturating_mul(96))?;
    let chunks = items.chunks(size);
    let chunks = chunks.map(|chunk| Value::List(List::any(chunk.to_vec())));
    Ok(Value::List(List::new(ListType::Lists, chunks.collect())))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the original calculates with floats"
)]
fn chunk_of_no_size(length: usize, size: i64) -> Output {
    let count = truncated(((length as f64 - 1.0) / size as f64).floor() + 1.0);
    if count == 0 {
        return Ok(Value::List(List::new(ListType::Lists, Vec::new())));
    }
    Err(Failure::new("runtime error: makeslice: len out of range"))
}

/// The texts of a list of strings; the first value that is none is the failure.
pub(super) fn only_texts(list: Option<&List>) -> Result<Vec<Text>, &Value> {
    let items = list.map_or(&[][..], List::items).iter();
    items
        .map(|item| match item {
            Value::Text(text) => Ok(text.clone()),
            other => Err(other),
        })
        .collect()
}
