//! Functions that change the case of letters.

use std::sync::LazyLock;

use regex::Regex;

use super::arguments::{bytes, text};
use super::{Context, Function, Output, Param, fixed};
use crate::value::{Value, lossy};

pub(super) const FUNCTIONS: &[Function] = &[
    fixed("upper", &[Param::Text], |c, a| mapped(c, a, to_upper)),
    fixed("lower", &[Param::Text], |c, a| mapped(c, a, to_lower)),
    fixed("title", &[Param::Text], title),
    fixed("untitle", &[Param::Text], untitle),
    fixed("swapcase", &[Param::Text], swap_case),
    fixed("camelcase", &[Param::Text], camel_case),
    fixed("snakecase", &[Param::Text], |c, a| joined_words(c, a, '_')),
    fixed("kebabcase", &[Param::Text], |c, a| joined_words(c, a, '-')),
];

fn made(context: &Context, text: String) -> Output {
    context.budget.text(text.len())?;
    Ok(text.into())
}

/// Maps one character to one, as Go does: `ß` has no upper case of its own.
fn to_upper(c: char) -> char {
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(upper), None) => upper,
        _ => c,
    }
}

fn to_lower(c: char) -> char {
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(lower), None) => lower,
        // The one letter with two: İ, which Go maps to i.
        _ => 'i',
    }
}

/// The title case, which differs from the upper case for four digraphs.
fn to_title(c: char) -> char {
    match c {
        'Ǆ' | 'ǅ' | 'ǆ' => 'ǅ',
        'Ǉ' | 'ǈ' | 'ǉ' => 'ǈ',
        'Ǌ' | 'ǋ' | 'ǌ' => 'ǋ',
        'Ǳ' | 'ǲ' | 'ǳ' => 'ǲ',
        _ => to_upper(c),
    }
}

fn is_title(c: char) -> bool {
    matches!(c, 'ǅ' | 'ǈ' | 'ǋ' | 'ǲ')
}

fn mapped(context: &Context, arguments: &[Value], map: fn(char) -> char) -> Output {
    made(context, text(arguments, 0).chars().map(map).collect())
}

fn title(context: &Context, arguments: &[Value]) -> Output {
    let mut previous = ' ';
    let text = lossy(bytes(arguments, 0));
    let titled = text.chars().map(|c| {
        let begins = is_separator(previous);
        previous = c;
        if begins { to_title(c) } else { c }
    });
    made(context, titled.collect())
}

fn is_separator(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_alphanumeric() && c != '_';
    }
    !c.is_alphanumeric() && c.is_whitespace()
}

fn untitle(context: &Context, arguments: &[Value]) -> Output {
    let mut begins = true;
    let text = text(arguments, 0);
    let untitled = text.chars().map(|c| {
        if c.is_whitespace() {
            begins = true;
            c
        } else if std::mem::take(&mut begins) {
            to_lower(c)
        } else {
            c
        }
    });
    made(context, untitled.collect())
}

fn swap_case(context: &Context, arguments: &[Value]) -> Output {
    let mut after_space = true;
    let text = text(arguments, 0);
    let swapped = text.chars().map(|c| {
        if c.is_uppercase() || is_title(c) {
            after_space = false;
            to_lower(c)
        } else if c.is_lowercase() {
            if std::mem::take(&mut after_space) {
                to_title(c)
            } else {
                to_upper(c)
            }
        } else {
            after_space = c.is_whitespace();
            c
        }
    });
    made(context, swapped.collect())
}

/// What parts words: hyphen, underscore, space.
fn is_connector(c: char) -> bool {
    c == '-' || c == '_' || c.is_whitespace()
}

fn camel_case(context: &Context, arguments: &[Value]) -> Output {
    let text = text(arguments, 0);
    let mut chars = text.chars().peekable();
    let mut out = String::with_capacity(text.len());
    // Connectors at the start stay.
    let mut current = None;
    while let Some(c) = chars.next() {
        if !is_connector(c) {
            current = Some(to_upper(c));
            break;
        }
        if chars.peek().is_none() {
            // A text of nothing else: the last one is written once more, as in the original.
            out.push(c);
            current = Some(c);
            break;
        }
        out.push(c);
    }
    let Some(mut current) = current else {
        return made(context, out);
    };
    for next in chars {
        let previous = std::mem::replace(&mut current, next);
        if is_connector(current) && is_connector(previous) {
            out.push(previous);
            continue;
        }
        if is_connector(previous) {
            current = to_upper(current);
        } else {
            current = to_lower(current);
            out.push(previous);
        }
    }
    out.push(current);
    made(context, out)
}

/// Kinds of words in the sense of `kebabcase` and `snakecase`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    None,
    Number,
    UpperCase,
    Alphabet,
    Connector,
    Punctuation,
    Other,
}

static PUNCTUATION: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^\p{P}$").ok());

fn is_punctuation(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_punctuation() && !"$+<=>^`|~".contains(c);
    }
    let buffer = &mut [0; 4];
    let text: &str = c.encode_utf8(buffer);
    PUNCTUATION
        .as_ref()
        .is_some_and(|regex| regex.is_match(text))
}

/// Letters but for Chinese characters, which are words of their own.
fn is_alphabet(c: char) -> bool {
    let ideograph = matches!(
        c,
        '\u{4e00}'..='\u{9fcc}' | '\u{3400}'..='\u{4d85}' | '\u{20000}'..='\u{2b81d}'
    );
    c.is_alphabetic() && !ideograph
}

/// Reads the word that a text begins with, and gives what follows it.
fn next_word(text: &[char]) -> (Word, &[char], &[char]) {
    let Some(first) = text.first().copied() else {
        return (Word::None, &[], &[]);
    };
    let run = |from: usize, belongs: &dyn Fn(char) -> bool| {
        let rest = &text[from.min(text.len())..];
        from + rest.iter().take_while(|c| belongs(**c)).count()
    };
    let (word, length) = if is_connector(first) {
        (Word::Connector, run(1, &is_connector))
    } else if is_punctuation(first) {
        (Word::Punctuation, run(1, &is_punctuation))
    } else if first.is_uppercase() {
        (Word::UpperCase, upper_word(text))
    } else if is_alphabet(first) {
        let belongs = |c: char| is_alphabet(c) && !c.is_uppercase();
        (Word::Alphabet, run(1, &belongs))
    } else if first.is_numeric() {
        (Word::Number, run(1, &char::is_numeric))
    } else {
        let belongs =
            |c: char| !(is_connector(c) || is_alphabet(c) || c.is_numeric() || is_punctuation(c));
        (Word::Other, run(1, &belongs))
    };
    let (read, rest) = text.split_at(length);
    (word, read, rest)
}

/// Length of a word that begins with an upper-case letter: `Status`, or `HTTP` of `HTTPStatus`.
fn upper_word(text: &[char]) -> usize {
    let uppers = text.iter().take_while(|c| c.is_uppercase()).count();
    let after = text.get(uppers).copied();
    if uppers > 1 {
        return uppers - usize::from(after.is_some_and(is_alphabet));
    }
    let rest = text[1..].iter();
    1 + rest
        .take_while(|c| is_alphabet(**c) && !c.is_uppercase())
        .count()
}

fn push_word(out: &mut String, word: Word, text: &[char], connector: char) {
    if !matches!(word, Word::UpperCase | Word::Connector) {
        out.extend(text);
        return;
    }
    for c in text {
        out.push(if is_connector(*c) {
            connector
        } else if c.is_uppercase() {
            to_lower(*c)
        } else {
            *c
        });
    }
}

fn joined_words(context: &Context, arguments: &[Value], connector: char) -> Output {
    let text: Vec<char> = text(arguments, 0).chars().collect();
    context.budget.memory(text.len() * 4)?;
    let mut out = String::with_capacity(text.len() + 8);
    let (mut kind, mut word, mut rest) = next_word(&text);
    let joins = |kind| !matches!(kind, Word::Connector | Word::Punctuation);
    while !rest.is_empty() {
        if kind != Word::Connector {
            push_word(&mut out, kind, word, connector);
        }
        let (previous, last) = (kind, word);
        (kind, word, rest) = next_word(rest);
        match previous {
            Word::Number => {
                while matches!(kind, Word::Alphabet | Word::Number) {
                    push_word(&mut out, kind, word, connector);
                    (kind, word, rest) = next_word(rest);
                }
                if kind != Word::None && joins(kind) {
                    out.push(connector);
                }
            }
            Word::Connector => push_word(&mut out, previous, last, connector),
            Word::Punctuation => {}
            _ if kind != Word::Number => {
                if joins(kind) {
                    out.push(connector);
                }
            }
            _ if rest.is_empty() => {}
            _ => {
                let number = word;
                (kind, word, rest) = next_word(rest);
                if kind != Word::Alphabet {
                    // A number belongs to the word before it: `bld4_floor`.
                    push_word(&mut out, Word::Number, number, connector);
                    if joins(kind) {
                        out.push(connector);
                    }
                    continue;
                }
                // Small letters after a number make it a word of its own: `http_2xx`.
                out.push(connector);
                push_word(&mut out, Word::Number, number, connector);
                while matches!(kind, Word::Alphabet | Word::Number) {
                    push_word(&mut out, kind, word, connector);
                    (kind, word, rest) = next_word(rest);
                }
                if kind != Word::None && joins(kind) {
                    out.push(connector);
                }
            }
        }
    }
    push_word(&mut out, kind, word, connector);
    made(context, out)
}
