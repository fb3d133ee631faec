//! Sprig's functions over strings, but for case, wrapping and random ones.

use memchr::memmem;

use super::arguments::{any, bytes, flag, int, text};
use super::cast::to_text;
use super::{Context, Function, Output, Param, fixed, variadic};
use crate::budget::Failure;
use crate::format::{print, quote};
use crate::value::{List, ListType, Map, MapType, Text, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    fixed("hello", &[], |_, _| Ok("Hello!".into())),
    fixed("abbrev", &[Param::Int, Param::Text], |_, a| {
        Ok(abbreviated(0, int(a, 0), a, 1))
    }),
    fixed(
        "abbrevboth",
        &[Param::Int, Param::Int, Param::Text],
        abbrev_both,
    ),
    fixed("trunc", &[Param::Int, Param::Text], trunc),
    fixed("trim", &[Param::Text], |_, a| Ok(text(a, 0).trim().into())),
    fixed("substr", &[Param::Int, Param::Int, Param::Text], substr),
    fixed("repeat", &[Param::Int, Param::Text], repeat),
    fixed("trimall", &[Param::Text, Param::Text], trim_all),
    fixed("trimAll", &[Param::Text, Param::Text], trim_all),
    fixed("trimSuffix", &[Param::Text, Param::Text], |_, a| {
        let (suffix, whole) = (bytes(a, 0), bytes(a, 1));
        Ok(Value::text(whole.strip_suffix(suffix).unwrap_or(whole)))
    }),
    fixed("trimPrefix", &[Param::Text, Param::Text], |_, a| {
        let (prefix, whole) = (bytes(a, 0), bytes(a, 1));
        Ok(Value::text(whole.strip_prefix(prefix).unwrap_or(whole)))
    }),
    fixed("nospace", &[Param::Text], nospace),
    fixed("initials", &[Param::Text], initials),
    fixed("contains", &[Param::Text, Param::Text], |_, a| {
        Ok(Value::Bool(
            memmem::find(bytes(a, 1), bytes(a, 0)).is_some(),
        ))
    }),
    fixed("hasPrefix", &[Param::Text, Param::Text], |_, a| {
        Ok(Value::Bool(bytes(a, 1).starts_with(bytes(a, 0))))
    }),
    fixed("hasSuffix", &[Param::Text, Param::Text], |_, a| {
        Ok(Value::Bool(bytes(a, 1).ends_with(bytes(a, 0))))
    }),
    variadic("quote", &[], Param::Any, |c, a| {
        joined(c, a, |c, value| {
            Ok(quote(&to_text(c, value)?, false).into_bytes())
        })
    }),
    variadic("squote", &[], Param::Any, |c, a| {
        joined(c, a, |c, value| {
            let shown = crate::format::sprint(&c.budget, value)?;
            Ok([b"'", shown.as_slice(), b"'"].concat())
        })
    }),
    variadic("cat", &[], Param::Any, cat),
    fixed("indent", &[Param::Int, Param::Text], |c, a| {
        Ok(indented(c, int(a, 0), bytes(a, 1), "")?.into())
    }),
    fixed("nindent", &[Param::Int, Param::Text], |c, a| {
        Ok(indented(c, int(a, 0), bytes(a, 1), "\n")?.into())
    }),
    fixed(
        "replace",
        &[Param::Text, Param::Text, Param::Text],
        |c, a| Ok(replaced(c, bytes(a, 2), bytes(a, 0), bytes(a, 1))?.into()),
    ),
    fixed("plural", &[Param::Text, Param::Text, Param::Int], |_, a| {
        Ok(a.get(usize::from(int(a, 2) != 1))
            .cloned()
            .unwrap_or(Value::Nil))
    }),
    fixed("toString", &[Param::Any], |c, a| {
        Ok(to_text(c, any(a, 0))?.into())
    }),
    fixed("toStrings", &[Param::Any], |c, a| {
        Ok(Value::List(List::texts(texts(c, any(a, 0))?)))
    }),
    fixed("join", &[Param::Text, Param::Any], join),
    fixed("sortAlpha", &[Param::Any], sort_alpha),
    fixed("split", &[Param::Text, Param::Text], |c, a| {
        numbered(c, &split(bytes(a, 1), bytes(a, 0), -1))
    }),
    fixed("splitn", &[Param::Text, Param::Int, Param::Text], |c, a| {
        numbered(c, &split(bytes(a, 2), bytes(a, 0), int(a, 1)))
    }),
    fixed("splitList", &[Param::Text, Param::Text], |c, a| {
        let parts = split(bytes(a, 1), bytes(a, 0), -1);
        count_parts(c, &parts)?;
        Ok(Value::List(List::texts(parts)))
    }),
    fixed("ternary", &[Param::Any, Param::Any, Param::Bool], |_, a| {
        Ok(any(a, usize::from(!flag(a, 2))).clone())
    }),
    fixed("fail", &[Param::Text], |_, a| Err(Failure::new(text(a, 0)))),
];

fn out_of_range() -> Failure {
    Failure::new("runtime error: slice bounds out of range")
}

fn range(whole: &[u8], start: i64, end: i64) -> Output {
    let start = usize::try_from(start).map_err(|_| out_of_range())?;
    let end = usize::try_from(end).map_err(|_| out_of_range())?;
    Ok(Value::text(whole.get(start..end).ok_or_else(out_of_range)?))
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "has the type of all functions in the tables"
)]
fn abbrev_both(_: &Context, arguments: &[Value]) -> Output {
    let (left, right) = (int(arguments, 0), int(arguments, 1));
    if right < 4 || left > 0 && right < 7 {
        return Ok(Value::text(bytes(arguments, 2)));
    }
    Ok(abbreviated(left, right, arguments, 2))
}

/// Cuts a text to `width` bytes, beginning about `offset`, with dots for what is left out.
fn abbreviated(offset: i64, width: i64, arguments: &[Value], index: usize) -> Value {
    let whole = bytes(arguments, index);
    let length = i64::try_from(whole.len()).unwrap_or(i64::MAX);
    if width < 4 || length <= width {
        return Value::text(whole);
    }
    let slice = |from: i64, to: i64| {
        let bound = |at: i64| usize::try_from(at.clamp(0, length)).unwrap_or(0);
        whole.get(bound(from)..bound(to)).unwrap_or_default()
    };
    let mut offset = offset.min(length);
    if length - offset < width - 3 {
        offset = length - (width - 3);
    }
    if offset <= 4 {
        return Value::text([slice(0, width - 3), b"..."].concat());
    }
    if width < 7 {
        return Value::text("");
    }
    if offset + width - 3 < length {
        let width = width - 3;
        let rest = slice(offset, length);
        let kept = if i64::try_from(rest.len()).unwrap_or(0) <= width {
            rest.to_vec()
        } else {
            [slice(offset, offset + width - 3), b"..."].concat()
        };
        return Value::text([b"...", kept.as_slice()].concat());
    }
    Value::text([b"...", slice(length - (width - 3), length)].concat())
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "has the type of all functions in the tables"
)]
fn trunc(_: &Context, arguments: &[Value]) -> Output {
    let (count, whole) = (int(arguments, 0), bytes(arguments, 1));
    let size = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    let kept = if count < 0 && size < whole.len() {
        &whole[whole.len() - size..]
    } else if count >= 0 && size < whole.len() {
        &whole[..size]
    } else {
        whole
    };
    Ok(Value::text(kept))
}

fn substr(_: &Context, arguments: &[Value]) -> Output {
    let (start, end) = (int(arguments, 0), int(arguments, 1));
    let whole = bytes(arguments, 2);
    let length = i64::try_from(whole.len()).unwrap_or(i64::MAX);
    if start < 0 {
        range(whole, 0, end)
    } else if end < 0 || end > length {
        range(whole, start, length)
    } else {
        range(whole, start, end)
    }
}

fn repeat(context: &Context, arguments: &[Value]) -> Output {
    let (count, part) = (int(arguments, 0), bytes(arguments, 1));
    let Ok(count) = usize::try_from(count) else {
        return Err(Failure::new("strings: negative Repeat count"));
    };
    if part.is_empty() {
        return Ok("".into());
    }
    context.budget.text(part.len().saturating_mul(count))?;
    Ok(part.repeat(count).into())
}

fn trim_all(context: &Context, arguments: &[Value]) -> Output {
    let cut = text(arguments, 0);
    context.budget.memory(cut.len() * size_of::<char>())?;
    let mut cut: Vec<char> = cut.chars().collect();
    cut.sort_unstable();
    let whole = text(arguments, 1);
    Ok(whole.trim_matches(|c| cut.binary_search(&c).is_ok()).into())
}

/// Whether Go takes the byte, read as a character, for a space.
fn is_space_byte(byte: u8) -> bool {
    char::from(byte).is_whitespace()
}

fn nospace(context: &Context, arguments: &[Value]) -> Output {
    let whole = bytes(arguments, 0);
    if !whole.iter().copied().any(is_space_byte) {
        return Ok(Value::text(whole));
    }
    // Byte by byte, each taken for a character: what is not ASCII does not survive, as in Go.
    let kept = whole.iter().copied().filter(|byte| !is_space_byte(*byte));
    let kept: String = kept.map(char::from).collect();
    context.budget.text(kept.len())?;
    Ok(kept.into())
}

fn initials(context: &Context, arguments: &[Value]) -> Output {
    let mut gap = true;
    let mut initials = String::new();
    for byte in bytes(arguments, 0) {
        if is_space_byte(*byte) {
            gap = true;
        } else if gap {
            initials.push(char::from(*byte));
            gap = false;
        }
    }
    context.budget.text(initials.len())?;
    Ok(initials.into())
}

/// Joins with spaces what `show` makes of each value that is not nil.
fn joined(
    context: &Context,
    arguments: &[Value],
    show: impl Fn(&Context, &Value) -> Result<Vec<u8>, Failure>,
) -> Output {
    let mut parts = Vec::new();
    for value in arguments.iter().filter(|value| !value.is_nil()) {
        let part = show(context, value)?;
        context.budget.text(part.len())?;
        parts.push(part);
    }
    let whole = parts.join(b" ".as_slice());
    context.budget.text(whole.len())?;
    Ok(whole.into())
}

fn cat(context: &Context, arguments: &[Value]) -> Output {
    joined(context, arguments, |context, value| {
        print(&context.budget, std::slice::from_ref(value))
    })
}

fn indented(
    context: &Context,
    spaces: i64,
    whole: &[u8],
    before: &str,
) -> Result<Vec<u8>, Failure> {
    let Ok(spaces) = usize::try_from(spaces) else {
        return Err(Failure::new("strings: negative Repeat count"));
    };
    let lines = whole.split(|byte| *byte == b'\n').count();
    let length = lines.saturating_mul(spaces).saturating_add(whole.len());
    context.budget.text(length)?;
    let pad = vec![b' '; spaces];
    let mut text = Vec::with_capacity(length + before.len());
    text.extend_from_slice(before.as_bytes());
    text.extend_from_slice(&pad);
    for line in whole.split_inclusive(|byte| *byte == b'\n') {
        text.extend_from_slice(line);
        if line.ends_with(b"\n") {
            text.extend_from_slice(&pad);
        }
    }
    Ok(text)
}

/// Replaces every `old` by `new`; an empty `old` stands before each character and at the end.
fn replaced(context: &Context, whole: &[u8], old: &[u8], new: &[u8]) -> Result<Vec<u8>, Failure> {
    let parts = if old.is_empty() {
        let mut parts = vec![&[][..]];
        parts.extend(characters(whole));
        parts.push(&[]);
        parts
    } else {
        split(whole, old, -1)
    };
    let joints = parts.len().saturating_sub(1);
    let joints = if old.is_empty() && whole.is_empty() {
        1
    } else {
        joints
    };
    context
        .budget
        .text(joints.saturating_mul(new.len()).saturating_add(whole.len()))?;
    if old.is_empty() && whole.is_empty() {
        return Ok(new.to_vec());
    }
    Ok(parts.join(new))
}

/// The characters of a text, invalid bytes one by one.
pub(super) fn characters(whole: &[u8]) -> Vec<&[u8]> {
    let mut characters = Vec::new();
    let mut at = 0;
    for chunk in whole.utf8_chunks() {
        let units = chunk.valid().chars().map(char::len_utf8);
        for length in units.chain(chunk.invalid().iter().map(|_| 1)) {
            characters.push(&whole[at..at + length]);
            at += length;
        }
    }
    characters
}

/// Splits as Go's `strings.SplitN` does: into at most `count` parts, all if it is negative.
pub(super) fn split<'a>(whole: &'a [u8], separator: &[u8], count: i64) -> Vec<&'a [u8]> {
    let most = match usize::try_from(count) {
        Ok(0) => return Vec::new(),
        Ok(count) => count,
        Err(_) => usize::MAX,
    };
    if separator.is_empty() {
        let mut parts = characters(whole);
        if parts.len() > most {
            let kept: usize = parts[..most - 1].iter().map(|part| part.len()).sum();
            parts.truncate(most - 1);
            parts.push(&whole[kept..]);
        }
        return parts;
    }
    let mut parts = Vec::new();
    let mut rest = whole;
    while parts.len() + 1 < most {
        let Some(at) = memmem::find(rest, separator) else {
            break;
        };
        parts.push(&rest[..at]);
        rest = &rest[at + separator.len()..];
    }
    parts.push(rest);
    parts
}

fn count_parts(context: &Context, parts: &[&[u8]]) -> Result<(), Failure> {
    context.budget.steps(parts.len())?;
    let bytes: usize = parts.iter().map(|part| part.len() + 64).sum();
    context.budget.memory(bytes)
}

/// The parts as a map `_0`, `_1` and so on.
fn numbered(context: &Context, parts: &[&[u8]]) -> Output {
    count_parts(context, parts)?;
    context.budget.map(parts.len())?;
    let entries = parts.iter().enumerate();
    let entries =
        entries.map(|(index, part)| (Text::from(format!("_{index}")), Value::text(*part)));
    Ok(Value::Map(Map::new(MapType::Text, entries.collect())))
}

/// The texts of a slice's values, nil left out; of any other value, its own text.
pub(super) fn texts(context: &Context, value: &Value) -> Result<Vec<Vec<u8>>, Failure> {
    let values = match value {
        Value::List(list) => list.items(),
        Value::Nil => &[],
        other => std::slice::from_ref(other),
    };
    context.budget.steps(values.len())?;
    let values = values.iter().filter(|value| !value.is_nil());
    values
        .map(|value| {
            let text = to_text(context, value)?;
            context.budget.memory(text.len() + 32)?;
            Ok(text)
        })
        .collect()
}

fn join(context: &Context, arguments: &[Value]) -> Output {
    let separator = bytes(arguments, 0);
    let texts = texts(context, any(arguments, 1))?;
    let length: usize = texts.iter().map(Vec::len).sum();
    let joints = texts.len().saturating_sub(1);
    context
        .budget
        .text(length.saturating_add(joints.saturating_mul(separator.len())))?;
    Ok(texts.join(separator).into())
}

fn sort_alpha(context: &Context, arguments: &[Value]) -> Output {
    let value = any(arguments, 0);
    let mut texts = texts(context, value)?;
    if value.is_nil() {
        texts.push(to_text(context, value)?);
    }
    if matches!(value, Value::List(_)) {
        texts.sort();
    }
    let items = texts.into_iter().map(Value::from).collect();
    Ok(Value::List(List::new(ListType::Text, items)))
}
