//! `wrap` and `wrapWith`.

use memchr::memmem;

use super::arguments::{bytes, int};
use super::{Context, Function, Output, Param, fixed};
use crate::budget::Failure;
use crate::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    fixed("wrap", &[Param::Int, Param::Text], |c, a| {
        wrapped(c, bytes(a, 1), int(a, 0), b"", false)
    }),
    fixed(
        "wrapWith",
        &[Param::Int, Param::Text, Param::Text],
        |c, a| wrapped(c, bytes(a, 2), int(a, 0), bytes(a, 1), true),
    ),
];

/// Breaks a text into lines of at most `width` bytes, at spaces where it can. Words that are
/// longer are broken only if `breaks_words`.
fn wrapped(
    context: &Context,
    whole: &[u8],
    width: i64,
    separator: &[u8],
    breaks_words: bool,
) -> Output {
    if whole.is_empty() {
        return Ok("".into());
    }
    let separator = if separator.is_empty() {
        b"\n"
    } else {
        separator
    };
    let width = usize::try_from(width.max(1)).unwrap_or(usize::MAX);
    let mut out = Vec::with_capacity(whole.len());
    let mut rest = whole;
    let mut line = |part: &[u8]| -> Result<(), Failure> {
        if out.len() + part.len() + separator.len() > context.budget.max_bytes() {
            return Err(context.budget.too_long());
        }
        out.extend_from_slice(part);
        out.extend_from_slice(separator);
        Ok(())
    };
    while rest.len() > width {
        if let Some(tail) = rest.strip_prefix(b" ") {
            rest = tail;
        } else if let Some(space) = rest[..=width].iter().rposition(|byte| *byte == b' ') {
            line(&rest[..space])?;
            rest = &rest[space + 1..];
        } else if breaks_words {
            line(&rest[..width])?;
            rest = &rest[width..];
        } else if let Some(space) = memmem::find(&rest[width..], b" ") {
            line(&rest[..width + space])?;
            rest = &rest[width + space + 1..];
        } else {
            break;
        }
    }
    out.extend_from_slice(rest);
    context.budget.text(out.len())?;
    Ok(Value::from(out))
}
