//! Sprig's functions over regular expressions.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use regex::bytes::{Captures, Match, Regex, RegexBuilder};

use super::arguments::{bytes, int, text};
use super::regex_syntax::translate;
use super::{Context, Function, Output, Param, fixed};
use crate::budget::Failure;
use crate::value::{List, ListType, Value};

const TWO: &[Param] = &[Param::Text, Param::Text];
const COUNTED: &[Param] = &[Param::Text, Param::Text, Param::Int];
const THREE: &[Param] = &[Param::Text, Param::Text, Param::Text];

pub(super) const FUNCTIONS: &[Function] = &[
    fixed("regexMatch", TWO, |c, a| match is_match(c, a) {
        Err(Failure::Message(_)) => Ok(Value::Bool(false)),
        other => other,
    }),
    fixed("mustRegexMatch", TWO, is_match),
    fixed("regexFind", TWO, |c, a| panics(find(c, a))),
    fixed("mustRegexFind", TWO, find),
    fixed("regexFindAll", COUNTED, |c, a| panics(find_all(c, a))),
    fixed("mustRegexFindAll", COUNTED, find_all),
    fixed("regexReplaceAll", THREE, |c, a| {
        panics(replace_all(c, a, expand))
    }),
    fixed("mustRegexReplaceAll", THREE, |c, a| {
        replace_all(c, a, expand)
    }),
    fixed("regexReplaceAllLiteral", THREE, |c, a| {
        panics(replace_all(c, a, literal))
    }),
    fixed("mustRegexReplaceAllLiteral", THREE, |c, a| {
        replace_all(c, a, literal)
    }),
    fixed("regexSplit", COUNTED, |c, a| panics(split(c, a))),
    fixed("mustRegexSplit", COUNTED, split),
    fixed("regexQuoteMeta", &[Param::Text], quote_meta),
];

/// Longest expression.
const MAX_PATTERN: usize = 10_000;
/// Greatest size of a compiled expression: large enough for anything sensible.
const MAX_COMPILED: usize = 1 << 20;
/// Longest text that expressions are matched against.
const MAX_HAYSTACK: usize = 1 << 20;
/// What compiling an expression counts as, in bytes of memory.
const COMPILE_COST: usize = 64 << 10;
/// Bytes times bytes of expression that count as one step.
const BYTES_PER_STEP: usize = 512;

/// The expressions compiled in one render.
#[derive(Debug, Default)]
pub(super) struct Cache(RefCell<HashMap<String, Rc<Regex>>>);

fn compiled(context: &Context, pattern: &str) -> Result<Rc<Regex>, Failure> {
    if let Some(regex) = context.regexes.0.borrow().get(pattern) {
        return Ok(Rc::clone(regex));
    }
    if pattern.len() > MAX_PATTERN {
        let message = format!("regular expression longer than {MAX_PATTERN} bytes");
        return Err(Failure::Limit(message));
    }
    context.budget.memory(COMPILE_COST + pattern.len() * 64)?;
    let translated = translate(pattern).map_err(Failure::new)?;
    let regex = RegexBuilder::new(&translated)
        .size_limit(MAX_COMPILED)
        .dfa_size_limit(MAX_COMPILED)
        .nest_limit(250)
        .build();
    let regex = match regex {
        Ok(regex) => Rc::new(regex),
        Err(regex::Error::CompiledTooBig(_)) => {
            return Err(Failure::Limit("regular expression too large".to_owned()));
        }
        Err(_) => {
            let message = format!("error parsing regexp: not supported: `{pattern}`");
            return Err(Failure::new(message));
        }
    };
    let mut cache = context.regexes.0.borrow_mut();
    cache.insert(pattern.to_owned(), Rc::clone(&regex));
    Ok(regex)
}

/// The expression and the text of a call, which is counted.
fn prepared<'a>(
    context: &Context,
    arguments: &'a [Value],
) -> Result<(Rc<Regex>, &'a [u8]), Failure> {
    let pattern = text(arguments, 0);
    let regex = compiled(context, &pattern)?;
    let haystack = bytes(arguments, 1);
    if haystack.len() > MAX_HAYSTACK {
        let message = format!("regular expression on more than {MAX_HAYSTACK} bytes");
        return Err(Failure::Limit(message));
    }
    let work = haystack.len().saturating_mul(pattern.len() + 16);
    context.budget.steps(1 + work / BYTES_PER_STEP)?;
    Ok((regex, haystack))
}

/// All matches, but for empty ones in the middle of a character.
fn matches<'h>(regex: &Regex, haystack: &'h [u8]) -> impl Iterator<Item = Match<'h>> {
    let found = regex.find_iter(haystack);
    found.filter(|found| !within_character(haystack, found))
}

fn within_character(haystack: &[u8], found: &Match<'_>) -> bool {
    let next = haystack.get(found.start());
    found.is_empty() && next.is_some_and(|byte| byte & 0xc0 == 0x80)
}

/// The functions without `must` panic on a wrong expression.
fn panics(output: Output) -> Output {
    output.map_err(|failure| match failure {
        Failure::Message(message) => Failure::Message(format!("regexp: Compile: {message}")),
        limit @ Failure::Limit(_) => limit,
    })
}

fn is_match(context: &Context, arguments: &[Value]) -> Output {
    let (regex, haystack) = prepared(context, arguments)?;
    Ok(Value::Bool(regex.is_match(haystack)))
}

fn find(context: &Context, arguments: &[Value]) -> Output {
    let (regex, haystack) = prepared(context, arguments)?;
    let found = regex
        .find(haystack)
        .map_or(&[][..], |found| found.as_bytes());
    Ok(Value::text(found))
}

fn find_all(context: &Context, arguments: &[Value]) -> Output {
    let (regex, haystack) = prepared(context, arguments)?;
    let most = usize::try_from(int(arguments, 2)).unwrap_or(usize::MAX);
    let mut found = Vec::new();
    for part in matches(&regex, haystack).take(most) {
        context.budget.clock()?;
        context.budget.memory(part.len() + 48)?;
        found.push(Value::text(part.as_bytes()));
    }
    if found.is_empty() {
        return Ok(Value::List(List::nil(ListType::Text)));
    }
    Ok(Value::List(List::new(ListType::Text, found)))
}

type Replacement = fn(&Regex, &Captures<'_>, &[u8], &mut Vec<u8>);

fn replace_all(context: &Context, arguments: &[Value], replace: Replacement) -> Output {
    let (regex, haystack) = prepared(context, arguments)?;
    let template = bytes(arguments, 2);
    let mut out = Vec::with_capacity(haystack.len());
    let mut copied = 0;
    for captures in regex.captures_iter(haystack) {
        context.budget.clock()?;
        let Some(whole) = captures
            .get(0)
            .filter(|found| !within_character(haystack, found))
        else {
            continue;
        };
        out.extend_from_slice(&haystack[copied..whole.start()]);
        copied = whole.end();
        replace(&regex, &captures, template, &mut out);
        if out.len() > context.budget.max_bytes() {
            return Err(context.budget.too_long());
        }
        context.budget.steps(1 + template.len() / 64)?;
    }
    out.extend_from_slice(&haystack[copied..]);
    context.budget.text(out.len())?;
    Ok(out.into())
}

fn literal(_: &Regex, _: &Captures<'_>, template: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(template);
}

/// Puts groups in for `$1`, `${1}`, `$name` and `${name}`; `$$` is a dollar.
fn expand(regex: &Regex, captures: &Captures<'_>, template: &[u8], out: &mut Vec<u8>) {
    let mut rest = template;
    while let Some(at) = rest.iter().position(|byte| *byte == b'$') {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(tail) = rest.strip_prefix(b"$") {
            out.push(b'$');
            rest = tail;
            continue;
        }
        let Some((name, tail)) = reference(rest) else {
            out.push(b'$');
            continue;
        };
        rest = tail;
        let group = match name.parse::<usize>() {
            Ok(number) => captures.get(number),
            Err(_) => regex
                .capture_names()
                .position(|known| known == Some(name))
                .and_then(|number| captures.get(number)),
        };
        if let Some(group) = group {
            out.extend_from_slice(group.as_bytes());
        }
    }
    out.extend_from_slice(rest);
}

/// Reads the name of a group behind a dollar, and gives what follows it.
fn reference(text: &[u8]) -> Option<(&str, &[u8])> {
    let word = |text: &[u8]| {
        let valid = text.utf8_chunks().next().map_or("", |chunk| chunk.valid());
        let end = valid.find(|c: char| !c.is_alphanumeric() && c != '_');
        end.unwrap_or(valid.len())
    };
    let (name, rest) = match text.strip_prefix(b"{") {
        Some(braced) => {
            let length = word(braced);
            (&braced[..length], braced[length..].strip_prefix(b"}")?)
        }
        None => text.split_at(word(text)),
    };
    let name = std::str::from_utf8(name).ok()?;
    (!name.is_empty()).then_some((name, rest))
}

fn split(context: &Context, arguments: &[Value]) -> Output {
    let (regex, haystack) = prepared(context, arguments)?;
    let count = int(arguments, 2);
    if count == 0 {
        return Ok(Value::List(List::nil(ListType::Text)));
    }
    let most = usize::try_from(count).unwrap_or(usize::MAX);
    let mut parts = Vec::new();
    if !arguments
        .first()
        .is_none_or(|_| text(arguments, 0).is_empty())
        && haystack.is_empty()
    {
        return Ok(Value::List(List::texts([""])));
    }
    let (mut begin, mut end) = (0, 0);
    for found in matches(&regex, haystack).take(most) {
        context.budget.clock()?;
        if parts.len() + 1 == most {
            break;
        }
        end = found.start();
        if found.end() != 0 {
            parts.push(&haystack[begin..end]);
            context.budget.memory(end - begin + 48)?;
        }
        begin = found.end();
    }
    if end != haystack.len() {
        parts.push(&haystack[begin..]);
    }
    Ok(Value::List(List::texts(parts)))
}

fn quote_meta(context: &Context, arguments: &[Value]) -> Output {
    let mut quoted = Vec::new();
    for byte in bytes(arguments, 0) {
        if br"\.+*?()|[]{}^$".contains(byte) {
            quoted.push(b'\\');
        }
        quoted.push(*byte);
    }
    context.budget.text(quoted.len())?;
    Ok(quoted.into())
}
